//! `nva capture`: packets of an `nva` that forwards, as files that others read and as lines; and how captures end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use nva_tests::daemon::{Kind, nva_binary};
use nva_tests::lab::Lab;
use nva_tests::process::Process;
use nva_tests::topology::{BRANCH_HOST, Machine};

use super::forwarding::{BEYOND_HOST, across, running, transit};
use crate::common::{lab_of, nva_json, speaker, start_daemons, wait_established, wait_for};

/// The command with these arguments, where the daemon runs.
fn capture(lab: &Lab, arguments: &[&str]) -> Command {
    let setup = &lab.daemon("nva").expect("a daemon").setup;
    let binary = nva_binary().expect("a binary").display().to_string();
    let mut command = setup.namespace.command(&binary).expect("a command");
    command.arg("--socket").arg(setup.directory.join("nva.sock")).arg("capture").args(arguments);
    command
}

/// The same in the background; its output goes to a file.
fn start(lab: &Lab, name: &str, arguments: &[&str]) -> Process {
    let log = lab.machine_directory("nva").join(format!("{name}.log"));
    lab.resources().process(name, &mut capture(lab, arguments), &log).expect("it starts")
}

fn is_capturing(lab: &Lab) -> anyhow::Result<bool> {
    nva_json(lab, "nva", &["show", "xdp"])?["capturing"].as_bool().context("the field capturing")
}

fn wait_for_capture(lab: &Lab, expected: bool) {
    wait_for(lab, &format!("capturing to be {expected}"), || {
        ensure!(is_capturing(lab)? == expected, "it is not");
        Ok(())
    });
}

fn wait_for_end(lab: &Lab, process: &Process) {
    wait_for(lab, "the command to end", || {
        ensure!(!process.is_alive(), "it runs: {}", process.log_tail());
        Ok(())
    });
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// What a capture says that is refused, and that its exit code is 1.
fn refused(lab: &Lab, arguments: &[&str]) -> String {
    let output = capture(lab, arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr).trim_end().to_owned()
}

fn pings(lab: &Lab, number: u32) {
    let branch = lab.namespace("branch").expect("a host");
    let (number, host) = (number.to_string(), BEYOND_HOST.to_string());
    branch.run(&["ping", "-n", "-q", "-c", &number, "-i", "0.01", "-W", "2", &host]).expect("answers");
}

/// Fields of the packets in a file, as tshark reads it.
fn tshark(file: &Path, fields: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file).args(["-T", "fields"]).args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().context("tshark (package tshark)")?;
    ensure!(output.status.success(), "{}", text(&output.stderr));
    Ok(text(&output.stdout).lines().map(str::to_owned).collect())
}

fn file(lab: &Lab, name: &str) -> (PathBuf, String) {
    let path = lab.machine_directory("nva").join(name);
    let text = path.display().to_string();
    (path, text)
}

#[test]
fn a_file_says_what_became_of_each_packet() {
    let lab = running(&["eth0", "eth1"]);
    let (path, name) = file(&lab, "forwarded.pcapng");
    let (host, to) = (BRANCH_HOST.to_string(), BEYOND_HOST.to_string());
    let process = start(&lab, "file", &["--write", &name, "--source", &host, "--destination", &to, "--rate", "0"]);
    wait_for_capture(&lab, true);
    pings(&lab, 20);
    process.signal(Signal::SIGINT).expect("told to end");
    wait_for_end(&lab, &process);
    wait_for_capture(&lab, false);
    assert!(process.log_tail().contains("20 packets captured of 20 that fit"), "{}", process.log_tail());

    let fields = ["frame.interface_name", "frame.packet_flags_direction", "ip.ttl", "icmp.type", "frame.comment"];
    let packets = tshark(&path, &fields).expect("tshark reads it");
    assert_eq!(packets.len(), 20, "{packets:#?}");
    for packet in &packets {
        // As they came: with the TTL that the branch sent.
        let expected = "eth1\t0x00000001\t64\t8\tverdict=forward reason=redirect out=eth0 group=";
        assert!(packet.starts_with(expected), "{packet}");
    }
    let sequence = tshark(&path, &["icmp.seq", "_ws.malformed"]).expect("tshark reads it");
    let expected: Vec<String> = (1..=20).map(|number| format!("{number}\t")).collect();
    assert_eq!(sequence, expected, "all, in order and well-formed");
    // XDP_REDIRECT.
    let verdicts = tshark(&path, &["frame.verdict.ebpf_xdp"]).expect("tshark reads it");
    assert_eq!(verdicts, vec!["4"; 20]);
    let times = tshark(&path, &["frame.time_epoch"]).expect("tshark reads it");
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME).expect("a clock").tv_sec();
    for time in times {
        let time: f64 = time.parse().expect(&time);
        assert!((now as f64 - 60.0..=now as f64 + 1.0).contains(&time), "{time} is not now: {now}");
    }

    let tcpdump = Command::new("tcpdump").args(["-n", "-r"]).arg(&path).output().expect("tcpdump (package tcpdump)");
    assert!(tcpdump.status.success(), "{}", text(&tcpdump.stderr));
    let lines = text(&tcpdump.stdout);
    assert_eq!(lines.lines().filter(|line| line.contains("ICMP echo request")).count(), 20, "{lines}");

    let statistics = interface_statistics(&path);
    let eth1 = statistics.iter().find(|line| line.contains("Name = eth1")).expect("a description of eth1");
    assert!(eth1.contains("Number of packets = 20"), "{eth1}");
}

/// What `capinfos` says of each interface, each in a line.
fn interface_statistics(file: &Path) -> Vec<String> {
    let output = Command::new("capinfos").arg(file).output().expect("capinfos (package tshark)");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let joined = text(&output.stdout).replace("\n                     ", " ");
    joined.lines().filter(|line| line.contains("Name = ")).map(str::to_owned).collect()
}

