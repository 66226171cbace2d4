//! What is particular to IPv6.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_router_may_have_a_link_local_address() {
    let mut machine = Machine::new();
    machine.route("::/0", &[(2, Some("fe80::1"))]);
    machine.route("2001:db8::/32", &[(2, Some("fe80::1")), (3, Some("fe80::1"))]);
    machine.neighbour(2, "fe80::1", Some(MAC));
    assert_eq!(machine.state("::/0"), forward(&[(2, "fe80::1", adjacency(2))]));
    let one = forward(&[(2, "fe80::1", adjacency(2)), (3, "fe80::1", None)]);
    assert_eq!(machine.state("2001:db8::/32"), one, "the same address on another link is another router");
    machine.neighbour(3, "fe80::1", Some(MAC));
    assert_eq!(machine.fate("2001:db8::1"), forward(&[(2, "fe80::1", adjacency(2)), (3, "fe80::1", adjacency(3))]));
    assert_eq!(machine.fate("2001:db9::1"), machine.state("::/0"));
    let wanted = |link| WantedNeighbour { link, address: ip("fe80::1"), is_gateway: true };
    assert_eq!(machine.mirror.wanted_neighbours(), BTreeSet::from([wanted(2), wanted(3)]));
    machine.neighbour(2, "fe80::1", None);
    assert_eq!(machine.state("::/0"), forward(&[(2, "fe80::1", None)]));
}

#[test]
fn neighbours_on_a_link_are_host_routes_in_ipv6_too() {
    let mut machine = Machine::new();
    machine.route("2001:db8:2::/64", &[(2, None)]);
    machine.neighbour(2, "2001:db8:2::7", Some(MAC));
    machine.neighbour(3, "2001:db8:2::8", Some(MAC));
    assert_eq!(machine.state("2001:db8:2::/64"), Some(GroupState::Unresolved));
    assert_eq!(machine.state("2001:db8:2::7/128"), forward(&[(2, "2001:db8:2::7", adjacency(2))]));
    assert_eq!(machine.state("2001:db8:2::8/128"), None, "known on another link only");
    let wanted = WantedNeighbour { link: 2, address: ip("2001:db8:2::7"), is_gateway: false };
    assert_eq!(machine.mirror.wanted_neighbours(), BTreeSet::from([wanted]));
    machine.route("2001:db8:2::/120", &[(3, Some("fe80::3"))]);
    assert_eq!(machine.state("2001:db8:2::7/128"), None, "a longer route leads elsewhere");
    assert_eq!(machine.fate("2001:db8:2::7"), forward(&[(3, "fe80::3", None)]));
    let longer = route(TABLE_MAIN, "2001:db8:2::/120", 0, RouteKind::Unicast, &[(3, Some("fe80::3"))]);
    machine.tell(HostEvent::RouteRemoved(longer));
    assert_eq!(machine.fate("2001:db8:2::7"), forward(&[(2, "2001:db8:2::7", adjacency(2))]));
    machine.tell(HostEvent::NeighbourRemoved(2, ip("2001:db8:2::7")));
    assert_eq!(machine.fate("2001:db8:2::7"), Some(GroupState::Unresolved));
}

#[test]
fn what_stays_on_its_link_or_is_multicast_is_not_mirrored() {
    let mut machine = Machine::new();
    machine.neighbour(2, "fe80::7", Some(MAC));
    machine.neighbour(2, "ff02::1", Some([0x33, 0x33, 0, 0, 0, 1]));
    for (table, prefix, kind, via) in [
        (TABLE_MAIN, "fe80::/10", RouteKind::Unicast, &[(2, Some("fe80::1"))][..]),
        (TABLE_MAIN, "fe80::/64", RouteKind::Unicast, &[(2, None)]),
        (TABLE_MAIN, "fe80::7/128", RouteKind::Unicast, &[(2, None)]),
        (TABLE_LOCAL, "fe80::/128", RouteKind::Local, &[(2, None)]),
        (TABLE_LOCAL, "fe80::5/128", RouteKind::Local, &[(2, None)]),
        (TABLE_LOCAL, "ff00::/8", RouteKind::Multicast, &[(2, None)]),
        (TABLE_MAIN, "ff02::/16", RouteKind::Multicast, &[(2, None)]),
    ] {
        machine.tell(HostEvent::RouteSet(route(table, prefix, 0, kind, via)));
    }
    assert_eq!(machine.model.meaning(), BTreeMap::new());
    assert_eq!(machine.mirror.rebuild(&machine.host), []);
    for shorter in ["fe80::/9", "fe00::/7", "::/0"] {
        machine.tell(HostEvent::RouteSet(route(TABLE_MAIN, shorter, 0, RouteKind::Blackhole, &[])));
        assert_eq!(machine.state(shorter), Some(dropped(shorter)), "it is about other addresses, too");
    }
}

