//! Tables for each question, and the property that a resynchronisation says exactly what a replay would have said.

use std::net::IpAddr;
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::net::Prefix;

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect(text)
}

fn link(index: u32, up: bool) -> Link {
    let mac = Some([2, 0, 0, 0, 0, u8::try_from(index).expect("small")]);
    Link { index, name: format!("eth{index}"), mac, mtu: 1500, up, loopback: false }
}

fn via(gateway: &str, link: u32) -> Hop {
    Hop { gateway: Some(ip(gateway)), link, weight: 1 }
}

fn on(link: u32) -> Hop {
    Hop { gateway: None, link, weight: 1 }
}

fn route(net: &str, hops: &[Hop]) -> HostRoute {
    HostRoute {
        mtu: None,
        table: TABLE_MAIN,
        prefix: prefix(net),
        metric: 0,
        protocol: 3,
        kind: RouteKind::Unicast,
        via: Via::Hops(hops.to_vec()),
    }
}

fn address(link: u32, text: &str) -> Address {
    let (address, length) = text.split_once('/').expect("a slash");
    Address { link, address: ip(address), prefix_len: length.parse().expect("a length"), peer: None }
}

/// Two links in subnets, a default route through the first, and more, as the tests below want it.
fn host(events: impl IntoIterator<Item = HostEvent>) -> HostState {
    let base = [
        HostEvent::LinkSet(link(1, true)),
        HostEvent::LinkSet(link(2, true)),
        HostEvent::AddressAdded(address(1, "10.0.1.9/24")),
        HostEvent::AddressAdded(address(2, "10.0.2.9/24")),
        HostEvent::RouteAdded(route("10.0.1.0/24", &[on(1)])),
        HostEvent::RouteAdded(route("10.0.2.0/24", &[on(2)])),
        HostEvent::RouteAdded(route("0.0.0.0/0", &[via("10.0.1.1", 1)])),
    ];
    let mut state = HostState::default();
    for event in base.into_iter().chain(events) {
        state.apply(event);
    }
    state
}

fn resolved(state: &HostState, to: &str) -> Option<(String, Vec<Hop>)> {
    state.resolve(ip(to)).map(|found| (found.prefix.to_string(), found.hops))
}

/// The kernel says what goes without its weight.
#[test]
fn hops_with_weights_go_like_others() {
    let heavy = |gateway| Hop { weight: 3, ..via(gateway, 1) };
    let (one, two) = ("2001:db8:1::1", "2001:db8:1::2");
    let net = "2001:db8:7::/48";
    let mut state = host([HostEvent::RouteAdded(route(net, &[heavy(one), heavy(two)]))]);
    let hops = |state: &HostState| state.routes_of(prefix(net)).first().map(|route| state.hops(route).to_vec());
    state.apply(HostEvent::RouteRemoved(route(net, &[via(one, 1)])));
    assert_eq!(hops(&state), Some(vec![via(two, 1)]), "a single hop has no weight");
    state.apply(HostEvent::RouteRemoved(route(net, &[via(two, 1)])));
    assert_eq!(hops(&state), None);
    state.apply(HostEvent::RouteAdded(route(net, &[heavy(one), heavy(two)])));
    state.apply(HostEvent::RouteRemoved(route(net, &[via(one, 1), via(two, 1)])));
    assert_eq!(hops(&state), None, "both at once");
}

#[test]
fn an_address_resolves_by_the_longest_prefix() {
    let state = host([HostEvent::RouteSet(route("10.9.0.0/16", &[via("10.0.2.1", 2), via("10.0.1.1", 1)]))]);
    assert_eq!(resolved(&state, "10.0.2.77"), Some(("10.0.2.0/24".into(), vec![on(2)])));
    assert_eq!(
        resolved(&state, "10.9.9.9"),
        Some(("10.9.0.0/16".into(), vec![via("10.0.1.1", 1), via("10.0.2.1", 2)]))
    );
    assert_eq!(resolved(&state, "192.0.2.1"), Some(("0.0.0.0/0".into(), vec![via("10.0.1.1", 1)])));
    assert_eq!(resolved(&state, "2001:db8::1"), None, "there is no IPv6 default route");
    assert!(state.resolve(ip("10.0.1.1")).is_some_and(|found| found.connected));
    assert!(state.resolve(ip("10.9.9.9")).is_some_and(|found| !found.connected));
}

