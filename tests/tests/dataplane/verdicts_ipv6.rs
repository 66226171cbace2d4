//! Every verdict and every reason that IPv6 packets can meet, and every boundary, one packet each, through
//! `BPF_PROG_TEST_RUN`.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use nva::fib::mirror::{GroupId, GroupState, XdpOp};
use nva::xdp::{Capacity, Dataplane, LookupSource, before_lookup};
use nva_common::Reason;

use crate::router::{IN_MAC, NEIGHBOUR, OUT_MAC, Router, check, reason_in, route};
use crate::support::bpf::Program;
use crate::support::log::Log;
use crate::support::packet::{Packet, Packet6};

/// All routes of the table test.
pub fn routes(router: &Router) -> Vec<XdpOp> {
    let mut ops = router.ports();
    let via = |link, own_mac, mtu| GroupState::Forward(vec![router.member(link, 9, own_mac, mtu)]);
    let mut unresolved = router.member(router.egress, 8, OUT_MAC, 1500);
    unresolved.adjacency = None;
    ops.extend(route(1, "2001:db8:1::/48", via(router.egress, OUT_MAC, 1500)));
    ops.extend(route(2, "2001:db8:2::/48", via(router.ingress, IN_MAC, 1500)));
    ops.extend(route(3, "2001:db8:1:8000::/49", GroupState::Blackhole(None)));
    ops.extend(route(4, "fd00:1::1/128", GroupState::Local("fd00:1::1/128".parse().expect("a prefix"))));
    ops.extend(route(5, "fd00:1::/64", GroupState::Unresolved));
    ops.extend(route(6, "2001:db8:3::/48", GroupState::Refused));
    ops.extend(route(7, "2001:db8:4::/48", GroupState::Kernel));
    ops.extend(route(8, "2001:db8:5::/48", GroupState::Forward(vec![unresolved])));
    ops.extend(route(9, "2001:db8:6::/48", via(4_000, OUT_MAC, 1500)));
    ops.extend(route(10, "2001:db8:7::/48", via(router.egress, OUT_MAC, 83)));
    ops.extend(route(11, "2001:db8:8::/48", via(router.egress, OUT_MAC, 84)));
    ops.extend(route(12, "2001:db8:9::/48", via(4_000, OUT_MAC, 83)));
    ops.extend(route(13, "2001:db8:a::/48", GroupState::Broadcast));
    // Wherever the addresses of the classes lead, their class comes first. The last is for IPv4.
    for edge in ["::/16", "fe00::/7", "192.0.2.0/24"] {
        ops.push(XdpOp::SetRoute { prefix: edge.parse().expect(edge), group: GroupId(1) });
    }
    ops
}

pub fn address(text: &str) -> Ipv6Addr {
    text.parse().expect(text)
}

fn to(destination: &str) -> Packet6 {
    Packet6::udp(IN_MAC, address("2001:db8:ffff::1"), address(destination))
}

fn from(source: &str) -> Packet6 {
    Packet6 { source: address(source), ..to("2001:db8:1::1") }
}

/// A packet, and what has to become of it.
pub fn cases() -> Vec<(String, Packet6, Reason)> {
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
        ("padding beyond the MTU", Packet6 { padding: 1, ..to("2001:db8:8::1") }, Reason::TooBig),
        (
            "exactly the MTU by its length, but with more behind it",
            Packet6 { payload_length: Some(43), ..to("2001:db8:7::1") },
            Reason::TooBig,
        ),
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
        ("a group of broadcasts", to("2001:db8:a::1"), Reason::GroupAddress),
        ("IPv6 as IPv4", with(|packet| packet.ethertype = 0x0800), Reason::BadVersion),
        ("802.1Q", with(|packet| packet.ethertype = 0x8100), Reason::Vlan),
    ];
    (cases.into_iter().map(|(name, packet, reason)| (name.to_owned(), packet, reason)))
        .chain(by_address())
        .chain(precedence().map(|(name, packet, reason)| (name.to_owned(), packet, reason)))
        // Routing, fragment, ESP, AH, none, destination options: all for the destination.
        .chain([1u8, 6, 43, 44, 50, 51, 58, 59, 60, 135, 255].map(|next_header| {
            let packet = Packet6 { next_header, ..to("2001:db8:1::1") };
            (format!("next header {next_header}"), packet, Reason::Redirect)
        }))
        .collect()
}

