//! Tables of situations, and a model: whatever happens in whatever order, the operations build what a fresh look says.

mod ipv6;
mod mtu;
mod property;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::*;
use crate::host::{
    GroupMember, Hop, HostEvent, HostRoute, Link, Neighbour, NextHopKind, NextHopObject, RouteKind, TABLE_LOCAL,
    TABLE_MAIN, Via,
};

const MAC: [u8; 6] = [2, 0, 0, 0, 9, 9];

/// What becomes of packets for a prefix with a route of its own that drops them.
fn dropped(net: &str) -> GroupState {
    GroupState::Blackhole(Some(net.parse().expect(net)))
}

/// What a data plane would hold after the operations: it insists on their order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    ports: BTreeMap<u32, [u8; 6]>,
    /// What they do, and the interfaces that they lead to.
    groups: BTreeMap<GroupId, (GroupState, Vec<u32>)>,
    routes: BTreeMap<Prefix, GroupId>,
}

impl Model {
    fn apply(&mut self, ops: &[XdpOp]) {
        for op in ops {
            match op {
                XdpOp::SetPort { link, mac } => drop(self.ports.insert(*link, *mac)),
                XdpOp::RemovePort(link) => assert!(self.ports.remove(link).is_some(), "{op:?}"),
                XdpOp::SetGroup { id, state, links } => {
                    self.groups.insert(*id, (state.clone(), links.clone()));
                }
                XdpOp::SetRoute { prefix, group } => {
                    assert!(self.groups.contains_key(group), "{op:?} before its group");
                    self.routes.insert(*prefix, *group);
                }
                XdpOp::RemoveRoute(prefix) => assert!(self.routes.remove(prefix).is_some(), "{op:?}"),
                XdpOp::RemoveGroup(id) => {
                    assert!(!self.routes.values().any(|group| group == id), "{op:?} before its routes");
                    assert!(self.groups.remove(id).is_some(), "{op:?}");
                }
            }
        }
    }

    /// What each prefix does, without identities.
    fn meaning(&self) -> BTreeMap<Prefix, (GroupState, Vec<u32>)> {
        self.routes.iter().map(|(prefix, group)| (*prefix, self.groups[group].clone())).collect()
    }
}

/// A machine with the interfaces 2 and 3 (ours), 4 (not ours) and the loopback.
struct Machine {
    host: HostState,
    mirror: Mirror,
    model: Model,
}

impl Machine {
    fn new() -> Machine {
        let mut machine = Machine {
            host: HostState::default(),
            mirror: Mirror::new(BTreeSet::from([2, 3])),
            model: Model::default(),
        };
        for index in 1..=4 {
            machine.tell(HostEvent::LinkSet(link(index, true)));
        }
        machine
    }

    fn tell(&mut self, event: HostEvent) {
        let delta = self.host.apply(event);
        let ops = self.mirror.apply(&delta, &self.host);
        self.model.apply(&ops);
    }

    fn route(&mut self, prefix: &str, via: &[(u32, Option<&str>)]) {
        self.tell(HostEvent::RouteSet(route(TABLE_MAIN, prefix, 0, RouteKind::Unicast, via)));
    }

    fn neighbour(&mut self, link: u32, address: &str, mac: Option<[u8; 6]>) {
        self.tell(HostEvent::NeighbourSet(Neighbour { link, address: ip(address), mac, stale: false }));
    }

    fn state(&self, prefix: &str) -> Option<GroupState> {
        self.model.meaning().get(&p(prefix)).map(|(state, _)| state.clone())
    }

    /// The interfaces that a prefix leads to.
    fn links(&self, prefix: &str) -> Option<Vec<u32>> {
        self.model.meaning().get(&p(prefix)).map(|(_, links)| links.clone())
    }

    /// What happens to a packet.
    fn fate(&self, address: &str) -> Option<GroupState> {
        let (_, group) = self.mirror.longest_match(ip(address))?;
        self.mirror.group(group).cloned()
    }
}