#[test]
fn nothing_resolves_through_bgp_or_to_ourselves() {
    let bgp = HostRoute { protocol: PROTOCOL_BGP, ..route("192.0.2.0/24", &[via("10.0.2.1", 2)]) };
    let state = host([HostEvent::RouteSet(bgp.clone())]);
    assert_eq!(resolved(&state, "192.0.2.1"), Some(("0.0.0.0/0".into(), vec![via("10.0.1.1", 1)])));
    assert_eq!(state.longest_match(ip("192.0.2.1")), Some(&bgp), "the kernel itself does use it");
    assert_eq!(resolved(&state, "10.0.1.9"), None);
}

#[test]
fn nothing_resolves_to_what_is_no_hosts_address() {
    let local = |kind, net: &str| HostRoute { table: TABLE_LOCAL, kind, ..route(net, &[on(1)]) };
    let state = host([
        HostEvent::RouteAdded(local(RouteKind::Broadcast, "10.0.1.255/32")),
        // The subnet-router anycast address is ours while we forward (RFC 4291 §2.6.1).
        HostEvent::RouteAdded(local(RouteKind::Local, "2001:db8:1::/128")),
        HostEvent::RouteAdded(route("2001:db8:1::/64", &[on(1)])),
        HostEvent::RouteAdded(route("fe80::/64", &[on(1)])),
    ]);
    for address in ["10.0.1.255", "2001:db8:1::", "fe80::1"] {
        assert_eq!(resolved(&state, address), None, "{address}");
    }
    assert!(resolved(&state, "10.0.1.254").is_some() && resolved(&state, "2001:db8:1::1").is_some());
}

#[test]
fn a_blackhole_stops_resolution_instead_of_falling_through() {
    let state = host([HostEvent::RouteSet(HostRoute { kind: RouteKind::Blackhole, ..route("192.0.2.0/24", &[]) })]);
    assert_eq!(resolved(&state, "192.0.2.1"), None);
    assert_eq!(state.longest_match(ip("192.0.2.1")).map(|route| route.kind), Some(RouteKind::Blackhole));
}

#[test]
fn other_tables_do_not_count_and_the_local_table_comes_first() {
    let vrf = HostRoute { table: 10, ..route("192.0.2.0/24", &[on(2)]) };
    let local = HostRoute { table: TABLE_LOCAL, kind: RouteKind::Local, ..route("10.0.2.9/32", &[on(2)]) };
    let main = HostRoute { metric: 5, ..route("10.0.2.9/32", &[on(1)]) };
    let state = host([vrf, main.clone(), local.clone()].map(HostEvent::RouteSet));
    assert_eq!(resolved(&state, "192.0.2.1"), Some(("0.0.0.0/0".into(), vec![via("10.0.1.1", 1)])));
    assert_eq!(state.best_route(prefix("192.0.2.0/24")), None);
    assert_eq!(state.best_route(prefix("10.0.2.9/32")), Some(&local));
    assert_eq!(state.routes_of(prefix("10.0.2.9/32")), [local, main]);
}

#[test]
fn the_lowest_metric_over_a_link_that_is_up_wins() {
    let backup = HostRoute { metric: 100, ..route("10.9.0.0/16", &[via("10.0.2.1", 2)]) };
    let mut state = host([backup, route("10.9.0.0/16", &[via("10.0.1.1", 1)])].map(HostEvent::RouteSet));
    assert_eq!(resolved(&state, "10.9.9.9").map(|found| found.1), Some(vec![via("10.0.1.1", 1)]));

    let delta = state.apply(HostEvent::LinkSet(link(1, false)));
    assert_eq!(delta.links, [1].into());
    assert_eq!(delta.routes, ["0.0.0.0/0", "10.0.1.0/24", "10.9.0.0/16"].map(prefix).into());
    assert_eq!(resolved(&state, "10.9.9.9").map(|found| found.1), Some(vec![via("10.0.2.1", 2)]));
    assert_eq!(state.best_route(prefix("10.9.0.0/16")).map(|route| route.metric), Some(100));
    assert_eq!(resolved(&state, "192.0.2.1"), None);
    assert_eq!(state.connected_link(ip("10.0.1.7")), None);

    assert!(state.apply(HostEvent::LinkSet(link(1, true))).routes.contains(&prefix("10.9.0.0/16")));
    assert_eq!(state.connected_link(ip("10.0.1.7")), Some(1));
}

