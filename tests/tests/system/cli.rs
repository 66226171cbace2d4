//! The command line as operators and scripts meet it: exit codes, what goes where, and one daemon for each socket.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use nva_tests::daemon::{Kind, Relation, Router, nva_binary};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};

use crate::common::{self, lab_of, nva_json, wait_established, wait_for_routes};

/// The exit codes that `nva --help` lists.
const USAGE: i32 = 2;
const INVALID: i32 = 3;
const NO_DAEMON: i32 = 4;

fn nva(arguments: &[&str]) -> Output {
    Command::new(nva_binary().expect("nva is built")).args(arguments).output().expect("nva runs")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A directory with a configuration file in it.
fn written(config: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("nva.toml");
    std::fs::write(&path, config).expect("written");
    let path = path.display().to_string();
    (directory, path)
}

#[test]
fn a_good_configuration_is_called_good() {
    let (_directory, path) = written("[router]\nasn = 65000\nrouter-id = \"192.0.2.1\"\n");
    let output = nva(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("AS 65000") && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let (_directory, path) = written("[router]\nasn = 65000\nrouter-id = \"192.0.2.1\"\n");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(nva_binary().expect("nva is built"));
    let child = command.args(["check", "-c", &path]).stdout(writer).stderr(Stdio::piped()).spawn().expect("nva runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(Signal::SIGPIPE as i32), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_problem_is_shown_with_its_place() {
    let bad = "[router]\nasn = 1\nrouter-id = \"192.0.2.1\"\n\n[[peer]]\nname = \"a\"\naddress = \"192.0.2.2\"\nasn = 2\n\
               import = [\"nowhere\"]\n\n[[peer]]\nname = \"b\"\naddress = \"192.0.2.3\"\nasn = 3\ngroup = \"none\"\n";
    let (_directory, path) = written(bad);
    let output = nva(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(INVALID), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let errors = text(&output.stderr);
    for place in ["9:11", "15:9"] {
        assert!(errors.contains(&format!("{path}:{place}: ")), "{place} in {errors}");
    }
    // The same file does not run either, with the same words.
    let run = nva(&["run", "-c", &path]);
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(INVALID), errors));

    let json = nva(&["check", "-c", &path, "--json"]);
    assert_eq!(json.status.code(), Some(INVALID));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["valid"], false);
    assert!(
        report["problems"].as_array().is_some_and(|problems| problems.iter().any(|problem| problem["line"] == 15)),
        "{report}"
    );
}

#[test]
fn unknown_keys_are_refused_with_those_that_there_are() {
    let (_directory, path) = written("[router]\nasn = 1\nrouter-id = \"192.0.2.1\"\ncolour = \"red\"\n");
    let output = nva(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(INVALID), "{output:?}");
    let errors = text(&output.stderr);
    assert!(errors.starts_with(&format!("{path}:4:1: ")), "{errors}");
    assert!(errors.contains("`colour`") && errors.contains("router-id"), "{errors}");
}

#[test]
fn without_a_daemon_the_exit_code_says_so() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("none.sock").display().to_string();
    for words in [&["show", "peers"][..], &["show", "routes", "--json"], &["explain", "192.0.2.1"]] {
        let output = nva(&[&["--socket", &socket], words].concat());
        assert_eq!(output.status.code(), Some(NO_DAEMON), "{words:?}: {output:?}");
        assert!(text(&output.stderr).contains(&socket) && output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn nonsense_is_wrong_usage() {
    for words in [&["show", "weather"][..], &["run"], &[]] {
        assert_eq!(nva(words).status.code(), Some(USAGE), "{words:?}");
    }
}

/// `here` and `there`, each with an address on its loopback.
fn two() -> Lab {
    let machine = |name: &str, last: u8, mut router: Router, loopback: &str| {
        router.loopbacks = vec!["lo".to_owned()];
        let mut machine = Machine::new(name, in_vnet(last)).running(Kind::Nva, router);
        machine.loopbacks = vec![common::prefix(loopback)];
        machine
    };
    let lab = lab_of(vec![
        machine(
            "here",
            20,
            Router::new(65001, in_vnet(20)).peer("there", 65002, in_vnet(30), Relation::Router),
            "203.0.113.1/32",
        ),
        machine(
            "there",
            30,
            Router::new(65002, in_vnet(30)).peer("here", 65001, in_vnet(20), Relation::Router),
            "203.0.113.2/32",
        ),
    ]);
    wait_established(&lab, &["here", "there"]);
    wait_for_routes(&lab, "here", &[common::route("203.0.113.2/32", in_vnet(30), &[65002], "there")]);
    lab
}

/// Runs `nva` against the daemon of `here`.
fn asked(lab: &Lab, words: &[&str]) -> String {
    let socket = lab.machine_directory("here").join("nva.sock").display().to_string();
    let output = nva(&[&["--socket", &socket], words].concat());
    assert!(output.status.success(), "{words:?}: {output:?}");
    text(&output.stdout)
}

#[test]
fn explain_says_what_happens_to_an_address_and_why() {
    let lab = two();
    common::wait_for(&lab, "the kernel's route", || {
        let explained = nva_json(&lab, "here", &["explain", "203.0.113.2"])?;
        anyhow::ensure!(explained["kernel"]["protocol"] == "bgp", "{explained}");
        Ok(())
    });
    let explained = nva_json(&lab, "here", &["explain", "203.0.113.2"]).expect("an answer");
    assert_eq!(explained["prefix"], "203.0.113.2/32", "{explained}");
    assert_eq!(explained["routes"][0]["standing"], "best", "{explained}");
    assert_eq!(explained["routes"][0]["source"], "there", "{explained}");
    assert_eq!(explained["kernel"]["prefix"], "203.0.113.2/32", "{explained}");
    assert_eq!(explained["kernel"]["hops"][0]["gateway"], "10.13.76.30", "{explained}");
    assert_eq!(explained["peers"][0]["peer"], "there", "{explained}");

    let words = asked(&lab, &["explain", "203.0.113.2"]);
    for part in ["203.0.113.2 falls under 203.0.113.2/32", "*>", "10.13.76.30", "65002", "Kernel", "proto bgp", "XDP"] {
        assert!(words.contains(part), "{part:?} in {words}");
    }
    let own = asked(&lab, &["explain", "203.0.113.1/32"]);
    for part in ["local", "Told to peers", "there", "10.13.76.20"] {
        assert!(own.contains(part), "{part:?} in {own}");
    }
    let unknown = asked(&lab, &["explain", "192.0.2.1"]);
    assert!(unknown.contains("no BGP route") && unknown.contains("10.13.76.1"), "{unknown}");
}

#[test]
fn show_prints_tables_that_name_what_there_is() {
    let lab = two();
    let shown = |what: &[&str], parts: &[&str]| {
        let text = asked(&lab, &[&["show"], what].concat());
        for part in parts {
            assert!(text.contains(part), "{part:?} in `show {}`:\n{text}", what.join(" "));
        }
    };
    shown(&["peers"], &["there", "10.13.76.30", "65002", "Established"]);
    shown(&["routes"], &["*>", "203.0.113.1/32", "203.0.113.2/32", "10.13.76.30"]);
    shown(&["routes", "--advertised-to", "there"], &["203.0.113.1/32", "10.13.76.20", "65001"]);
    let all = ["routes", "--advertised-to", "there", "--all"];
    shown(&all, &["203.0.113.1/32", "advertised", "203.0.113.2/32", "withheld: learned from this peer"]);
    shown(&["fib"], &["203.0.113.2/32", "10.13.76.30 dev eth0", "metric 79"]);
    shown(&["config"], &["[router]", "asn = 65001"]);
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused_and_the_first_one_goes_on() {
    let lab = two();
    let directory = lab.machine_directory("here");
    let config = second_configuration(&directory);
    let namespace = lab.namespace("there").expect("a machine");
    let binary = nva_binary().expect("nva is built").display().to_string();
    // Elsewhere in the network, so that only the socket is in its way.
    let output = namespace.output(&[&binary, "run", "-c", &config]).expect("nva runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("nva.sock"), "{output:?}");
    let peer = common::nva_peer(&lab, "here", "there").expect("the first one answers");
    assert_eq!(peer["state"], "Established", "{peer}");
}

/// The configuration of a daemon with the same socket that listens somewhere else.
fn second_configuration(directory: &Path) -> String {
    let path = directory.join("second.toml");
    let socket = directory.join("nva.sock");
    let config = format!(
        "[router]\nasn = 65003\nrouter-id = \"192.0.2.3\"\nlisten = [\"127.0.0.1:1790\"]\ncontrol-socket = {socket:?}\n"
    );
    std::fs::write(&path, config).expect("written");
    path.display().to_string()
}
