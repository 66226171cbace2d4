//! What our tables cannot follow and the kernel's lookup does, and the way from one to the other.

use nva::xdp::{Dataplane, LookupSource};
use nva_common::Reason;
use nva_common::capture::NO_GROUP;

use crate::capture::{Running, everything};
use crate::machine::{MACS, Machine, kernel_state};
use crate::router::check;
use crate::support::netns::BpfFs;
use crate::support::packet::{Packet, Packet6};

/// What becomes of one packet from a source that a rule is about, of each family.
fn is_sent_to(dataplane: &Dataplane, net: u8) {
    let ifindex = nix::net::if_::if_nametoindex("in").expect("an index");
    let (neighbour, own) = ([2, 0, 0, 1, net, 2], MACS[usize::from(net) - 1]);
    let packet = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [32, 0, 0, 1].into());
    let out = packet.forwarded(neighbour, own).frame();
    check(dataplane, &format!("IPv4 to {net}"), &packet.frame(), ifindex, (Reason::Redirect, out));
    let address = |text: &str| text.parse().expect(text);
    let packet = Packet6::udp(MACS[0], address("2001:db8:b::1"), address("2400::1"));
    let out = packet.forwarded(neighbour, own).frame();
    check(dataplane, &format!("IPv6 to {net}"), &packet.frame(), ifindex, (Reason::Redirect, out));
}

fn with_rules() -> Machine {
    let machine = Machine::new();
    let lines = [
        "route add 32.0.0.0/8 via 10.2.0.2",
        "route add 32.0.0.0/8 via 10.3.0.2 table 100",
        "rule add from 11.0.0.0/8 lookup 100",
        "-6 route add 2400::/16 via fd00:2::2",
        "-6 route add 2400::/16 via fd00:3::2 table 100",
        "-6 rule add from 2001:db8:b::/48 lookup 100",
    ];
    lines.iter().for_each(|line| machine.router.ip(line));
    machine
}

#[test]
fn policy_rules_are_followed_from_the_moment_that_the_kernel_is_asked() {
    let (machine, bpffs) = (with_rules(), BpfFs::new());
    machine.router.run(|| {
        let (mut dataplane, mirror) = Machine::dataplane_with(bpffs.path(), LookupSource::Tables);
        is_sent_to(&dataplane, 2);
        dataplane.look_up_in(LookupSource::Kernel).expect("switch");
        is_sent_to(&dataplane, 3);
        dataplane.look_up_in(LookupSource::Tables).expect("switch");
        is_sent_to(&dataplane, 3);
        assert_eq!(dataplane.lookup_source(), LookupSource::Kernel, "until the tables are filled");
        dataplane.replace(&mirror.everything()).expect("fill the tables");
        assert_eq!(dataplane.lookup_source(), LookupSource::Tables);
        is_sent_to(&dataplane, 2);
    });
}

#[test]
fn ports_are_told_to_the_rules_and_fragments_have_none() {
    let (machine, bpffs) = (Machine::new(), BpfFs::new());
    machine.router.ip("route add 32.0.0.0/8 via 10.2.0.2");
    machine.router.ip("route add 32.0.0.0/8 via 10.3.0.2 table 100");
    machine.router.ip("rule add ipproto 17 sport 4660 lookup 100");
    machine.router.run(|| {
        let (dataplane, _) = Machine::dataplane_with(bpffs.path(), LookupSource::Kernel);
        let ifindex = nix::net::if_::if_nametoindex("in").expect("an index");
        let mut packet = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [32, 0, 0, 1].into());
        for (port, fragment, net) in [(4660_u16, 0, 3), (4661, 0, 2), (4660, 0x2000, 2)] {
            packet.payload[..2].copy_from_slice(&port.to_be_bytes());
            packet.fragment = fragment;
            let out = packet.forwarded([2, 0, 0, 1, net, 2], MACS[usize::from(net) - 1]).frame();
            check(&dataplane, &format!("{port} {fragment}"), &packet.frame(), ifindex, (Reason::Redirect, out));
        }
    });
}

/// Nobody wrote the tables while the kernel was asked: the next process must not trust what it finds in them.
#[test]
fn tables_that_nobody_kept_are_not_used_before_they_are_filled() {
    let (machine, bpffs) = (Machine::new(), BpfFs::new());
    machine.router.ip("route add 32.0.0.0/8 via 10.2.0.2");
    machine.router.ip("-6 route add 2400::/16 via fd00:2::2");
    machine.router.run(|| {
        let (mut first, _) = Machine::dataplane_with(bpffs.path(), LookupSource::Tables);
        is_sent_to(&first, 2);
        first.look_up_in(LookupSource::Kernel).expect("switch");
        drop(first);
        machine.router.ip("route replace 32.0.0.0/8 via 10.3.0.2");
        machine.router.ip("-6 route replace 2400::/16 via fd00:3::2");
        let options = nva::xdp::XdpOptions { bpffs: bpffs.path().to_owned(), ..nva::xdp::XdpOptions::default() };
        let mut second = Dataplane::open(&options).expect("open");
        assert!(second.is_adopted());
        assert_eq!(second.lookup_source(), LookupSource::Kernel);
        is_sent_to(&second, 3);
        let before = second.forwarder_id();
        let ports = ["in", "out1", "out2"].map(|name| nix::net::if_::if_nametoindex(name).expect(name));
        let mut mirror = nva::fib::mirror::Mirror::new(ports.into());
        mirror.rebuild(&kernel_state());
        second.replace(&mirror.everything()).expect("fill the tables");
        assert_ne!(second.forwarder_id(), before);
        assert_eq!(second.lookup_source(), LookupSource::Tables);
        is_sent_to(&second, 3);
    });
}

