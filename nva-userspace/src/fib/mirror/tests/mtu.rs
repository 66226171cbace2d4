//! MTUs that routes have of their own, and those that interfaces have for IPv6.

use std::num::NonZeroU32;

use super::*;

fn of_mtu(mtu: u32, route: HostRoute) -> HostEvent {
    HostEvent::RouteSet(HostRoute { mtu: NonZeroU32::new(mtu), ..route })
}

fn narrow(link: u32, mtu: u32) -> Option<Adjacency> {
    adjacency(link).map(|adjacency| Adjacency { mtu, ..adjacency })
}

#[test]
fn the_smaller_of_a_routes_and_its_links_counts() {
    let mut machine = Machine::new();
    machine.neighbour(2, "10.0.2.1", Some(MAC));
    let via = [(2, Some("10.0.2.1"))];
    machine.route("192.0.2.0/24", &via);
    for (mtu, expected) in [(1300, 1300), (9000, 1500), (1300, 1300), (0, 1500)] {
        machine.tell(of_mtu(mtu, route(TABLE_MAIN, "198.51.100.0/24", 0, RouteKind::Unicast, &via)));
        assert_eq!(machine.state("198.51.100.0/24"), forward(&[(2, "10.0.2.1", narrow(2, expected))]), "{mtu}");
        assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", adjacency(2))]), "the other route");
    }
}

#[test]
fn an_on_link_routes_mtu_is_that_of_its_neighbours() {
    let mut machine = Machine::new();
    machine.neighbour(2, "10.0.2.7", Some(MAC));
    machine.route("10.0.2.0/24", &[(2, None)]);
    assert_eq!(machine.state("10.0.2.7/32"), forward(&[(2, "10.0.2.7", adjacency(2))]));
    machine.tell(of_mtu(1300, route(TABLE_MAIN, "10.0.2.0/24", 0, RouteKind::Unicast, &[(2, None)])));
    assert_eq!(machine.state("10.0.2.7/32"), forward(&[(2, "10.0.2.7", narrow(2, 1300))]));
}

#[test]
fn routes_through_one_object_may_have_different_mtus() {
    let mut machine = Machine::new();
    for gateway in ["10.0.2.1", "10.0.2.5"] {
        machine.neighbour(2, gateway, Some(MAC));
    }
    let hop = |gateway| NextHopKind::Hop(Hop { gateway: Some(ip(gateway)), link: 2, weight: 1 });
    machine.tell(object(7, hop("10.0.2.1")));
    machine.tell(HostEvent::RouteSet(through(7, "192.0.2.0/24")));
    machine.tell(of_mtu(1300, through(7, "198.51.100.0/24")));
    for gateway in ["10.0.2.1", "10.0.2.5"] {
        machine.tell(object(7, hop(gateway)));
        assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, gateway, adjacency(2))]));
        assert_eq!(machine.state("198.51.100.0/24"), forward(&[(2, gateway, narrow(2, 1300))]));
    }
}

#[test]
fn an_interfaces_ipv6_mtu_is_for_ipv6_alone() {
    let mut machine = Machine::new();
    for (prefix, gateway) in [("192.0.2.0/24", "10.0.2.1"), ("2001:db8:9::/48", "2001:db8:2::1")] {
        machine.neighbour(2, gateway, Some(MAC));
        machine.route(prefix, &[(2, Some(gateway))]);
    }
    for (mtus, expected) in [(vec![(2, 1400), (3, 1280)], 1400), (vec![(3, 1280)], 1500)] {
        let ops = machine.mirror.set_ipv6_mtus(mtus.iter().copied().collect(), &machine.host);
        machine.model.apply(&ops);
        assert_eq!(machine.state("2001:db8:9::/48"), forward(&[(2, "2001:db8:2::1", narrow(2, expected))]));
        assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", adjacency(2))]));
        assert_eq!(machine.mirror.set_ipv6_mtus(mtus.into_iter().collect(), &machine.host), [], "nothing new");
    }
    machine
        .tell(of_mtu(1300, route(TABLE_MAIN, "2001:db8:9::/48", 0, RouteKind::Unicast, &[(2, Some("2001:db8:2::1"))])));
    let ops = machine.mirror.set_ipv6_mtus(BTreeMap::from([(2, 1400)]), &machine.host);
    machine.model.apply(&ops);
    assert_eq!(machine.state("2001:db8:9::/48"), forward(&[(2, "2001:db8:2::1", narrow(2, 1300))]));
}
