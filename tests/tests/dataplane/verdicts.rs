//! Every verdict and every reason of IPv4 and below, one packet each, through `BPF_PROG_TEST_RUN`: the action, the frame
//! octet by octet, and the one counter that moved.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::router::{IN_MAC, NEIGHBOUR, OUT_MAC, Router, check, reason_in, route};
use crate::support::bpf::Program;
use crate::support::packet::Packet;
use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::xdp::{Capacity, LookupSource, before_lookup};
use nva_common::{Reason, Verdict};

/// All routes of the table test.
pub fn routes(router: &Router) -> Vec<XdpOp> {
    let mut ops = router.ports();
    let via = |link, own_mac, mtu| GroupState::Forward(vec![router.member(link, 9, own_mac, mtu)]);
    let mut unresolved = router.member(router.egress, 8, OUT_MAC, 1500);
    unresolved.adjacency = None;
    ops.extend(route(1, "192.0.2.0/24", via(router.egress, OUT_MAC, 1500)));
    ops.extend(route(2, "192.0.3.0/24", via(router.ingress, IN_MAC, 1500)));
    ops.extend(route(3, "192.0.2.128/25", GroupState::Blackhole(None)));
    ops.extend(route(4, "10.1.0.1/32", GroupState::Local("10.1.0.1/32".parse().expect("a prefix"))));
    ops.extend(route(5, "10.1.0.0/24", GroupState::Unresolved));
    ops.extend(route(6, "10.1.0.255/32", GroupState::Broadcast));
    ops.extend(route(7, "192.0.4.0/24", GroupState::Refused));
    ops.extend(route(8, "192.0.5.0/24", GroupState::Kernel));
    ops.extend(route(9, "192.0.6.0/24", GroupState::Forward(vec![unresolved])));
    ops.extend(route(10, "192.0.7.0/24", via(4_000, OUT_MAC, 1500)));
    ops.extend(route(11, "192.0.8.0/24", via(router.egress, OUT_MAC, 63)));
    ops.extend(route(12, "192.0.9.0/24", via(router.egress, OUT_MAC, 64)));
    ops
}

pub fn to(destination: [u8; 4]) -> Packet {
    Packet::udp(IN_MAC, Ipv4Addr::new(172, 16, 5, 6), destination.into())
}

