//! Captures: a forwarder that also copies packets into a ring, which whoever has its descriptor reads.
//!
//! Its program is loaded for each capture and takes the usual forwarder's place while that runs ([`Dataplane::begin_capture`],
//! [`Dataplane::end_capture`]), so a capture that does not run costs nothing. What the reader does not read in time is lost
//! and counted: it can neither slow down nor fill up anything else.
//!
//! [`Dataplane::begin_capture`]: super::Dataplane::begin_capture
//! [`Dataplane::end_capture`]: super::Dataplane::end_capture

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use aya::Ebpf;
use aya::maps::{Array, Map, MapData, MapError, MapInfo, PerCpuHashMap, PerCpuValues, RingBuf};
use aya::programs::{Program, Xdp};
use aya::util::nr_cpus;
use nva_common::capture::{
    AddressMatch, CAPTURE_FILTER, CAPTURE_PORTS, CAPTURE_RING, CaptureCounters, CaptureFilter, CaptureHeader,
    MAX_SNAP_LENGTH,
};
use nva_common::{PROGRAMS, Reason};

use super::bpffs::PinDirectory;
use super::error::XdpError;
use super::lookup_source::LookupSource;
use super::object::{self, Capacity};
use super::sys;
use crate::net::{AfiSafi, Prefix};

/// The ring's length in octets, a power of two: room for 123,000 small packets, or for 8,100 of 1500 octets.
const RING: u32 = 1 << 24;

const SECOND: u64 = 1_000_000_000;

/// Which packets are captured, and how much of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureOptions {
    /// The interfaces that they come in by, by index.
    pub interfaces: Vec<u32>,
    /// What becomes of them.
    pub reasons: Vec<Reason>,
    /// Where source or destination has to be.
    pub prefix: Option<Prefix>,
    /// Where the source has to be.
    pub source: Option<Prefix>,
    /// Where the destination has to be.
    pub destination: Option<Prefix>,
    /// Packets a second on each CPU, after a burst of as many.
    pub rate: Option<NonZeroU32>,
    /// Octets of each frame; more than [`MAX_SNAP_LENGTH`] are never captured.
    pub snap_length: u32,
}

/// Loads captures, on any thread.
#[derive(Clone, Debug)]
pub struct CaptureLoader {
    directory: PinDirectory,
    programs: u32,
}

/// A capture's programs and maps. They go with this, unless a program runs.
pub struct Capture {
    object: Ebpf,
    counters: PerCpuHashMap<MapData, u32, CaptureCounters>,
    ring: MapData,
    interfaces: Vec<u32>,
}

/// What was counted on an interface, on all CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureCount {
    /// The interface's index.
    pub interface: u32,
    /// How many.
    pub counters: CaptureCounters,
}

impl CaptureLoader {
    /// For the pinned maps in this directory, among them that of the programs with this id.
    pub(super) fn new(directory: PinDirectory, programs: u32) -> CaptureLoader {
        CaptureLoader { directory, programs }
    }

    /// Loads a capture that does not run yet. The verifier takes some tens of milliseconds.
    pub fn load(&self, options: &CaptureOptions) -> Result<Capture, XdpError> {
        let filter = filter(options)?;
        // Loading would make and pin new maps if there were none, and what captures would forward by empty tables.
        let programs = MapInfo::from_pin(self.directory.map(PROGRAMS));
        if !programs.is_ok_and(|programs| programs.id() == self.programs) {
            return Err(XdpError::Unpinned { directory: self.directory.path().to_owned() });
        }
        let ports = u32::try_from(options.interfaces.len()).unwrap_or(u32::MAX).max(1);
        let sizes = [(CAPTURE_RING, RING), (CAPTURE_PORTS, ports)];
        let mut object = object::load_with(&self.directory, Capacity::default(), &sizes)?;
        for name in [LookupSource::Tables, LookupSource::Kernel].map(LookupSource::capturing_forwarder) {
            object::load_program(&mut object, name)?;
        }
        let filters = object::take_map(&mut object, CAPTURE_FILTER)?;
        set_filter(filters, filter).map_err(|source| XdpError::Map { name: CAPTURE_FILTER, source })?;
        let counters = object::take_map(&mut object, CAPTURE_PORTS)?;
        let counters = interfaces(counters, &options.interfaces).map_err(ports_failed)?;
        let Map::RingBuf(ring) = object::take_map(&mut object, CAPTURE_RING)? else {
            return Err(XdpError::Missing(CAPTURE_RING));
        };
        Ok(Capture { object, counters, ring, interfaces: options.interfaces.clone() })
    }
}

