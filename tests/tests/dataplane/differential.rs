//! The same packets through our data plane and through the kernel alone: the same frames come out of the same interfaces.
//!
//! Both routers are alike to the last MAC. What they send of their own accord (ARP, ICMP errors) is left aside: it is the
//! kernel's in both.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use nva::xdp::LookupSource;
use nva_common::{Reason, Verdict};

use crate::machine::{MACS, Machine};
use crate::support::netns::BpfFs;
use crate::support::packet::Packet;

/// How many packets are compared.
pub const PACKETS: usize = 6_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames by interface and content, and how often each came.
type Seen = BTreeMap<(usize, Vec<u8>), usize>;

/// A frame to send, the interface that it comes out of, and as what.
pub type Mark = (Vec<u8>, (usize, Vec<u8>));

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
    let mut random = fastrand::Rng::with_seed(20_260);
    let (ours, kernel) = (Machine::new(), Machine::new());
    let destinations = install_routes(&mut random, &[&ours, &kernel]);
    let frames: Vec<Vec<u8>> = (0..PACKETS).map(|_| any_packet(&mut random, &destinations).frame()).collect();
    let reasons = [
        Reason::Hairpin,
        Reason::Redirect,
        Reason::Options,
        Reason::TtlExpired,
        Reason::TooBig,
        Reason::Loopback,
        Reason::GroupAddress,
        Reason::Refused,
        Reason::Unresolved,
        Reason::BadChecksum,
        Reason::MartianSource,
        Reason::Blackhole,
        Reason::NotOurMac,
        Reason::BadLength,
        Reason::BadVersion,
    ];
    compare(lookup, [&ours, &kernel], &frames, marks, &[&reasons, met].concat());
}

/// What is compared.
pub struct Comparison<'a> {
    /// Where our data plane looks up routes.
    pub lookup: LookupSource,
    /// The router with our data plane.
    pub ours: &'a Machine,
    /// The router without.
    pub kernel: &'a Machine,
    /// What both get.
    pub frames: &'a [Vec<u8>],
    /// Packets that must come out of every interface, of each number others.
    pub marks: &'a (dyn Fn(u16) -> Vec<Mark> + Sync),
    /// Whether a frame with an IP packet is one that the router sent of its own accord.
    pub is_own: fn(&[u8]) -> bool,
    /// Each of these was met at the end.
    pub reasons: &'a [Reason],
    /// More than this many of the frames are forwarded by our data plane, and more come out of the other router.
    pub forwarded: usize,
    /// Whether the machines are to be kept from merging segments of a TCP connection on their way.
    pub is_tcp: bool,
}

/// Sends the frames through both, and makes sure that the same comes out, and that each of the reasons was met.
pub fn compare(
    lookup: LookupSource,
    [ours, kernel]: [&Machine; 2],
    frames: &[Vec<u8>],
    marks: impl Fn(u16) -> Vec<Mark> + Sync,
    reasons: &[Reason],
) {
    let forwarded = frames.len() / 3;
    Comparison { lookup, ours, kernel, frames, marks: &marks, is_own, reasons, forwarded, is_tcp: false }.run();
}

