//! The IPv6 table in the maps themselves, against a longest prefix match by brute force: every length and its edges, and
//! many prefixes with churn. The program looks up the same addresses, and counts for the same groups.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::net::Prefix;
use nva::xdp::{Capacity, Dataplane, before_lookup};
use nva_common::{DEFAULT_GROUP_6, Reason};

use crate::router::{IN_MAC, Router, check};
use crate::support::bpf::Program;
use crate::support::packet::Packet6;

const BATCHES: usize = 12;
const CHANGES: usize = 1_500;
/// Prefixes at whose edges is looked after each batch.
const LOOKUPS: usize = 400;
const NODES: u32 = 1 << 15;
const GROUPS: u32 = 60;
/// No prefix of it but the shortest has an edge among the addresses that are never looked up.
const BASE: u128 = 0x5555_5555_5555_5555_5555_5555_5555_5555;

fn prefix(address: u128, length: u32) -> Prefix {
    Prefix::new(Ipv6Addr::from(address).into(), length as u8).expect("a length of IPv6")
}

/// The first and the last address.
fn range(prefix: &Prefix) -> (u128, u128) {
    let IpAddr::V6(first) = prefix.address() else { panic!("{prefix} is not of IPv6") };
    let first = u128::from(first);
    (first, first | u128::MAX.checked_shr(prefix.len().into()).unwrap_or(0))
}

/// A group that counts the packets to it and is like no other.
fn group(id: u32) -> XdpOp {
    let own = prefix(0xfd00 << 112 | u128::from(id), 128);
    XdpOp::SetGroup { id: GroupId(id), state: GroupState::Local(own), links: Vec::new() }
}

fn packet(destination: u128) -> Packet6 {
    Packet6::udp(IN_MAC, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), destination.into())
}

/// Each group's packets so far.
fn counted(dataplane: &Dataplane) -> BTreeMap<u32, u64> {
    let groups = dataplane.stats().expect("counters").groups;
    groups.iter().map(|group| (group.id.0, group.counters.packets)).collect()
}

/// Looks an address up in the maps and by the program.
fn leads_to(dataplane: &Dataplane, router: &Router, address: u128, expected: Option<(Prefix, u32)>) {
    let name = Ipv6Addr::from(address).to_string();
    assert_eq!(
        dataplane.lookup(Ipv6Addr::from(address).into()).expect("a lookup").prefix,
        expected.map(|(prefix, _)| prefix)
    );
    let before = counted(dataplane);
    let frame = packet(address).frame();
    let reason = if expected.is_some() { Reason::Local } else { Reason::NoRoute };
    check(dataplane, &name, &frame, router.ingress, (reason, frame.clone()));
    let after = counted(dataplane);
    let moved: Vec<u32> = after.iter().filter(|(id, count)| before[id] != **count).map(|(id, _)| *id).collect();
    assert_eq!(moved, Vec::from_iter(expected.map(|(_, group)| group)), "{name}");
}

#[test]
fn the_longest_of_a_prefix_of_each_length_decides() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&router.ports()).expect("ports");
        let set = |length| XdpOp::SetRoute { prefix: prefix(BASE, length), group: GroupId(length) };
        let ops: Vec<XdpOp> = (1..=128).map(group).chain((1..=128).map(set)).collect();
        assert_eq!(dataplane.apply(&ops).expect("routes").overflowed, 0);
        // Like the base for so many bits, and no longer.
        let address = |length: u32| BASE ^ 1u128.checked_shl(127u32.wrapping_sub(length)).unwrap_or(0);
        leads_to(&dataplane, &router, address(0), None);
        for length in 1..=128 {
            leads_to(&dataplane, &router, address(length), Some((prefix(BASE, length), length)));
        }
        // Each third goes; then a shorter one decides.
        let removed: Vec<u32> = (1..=128).filter(|length| length % 3 == 1).collect();
        let ops: Vec<XdpOp> = removed.iter().map(|length| XdpOp::RemoveRoute(prefix(BASE, *length))).collect();
        dataplane.apply(&ops).expect("removals");
        for length in 1..=128 {
            let longest = if removed.contains(&length) { length - 1 } else { length };
            let expected = (longest > 0).then(|| (prefix(BASE, longest), longest));
            leads_to(&dataplane, &router, address(length), expected);
        }
    });
}

#[test]
fn a_prefix_of_each_length_alone_ends_where_it_ends() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&router.ports()).expect("ports");
        dataplane.apply(&[group(1)]).expect("a group");
        for length in 2..=128 {
            let prefix = prefix(BASE, length);
            dataplane.apply(&[XdpOp::SetRoute { prefix, group: GroupId(1) }]).expect("a route");
            let (first, last) = range(&prefix);
            for inside in [first, last] {
                leads_to(&dataplane, &router, inside, Some((prefix, 1)));
            }
            for outside in [first - 1, last + 1] {
                leads_to(&dataplane, &router, outside, None);
            }
            dataplane.apply(&[XdpOp::RemoveRoute(prefix)]).expect("a removal");
            leads_to(&dataplane, &router, first, None);
        }
    });
}

/// What brute force knows: each prefix's group.
type Model = BTreeMap<Prefix, u32>;

