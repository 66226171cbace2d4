//! Every verdict and every reason that IPv6 packets can meet, and every boundary, one packet each, through
//! `BPF_PROG_TEST_RUN`.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::xdp::{Capacity, Dataplane, before_lookup};
use nva_common::Reason;

use crate::router::{IN_MAC, NEIGHBOUR, OUT_MAC, Router, check, route};
use crate::support::bpf::Program;
use crate::support::packet::Packet6;

/// All routes of the table test.
fn routes(router: &Router) -> Vec<XdpOp> {
    let mut ops = router.ports();
    let via = |link, own_mac, mtu| GroupState::Forward(vec![router.member(link, 9, own_mac, mtu)]);
    let mut unresolved = router.member(router.egress, 8, OUT_MAC, 1500);
    unresolved.adjacency = None;
    ops.extend(route(1, "2001:db8:1::/48", via(router.egress, OUT_MAC, 1500)));
    ops.extend(route(2, "2001:db8:2::/48", via(router.ingress, IN_MAC, 1500)));
    ops.extend(route(3, "2001:db8:1:8000::/49", GroupState::Blackhole));
    ops.extend(route(4, "fd00:1::1/128", GroupState::Local("fd00:1::1/128".parse().expect("a prefix"))));
    ops.extend(route(5, "fd00:1::/64", GroupState::Unresolved));
    ops.extend(route(6, "2001:db8:3::/48", GroupState::Refused));
    ops.extend(route(7, "2001:db8:4::/48", GroupState::Kernel));
    ops.extend(route(8, "2001:db8:5::/48", GroupState::Forward(vec![unresolved])));
    ops.extend(route(9, "2001:db8:6::/48", via(4_000, OUT_MAC, 1500)));
    ops.extend(route(10, "2001:db8:7::/48", via(router.egress, OUT_MAC, 83)));
    ops.extend(route(11, "2001:db8:8::/48", via(router.egress, OUT_MAC, 84)));
    // Wherever the addresses of the classes lead, their class comes first.
    for edge in ["::/16", "fe00::/7"] {
        ops.push(XdpOp::SetRoute { prefix: edge.parse().expect(edge), group: GroupId(1) });
    }
    ops
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect(text)
}

fn to(destination: &str) -> Packet6 {
    Packet6::udp(IN_MAC, address("2001:db8:ffff::1"), address(destination))
}

fn from(source: &str) -> Packet6 {
    Packet6 { source: address(source), ..to("2001:db8:1::1") }
}

