//! Captures: each packet is copied as it came in, whatever becomes of it, and nothing else changes.

use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use nva::fib::mirror::{GroupState, XdpOp};
use nva::net::Prefix;
use nva::xdp::{Capacity, CaptureOptions, CaptureRing, Dataplane, XdpError, XdpOptions};
use nva_common::capture::{CaptureCounters, CaptureHeader, MAX_SNAP_LENGTH, NO_GROUP};
use nva_common::{Reason, Verdict};

use crate::machine::{MACS, Machine};
use crate::restart::count;
use crate::router::{IN_MAC, NEIGHBOUR, OUT_MAC, Router, check};
use crate::support::bpf::{Program, maps_of};
use crate::support::netns::{BpfFs, NetNs};
use crate::support::packet::{Packet, Packet6};
use crate::support::stream::Stream;
use crate::verdicts::to;
use crate::verdicts_ipv6::address;
use crate::{verdicts, verdicts_ipv6};

const PATIENCE: Duration = Duration::from_secs(20);

/// Options to capture every packet that comes in by these.
pub fn everything(interfaces: &[u32]) -> CaptureOptions {
    CaptureOptions {
        interfaces: interfaces.to_vec(),
        reasons: Reason::ALL.to_vec(),
        prefix: None,
        source: None,
        destination: None,
        rate: None,
        snap_length: MAX_SNAP_LENGTH,
    }
}

/// A capture that runs, and its reader.
pub struct Running {
    ring: CaptureRing,
}

impl Running {
    /// Loads and begins one.
    pub fn begin(dataplane: &mut Dataplane, options: &CaptureOptions) -> Running {
        let capture = dataplane.capture_loader().load(options).expect("load a capture");
        let ring = CaptureRing::open(capture.ring().expect("a descriptor")).expect("map the ring");
        dataplane.begin_capture(capture).expect("begin");
        Running { ring }
    }

    /// What was captured since the last time.
    pub fn packets(&mut self) -> Vec<(CaptureHeader, Vec<u8>)> {
        std::iter::from_fn(|| self.ring.next(|header, frame| (header, frame.to_vec()))).collect()
    }

    /// Ends it: what was not read yet, and what was counted on each interface.
    pub fn end(mut self, dataplane: &mut Dataplane) -> (Vec<(CaptureHeader, Vec<u8>)>, Vec<CaptureCounters>) {
        let capture = dataplane.end_capture().expect("end").expect("a capture");
        let ring = &mut self.ring;
        let counters = capture.finish().expect("counters").into_iter().map(|count| count.counters).collect();
        let rest = std::iter::from_fn(|| ring.next(|header, frame| (header, frame.to_vec()))).collect();
        (rest, counters)
    }
}

fn monotonic() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("a clock");
    Duration::from(now).as_nanos() as u64
}

/// A frame, what becomes of it, and why.
struct Case {
    name: String,
    frame: Vec<u8>,
    out: Vec<u8>,
    reason: Reason,
}

fn all_cases() -> [Vec<Case>; 2] {
    let mac = |reason| if reason == Reason::Hairpin { IN_MAC } else { OUT_MAC };
    let ipv4 = verdicts::cases().into_iter().map(|(name, packet, reason)| {
        let forwards = reason.verdict() == Verdict::Forward;
        let out = if forwards { packet.forwarded(NEIGHBOUR, mac(reason)).frame() } else { packet.frame() };
        Case { name: name.to_owned(), frame: packet.frame(), out, reason }
    });
    let ipv6 = verdicts_ipv6::cases().into_iter().map(|(name, packet, reason)| {
        let forwards = reason.verdict() == Verdict::Forward;
        let out = if forwards { packet.forwarded(NEIGHBOUR, mac(reason)).frame() } else { packet.frame() };
        Case { name, frame: packet.frame(), out, reason }
    });
    [ipv4.collect(), ipv6.collect()]
}

