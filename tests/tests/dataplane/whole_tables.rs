//! Tables like the Internet's in the maps themselves, with churn, against a longest prefix match by brute force. With
//! `cargo xtask test --data DIR`, it is a table of the Internet's that is in a file of DIR.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::net::{AfiSafi, Prefix};
use nva::xdp::{Capacity, Dataplane, before_lookup};
use nva_common::{DEFAULT_GROUP, DEFAULT_GROUP_6};
use nva_tests::route_set::{RouteSet, prefixes_of};

use crate::router::{IN_MAC, Router};
use crate::support::bpf::Program;
use crate::support::data;
use crate::support::packet::{Packet, Packet6};

/// A table of May 2026: 1,042,325 IPv4 and 246,175 IPv6 prefixes.
const REAL: &str = "composite-20260511.rib.bz2";
const BATCHES: usize = 4;
/// Changes in each batch, and addresses that are looked up after it.
const CHANGES: usize = 10_000;
const LOOKUPS: usize = 100_000;
const GROUPS: u32 = 60;

#[test]
fn ipv4_lookups_are_those_of_brute_force() {
    churn(AfiSafi::Ipv4Unicast, 60_000);
}

#[test]
fn ipv6_lookups_are_those_of_brute_force() {
    churn(AfiSafi::Ipv6Unicast, 20_000);
}

/// What brute force knows.
#[derive(Default)]
struct Model {
    groups: HashMap<Prefix, u32>,
    /// Every prefix that was ever there.
    known: Vec<Prefix>,
}

impl Model {
    fn set(&mut self, prefix: Prefix, group: u32) -> XdpOp {
        if self.groups.insert(prefix, group).is_none() {
            self.known.push(prefix);
        }
        XdpOp::SetRoute { prefix, group: GroupId(group) }
    }

    fn longest(&self, address: IpAddr) -> Option<(Prefix, u32)> {
        let covering = (1..=AfiSafi::of(address).address_bits()).rev().map(|length| prefix(address, length));
        covering.into_iter().find_map(|prefix| Some((prefix, *self.groups.get(&prefix)?)))
    }
}

/// Fills the tables with so many routes, or with the real ones, and changes them.
fn churn(family: AfiSafi, made: usize) {
    let prefixes: Vec<Prefix> = match data::file(REAL) {
        Some(path) => prefixes_of(&path, family).expect("a table"),
        None => RouteSet::new(family, made).routes.into_iter().map(|(prefix, _)| prefix).collect(),
    };
    let mut random = fastrand::Rng::with_seed(1_042_325);
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity { blocks: 1 << 15, ..Capacity::default() });
        let mut model = Model::default();
        let mut ops = router.ports();
        ops.extend((0..GROUPS).map(group));
        let routes = prefixes.iter().filter(|prefix| !prefix.is_default());
        ops.extend(routes.map(|prefix| model.set(*prefix, random.u32(..GROUPS))));
        assert_eq!(dataplane.replace(&ops).expect("routes").overflowed, 0);
        compare(&mut random, &dataplane, &router, &model);
        for batch in 0..BATCHES {
            let changes: Vec<XdpOp> = (0..CHANGES).map(|_| any_change(&mut random, &mut model)).collect();
            assert_eq!(dataplane.apply(&changes).expect("changes").overflowed, 0, "batch {batch}");
            assert_eq!(dataplane.usage().routes, model.groups.len());
            compare(&mut random, &dataplane, &router, &model);
        }
    });
}

/// A prefix goes, gets another group, or comes: above or below one that is or was there.
fn any_change(random: &mut fastrand::Rng, model: &mut Model) -> XdpOp {
    let near = model.known[random.usize(..model.known.len())];
    let group = random.u32(..GROUPS);
    let longest = near.family().address_bits();
    match random.u32(..4) {
        0 if model.groups.remove(&near).is_some() => XdpOp::RemoveRoute(near),
        1 => model.set(prefix(near.address(), random.u8(near.len().saturating_sub(4).max(1)..=near.len())), group),
        2 => {
            let length = random.u8(near.len()..=longest.min(near.len() + 24));
            model.set(prefix(within(random, near), length), group)
        }
        _ => model.set(near, group),
    }
}

/// Looks up addresses at the edges of prefixes, beside and in them: in the maps, and by the program.
fn compare(random: &mut fastrand::Rng, dataplane: &Dataplane, router: &Router, model: &Model) {
    let program = Program::by_id(dataplane.forwarder_id());
    let groups = dataplane.stats().expect("counters").groups;
    let slots: BTreeMap<u32, u32> = groups.iter().map(|group| (group.id.0, group.slot)).collect();
    let mut expected = counted(dataplane);
    for _ in 0..LOOKUPS {
        let near = model.known[random.usize(..model.known.len())];
        let (first, last) = edges(near);
        let inside = within(random, near);
        let address = match random.u32(..5) {
            0 => first,
            1 => last,
            2 => neighbour(first, -1),
            3 => neighbour(last, 1),
            _ => inside,
        };
        let longest = model.longest(address);
        let slot = longest.map_or(default_slot(address), |(_, group)| slots[&group]);
        let found = dataplane.lookup(address).expect("a lookup");
        assert_eq!((found.prefix, found.slot), (longest.map(|(prefix, _)| prefix), slot), "{address}");
        program.run(&frame(address), router.ingress);
        if let Some((_, group)) = longest.filter(|_| before_lookup(address).is_none()) {
            *expected.entry(group).or_default() += 1;
        }
    }
    assert_eq!(counted(dataplane), expected, "the program counted for others");
}

/// Each group's packets so far.
fn counted(dataplane: &Dataplane) -> BTreeMap<u32, u64> {
    let groups = dataplane.stats().expect("counters").groups;
    groups.iter().map(|group| (group.id.0, group.counters.packets)).collect()
}

/// A group that counts the packets to it and is like no other.
fn group(id: u32) -> XdpOp {
    let own = Prefix::host(Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(id)).into());
    XdpOp::SetGroup { id: GroupId(id), state: GroupState::Local(own), links: Vec::new() }
}

fn prefix(address: IpAddr, length: u8) -> Prefix {
    Prefix::new(address, length).expect("a length of the family")
}

fn default_slot(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => DEFAULT_GROUP,
        IpAddr::V6(_) => DEFAULT_GROUP_6,
    }
}

fn frame(destination: IpAddr) -> Vec<u8> {
    match destination {
        IpAddr::V4(destination) => Packet::udp(IN_MAC, [198, 51, 100, 1].into(), destination).frame(),
        IpAddr::V6(destination) => Packet6::udp(IN_MAC, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), destination).frame(),
    }
}

/// The first and the last address.
fn edges(prefix: Prefix) -> (IpAddr, IpAddr) {
    (prefix.address(), with_hosts(prefix, hosts(prefix)))
}

/// Any address of a prefix.
fn within(random: &mut fastrand::Rng, prefix: Prefix) -> IpAddr {
    with_hosts(prefix, random.u128(..) & hosts(prefix))
}

/// The address of a prefix with these bits behind it.
fn with_hosts(prefix: Prefix, bits: u128) -> IpAddr {
    match prefix.address() {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() | bits as u32).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() | bits).into(),
    }
}

/// The bits that a prefix leaves open.
fn hosts(prefix: Prefix) -> u128 {
    let open = u32::from(prefix.family().address_bits() - prefix.len());
    1u128.checked_shl(open).map_or(u128::MAX, |bit| bit - 1)
}

fn neighbour(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().wrapping_add_signed(step.into())).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().wrapping_add_signed(step.into())).into(),
    }
}
