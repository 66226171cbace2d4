//! Whatever happens in whatever order, the operations build what a fresh look says, and that is what the kernel would do.

use std::net::IpAddr;
use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const PREFIXES: [&str; 19] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.2.0/24",
    "10.0.2.0/28",
    "10.0.2.1/32",
    "10.0.2.5/32",
    "10.0.3.0/24",
    "192.0.2.0/24",
    "10.0.2.4/30",
    "::/0",
    "2001:db8::/32",
    "2001:db8:2::/64",
    "2001:db8:2::/120",
    "2001:db8:2::1/128",
    "2001:db8:2::5/128",
    "fe80::/9",
    "fe80::/64",
    "fe80::1/128",
    "ff00::/8",
];
const ADDRESSES: [&str; 10] = [
    "10.0.2.1",
    "10.0.2.5",
    "10.0.2.7",
    "10.0.3.1",
    "192.0.2.9",
    "2001:db8:2::1",
    "2001:db8:2::5",
    "2001:db8:3::1",
    "fe80::1",
    "ff02::1",
];
const KINDS: [RouteKind; 6] = [
    RouteKind::Unicast,
    RouteKind::Unicast,
    RouteKind::Unicast,
    RouteKind::Local,
    RouteKind::Blackhole,
    RouteKind::Other,
];

fn any_gateway() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(select(&ADDRESSES[..]))
}

fn any_route() -> impl Strategy<Value = HostRoute> {
    let table = prop_oneof![1 => Just(TABLE_LOCAL), 5 => Just(TABLE_MAIN)];
    let hops = prop::collection::btree_set((1u32..5, any_gateway()), 1..3);
    let object = prop::option::of(1u32..5);
    let mtu = select(&[0, 0, 1300][..]).prop_map(NonZeroU32::new);
    (select(&PREFIXES[..]), table, 0u32..2, select(&KINDS[..]), hops, object, mtu).prop_map(
        |(prefix, table, metric, kind, hops, object, mtu)| {
            let hops: Vec<(u32, Option<&str>)> = hops.into_iter().collect();
            let own = route(table, prefix, metric, kind, if kind == RouteKind::Unicast { &hops } else { &[] });
            let own = HostRoute { mtu, ..own };
            match object.filter(|_| kind == RouteKind::Unicast) {
                Some(id) => HostRoute { via: Via::Object(id), ..own },
                None => own,
            }
        },
    )
}

/// Objects of every kind; those above 2 may be groups of those below.
fn any_object() -> impl Strategy<Value = HostEvent> {
    (1u32..5, 0usize..4, (1u32..5, any_gateway()), 1u16..3).prop_map(|(id, kind, (link, gateway), weight)| {
        let members = [1, 2].map(|id| GroupMember { id, weight: if id == 1 { weight } else { 1 } });
        object(
            id,
            match kind {
                0 => NextHopKind::Discard,
                1 if id > 2 => NextHopKind::Group(members.to_vec()),
                _ => NextHopKind::Hop(Hop { gateway: gateway.map(ip), link, weight: 1 }),
            },
        )
    })
}

fn any_event() -> impl Strategy<Value = HostEvent> {
    let address = || select(&ADDRESSES[..]).prop_map(ip);
    prop_oneof![
        4 => any_route().prop_map(HostEvent::RouteSet),
        1 => any_route().prop_map(HostEvent::RouteAdded),
        3 => any_route().prop_map(HostEvent::RouteRemoved),
        3 => (2u32..5, address(), any::<bool>()).prop_map(|(link, address, valid)| {
            HostEvent::NeighbourSet(Neighbour { link, address, mac: valid.then_some(MAC), stale: false })
        }),
        1 => (2u32..5, address()).prop_map(|(link, address)| HostEvent::NeighbourRemoved(link, address)),
        3 => any_object(),
        1 => (1u32..5).prop_map(HostEvent::NextHopRemoved),
        1 => (1u32..5, any::<bool>()).prop_map(|(index, up)| HostEvent::LinkSet(link(index, up))),
        1 => (2u32..5).prop_map(HostEvent::LinkRemoved),
    ]
}

/// The prefix by which the kernel decides: the longest of the local table, or else of the main table.
fn decisive(address: IpAddr, host: &HostState) -> Option<Prefix> {
    let longest = |table: u32| {
        let matching = host.routes().filter(|route| route.table == table && route.prefix.contains(address));
        matching.map(|route| route.prefix).max_by_key(|prefix| prefix.len())
    };
    longest(TABLE_LOCAL).or_else(|| longest(TABLE_MAIN))
}

/// Whether an address has a host route for being a neighbour, of a link that the kernel would send it over.
fn is_neighbour(address: IpAddr, machine: &Machine) -> bool {
    let Some((prefix, group)) = machine.mirror.longest_match(address) else { return false };
    let Some(GroupState::Forward(members)) = machine.mirror.group(group) else { return false };
    let [Member { hop, .. }] = members.as_slice() else { return false };
    let routes = decisive(address, &machine.host).map_or(&[][..], |prefix| machine.host.routes_of(prefix));
    let mut directly = routes.iter().flat_map(|route| machine.host.hops(route)).filter(|hop| hop.gateway.is_none());
    prefix.is_host() && hop.gateway == Some(address) && directly.any(|direct| direct.link == hop.link)
}

proptest! {
    /// `apply(diff(have, want)) == want`, after every single event.
    #[test]
    fn following_events_is_the_same_as_looking_afresh(events in prop::collection::vec(any_event(), 1..60)) {
        let mut machine = Machine::new();
        for event in events {
            machine.tell(event);
            let mut fresh = Mirror::new(machine.mirror.ports().clone());
            let mut expected = Model::default();
            expected.apply(&fresh.rebuild(&machine.host));
            prop_assert_eq!(machine.model.meaning(), expected.meaning());
            prop_assert_eq!(&machine.model.ports, &expected.ports);
            prop_assert_eq!(machine.model.groups.len(), expected.groups.len());
        }
        let mut again = Model::default();
        again.apply(&machine.mirror.everything());
        prop_assert_eq!(again, machine.model);
    }

    #[test]
    fn the_longest_match_is_the_route_that_the_kernel_decides_by(
        events in prop::collection::vec(any_event(), 1..60),
    ) {
        let mut machine = Machine::new();
        for event in events {
            machine.tell(event);
            for address in ADDRESSES.map(ip).into_iter().filter(|address| is_mirrored(Prefix::host(*address))) {
                let found = machine.mirror.longest_match(address).map(|(prefix, _)| prefix);
                prop_assert!(found == decisive(address, &machine.host) || is_neighbour(address, &machine));
            }
        }
    }
}
