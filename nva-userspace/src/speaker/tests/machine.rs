//! Changes of the machine's network, and every decision that rests on it.

use std::net::IpAddr;

use super::sim::{ETH0, LO, Sim, link, loopback_added, loopback_removed, machine, own_address, route};
use super::{OPEN, SOON, established, path, speaker};
use crate::host::{Address, HostEvent};

const NEAR: usize = 0;
const FAR: usize = 1;
const A: usize = 2;
const B: usize = 3;
const PREFIX: &str = "100.64.0.0/24";
const ETH1: u32 = 3;

/// Two that teach A, one on its subnet and one several hops away, and B, which A tells. Nobody has a default route.
fn network(a_to_b: &str) -> Sim {
    let far = "import = [\"all\"]\nmultihop = 8";
    let b = format!("export = [\"all\"]\n{a_to_b}");
    let configs = [
        speaker(65001, 1, "", "", &[(10, 65000, "")]),
        speaker(65002, 2, "", "", &[(10, 65000, "multihop = 8")]),
        speaker(65000, 10, "", "", &[(1, 65001, "import = [\"all\"]"), (2, 65002, far), (20, 65003, &b)]),
        speaker(65003, 20, "", "", &[(10, 65000, OPEN)]),
    ];
    let mut sim = established(Sim::on_machines(1, &configs, |address| {
        let mut machine = machine(address, &[]);
        machine.routes.retain(|route| !route.prefix.is_default());
        machine
    }));
    sim.host(A, HostEvent::RouteSet(route("172.16.0.0/16", Some("10.13.76.3"), ETH0)));
    sim
}

fn told(sim: &Sim) -> Option<String> {
    sim.received(B, A, PREFIX).map(|route| format!("{} | {}", route.next_hop, route.attributes.as_path))
}

fn standing(sim: &Sim) -> String {
    let candidates = sim.speakers[A].rib().candidates(PREFIX.parse().expect("a prefix"));
    candidates[0].standing.to_string()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_route_goes_and_comes_with_the_way_to_its_next_hop() {
    let mut sim = network("next-hop = \"keep\"");
    sim.announce(FAR, A, PREFIX, "172.16.0.9", &path(&[65002]));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("172.16.0.9 | 65000 65002"));
    assert_eq!(sim.kernel(A)[PREFIX], ["10.13.76.3"]);

    let way = route("172.16.0.0/16", Some("10.13.76.3"), ETH0);
    sim.host(A, HostEvent::RouteRemoved(way.clone()));
    assert!(sim.loc_rib(A).is_empty());
    assert_eq!(standing(&sim), "ineligible: next hop 172.16.0.9 is unreachable");
    assert!(sim.kernel(A).is_empty());
    sim.run_for(SOON);
    assert_eq!(told(&sim), None);

    sim.host(A, HostEvent::RouteSet(way));
    assert_eq!(sim.kernel(A)[PREFIX], ["10.13.76.3"]);
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("172.16.0.9 | 65000 65002"));
}

#[test]
fn a_link_that_fails_moves_traffic_to_the_second_best() {
    let mut sim = network("next-hop = \"keep\"");
    for event in [
        HostEvent::LinkSet(link(ETH1, "eth1", true)),
        HostEvent::AddressAdded(own_address(ETH1, ip("10.99.0.10"))),
        HostEvent::RouteSet(route("10.99.0.0/24", None, ETH1)),
    ] {
        sim.host(A, event);
    }
    sim.announce(NEAR, A, PREFIX, "10.99.0.5", &path(&[65001]));
    sim.announce(FAR, A, PREFIX, "172.16.0.9", &path(&[65002, 65002]));
    for (up, gateway, expected) in [
        (true, "10.99.0.5", "10.99.0.5 | 65000 65001"),
        (false, "10.13.76.3", "172.16.0.9 | 65000 65002 65002"),
        (true, "10.99.0.5", "10.99.0.5 | 65000 65001"),
    ] {
        sim.host(A, HostEvent::LinkSet(link(ETH1, "eth1", up)));
        assert_eq!(sim.kernel(A)[PREFIX], [gateway]);
        sim.run_for(SOON);
        assert_eq!(told(&sim).as_deref(), Some(expected));
    }
}

#[test]
fn a_next_hop_may_become_ours_and_foreign_again() {
    let mut sim = network("");
    sim.announce(NEAR, A, PREFIX, "10.13.76.77", &path(&[65001]));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.77 | 65000 65001"));
    let own = own_address(LO, ip("10.13.76.77"));
    sim.host(A, HostEvent::AddressAdded(own));
    assert_eq!(standing(&sim), "next hop 10.13.76.77 is an address of our own");
    assert!(!sim.kernel(A).contains_key(PREFIX));
    sim.run_for(SOON);
    assert_eq!(told(&sim), None);
    sim.host(A, HostEvent::AddressRemoved(own));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.77 | 65000 65001"));
}

