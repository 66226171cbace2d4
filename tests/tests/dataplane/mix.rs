//! Frames of many protocols, as a capture may hold them: in order and out of it, of every length, and now and then odd.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::support::packet::{Packet, Packet6};

/// How many there are at least of each family.
const FRAMES: usize = 3_000;
/// The MAC of a station that no router here is.
pub const ANOTHER_MAC: [u8; 6] = [2, 0, 0, 0, 7, 7];
/// Stands for whoever the capture was taken at.
const SOMEBODY: [u8; 6] = [2, 0, 0, 0, 8, 8];
/// ICMP, IGMP, IPv4 in IP, TCP, UDP, DCCP, IPv6 in IP, RSVP, GRE, ESP, AH, ICMPv6, OSPF, PIM, SCTP, UDP-Lite, and one that
/// is nobody's.
const PROTOCOLS: [u8; 17] = [1, 2, 4, 6, 17, 33, 41, 46, 47, 50, 51, 58, 89, 103, 132, 136, 253];

/// The frames; the same each time.
pub fn frames() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(2_026);
    let mut frames = Vec::new();
    while frames.len() < 2 * FRAMES {
        match random.u32(0..40) {
            0 => frames.extend(segments(&mut random)),
            1 => frames.extend(fragments(&mut random)),
            2 => frames.push(other(&mut random)),
            3..21 => {
                let frame = ipv4(&mut random).frame();
                frames.push(odd(&mut random, frame));
            }
            _ => {
                let frame = ipv6(&mut random).frame();
                frames.push(odd(&mut random, frame));
            }
        }
    }
    frames
}

/// Hosts far away, some in one network; and now and then the router, its neighbours, groups and nobody.
fn destination(random: &mut fastrand::Rng) -> Ipv4Addr {
    let special = [[10, 1, 0, 1], [10, 2, 0, 5], [10, 2, 0, 77], [224, 0, 0, 5], [239, 1, 2, 3], [10, 3, 0, 255]];
    match random.u32(0..20) {
        0 => special[random.usize(..special.len())].into(),
        _ => [203, 0, random.u8(..24), random.u8(..6)].into(),
    }
}

fn destination6(random: &mut fastrand::Rng) -> Ipv6Addr {
    let special = ["fd00:1::1", "fd00:2::5", "fd00:2::77", "ff02::1", "ff0e::7", "fe80::5"];
    match random.u32(0..20) {
        0 => special[random.usize(..special.len())].parse().expect("an address"),
        _ => Ipv6Addr::from([0x2001, 0xdb8, 0xa, 0, 0, 0, random.u16(..24), random.u16(..6)]),
    }
}

fn ipv4(random: &mut fastrand::Rng) -> Packet {
    let source: Ipv4Addr = [198, 18, random.u8(..), random.u8(..)].into();
    let mut packet = Packet::udp(SOMEBODY, source, destination(random));
    packet.protocol = PROTOCOLS[random.usize(..PROTOCOLS.len())];
    packet.payload = payload(random, packet.protocol);
    (packet.id, packet.dscp, packet.ttl) = (random.u16(..), random.u8(..), random.u8(2..));
    match random.u32(0..30) {
        0 => packet.ttl = random.u8(..2),
        1..4 => {
            // Record route, time stamps without room for another (two kernels write two times), router alert, a source route,
            // an end of the list, and no option at all.
            let options: [&[u8]; 6] = [
                &[7, 7, 4, 0, 0, 0, 0, 0],
                &[68, 8, 9, 0, 0, 0, 0, 0],
                &[148, 4, 0, 0],
                &[131, 7, 4, 10, 2, 0, 5, 0],
                &[0, 0, 0, 0],
                &[1, 1, 1, 1],
            ];
            let options = options[random.usize(..options.len())];
            packet.version_and_length += (options.len() / 4) as u8;
            packet.payload.splice(..0, options.iter().copied());
        }
        4 => packet.fragment = 0x4000,
        5 => packet.fragment = random.u16(..) & 0x3fff,
        6 => packet.checksum_error = 1,
        7 => packet.total_length = Some(random.u16(..)),
        8 => packet.version_and_length = random.u8(..),
        9 => packet.destination_mac = ANOTHER_MAC,
        10 => packet.destination_mac = [0x01, 0, 0x5e, 0, 0, 5],
        _ => {}
    }
    packet
}

fn ipv6(random: &mut fastrand::Rng) -> Packet6 {
    let source = Ipv6Addr::from([0x2001, 0xdb8, 0xb, 0, 0, 0, random.u16(..), random.u16(..)]);
    let mut packet = Packet6::udp(SOMEBODY, source, destination6(random));
    packet.next_header = PROTOCOLS[random.usize(..PROTOCOLS.len())];
    packet.payload = payload(random, packet.next_header);
    (packet.flow_label, packet.traffic_class) = (random.u32(..1 << 20), random.u8(..));
    packet.hop_limit = random.u8(2..);
    // Destination options, a routing header, a fragment's, an authentication header: up to three of them.
    for _ in 0..random.u32(..6).saturating_sub(2) {
        let (kind, rest): (u8, &[u8]) = match random.u32(..4) {
            0 => (60, &[0, 1, 4, 0, 0, 0, 0]),
            1 => (43, &[0, 4, 0, 0, 0, 0, 0]),
            2 => (44, &[0, 0, 1, 1, 2, 3, 4]),
            _ => (51, &[4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7]),
        };
        packet.payload.splice(..0, [&[packet.next_header], rest].concat());
        packet.next_header = kind;
    }
    match random.u32(0..30) {
        0 => packet.hop_limit = random.u8(..2),
        1 => packet = packet.with_hop_by_hop(),
        2 => {
            // A router alert (RFC 2711).
            packet.payload.splice(..0, [packet.next_header, 0, 5, 2, 0, 0, 1, 0]);
            packet.next_header = 0;
        }
        3 => packet.payload_length = Some(random.u16(..)),
        4 => packet.version = random.u8(..16),
        5 => packet.destination_mac = ANOTHER_MAC,
        6 => packet.destination_mac = [0x33, 0x33, 0, 0, 0, 1],
        7 => packet.source = [0xfe80, 0, 0, 0, 0, 0, 0, 9].into(),
        8 => packet.next_header = 59,
        _ => {}
    }
    packet
}