#[test]
fn every_packet_is_captured_as_it_came_in() {
    let router = Router::new();
    router.ns.run(|| {
        let tables: [fn(&Router) -> Vec<XdpOp>; 2] = [verdicts::routes, verdicts_ipv6::routes];
        for (table, cases) in tables.into_iter().zip(all_cases()) {
            let mut dataplane = router.open(Capacity::default());
            dataplane.replace(&table(&router)).expect("routes");
            let mut running = Running::begin(&mut dataplane, &everything(&[router.ingress]));
            for Case { name, frame, out, reason } in &cases {
                let before = monotonic();
                check(&dataplane, name, frame, router.ingress, (*reason, out.clone()));
                let packets = running.packets();
                let [(header, captured)] = &packets[..] else { panic!("{name}: {} records", packets.len()) };
                assert_eq!(captured, frame, "{name}");
                let egress = match reason {
                    Reason::Redirect => router.egress,
                    Reason::Hairpin => router.ingress,
                    _ => 0,
                };
                let why = (header.reason, header.ingress, header.egress);
                assert_eq!(why, (*reason as u32, router.ingress, egress), "{name}");
                assert_eq!((header.length, header.captured), (frame.len() as u32, frame.len() as u32), "{name}");
                assert!((before..=monotonic()).contains(&header.time), "{name}: {}", header.time);
                let stats = dataplane.stats().expect("counters");
                let group = stats.groups.iter().find(|group| group.slot == header.group).map(|group| &group.state);
                match reason {
                    Reason::Redirect | Reason::Hairpin => {
                        assert!(matches!(group, Some(GroupState::Forward(_))), "{name}: {group:?}");
                    }
                    Reason::Blackhole => assert_eq!(group, Some(&GroupState::Blackhole(None)), "{name}"),
                    Reason::Arp | Reason::NotOurMac => assert_eq!(header.group, NO_GROUP, "{name}"),
                    _ => {}
                }
            }
            // On an interface that is not captured on, the same becomes of a packet.
            let frame = to([192, 0, 2, 1]).frame();
            check(&dataplane, "elsewhere", &frame, router.egress, (Reason::NotOurMac, frame.clone()));
            let (rest, counters) = running.end(&mut dataplane);
            let sent = cases.len() as u64;
            assert_eq!((rest.len(), counters), (0, vec![counted(sent, sent, 0, 0)]));
        }
    });
}

fn counted(seen: u64, matched: u64, limited: u64, lost: u64) -> CaptureCounters {
    CaptureCounters { seen, matched, limited, lost }
}

