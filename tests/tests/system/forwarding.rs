//! Traffic through an `nva`: forwarded by XDP, counted, and not disturbed by what happens to the daemon.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use aya::maps::{Array, Map, MapData};
use aya::programs::links::PinnedLink;
use nva_common::{Group, GroupKind};

use nva_tests::daemon::{Kind, Relation, Router};
use nva_tests::lab::Lab;
use nva_tests::stream::Stream;
use nva_tests::topology::{BRANCH, BRANCH_HOST, Behind, Machine, in_vnet};
use serde_json::Value;

use crate::common::{
    self, answers, nva_json, nva_output, prefix, quiet_lab_of, start_daemons, wait_established, wait_for,
};

/// What is behind the peer and the `nva` learns by BGP.
const BEYOND: &str = "10.60.0.0/24";
pub const BEYOND_HOST: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 1);

/// The `nva`'s own address on its loopback.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(100, 0, 0, 100);

const NVA: u8 = 100;
const PEER: u8 = 30;
const VM: u8 = 10;

/// ```text
/// branch ── eth1 nva eth0 ── fabric ── peer (10.60.0.1 on lo)
///                              └────── vm
/// ```
/// The fabric sends to the NVA what is for the branch, its loopback, and from the VM also what is for the peer's network.
pub fn transit(xdp: &[&str]) -> Lab {
    let mut nva = Router::new(65100, in_vnet(NVA)).peer("peer", 65010, in_vnet(PEER), Relation::Router);
    nva.loopbacks = vec!["lo".to_owned()];
    nva.connected = vec!["eth1".to_owned()];
    nva.xdp = xdp.iter().map(|&name| name.to_owned()).collect();
    let mut nva = Machine::new("nva", in_vnet(NVA)).running(Kind::Nva, nva);
    nva.loopbacks = vec![LOOPBACK.into()];
    nva.behind = Some(Behind { name: "branch".to_owned(), network: BRANCH, host: BRANCH_HOST });

    let mut peer = Router::new(65010, in_vnet(PEER)).peer("nva", 65100, in_vnet(NVA), Relation::Router);
    peer.loopbacks = vec!["lo".to_owned()];
    let mut peer = Machine::new("peer", in_vnet(PEER)).running(Kind::Bird2, peer);
    peer.loopbacks = vec![ipnet::Ipv4Net::new_assert(BEYOND_HOST, 24)];

    let lab = quiet_lab_of(vec![nva, peer, Machine::new("vm", in_vnet(VM))]);
    let fabric = &lab.state.fabric;
    for machine in ["vm", "peer"] {
        fabric.add_user_route(machine, BRANCH, in_vnet(NVA)).expect("a user-defined route");
        fabric.add_user_route(machine, LOOPBACK.into(), in_vnet(NVA)).expect("a user-defined route");
    }
    fabric.add_user_route("nva", prefix(BEYOND), in_vnet(PEER)).expect("a user-defined route");
    fabric.add_user_route("vm", prefix(BEYOND), in_vnet(NVA)).expect("a user-defined route");
    lab
}

/// Up, with routes and neighbours where they belong.
pub fn running(xdp: &[&str]) -> Lab {
    let mut lab = transit(xdp);
    start_daemons(&mut lab);
    wait_established(&lab, &["nva", "peer"]);
    wait_for_forwarding(&lab);
    lab
}

/// Waits until pings from the branch and from the VM are answered from beyond the peer.
fn wait_for_forwarding(lab: &Lab) {
    for from in ["branch", "vm"] {
        wait_for(lab, &format!("an answer to {from}"), || {
            ensure!(answers(lab, from, BEYOND_HOST), "no answer");
            Ok(())
        });
    }
    // It looks once a second whether an interface can transmit by now.
    wait_for(lab, "the fast path to take both ways", || {
        let before = Xdp::of(lab).packets("redirect");
        ensure!(answers(lab, "branch", BEYOND_HOST), "no answer");
        let after = Xdp::of(lab);
        ensure!(after.packets("redirect") >= before + 2, "{before} before {}", after.0);
        Ok(())
    });
}