/// A header of the protocol, and data of an even or odd length, now and then of almost the largest.
fn payload(random: &mut fastrand::Rng, protocol: u8) -> Vec<u8> {
    let ports = [random.u16(1024..).to_be_bytes(), [0x01, 0xbb]].concat();
    let mut payload = match protocol {
        1 => vec![[0, 3, 5, 8, 11, 13][random.usize(..6)], random.u8(..5), 0, 0, 5, 0x14, 0, 1],
        4 | 41 => vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2],
        6 => [&ports[..], &[0, 0, 0, random.u8(..), 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]].concat(),
        17 | 136 => [&ports[..], &[0, 8, 0, 0]].concat(),
        47 => vec![0x20, 0, 8, 0, 0, 0, 0, 9],
        50 => vec![0, 0, 1, random.u8(..), 0, 0, 0, 1],
        58 => vec![[1, 2, 3, 128, 129, 135, 136][random.usize(..7)], 0, 0, 0, 0, 0, 5, 0],
        132 => [&ports[..], &[1, 2, 3, 4, 0, 0, 0, 0, 1, 0, 0, 4]].concat(),
        _ => vec![random.u8(..); random.usize(..16)],
    };
    let length = match random.u32(0..10) {
        0 => 0,
        1 => random.usize(1300..1420),
        2 => random.usize(1440..3000),
        _ => random.usize(..300),
    };
    payload.extend((0..length).map(|octet| octet as u8));
    payload
}

/// Segments of one connection in their order, which a machine may take for one.
fn segments(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut packet = Packet::udp(SOMEBODY, [198, 19, 0, random.u8(..)].into(), destination(random));
    (packet.protocol, packet.fragment) = (6, 0x4000);
    let first = random.u32(..1 << 30);
    let segment = |number: u32| {
        let sequence = (first + 100 * number).to_be_bytes();
        let mut payload = [&[0x50, 0, 1, 0xbb][..], &sequence, &[0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]].concat();
        payload.extend([number as u8; 100]);
        let checksum = tcp_checksum(&packet, &payload);
        payload[16..18].copy_from_slice(&checksum);
        Packet { payload, id: number as u16, ..packet.clone() }.frame()
    };
    (0..random.u32(3..12)).map(segment).collect()
}

/// RFC 9293 §3.1, so that segments are right enough to be merged. The payload is of an even length.
fn tcp_checksum(packet: &Packet, payload: &[u8]) -> [u8; 2] {
    let length = (payload.len() as u16).to_be_bytes();
    let pseudo = [&packet.source.octets()[..], &packet.destination.octets(), &[0, 6], &length, payload].concat();
    crate::support::packet::checksum(&pseudo).to_be_bytes()
}

/// The fragments of a datagram.
fn fragments(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let packet = ipv4(random);
    let packet = Packet { version_and_length: 0x45, ..packet };
    let count = random.u16(2..5);
    let fragment = |number: u16| {
        let more = if number + 1 < count { 0x2000 } else { 0 };
        Packet { fragment: more | (number * 100), payload: vec![number as u8; 800], ..packet.clone() }.frame()
    };
    (0..count).map(fragment).collect()
}

/// No IP: ARP for nobody, LLDP, IEEE 802.3 with a length, an unknown type.
fn other(random: &mut fastrand::Rng) -> Vec<u8> {
    let ethertype = [0x0806, 0x88cc, 0x0026, 0x9000_u16][random.usize(..4)];
    let mut frame = [&SOMEBODY[..], &[2, 0, 0, 0, 0, 99], &ethertype.to_be_bytes()].concat();
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 99, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 2]);
    frame.extend(vec![0; random.usize(..30)]);
    frame
}

/// The frame, now and then padded, cut off, or with a VLAN tag: among them priority tags, which the kernel takes off.
fn odd(random: &mut fastrand::Rng, mut frame: Vec<u8>) -> Vec<u8> {
    match random.u32(0..30) {
        0..3 => frame.resize(frame.len().max(60 + random.usize(..8)), 0),
        3 => frame.truncate(random.usize(15..frame.len())),
        4 => {
            let tag = [0x0000, 0xa000, 0x0007][random.usize(..3)] as u16;
            let ethertype = [0x8100, 0x88a8_u16][random.usize(..2)];
            frame.splice(12..12, [ethertype.to_be_bytes(), tag.to_be_bytes()].concat());
        }
        _ => {}
    }
    frame
}