/// The frames of the table that a filter lets through, by name.
#[test]
fn a_filter_lets_through_what_fits_all_of_it() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&verdicts::routes(&router)).expect("routes");
        let v4 = |destination| to(destination).frame();
        let v6 = Packet6::udp(IN_MAC, address("2001:db8:1::1"), address("2001:db8:2::2"));
        let frames = [
            ("forwarded", v4([192, 0, 2, 1])),
            ("hairpin", v4([192, 0, 3, 1])),
            ("blackhole", v4([192, 0, 2, 200])),
            ("no route", v4([203, 0, 113, 1])),
            ("ipv6", v6.frame()),
            ("arp", Packet { ethertype: 0x0806, ..to([192, 0, 2, 1]) }.frame()),
            ("checksum", Packet { checksum_error: 1, ..to([192, 0, 2, 1]) }.frame()),
            ("short", to([192, 0, 2, 1]).frame()[..20].to_vec()),
        ];
        let all: Vec<&str> = frames.iter().map(|(name, _)| *name).collect();
        let with = |change: &dyn Fn(&mut CaptureOptions)| {
            let mut options = everything(&[router.ingress]);
            change(&mut options);
            options
        };
        let of_verdict = |verdict| Reason::ALL.iter().copied().filter(|reason| reason.verdict() == verdict).collect();
        let cases: [(CaptureOptions, &[&str]); 13] = [
            (with(&|_| {}), &all),
            (with(&|o| o.interfaces = vec![router.egress]), &[]),
            (with(&|o| o.reasons = vec![Reason::Redirect]), &["forwarded"]),
            (with(&|o| o.reasons = vec![Reason::NoRoute, Reason::Arp]), &["no route", "ipv6", "arp"]),
            (with(&|o| o.reasons = of_verdict(Verdict::Drop)), &["blackhole", "checksum"]),
            (with(&|o| o.reasons = of_verdict(Verdict::Forward)), &["forwarded", "hairpin"]),
            (with(&|o| o.prefix = prefix("192.0.2.0/24")), &["forwarded", "blackhole", "checksum"]),
            (
                with(&|o| o.prefix = prefix("172.16.5.6/32")),
                &["forwarded", "hairpin", "blackhole", "no route", "checksum"],
            ),
            (with(&|o| o.source = prefix("192.0.2.0/24")), &[]),
            (with(&|o| o.destination = prefix("192.0.2.200/32")), &["blackhole"]),
            (with(&|o| (o.source, o.destination) = (prefix("172.16.0.0/12"), prefix("192.0.3.0/24"))), &["hairpin"]),
            (with(&|o| o.prefix = prefix("::/0")), &["ipv6"]),
            (with(&|o| (o.source, o.reasons) = (prefix("2001:db8:1::/48"), vec![Reason::Redirect])), &[]),
        ];
        for (options, expected) in cases {
            let mut running = Running::begin(&mut dataplane, &options);
            let program = Program::by_id(dataplane.forwarder_id());
            for (_, frame) in &frames {
                program.run(frame, router.ingress);
            }
            let captured: Vec<Vec<u8>> = running.packets().into_iter().map(|(_, frame)| frame).collect();
            let wanted: Vec<Vec<u8>> = expected
                .iter()
                .map(|name| frames.iter().find(|frame| frame.0 == *name).expect(name).1.clone())
                .collect();
            assert_eq!(captured, wanted, "{expected:?} by {options:?}");
            let (_, counters) = running.end(&mut dataplane);
            let seen = if options.interfaces == [router.ingress] { frames.len() as u64 } else { 0 };
            assert_eq!(counters, [counted(seen, wanted.len() as u64, 0, 0)]);
        }
    });
}

fn prefix(text: &str) -> Option<Prefix> {
    Some(text.parse().expect(text))
}

/// Room is reserved in a few sizes.
#[test]
fn frames_of_every_length_are_captured_up_to_the_snap_length() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&verdicts::routes(&router)).expect("routes");
        for snap_length in [MAX_SNAP_LENGTH, 2016, 60, 14, 1, 0] {
            let options = CaptureOptions { snap_length, ..everything(&[router.ingress]) };
            let mut running = Running::begin(&mut dataplane, &options);
            let program = Program::by_id(dataplane.forwarder_id());
            for length in [14, 15, 60, 95, 96, 97, 479, 480, 481, 1514, 2015, 2016, 2017, 3500] {
                let frame: Vec<u8> = (0..length).map(|octet| (octet % 251) as u8 & 0xfe).collect();
                program.run(&frame, router.ingress);
                let packets = running.packets();
                let [(header, captured)] = &packets[..] else { panic!("{length}: {} records", packets.len()) };
                assert_eq!((header.length, header.captured), (length, length.min(snap_length)));
                assert_eq!(captured[..], frame[..length.min(snap_length) as usize], "{length} to {snap_length}");
            }
            running.end(&mut dataplane);
        }
    });
}

