//! Packets that are dropped because a route says so: BLACKHOLE (RFC 7999), by the kernel and by XDP.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::ensure;
use nva_tests::daemon::{Kind, Router, nva_binary};
use nva_tests::lab::Lab;
use nva_tests::topology::{BRANCH, BRANCH_HOST, Behind, Machine, in_vnet};
use serde_json::Value;

use crate::common::{answers, logs, nva_json, prefix, quiet_lab_of, wait_for};

/// What the peer announces, with the address that is attacked and one that is not.
const NETWORK: &str = "10.60.0.0/24";
const VICTIM: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 66);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 67);

const NVA: u8 = 100;
const PEER: u8 = 30;

/// It lets its neighbour have single addresses of the neighbour's own network dropped.
const NVA_TOML: &str = r#"
[router]
asn = 65100
router-id = "10.13.76.100"

[[policy]]
name = "from-peer"
statement = [
    { match = { prefixes = "10.60.0.0/24 ge 32", communities = "blackhole" }, then = { honour-blackhole = true, accept = true } },
    { match = { prefixes = "10.60.0.0/24" }, then = { accept = true } },
]

[[peer]]
name = "peer"
address = "10.13.76.30"
asn = 65010
import = ["from-peer"]
connect-retry = 2
"#;

const PEER_TOML: &str = r#"
[router]
asn = 65010
router-id = "10.13.76.30"

[[policy]]
name = "to-nva"
statement = [
    { match = { prefixes = "10.60.0.66/32" }, then = { add-communities = ["blackhole"], accept = true } },
    { then = { accept = true } },
]

[[peer]]
name = "nva"
address = "10.13.76.100"
asn = 65100
export = ["to-nva"]
connect-retry = 2

[originate]
prefixes = ["10.60.0.0/24"]
"#;

/// ```text
/// branch ── eth1 nva eth0 ── fabric ── peer (10.60.0.0/24 on lo)
/// ```
fn network(xdp: bool) -> Lab {
    let mut nva = Machine::new("nva", in_vnet(NVA));
    nva.forwards = true;
    nva.behind = Some(Behind { name: "branch".to_owned(), network: BRANCH, host: BRANCH_HOST });
    let mut peer = Machine::new("peer", in_vnet(PEER));
    peer.loopbacks = vec![prefix(NETWORK)];
    let mut lab = quiet_lab_of(vec![nva, peer]);
    let fabric = &lab.state.fabric;
    fabric.add_user_route("peer", BRANCH, in_vnet(NVA)).expect("a user-defined route");
    fabric.add_user_route("nva", prefix(NETWORK), in_vnet(PEER)).expect("a user-defined route");
    let pins = lab.state.instance.pins().join("nva");
    let fast = format!("\n[xdp]\ninterfaces = [\"eth0\", \"eth1\"]\npin-directory = \"{}\"\n", pins.display());
    let text = format!("{NVA_TOML}{}", if xdp { fast.as_str() } else { "" });
    for (name, asn, last, text) in [("nva", 65100, NVA, text.as_str()), ("peer", 65010, PEER, PEER_TOML)] {
        let mut router = Router::new(asn, in_vnet(last));
        router.configuration = Some(text.to_owned());
        lab.start(name, Kind::Nva, router).expect("started");
    }
    wait_for_answer(&lab, VICTIM);
    lab
}

fn wait_for_answer(lab: &Lab, address: Ipv4Addr) {
    wait_for(lab, &format!("an answer of {address}"), || {
        ensure!(answers(lab, "branch", address), "none");
        Ok(())
    });
}

/// What the peer originates from now on.
fn originate(lab: &Lab, prefixes: &str) {
    let setup = &lab.daemon("peer").expect("a daemon").setup;
    let path = setup.directory.join("nva.toml");
    let text = fs::read_to_string(&path).expect("a file");
    let (rest, _) = text.split_once("prefixes = [\"10.60.0.0/24\"").expect("the originated prefixes");
    fs::write(&path, format!("{rest}prefixes = [\"10.60.0.0/24\"{prefixes}]\n")).expect("written");
    let (binary, socket) = (nva_binary().expect("nva"), setup.directory.join("nva.sock"));
    let words = [&binary.display().to_string(), "--socket", &socket.display().to_string(), "reload"];
    setup.namespace.run(&words).unwrap_or_else(|error| panic!("{error:#}\n{}", logs(lab)));
}

/// The kernel's own count would be of all drops: what it does is asked for by the route, and shown by what is answered.
fn wait_for_kernel(lab: &Lab, kind: &str) -> Value {
    wait_for(lab, &format!("the kernel to have it as {kind}"), || {
        let explained = nva_json(lab, "nva", &["explain", &VICTIM.to_string()])?;
        ensure!(explained["kernel"]["kind"] == kind, "{explained}");
        Ok(explained)
    })
}

/// Packets that XDP dropped for a blackhole route.
fn dropped(lab: &Lab) -> u64 {
    let shown = nva_json(lab, "nva", &["show", "xdp"]).expect("the daemon answers");
    let rows = shown["counters"].as_array().expect("counters");
    rows.iter().filter(|row| row["reason"] == "blackhole").filter_map(|row| row["packets"].as_u64()).sum()
}

fn drops_the_victim_and_nobody_else(xdp: bool) {
    let lab = network(xdp);
    wait_for_answer(&lab, NEIGHBOUR);
    originate(&lab, ", \"10.60.0.66/32\"");
    let explained = wait_for_kernel(&lab, "blackhole");
    assert_eq!(explained["kernel"]["prefix"], "10.60.0.66/32", "{explained}");
    assert_eq!(explained["routes"][0]["discard"], true, "{explained}");
    let fib = nva_json(&lab, "nva", &["show", "fib"]).expect("the daemon answers");
    let row = fib["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == "10.60.0.66/32"));
    let row = row.unwrap_or_else(|| panic!("{fib}"));
    assert!(row["blackhole"] == true && row["state"] == "installed", "{row}");
    if xdp {
        wait_for(&lab, "XDP to drop it", || {
            let explained = nva_json(&lab, "nva", &["explain", &VICTIM.to_string()])?;
            ensure!(explained["xdp"]["action"] == "drop (blackhole) by 10.60.0.66/32", "{explained}");
            Ok(())
        });
    }

    let before = dropped(&lab);
    let branch = lab.namespace("branch").expect("a host");
    let ping = |address: Ipv4Addr| {
        ["ping", "-n", "-q", "-c", "5", "-i", "0.05", "-W", "1"]
            .map(str::to_owned)
            .into_iter()
            .chain([address.to_string()])
            .collect::<Vec<_>>()
    };
    let words = ping(VICTIM);
    let output = branch.output(&words.iter().map(String::as_str).collect::<Vec<_>>()).expect("ping runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("5 packets transmitted, 0 received"), "{text}");
    assert!(answers(&lab, "branch", NEIGHBOUR), "the others are forwarded to");
    let count = dropped(&lab) - before;
    assert_eq!(count, if xdp { 5 } else { 0 }, "dropped by XDP");

    originate(&lab, "");
    wait_for_kernel(&lab, "forward");
    wait_for_answer(&lab, VICTIM);
}

#[test]
fn the_kernel_drops_the_victim_and_nobody_else() {
    drops_the_victim_and_nobody_else(false);
}

#[test]
fn xdp_drops_the_victim_and_nobody_else() {
    drops_the_victim_and_nobody_else(true);
}