#[test]
fn a_multipath_route_loses_only_the_hops_of_the_link_that_is_down() {
    let mut state = host([HostEvent::RouteSet(route("10.9.0.0/16", &[via("10.0.1.1", 1), via("10.0.2.1", 2)]))]);
    state.apply(HostEvent::LinkSet(link(2, false)));
    assert_eq!(resolved(&state, "10.9.9.9").map(|found| found.1), Some(vec![via("10.0.1.1", 1)]));
}

#[test]
fn a_removed_link_takes_everything_of_its_own_along() {
    let neighbour = Neighbour { link: 2, address: ip("10.0.2.1"), mac: Some([1; 6]), stale: false };
    let mut state = host([
        HostEvent::NeighbourSet(neighbour),
        HostEvent::RouteSet(route("10.9.0.0/16", &[via("10.0.1.1", 1), via("10.0.2.1", 2)])),
    ]);
    let delta = state.apply(HostEvent::LinkRemoved(2));
    assert_eq!(delta.links, [2].into());
    assert_eq!(delta.addresses, [address(2, "10.0.2.9/24")].into());
    assert_eq!(delta.neighbours, [(2, ip("10.0.2.1"))].into());
    assert_eq!(delta.routes, ["10.0.2.0/24", "10.9.0.0/16"].map(prefix).into());
    assert_eq!(state.routes_of(prefix("10.9.0.0/16")), [route("10.9.0.0/16", &[via("10.0.1.1", 1)])]);
    assert_eq!(state.routes_of(prefix("10.0.2.0/24")), []);
    assert!(state.apply(HostEvent::LinkRemoved(2)).is_empty());
}

#[test]
fn routes_of_one_key_stand_side_by_side_unless_one_replaces_the_first() {
    let (one, two, three) = (route("fe80::/64", &[on(1)]), route("fe80::/64", &[on(2)]), route("fe80::/64", &[on(3)]));
    let mut state = host([HostEvent::RouteAdded(one.clone()), HostEvent::RouteAdded(two.clone())]);
    assert_eq!(state.routes_of(prefix("fe80::/64")), [one.clone(), two.clone()]);
    assert!(state.apply(HostEvent::RouteAdded(one.clone())).is_empty(), "the same again");

    state.apply(HostEvent::RouteSet(three.clone()));
    assert_eq!(state.routes_of(prefix("fe80::/64")), [three.clone(), two.clone()]);
    assert!(state.apply(HostEvent::RouteRemoved(one)).is_empty(), "it was replaced");
    state.apply(HostEvent::RouteRemoved(three));
    assert_eq!(state.routes_of(prefix("fe80::/64")), [two]);
}

#[test]
fn ipv6_multipath_routes_grow_and_shrink_by_hops() {
    let net = "2001:db8:9::/48";
    let (a, b, c) = (via("fe80::a", 1), via("fe80::b", 2), via("fe80::c", 2));
    let mut state = host([HostEvent::RouteAdded(route(net, &[a]))]);
    state.apply(HostEvent::RouteAdded(route(net, &[c, a, b])));
    assert_eq!(state.routes_of(prefix(net)), [route(net, &[a, b, c])]);
    state.apply(HostEvent::RouteRemoved(route(net, &[b])));
    assert_eq!(state.routes_of(prefix(net)), [route(net, &[a, c])]);
    state.apply(HostEvent::RouteSet(route(net, &[b])));
    assert_eq!(state.routes_of(prefix(net)), [route(net, &[b])]);

    let advertised = |hop| HostRoute { protocol: 9, ..route("::/0", &[hop]) };
    state.apply(HostEvent::RouteAdded(advertised(a)));
    state.apply(HostEvent::RouteAdded(advertised(b)));
    assert_eq!(state.routes_of(prefix("::/0")), [advertised(a), advertised(b)], "router advertisements never merge");
}