/// A packet, and what has to become of it.
pub fn cases() -> Vec<(&'static str, Packet, Reason)> {
    let good = || to([192, 0, 2, 1]);
    let with = |change: fn(&mut Packet)| {
        let mut packet = good();
        change(&mut packet);
        packet
    };
    vec![
        ("another interface", good(), Reason::Redirect),
        ("the same interface", to([192, 0, 3, 1]), Reason::Hairpin),
        ("TTL 2", with(|packet| packet.ttl = 2), Reason::Redirect),
        ("padding", with(|packet| packet.padding = 18), Reason::Redirect),
        ("don't fragment", with(|packet| packet.fragment = 0x4000), Reason::Redirect),
        ("a fragment", with(|packet| packet.fragment = 0x2005), Reason::Redirect),
        ("class E", with(|packet| packet.source = [250, 0, 0, 1].into()), Reason::Redirect),
        ("0.0.0.1, which Linux accepts", with(|packet| packet.source = [0, 0, 0, 1].into()), Reason::Redirect),
        ("exactly the MTU", to([192, 0, 9, 1]), Reason::Redirect),
        ("padding beyond the MTU", Packet { padding: 1, ..to([192, 0, 9, 1]) }, Reason::TooBig),
        ("some Ethertype", with(|packet| packet.ethertype = 0x88cc), Reason::OtherProtocol),
        ("ARP", with(|packet| packet.ethertype = 0x0806), Reason::Arp),
        ("IPv4 as IPv6", with(|packet| packet.ethertype = 0x86dd), Reason::BadVersion),
        ("802.1Q", with(|packet| packet.ethertype = 0x8100), Reason::Vlan),
        ("802.1ad", with(|packet| packet.ethertype = 0x88a8), Reason::Vlan),
        ("another MAC", with(|packet| packet.destination_mac = [2, 0, 0, 0, 1, 9]), Reason::NotOurMac),
        ("the other interface's MAC", with(|packet| packet.destination_mac = OUT_MAC), Reason::NotOurMac),
        ("broadcast MAC", with(|packet| packet.destination_mac = [255; 6]), Reason::GroupMac),
        ("multicast MAC", with(|packet| packet.destination_mac = [1, 0, 0x5e, 0, 0, 5]), Reason::GroupMac),
        ("version 6", with(|packet| packet.version_and_length = 0x65), Reason::BadVersion),
        ("four words", with(|packet| packet.version_and_length = 0x44), Reason::BadVersion),
        ("options", with(|packet| packet.version_and_length = 0x46), Reason::Options),
        ("total length 19", with(|packet| packet.total_length = Some(19)), Reason::BadLength),
        ("total length beyond the frame", with(|packet| packet.total_length = Some(65)), Reason::BadLength),
        ("checksum", with(|packet| packet.checksum_error = 1), Reason::BadChecksum),
        ("TTL 1", with(|packet| packet.ttl = 1), Reason::TtlExpired),
        ("TTL 0", with(|packet| packet.ttl = 0), Reason::TtlExpired),
        ("TTL 1 to a blackhole", Packet { ttl: 1, ..to([192, 0, 2, 200]) }, Reason::Blackhole),
        ("TTL 1 to us", Packet { ttl: 1, ..to([10, 1, 0, 1]) }, Reason::Local),
        ("larger than the MTU", to([192, 0, 8, 1]), Reason::TooBig),
        ("to us", to([10, 1, 0, 1]), Reason::Local),
        ("from loopback", with(|packet| packet.source = [127, 0, 0, 1].into()), Reason::Loopback),
        ("to loopback", to([127, 0, 0, 1]), Reason::Loopback),
        ("to multicast", to([224, 0, 0, 5]), Reason::GroupAddress),
        ("to limited broadcast", to([255, 255, 255, 255]), Reason::GroupAddress),
        ("from 0.0.0.0 to 0.0.0.0", Packet { source: [0; 4].into(), ..to([0; 4]) }, Reason::GroupAddress),
        ("to the subnet's broadcast", to([10, 1, 0, 255]), Reason::GroupAddress),
        ("nowhere", to([203, 0, 113, 1]), Reason::NoRoute),
        ("unreachable route", to([192, 0, 4, 1]), Reason::Refused),
        ("on a link", to([10, 1, 0, 77]), Reason::Unresolved),
        ("through an unresolved router", to([192, 0, 6, 1]), Reason::Unresolved),
        ("not our interface", to([192, 0, 5, 1]), Reason::KernelRoute),
        ("an interface without XDP", to([192, 0, 7, 1]), Reason::CannotTransmit),
        ("from multicast", with(|packet| packet.source = [224, 0, 0, 9].into()), Reason::MartianSource),
        ("from broadcast", with(|packet| packet.source = [255; 4].into()), Reason::MartianSource),
        ("from 0.0.0.0", with(|packet| packet.source = [0; 4].into()), Reason::MartianSource),
        ("to 0.0.0.0", to([0; 4]), Reason::MartianDestination),
        ("blackhole", to([192, 0, 2, 200]), Reason::Blackhole),
    ]
}

#[test]
fn every_reason_has_its_verdict_frame_and_counter() {
    every_reason(LookupSource::Tables, &[Reason::NotForwarded]);
}

#[test]
fn by_the_kernels_tables_too() {
    every_reason(LookupSource::Kernel, &[Reason::NoRoute, Reason::Local, Reason::KernelRoute]);
}

