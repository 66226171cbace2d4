//! The layers L0 to L3 compute: no I/O, no clock, no threads, no locks, no randomness without a seed.
//!
//! Their tests may read files and the like; that no test sleeps is a check of its own.

use proc_macro2::TokenTree;

use super::Finding;
use super::layers::{self, HIGHEST_PURE_LAYER};
use super::paths;
use super::source::{Tree, each_token};

/// What may not be named, and why. A rule covers everything under its path.
const FORBIDDEN: &[(&str, &str)] = &[
    ("std::time::Instant", "reads the clock: take `now: net::Instant`"),
    ("std::time::SystemTime", "reads the clock"),
    ("std::net::TcpStream", "does I/O"),
    ("std::net::TcpListener", "does I/O"),
    ("std::net::UdpSocket", "does I/O"),
    ("std::net::ToSocketAddrs", "asks the resolver"),
    ("std::os", "is the operating system's"),
    ("std::fs", "does I/O"),
    ("std::io", "does I/O"),
    ("std::env", "reads the environment"),
    ("std::process", "is the operating system's"),
    ("std::thread", "makes threads"),
    ("std::sync::Mutex", "locks"),
    ("std::sync::RwLock", "locks"),
    ("std::sync::Condvar", "locks"),
    ("std::sync::Barrier", "locks"),
    ("std::sync::mpsc", "is a channel"),
    ("std::sync::atomic", "shares mutable state"),
    ("aya", "is the kernel's"),
    ("futures", "is asynchronous"),
    ("libc", "is the operating system's"),
    ("netlink_packet_core", "belongs to kernel/"),
    ("netlink_packet_route", "belongs to kernel/"),
    ("netlink_sys", "does I/O"),
    ("nix", "is the operating system's"),
    ("rtnetlink", "does I/O"),
    ("serde_json", "belongs to control/"),
    ("socket2", "does I/O"),
    ("tokio", "does I/O"),
    ("tracing", "does I/O: hand out an event instead"),
    ("fastrand::Rng::new", "is random without a seed"),
    ("fastrand::Rng::default", "is random without a seed"),
];

const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Finds what is not pure in the pure layers.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        let Some(module_path) = layers::module_path(file) else { continue };
        let Some(module) = module_path.first().and_then(|name| layers::find(name)) else { continue };
        if module.layer > HIGHEST_PURE_LAYER {
            continue;
        }
        let mut add = |line: usize, what: &str, why: &str| {
            if !rust.is_test(line) {
                let message = format!("`{what}` {why}, and `{}` is pure (L{})", module.name, module.layer);
                findings.push(Finding::new(&file.path, line, message));
            }
        };
        for path in paths::all(rust, &module_path) {
            if let Some((what, why)) = complaint(&path.segments) {
                add(path.line, &what, why);
            }
        }
        each_token(&rust.tokens, &mut |rest| {
            if let [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(_), ..] = rest
                && bang.as_char() == '!'
                && PRINTING.iter().any(|printing| name == printing)
            {
                add(name.span().start().line, &format!("{name}!"), "does I/O");
            }
        });
    }
    findings
}

fn complaint(segments: &[String]) -> Option<(String, &'static str)> {
    // `core` and `alloc` have nothing that is forbidden.
    let path = segments.join("::");
    // A crate's name alone may be a variable's or a field's; only with what follows is it a path.
    let is_path = segments.len() > 1;
    let rule = FORBIDDEN.iter().find(|(forbidden, _)| {
        let under = path.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let everything =
            path.strip_suffix("::*").is_some_and(|all| forbidden.starts_with(&format!("{all}::")) && all != "std");
        is_path && (under || everything)
    });
    if let Some((_, why)) = rule {
        return Some((path, why));
    }
    // `fastrand::u32(..)` and its like draw from a generator that seeds itself.
    let [first, second, ..] = segments else { return None };
    let draws = first == "fastrand" && second.starts_with(|c: char| c.is_ascii_lowercase());
    draws.then_some((path, "is random without a seed"))
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&one(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_clocks_locks_and_io() {
        let pure = "nva-userspace/src/speaker/mod.rs";
        assert_eq!(lines(pure, "use std::time::{Duration,\n    Instant};\n"), [2]);
        assert_eq!(lines(pure, "use std::time;\nfn f() -> X { time::SystemTime::now() }\n"), [2]);
        assert_eq!(lines(pure, "use std::sync::{Arc, RwLock};\n"), [1]);
        assert_eq!(lines(pure, "use std::sync::*;\n"), [1]);
        assert_eq!(lines(pure, "use std::fs::File;\n"), [1]);
        assert_eq!(lines(pure, "fn f() { tokio::spawn(x); }\n"), [1]);
        assert_eq!(lines(pure, "fn f() { println!(\"x\"); }\n"), [1]);
        assert_eq!(lines(pure, "fn f() { fastrand::u8(..); }\n"), [1]);
        assert_eq!(lines(pure, "use fastrand::Rng;\nfn f() {\n    Rng::new();\n}\n"), [3]);
    }

    #[test]
    fn leaves_pure_code_tests_and_upper_layers_alone() {
        let text = "use std::net::{IpAddr, Ipv4Addr};\nuse std::sync::Arc;\nuse std::time::Duration;\nuse crate::net::Instant;\n\
            use fastrand::Rng;\nfn f(futures: u8) { Rng::with_seed(1); Instant::ZERO; futures; }\n";
        assert!(lines("nva-userspace/src/fsm/mod.rs", text).is_empty());
        let tests = "#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn f() { println!(\"x\") }\n}\n";
        assert!(lines("nva-userspace/src/packet/mod.rs", tests).is_empty());
        assert!(lines("nva-userspace/src/daemon/mod.rs", "use std::time::Instant;\n").is_empty());
        assert!(lines("tests/src/lib.rs", "use std::time::Instant;\n").is_empty());
    }
}