/// A packet, and what has to become of it.
fn cases() -> Vec<(String, Packet6, Reason)> {
    let with = |change: fn(&mut Packet6)| {
        let mut packet = to("2001:db8:1::1");
        change(&mut packet);
        packet
    };
    let cases = [
        ("another interface", to("2001:db8:1::1"), Reason::Redirect),
        ("the same interface", to("2001:db8:2::1"), Reason::Hairpin),
        ("hop limit 2", with(|packet| packet.hop_limit = 2), Reason::Redirect),
        ("hop limit 1", with(|packet| packet.hop_limit = 1), Reason::TtlExpired),
        ("hop limit 0", with(|packet| packet.hop_limit = 0), Reason::TtlExpired),
        ("hop limit 1 to a blackhole", Packet6 { hop_limit: 1, ..to("2001:db8:1:8000::1") }, Reason::Blackhole),
        ("hop limit 1 to us", Packet6 { hop_limit: 1, ..to("fd00:1::1") }, Reason::Local),
        (
            "flow label and traffic class",
            with(|packet| (packet.flow_label, packet.traffic_class) = (0xf_ffff, 0xff)),
            Reason::Redirect,
        ),
        ("padding", with(|packet| packet.padding = 18), Reason::Redirect),
        ("payload length 0", with(|packet| packet.payload_length = Some(0)), Reason::Redirect),
        ("payload length one less", with(|packet| packet.payload_length = Some(43)), Reason::Redirect),
        ("payload length one more", with(|packet| packet.payload_length = Some(45)), Reason::BadLength),
        ("payload length 65535", with(|packet| packet.payload_length = Some(u16::MAX)), Reason::BadLength),
        ("no payload", with(|packet| packet.payload.clear()), Reason::Redirect),
        ("version 4", with(|packet| packet.version = 4), Reason::BadVersion),
        ("version 7", with(|packet| packet.version = 7), Reason::BadVersion),
        ("hop-by-hop options", to("2001:db8:1::1").with_hop_by_hop(), Reason::Options),
        ("exactly the MTU", to("2001:db8:8::1"), Reason::Redirect),
        ("larger than the MTU", to("2001:db8:7::1"), Reason::TooBig),
        ("another MAC", with(|packet| packet.destination_mac = OUT_MAC), Reason::NotOurMac),
        ("multicast MAC", with(|packet| packet.destination_mac = [0x33, 0x33, 0, 0, 0, 1]), Reason::GroupMac),
        ("to us", to("fd00:1::1"), Reason::Local),
        ("nowhere", to("2001:db9::1"), Reason::NoRoute),
        ("blackhole", to("2001:db8:1:8000::1"), Reason::Blackhole),
        ("just before the blackhole", to("2001:db8:1:7fff:ffff:ffff:ffff:ffff"), Reason::Redirect),
        ("unreachable route", to("2001:db8:3::1"), Reason::Refused),
        ("on a link", to("fd00:1::77"), Reason::Unresolved),
        ("through an unresolved router", to("2001:db8:5::1"), Reason::Unresolved),
        ("not our interface", to("2001:db8:4::1"), Reason::KernelRoute),
        ("an interface without XDP", to("2001:db8:6::1"), Reason::CannotTransmit),
        (
            "martian source and link-local destination",
            Packet6 { source: address("::1"), ..to("fe80::1") },
            Reason::MartianSource,
        ),
        ("martian source and multicast", Packet6 { source: address("::1"), ..to("ff02::1") }, Reason::GroupAddress),
    ];
    let destinations = [
        ("::", Reason::LinkScope),
        ("::1", Reason::MartianDestination),
        ("::2", Reason::Redirect),
        ("::ffff:1.2.3.4", Reason::Redirect),
        ("fe7f:ffff::1", Reason::Redirect),
        ("fe80::", Reason::LinkScope),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::LinkScope),
        ("fec0::", Reason::Redirect),
        ("feff:ffff::1", Reason::Redirect),
        ("ff00::", Reason::GroupAddress),
        ("ff02::1", Reason::GroupAddress),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::GroupAddress),
    ];
    let sources = [
        ("::", Reason::LinkScope),
        ("::1", Reason::MartianSource),
        ("::2", Reason::Redirect),
        ("::fffe:ffff:ffff", Reason::Redirect),
        ("::ffff:0:0", Reason::MartianSource),
        ("::ffff:255.255.255.255", Reason::MartianSource),
        ("::1:0:0:0", Reason::Redirect),
        ("fe7f:ffff::1", Reason::Redirect),
        ("fe80::1", Reason::LinkScope),
        ("febf:ffff::1", Reason::LinkScope),
        ("fec0::1", Reason::Redirect),
        ("feff:ffff::1", Reason::Redirect),
        ("ff00::1", Reason::MartianSource),
        ("ff0e::1", Reason::MartianSource),
    ];
    // Routing, fragment, ESP, AH, none, destination options: all for the destination.
    let next_headers = [1u8, 6, 43, 44, 50, 51, 59, 60, 135, 255].map(|next_header| {
        let packet = Packet6 { next_header, ..to("2001:db8:1::1") };
        (format!("next header {next_header}"), packet, Reason::Redirect)
    });
    (cases.into_iter().map(|(name, packet, reason)| (name.to_owned(), packet, reason)))
        .chain(destinations.map(|(text, reason)| (format!("to {text}"), to(text), reason)))
        .chain(sources.map(|(text, reason)| (format!("from {text}"), from(text), reason)))
        .chain(next_headers)
        .collect()
}