/// The edges of each class of addresses.
fn by_address() -> impl Iterator<Item = (String, Packet6, Reason)> {
    let destinations = [
        ("::", Reason::LinkScope),
        ("::1", Reason::MartianDestination),
        ("::2", Reason::Redirect),
        ("::fffe:1.2.3.4", Reason::Redirect),
        ("::ffff:1.2.3.4", Reason::Redirect),
        ("0:0:0:1::", Reason::Redirect),
        ("0:0:0:1::1", Reason::Redirect),
        ("fe7f:ffff::1", Reason::Redirect),
        ("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::Redirect),
        ("fe80::", Reason::LinkScope),
        ("fe80:0:0:1::1", Reason::LinkScope),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::LinkScope),
        ("fec0::", Reason::Redirect),
        ("feff:ffff::1", Reason::Redirect),
        ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::Redirect),
        ("ff00::", Reason::GroupAddress),
        ("ff02::1", Reason::GroupAddress),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reason::GroupAddress),
    ];
    let sources = [
        ("::", Reason::LinkScope),
        ("::1", Reason::MartianSource),
        ("::2", Reason::Redirect),
        ("::fffe:ffff:ffff", Reason::Redirect),
        ("::ffff:0:0", Reason::Redirect),
        ("::ffff:255.255.255.255", Reason::Redirect),
        ("::1:0:0:0", Reason::Redirect),
        ("0:0:0:1::", Reason::Redirect),
        ("0:0:0:1::1", Reason::Redirect),
        ("0:0:0:1:0:ffff:102:304", Reason::Redirect),
        ("fe7f:ffff::1", Reason::Redirect),
        ("fe80::1", Reason::LinkScope),
        ("febf:ffff::1", Reason::LinkScope),
        ("fec0::1", Reason::Redirect),
        ("feff:ffff::1", Reason::Redirect),
        ("ff00::1", Reason::MartianSource),
        ("ff0e::1", Reason::MartianSource),
    ];
    let destinations = destinations.map(|(text, reason)| (format!("to {text}"), to(text), reason));
    destinations.into_iter().chain(sources.map(|(text, reason)| (format!("from {text}"), from(text), reason)))
}

