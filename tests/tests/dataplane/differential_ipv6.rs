//! The same for IPv6: see [`differential`](crate::differential).

use std::net::Ipv6Addr;

use nva::xdp::LookupSource;
use nva_common::Reason;

use crate::differential::{Mark, PACKETS, compare};
use crate::machine::{INTERFACES, MACS, Machine};
use crate::support::packet::Packet6;

#[test]
fn the_fast_path_sends_what_the_kernel_sends() {
    differs_nowhere(LookupSource::Tables, &[Reason::Local]);
}

#[test]
fn by_the_kernels_tables_too() {
    differs_nowhere(LookupSource::Kernel, &[Reason::NotForwarded]);
}

/// `met`: reasons that are met beside those that do not depend on where routes are looked up.
fn differs_nowhere(lookup: LookupSource, met: &[Reason]) {
    let mut random = fastrand::Rng::with_seed(62_026);
    let (ours, kernel) = (Machine::new(), Machine::new());
    let destinations = install_routes(&mut random, &[&ours, &kernel]);
    let frames: Vec<Vec<u8>> = (0..PACKETS).map(|_| any_packet(&mut random, &destinations).frame()).collect();
    let reasons = [
        Reason::Hairpin,
        Reason::Redirect,
        Reason::Options,
        Reason::TtlExpired,
        Reason::TooBig,
        Reason::LinkScope,
        Reason::GroupAddress,
        Reason::Refused,
        Reason::Unresolved,
        Reason::MartianSource,
        Reason::MartianDestination,
        Reason::Blackhole,
        Reason::NotOurMac,
        Reason::BadLength,
        Reason::BadVersion,
    ];
    compare(lookup, [&ours, &kernel], &frames, marks, &[&reasons, met].concat());
}

/// The same routes of every length and kind for all; returns destinations in and around them.
fn install_routes(random: &mut fastrand::Rng, machines: &[&Machine]) -> Vec<u128> {
    let mut lines = vec!["route add default via fd00:3::2".to_owned()];
    let mut destinations: Vec<u128> = Vec::new();
    // Some beside each other, so that they have nodes in common.
    let bases: Vec<u128> = (0..20).map(|_| 0x24 << 120 | random.u128(..) >> 8).collect();
    for _ in 0..300 {
        let length = random.u32(1..=128);
        let near =
            bases[random.usize(..bases.len())] ^ 1u128.checked_shl(random.u32(..160)).unwrap_or(0) & u128::MAX >> 8;
        let network = near & u128::MAX << (128 - length);
        let prefix = format!("{}/{length}", Ipv6Addr::from(network));
        let net = random.u32(1..=3);
        lines.push(match random.u32(0..20) {
            0 => format!("route replace blackhole {prefix}"),
            1 => format!("route replace unreachable {prefix}"),
            2 => format!("route replace prohibit {prefix}"),
            // A short one would hide the others.
            3 if length > 9 => format!("route replace local {prefix} dev lo"),
            4 => format!("route replace {prefix} dev out{}", random.u32(1..=2)),
            // Nobody answers for ::20.
            5 => format!("route replace {prefix} via fd00:{net}::20"),
            6 => format!("route replace {prefix} via fd00:{net}::3 metric 5"),
            7..10 => {
                let (last, interface) = (random.u32(2..10), INTERFACES[net as usize - 1]);
                format!("route replace {prefix} via fe80::{last} dev {interface}")
            }
            _ => format!("route replace {prefix} via fd00:{net}::{}", random.u32(2..10)),
        });
        let last = network | u128::MAX.checked_shr(length).unwrap_or(0);
        destinations.extend([
            network,
            last,
            network.wrapping_sub(1),
            last.wrapping_add(1),
            random.u128(network..=last),
        ]);
    }
    for machine in machines {
        machine.router.ip_batch(&lines);
    }
    let addresses = [
        // The router, its subnets' routers, hosts that are resolved, and one that is not.
        "fd00:1::1",
        "fd00:2::1",
        "fd00:1::",
        "fd00:2::",
        "fd00:1::5",
        "fd00:2::5",
        "fd00:3::5",
        "fd00:2::15",
        "::",
        "::1",
        "::2",
        "fe80::5",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::5",
        "64:ff9b::1",
        "fc00::1",
    ];
    destinations.extend(addresses.map(|address| u128::from(address.parse::<Ipv6Addr>().expect(address))));
    destinations
}

/// Mostly good packets, and now and then something wrong or rare.
fn any_packet(random: &mut fastrand::Rng, destinations: &[u128]) -> Packet6 {
    let destination = destinations[random.usize(..destinations.len())];
    let source = 0x2001_0db8_u128 << 96 | random.u128(..) >> 32;
    let mut packet = Packet6::udp(MACS[0], source.into(), destination.into());
    packet.flow_label = random.u32(..1 << 20);
    packet.traffic_class = random.u8(..);
    packet.hop_limit = random.u8(2..);
    packet.payload.extend((0..random.usize(..40)).map(|octet| octet as u8));
    let mut address = |addresses: &[&str]| -> Ipv6Addr {
        let text = addresses[random.usize(..addresses.len())];
        text.parse().expect(text)
    };
    let odd_source = address(&["::", "::1", "fe80::7", "febf::7", "ff02::1", "ff0e::1", "ffff::"]);
    // Among them a neighbour, and the router itself: for IPv6, Linux does not look at who sends.
    let rare_source = address(&[
        "fec0::1",
        "::192.0.2.1",
        "::ffff:192.0.2.1",
        "64:ff9b::c000:201",
        "2002::1",
        "fd00:1::9",
        "fd00:1::1",
    ]);
    match random.u32(0..40) {
        0 => packet.hop_limit = random.u8(0..2),
        1 => packet.destination_mac = MACS[1],
        2 => packet.destination_mac = [0x33, 0x33, 0, 0, 0, 1],
        3 => packet.version = random.u8(0..16),
        4 => packet.payload_length = Some(random.u16(0..44)),
        5 => packet.payload_length = Some(random.u16(100..)),
        6 | 7 => packet.source = odd_source,
        8 => packet.source = rare_source,
        9 | 10 => packet.payload.resize(random.usize(1330..1460), 0xaa),
        11 => packet.padding = random.usize(..30),
        12 => packet.next_header = random.u8(1..),
        13 => packet = packet.with_hop_by_hop(),
        14 => packet.next_header = [43, 44, 50, 51, 59, 60, 135][random.usize(..7)],
        15 => {
            // A fragment that is not the first.
            packet.payload.splice(..0, [17, 0, 0, 0x10, 0, 0, 0, 1]);
            packet.next_header = 44;
        }
        _ => {}
    }
    packet
}

/// Packets that must come out of every interface, by the fast path and by the slow one: with each, what came before it on
/// its path has come.
pub fn marks(number: u16) -> Vec<Mark> {
    let mark = |net: u16, slow: bool| {
        let (source, destination) = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], [0xfd00, net, 0, 0, 0, 0, 0, 7]);
        let mut packet = Packet6::udp(MACS[0], source.into(), destination.into());
        packet.flow_label = number.into();
        let packet = if slow { packet.with_hop_by_hop() } else { packet };
        let interface = usize::from(net) - 1;
        let expected = packet.forwarded([2, 0, 0, 1, net as u8, 7], MACS[interface]).frame();
        (packet.frame(), (interface, expected))
    };
    (1..=3).flat_map(|net| [mark(net, false), mark(net, true)]).collect()
}