impl Capture {
    /// A descriptor of the ring, for a [`CaptureRing`] here or in another process.
    pub fn ring(&self) -> Result<OwnedFd, XdpError> {
        let failed = |source| XdpError::Map { name: CAPTURE_RING, source: MapError::IoError(source) };
        self.ring.fd().as_fd().try_clone_to_owned().map_err(failed)
    }

    /// What was counted until now, interface by interface.
    pub fn counters(&self) -> Result<Vec<CaptureCount>, XdpError> {
        let of = |interface: &u32| {
            let values = self.counters.get(interface, 0).map_err(ports_failed)?;
            let counters = values.iter().fold(CaptureCounters::default(), |sum, cpu| CaptureCounters {
                seen: sum.seen + cpu.seen,
                matched: sum.matched + cpu.matched,
                limited: sum.limited + cpu.limited,
                lost: sum.lost + cpu.lost,
            });
            Ok(CaptureCount { interface: *interface, counters })
        };
        self.interfaces.iter().map(of).collect()
    }

    /// Waits until no program captures any more, and returns what was counted: nothing is added to it or to the ring after
    /// this. To be called when another forwarder runs; takes about 10 ms.
    pub fn finish(self) -> Result<Vec<CaptureCount>, XdpError> {
        sys::wait_for_readers().map_err(|source| XdpError::Kernel { request: "wait for BPF programs", source })?;
        self.counters()
    }

    /// The program that captures, and looks up routes there.
    pub(super) fn program(&self, lookup: LookupSource) -> Result<&Xdp, XdpError> {
        let name = lookup.capturing_forwarder();
        match self.object.program(name) {
            Some(Program::Xdp(program)) => Ok(program),
            Some(_) | None => Err(XdpError::Missing(name)),
        }
    }
}

/// The reading end of a capture's ring. There must be one only.
pub struct CaptureRing(RingBuf<MapData>);

impl CaptureRing {
    /// Of this descriptor, which may come from another process.
    pub fn open(ring: OwnedFd) -> Result<CaptureRing, XdpError> {
        let failed = |source| XdpError::Map { name: CAPTURE_RING, source };
        let map = Map::from_map_data(MapData::from_fd(ring).map_err(failed)?).map_err(failed)?;
        Ok(CaptureRing(RingBuf::try_from(map).map_err(failed)?))
    }

    /// Lets `take` have the next captured packet, in the order in which they were captured; `None` if there is none now.
    pub fn next<T>(&mut self, take: impl FnOnce(CaptureHeader, &[u8]) -> T) -> Option<T> {
        loop {
            let record = self.0.next()?;
            // What is no record of ours is passed over: the program writes none.
            if let Some((header, frame)) = CaptureHeader::read(&record) {
                return Some(take(header, frame));
            }
        }
    }
}

