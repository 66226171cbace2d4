//! The IPv6 table in the maps themselves, against a longest prefix match by brute force, with churn.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::net::Prefix;
use nva::xdp::{Capacity, Dataplane, XdpOptions};
use nva_common::GroupKind;

use crate::support::netns::{BpfFs, NetNs};

const BATCHES: usize = 12;
const CHANGES: usize = 1_500;
const LOOKUPS: usize = 4_000;
/// Groups that can be told apart by what they do.
const KINDS: [(GroupState, GroupKind); 3] = [
    (GroupState::Blackhole, GroupKind::Blackhole),
    (GroupState::Refused, GroupKind::Refused),
    (GroupState::Kernel, GroupKind::Kernel),
];

#[test]
fn lookups_in_the_maps_are_those_of_brute_force() {
    let mut random = fastrand::Rng::with_seed(246_175);
    let (ns, bpffs) = (NetNs::new(), BpfFs::new());
    ns.run(|| {
        let capacity = Capacity { nodes: 1 << 15, ..Capacity::default() };
        let options = XdpOptions { bpffs: bpffs.path().to_owned(), capacity, ..XdpOptions::default() };
        let mut dataplane = Dataplane::open(&options).expect("open the data plane");
        let groups = |(id, (state, _)): (u32, (GroupState, GroupKind))| XdpOp::SetGroup { id: GroupId(id), state };
        dataplane.replace(&(0..).zip(KINDS).map(groups).collect::<Vec<XdpOp>>()).expect("groups");
        let mut model: BTreeMap<Prefix, u32> = BTreeMap::new();
        for batch in 0..BATCHES {
            let ops: Vec<XdpOp> = (0..CHANGES).map(|_| any_change(&mut random, &mut model)).collect();
            assert_eq!(dataplane.apply(&ops).expect("changes").overflowed, 0, "batch {batch}");
            assert_eq!(dataplane.usage().routes, model.len());
            compare(&mut random, &dataplane, &model);
        }
        assert!(model.len() > 2_000, "{} prefixes are too few to mean anything", model.len());
        let removals: Vec<XdpOp> = model.keys().map(|prefix| XdpOp::RemoveRoute(*prefix)).collect();
        dataplane.apply(&removals).expect("removals");
        let removed = std::mem::take(&mut model);
        assert_eq!((dataplane.usage().routes, dataplane.usage().overflowed_nodes), (0, 0));
        for prefix in removed.keys() {
            assert_eq!(
                dataplane.lookup(prefix.address()).expect("a lookup").kind,
                Some(GroupKind::NoRoute),
                "{prefix}"
            );
        }
    });
}

/// A prefix is set to a group, or one that is there is removed.
fn any_change(random: &mut fastrand::Rng, model: &mut BTreeMap<Prefix, u32>) -> XdpOp {
    if random.u32(..10) < 3 && !model.is_empty() {
        let at = random.usize(..model.len());
        let prefix = *model.keys().nth(at).expect("there are as many");
        model.remove(&prefix);
        return XdpOp::RemoveRoute(prefix);
    }
    // Lengths as in real tables, and all others now and then; addresses that share much.
    let length = match random.u32(..4) {
        0 => 48,
        1 => [32, 36, 40, 44, 29, 64][random.usize(..6)],
        2 => random.u8(1..=64),
        _ => random.u8(1..=128),
    };
    let base = 0x2001_0db8_u128 << 96 | u128::from(random.u32(..8)) << 93;
    let address = base ^ 1u128.checked_shl(random.u32(..200)).unwrap_or(0) ^ u128::from(random.u32(..)) << 72;
    let prefix = Prefix::new(Ipv6Addr::from(address).into(), length).expect("a length of IPv6");
    let group = random.u32(..KINDS.len() as u32);
    model.insert(prefix, group);
    XdpOp::SetRoute { prefix, group: GroupId(group) }
}

/// Looks up addresses at the edges of prefixes and beside them.
fn compare(random: &mut fastrand::Rng, dataplane: &Dataplane, model: &BTreeMap<Prefix, u32>) {
    let prefixes: Vec<&Prefix> = model.keys().collect();
    for _ in 0..LOOKUPS / BATCHES {
        let prefix = prefixes[random.usize(..prefixes.len())];
        let std::net::IpAddr::V6(first) = prefix.address() else { continue };
        let first = u128::from(first);
        let last = first | u128::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
        for address in [first, last, first.wrapping_sub(1), last.wrapping_add(1), random.u128(first..=last)] {
            let address = Ipv6Addr::from(address).into();
            let covering = (1..=128).rev().filter_map(|length| Prefix::new(address, length).ok());
            let longest = covering.into_iter().find_map(|prefix| Some((prefix, *model.get(&prefix)?)));
            let found = dataplane.lookup(address).expect("a lookup");
            assert_eq!(found.prefix, longest.map(|(prefix, _)| prefix), "{address}");
            let kind = longest.map_or(GroupKind::NoRoute, |(_, group)| KINDS[group as usize].1);
            assert_eq!(found.kind, Some(kind), "{address}");
        }
    }
}
