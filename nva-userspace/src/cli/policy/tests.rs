//! The command as a whole, on files that the tests write.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::cli::args::{Args, Command};
use crate::mrt::fixtures::{attributes, entries, index, message};

const CONFIGURATION: &str = r#"[router]
asn = 65000
router-id = "10.13.76.84"

[[policy]]
name = "clean"
[[policy.statement]]
match = { communities = "blackhole" }
then = { accept = false }
[[policy.statement]]
then = { remove-communities = ["65000:*"] }

[[policy]]
name = "in"
[[policy.statement]]
then = { call = "clean" }
[[policy.statement]]
name = "leaves"
match = { as-path = "^6510[0-9]_" }
then = { local-pref = 200, add-communities = ["65000:1:2"], accept = true }

[[policy]]
name = "out"
[[policy.statement]]
match = { source = "local", to = "group servers" }
then = { accept = true }
[[policy.statement]]
match = { source = "group leaves" }
then = { next-hop = "keep", prepend = 1, accept = true }

[[peer-group]]
name = "servers"
[[peer-group]]
name = "leaves"
listen = ["10.13.76.96/28"]
asn = "65100-65109"
import = ["in"]

[[peer]]
name = "nva0"
group = "leaves"
address = "10.13.76.100"

[[peer]]
name = "rs0"
group = "servers"
address = "10.13.76.4"
asn = 65515
export = ["out"]

[[peer]]
name = "hub1"
address = "10.13.76.85"
asn = 65000

[[policy]]
name = "prefer"
[[policy.statement]]
match = { local-pref = ">= 300" }
then = { accept = true }
"#;

struct Scene(TempDir);

impl Scene {
    fn new() -> Scene {
        let scene = Scene(TempDir::new().expect("a directory"));
        scene.write("nva.toml", CONFIGURATION.as_bytes());
        scene
    }

    fn write(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, octets).expect("written");
        path
    }

    /// What the command prints, and whether it fails in the end.
    fn run(&self, words: &[&str]) -> (String, Result<(), String>) {
        let config = self.0.path().join("nva.toml");
        let all = [&["nva", "policy", "test", "-c", config.to_str().expect("text")], words].concat();
        let Command::Policy { command: PolicyCommand::Test(test) } = Args::try_parse_from(all).expect("words").command
        else {
            panic!("another command");
        };
        let mut out = Vec::new();
        let result = run(&test, &mut out).map_err(|error| crate::cli::exit::message(&error));
        (String::from_utf8(out).expect("text"), result)
    }

    fn prints(&self, words: &[&str]) -> String {
        let (out, result) = self.run(words);
        assert_eq!(result, Ok(()), "{words:?}");
        out
    }
}

#[test]
fn says_what_held_who_decided_and_what_came_out() {
    let scene = Scene::new();
    let route = r#"10.0.0.0/24 path "65101 65102" next-hop 10.13.76.101 community "65000:7 1:1" med 5"#;
    assert_eq!(
        scene.prints(&["-p", "in", "--route", route]),
        "10.0.0.0/24 path \"65101 65102\" next-hop 10.13.76.101 med 5 community \"1:1 65000:7\"\n\
         \x20 policy in, statement 1 (line 15): calls clean\n\
         \x20   policy clean, statement 2 (line 10): community: 1:1 65000:7 → 1:1\n\
         \x20 policy in, statement leaves (line 17): local-pref: none → 200; large: none → 65000:1:2\n\
         accept: policy in, statement leaves (line 17)\n\
         \x20 community: 1:1 65000:7 → 1:1\n\
         \x20 local-pref: none → 200\n\
         \x20 large: none → 65000:1:2\n"
    );
    let reject = scene.prints(&["-p", "in", "-r", "10.0.0.0/24 path 65101 community blackhole", "-r", "::/0"]);
    assert!(reject.contains("\nreject: policy clean, statement 1 (line 7)\n\n::/0\n"), "{reject}");
    assert!(reject.ends_with("reject: no statement matched (default: reject, RFC 8212)\n"), "{reject}");
}

#[test]
fn a_peer_brings_its_policies_and_is_who_sends_or_receives() {
    let scene = Scene::new();
    let import = scene.prints(&["--peer", "nva0", "-r", "10.0.0.0/24 path 65109"]);
    assert!(import.contains("accept: policy in, statement leaves"), "{import}");
    let member = scene.prints(&["--peer", "leaves", "-r", "10.0.0.0/24 path 65109"]);
    assert!(member.contains("accept: policy in, statement leaves"), "{member}");
    let export = |route: &str| scene.prints(&["--peer", "rs0", "--direction", "export", "-r", route]);
    let own = export("100.0.0.200/32 local");
    assert!(own.contains("accept: policy out, statement 1 (line 24)\n  next-hop: auto: our own address"), "{own}");
    let leaf = export("100.0.0.100/32 path 65100 peer nva0");
    assert!(leaf.contains("\n  path: 65100 → 65000 65100\n  next-hop: keep: 10.13.76.100\n"), "{leaf}");
    let echo = export("100.0.0.100/32 path 65100 next-hop 10.13.76.4 peer nva0");
    assert!(echo.contains("next-hop: keep: 10.13.76.4, the receiving peer itself: withheld"), "{echo}");
    let other = export("100.0.0.100/32 path 65100");
    assert!(other.contains("reject: no statement matched"), "{other}");
}