#[test]
fn the_connected_link_is_that_of_the_longest_subnet_and_never_a_loopback() {
    let lo = Link { index: 3, loopback: true, ..link(3, true) };
    let tunnel = Address { peer: Some(ip("172.16.0.2")), ..address(2, "172.16.0.1/32") };
    let state = host([
        HostEvent::LinkSet(lo),
        HostEvent::AddressAdded(address(3, "10.0.1.64/28")),
        HostEvent::AddressAdded(address(2, "10.0.1.129/25")),
        HostEvent::AddressAdded(tunnel),
    ]);
    assert_eq!(state.connected_link(ip("10.0.1.65")), Some(1));
    assert_eq!(state.connected_link(ip("10.0.1.200")), Some(2));
    assert_eq!(state.connected_link(ip("172.16.0.2")), Some(2));
    assert_eq!(state.connected_link(ip("192.0.2.1")), None);
    assert!(state.is_own_address(ip("172.16.0.1")) && !state.is_own_address(ip("172.16.0.2")));
}

#[test]
fn an_address_on_two_links_stays_ours_until_both_are_gone() {
    let (one, two) = (address(1, "10.7.7.7/32"), address(2, "10.7.7.7/32"));
    let mut state = host([HostEvent::AddressAdded(one), HostEvent::AddressAdded(two)]);
    assert_eq!(state.apply(HostEvent::AddressRemoved(one)).addresses, [one].into());
    assert!(state.is_own_address(ip("10.7.7.7")));
    state.apply(HostEvent::AddressRemoved(two));
    assert!(!state.is_own_address(ip("10.7.7.7")));
}

fn object(id: u32, kind: NextHopKind) -> HostEvent {
    HostEvent::NextHopSet(NextHopObject { id, protocol: 11, kind })
}

fn group(members: &[(u32, u16)]) -> NextHopKind {
    NextHopKind::Group(members.iter().map(|(id, weight)| GroupMember { id: *id, weight: *weight }).collect())
}

#[test]
fn a_route_goes_whatever_mtu_it_had_meanwhile() {
    let of_mtu = |mtu| HostRoute { mtu: NonZeroU32::new(mtu), ..route("2001:db8:9::/48", &[on(1)]) };
    let mut state = host([HostEvent::RouteSet(of_mtu(1500))]);
    assert_eq!(state.routes_of(prefix("2001:db8:9::/48")), [of_mtu(1500)]);
    // The kernel has lowered it with that of the interface, and told of the interface only.
    state.apply(HostEvent::RouteRemoved(of_mtu(1300)));
    assert_eq!(state.routes_of(prefix("2001:db8:9::/48")), []);
    // Of two that differ in nothing else, the right one goes.
    for event in [of_mtu(1500), of_mtu(1300)].map(HostEvent::RouteAdded) {
        state.apply(event);
    }
    state.apply(HostEvent::RouteRemoved(of_mtu(1300)));
    assert_eq!(state.routes_of(prefix("2001:db8:9::/48")), [of_mtu(1500)]);
}

fn through(id: u32, protocol: u8, net: &str) -> HostRoute {
    HostRoute { protocol, via: Via::Object(id), ..route(net, &[]) }
}