/// Packets with two reasons: the first check decides.
fn precedence() -> [(&'static str, Packet6, Reason); 21] {
    let between = |source: &str, destination: &str| Packet6 { source: address(source), ..to(destination) };
    let hop_by_hop = to("2001:db8:1::1").with_hop_by_hop();
    let expired = |destination: &str| Packet6 { hop_limit: 1, ..to(destination) };
    [
        ("version 4 and hop-by-hop", Packet6 { version: 4, ..hop_by_hop.clone() }, Reason::BadVersion),
        ("version 4, too long", Packet6 { version: 4, payload_length: Some(45), ..to("ff02::1") }, Reason::BadVersion),
        ("hop-by-hop, too long", Packet6 { payload_length: Some(53), ..hop_by_hop }, Reason::Options),
        ("hop-by-hop to multicast", to("ff02::16").with_hop_by_hop(), Reason::Options),
        ("too long to multicast", Packet6 { payload_length: Some(45), ..to("ff02::1") }, Reason::BadLength),
        ("too long from ::1", Packet6 { payload_length: Some(45), ..from("::1") }, Reason::BadLength),
        ("from ::1 to multicast", between("::1", "ff02::1"), Reason::GroupAddress),
        ("from :: to multicast", between("::", "ff02::1"), Reason::GroupAddress),
        ("from fe80::1 to multicast", between("fe80::1", "ff02::1"), Reason::GroupAddress),
        ("from and to ::1", between("::1", "::1"), Reason::MartianSource),
        ("from multicast to ::1", between("ff02::1", "::1"), Reason::MartianSource),
        ("from ::1 to fe80::1", between("::1", "fe80::1"), Reason::MartianSource),
        ("from mapped to ::", between("::ffff:192.0.2.1", "::"), Reason::LinkScope),
        ("from fe80::1 to ::1", between("fe80::1", "::1"), Reason::MartianDestination),
        ("from fe80::1 to a blackhole", between("fe80::1", "2001:db8:1:8000::1"), Reason::LinkScope),
        ("from ::1 to a blackhole", between("::1", "2001:db8:1:8000::1"), Reason::MartianSource),
        ("hop limit 1 to nowhere", expired("2001:db9::1"), Reason::NoRoute),
        ("hop limit 1 to an unresolved router", expired("2001:db8:5::1"), Reason::TtlExpired),
        ("hop limit 1, larger than the MTU", expired("2001:db8:7::1"), Reason::TtlExpired),
        ("hop limit 1, an interface without XDP", expired("2001:db8:6::1"), Reason::TtlExpired),
        ("larger than the MTU, an interface without XDP", to("2001:db8:9::1"), Reason::TooBig),
    ]
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
        let dataplane = router.open_filled(lookup, &routes(&router));
        let mut seen = BTreeSet::new();
        for (name, packet, reason) in cases() {
            let met = reason_in(lookup, reason, name == "a group of broadcasts");
            check(&dataplane, &name, &packet.frame(), router.ingress, expected(&packet, met));
            if name.starts_with("to ") {
                let by_class = [Reason::LinkScope, Reason::MartianDestination, Reason::GroupAddress].contains(&reason);
                assert_eq!(before_lookup(packet.destination.into()), by_class.then_some(reason), "{name}");
            }
            seen.insert(met);
        }
        let whole = Packet6 { version: 4, ..to("ff02::1") }.frame();
        for length in 14..54 {
            let cut = whole[..length].to_vec();
            check(&dataplane, &format!("{length} octets"), &cut, router.ingress, (Reason::Truncated, cut.clone()));
        }
        let header = Packet6 { payload: Vec::new(), next_header: 59, ..to("2001:db8:1::1") };
        check(&dataplane, "nothing but a header", &header.frame(), router.ingress, expected(&header, Reason::Redirect));
        // What IPv4 only meets, or stands elsewhere.
        seen.extend([Reason::Truncated, Reason::ForwardingOff, Reason::NotConfigured, Reason::Overflow]);
        seen.extend([Reason::InvalidSource, Reason::SourceToKernel]);
        seen.extend(never);
        seen.extend([Reason::OtherProtocol, Reason::Arp, Reason::Loopback, Reason::BadChecksum]);
        let unseen: Vec<&Reason> = Reason::ALL.iter().filter(|reason| !seen.contains(reason)).collect();
        assert!(unseen.is_empty(), "no packet for {unseen:?}");
    });
}

#[test]
fn each_family_is_forwarded_where_the_kernel_would() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        let ipv4 = Packet::udp(IN_MAC, [172, 16, 5, 6].into(), [192, 0, 2, 1].into());
        let ipv6 = to("2001:db8:1::1");
        let (on, off) = (Reason::Redirect, Reason::ForwardingOff);
        // By itself, an interface's own IPv6 setting only makes it a router to its link.
        for (family, key, value, reason4, reason6) in [
            (6, "conf.all.forwarding", 0, on, off),
            (6, "conf.in.forwarding", 1, on, off),
            (4, "conf.in.forwarding", 0, off, off),
            (6, "conf.all.forwarding", 1, off, on),
            (6, "conf.in.disable_ipv6", 1, off, off),
            (4, "conf.in.forwarding", 1, on, off),
            (6, "conf.in.disable_ipv6", 0, on, on),
            (6, "conf.out.disable_ipv6", 0, on, on),
            (6, "conf.out.forwarding", 0, on, on),
        ] {
            let name = format!("IPv{family} {key} = {value}");
            if family == 4 {
                router.ns.set(key, value)
            } else {
                router.ns.set6(key, value)
            }
            dataplane.audit().expect("audit");
            let out = if reason4 == on { ipv4.forwarded(NEIGHBOUR, OUT_MAC) } else { ipv4.clone() };
            check(&dataplane, &format!("{name}: IPv4"), &ipv4.frame(), router.ingress, (reason4, out.frame()));
            check(&dataplane, &format!("{name}: IPv6"), &ipv6.frame(), router.ingress, expected(&ipv6, reason6));
            if reason6 == off {
                let expired = Packet6 { hop_limit: 1, ..ipv6.clone() };
                check(&dataplane, "hop limit 1", &expired.frame(), router.ingress, expected(&expired, off));
                let dropped = to("2001:db8:1:8000::1");
                let reason = Reason::Blackhole;
                check(&dataplane, "blackhole", &dropped.frame(), router.ingress, expected(&dropped, reason));
            }
        }
    });
}

