//! Operators at work on the peers of a running daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use nva_tests::daemon::{Kind, Relation, Router, nva_binary};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};
use serde_json::Value;

use crate::common::{lab_of, nva_json, nva_peer, pair, speaker, wait_established, wait_for};

/// What each originates.
const OF_HERE: &str = "198.51.100.0/24";
const OF_THERE: &str = "203.0.113.0/24";
const OF_ELSEWHERE: &str = "192.0.2.0/24";

/// `here` and `there`, each other's peers; each has a route.
fn two() -> Lab {
    let lab = pair(
        ("here", Kind::Nva, speaker(65001, 20, &[OF_HERE])),
        ("there", Kind::Nva, speaker(65002, 30, &[OF_THERE])),
    );
    wait_established(&lab, &["here", "there"]);
    lab
}

fn nva(lab: &Lab, machine: &str, words: &[&str]) -> Output {
    let socket = lab.machine_directory(machine).join("nva.sock").display().to_string();
    let binary = nva_binary().expect("nva is built");
    Command::new(binary).args(["--socket", &socket]).args(words).output().expect("nva runs")
}

/// Does it, and returns what `nva` said.
#[track_caller]
fn done(lab: &Lab, machine: &str, words: &[&str]) -> String {
    let output = nva(lab, machine, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn wait_for_peer(lab: &Lab, machine: &str, peer: &str, what: &str, good: impl Fn(&Value) -> bool) -> Value {
    wait_for(lab, what, || {
        let row = nva_peer(lab, machine, peer)?;
        ensure!(good(&row), "{row}");
        Ok(row)
    })
}

#[test]
fn a_peer_is_disabled_with_a_message_and_enabled_again() {
    let lab = two();
    let said = done(&lab, "here", &["peer", "disable", "there", "--message", "back at noon"]);
    assert!(said.contains("there") && said.contains("disabled"), "{said}");
    let row = wait_for_peer(&lab, "there", "here", "the message", |row| row["state"] != "Established");
    let error = row["last_error"].as_str().expect("an error");
    assert!(error.contains("Cease/Administrative Shutdown \"back at noon\""), "{error}");
    let row = nva_peer(&lab, "here", "there").expect("a row");
    assert_eq!((&row["disabled"], &row["state"]), (&"back at noon".into(), &"Idle".into()), "{row}");
    assert!(done(&lab, "here", &["show", "peers"]).contains("Idle (disabled)"));
    done(&lab, "here", &["peer", "enable", "--all"]);
    // The other side may be in an idle hold for some seconds.
    wait_for_peer(&lab, "here", "there", "the session", |row| row["state"] == "Established");
}

#[test]
fn a_drained_router_marks_what_it_announces_and_a_refresh_asks_for_all_of_it() {
    let lab = two();
    done(&lab, "there", &["drain"]);
    let routes = wait_for(&lab, "the mark", || {
        let reply = nva_json(&lab, "here", &["show", "routes", OF_THERE])?;
        let route = reply["rows"][0].clone();
        ensure!(route["local_pref"] == 0, "{reply}");
        Ok(route)
    });
    assert_eq!(routes["communities"][0], "graceful-shutdown", "{routes}");
    assert!(done(&lab, "there", &["show", "peers"]).contains("Established (drained)"));
    let refreshes = |row: &Value| {
        let count = |pointer: &str| row.pointer(pointer).and_then(Value::as_u64).expect("a number");
        (count("/refreshes_out/requests"), count("/refreshes_in/ends"))
    };
    let before = refreshes(&nva_peer(&lab, "here", "there").expect("a row"));
    let said = done(&lab, "here", &["peer", "refresh", "th*", "--in"]);
    assert!(said.contains("asked for its routes again (ipv4-unicast"), "{said}");
    wait_for_peer(&lab, "here", "there", "the routes again", |row| refreshes(row) == (before.0 + 1, before.1 + 1));
    done(&lab, "there", &["undrain"]);
    wait_for(&lab, "no mark", || {
        let reply = nva_json(&lab, "here", &["show", "routes", OF_THERE])?;
        ensure!(reply["rows"][0]["local_pref"].is_null(), "{reply}");
        Ok(())
    });
}

/// RFC 9003: whoever is in front of the other router reads why, and the session begins anew by itself.
#[test]
fn a_reset_tells_the_other_side_why() {
    let lab = two();
    let said = done(&lab, "here", &["peer", "reset", "there", "--message", "a longer cable"]);
    assert!(said.lines().any(|line| line.split_whitespace().eq(["there", "reset"])), "{said}");
    wait_for_peer(&lab, "there", "here", "the message", |row| {
        let error = row["last_error"].as_str().unwrap_or_default();
        error.contains("received Cease/Administrative Reset \"a longer cable\"")
    });
    wait_established(&lab, &["here", "there"]);
    let row = nva_peer(&lab, "here", "there").expect("a row");
    assert!(row["disabled"].is_null(), "{row}");
}

/// The row of `nva show routes` about a prefix.
fn route(lab: &Lab, machine: &str, prefix: &str) -> anyhow::Result<Value> {
    let reply = nva_json(lab, machine, &["show", "routes", prefix])?;
    ensure!(reply["rows"].as_array().is_some_and(|rows| rows.len() == 1), "{reply}");
    Ok(reply["rows"][0].clone())
}

/// Whether a route is marked with GRACEFUL_SHUTDOWN and the last choice (RFC 8326 §4), or neither.
fn is_led_away(route: &Value) -> anyhow::Result<bool> {
    let communities =
        route["communities"].as_array().is_some_and(|all| all.iter().any(|one| one == "graceful-shutdown"));
    ensure!(communities == (route["local_pref"] == 0), "{route}");
    Ok(communities)
}

#[test]
fn a_drained_peer_and_no_other_is_told_to_go_elsewhere() {
    let here = speaker(65001, 20, &[OF_HERE]).peer("there", 65002, in_vnet(30), Relation::Router);
    let here = here.peer("elsewhere", 65003, in_vnet(40), Relation::Router);
    let there = speaker(65002, 30, &[OF_THERE]).peer("here", 65001, in_vnet(20), Relation::Router);
    let elsewhere = speaker(65003, 40, &[OF_ELSEWHERE]).peer("here", 65001, in_vnet(20), Relation::Router);
    let machine = |name: &str, router: Router| Machine::new(name, router.address).running(Kind::Nva, router);
    let lab = lab_of(vec![machine("here", here), machine("there", there), machine("elsewhere", elsewhere)]);
    wait_established(&lab, &["here", "there", "elsewhere"]);

    let led_away = |expected: &[(&str, &str, bool)]| {
        for (machine, prefix, expected) in expected {
            wait_for(&lab, &format!("{prefix} at {machine}"), || {
                let route = route(&lab, machine, prefix)?;
                ensure!(is_led_away(&route)? == *expected, "{route}");
                Ok(())
            });
        }
    };
    // All that the drained peer is told, and its own routes, for us and for whoever gets them from us (RFC 8326 §4.2).
    let to_and_from = |drained| {
        [
            ("there", OF_HERE, drained),
            ("there", OF_ELSEWHERE, drained),
            ("here", OF_THERE, drained),
            ("elsewhere", OF_THERE, drained),
        ]
    };
    let others = [("here", OF_ELSEWHERE, false), ("elsewhere", OF_HERE, false)];
    led_away(&to_and_from(false));
    let said = done(&lab, "here", &["peer", "drain", "there"]);
    assert!(said.lines().any(|line| line.split_whitespace().eq(["there", "drained"])), "{said}");
    led_away(&to_and_from(true));
    let shown = done(&lab, "here", &["show", "peers"]);
    assert_eq!(shown.matches("Established (drained)").count(), 1, "{shown}");
    // Whatever was meant for the other peer is there once all of it was sent again.
    resent(&lab, "elsewhere");
    for (machine, prefix, _) in others {
        let route = route(&lab, machine, prefix).expect("a route");
        assert!(!is_led_away(&route).expect("both or neither"), "{route}");
    }

    let said = done(&lab, "here", &["peer", "undrain", "there"]);
    assert!(said.contains("no longer drained"), "{said}");
    led_away(&to_and_from(false));
    led_away(&others);
    assert!(!done(&lab, "here", &["show", "peers"]).contains("drained"));
}

/// `here` sends everything to a peer again, unasked and between two marks (RFC 7313).
fn resent(lab: &Lab, peer: &str) {
    // In what came in and what went out: who asked, and the marks.
    let counts = |machine: &str, other: &str| {
        let row = nva_peer(lab, machine, other)?;
        let all = ["refreshes_in", "refreshes_out"].map(|way| ["requests", "begins", "ends"].map(|one| &row[way][one]));
        let numbers = all.as_flattened().iter().map(|count| count.as_u64().with_context(|| row.to_string()));
        numbers.collect::<anyhow::Result<Vec<u64>>>()
    };
    let both = || anyhow::Ok([counts("here", peer)?, counts(peer, "here")?].concat());
    let more = [[0, 0, 0, 0, 1, 1], [0, 1, 1, 0, 0, 0]].concat();
    let expected: Vec<u64> = both().expect("counters").iter().zip(more).map(|(count, more)| count + more).collect();
    let said = done(lab, "here", &["peer", "refresh", peer, "--out"]);
    assert!(said.contains("told everything again") && !said.contains("asked"), "{said}");
    wait_for(lab, "everything again", || {
        let now = both()?;
        ensure!(now == expected, "{now:?} instead of {expected:?}");
        Ok(())
    });
}

#[test]
fn everything_is_sent_again_without_being_asked_for() {
    let lab = two();
    // What there is has been told before: the refresh brings nothing new, and takes nothing away.
    let before = wait_for(&lab, "the route", || route(&lab, "there", OF_HERE));
    resent(&lab, "there");
    assert_eq!(route(&lab, "there", OF_HERE).expect("a route"), before);
    for (machine, peer) in [("here", "there"), ("there", "here")] {
        let log = lab.daemon(machine).expect("a daemon").logs();
        assert!(log.contains("INFO session established") && !log.contains("WARN session down"), "{machine}: {log}");
        assert_eq!(nva_peer(&lab, machine, peer).expect("a row")["state"], "Established");
    }
}

#[test]
fn a_name_that_nobody_has_is_refused_with_a_suggestion() {
    let lab = two();
    let cases = [
        (&["peer", "disable", "their"][..], 1, "did you mean \"there\"?"),
        (&["peer", "drain", "--group", "leaves"], 1, "no group"),
        (&["peer", "reset"], 2, "required"),
        (&["show", "routes", "--received-from", "ther"], 1, "did you mean \"there\"?"),
    ];
    for (words, code, expected) in cases {
        let output = nva(&lab, "here", words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    assert_eq!(nva_peer(&lab, "here", "there").expect("a row")["state"], "Established");
}

/// Whoever opens the socket to readers does not open it to commands.
#[test]
fn a_reader_changes_nothing() {
    let lab = two();
    let directory = lab.machine_directory("here");
    let socket = directory.join("nva.sock");
    let binary = directory.join("nva");
    // To where everybody may run it; by another process, since a file that we have open for writing, or a child of ours
    // that another test has just forked, cannot be run.
    let mut install = Command::new("install");
    install.args(["-m", "755"]).args([&nva_binary().expect("nva is built"), &binary]);
    assert!(install.status().expect("install runs").success(), "{install:?}");
    let as_nobody = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command.arg("--socket").arg(&socket).args(words).output().expect("setpriv runs")
    };
    let closed = as_nobody(&["show", "peers"]);
    assert_eq!(closed.status.code(), Some(4), "{closed:?}");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).expect("ours");
    let shown = as_nobody(&["show", "peers"]);
    assert!(shown.status.success(), "{shown:?}");
    for words in [&["peer", "disable", "--all"][..], &["peer", "drain", "there"], &["drain"]] {
        let refused = as_nobody(words);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("only root"), "{refused:?}");
    }
    let row = nva_peer(&lab, "here", "there").expect("a row");
    assert_eq!((&row["state"], &row["drained"]), (&"Established".into(), &false.into()), "{row}");
}