fn expected(packet: &Packet6, reason: Reason) -> (Reason, Vec<u8>) {
    let out = match reason {
        Reason::Redirect => packet.forwarded(NEIGHBOUR, OUT_MAC).frame(),
        Reason::Hairpin => packet.forwarded(NEIGHBOUR, IN_MAC).frame(),
        _ => packet.frame(),
    };
    (reason, out)
}

#[test]
fn every_reason_has_its_verdict_frame_and_counter() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        let mut seen = BTreeSet::new();
        for (name, packet, reason) in cases() {
            check(&dataplane, &name, &packet.frame(), router.ingress, expected(&packet, reason));
            if name.starts_with("to ") {
                let by_class = [Reason::LinkScope, Reason::MartianDestination, Reason::GroupAddress].contains(&reason);
                assert_eq!(before_lookup(packet.destination.into()), by_class.then_some(reason), "{name}");
            }
            seen.insert(reason);
        }
        let whole = to("2001:db8:1::1").frame();
        let cut = whole[..53].to_vec();
        check(&dataplane, "cut header", &cut, router.ingress, (Reason::Truncated, cut.clone()));
        let mut header = Packet6 { payload: Vec::new(), ..to("2001:db8:1::1") };
        header.next_header = 59;
        check(&dataplane, "nothing but a header", &header.frame(), router.ingress, expected(&header, Reason::Redirect));

        // By itself, an interface's own setting only makes it a router to its link.
        for (key, value, reason) in [
            ("conf.all.forwarding", 0, Reason::ForwardingOff),
            ("conf.in.forwarding", 1, Reason::ForwardingOff),
            ("conf.all.forwarding", 1, Reason::Redirect),
            ("conf.in.disable_ipv6", 1, Reason::ForwardingOff),
        ] {
            router.ns.set6(key, value);
            dataplane.audit().expect("audit");
            check(&dataplane, key, &whole, router.ingress, expected(&to("2001:db8:1::1"), reason));
        }
        // What IPv4 only meets, or stands elsewhere.
        seen.extend([Reason::Truncated, Reason::ForwardingOff, Reason::NotConfigured, Reason::Overflow]);
        seen.extend([Reason::OtherProtocol, Reason::Arp, Reason::Vlan, Reason::Loopback, Reason::BadChecksum]);
        let unseen: Vec<&Reason> = Reason::ALL.iter().filter(|reason| !seen.contains(reason)).collect();
        assert!(unseen.is_empty(), "no packet for {unseen:?}");
    });
}

#[test]
fn the_default_routes_of_both_families_are_two() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        let default =
            |prefix: &str, group| XdpOp::SetRoute { prefix: prefix.parse().expect(prefix), group: GroupId(group) };
        let packet = to("2a00::1");
        let run = |dataplane: &Dataplane, name: &str, reason: Reason| {
            check(dataplane, name, &packet.frame(), router.ingress, expected(&packet, reason));
        };
        run(&dataplane, "none", Reason::NoRoute);
        dataplane.apply(&[default("0.0.0.0/0", 3)]).expect("add");
        run(&dataplane, "IPv4's", Reason::NoRoute);
        dataplane.apply(&[default("::/0", 1)]).expect("add");
        run(&dataplane, "IPv6's", Reason::Redirect);
        let lookup = dataplane.lookup(address("2a00::1").into()).expect("a lookup");
        assert_eq!((lookup.prefix, lookup.is_default()), (Some("::/0".parse().expect("a prefix")), true));
        let moved = GroupState::Forward(vec![router.member(router.ingress, 9, IN_MAC, 1500)]);
        dataplane.apply(&[XdpOp::SetGroup { id: GroupId(1), state: moved }]).expect("change");
        run(&dataplane, "the group moved, and the default route with it", Reason::Hairpin);
        dataplane.apply(&[XdpOp::RemoveRoute("::/0".parse().expect("a prefix"))]).expect("remove");
        run(&dataplane, "none again", Reason::NoRoute);
        let lookup = dataplane.lookup("198.51.100.1".parse().expect("an address")).expect("a lookup");
        assert_eq!(lookup.kind, Some(nva_common::GroupKind::Blackhole), "IPv4's is still there");
    });
}