#[test]
fn routes_through_an_object_lead_where_it_does() {
    let (one, two) = (via("10.0.1.1", 1), via("10.0.2.1", 2));
    let (is_static, bgp) = (through(10, 4, "10.9.0.0/16"), through(10, PROTOCOL_BGP, "10.8.0.0/16"));
    let mut state = host([
        object(1, NextHopKind::Hop(one)),
        object(2, NextHopKind::Hop(two)),
        object(10, group(&[(1, 1), (2, 5)])),
        HostEvent::RouteAdded(is_static.clone()),
        HostEvent::RouteAdded(bgp.clone()),
    ]);
    let way = |state: &HostState| resolved(state, "10.9.9.9");
    let net = || "10.9.0.0/16".to_owned();
    assert_eq!(way(&state), Some((net(), vec![one, Hop { weight: 5, ..two }])));

    let other = via("10.0.1.7", 1);
    let delta = state.apply(object(1, NextHopKind::Hop(other)));
    assert_eq!(delta.next_hops, [1, 10].into());
    assert_eq!(delta.routes, [prefix("10.9.0.0/16")].into(), "nothing resolves through a BGP daemon's");
    assert_eq!(way(&state), Some((net(), vec![other, Hop { weight: 5, ..two }])));
    assert_eq!(state.hops(&bgp), state.hops(&is_static));
    assert!(state.apply(object(1, NextHopKind::Hop(other))).is_empty(), "no change");

    state.apply(object(10, group(&[(1, 1)])));
    let delta = state.apply(object(1, NextHopKind::Hop(on(1))));
    assert_eq!(delta.routes, ["10.8.0.0/16", "10.9.0.0/16"].map(prefix).into(), "neighbours on a link now");
    state.apply(object(10, NextHopKind::Discard));
    assert_eq!((way(&state), state.kind(&is_static)), (None, RouteKind::Blackhole));
    state.apply(object(10, NextHopKind::Opaque));
    assert_eq!((way(&state), state.kind(&is_static)), (None, RouteKind::Other));

    state.apply(object(10, group(&[(1, 1), (2, 5)])));
    state.apply(HostEvent::LinkRemoved(1));
    assert_eq!(way(&state), Some((net(), vec![two])), "one member, whose weight means nothing");
    let delta = state.apply(HostEvent::LinkRemoved(2));
    assert!(delta.next_hops.contains(&10) && delta.routes.contains(&prefix("10.8.0.0/16")));
    assert_eq!(state.routes_of(prefix("10.9.0.0/16")), [], "they go with the object");
    assert_eq!(state.next_hop_objects().count(), 0);
}

#[test]
fn a_route_through_an_object_that_is_not_there_is_the_kernels() {
    let mut state = host([HostEvent::RouteAdded(through(7, 4, "10.9.0.0/16"))]);
    assert_eq!(resolved(&state, "10.9.9.9"), None);
    let there = state.apply(object(7, NextHopKind::Hop(via("10.0.2.1", 2))));
    assert_eq!(there.routes, [prefix("10.9.0.0/16")].into());
    assert!(resolved(&state, "10.9.9.9").is_some());
    let bgp = through(7, PROTOCOL_BGP, "10.8.0.0/16");
    state.apply(HostEvent::RouteAdded(bgp));
    let gone = state.apply(HostEvent::NextHopRemoved(7));
    assert_eq!(gone.routes, ["10.8.0.0/16", "10.9.0.0/16"].map(prefix).into());
    assert_eq!((state.routes_of(prefix("10.8.0.0/16")), state.routes_of(prefix("10.9.0.0/16"))), (&[][..], &[][..]));
    assert!(state.apply(HostEvent::NextHopRemoved(7)).is_empty());
    state.apply(HostEvent::RouteAdded(through(7, 4, "10.9.0.0/16")));
    // What it did when the kernel told of the route need not be what it does when the kernel tells of the end.
    let blackhole = HostRoute { kind: RouteKind::Blackhole, ..through(7, 4, "10.9.0.0/16") };
    state.apply(HostEvent::RouteRemoved(blackhole));
    assert_eq!(state.routes_of(prefix("10.9.0.0/16")), []);
}

fn any_hop() -> impl Strategy<Value = Hop> + Clone {
    (1..4u32, proptest::option::of(1..4u8)).prop_map(|(link, gateway)| Hop {
        gateway: gateway.map(|last| IpAddr::from([10, 0, 0, last])),
        link,
        weight: 1,
    })
}

