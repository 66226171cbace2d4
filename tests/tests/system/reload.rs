//! A configuration file that changes while the daemon runs.

use std::fs;
use std::process::Output;

use anyhow::ensure;
use nix::sys::signal::Signal;
use nva_tests::daemon::{Kind, nva_binary};
use nva_tests::lab::Lab;
use nva_tests::topology::in_vnet;

use crate::common::{nva_json, nva_peer, pair, route, speaker, wait_established, wait_for, wait_for_routes};

const PREFIX: &str = "198.51.100.0/25";

/// Two daemons, of which one originates a prefix.
fn two() -> Lab {
    let here = ("here", Kind::Nva, speaker(65001, 20, &[PREFIX]));
    let lab = pair(here, ("there", Kind::Nva, speaker(65002, 30, &[])));
    wait_established(&lab, &["here", "there"]);
    wait_for_routes(&lab, "there", &[route(PREFIX, in_vnet(20), &[65001], "here")]);
    lab
}

/// Changes the configuration file of `here`.
fn edit(lab: &Lab, from: &str, to: &str) {
    let path = lab.machine_directory("here").join("nva.toml");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(&path, text.replace(from, to)).expect("written");
}

fn reload(lab: &Lab, more: &[&str]) -> Output {
    let setup = &lab.daemon("here").expect("a daemon").setup;
    let (binary, socket) = (nva_binary().expect("nva"), setup.directory.join("nva.sock"));
    let words =
        [binary.display().to_string(), "--socket".to_owned(), socket.display().to_string(), "reload".to_owned()];
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    setup.namespace.output(&words).expect("it runs")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// Whether the session that was there is there still.
fn same_session(lab: &Lab) -> bool {
    let peer = nva_peer(lab, "here", "there").expect("a peer");
    let processes = &lab.daemon("here").expect("a daemon").processes;
    let log: String = processes.iter().map(|one| fs::read_to_string(&one.log).expect("a log")).collect();
    assert!(log.contains("INFO session established"), "what is looked for is logged like this:\n{log}");
    peer["state"] == "Established" && !log.contains("WARN session down")
}

#[test]
fn what_changed_in_the_file_is_changed_and_nothing_else() {
    let lab = two();
    let output = reload(&lab, &[]);
    assert_eq!((text(&output.stdout), output.status.success()), ("nothing changes\n".to_owned(), true));

    edit(&lab, PREFIX, "198.51.100.128/25");
    let output = reload(&lab, &["--dry-run"]);
    let would = text(&output.stdout);
    assert!(would.contains("Would change") && would.contains("originated prefixes follow"), "{would}");
    let routes = nva_json(&lab, "here", &["show", "routes"]).expect("routes");
    assert!(routes.to_string().contains(PREFIX), "a dry run changes nothing: {routes}");

    let output = reload(&lab, &[]);
    assert!(text(&output.stdout).contains("originated prefixes follow"), "{}", text(&output.stdout));
    wait_for_routes(&lab, "there", &[route("198.51.100.128/25", in_vnet(20), &[65001], "here")]);
    let shown = nva_json(&lab, "here", &["show", "config"]).expect("a configuration");
    assert!(shown.to_string().contains("198.51.100.128/25"), "{shown}");
    assert!(same_session(&lab), "the session lives on");
}

#[test]
fn a_file_with_problems_changes_nothing() {
    let lab = two();
    edit(&lab, "hold-time = 9", "hold-tim = 9");
    let output = reload(&lab, &[]);
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("nva.toml:") && error.contains("`hold-tim`"), "with line and column: {error}");
    assert!(error.contains("the running configuration stays"), "{error}");
    let shown = nva_json(&lab, "here", &["show", "config"]).expect("a configuration");
    assert!(!shown.to_string().contains("hold-tim ="), "{shown}");
    assert!(same_session(&lab));
}