/// Frames that only a driver with large pages, or generic mode, has in one piece.
#[test]
fn large_frames_are_captured_whole() {
    let router = NetNs::new();
    let bpffs = BpfFs::new();
    router.run(|| {
        let options = XdpOptions { bpffs: bpffs.path().to_owned(), ..XdpOptions::default() };
        let mut dataplane = Dataplane::open(&options).expect("open");
        let index = router.index("lo");
        dataplane.attach(index, "lo").expect("attach");
        let mut running = Running::begin(&mut dataplane, &everything(&[index]));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let own = socket.local_addr().expect("an address");
        for length in [4022, 4023, 9000, 60_000] {
            let payload: Vec<u8> = (0..length).map(|octet| (octet % 253) as u8).collect();
            socket.send_to(&payload, own).expect("sent");
            let end = Instant::now() + PATIENCE;
            let packets = loop {
                let packets = running.packets();
                if !packets.is_empty() || Instant::now() > end {
                    break packets;
                }
                thread::yield_now();
            };
            let [(header, frame)] = &packets[..] else { panic!("{length}: {} records", packets.len()) };
            assert_eq!(header.length as usize, 14 + 20 + 8 + length);
            assert_eq!(frame[42..], payload);
        }
        running.end(&mut dataplane);
    });
}

#[test]
fn a_limit_keeps_out_what_is_more_than_its_rate_and_counts_it() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&verdicts::routes(&router)).expect("routes");
        let options = CaptureOptions { rate: NonZeroU32::new(50), ..everything(&[router.ingress]) };
        let running = Running::begin(&mut dataplane, &options);
        let program = Program::by_id(dataplane.forwarder_id());
        stay_on_this_cpu();
        let begin = Instant::now();
        program.repeat(&to([203, 0, 113, 1]).frame(), router.ingress, 20_000);
        let more = begin.elapsed().as_secs_f64() * 50.0;
        let (captured, counters) = running.end(&mut dataplane);
        let most = 50 + more.ceil() as usize;
        assert!((50..=most).contains(&captured.len()), "{} instead of 50 to {most}", captured.len());
        assert_eq!(counters, [counted(20_000, 20_000, 20_000 - captured.len() as u64, 0)]);
    });
}

/// Each CPU has a budget of its own.
fn stay_on_this_cpu() {
    let mut cpus = CpuSet::new();
    cpus.set(sched_getcpu().expect("a CPU")).expect("its place in the set");
    sched_setaffinity(Pid::from_raw(0), &cpus).expect("this thread stays there");
}

#[test]
fn what_a_full_ring_has_no_room_for_is_counted_and_forwarded_all_the_same() {
    let router = Router::new();
    router.ns.run(|| {
        let mut dataplane = router.open(Capacity::default());
        dataplane.replace(&verdicts::routes(&router)).expect("routes");
        let mut running = Running::begin(&mut dataplane, &everything(&[router.ingress]));
        let program = Program::by_id(dataplane.forwarder_id());
        let mut packet = to([203, 0, 113, 1]);
        packet.payload.resize(3_000, 7);
        let before = count(&dataplane, Reason::NoRoute);
        program.repeat(&packet.frame(), router.ingress, 6_000);
        assert_eq!(count(&dataplane, Reason::NoRoute) - before, 6_000);
        let read = running.packets();
        assert!((4_000..6_000).contains(&read.len()), "{} fit", read.len());
        assert!(read.iter().all(|(_, frame)| *frame == packet.frame()));
        // Read, so there is room again.
        program.run(&packet.frame(), router.ingress);
        let (rest, counters) = running.end(&mut dataplane);
        assert_eq!((rest.len(), counters), (1, vec![counted(6_001, 6_001, 0, 6_000 - read.len() as u64)]));
    });
}

#[test]
fn the_forwarder_has_nothing_of_a_capture() {
    let router = Router::new();
    router.ns.run(|| {
        let captures = |maps: &[String]| maps.iter().filter(|name| name.starts_with("CAPTURE")).count();
        for mut dataplane in [router.open(Capacity::default()), router.open_debug()] {
            let usual = dataplane.forwarder_id();
            assert_eq!(captures(&maps_of(usual)), 0, "{:?}", maps_of(usual));
            let running = Running::begin(&mut dataplane, &everything(&[router.ingress]));
            let capturing = dataplane.forwarder_id();
            assert_ne!(capturing, usual);
            assert_eq!(captures(&maps_of(capturing)), 4, "{:?}", maps_of(capturing));
            running.end(&mut dataplane);
            assert_eq!(dataplane.forwarder_id(), usual);
        }
    });
}