/// Datagrams from the branch to the peer's network and back: by the way of `redirect`.
pub fn across(lab: &Lab) -> Stream {
    let (branch, peer) = (lab.namespace("branch").expect("a host"), lab.namespace("peer").expect("a machine"));
    Stream::start((branch, BRANCH_HOST), (peer, BEYOND_HOST))
}

/// `nva show xdp`.
pub struct Xdp(pub Value);

impl Xdp {
    pub fn of(lab: &Lab) -> Xdp {
        Xdp(nva_json(lab, "nva", &["show", "xdp"]).expect("the daemon answers"))
    }

    /// Packets that had this end.
    pub fn packets(&self, reason: &str) -> u64 {
        let rows = self.0["counters"].as_array().expect("counters");
        rows.iter().filter(|row| row["reason"] == reason).filter_map(|row| row["packets"].as_u64()).sum()
    }

    /// Packets of the group of a prefix.
    fn packets_to(&self, prefix: &str) -> u64 {
        let rows = self.0["prefixes"].as_array().expect("prefixes");
        let of_prefix =
            |row: &&Value| row["prefixes"].as_array().is_some_and(|names| names.iter().any(|name| name == prefix));
        rows.iter().filter(of_prefix).filter_map(|row| row["packets"].as_u64()).sum()
    }

    fn interface(&self, name: &str) -> anyhow::Result<Value> {
        let rows = self.0["interfaces"].as_array().context("interfaces")?;
        rows.iter().find(|row| row["name"] == name).cloned().with_context(|| format!("no {name} in {}", self.0))
    }
}

/// The one pin whose name ends like this.
fn pinned(lab: &Lab, name: &str) -> PathBuf {
    let pins = &lab.daemon("nva").expect("a daemon").setup.pins;
    let mut found = Vec::new();
    let mut directories = vec![pins.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory").flatten() {
            if entry.path().is_dir() {
                directories.push(entry.path());
            } else if entry.file_name().to_string_lossy().ends_with(name) {
                found.push(entry.path());
            }
        }
    }
    let [path] = found.as_slice() else { panic!("one {name} below {}: {found:?}", pins.display()) };
    path.clone()
}

/// The id of the link that is pinned for an interface: the kernel never gives it to another one.
fn link_id(lab: &Lab, interface: &str) -> u32 {
    let path = pinned(lab, &format!("link_{interface}"));
    let link = aya::programs::links::FdLink::from(PinnedLink::from_pin(&path).expect("a pinned link"));
    link.info().expect("what it is").id()
}

#[test]
fn transit_traffic_is_forwarded_by_xdp_and_counted() {
    let lab = running(&["eth0", "eth1"]);
    for name in ["eth0", "eth1"] {
        let interface = Xdp::of(&lab).interface(name).expect("configured");
        assert_eq!(interface["mode"], "native", "{interface}");
    }
    let before = Xdp::of(&lab);
    let stream = across(&lab);
    stream.wait_for_more(500);
    let rates = nva_json(&lab, "nva", &["show", "xdp", "--rate", "1"]).expect("the daemon answers");
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
    let after = Xdp::of(&lab);
    let (there, redirected) =
        (rate(&rates["prefixes"], "prefixes", BEYOND), rate(&rates["counters"], "reason", "redirect"));
    let most = (after.packets("redirect") - before.packets("redirect")) as f64;
    assert!(0.0 < there && there <= redirected && redirected <= most, "{rates}");
    // Each came through the NVA twice: there and back again.
    let redirected = after.packets("redirect") - before.packets("redirect");
    assert!(redirected >= 2 * sent, "{redirected} for {sent}: {}", after.0);
    let there = after.packets_to(BEYOND) - before.packets_to(BEYOND);
    assert!(there >= sent, "{there} for {sent}: {}", after.0);

    // From the VM the way beyond the peer leads in and out by the same interface.
    let (vm, peer) = (lab.namespace("vm").expect("a machine"), lab.namespace("peer").expect("a machine"));
    let stream = Stream::start((vm, in_vnet(VM)), (peer, BEYOND_HOST));
    stream.wait_for_more(200);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
    let hairpin = Xdp::of(&lab);
    let transmitted = hairpin.packets("hairpin") - after.packets("hairpin");
    assert!(transmitted >= sent, "{transmitted} for {sent}: {}", hairpin.0);
}