/// Below an MTU of 1280 octets (RFC 8200 §5), the kernel takes IPv6 from an interface, and the settings with it.
#[test]
fn an_interface_with_an_mtu_too_small_for_ipv6_forwards_none() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&routes(&router)).expect("routes");
        let packet = to("2001:db8:1::1");
        for (mtu, reason) in [(1280, Reason::Redirect), (1279, Reason::ForwardingOff), (1280, Reason::Redirect)] {
            router.ns.ip(&format!("link set dev in mtu {mtu}"));
            dataplane.audit().expect("audit");
            check(&dataplane, &format!("{mtu}"), &packet.frame(), router.ingress, expected(&packet, reason));
        }
    });
}

/// Debug mode has a forwarder of its own.
#[test]
fn debug_mode_samples_and_does_the_same() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open_debug();
        dataplane.replace(&routes(&router)).expect("routes");
        for (name, packet, reason) in cases() {
            check(&dataplane, &name, &packet.frame(), router.ingress, expected(&packet, reason));
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || dataplane.flush_samples());
        let text = log.text();
        let sample = format!("in={} src=2001:db8:ffff::1 dst=2001:db8:1::1 ttl=64 len=98", router.ingress);
        assert!(text.lines().any(|line| line.contains(&sample) && line.contains("redirect")), "no {sample} in {text}");
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
        dataplane.apply(&[XdpOp::SetGroup { id: GroupId(1), state: moved, links: Vec::new() }]).expect("change");
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
        // Of the nodes that lead from the root's 18 bits to a /65, one block holds those of one size only.
        let mut dataplane = router.open(Capacity { nodes: 1, ..Capacity::default() });
        let mut ops = router.ports();
        let via = GroupState::Forward(vec![router.member(router.egress, 9, OUT_MAC, 1500)]);
        ops.extend(route(1, "2001::/16", via));
        ops.extend(route(2, "2001:db8:1:0:8000::/65", GroupState::Blackhole(None)));
        assert!(dataplane.replace(&ops).expect("routes").overflowed > 0);
        let packet = to("2001:db8:1::1");
        check(&dataplane, "no node", &packet.frame(), router.ingress, (Reason::Overflow, packet.frame()));
        let other = to("2001:4000::1");
        check(&dataplane, "the root", &other.frame(), router.ingress, expected(&other, Reason::Redirect));
        let removed = XdpOp::RemoveRoute("2001:db8:1:0:8000::/65".parse().expect("a prefix"));
        assert_eq!(dataplane.apply(&[removed]).expect("a route less").overflowed, 0);
        check(&dataplane, "it fits", &packet.frame(), router.ingress, expected(&packet, Reason::Redirect));
    });
}

/// A router of four members for all of 2000::/3, and which of them packets go to.
struct Spread<'a> {
    program: Program,
    router: &'a Router,
}

