//! Sources that may not come in where they do: every verdict, and the same as the kernel's own check.

use std::collections::BTreeMap;

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::xdp::{Capacity, LookupSource, SourceCheck};
use nva_common::Reason;

use crate::differential::{any_packet, compare, install_routes, marks_from};
use crate::machine::Machine;
use crate::router::{IN_MAC, NEIGHBOUR, OUT_MAC, Router, check};
use crate::support::packet::{Packet, Packet6};

/// Interfaces that nothing is known of but their indexes.
const OTHERS: [u32; 4] = [4_001, 4_002, 4_003, 4_004];

/// Groups by the networks 198.18.N.0/24 and 2001:db8:N::/48 that sources are in; N is also the group's number.
fn sources(router: &Router) -> Vec<XdpOp> {
    let (ingress, egress) = (router.ingress, router.egress);
    let unresolved = || {
        let mut member = router.member(egress, 8, OUT_MAC, 1500);
        member.adjacency = None;
        GroupState::Forward(vec![member])
    };
    let forward = |link| GroupState::Forward(vec![router.member(link, 9, OUT_MAC, 1500)]);
    let many: Vec<u32> = [OTHERS.as_slice(), &[egress]].concat();
    let groups = [
        (1, forward(ingress), vec![ingress]),
        (2, forward(egress), vec![egress]),
        (3, unresolved(), vec![egress, ingress]),
        (4, GroupState::Unresolved, vec![ingress]),
        (5, GroupState::Unresolved, vec![egress]),
        (6, GroupState::Kernel, OTHERS.to_vec()),
        (7, GroupState::Kernel, Vec::new()),
        (8, GroupState::Local("198.18.8.0/24".parse().expect("a prefix")), Vec::new()),
        (9, GroupState::Blackhole(None), Vec::new()),
        (10, GroupState::Refused, Vec::new()),
        (11, GroupState::Broadcast, Vec::new()),
        (12, forward(egress), many),
    ];
    let mut ops = router.ports();
    for (number, state, links) in groups {
        let group = GroupId(number);
        ops.push(XdpOp::SetGroup { id: group, state, links });
        for prefix in [format!("198.18.{number}.0/24"), format!("2001:db8:{number}::/48")] {
            ops.push(XdpOp::SetRoute { prefix: prefix.parse().expect("a prefix"), group });
        }
    }
    ops
}

/// By the number of the group that a source is in (13 is nowhere): what becomes of packets where sources are checked
/// strictly, and loosely.
fn expected() -> Vec<(u16, Reason, Reason)> {
    let (good, invalid, unclear) = (Reason::Redirect, Reason::InvalidSource, Reason::SourceToKernel);
    vec![
        (1, good, good),
        (2, invalid, good),
        (3, good, good),
        (4, good, good),
        (5, invalid, good),
        (6, invalid, good),
        (7, unclear, unclear),
        (8, unclear, unclear),
        (9, invalid, invalid),
        (10, invalid, invalid),
        (11, invalid, invalid),
        // More interfaces than a group names.
        (12, good, good),
        (13, invalid, invalid),
    ]
}

#[test]
fn sources_are_judged_by_where_their_routes_lead() {
    let router = Router::new();
    router.ns.run(|| {
        for mode in [None, Some(SourceCheck::Strict), Some(SourceCheck::Loose)] {
            let checks: BTreeMap<String, SourceCheck> = mode.map(|mode| ("in".to_owned(), mode)).into_iter().collect();
            let mut dataplane = router.open_checking(Capacity::default(), checks);
            dataplane.replace(&sources(&router)).expect("routes");
            for (number, strictly, loosely) in expected() {
                let reason = match mode {
                    Some(SourceCheck::Strict) => strictly,
                    Some(SourceCheck::Loose) => loosely,
                    None => Reason::Redirect,
                };
                let packet = Packet::udp(IN_MAC, [198, 18, number as u8, 7].into(), [198, 18, 2, 1].into());
                let from =
                    [0x2001, 0xdb8, u16::from_str_radix(&number.to_string(), 16).expect("digits"), 0, 0, 0, 0, 7];
                let packet6 = Packet6::udp(IN_MAC, from.into(), [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1].into());
                let (out, out6) = match reason {
                    Reason::Redirect => {
                        (packet.forwarded(NEIGHBOUR, OUT_MAC).frame(), packet6.forwarded(NEIGHBOUR, OUT_MAC).frame())
                    }
                    _ => (packet.frame(), packet6.frame()),
                };
                let name = format!("{mode:?} {number}");
                check(&dataplane, &name, &packet.frame(), router.ingress, (reason, out));
                check(&dataplane, &name, &packet6.frame(), router.ingress, (reason, out6));
            }
            // Counted where they came from, or rather did not.
            let stats = dataplane.stats().expect("counters");
            let dropped = |number: u32| {
                let group = stats.groups.iter().find(|group| group.id == GroupId(number)).expect("a group");
                group.invalid_sources.packets
            };
            let strict = u64::from(mode == Some(SourceCheck::Strict));
            let checked = u64::from(mode.is_some());
            assert_eq!([1, 2, 9, 12].map(dropped), [0, 2 * strict, 2 * checked, 0], "{mode:?}");
            drop(dataplane);
            nva::xdp::Dataplane::remove(router.bpffs()).expect("the counters go");
        }
    });
}

/// What the kernel is told by sysctl holds for XDP, too.
fn compare_with_rp_filter(value: u32) {
    let mut random = fastrand::Rng::with_seed(7_000 + u64::from(value));
    let (ours, kernel) = (Machine::new(), Machine::new());
    let destinations = install_routes(&mut random, &[&ours, &kernel]);
    for machine in [&ours, &kernel] {
        for route in [
            "11.1.0.0/16 via 10.1.0.2",
            "11.2.0.0/16 nexthop via 10.1.0.3 nexthop via 10.2.0.3",
            "11.3.0.0/16 nexthop via 10.2.0.3 nexthop via 10.3.0.3",
            "11.4.0.0/16 dev in",
            "11.5.0.0/16 via 10.2.0.5",
        ] {
            machine.router.ip(&format!("route add {route}"));
        }
        machine.router.set("conf.in.rp_filter", value);
    }
    let frames = (0..2_000).map(|_| {
        let mut packet = any_packet(&mut random, &destinations);
        packet.source = match random.u32(0..10) {
            0..=4 => 0x0b01_0000 | random.u32(0..0xffff),
            5..=7 => 0x0b00_0000 | random.u32(2..7) << 16 | random.u32(0..0xffff),
            _ => destinations[random.usize(..destinations.len())],
        }
        .into();
        packet.frame()
    });
    let frames: Vec<Vec<u8>> = frames.collect();
    let reasons = [Reason::Hairpin, Reason::Redirect, Reason::InvalidSource, Reason::SourceToKernel];
    compare(LookupSource::Tables, [&ours, &kernel], &frames, |number| marks_from([11, 1, 255, 254], number), &reasons);
}

#[test]
fn strict_reverse_path_filtering_is_the_kernels() {
    compare_with_rp_filter(1);
}

#[test]
fn loose_reverse_path_filtering_is_the_kernels() {
    compare_with_rp_filter(2);
}