#[test]
fn captures_come_and_go_under_traffic_without_a_loss() {
    let machine = Machine::new();
    let bpffs = BpfFs::new();
    machine.router.ip("route add 192.0.2.0/24 via 10.2.0.2");
    let template = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [192, 0, 2, 7].into());
    let stream = Stream::new();
    thread::scope(|scope| {
        let stop = stream.stopping();
        let (mut dataplane, _) = machine.router.run(|| Machine::dataplane(bpffs.path()));
        let ingress = machine.router.index("in");
        scope.spawn(|| stream.send(&machine.wires[0], &template));
        scope.spawn(|| stream.receive(&machine.wires[1], template.source));
        for round in 0..10 {
            stream.more(500, "without a capture");
            let mut running = Running::begin(&mut dataplane, &everything(&[ingress]));
            // Up to 512 packets of before are still on their way.
            stream.more(1_500, "while a capture runs");
            let mut packets = running.packets();
            let (rest, counters) = running.end(&mut dataplane);
            packets.extend(rest);
            let counters = counters[0];
            assert!(counters.matched >= 500, "{counters:?} in round {round}");
            assert_eq!(counters, counted(counters.seen, counters.seen, 0, 0));
            assert_eq!(packets.len() as u64, counters.matched);
            let ids: Vec<u16> = packets.iter().map(|(_, frame)| u16::from_be_bytes([frame[18], frame[19]])).collect();
            assert!(ids.windows(2).all(|pair| pair[0].wrapping_add(1) == pair[1]), "all, in order: {ids:?}");
        }
        let sent = stop.and_count();
        assert_eq!(count(&dataplane, Reason::Redirect), sent, "all went the fast path");
    });
}

#[test]
fn a_new_process_ends_what_the_former_one_captured() {
    let router = Router::new();
    router.ns.run(|| {
        let mut first = router.open(Capacity::default());
        first.replace(&verdicts::routes(&router)).expect("routes");
        let mut running = Running::begin(&mut first, &everything(&[router.ingress]));
        let frame = to([203, 0, 113, 1]).frame();
        let wire = router.wire();
        let end = Instant::now() + PATIENCE;
        let mut is_captured = |what: &str| {
            wire.send(&frame);
            while !running.packets().iter().any(|(_, captured)| *captured == frame) {
                assert!(Instant::now() < end, "{what}");
                thread::yield_now();
            }
        };
        is_captured("nothing is captured");
        // What happens to a killed process: its descriptors go, and the program stays where it is pinned.
        drop(first);
        is_captured("the program does not run on");
        let second = router.open(Capacity::default());
        // What was on its way has come.
        running.packets();
        let before = count(&second, Reason::NoRoute);
        wire.send(&frame);
        while count(&second, Reason::NoRoute) == before {
            assert!(Instant::now() < end, "nothing is forwarded");
            thread::yield_now();
        }
        assert!(running.packets().is_empty(), "it captures on");
    });
}

#[test]
fn a_capture_over_other_maps_is_refused() {
    let router = Router::new();
    router.ns.run(|| {
        let dataplane = router.open(Capacity::default());
        let options = everything(&[router.ingress]);
        dataplane.capture_loader().load(&options).expect("it can be loaded");
        router.remove();
        let error = dataplane.capture_loader().load(&options).err().expect("refused");
        assert!(matches!(error, XdpError::Unpinned { .. }), "{error}");
        router.open(Capacity::default());
        let error = dataplane.capture_loader().load(&options).err().expect("refused");
        assert!(error.to_string().contains("restart the daemon"), "{error}");
    });
}