impl Spread<'_> {
    const MEMBERS: [u8; 4] = [1, 2, 3, 4];

    fn new(router: &Router) -> Spread<'_> {
        let mut dataplane = router.open(Capacity::default());
        let members = Spread::MEMBERS.map(|last| router.member(router.egress, last, OUT_MAC, 1500));
        let mut ops = router.ports();
        ops.extend(route(1, "2000::/3", GroupState::Forward(members.to_vec())));
        dataplane.replace(&ops).expect("routes");
        Spread { program: Program::by_id(dataplane.forwarder_id()), router }
    }

    /// The members of 400 packets, and how many each has.
    fn shares(&self, packet: impl Fn(u16) -> Packet6) -> [usize; 4] {
        let run = |number| self.program.run(&packet(number).frame(), self.router.ingress).1[5];
        let chosen: Vec<u8> = (0..400).map(run).collect();
        assert_eq!((0..400).map(run).collect::<Vec<u8>>(), chosen, "a flow keeps to its member");
        let shares = Spread::MEMBERS.map(|member| chosen.iter().filter(|last| **last == member).count());
        assert_eq!(shares.iter().sum::<usize>(), 400, "all were forwarded");
        shares
    }

    /// The packets are of flows of their own. The seed is random: six standard deviations must do.
    fn is_even(&self, what: &str, packet: impl Fn(u16) -> Packet6) {
        let shares = self.shares(packet);
        assert!(shares.iter().all(|share| (45..155).contains(share)), "{shares:?} of 400 flows by {what}");
    }

    /// The packets are of one flow.
    fn is_one(&self, what: &str, packet: impl Fn(u16) -> Packet6) {
        let shares = self.shares(packet);
        assert!(shares.contains(&400), "{shares:?} of one flow with any {what}");
    }
}

fn with_first_octets(next_header: u8, octets: u16) -> Packet6 {
    let mut packet = Packet6 { next_header, ..to("2001:db8:1::1") };
    packet.payload[..2].copy_from_slice(&octets.to_be_bytes());
    packet.payload[2..4].copy_from_slice(&octets.to_le_bytes());
    packet
}

#[test]
fn flows_spread_over_members_and_keep_to_theirs() {
    let router = Router::new();
    router.ns.run(|| {
        let spread = Spread::new(&router);
        for position in 0..8 {
            let change = |address: Ipv6Addr, number: u16| {
                let mut segments = address.segments();
                segments[position] ^= number;
                Ipv6Addr::from(segments)
            };
            let packet = to("2001:db8:1::1");
            spread.is_even(&format!("segment {position} of the source"), |number| Packet6 {
                source: change(packet.source, number),
                ..packet.clone()
            });
            spread.is_even(&format!("segment {position} of the destination"), |number| Packet6 {
                destination: change(packet.destination, number),
                ..packet.clone()
            });
        }
        // As where hosts are numbered like their networks.
        spread.is_even("network and host", |number| Packet6 {
            source: [0x2001, 0xdb8, 0, number, 0, 0, 0, number].into(),
            ..to("2001:db8:1::1")
        });
        for protocol in [6, 17, 33, 132, 136] {
            spread.is_even(&format!("ports of {protocol}"), |number| with_first_octets(protocol, number));
        }
        // Other protocols have no ports, and what has extension headers has them elsewhere, if at all.
        for next_header in [1, 4, 41, 43, 44, 47, 50, 51, 58, 59, 60, 135] {
            let what = format!("beginning of {next_header}");
            spread.is_one(&what, |number| with_first_octets(next_header, number));
        }
        let shares = spread.shares(|number| Packet6 { next_header: number as u8 | 1 << 7, ..to("2001:db8:1::1") });
        assert!(!shares.contains(&0), "{shares:?} by next header");
    });
}

#[test]
fn what_is_no_part_of_a_flow_does_not_choose_the_member() {
    let router = Router::new();
    router.ns.run(|| {
        let spread = Spread::new(&router);
        let packet = to("2001:db8:1::1");
        spread.is_one("flow label", |number| Packet6 { flow_label: number.into(), ..packet.clone() });
        spread.is_one("traffic class", |number| Packet6 { traffic_class: number as u8, ..packet.clone() });
        spread.is_one("hop limit", |number| Packet6 { hop_limit: number as u8 | 2, ..packet.clone() });
        spread.is_one("sender's MAC", |number| Packet6 { source_mac: [2, 0, 0, 0, 8, number as u8], ..packet.clone() });
        spread.is_one("padding", |number| Packet6 { padding: usize::from(number), ..packet.clone() });
        spread.is_one("payload", |number| {
            let mut packet = packet.clone();
            packet.payload.resize(44 + usize::from(number), number as u8);
            packet
        });
        // Frames that end before or within the ports.
        spread.is_one("part of its ports", |number| {
            let mut packet = packet.clone();
            packet.payload.truncate(usize::from(number % 4));
            packet
        });
    });
}
