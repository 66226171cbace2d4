//! Captures through our data plane and through the kernel alone: one that is made here, and, where `cargo xtask test --data
//! DIR` names a directory with it, one of real traffic.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nva::xdp::LookupSource;
use nva_common::Reason;

use crate::differential::{self, Comparison, Mark};
use crate::machine::{MACS, Machine};
use crate::support::netns::BpfFs;
use crate::support::{capture, data};
use crate::{differential_ipv6, mix};

/// The capture of real traffic.
const REAL: &str = "ndpi-mix-zeroed.pcap.gz";
/// The ingress link's MTU: about the largest with which a veth interface takes an XDP program.
const INGRESS_MTU: usize = 3_400;
/// The longest frame that goes through it.
const LONGEST_FRAME: usize = INGRESS_MTU + 14;

#[test]
fn made_packets_of_many_protocols_come_out_as_from_the_kernel() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("mix.pcap.gz");
    let made = mix::frames();
    capture::write(&path, &made).expect("written");
    assert_eq!(capture::read(&path).expect("read"), made);
    let reasons = [
        Reason::Hairpin,
        Reason::Redirect,
        Reason::OtherProtocol,
        Reason::Arp,
        Reason::Vlan,
        Reason::NotOurMac,
        Reason::GroupMac,
        Reason::Truncated,
        Reason::BadVersion,
        Reason::Options,
        Reason::BadLength,
        Reason::TtlExpired,
        Reason::TooBig,
        Reason::Local,
        Reason::GroupAddress,
        Reason::NoRoute,
        Reason::Refused,
        Reason::Unresolved,
        Reason::LinkScope,
        Reason::BadChecksum,
        Reason::Blackhole,
    ];
    compare(&path, &reasons);
    // The same way for what was really sent. Without it, nothing but that is left out.
    if let Some(real) = data::file(REAL) {
        compare(&real, &[Reason::Hairpin, Reason::Redirect, Reason::Options, Reason::TtlExpired]);
    }
}

/// Sends the frames of a capture through two routers which have routes for most of its destinations.
fn compare(path: &Path, reasons: &[Reason]) {
    let captured = capture::read(path).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
    let frames: Vec<Vec<u8>> = captured.iter().filter_map(|frame| addressed(frame)).collect();
    let bpffs = [BpfFs::new(), BpfFs::new()];
    let (ours, kernel) = (Machine::new(), Machine::new());
    let routes = routes(&frames);
    for (machine, bpffs) in [&ours, &kernel].iter().zip(&bpffs) {
        machine.widen(INGRESS_MTU);
        machine.router.ip_batch(&routes);
        machine.prepare_for_tcp(bpffs.path());
    }
    let forwarded = frames.len() / 3;
    let (ours, kernel, frames) = (&ours, &kernel, frames.as_slice());
    let met = Comparison {
        lookup: LookupSource::Tables,
        ours,
        kernel,
        frames,
        marks: &marks,
        is_own,
        reasons,
        forwarded,
        is_tcp: true,
    }
    .run();
    println!("{}: {} frames, {} of them sent, {} routes", path.display(), captured.len(), frames.len(), routes.len());
    let met = met.iter().filter(|(_, packets)| *packets > 0);
    met.for_each(|(reason, packets)| println!("{packets:>8} {} {}", reason.verdict().name(), reason.name()));
}

/// The frame to the router's MAC, unless it is for a group; `None` for what cannot be sent to it.
// GAP(RFC 1812 §5.3.8): none comes from the router's own or a broadcast address, which only the kernel drops.
fn addressed(frame: &[u8]) -> Option<Vec<u8>> {
    let from_router = matches!(source(frame), Some(IpAddr::V4(source)) if is_router_or_broadcast(source));
    if frame.len() < 15 || frame.len() > LONGEST_FRAME || from_router {
        return None;
    }
    let mut frame = frame.to_vec();
    if frame[0] & 1 == 0 && frame[..6] != mix::ANOTHER_MAC {
        frame[..6].copy_from_slice(&MACS[0]);
    }
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 99]);
    Some(frame)
}

fn is_router_or_broadcast(source: Ipv4Addr) -> bool {
    matches!(source.octets(), [10, 1..=3, 0, 0 | 1 | 255])
}

fn source(frame: &[u8]) -> Option<IpAddr> {
    address(frame, 26, 22)
}

fn destination(frame: &[u8]) -> Option<IpAddr> {
    address(frame, 30, 38)
}

fn address(frame: &[u8], ipv4: usize, ipv6: usize) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [8, 0] => Some(<[u8; 4]>::try_from(frame.get(ipv4..ipv4 + 4)?).ok()?.into()),
        [0x86, 0xdd] => Some(<[u8; 16]>::try_from(frame.get(ipv6..ipv6 + 16)?).ok()?.into()),
        _ => None,
    }
}

/// Routes of every kind to most of the destinations.
fn routes(frames: &[Vec<u8>]) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(49_176);
    let destinations: BTreeSet<IpAddr> = frames.iter().filter_map(|frame| destination(frame)).collect();
    let routed = destinations.into_iter().filter(|destination| can_be_routed(*destination));
    routed.filter_map(|destination| route(&mut random, destination)).collect()
}

/// What is on the routers' links, their own, or of no unicast kind has no route.
fn can_be_routed(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(address) => !matches!(address.octets(), [0 | 127 | 224.., ..] | [10, 1..=3, 0, _]),
        IpAddr::V6(address) => {
            let on_link = matches!(address.segments(), [0xfd00, 1..=3, 0, 0, ..]);
            !on_link && !address.is_multicast() && !address.is_unicast_link_local() && address.to_bits() > 1
        }
    }
}

fn route(random: &mut fastrand::Rng, destination: IpAddr) -> Option<String> {
    let (bits, net) = (if destination.is_ipv4() { 32 } else { 128 }, random.u8(1..=3));
    // The others would be for the routers' own networks, too.
    let near = matches!(destination, IpAddr::V4(address) if address.octets()[0] == 10);
    let length = if near { bits } else { bits - random.u8(0..=2) };
    let prefix = match destination {
        IpAddr::V4(address) => {
            let network = address.to_bits() & u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from(network))
        }
        IpAddr::V6(address) => {
            let network = address.to_bits() & u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from(network))
        }
    };
    let router = |last: u8| match destination {
        IpAddr::V4(_) => format!("10.{net}.0.{last}"),
        IpAddr::V6(_) => format!("fd00:{net}::{last}"),
    };
    Some(match random.u32(0..24) {
        0 => format!("route replace blackhole {prefix}"),
        1 => format!("route replace unreachable {prefix}"),
        2 => format!("route replace prohibit {prefix}"),
        3 => format!("route replace {prefix} dev out{}", random.u32(1..=2)),
        // Nobody answers for this one.
        4 => format!("route replace {prefix} via {}", router(20)),
        5 => return None,
        _ => format!("route replace {prefix} via {}", router(random.u8(2..10))),
    })
}

/// Of both families.
fn marks(number: u16) -> Vec<Mark> {
    [differential::marks(number), differential_ipv6::marks(number)].concat()
}

/// From the router's own addresses, or one that is never forwarded from.
fn is_own(frame: &[u8]) -> bool {
    match source(frame) {
        Some(IpAddr::V4(source)) => is_router_or_broadcast(source),
        Some(IpAddr::V6(source)) => {
            let own = matches!(source.segments(), [0xfd00, 1..=3, 0, 0, 0, 0, 0, 1]);
            own || source.is_unicast_link_local() || source.is_unspecified()
        }
        None => false,
    }
}