impl AsRawFd for CaptureRing {
    /// Readable when there is something to read.
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for CaptureRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn filter(options: &CaptureOptions) -> Result<CaptureFilter, XdpError> {
    let prefixes = [options.prefix, options.source, options.destination];
    let first = prefixes.iter().flatten().next();
    let other = prefixes.iter().flatten().find(|prefix| Some(prefix.family()) != first.map(|first| first.family()));
    if let (Some(one), Some(other)) = (first, other) {
        return Err(XdpError::TwoFamilies { one: *one, other: *other });
    }
    let within = |prefix: Option<Prefix>| prefix.map_or_else(AddressMatch::default, within);
    Ok(CaptureFilter {
        reasons: options.reasons.iter().fold(0, |bits, reason| bits | 1 << *reason as u32),
        source: within(options.source),
        destination: within(options.destination),
        either: within(options.prefix),
        interval: options.rate.map_or(0, |rate| SECOND / u64::from(rate.get())),
        burst: SECOND,
        family: first.map_or(0, |prefix| match prefix.family() {
            AfiSafi::Ipv4Unicast => 1,
            AfiSafi::Ipv6Unicast => 2,
        }),
        snap_length: options.snap_length.min(MAX_SNAP_LENGTH),
    })
}

fn within(prefix: Prefix) -> AddressMatch {
    let (number, unused) = match prefix.address() {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32 - u32::from(prefix.len())),
        IpAddr::V6(address) => (u128::from(address), 128 - u32::from(prefix.len())),
    };
    let halves = |number: u128| [(number >> 64) as u64, number as u64];
    AddressMatch { bits: halves(number), mask: halves(u128::MAX.checked_shl(unused).unwrap_or(0)) }
}

fn set_filter(map: Map, filter: CaptureFilter) -> Result<(), MapError> {
    let mut map: Array<MapData, CaptureFilter> = Array::try_from(map)?;
    map.set(0, filter, 0)
}

/// The interfaces that are captured on are those that the map has.
fn interfaces(map: Map, indexes: &[u32]) -> Result<PerCpuHashMap<MapData, u32, CaptureCounters>, MapError> {
    let mut map: PerCpuHashMap<MapData, u32, CaptureCounters> = PerCpuHashMap::try_from(map)?;
    let cpus = nr_cpus().map_err(|(_, error)| MapError::IoError(error))?;
    for index in indexes {
        let zero = PerCpuValues::try_from(vec![CaptureCounters::default(); cpus]).map_err(MapError::IoError)?;
        map.insert(index, zero, 0)?;
    }
    Ok(map)
}

fn ports_failed(source: MapError) -> XdpError {
    XdpError::Map { name: CAPTURE_PORTS, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CaptureOptions {
        CaptureOptions {
            interfaces: vec![2],
            reasons: Reason::ALL.to_vec(),
            prefix: None,
            source: None,
            destination: None,
            rate: None,
            snap_length: 96,
        }
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect(text)
    }

    #[test]
    fn prefixes_are_compared_by_their_bits() {
        let halves = |bits, mask| AddressMatch { bits, mask };
        assert_eq!(within(prefix("10.1.0.0/16")), halves([0, 0x0a01_0000], [u64::MAX, 0xffff_ffff_ffff_0000]));
        assert_eq!(within(prefix("10.1.2.3/32")), halves([0, 0x0a01_0203], [u64::MAX; 2]));
        assert_eq!(within(prefix("0.0.0.0/0")), halves([0, 0], [u64::MAX, 0xffff_ffff_0000_0000]));
        assert_eq!(within(prefix("2001:db8::/32")), halves([0x2001_0db8 << 32, 0], [0xffff_ffff << 32, 0]));
        assert_eq!(within(prefix("2001:db8::7/128")), halves([0x2001_0db8 << 32, 7], [u64::MAX; 2]));
        assert_eq!(within(prefix("::/0")), AddressMatch::default());
    }

    #[test]
    fn a_filter_has_a_bit_for_each_reason_and_one_family() {
        let made = filter(&CaptureOptions { reasons: vec![Reason::Hairpin, Reason::Blackhole], ..options() });
        let made = made.expect("a filter");
        assert_eq!((made.reasons, made.family, made.interval), (1 | 1 << Reason::Blackhole as u32, 0, 0));
        let v6 = CaptureOptions { destination: Some(prefix("::/0")), rate: NonZeroU32::new(1000), ..options() };
        let made = filter(&v6).expect("a filter");
        assert_eq!((made.family, made.interval, made.burst), (2, 1_000_000, SECOND));
        let both = CaptureOptions { prefix: Some(prefix("10.0.0.0/8")), ..v6 };
        let error = filter(&both).expect_err("two families").to_string();
        assert_eq!(error, "10.0.0.0/8 and ::/0 are of two families: no packet has addresses of both");
    }
}