/// All of them but these, which cannot be met there.
fn every_reason(lookup: LookupSource, never: &[Reason]) {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open_filled(lookup, &routes(&router));
        let mut seen = BTreeSet::new();
        for (name, packet, reason) in cases() {
            let reason = reason_in(lookup, reason, name == "to the subnet's broadcast");
            let out = match reason {
                Reason::Redirect => packet.forwarded(NEIGHBOUR, OUT_MAC).frame(),
                Reason::Hairpin => packet.forwarded(NEIGHBOUR, IN_MAC).frame(),
                _ => packet.frame(),
            };
            check(&dataplane, name, &packet.frame(), router.ingress, (reason, out));
            if ["to loopback", "to multicast", "to limited broadcast", "to 0.0.0.0", "to us"].contains(&name) {
                assert_eq!(before_lookup(packet.destination.into()), (name != "to us").then_some(reason), "{name}");
            }
            seen.insert(reason);
        }
        let whole = to([192, 0, 2, 1]).frame();
        let cut = whole[..33].to_vec();
        check(&dataplane, "cut header", &cut, router.ingress, (Reason::Truncated, cut.clone()));
        check(&dataplane, "no port", &whole, 1, (Reason::NotConfigured, whole.clone()));
        seen.extend([Reason::Truncated, Reason::NotConfigured]);

        std::fs::write("/proc/sys/net/ipv4/conf/in/forwarding", "0").expect("switch forwarding off");
        dataplane.audit().expect("audit");
        check(&dataplane, "forwarding off", &whole, router.ingress, (Reason::ForwardingOff, whole.clone()));
        seen.insert(Reason::ForwardingOff);

        // Reached by its own test below, by IPv6, and where sources are checked.
        seen.extend([Reason::Overflow, Reason::LinkScope, Reason::InvalidSource, Reason::SourceToKernel]);
        seen.extend(never);
        let unseen: Vec<&Reason> = Reason::ALL.iter().filter(|reason| !seen.contains(reason)).collect();
        assert!(unseen.is_empty(), "no packet for {unseen:?}");
    });
}

#[test]
fn a_redirect_into_a_device_that_is_gone_passes_the_packet_unchanged() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        router.ns.ip("link del dev out");
        let frame = to([192, 0, 2, 1]).frame();
        check(&dataplane, "before the audit", &frame, router.ingress, (Reason::CannotTransmit, frame.clone()));
        assert!(!dataplane.is_attached("out"));
        assert_eq!(dataplane.audit().expect("audit"), ["out"]);
        check(&dataplane, "after the audit", &frame, router.ingress, (Reason::CannotTransmit, frame.clone()));
    });
}

#[test]
fn what_does_not_fit_goes_to_the_kernel() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity { blocks: 1, nodes: 8, groups: 5, next_hops: 8 });
        let mut ops = router.ports();
        let via = GroupState::Forward(vec![router.member(router.egress, 9, OUT_MAC, 1500)]);
        ops.extend(route(1, "192.0.2.1/32", via));
        ops.push(XdpOp::SetRoute { prefix: "192.0.3.1/32".parse().expect("a prefix"), group: GroupId(1) });
        ops.extend(route(2, "192.0.4.0/24", GroupState::Blackhole(None)));
        assert_eq!(dataplane.replace(&ops).expect("routes").overflowed, 1, "one /24 has no block");
        let forwarded = to([192, 0, 2, 1]);
        let out = forwarded.forwarded(NEIGHBOUR, OUT_MAC).frame();
        check(&dataplane, "the first", &forwarded.frame(), router.ingress, (Reason::Redirect, out));
        let frame = to([192, 0, 3, 1]).frame();
        check(&dataplane, "no block", &frame, router.ingress, (Reason::Overflow, frame.clone()));

        let third = route(3, "192.0.5.0/24", GroupState::Refused);
        assert_eq!(dataplane.apply(&third).expect("a route").overflowed, 2, "and one group has no slot");
        let frame = to([192, 0, 5, 1]).frame();
        check(&dataplane, "no group", &frame, router.ingress, (Reason::Overflow, frame.clone()));

        let removed = XdpOp::RemoveRoute("192.0.2.1/32".parse().expect("a prefix"));
        assert_eq!(dataplane.apply(&[removed]).expect("a route less").overflowed, 1, "the block went to the other /24");
        let forwarded = to([192, 0, 3, 1]);
        let out = forwarded.forwarded(NEIGHBOUR, OUT_MAC).frame();
        check(&dataplane, "a block now", &forwarded.frame(), router.ingress, (Reason::Redirect, out));
    });
}