#[test]
fn captures_come_and_go_one_at_a_time_and_nothing_is_lost() {
    let lab = running(&["eth0", "eth1"]);
    let stream = across(&lab);
    stream.wait_for_more(100);
    let first = start(&lab, "killed", &["--rate", "0"]);
    wait_for_capture(&lab, true);
    stream.wait_for_more(100);
    let busy =
        "a capture is running already, and there can be one at a time: it ends with the `nva capture` that began it";
    assert_eq!(refused(&lab, &["--count", "1"]), busy);
    assert!(is_capturing(&lab).expect("the daemon answers"), "the first goes on");
    // It has no chance to say that it ends.
    first.kill().expect("killed");
    wait_for_capture(&lab, false);
    stream.wait_for_more(100);

    // Free again; lines for a reader, and as many as it wants.
    let to = BEYOND_HOST.to_string();
    let arguments = ["--count", "7", "--destination", &to, "--verdict", "forward", "--interface", "eth1"];
    let Output { status, stdout, stderr } = capture(&lab, &arguments).output().expect("it runs");
    assert!(status.success(), "{}", text(&stderr));
    let lines = text(&stdout);
    assert_eq!(lines.lines().count(), 7, "{lines}");
    for line in lines.lines() {
        let (_, what) = line.split_once(' ').expect("a time first");
        let expected = format!("eth1 > eth0 forward redirect: {BRANCH_HOST}:");
        assert!(what.starts_with(&expected) && what.contains(" UDP, ttl 64, "), "{line}");
    }
    assert!(text(&stderr).contains("7 packets captured of "), "{}", text(&stderr));
    wait_for_capture(&lab, false);

    // For a time; nothing of what flows is dropped.
    let output = capture(&lab, &["--duration", "1", "--verdict", "drop"]).output().expect("it runs");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    assert!(text(&output.stderr).contains("0 packets captured of 0 that fit and "), "{}", text(&output.stderr));

    // What the limit keeps out is told.
    let output = capture(&lab, &["--duration", "2", "--rate", "1"]).output().expect("it runs");
    let told = text(&output.stderr);
    assert!(told.contains("packets were kept out by the rate limit"), "{told}");
    stream.wait_for_more(100);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
}

#[test]
fn a_capture_ends_with_its_daemon_and_the_next_one_forwards_as_usual() {
    let mut lab = running(&["eth0", "eth1"]);
    let stream = across(&lab);
    let forwarder = |lab: &Lab| {
        let setup = &lab.daemon("nva").expect("a daemon").setup;
        let slot = aya::maps::MapInfo::from_pin(
            setup.pins.join(format!("v{}", nva_common::LAYOUT_VERSION)).join(nva_common::PROGRAMS),
        );
        slot.map(|map| map.id()).expect("a pinned map")
    };
    let before = forwarder(&lab);
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let process = start(&lab, "left", &["--rate", "0"]);
        wait_for_capture(&lab, true);
        stream.wait_for_more(100);
        lab.daemon("nva").and_then(|nva| nva.signal(signal)).expect("a signal");
        wait_for_end(&lab, &process);
        let told = process.log_tail();
        assert!(told.contains("the daemon has ended, and the capture with it: "), "{told}");
        stream.wait_for_more(100);
        lab.restart("nva").expect("it starts again");
        wait_for_capture(&lab, false);
        stream.wait_for_more(100);
    }
    assert_eq!(forwarder(&lab), before, "the maps are the same");
    let output = capture(&lab, &["--count", "3"]).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
}

#[test]
fn what_cannot_be_captured_is_refused_with_what_there_is() {
    let mut lab = transit(&["eth0"]);
    start_daemons(&mut lab);
    wait_established(&lab, &["nva", "peer"]);
    let of = |arguments: &[&str]| refused(&lab, arguments);
    assert_eq!(
        of(&["--interface", "eth1"]),
        "XDP is not attached to an interface \"eth1\": it is attached to eth0 (`nva show xdp`)"
    );
    assert!(of(&["--reason", "ttl"]).starts_with("there is no reason \"ttl\": there are hairpin, redirect, "));
    assert_eq!(of(&["--reason", "arp", "--verdict", "drop"]), "none of these reasons leads to the verdict drop");
    assert_eq!(
        of(&["--source", "10.0.0.0/8", "--destination", "::1"]),
        "10.0.0.0/8 and ::1/128 are of two families: no packet has addresses of both"
    );
    assert!(of(&["--prefix", "here"]).starts_with("\"here\" is neither an address nor a prefix: "));
    let missing = of(&["--count", "1", "--write", "/nonexistent/file"]);
    assert!(missing.starts_with("cannot write /nonexistent/file: No such file"), "{missing}");
    wait_for_capture(&lab, false);
    let wrong = capture(&lab, &["--verdict", "accept"]).output().expect("it runs");
    assert_eq!(wrong.status.code(), Some(2));
    let help = capture(&lab, &["--help"]).output().expect("it runs");
    assert!(text(&help.stdout).contains("Examples:"), "{}", text(&help.stdout));
}

#[test]
fn without_xdp_there_is_nothing_to_capture() {
    let router = speaker(65100, 100, &[]);
    let lab = lab_of(vec![Machine::new("nva", router.address).running(Kind::Nva, router)]);
    lab.daemon("nva").and_then(|nva| nva.wait_ready()).expect("it answers");
    let told = refused(&lab, &["--count", "1"]);
    assert_eq!(told, "XDP is not in use, so there is nothing to capture: [xdp] interfaces names none");
}