/// What the tables do not look at: routes for one type of service, and for sources of one prefix.
#[test]
fn routes_for_some_packets_only_are_followed() {
    let (machine, bpffs) = (Machine::new(), BpfFs::new());
    for route in [
        "route add 32.0.0.0/8 via 10.2.0.2",
        "route add 32.0.0.0/8 tos 0x10 via 10.3.0.2",
        // Shorter than the other, which hides every route for its own prefix from all other sources.
        "-6 route add 2400::/12 via fd00:2::2",
        "-6 route add 2400::/16 from 2001:db8:b::/48 via fd00:3::2",
    ] {
        machine.router.ip(route);
    }
    machine.router.run(|| {
        let (dataplane, _) = Machine::dataplane_with(bpffs.path(), LookupSource::Kernel);
        let ifindex = nix::net::if_::if_nametoindex("in").expect("an index");
        let way = |net: u8| ([2, 0, 0, 1, net, 2], MACS[usize::from(net) - 1]);
        for (dscp, net) in [(0, 2), (0x10, 3)] {
            let packet = Packet { dscp, ..Packet::udp(MACS[0], [11, 0, 0, 1].into(), [32, 0, 0, 1].into()) };
            let (neighbour, own) = way(net);
            let out = packet.forwarded(neighbour, own).frame();
            check(&dataplane, &format!("TOS {dscp}"), &packet.frame(), ifindex, (Reason::Redirect, out));
        }
        for (from, net) in [("2001:db8:a::1", 2), ("2001:db8:b::1", 3)] {
            let address = |text: &str| text.parse().expect(text);
            let packet = Packet6::udp(MACS[0], address(from), address("2400::1"));
            let (neighbour, own) = way(net);
            let out = packet.forwarded(neighbour, own).frame();
            check(&dataplane, from, &packet.frame(), ifindex, (Reason::Redirect, out));
        }
    });
}

/// The kernel's helper does not check sources: where they are to be, its slow path does.
#[test]
fn sources_are_the_kernels_to_check() {
    let (machine, bpffs) = (Machine::new(), BpfFs::new());
    machine.router.ip("route add 32.0.0.0/8 via 10.2.0.2");
    machine.router.set("conf.in.rp_filter", 1);
    machine.router.run(|| {
        let (dataplane, _) = Machine::dataplane_with(bpffs.path(), LookupSource::Kernel);
        let ifindex = nix::net::if_::if_nametoindex("in").expect("an index");
        let frame = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [32, 0, 0, 1].into()).frame();
        check(&dataplane, "strict", &frame, ifindex, (Reason::SourceToKernel, frame.clone()));
    });
}

/// A capture goes on wherever routes are looked up.
#[test]
fn captures_outlive_a_switch() {
    let (machine, bpffs) = (with_rules(), BpfFs::new());
    machine.router.run(|| {
        let (mut dataplane, mirror) = Machine::dataplane(bpffs.path());
        let (ifindex, egress) = (machine.router.index("in"), ["out1", "out2"].map(|name| machine.router.index(name)));
        let mut running = Running::begin(&mut dataplane, &everything(&[ifindex]));
        let captured = |running: &mut Running| -> Vec<(u32, u32, bool)> {
            let packets = running.packets();
            packets.iter().map(|(header, _)| (header.reason, header.egress, header.group == NO_GROUP)).collect()
        };
        let redirect = Reason::Redirect as u32;
        is_sent_to(&dataplane, 2);
        assert_eq!(captured(&mut running), [(redirect, egress[0], false); 2], "one of each family");
        dataplane.look_up_in(LookupSource::Kernel).expect("switch");
        is_sent_to(&dataplane, 3);
        assert_eq!(captured(&mut running), [(redirect, egress[1], true); 2], "the kernel does not say which route");
        dataplane.look_up_in(LookupSource::Tables).expect("switch");
        dataplane.replace(&mirror.everything()).expect("fill the tables");
        is_sent_to(&dataplane, 2);
        assert_eq!(captured(&mut running), [(redirect, egress[0], false); 2]);
        let (_, counters) = running.end(&mut dataplane);
        assert_eq!(counters[0].matched, 6);
        is_sent_to(&dataplane, 2);
    });
}