#[test]
fn changes_take_effect_and_groups_count() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        let packet = to([198, 51, 100, 1]);
        let frame = packet.frame();
        check(&dataplane, "no default route", &frame, router.ingress, (Reason::NoRoute, frame.clone()));

        dataplane
            .apply(&[XdpOp::SetRoute { prefix: "0.0.0.0/0".parse().expect("a prefix"), group: GroupId(1) }])
            .expect("add");
        let out = packet.forwarded(NEIGHBOUR, OUT_MAC).frame();
        check(&dataplane, "default route", &frame, router.ingress, (Reason::Redirect, out));

        let moved = GroupState::Forward(vec![router.member(router.ingress, 7, IN_MAC, 1500)]);
        dataplane.apply(&[XdpOp::SetGroup { id: GroupId(1), state: moved, links: Vec::new() }]).expect("change");
        let out = packet.forwarded([2, 0, 0, 0, 9, 7], IN_MAC).frame();
        check(
            &dataplane,
            "the group moved, and the default route with it",
            &frame,
            router.ingress,
            (Reason::Hairpin, out),
        );
        let lookup = dataplane.lookup([198, 51, 100, 1].into()).expect("a lookup");
        assert_eq!(lookup.prefix, Some("0.0.0.0/0".parse().expect("a prefix")));
        assert_eq!(lookup.hops[0].next_hop.map(|next_hop| next_hop.destination_mac), Some([2, 0, 0, 0, 9, 7]));
        assert_eq!(dataplane.stats().expect("counters").default_routes.packets, 3, "one without a route among them");

        dataplane.apply(&[XdpOp::RemoveRoute("0.0.0.0/0".parse().expect("a prefix"))]).expect("remove");
        check(&dataplane, "no default route again", &frame, router.ingress, (Reason::NoRoute, frame.clone()));

        for _ in 0..3 {
            let frame = to([10, 1, 0, 1]).frame();
            check(&dataplane, "to us", &frame, router.ingress, (Reason::Local, frame.clone()));
        }
        let stats = dataplane.stats().expect("counters");
        let local = stats.groups.iter().find(|group| group.id == GroupId(4)).expect("the local group");
        assert_eq!(local.counters.packets, 3, "counted for {}", local.state);
    });
}

#[test]
fn flows_spread_over_members_and_keep_to_theirs() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        let members = |lasts: &[u8]| {
            GroupState::Forward(lasts.iter().map(|last| router.member(router.egress, *last, OUT_MAC, 1500)).collect())
        };
        let mut ops = router.ports();
        ops.extend(route(1, "192.0.2.0/24", members(&[1, 2, 3, 4])));
        dataplane.replace(&ops).expect("routes");
        let program = Program::by_id(dataplane.forwarder_id());
        let flow = |port: u16, fragment: u16| {
            let mut packet = to([192, 0, 2, 1]);
            packet.payload[..2].copy_from_slice(&port.to_be_bytes());
            packet.fragment = fragment;
            program.run(&packet.frame(), router.ingress).1[5]
        };
        let chosen: Vec<u8> = (0..400).map(|port| flow(port, 0)).collect();
        for member in 1..=4 {
            let share = chosen.iter().filter(|last| **last == member).count();
            assert!((60..140).contains(&share), "member {member} got {share} of 400 flows");
        }
        let fragments: BTreeSet<u8> = (0..100).map(|port| flow(port, 0x2000)).collect();
        assert_eq!(fragments.len(), 1, "ports do not matter where a fragment lacks them");

        dataplane
            .apply(&[XdpOp::SetGroup { id: GroupId(1), state: members(&[1, 2, 4]), links: Vec::new() }])
            .expect("one leaves");
        let after: Vec<u8> = (0..400).map(|port| flow(port, 0)).collect();
        assert!(!after.contains(&3));
        let moved = chosen.iter().zip(&after).filter(|(before, after)| **before != 3 && before != after).count();
        assert!(moved < 75, "{moved} of 300 flows of the others moved");
    });
}

/// Debug mode has a forwarder of its own.
#[test]
fn debug_mode_samples_and_does_the_same() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open_debug();
        dataplane.replace(&routes(&router)).expect("routes");
        for (name, packet, reason) in cases().into_iter().filter(|(_, _, reason)| reason.verdict() == Verdict::Drop) {
            check(&dataplane, name, &packet.frame(), router.ingress, (reason, packet.frame()));
        }
        dataplane.flush_samples();
    });
}