#[test]
fn a_next_hop_on_no_subnet_is_taken_when_the_subnet_comes() {
    let mut sim = network("");
    sim.announce(NEAR, A, PREFIX, "10.99.0.5", &path(&[65001]));
    assert!(standing(&sim).contains("neither the peer nor on a subnet"), "{}", standing(&sim));
    sim.host(A, HostEvent::LinkSet(link(ETH1, "eth1", true)));
    sim.host(A, HostEvent::RouteSet(route("10.99.0.0/24", None, ETH1)));
    assert!(sim.loc_rib(A).is_empty(), "a route is no subnet of ours");
    let own = own_address(ETH1, ip("10.99.0.10"));
    sim.host(A, HostEvent::AddressAdded(own));
    assert_eq!(sim.kernel(A)[PREFIX], ["10.99.0.5"]);
    sim.host(A, HostEvent::AddressRemoved(own));
    assert!(sim.loc_rib(A).is_empty());
}

/// P2: the permission to tell a third party's address ends with the subnet that it came from.
#[test]
fn a_third_party_next_hop_ends_with_the_subnet() {
    let mut sim = network("");
    sim.announce(FAR, A, PREFIX, "10.13.76.77", &path(&[65002]));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.77 | 65000 65002"));
    let wide = own_address(ETH0, ip("10.13.76.10"));
    let alone = Address { prefix_len: 32, ..wide };
    sim.host(A, HostEvent::AddressAdded(alone));
    sim.host(A, HostEvent::AddressRemoved(wide));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.10 | 65000 65002"));
    sim.host(A, HostEvent::AddressAdded(wide));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.77 | 65000 65002"));
}

#[test]
fn a_gateway_next_hop_follows_the_routing_table() {
    let mut sim = network("next-hop = \"gateway\"");
    sim.announce(FAR, A, PREFIX, "172.16.0.9", &path(&[65002]));
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.3 | 65000 65002"));
    sim.host(A, HostEvent::RouteSet(route("172.16.0.0/16", Some("10.13.76.4"), ETH0)));
    assert_eq!(sim.kernel(A)[PREFIX], ["10.13.76.4"]);
    sim.run_for(SOON);
    assert_eq!(told(&sim).as_deref(), Some("10.13.76.4 | 65000 65002"));
}

#[test]
fn interfaces_are_originated_by_what_their_addresses_mean() {
    let mut sim = Sim::new(1, &[speaker(65000, 10, "", "", &[])]);
    let with = |text: &str, prefix_len, peer: Option<&str>| Address {
        prefix_len,
        peer: peer.map(ip),
        ..own_address(LO, ip(text))
    };
    let mut addresses = vec![
        with("127.0.0.1", 8, None),
        with("::1", 128, None),
        with("fe80::1", 64, None),
        with("169.254.1.1", 16, None),
        with("100.0.0.1", 32, None),
        with("100.0.1.1", 24, None),
        with("100.0.1.2", 24, None),
        with("2001:db8::1", 128, None),
        with("100.0.2.1", 32, Some("100.0.2.2")),
    ];
    addresses.iter().for_each(|address| sim.host(0, HostEvent::AddressAdded(*address)));
    let prefixes = |sim: &Sim| sim.loc_rib(0).into_iter().map(|(prefix, ..)| prefix.to_string()).collect::<Vec<_>>();
    assert_eq!(prefixes(&sim), ["100.0.0.1/32", "100.0.1.0/24", "100.0.2.1/32", "2001:db8::1/128"]);
    sim.host(0, HostEvent::AddressRemoved(addresses.remove(5)));
    assert!(prefixes(&sim).contains(&"100.0.1.0/24".to_owned()), "another address is left in it");
    sim.host(0, HostEvent::LinkSet(link(LO, "lo", false)));
    assert!(sim.loc_rib(0).is_empty());
    sim.host(0, HostEvent::LinkSet(link(LO, "lo", true)));
    assert_eq!(prefixes(&sim).len(), 4);
}

#[test]
fn what_is_listed_stays_when_the_address_goes() {
    let config = speaker(65000, 10, "", "", &[]).replace("[originate]", "[originate]\nprefixes = [\"100.0.0.1/32\"]");
    let mut sim = Sim::new(1, &[config]);
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.host(0, loopback_removed([100, 0, 0, 1]));
    assert_eq!(sim.loc_rib(0).len(), 1);
}