#[test]
fn lookups_in_the_maps_are_those_of_brute_force() {
    let mut random = fastrand::Rng::with_seed(246_175);
    let router = Router::new();
    router.ns.run(|| {
        let capacity = Capacity { nodes: NODES, ..Capacity::default() };
        let base = || router.ports().into_iter().chain((0..GROUPS).map(group));
        let mut dataplane = router.open(capacity);
        dataplane.replace(&base().collect::<Vec<XdpOp>>()).expect("groups");
        let mut model = Model::new();
        for batch in 0..BATCHES {
            let ops: Vec<XdpOp> = (0..CHANGES).map(|_| any_change(&mut random, &mut model)).collect();
            let applied = if batch % 4 == 3 {
                // The same in one go, by a process that knows nothing of the former one's changes.
                drop(dataplane);
                dataplane = router.open(capacity);
                assert!(dataplane.is_adopted());
                let set =
                    |(prefix, group): (&Prefix, &u32)| XdpOp::SetRoute { prefix: *prefix, group: GroupId(*group) };
                dataplane.replace(&base().chain(model.iter().map(set)).collect::<Vec<XdpOp>>())
            } else {
                dataplane.apply(&ops)
            };
            assert_eq!(applied.expect("changes").overflowed, 0, "batch {batch}");
            assert_eq!(dataplane.usage().routes, model.len());
            compare(&mut random, &dataplane, &router, &model);
        }
        assert!(model.len() > 4_000, "{} prefixes are too few to mean anything", model.len());
        let removals: Vec<XdpOp> = model.keys().map(|prefix| XdpOp::RemoveRoute(*prefix)).collect();
        dataplane.apply(&removals).expect("removals");
        // So many nodes left the table that the grace period was waited for.
        let usage = dataplane.usage();
        assert_eq!((usage.routes, usage.nodes, usage.overflowed_nodes), (0, (0, NODES as usize), 0));
        for prefix in model.keys() {
            let found = dataplane.lookup(prefix.address()).expect("a lookup");
            assert_eq!((found.prefix, found.slot), (None, DEFAULT_GROUP_6), "{prefix}");
        }
    });
}

/// A prefix is set to a group, or one that is there is set to another or removed.
fn any_change(random: &mut fastrand::Rng, model: &mut Model) -> XdpOp {
    // Lengths as in real tables and at the edges of what the table tells apart; all others now and then.
    let length = match random.u32(..8) {
        0..3 => 48,
        3 => [32, 36, 40, 44, 29, 56, 64][random.usize(..7)],
        4 => [17, 18, 19, 22, 23, 24, 28][random.usize(..7)],
        5 => [47, 49, 63, 64, 65, 126, 127, 128][random.usize(..8)],
        6 => random.u32(20..=64),
        _ => random.u32(1..=128),
    };
    // Addresses that share much.
    let block = 0x2001_0db8_u128 << 96 | u128::from(random.u32(..8)) << 93;
    let address = block ^ 1u128.checked_shl(random.u32(..200)).unwrap_or(0) ^ u128::from(random.u32(..)) << 72;
    let new = prefix(address, length);
    // The one that is there, or that comes after it.
    let near = model.range(new..).next().map_or(new, |(prefix, _)| *prefix);
    match random.u32(..10) {
        0..3 if model.remove(&near).is_some() => XdpOp::RemoveRoute(near),
        choice => {
            let prefix = if choice == 3 { near } else { new };
            let group = random.u32(..GROUPS);
            model.insert(prefix, group);
            XdpOp::SetRoute { prefix, group: GroupId(group) }
        }
    }
}

/// Looks up addresses at the edges of prefixes and beside them, in the maps and by the program.
fn compare(random: &mut fastrand::Rng, dataplane: &Dataplane, router: &Router, model: &Model) {
    let program = Program::by_id(dataplane.forwarder_id());
    let groups = dataplane.stats().expect("counters").groups;
    let slots: BTreeMap<u32, u32> = groups.iter().map(|group| (group.id.0, group.slot)).collect();
    let mut expected = counted(dataplane);
    let prefixes: Vec<&Prefix> = model.keys().collect();
    for _ in 0..LOOKUPS {
        let (first, last) = range(prefixes[random.usize(..prefixes.len())]);
        for number in [first, last, first.wrapping_sub(1), last.wrapping_add(1), random.u128(first..=last)] {
            let address = Ipv6Addr::from(number);
            let covering = (1..=128).rev().map(|length| prefix(number, length));
            let longest = covering.into_iter().find_map(|prefix| Some((prefix, *model.get(&prefix)?)));
            let slot = longest.map_or(DEFAULT_GROUP_6, |(_, group)| slots[&group]);
            let found = dataplane.lookup(address.into()).expect("a lookup");
            assert_eq!((found.prefix, found.slot), (longest.map(|(prefix, _)| prefix), slot), "{address}");
            program.run(&packet(number).frame(), router.ingress);
            if let Some((_, group)) = longest.filter(|_| before_lookup(address.into()).is_none()) {
                *expected.entry(group).or_default() += 1;
            }
        }
    }
    assert_eq!(counted(dataplane), expected, "the program counted for others");
}