#[test]
fn the_local_table_is_the_kernels() {
    let mut machine = Machine::new();
    machine.route("2001:db8:2::/64", &[(2, None)]);
    for (prefix, kind, state) in [
        ("2001:db8:2::5/128", RouteKind::Local, GroupState::Local(p("2001:db8:2::5/128"))),
        ("2001:db8:2::/128", RouteKind::Other, GroupState::Kernel),
        ("2001:db8:3::/128", RouteKind::Unreachable, GroupState::Refused),
    ] {
        machine.tell(HostEvent::RouteSet(route(TABLE_LOCAL, prefix, 0, kind, &[])));
        assert_eq!(machine.state(prefix), Some(state));
    }
    machine.route("2001:db8:a::/96", &[(2, Some("fe80::1"))]);
    let any_address = route(TABLE_LOCAL, "2001:db8:a::/64", 0, RouteKind::Local, &[]);
    machine.tell(HostEvent::RouteSet(any_address.clone()));
    assert_eq!(machine.state("2001:db8:a::/96"), None, "the kernel asks the local table first");
    assert_eq!(machine.fate("2001:db8:a::1"), Some(GroupState::Local(p("2001:db8:a::/64"))));
    machine.tell(HostEvent::RouteRemoved(any_address));
    assert_eq!(machine.fate("2001:db8:a::1"), forward(&[(2, "fe80::1", None)]));
}

#[test]
fn routes_of_one_metric_are_the_kernels_to_choose_from() {
    let mut machine = Machine::new();
    // As from router advertisements, of which the kernel makes no multipath route.
    let advertised = |router: &str, metric| HostRoute {
        protocol: 9,
        ..route(TABLE_MAIN, "::/0", metric, RouteKind::Unicast, &[(2, Some(router))])
    };
    machine.neighbour(2, "fe80::1", Some(MAC));
    machine.tell(HostEvent::RouteAdded(advertised("fe80::1", 1024)));
    machine.tell(HostEvent::RouteAdded(advertised("fe80::2", 2048)));
    assert_eq!(machine.state("::/0"), forward(&[(2, "fe80::1", adjacency(2))]), "the lowest metric");
    machine.tell(HostEvent::RouteAdded(advertised("fe80::3", 1024)));
    assert_eq!(machine.state("::/0"), Some(GroupState::Kernel), "it depends on the routers' preferences");
    machine.tell(HostEvent::RouteRemoved(advertised("fe80::1", 1024)));
    assert_eq!(machine.state("::/0"), forward(&[(2, "fe80::3", None)]));

    machine.neighbour(2, "2001:db8:2::7", Some(MAC));
    machine.route("2001:db8:2::/64", &[(2, None)]);
    assert_eq!(machine.fate("2001:db8:2::7"), forward(&[(2, "2001:db8:2::7", adjacency(2))]));
    let other = route(TABLE_MAIN, "2001:db8:2::/64", 0, RouteKind::Unicast, &[(3, Some("fe80::3"))]);
    machine.tell(HostEvent::RouteAdded(other));
    assert_eq!(machine.fate("2001:db8:2::7"), Some(GroupState::Kernel), "it may not be a neighbour");
}

#[test]
fn families_share_groups() {
    let mut machine = Machine::new();
    let hop = |gateway: &str| NextHopKind::Hop(Hop { gateway: Some(ip(gateway)), link: 2, weight: 1 });
    machine.neighbour(2, "fe80::1", Some(MAC));
    machine.tell(object(1, hop("fe80::1")));
    for prefix in ["2001:db8::/32", "2001:db8:1::/48", "192.0.2.0/24"] {
        machine.tell(HostEvent::RouteSet(through(1, prefix)));
        assert_eq!(machine.state(prefix), forward(&[(2, "fe80::1", adjacency(2))]));
    }
    assert_eq!(machine.model.groups.len(), 1);
    let delta = machine.host.apply(object(1, hop("fe80::2")));
    let ops = machine.mirror.apply(&delta, &machine.host);
    assert!(matches!(ops.as_slice(), [XdpOp::SetGroup { .. }]), "{ops:?}");
    machine.model.apply(&ops);
    assert_eq!(machine.state("2001:db8:1::/48"), forward(&[(2, "fe80::2", None)]));
}