/// A limit that is lowered below what is there ends the session, with the words of RFC 4486, until it is raised.
#[test]
fn a_limit_on_prefixes_is_lowered_and_raised() {
    let lab = pair(
        ("here", Kind::Nva, speaker(65001, 20, &[])),
        ("there", Kind::Nva, speaker(65002, 30, &["203.0.113.0/25", "203.0.113.128/25"])),
    );
    wait_established(&lab, &["here", "there"]);
    let both = [
        route("203.0.113.0/25", in_vnet(30), &[65002], "there"),
        route("203.0.113.128/25", in_vnet(30), &[65002], "there"),
    ];
    wait_for_routes(&lab, "here", &both);
    edit(&lab, "hold-time = 9", "hold-time = 9\nreceive-limit = 1");
    let output = reload(&lab, &[]);
    assert!(text(&output.stdout).contains("limits: numbers of prefixes are held against them"), "{output:?}");
    let row = wait_for(&lab, "the end of the session", || {
        let row = nva_peer(&lab, "there", "here")?;
        ensure!(row["state"] != "Established", "{row}");
        Ok(row)
    });
    // Graceful restart is agreed on by default, but not in its role of keeping routes: no Hard Reset around it.
    assert!(row["last_error"].to_string().contains("received Cease/Maximum Number of Prefixes Reached"), "{row}");
    let row = nva_peer(&lab, "here", "there").expect("a peer");
    let why = "2 prefixes of ipv4-unicast received from the peer, receive-limit is 1: down until `nva peer enable`";
    assert_eq!(row["overrun"], why, "{row}");
    wait_for(&lab, "a refused connection", || {
        let refused = nva_json(&lab, "here", &["show", "connections"])?["refused"].clone();
        let limited = refused.as_array().and_then(|rows| rows.iter().find(|row| row["reason"] == "prefix-limit"));
        ensure!(limited.is_some_and(|row| row["count"].as_u64() > Some(0)), "{refused}");
        Ok(())
    });
    edit(&lab, "receive-limit = 1", "receive-limit = 2");
    reload(&lab, &[]);
    wait_for_routes(&lab, "here", &both);
    let limits = nva_peer(&lab, "here", "there").expect("a peer")["limits"].clone();
    assert_eq!((&limits[0]["count"], &limits[0]["prefixes"]), (&2.into(), &2.into()), "{limits}");
}

#[test]
fn bfd_comes_and_goes_under_a_session() {
    let lab = two();
    let intervals = || -> anyhow::Result<Vec<u64>> {
        let rows = nva_json(&lab, "here", &["show", "bfd"])?["rows"].clone();
        Ok(rows.as_array().into_iter().flatten().filter_map(|row| row["transmit_interval"].as_u64()).collect())
    };
    for (from, to, expected) in [
        ("hold-time = 9", "hold-time = 9\nbfd = { interval = 2000 }", vec![2000]),
        ("interval = 2000", "interval = 3000", vec![3000]),
        ("\nbfd = { interval = 3000 }", "", vec![]),
    ] {
        edit(&lab, from, to);
        let output = reload(&lab, &[]);
        assert!(text(&output.stdout).contains("bfd: watched as it says now"), "{output:?}");
        wait_for(&lab, to, || {
            let intervals = intervals()?;
            ensure!(intervals == expected, "{intervals:?}");
            Ok(())
        });
    }
    assert!(same_session(&lab), "the session lives on");
}

#[test]
fn a_hangup_signal_reads_the_file_again() {
    let lab = two();
    edit(&lab, PREFIX, "198.51.100.128/25");
    lab.daemon("here").and_then(|here| here.signal(Signal::SIGHUP)).expect("it is told");
    wait_for_routes(&lab, "there", &[route("198.51.100.128/25", in_vnet(20), &[65001], "here")]);
    edit(&lab, "hold-time = 9", "hold-time = 12");
    lab.daemon("here").and_then(|here| here.signal(Signal::SIGHUP)).expect("it is told");
    wait_for(&lab, "the session with the hold time of the file", || {
        let last = nva_peer(&lab, "there", "here")?["last_error"].to_string();
        ensure!(last.contains("Other Configuration Change"), "{last}");
        Ok(())
    });
    wait_established(&lab, &["here", "there"]);
    wait_for_routes(&lab, "there", &[route("198.51.100.128/25", in_vnet(20), &[65001], "here")]);
}