#[test]
fn what_does_not_fit_goes_to_the_kernel() {
    let router = Router::new();
    router.ns.run(|| {
        // Of the nodes that lead from the root's 18 bits to a /49, one block holds those of one size only.
        let mut dataplane = router.open(Capacity { nodes: 1, ..Capacity::default() });
        let mut ops = router.ports();
        let via = GroupState::Forward(vec![router.member(router.egress, 9, OUT_MAC, 1500)]);
        ops.extend(route(1, "2001::/16", via));
        ops.extend(route(2, "2001:db8:1:8000::/49", GroupState::Blackhole));
        assert!(dataplane.replace(&ops).expect("routes").overflowed > 0);
        let packet = to("2001:db8:1::1");
        check(&dataplane, "no node", &packet.frame(), router.ingress, (Reason::Overflow, packet.frame()));
        let other = to("2001:4000::1");
        check(&dataplane, "the root", &other.frame(), router.ingress, expected(&other, Reason::Redirect));
        let removed = XdpOp::RemoveRoute("2001:db8:1:8000::/49".parse().expect("a prefix"));
        assert_eq!(dataplane.apply(&[removed]).expect("a route less").overflowed, 0);
        check(&dataplane, "it fits", &packet.frame(), router.ingress, expected(&packet, Reason::Redirect));
    });
}

#[test]
fn flows_spread_over_members_and_keep_to_theirs() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        let members = [1, 2, 3, 4].map(|last| router.member(router.egress, last, OUT_MAC, 1500));
        let mut ops = router.ports();
        ops.extend(route(1, "2001:db8:1::/48", GroupState::Forward(members.to_vec())));
        dataplane.replace(&ops).expect("routes");
        let program = Program::by_id(dataplane.forwarder_id());
        let chosen = |packet: &Packet6| program.run(&packet.frame(), router.ingress).1[5];
        let shares = |packets: Vec<Packet6>| -> Vec<usize> {
            let members: Vec<u8> = packets.iter().map(chosen).collect();
            assert_eq!(packets.iter().map(chosen).collect::<Vec<u8>>(), members, "a flow keeps to its member");
            (1..=4).map(|member| members.iter().filter(|last| **last == member).count()).collect()
        };
        let even = |what: &str, packets: Vec<Packet6>| {
            let shares = shares(packets);
            assert!(shares.iter().all(|share| (60..140).contains(share)), "{shares:?} of 400 flows by {what}");
        };
        let ports = |next_header: u8| {
            let packet = |port: u16| {
                let mut packet = Packet6 { next_header, ..to("2001:db8:1::1") };
                packet.payload[..2].copy_from_slice(&port.to_be_bytes());
                packet
            };
            (0..400).map(packet).collect::<Vec<Packet6>>()
        };
        even("ports", ports(17));
        let hosts =
            |number: u16| Packet6 { source: [0x2001, 0xdb8, 9, number, 0, 0, 0, 1].into(), ..to("2001:db8:1::1") };
        even("source", (0..400).map(hosts).collect());
        let hosts = |number: u16| Packet6 { destination: [0x2001, 0xdb8, 1, 0, 0, 0, 0, number].into(), ..to("::") };
        even("destination", (0..400).map(hosts).collect());
        // A fragment has its ports elsewhere, if at all.
        let fragments = shares(ports(44));
        assert_eq!(fragments.iter().filter(|share| **share > 0).count(), 1, "{fragments:?}");
    });
}
