//! The fuzz target `as_path_expression`; what it does is in `robustness`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| nva_robustness::run("as_path_expression", octets));
