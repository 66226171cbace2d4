//! Next hops as they were measured with BIRD 2.0.12, FRR 8.4.4, GoBGP 3.10 and OpenBGPD 7.7 in one network, and what we
//! say in it, row by row and for every mode. Where the others disagree, RFC 4271 §5.1.3 decides.
//!
//! A hub 10.0.1.4 in AS 65000; on its subnet NVA 10.0.1.10 in AS 65100, which announces .100 through itself, .150 through
//! 10.0.1.30 and .160 through the observer, NVB 10.0.1.11 in AS 65200, which announces .200, and an observer 10.0.1.20;
//! behind the subnet's gateway 10.0.1.1 a route server 10.0.2.4 in AS 65515, multihop, which announces 10.99.0.0/16.

use std::fmt::Write;
use std::net::IpAddr;

use super::sim::{ETH0, LO, Sim, link, own_address, route};
use super::{OPEN, SOON, established, path};
use crate::host::Snapshot;

const HUB: usize = 0;
const NVA: usize = 1;
const NVB: usize = 2;
const OBSERVER: usize = 3;
const ARS: usize = 4;

/// AS and address of each.
const ROUTERS: [(u32, &str); 5] =
    [(65000, "10.0.1.4"), (65100, "10.0.1.10"), (65200, "10.0.1.11"), (65020, "10.0.1.20"), (65515, "10.0.2.4")];

/// A machine in the /24 of its address, which knows its gateway.
fn machine(address: IpAddr) -> Snapshot {
    let IpAddr::V4(v4) = address else { panic!("IPv4 only") };
    let [a, b, c, _] = v4.octets();
    Snapshot {
        links: vec![link(LO, "lo", true), link(ETH0, "eth0", true)],
        addresses: vec![own_address(ETH0, address)],
        neighbours: Vec::new(),
        next_hops: Some(Vec::new()),
        routes: vec![
            route(&format!("{a}.{b}.{c}.0/24"), None, ETH0),
            route("0.0.0.0/0", Some(&format!("{a}.{b}.{c}.1")), ETH0),
        ],
        audit: None,
    }
}

/// The network, converged; the hub tells everybody everything, with this for every peer.
fn network(export: &str, policies: &str) -> Sim {
    let all = "[[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = { accept = true }\n";
    let router = |asn: u32, address: &str, peers: String, tables: &str| {
        format!("[router]\nasn = {asn}\nrouter-id = \"{address}\"\n{all}{tables}{peers}")
    };
    let peer = |(asn, address): (u32, &str), more: &str| {
        format!("[[peer]]\nname = \"{address}\"\naddress = \"{address}\"\nasn = {asn}\n{more}\n")
    };
    let of_hub = |index: usize| {
        let multihop = if index == ARS { "multihop = 8" } else { "" };
        peer(ROUTERS[index], &format!("import = [\"all\"]\n{export}\n{multihop}"))
    };
    let originate = format!("{policies}[originate]\nprefixes = [\"100.0.0.4/32\"]\n");
    let mut configs = vec![router(65000, "10.0.1.4", (NVA..=ARS).map(of_hub).collect(), &originate)];
    for (index, (asn, address)) in ROUTERS.iter().enumerate().skip(NVA) {
        let multihop = if index == ARS { "multihop = 8" } else { "" };
        configs.push(router(*asn, address, peer(ROUTERS[HUB], &format!("{OPEN}\n{multihop}")), ""));
    }
    let addresses = ROUTERS.iter().map(|(_, address)| address.parse().expect("an address")).collect();
    let mut sim = established(Sim::at(1, &configs, addresses, machine));
    for (from, prefix, next_hop) in [
        (NVA, "100.0.0.100/32", "10.0.1.10"),
        (NVA, "100.0.0.150/32", "10.0.1.30"),
        (NVA, "100.0.0.160/32", "10.0.1.20"),
        (NVB, "100.0.0.200/32", "10.0.1.11"),
        (ARS, "10.99.0.0/16", "10.0.2.4"),
    ] {
        sim.announce(from, HUB, prefix, next_hop, &path(&[ROUTERS[from].0]));
    }
    sim.run_for(SOON);
    sim
}

/// What the hub tells a peer, and that this is what has arrived there.
fn told(sim: &Sim, to: usize, prefix: &str) -> String {
    let arrived = sim.received(to, HUB, prefix).map(|route| route.next_hop.to_string());
    match sim.exported(HUB, to, prefix) {
        Ok(exported) => {
            assert_eq!(arrived, Some(exported.next_hop.to_string()), "{prefix} at {to}");
            format!("{}, {:?}", exported.next_hop, exported.rule)
        }
        Err(reason) => {
            assert_eq!(arrived, None, "{prefix} at {to}: {reason}");
            reason
        }
    }
}