/// What the daemon's policies do not see, or do not let pass, these do not either.
#[test]
fn what_is_lost_at_the_border_is_lost() {
    let scene = Scene::new();
    let prefer = |peer: &[&str], route: &str| scene.prints(&[peer, &["-p", "prefer", "-r", route]].concat());
    let preferred = "10.0.0.0/24 path 65100 local-pref 300";
    for (peer, route, outcome) in [
        (&[][..], preferred, "accept: policy prefer"),
        (&["--peer", "nva0"], preferred, "reject: no statement matched (default: reject, RFC 8212)"),
        (&["--peer", "hub1"], preferred, "accept: policy prefer"),
        (&["--peer", "hub1"], "10.0.0.0/24", "reject: no statement matched (default: reject, RFC 8212)"),
    ] {
        let said = prefer(peer, route);
        assert!(said.contains(outcome), "{peer:?} {said}");
    }
    let told =
        scene.prints(&["--peer", "rs0", "--direction", "export", "-r", "10.0.0.0/24 path 65100 peer nva0 med 50"]);
    assert!(told.contains("\n  med: 50 → none\n"), "{told}");
}

#[test]
fn json_has_the_same() {
    let scene = Scene::new();
    let out = scene.prints(&["-p", "in", "--json", "-r", "10.0.0.0/24 path 65101", "-r", "10.0.0.0/8 path 9"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["outcome"], "accept");
    assert_eq!(lines[0]["line"], 17);
    assert_eq!(lines[0]["changes"][0]["after"], "200");
    assert_eq!(lines[0]["steps"].as_array().map(Vec::len), Some(3));
    assert_eq!(lines[0]["steps"][0]["calls"], "clean");
    assert_eq!((&lines[1]["outcome"], &lines[1]["line"]), (&"reject".into(), &Value::Null));
}

#[test]
fn what_is_expected_decides_about_success() {
    let scene = Scene::new();
    let (good, bad) = ("10.0.0.0/24 path 65101", "10.0.0.0/24 path 9");
    for (expected, routes, result) in [
        ("accept", vec![good, good], Ok(())),
        ("accept", vec![good, bad], Err("1 of the routes rejected, all expected to be accepted")),
        ("reject", vec![bad], Ok(())),
        ("reject", vec![good, bad, good], Err("2 of the routes accepted, all expected to be rejected")),
    ] {
        let mut words = vec!["-p", "in", "--expect", expected];
        routes.iter().for_each(|route| words.extend(["-r", *route]));
        let (_, found) = scene.run(&words);
        assert_eq!(found.as_ref().map_err(String::as_str), result.as_ref().map(|()| &()).map_err(|error| *error));
    }
}

#[test]
fn mistakes_are_said() {
    let scene = Scene::new();
    for (words, message) in [
        (&["-p", "nothing", "-r", "::/0"][..], "no policy named \"nothing\": there are clean, in, out"),
        (&["--peer", "nobody", "-r", "::/0"], "no peer named \"nobody\": there are nva0, rs0, hub1, leaves"),
        (&["-p", "in", "-r", "10.0.0.0/8 way 1"], "--route \"10.0.0.0/8 way 1\": column 12: \"way\" is no word"),
        (&["-p", "in", "-r", "10.0.0.0/8 peer nobody"], "no peer named \"nobody\""),
        (&["--peer", "nva0", "-r", "10.0.0.0/8 peer rs0"], "`peer rs0` is not the peer that the routes come from"),
        (&["--peer", "nva0", "-r", "10.0.0.0/8 local"], "a route of our own comes from no peer"),
        (&["-p", "in", "--mrt", "/nonexistent"], "cannot read /nonexistent: No such file"),
    ] {
        let (_, result) = scene.run(words);
        let error = result.expect_err("a mistake");
        assert!(error.contains(message), "{error}");
    }
}

/// Routes from nva0 and somebody else, and what is not read.
fn table() -> Vec<u8> {
    let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
    let of = |path: &[u32]| attributes(path, "192.0.2.1");
    [
        index(&[("10.13.76.100", 65100), ("192.0.2.1", 9)]),
        entries("10.0.0.0/8", false, &[(0, of(&[65100])), (1, of(&[9]))]),
        entries("10.1.0.0/16", false, &[(0, of(&[65101, 7])), (1, vec![0x40, 1, 1, 9])]),
        message(4, &keepalive),
    ]
    .concat()
}

#[test]
fn a_file_is_summed_up_however_it_is_compressed() {
    let scene = Scene::new();
    let gzip = |octets: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(octets).and_then(|()| out.finish()).expect("compressed")
    };
    let bzip2 = |octets: &[u8]| {
        let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        out.write_all(octets).and_then(|()| out.finish()).expect("compressed")
    };
    let half = table().len() / 2;
    let two_members = [gzip(&table()[..half]), gzip(&table()[half..])].concat();
    for octets in [table(), gzip(&table()), bzip2(&table()), two_members] {
        let file = scene.write("table", &octets);
        let out = scene.prints(&["-p", "in", "--mrt", file.to_str().expect("text")]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            out.lines().map(words).collect::<Vec<_>>(),
            [
                "Outcome Routes Decided by Line",
                "accept 2 policy in, statement leaves 17",
                "reject 1 no statement matched (default: reject, RFC 8212) -",
                "",
                "4 records: 2 routes accepted, 1 rejected",
                "malformed, once: ORIGIN at offset 23: 9 is not an origin (treated as withdraw)",
                "skipped, once: a message that is no UPDATE",
            ]
        );
    }
}