/// Packets a second of the row that names something.
fn rate(rows: &Value, key: &str, name: &str) -> f64 {
    let names = |row: &&Value| match &row[key] {
        Value::Array(names) => names.iter().any(|one| one == name),
        one => one == name,
    };
    let row = rows.as_array().expect("rows").iter().find(names);
    row.and_then(|row| row["packets_per_second"].as_f64()).unwrap_or_else(|| panic!("no rate of {name}: {rows}"))
}

#[test]
fn packets_for_local_prefixes_are_counted() {
    let lab = running(&["eth0", "eth1"]);
    let loopback = format!("{LOOPBACK}/32");
    let before = Xdp::of(&lab).packets_to(&loopback);
    let vm = lab.namespace("vm").expect("a machine");
    let ping = ["ping", "-n", "-q", "-c", "20", "-i", "0.01", "-W", "2", &LOOPBACK.to_string()];
    vm.run(&ping).expect("20 answers");
    let after = Xdp::of(&lab);
    assert_eq!(after.packets_to(&loopback) - before, 20, "{}", after.0);
}

#[test]
fn kill_9_and_restart_lose_no_packet() {
    let mut lab = running(&["eth0", "eth1"]);
    let links = ["eth0", "eth1"].map(|name| link_id(&lab, name));
    let before = Xdp::of(&lab).packets("redirect");
    let stream = across(&lab);
    stream.wait_for_more(300);
    lab.daemon_mut("nva").and_then(|nva| nva.kill()).expect("killed");
    stream.wait_for_more(500);
    assert_eq!(["eth0", "eth1"].map(|name| link_id(&lab, name)), links, "the links outlive the daemon");
    lab.restart("nva").expect("restarted");
    wait_established(&lab, &["nva"]);
    stream.wait_for_more(500);
    let (sent, lost) = stream.stop();
    println!("{sent} datagrams there and back, {lost} lost");
    assert_eq!(lost, 0, "of {sent}\n{}", common::logs(&lab));
    assert_eq!(["eth0", "eth1"].map(|name| link_id(&lab, name)), links, "the same links as before");
    let after = Xdp::of(&lab);
    let redirected = after.packets("redirect") - before;
    // The counters go on where they were, and nothing took the way through the kernel meanwhile.
    assert!(redirected >= 2 * sent, "{redirected} for {sent}: {}", after.0);
}