fn p(text: &str) -> Prefix {
    text.parse().expect(text)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn own_mac(index: u32) -> [u8; 6] {
    [2, 0, 0, 0, 0, index as u8]
}

fn link(index: u32, up: bool) -> Link {
    let loopback = index == 1;
    let mac = (!loopback).then(|| own_mac(index));
    Link { index, name: format!("eth{index}"), mac, mtu: 1500, up, loopback }
}

fn route(table: u32, prefix: &str, metric: u32, kind: RouteKind, via: &[(u32, Option<&str>)]) -> HostRoute {
    let mut hops: Vec<Hop> =
        via.iter().map(|(link, gateway)| Hop { gateway: gateway.map(ip), link: *link, weight: 1 }).collect();
    hops.sort();
    HostRoute { table, prefix: p(prefix), metric, protocol: 186, kind, mtu: None, via: Via::Hops(hops) }
}

fn adjacency(link: u32) -> Option<Adjacency> {
    Some(Adjacency { link, own_mac: own_mac(link), mac: MAC, mtu: 1500 })
}

fn forward(via: &[(u32, &str, Option<Adjacency>)]) -> Option<GroupState> {
    let member = |(link, gateway, adjacency): &(u32, &str, Option<Adjacency>)| Member {
        hop: Hop { gateway: Some(ip(gateway)), link: *link, weight: 1 },
        adjacency: *adjacency,
    };
    Some(GroupState::Forward(via.iter().map(member).collect()))
}

#[test]
fn groups_name_the_interfaces_that_their_routes_lead_to() {
    let mut machine = Machine::new();
    for (prefix, via, expected) in [
        ("192.0.2.0/24", &[(2, Some("10.0.2.1"))][..], &[2][..]),
        ("192.0.3.0/24", &[(3, Some("10.0.3.1")), (2, Some("10.0.2.1")), (2, Some("10.0.2.2"))], &[2, 3]),
        ("10.0.3.0/24", &[(3, None)], &[3]),
        ("192.0.4.0/24", &[(4, Some("10.0.4.1"))], &[4]),
    ] {
        machine.route(prefix, via);
        assert_eq!(machine.links(prefix).as_deref(), Some(expected), "{prefix}");
    }
    machine.tell(HostEvent::RouteSet(route(TABLE_MAIN, "192.0.5.0/24", 0, RouteKind::Blackhole, &[])));
    assert_eq!(machine.links("192.0.5.0/24"), Some(Vec::new()));
    let object = |link| {
        let kind = NextHopKind::Hop(Hop { gateway: Some(ip("10.0.9.1")), link, weight: 1 });
        HostEvent::NextHopSet(NextHopObject { id: 7, protocol: 186, kind })
    };
    machine.tell(object(4));
    let through = HostRoute { via: Via::Object(7), ..route(TABLE_MAIN, "192.0.6.0/24", 0, RouteKind::Unicast, &[]) };
    machine.tell(HostEvent::RouteSet(through));
    assert_eq!(
        (machine.state("192.0.6.0/24"), machine.links("192.0.6.0/24")),
        (Some(GroupState::Kernel), Some(vec![4]))
    );
    machine.tell(HostEvent::LinkSet(link(5, true)));
    machine.tell(object(5));
    assert_eq!(
        (machine.state("192.0.6.0/24"), machine.links("192.0.6.0/24")),
        (Some(GroupState::Kernel), Some(vec![5]))
    );
}

#[test]
fn a_route_forwards_while_its_router_is_resolved() {
    let mut machine = Machine::new();
    machine.route("192.0.2.0/24", &[(2, Some("10.0.2.1"))]);
    assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", None)]));
    machine.neighbour(2, "10.0.2.1", Some(MAC));
    assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", adjacency(2))]));
    machine.neighbour(2, "10.0.2.1", None);
    assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", None)]));
    machine.neighbour(2, "10.0.2.1", Some(MAC));
    machine.tell(HostEvent::LinkSet(link(2, false)));
    assert_eq!(machine.state("192.0.2.0/24"), forward(&[(2, "10.0.2.1", None)]), "the link is down");
}

#[test]
fn kinds_become_groups() {
    let mut machine = Machine::new();
    for (prefix, table, kind, state) in [
        ("10.0.2.5/32", TABLE_LOCAL, RouteKind::Local, GroupState::Local(p("10.0.2.5/32"))),
        ("10.0.2.255/32", TABLE_LOCAL, RouteKind::Broadcast, GroupState::Broadcast),
        ("198.51.100.0/24", TABLE_MAIN, RouteKind::Blackhole, dropped("198.51.100.0/24")),
        ("198.51.101.0/24", TABLE_MAIN, RouteKind::Unreachable, GroupState::Refused),
        ("198.51.102.0/24", TABLE_MAIN, RouteKind::Prohibit, GroupState::Refused),
        ("198.51.103.0/24", TABLE_MAIN, RouteKind::Other, GroupState::Kernel),
    ] {
        machine.tell(HostEvent::RouteSet(route(table, prefix, 0, kind, &[])));
        assert_eq!(machine.state(prefix), Some(state));
    }
    machine.route("198.51.104.0/24", &[(4, Some("10.0.4.1"))]);
    machine.neighbour(4, "10.0.4.1", Some(MAC));
    assert_eq!(machine.state("198.51.104.0/24"), Some(GroupState::Kernel), "not our interface");
    machine.tell(HostEvent::RouteSet(route(100, "198.51.105.0/24", 0, RouteKind::Blackhole, &[])));
    assert_eq!(machine.state("198.51.105.0/24"), None, "another table");
}

#[test]
fn the_local_table_comes_first_and_then_the_lowest_metric() {
    let mut machine = Machine::new();
    machine.tell(HostEvent::RouteSet(route(TABLE_MAIN, "192.0.2.0/24", 20, RouteKind::Blackhole, &[])));
    machine.tell(HostEvent::RouteSet(route(TABLE_MAIN, "192.0.2.0/24", 10, RouteKind::Prohibit, &[])));
    assert_eq!(machine.state("192.0.2.0/24"), Some(GroupState::Refused));
    let any_address = route(TABLE_LOCAL, "192.0.2.0/24", 0, RouteKind::Local, &[]);
    machine.tell(HostEvent::RouteSet(route(TABLE_MAIN, "192.0.2.128/25", 0, RouteKind::Blackhole, &[])));
    machine.tell(HostEvent::RouteSet(any_address.clone()));
    assert_eq!(machine.state("192.0.2.0/24"), Some(GroupState::Local(p("192.0.2.0/24"))));
    assert_eq!(machine.state("192.0.2.128/25"), None, "the kernel asks the local table first");
    machine.tell(HostEvent::RouteRemoved(any_address));
    assert_eq!(machine.state("192.0.2.128/25"), Some(dropped("192.0.2.128/25")));
}

#[test]
fn neighbours_on_a_link_are_host_routes() {
    let mut machine = Machine::new();
    machine.route("10.0.2.0/24", &[(2, None)]);
    machine.neighbour(2, "10.0.2.7", Some(MAC));
    assert_eq!(machine.state("10.0.2.0/24"), Some(GroupState::Unresolved));
    assert_eq!(machine.state("10.0.2.7/32"), forward(&[(2, "10.0.2.7", adjacency(2))]));
    machine.route("10.0.2.0/28", &[(3, Some("10.0.3.1"))]);
    assert_eq!(machine.state("10.0.2.7/32"), None, "a longer route leads elsewhere");
    assert_eq!(machine.fate("10.0.2.7"), forward(&[(3, "10.0.3.1", None)]));
    let removed = route(TABLE_MAIN, "10.0.2.0/28", 0, RouteKind::Unicast, &[(3, Some("10.0.3.1"))]);
    machine.tell(HostEvent::RouteRemoved(removed));
    assert_eq!(machine.state("10.0.2.7/32"), forward(&[(2, "10.0.2.7", adjacency(2))]));
    machine.neighbour(3, "10.0.2.8", Some(MAC));
    assert_eq!(machine.state("10.0.2.8/32"), None, "known on another link only");
    machine.tell(HostEvent::NeighbourRemoved(2, ip("10.0.2.7")));
    assert_eq!(machine.state("10.0.2.7/32"), None);
}

#[test]
fn routes_with_the_same_hops_share_a_group_and_the_last_takes_it_away() {
    let mut machine = Machine::new();
    let via: &[(u32, Option<&str>)] = &[(2, Some("10.0.2.1")), (3, Some("10.0.3.1"))];
    machine.neighbour(2, "10.0.2.1", Some(MAC));
    machine.route("192.0.2.0/24", via);
    machine.route("198.51.100.0/24", via);
    assert_eq!(machine.model.groups.len(), 1);
    let both = forward(&[(2, "10.0.2.1", adjacency(2)), (3, "10.0.3.1", None)]);
    assert_eq!(machine.state("198.51.100.0/24"), both);
    for prefix in ["192.0.2.0/24", "198.51.100.0/24"] {
        machine.tell(HostEvent::RouteRemoved(route(TABLE_MAIN, prefix, 0, RouteKind::Unicast, via)));
    }
    assert!(machine.model.groups.is_empty());
}

fn object(id: u32, kind: NextHopKind) -> HostEvent {
    HostEvent::NextHopSet(NextHopObject { id, protocol: 186, kind })
}

fn through(id: u32, prefix: &str) -> HostRoute {
    HostRoute { via: Via::Object(id), ..route(TABLE_MAIN, prefix, 0, RouteKind::Unicast, &[]) }
}

#[test]
fn routes_through_an_object_move_together_by_one_operation() {
    let mut machine = Machine::new();
    let hop = |link, gateway: &str| NextHopKind::Hop(Hop { gateway: Some(ip(gateway)), link, weight: 1 });
    let both = NextHopKind::Group(vec![GroupMember { id: 1, weight: 1 }, GroupMember { id: 2, weight: 3 }]);
    for (link, gateway) in [(2, "10.0.2.1"), (2, "10.0.2.7"), (3, "10.0.3.1")] {
        machine.neighbour(link, gateway, Some(MAC));
    }
    for (id, kind) in [(1, hop(2, "10.0.2.1")), (2, hop(3, "10.0.3.1")), (10, both)] {
        machine.tell(object(id, kind));
    }
    for prefix in ["192.0.2.0/24", "198.51.100.0/24"] {
        machine.tell(HostEvent::RouteSet(through(10, prefix)));
    }
    let weighed = Member { hop: Hop { gateway: Some(ip("10.0.3.1")), link: 3, weight: 3 }, adjacency: adjacency(3) };
    let member =
        |gateway| Member { hop: Hop { gateway: Some(ip(gateway)), link: 2, weight: 1 }, adjacency: adjacency(2) };
    assert_eq!(machine.state("192.0.2.0/24"), Some(GroupState::Forward(vec![member("10.0.2.1"), weighed])));

    let delta = machine.host.apply(object(1, hop(2, "10.0.2.7")));
    let ops = machine.mirror.apply(&delta, &machine.host);
    let moved = GroupState::Forward(vec![member("10.0.2.7"), weighed]);
    assert!(matches!(ops.as_slice(), [XdpOp::SetGroup { state, .. }] if *state == moved), "{ops:?}");
    machine.model.apply(&ops);
    let wanted: Vec<IpAddr> = machine.mirror.wanted_neighbours().iter().map(|one| one.address).collect();
    assert_eq!(wanted, [ip("10.0.2.7"), ip("10.0.3.1")], "the one before is nobody's any more");

    machine.neighbour(2, "10.0.2.7", None);
    let without = GroupState::Forward(vec![Member { adjacency: None, ..member("10.0.2.7") }, weighed]);
    assert_eq!(machine.state("198.51.100.0/24"), Some(without));
    machine.tell(HostEvent::NextHopSet(NextHopObject { id: 10, protocol: 186, kind: NextHopKind::Opaque }));
    assert_eq!(machine.state("198.51.100.0/24"), Some(GroupState::Kernel));
    machine.tell(object(10, NextHopKind::Discard));
    assert_eq!(machine.state("198.51.100.0/24"), Some(GroupState::Blackhole(None)));
}

#[test]
fn routers_and_hosts_are_kept_fresh_on_our_links() {
    let mut machine = Machine::new();
    machine.route("10.0.2.0/24", &[(2, None)]);
    machine.neighbour(2, "10.0.2.7", Some(MAC));
    machine.neighbour(2, "10.0.2.1", Some(MAC));
    machine.route("192.0.2.0/24", &[(2, Some("10.0.2.1"))]);
    machine.route("192.0.3.0/24", &[(3, Some("10.0.3.1"))]);
    machine.route("192.0.4.0/24", &[(4, Some("10.0.4.1"))]);
    let wanted = |link, address, is_gateway| WantedNeighbour { link, address: ip(address), is_gateway };
    let expected = [wanted(2, "10.0.2.1", true), wanted(2, "10.0.2.7", false), wanted(3, "10.0.3.1", true)];
    assert_eq!(machine.mirror.wanted_neighbours(), BTreeSet::from(expected));
}

#[test]
fn ports_come_and_go() {
    let mut machine = Machine::new();
    machine.route("192.0.4.0/24", &[(4, Some("10.0.4.1"))]);
    machine.neighbour(4, "10.0.4.1", Some(MAC));
    let ops = machine.mirror.set_ports(BTreeSet::from([3, 4]), &machine.host);
    machine.model.apply(&ops);
    assert_eq!(machine.model.ports, BTreeMap::from([(3, own_mac(3)), (4, own_mac(4))]));
    assert_eq!(machine.state("192.0.4.0/24"), forward(&[(4, "10.0.4.1", adjacency(4))]));
    assert_eq!(machine.mirror.rebuild(&machine.host), [], "nothing changed since");
}