#[test]
fn a_file_route_by_route_and_as_json() {
    let scene = Scene::new();
    let file = scene.write("table", &table());
    let file = file.to_str().expect("text");
    let out = scene.prints(&["-p", "in", "--mrt", file, "--verbose"]);
    let first = "10.0.0.0/8 path 65100 next-hop 192.0.2.1 peer nva0: accept: policy in, statement leaves; \
                 local-pref: none → 200; large: none → 65000:1:2";
    assert_eq!(out.lines().next(), Some(first));
    let out = scene.prints(&["-p", "in", "--mrt", file, "--verbose", "--json"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[3]["accepted"], &lines[3]["rejected"], &lines[3]["records"]), (&2.into(), &1.into(), &4.into()));
    assert_eq!(lines[3]["skipped"]["a message that is no UPDATE"], 1);
    let (_, result) = scene.run(&["-p", "in", "--mrt", file, "--expect", "accept"]);
    assert_eq!(result, Err("1 of the routes rejected, all expected to be accepted".to_owned()));
}

/// A pipeline is not to take a file for good of which nothing, or not everything, was looked at.
#[test]
fn an_expectation_needs_routes_and_nothing_malformed() {
    let scene = Scene::new();
    let peers = index(&[("10.13.76.100", 65100)]);
    let good = entries("10.0.0.0/8", false, &[(0, attributes(&[65100], "192.0.2.1"))]);
    let no_origin = entries("10.1.0.0/16", false, &[(0, attributes(&[65100], "192.0.2.1")[4..].to_vec())]);
    let no_such_peer = entries("10.1.0.0/16", false, &[(7, attributes(&[65100], "192.0.2.1"))]);
    let without_flags = [&attributes(&[65100], "192.0.2.1")[..], &[0, 5, 4, 0, 0, 0, 100]].concat();
    let as_of_bird = entries("10.2.0.0/16", false, &[(0, without_flags)]);
    let nothing = "there is no route that the policies could decide about";
    let malformed = "malformed: 1 of the routes and records, about which the policies could not decide";
    for (octets, expected) in [
        (Vec::new(), Err(nothing)),
        (peers.clone(), Err(nothing)),
        ([&peers[..], &good, &no_origin].concat(), Err(malformed)),
        ([&peers[..], &no_origin].concat(), Err(malformed)),
        ([&peers[..], &good, &no_such_peer].concat(), Err(malformed)),
        ([&peers[..], &good, &as_of_bird].concat(), Ok(())),
    ] {
        let file = scene.write("table", &octets);
        let words = ["-p", "in", "--mrt", file.to_str().expect("text")];
        let (_, result) = scene.run(&[&words[..], &["--expect", "accept"]].concat());
        assert_eq!(result, expected.map_err(str::to_owned));
        assert_eq!(scene.run(&words).1, Ok(()), "nothing is expected");
    }
}

#[test]
fn a_file_that_ends_too_early_says_where() {
    let scene = Scene::new();
    let whole = table();
    for (octets, message) in [
        (&whole[..whole.len() - 1], "record 4: the file ends after 38 of its 39 octets"),
        (&whole[..5], "record 1: the file ends after 5 octets of its header"),
        (&b"this is text and no table"[..], "is this an MRT file?"),
        (&[0x1f, 0x8b, 8, 0, 0][..], "record 1"),
    ] {
        let file = scene.write("table", octets);
        let (_, result) = scene.run(&["-p", "in", "--mrt", file.to_str().expect("text")]);
        let error = result.expect_err("a mistake");
        assert!(error.contains(message), "{error}");
    }
}
