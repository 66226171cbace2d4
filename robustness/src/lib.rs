//! What the fuzz targets of `fuzz/` do with the octets that they are given.
//!
//! Each function takes any octets at all and panics if something does not hold: so libFuzzer finds what breaks it, and
//! `tests/replay.rs` shows with every `cargo test` that nothing in the committed corpora does. None of this is part of
//! the program.

mod bfd;
pub mod codec;
mod dump;
mod mentioned;
mod netlink;
mod rib;
mod session;
mod text;

use std::fmt;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its binary in `fuzz/fuzz_targets` and of its corpus in `fuzz/corpus`.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&[u8]),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    Target { name: "message", run: codec::message },
    Target { name: "attributes", run: codec::attributes },
    Target { name: "routes", run: codec::routes },
    Target { name: "capabilities", run: codec::capabilities },
    Target { name: "framing", run: codec::framing },
    Target { name: "bfd", run: bfd::bfd },
    Target { name: "netlink", run: netlink::netlink },
    Target { name: "session", run: session::session },
    Target { name: "rib", run: rib::rib },
    Target { name: "configuration", run: text::configuration },
    Target { name: "as_path_expression", run: text::as_path_expression },
    Target { name: "prefix_list", run: text::prefix_list },
    Target { name: "route_text", run: text::route_text },
    Target { name: "mrt", run: dump::mrt },
    Target { name: "control_request", run: text::control_request },
    Target { name: "control_reply", run: text::control_reply },
];

/// The messages that a target of the codec makes of an input; none if it makes something else.
pub fn messages(name: &str, octets: &[u8]) -> Vec<codec::Received> {
    match name {
        "message" => codec::message_frames(octets),
        "attributes" => codec::attributes_frames(octets),
        "routes" => codec::routes_frames(octets),
        _ => Vec::new(),
    }
}

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or if what it checks does not hold.
pub fn run(name: &str, octets: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no fuzz target {name}")).run)(octets);
}