fn any_event() -> impl Strategy<Value = HostEvent> {
    let any_link = (1..4u32, any::<bool>()).prop_map(|(index, up)| link(index, up));
    let any_address = (1..4u32, 0..3u8, 24..=25u8).prop_map(|(link, last, prefix_len)| Address {
        link,
        address: IpAddr::from([10, 0, 0, last]),
        prefix_len,
        peer: None,
    });
    let any_route = (0..3u8, 0..2u32, 3..5u8, prop::collection::vec(any_hop(), 1..3), prop::bool::weighted(0.2));
    let any_route = (any_route, prop::option::of(1..4u32));
    let any_route = any_route.prop_map(|((net, metric, protocol, hops, local), object)| HostRoute {
        table: if local { TABLE_LOCAL } else { TABLE_MAIN },
        metric,
        protocol,
        via: object.map_or_else(|| Via::Hops(hops), Via::Object),
        ..route(&format!("10.{net}.0.0/16"), &[])
    });
    let any_object = (1..4u32, any_hop(), 0..4u8).prop_map(|(id, hop, kind)| {
        object(
            id,
            match kind {
                0 => NextHopKind::Discard,
                1 if id == 3 => group(&[(1, 1), (2, 2)]),
                _ => NextHopKind::Hop(hop),
            },
        )
    });
    let any_neighbour = (1..4u32, 0..3u8, any::<bool>()).prop_map(|(link, last, stale)| Neighbour {
        link,
        address: IpAddr::from([10, 0, 0, last]),
        mac: Some([last; 6]),
        stale,
    });
    prop_oneof![
        any_link.prop_map(HostEvent::LinkSet),
        (1..4u32).prop_map(HostEvent::LinkRemoved),
        any_address.clone().prop_map(HostEvent::AddressAdded),
        any_address.prop_map(HostEvent::AddressRemoved),
        any_neighbour.prop_map(HostEvent::NeighbourSet),
        (1..4u32, 0..3u8).prop_map(|(link, last)| HostEvent::NeighbourRemoved(link, IpAddr::from([10, 0, 0, last]))),
        any_object,
        (1..4u32).prop_map(HostEvent::NextHopRemoved),
        any_route.clone().prop_map(HostEvent::RouteSet),
        any_route.clone().prop_map(HostEvent::RouteAdded),
        any_route.prop_map(HostEvent::RouteRemoved),
    ]
}

fn snapshot(state: &HostState) -> Snapshot {
    Snapshot {
        links: state.links().cloned().collect(),
        addresses: state.addresses().copied().collect(),
        neighbours: state.neighbours().copied().collect(),
        next_hops: Some(state.next_hop_objects().cloned().collect()),
        routes: state.routes().cloned().collect(),
        audit: None,
    }
}

/// What a prefix comes to for those who read deltas: its routes, each with the links that are up for it.
fn meaning(state: &HostState, prefix: Prefix) -> Vec<(HostRoute, Vec<bool>)> {
    let usable = |route: &HostRoute| state.hops(route).iter().map(|hop| state.is_up(hop.link)).collect();
    state.routes_of(prefix).iter().map(|route| (route.clone(), usable(route))).collect()
}

proptest! {
    /// A state that lost events and is resynchronised equals one that saw them all, and the delta has exactly the keys
    /// that differ.
    #[test]
    fn a_resync_is_as_good_as_a_replay(
        before in prop::collection::vec(any_event(), 0..20),
        lost in prop::collection::vec(any_event(), 0..20),
    ) {
        let (mut behind, mut current) = (HostState::default(), HostState::default());
        for event in before {
            behind.apply(event.clone());
            current.apply(event);
        }
        let nets: Vec<Prefix> = (0..3).map(|net| prefix(&format!("10.{net}.0.0/16"))).collect();
        let old: Vec<_> = nets.iter().map(|net| meaning(&behind, *net)).collect();
        let mut replayed = HostDelta::default();
        for event in lost {
            replayed.merge(current.apply(event));
        }

        let delta = behind.apply(HostEvent::Resync(Box::new(snapshot(&current))));
        prop_assert_eq!(snapshot(&behind), snapshot(&current));
        for (net, old) in nets.iter().zip(&old) {
            if meaning(&behind, *net) != *old {
                prop_assert!(delta.routes.contains(net), "{} changed unnoticed by the resync", net);
                prop_assert!(replayed.routes.contains(net), "{} changed unnoticed by the events", net);
            }
        }
        prop_assert!(delta.links.is_subset(&replayed.links));
        prop_assert!(delta.addresses.is_subset(&replayed.addresses));
        prop_assert!(delta.neighbours.is_subset(&replayed.neighbours));
        prop_assert!(delta.next_hops.is_subset(&replayed.next_hops));
        prop_assert!(delta.routes.is_subset(&replayed.routes));
        prop_assert!(behind.apply(HostEvent::Resync(Box::new(snapshot(&current)))).is_empty());
    }
}