/// `nva fib audit`: whether it found nothing, and what it said.
fn audit(lab: &Lab) -> (bool, Value) {
    let output = nva_output(lab.daemon("nva").expect("a daemon"), &["fib", "audit", "--json"]).expect("nva runs");
    (output.status.success(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn an_audit_repairs_the_tables_and_traffic_flows_again() {
    let lab = running(&["eth0", "eth1"]);
    let (clean, found) = audit(&lab);
    assert!(clean && found["differences"] == 0 && found["kernel"]["routes"] == 1, "{found}");
    assert!(found["xdp"]["prefixes"].as_u64() > Some(5) && found["xdp"]["problem"].is_null(), "{found}");

    let path = pinned(&lab, nva_common::GROUPS);
    let map = Map::Array(MapData::from_pin(path).expect("a pinned map"));
    let mut groups: Array<MapData, Group> = map.try_into().expect("the groups");
    for slot in 0..groups.len() {
        let group = groups.get(&slot, 0).expect("a group");
        if group.kind == GroupKind::Forward as u32 {
            groups.set(slot, Group { kind: GroupKind::Blackhole as u32, ..group }, 0).expect("spoilt");
        }
    }
    assert!(!answers(&lab, "branch", BEYOND_HOST), "dropped");
    let (clean, found) = audit(&lab);
    let repaired = found["xdp"]["repaired"].as_u64().expect("a number");
    assert!(!clean && repaired > 0 && found["differences"] == repaired, "{found}");
    assert!(answers(&lab, "branch", BEYOND_HOST), "{}", common::logs(&lab));
    assert!(audit(&lab).0, "nothing is left to repair");
    let shown = nva_json(&lab, "nva", &["show", "fib"]).expect("the daemon answers");
    assert!(shown["audits"]["count"] == 3 && shown["audits"]["differences"] == repaired, "{shown}");
}

#[test]
fn an_interface_that_comes_back_is_attached_again() {
    let lab = running(&["eth0", "eth1"]);
    let old = Xdp::of(&lab).interface("eth1").expect("configured");
    let (nva, branch) = (lab.namespace("nva").expect("a machine"), lab.namespace("branch").expect("a host"));
    nva.ip(&["link", "del", "eth1"]).expect("deleted");
    wait_for(&lab, "XDP to let go of the interface", || {
        let gone = Xdp::of(&lab).interface("eth1")?;
        ensure!(gone["mode"] == "detached" && gone["index"].is_null(), "{gone}");
        Ok(())
    });
    let gateway = BRANCH.hosts().next().expect("an address");
    branch
        .ip_batch(&format!(
            "link add eth0 type veth peer name eth1 netns {}\naddr add {BRANCH_HOST}/24 dev eth0\nlink set eth0 up\n\
             route add default via {gateway}\n",
            nva.name()
        ))
        .expect("a new pair");
    nva.ip_batch(&format!("addr add {gateway}/24 dev eth1\nlink set eth1 up\n")).expect("configured");
    branch.run(&["ethtool", "-K", "eth0", "gro", "on", "tx", "off", "tso", "off", "gso", "off"]).expect("ethtool");
    nva.run(&["ethtool", "-K", "eth1", "tx", "off", "tso", "off", "gso", "off"]).expect("ethtool");
    wait_for(&lab, "XDP to attach again", || {
        let new = Xdp::of(&lab).interface("eth1")?;
        ensure!(new["mode"] == "native" && new["index"].is_u64() && new["index"] != old["index"], "{new}");
        Ok(())
    });
    wait_for_forwarding(&lab);
    let before = Xdp::of(&lab).packets("redirect");
    let stream = across(&lab);
    stream.wait_for_more(100);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}");
    let after = Xdp::of(&lab);
    let redirected = after.packets("redirect") - before;
    assert!(redirected >= 2 * sent, "{redirected} for {sent}: {}", after.0);
}

#[test]
fn an_interface_without_native_xdp_gets_the_generic_one() {
    let mut lab = transit(&["eth0", "bridge0"]);
    let nva = lab.namespace("nva").expect("a machine");
    nva.ip_batch("link add bridge0 type bridge\nlink set bridge0 up\n").expect("a bridge");
    start_daemons(&mut lab);
    wait_established(&lab, &["nva"]);
    let xdp = Xdp::of(&lab);
    let (native, generic) = (xdp.interface("eth0").expect("configured"), xdp.interface("bridge0").expect("configured"));
    assert_eq!(native["mode"], "native", "{native}");
    assert_eq!(generic["mode"], "generic", "{generic}");
    let reason = generic["reason"].as_str().expect("a reason");
    let log = common::logs(&lab);
    let warned = log.lines().any(|line| line.contains("WARN") && line.contains("bridge0") && line.contains("native"));
    assert!(warned, "{reason}\n{log}");
    let shown = lab.namespace("nva").and_then(|nva| nva.ip(&["link", "show", "bridge0"])).expect("shown");
    assert!(shown.contains("xdpgeneric"), "{shown}");
}