impl Comparison<'_> {
    /// Compares, and returns how many packets met each end in our data plane, the marks included.
    pub fn run(&self) -> Vec<(Reason, u64)> {
        for machine in [self.ours, self.kernel] {
            // Packets between this and the ingress MTU are too big for one of the interfaces.
            machine.router.ip("link set dev out2 mtu 1400");
        }
        let bpffs = BpfFs::new();
        self.ours.router.run(|| {
            let (dataplane, _) = Machine::dataplane_with(bpffs.path(), self.lookup);
            if self.is_tcp {
                [self.ours, self.kernel].iter().for_each(|machine| machine.merge_nothing());
            }
            let mut sent = 0;
            for (number, burst) in self.frames.chunks(64).enumerate() {
                let marks = (self.marks)(number as u16);
                for frame in burst.iter().chain(marks.iter().map(|(frame, _)| frame)) {
                    self.ours.wires[0].send(frame);
                    self.kernel.wires[0].send(frame);
                }
                sent += self.collect_until_equal(&marks);
            }
            let stats = dataplane.stats().expect("counters");
            let met: Vec<(Reason, u64)> =
                stats.reasons.iter().map(|reason| (reason.reason, reason.counters.packets)).collect();
            self.check(&met, sent);
            met
        })
    }

    /// Makes sure that the comparison meant something.
    fn check(&self, met: &[(Reason, u64)], sent: usize) {
        let all: u64 = met.iter().map(|(_, packets)| packets).sum();
        assert!(all >= self.frames.len() as u64, "the program saw {all} packets");
        let forwards = |(reason, _): &&(Reason, u64)| reason.verdict() == Verdict::Forward;
        let forwarded: u64 = met.iter().filter(forwards).map(|(_, packets)| packets).sum();
        assert!(forwarded > self.forwarded as u64, "too few were forwarded for this to mean anything: {met:?}");
        assert!(sent > self.forwarded, "the kernel sent {sent} frames only");
        let is_met = |reason: &Reason| met.iter().any(|(one, packets)| one == reason && *packets > 0);
        let unmet: Vec<&Reason> = self.reasons.iter().filter(|reason| !is_met(reason)).collect();
        assert!(unmet.is_empty(), "no packet met {unmet:?}");
    }

    /// Takes in frames until both sent the same, the marks included, and returns how many; if they do not in time, says
    /// what differs. What comes later still differs from what the next burst brings.
    fn collect_until_equal(&self, marks: &[Mark]) -> usize {
        let (mut from_ours, mut from_kernel) = (Seen::new(), Seen::new());
        let end = Instant::now() + PATIENCE;
        loop {
            self.collect(self.ours, &mut from_ours);
            self.collect(self.kernel, &mut from_kernel);
            let complete = marks.iter().all(|(_, mark)| from_ours.contains_key(mark) && from_kernel.contains_key(mark));
            if complete && from_ours == from_kernel {
                return from_kernel.values().sum();
            }
            if Instant::now() > end {
                let (theirs, surplus) = (only(&from_kernel, &from_ours), only(&from_ours, &from_kernel));
                panic!("the kernel sent {theirs:#?}\nand we sent {surplus:#?}");
            }
            self.kernel.wires[0].wait(Duration::from_millis(5));
        }
    }

    /// Takes in the frames that are there.
    fn collect(&self, machine: &Machine, seen: &mut Seen) {
        for (interface, wire) in machine.wires.iter().enumerate() {
            while let Some(frame) = wire.receive() {
                if let Some(packet) = packet(&frame).filter(|_| !(self.is_own)(&frame)) {
                    *seen.entry((interface, packet.to_vec())).or_default() += 1;
                }
            }
        }
    }
}

/// The first frames that came more often, or less often, here than there.
fn only(one: &Seen, other: &Seen) -> Vec<String> {
    let lacking = one.iter().filter(|(frame, count)| other.get(*frame) != Some(*count));
    lacking.take(5).map(|((interface, frame), count)| format!("{count} × {interface}: {frame:02x?}")).collect()
}

/// The same routes of every length and kind for all; returns destinations in and around them.
pub fn install_routes(random: &mut fastrand::Rng, machines: &[&Machine]) -> Vec<u32> {
    let mut lines = vec!["route add default via 10.3.0.2".to_owned()];
    let mut destinations: Vec<u32> = Vec::new();
    for _ in 0..300 {
        let length = random.u32(10..=32);
        let network = (0x2000_0000 | random.u32(..) & 0x0fff_ffff) & u32::MAX << (32 - length);
        let prefix = format!("{}/{length}", Ipv4Addr::from(network));
        let net = random.u32(1..=3);
        lines.push(match random.u32(0..20) {
            0 => format!("route replace blackhole {prefix}"),
            1 => format!("route replace unreachable {prefix}"),
            2 => format!("route replace prohibit {prefix}"),
            3 => format!("route replace local {prefix} dev lo"),
            4 => format!("route replace {prefix} dev out{}", random.u32(1..=2)),
            // Nobody answers for .20.
            5 => format!("route replace {prefix} via 10.{net}.0.20"),
            6 => format!("route replace {prefix} via 10.{net}.0.3 metric 5"),
            _ => format!("route replace {prefix} via 10.{net}.0.{}", random.u32(2..10)),
        });
        let last = network | u32::MAX.checked_shr(length).unwrap_or(0);
        destinations.extend([network, last, network.wrapping_sub(1), last.wrapping_add(1), random.u32(network..=last)]);
    }
    for machine in machines {
        machine.router.ip_batch(&lines);
    }
    destinations.extend([1, 2, 3].map(|net| 0x0a00_0001 | net << 16));
    destinations.extend([1, 2, 3].map(|net| 0x0a00_0005 | net << 16));
    destinations.extend([1, 2, 3].map(|net| 0x0a00_00ff | net << 16));
    destinations.extend([0, 0x7f00_0001, 0xe000_0005, 0xffff_ffff, 0x0a02_0015, 0xf000_0001]);
    destinations
}