/// Each row for each mode: the next hop and the rule, or why there is none. What was measured elsewhere by default is
/// our `auto`, and keep per neighbour our `keep`, except that
/// - GoBGP gives every peer its own address: that is `self`;
/// - FRR and OpenBGPD tell the receiver of .160 to send to itself, and FRR tells the NVA of its own route: both violate
///   RFC 4271 §5.1.3 or help nobody;
/// - BIRD tells the leaf 10.0.1.1 for 10.99/16: that is `gateway`.
const MEASURED: &str = "\
NVA .100 to the route server
    auto      10.0.1.4, Multihop
    self      10.0.1.4, SelfAddress
    keep      10.0.1.10, Kept
    gateway   10.0.1.4, GatewayNotShared
    10.0.1.99 10.0.1.99, Address
NVA .150 (third party) to the route server
    auto      10.0.1.4, Multihop
    self      10.0.1.4, SelfAddress
    keep      10.0.1.30, Kept
    gateway   10.0.1.4, GatewayNotShared
    10.0.1.99 10.0.1.99, Address
the hub's own to the route server
    auto      10.0.1.4, OwnRoute
    self      10.0.1.4, OwnRoute
    keep      10.0.1.4, OwnRoute
    gateway   10.0.1.4, OwnRoute
    10.0.1.99 10.0.1.99, Address
NVA .100 to a peer on the subnet
    auto      10.0.1.10, ThirdParty
    self      10.0.1.4, SelfAddress
    keep      10.0.1.10, Kept
    gateway   10.0.1.10, GatewayOnLink
    10.0.1.99 10.0.1.99, Address
NVA .150 (third party) to a peer on the subnet
    auto      10.0.1.30, ThirdParty
    self      10.0.1.4, SelfAddress
    keep      10.0.1.30, Kept
    gateway   10.0.1.30, GatewayOnLink
    10.0.1.99 10.0.1.99, Address
NVA .160 (through the receiver) to that peer
    auto      the next hop 10.0.1.20 is the receiving peer itself (RFC 4271 §5.1.3)
    self      10.0.1.4, SelfAddress
    keep      the next hop 10.0.1.20 is the receiving peer itself (RFC 4271 §5.1.3)
    gateway   the next hop 10.0.1.20 is the receiving peer itself (RFC 4271 §5.1.3)
    10.0.1.99 10.0.1.99, Address
NVA .100 back to the NVA
    auto      learned from this peer
    self      learned from this peer
    keep      learned from this peer
    gateway   learned from this peer
    10.0.1.99 learned from this peer
the route server's 10.99/16 to a leaf
    auto      10.0.1.4, FirstParty
    self      10.0.1.4, SelfAddress
    keep      10.0.2.4, Kept
    gateway   10.0.1.1, Gateway
    10.0.1.99 10.0.1.99, Address
";

#[test]
fn every_row_in_every_mode() {
    let rows = [
        ("NVA .100 to the route server", ARS, "100.0.0.100/32"),
        ("NVA .150 (third party) to the route server", ARS, "100.0.0.150/32"),
        ("the hub's own to the route server", ARS, "100.0.0.4/32"),
        ("NVA .100 to a peer on the subnet", OBSERVER, "100.0.0.100/32"),
        ("NVA .150 (third party) to a peer on the subnet", OBSERVER, "100.0.0.150/32"),
        ("NVA .160 (through the receiver) to that peer", OBSERVER, "100.0.0.160/32"),
        ("NVA .100 back to the NVA", NVA, "100.0.0.100/32"),
        ("the route server's 10.99/16 to a leaf", NVA, "10.99.0.0/16"),
    ];
    let modes = ["auto", "self", "keep", "gateway", "10.0.1.99"];
    let sims = modes.map(|mode| network(&format!("export = [\"all\"]\nnext-hop = \"{mode}\""), ""));
    let mut seen = String::new();
    for (row, to, prefix) in rows {
        writeln!(seen, "{row}").expect("text");
        for (mode, sim) in modes.iter().zip(&sims) {
            writeln!(seen, "    {mode:<9} {}", told(sim, to, prefix)).expect("text");
        }
    }
    assert_eq!(seen, MEASURED, "{seen}");
}

/// The article's route map: what 65100 to 65109 advertise is kept, everything else is ourselves.
#[test]
fn an_as_path_policy_towards_the_route_server() {
    let policy = "[[policy]]\nname = \"to-ars\"\n\
                  [[policy.statement]]\nmatch = { as-path = \"^6510[0-9]\" }\n\
                  then = { next-hop = \"keep\", accept = true }\n\
                  [[policy.statement]]\nthen = { accept = true }\n";
    let sim = network("export = [\"to-ars\"]", policy);
    for (prefix, expected) in [
        ("100.0.0.100/32", "10.0.1.10, Kept"),
        ("100.0.0.150/32", "10.0.1.30, Kept"),
        ("100.0.0.200/32", "10.0.1.4, Multihop"),
        ("100.0.0.4/32", "10.0.1.4, OwnRoute"),
    ] {
        assert_eq!(told(&sim, ARS, prefix), expected, "{prefix}");
    }
}
