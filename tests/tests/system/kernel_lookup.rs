//! `[xdp] lookup`: a policy rule that our tables do not know is followed as soon as the kernel is asked.

use std::fs;

use anyhow::ensure;
use nva_tests::daemon::nva_binary;
use nva_tests::lab::Lab;
use nva_tests::topology::BRANCH;

use crate::common::{answers, wait_for};
use crate::forwarding::{BEYOND_HOST, Xdp, across, running};

const HERE: &str = "[xdp]\n";
const KERNEL: &str = "[xdp]\nlookup = \"kernel\"\n";

/// Changes the file, and lets the daemon read it again.
fn reload_with(lab: &Lab, from: &str, to: &str, lookup: &str) {
    let path = lab.machine_directory("nva").join("nva.toml");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(&path, text.replace(from, to)).expect("written");
    let setup = &lab.daemon("nva").expect("a daemon").setup;
    let (binary, socket) = (nva_binary().expect("nva"), setup.directory.join("nva.sock"));
    let output = setup
        .namespace
        .output(&[&binary.display().to_string(), "--socket", &socket.display().to_string(), "reload"])
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(Xdp::of(lab).0["lookup"], lookup);
}

#[test]
fn a_reload_changes_where_routes_are_looked_up_and_loses_no_packet() {
    let lab = running(&["eth0", "eth1"]);
    assert_eq!(Xdp::of(&lab).0["lookup"], "tables");
    let before = Xdp::of(&lab).packets("redirect");
    let stream = across(&lab);
    for _ in 0..3 {
        stream.wait_for_more(200);
        reload_with(&lab, HERE, KERNEL, "kernel");
        stream.wait_for_more(200);
        assert_eq!(Xdp::of(&lab).0["prefixes"], serde_json::json!([]), "nothing is counted by prefix");
        reload_with(&lab, KERNEL, HERE, "tables");
    }
    stream.wait_for_more(200);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
    let redirected = Xdp::of(&lab).packets("redirect") - before;
    assert!(redirected >= 2 * sent, "{redirected} for {sent}: by XDP all the time");
}

#[test]
fn a_rule_is_followed_by_the_kernels_lookup_and_not_by_the_tables() {
    let lab = running(&["eth0", "eth1"]);
    let nva = lab.namespace("nva").expect("a machine");
    nva.ip(&["route", "add", "blackhole", "default", "table", "100"]).expect("a route");
    nva.ip(&["rule", "add", "from", &BRANCH.to_string(), "lookup", "100"]).expect("a rule");
    let dropped = || Xdp::of(&lab).packets("blackhole");
    assert!(answers(&lab, "branch", BEYOND_HOST), "the tables know no rules");
    assert_eq!(dropped(), 0);

    reload_with(&lab, HERE, KERNEL, "kernel");
    assert!(!answers(&lab, "branch", BEYOND_HOST), "the rule drops this");
    assert!(dropped() > 0, "{}", Xdp::of(&lab).0);
    nva.ip(&["rule", "delete", "from", &BRANCH.to_string(), "lookup", "100"]).expect("a rule less");
    wait_for(&lab, "an answer without the rule", || {
        let before = Xdp::of(&lab).packets("redirect");
        ensure!(answers(&lab, "branch", BEYOND_HOST), "no answer");
        ensure!(Xdp::of(&lab).packets("redirect") >= before + 2, "not by XDP: {}", Xdp::of(&lab).0);
        Ok(())
    });
}