/// Mostly good packets, and now and then something wrong or rare.
// GAP(RFC 1812 §5.3.8): none comes from the router's own or a broadcast address, which only the kernel drops.
pub fn any_packet(random: &mut fastrand::Rng, destinations: &[u32]) -> Packet {
    let destination = destinations[random.usize(..destinations.len())];
    let source = 0x0b00_0000 | random.u32(..) & 0x00ff_ffff;
    let mut packet = Packet::udp(MACS[0], source.into(), destination.into());
    packet.id = random.u16(..);
    packet.ttl = random.u8(2..);
    packet.dscp = random.u8(..);
    packet.payload.extend((0..random.usize(..40)).map(|octet| octet as u8));
    match random.u32(0..40) {
        0 => packet.ttl = random.u8(0..2),
        1 => packet.checksum_error = random.u16(1..0xffff),
        2 => packet.destination_mac = MACS[1],
        3 => packet.destination_mac = [255; 6],
        4 => packet.version_and_length = [0x46, 0x47, 0x44, 0x65, 0x4f][random.usize(..5)],
        5 => packet.total_length = Some(random.u16(0..40)),
        6 => packet.total_length = Some(random.u16(200..)),
        7 => packet.source = [0x0000_0000, 0x7f00_0001, 0xe000_0001, 0xffff_ffff][random.usize(..4)].into(),
        8 => packet.source = [0x0000_0001, 0xf000_0001, 0x0a01_0009][random.usize(..3)].into(),
        9 => packet.fragment = [0x4000, 0x2000, 0x2003, 0x0003, 0x8000][random.usize(..5)],
        10 | 11 => packet.payload.resize(random.usize(1370..1480), 0xaa),
        12 => {
            packet.payload.resize(1450, 0xbb);
            packet.fragment = 0x4000;
        }
        13 => packet.padding = random.usize(..30),
        14 => packet.ethertype = [0x86dd, 0x0806, 0x88cc][random.usize(..3)],
        15 => packet.protocol = random.u8(..),
        _ => {}
    }
    packet
}

/// The marks of most tests.
pub fn marks(number: u16) -> Vec<Mark> {
    marks_from([11, 255, 255, 254], number)
}

/// Packets that must come out of every interface, by the fast path and by the slow one: with each, what came before it on
/// its path has come.
pub fn marks_from(source: [u8; 4], number: u16) -> Vec<Mark> {
    let mark = |net: usize, with_options: bool| {
        let mut packet = Packet::udp(MACS[0], source.into(), [10, net as u8, 0, 7].into());
        packet.id = number;
        if with_options {
            packet.version_and_length = 0x46;
            packet.payload.splice(..0, [1; 4]);
        }
        let expected = packet.forwarded([2, 0, 0, 1, net as u8, 7], MACS[net - 1]).frame();
        (packet.frame(), (net - 1, expected))
    };
    (1..=3).flat_map(|net| [mark(net, false), mark(net, true)]).collect()
}

/// The frame without padding, if it holds an IP packet.
fn packet(frame: &[u8]) -> Option<&[u8]> {
    let length_at = |at: usize| Some(usize::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])));
    let length = match frame.get(12..14)? {
        [8, 0] => length_at(16)?,
        [0x86, 0xdd] => 40 + length_at(18)?,
        _ => return None,
    };
    frame.get(..frame.len().min(14 + length))
}

/// Whether a packet is not one of those that these tests send.
fn is_own(frame: &[u8]) -> bool {
    match frame {
        // From its interfaces' addresses, and from what its local routes make its own.
        [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, ip @ ..] => {
            ip.get(12..16).is_some_and(|source| (source[0] == 10 && source[3] == 1) || source[0] >> 4 == 2)
        }
        // ICMPv6: errors, redirects, neighbour discovery, and behind hop-by-hop options multicast listener reports.
        // That of the packets that we send is from one block of addresses.
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, ip @ ..] => {
            let next_header = if ip.get(6) == Some(&0) { ip.get(40) } else { ip.get(6) };
            next_header == Some(&58) && ip.get(8..12) != Some(&[0x20, 0x01, 0x0d, 0xb8])
        }
        _ => false,
    }
}
