//! Operators at work on the peers of a running daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use anyhow::ensure;
use nva_tests::daemon::{Kind, nva_binary};
use nva_tests::lab::Lab;
use serde_json::Value;

use crate::common::{nva_json, nva_peer, pair, speaker, wait_established, wait_for};

/// `here` and `there`, each other's peers; `there` has a route.
fn two() -> Lab {
    let lab = pair(
        ("here", Kind::Nva, speaker(65001, 20, &[])),
        ("there", Kind::Nva, speaker(65002, 30, &["203.0.113.0/24"])),
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
        let reply = nva_json(&lab, "here", &["show", "routes", "203.0.113.0/24"])?;
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
        let reply = nva_json(&lab, "here", &["show", "routes", "203.0.113.0/24"])?;
        ensure!(reply["rows"][0]["local_pref"].is_null(), "{reply}");
        Ok(())
    });
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
    fs::copy(nva_binary().expect("nva is built"), &binary).expect("copied to where everybody may run it");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("ours");
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
