//! The fuzz target `attributes`; what it does is in `robustness`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| nva_robustness::run("attributes", octets));
