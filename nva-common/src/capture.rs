//! What the program that captures packets, and those who read from it, agree on. Its maps are made for each capture and
//! never pinned, so none of this is part of the layout that a version names.

use crate::Reason;
use crate::header::Address6;

/// `RingBuf` of records: a [`CaptureHeader`] and the octets of the frame behind it.
pub const CAPTURE_RING: &str = "CAPTURE_RING";
/// `Array<CaptureFilter>`, one element.
pub const CAPTURE_FILTER: &str = "CAPTURE_FILTER";
/// `PerCpuHashMap<u32, CaptureCounters>` by interface index: the interfaces that are captured on.
pub const CAPTURE_PORTS: &str = "CAPTURE_PORTS";

/// The longest part of a frame that is captured, in octets: any frame of an IP packet is shorter.
pub const MAX_SNAP_LENGTH: u32 = 1 << 16;
/// The group of a packet whose destination was not looked up.
pub const NO_GROUP: u32 = u32::MAX;

/// What stands before the octets of a captured frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureHeader {
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time: u64,
    /// The interface that it came in by.
    pub ingress: u32,
    /// The interface that it leaves by; 0 if XDP does not forward it.
    pub egress: u32,
    /// The number of a [`Reason`].
    pub reason: u32,
    /// The group that its destination led to, or [`NO_GROUP`].
    pub group: u32,
    /// The frame's length in octets.
    pub length: u32,
    /// How many of them were captured: the first ones.
    pub captured: u32,
}

impl CaptureHeader {
    /// Its length in octets.
    pub const LEN: usize = size_of::<CaptureHeader>();

    /// The header of a record, and the captured octets; `None` if this is none.
    pub fn read(record: &[u8]) -> Option<(CaptureHeader, &[u8])> {
        let (header, frame) = record.split_first_chunk::<{ CaptureHeader::LEN }>()?;
        let (time, words) = header.split_first_chunk::<8>()?;
        let (words, _) = words.as_chunks::<4>();
        let [ingress, egress, reason, group, length, captured] = words.first_chunk()?.map(u32::from_ne_bytes);
        let header =
            CaptureHeader { time: u64::from_ne_bytes(*time), ingress, egress, reason, group, length, captured };
        // Room is reserved in a few sizes only.
        Some((header, frame.get(..usize::try_from(captured).ok()?)?))
    }
}

/// What was counted on one interface during a capture.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounters {
    /// Packets that came in.
    pub seen: u64,
    /// Of these, those that the filter chose.
    pub matched: u64,
    /// Of these, those that the rate limit kept out.
    pub limited: u64,
    /// Of these, those for which there was no room in the ring.
    pub lost: u64,
}

/// A prefix as the program compares addresses with it: an address is in it if its masked bits are these.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressMatch {
    /// The bits, the first eight octets first. IPv4 addresses are the last four octets.
    pub bits: [u64; 2],
    /// Which count; none: every address is in it.
    pub mask: [u64; 2],
}

impl AddressMatch {
    /// Whether the address is in the prefix.
    #[inline(always)]
    pub const fn contains(&self, address: Address6) -> bool {
        address.high & self.mask[0] == self.bits[0] && address.low & self.mask[1] == self.bits[1]
    }
}

/// Source and destination of a packet; those of IPv4 are the last four octets of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// As in [`CaptureFilter::family`]; 0: it has none.
    pub family: u32,
    /// From whom.
    pub source: Address6,
    /// To whom.
    pub destination: Address6,
}

impl Addresses {
    /// Those of a packet that has none. (Not an `Option`: of that, the compiler reads what was never written, and the
    /// verifier minds.)
    pub const NONE: Addresses =
        Addresses { family: 0, source: Address6 { high: 0, low: 0 }, destination: Address6 { high: 0, low: 0 } };
}

/// Which packets are captured, and how much of each.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureFilter {
    /// A bit for each [`Reason`] that is wanted.
    pub reasons: u64,
    /// Where the source has to be.
    pub source: AddressMatch,
    /// Where the destination has to be.
    pub destination: AddressMatch,
    /// Where one of both has to be.
    pub either: AddressMatch,
    /// The time that a packet takes of its CPU's budget, in nanoseconds; 0: there is no limit.
    pub interval: u64,
    /// How much of the budget can be saved up, in nanoseconds.
    pub burst: u64,
    /// The family of the prefixes: 1 for IPv4, 2 for IPv6 (the AFI); 0: addresses do not matter.
    pub family: u32,
    /// Octets of each frame, at most [`MAX_SNAP_LENGTH`].
    pub snap_length: u32,
}

impl CaptureFilter {
    /// Whether a packet with this reason and these addresses is wanted. The addresses are only needed if there is a family.
    #[inline(always)]
    pub const fn wants(&self, reason: Reason, addresses: Addresses) -> bool {
        if self.reasons >> reason as u32 & 1 == 0 {
            return false;
        }
        if self.family == 0 {
            return true;
        }
        let Addresses { family, source, destination } = addresses;
        family == self.family
            && self.source.contains(source)
            && self.destination.contains(destination)
            && (self.either.contains(source) || self.either.contains(destination))
    }

    /// Whether a packet is within the limit at this time: until when the budget is spent after it. `spent_until` is what
    /// came of the packet before. (The virtual scheduling algorithm of ITU-T I.371 annex A.)
    #[inline(always)]
    pub const fn admit(&self, spent_until: u64, now: u64) -> Option<u64> {
        let from = if spent_until > now { spent_until } else { now };
        let until = from + self.interval;
        if until - now > self.burst { None } else { Some(until) }
    }
}

const _: () = {
    assert!(Reason::COUNT <= u64::BITS);
    assert!(size_of::<CaptureHeader>() == 32);
    assert!(core::mem::offset_of!(CaptureHeader, captured) == 28);
    assert!(size_of::<CaptureCounters>() == 32);
    assert!(size_of::<AddressMatch>() == 32);
    assert!(size_of::<CaptureFilter>() == 128);
};

// SAFETY: `repr(C)`, without padding, every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for CaptureFilter {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for CaptureCounters {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn filter() -> CaptureFilter {
        CaptureFilter {
            reasons: 0,
            source: AddressMatch::default(),
            destination: AddressMatch::default(),
            either: AddressMatch::default(),
            interval: 0,
            burst: 0,
            family: 0,
            snap_length: MAX_SNAP_LENGTH,
        }
    }

    fn v4(octets: [u8; 4]) -> Address6 {
        Address6 { high: 0, low: u32::from_be_bytes(octets).into() }
    }

    #[test]
    fn a_record_is_read_as_it_lies_in_the_ring() {
        let header = CaptureHeader {
            time: 0x0102_0304_0506_0708,
            ingress: 2,
            egress: 3,
            reason: 4,
            group: NO_GROUP,
            length: 9,
            captured: 3,
        };
        // SAFETY: a header is 32 octets without padding.
        let octets = unsafe { core::mem::transmute::<CaptureHeader, [u8; 32]>(header) };
        let mut record = [0xee; 40];
        record[..32].copy_from_slice(&octets);
        record[32..35].copy_from_slice(&[7, 8, 9]);
        assert_eq!(CaptureHeader::read(&record), Some((header, &[7, 8, 9][..])));
        assert_eq!(CaptureHeader::read(&record[..34]), None, "less than it says");
        assert_eq!(CaptureHeader::read(&record[..31]), None);
    }

    #[test]
    fn a_filter_wants_what_fits_all_of_it() {
        let within = |octets, mask: u32| AddressMatch { bits: [0, v4(octets).low], mask: [u64::MAX, mask.into()] };
        let addresses = Addresses { family: 1, source: v4([10, 1, 0, 2]), destination: v4([192, 0, 2, 7]) };
        let all = CaptureFilter { reasons: 1 << Reason::Redirect as u32 | 1 << Reason::Blackhole as u32, ..filter() };
        assert!(all.wants(Reason::Redirect, Addresses::NONE) && all.wants(Reason::Blackhole, addresses));
        assert!(!all.wants(Reason::Local, addresses) && !filter().wants(Reason::Redirect, addresses));
        let wants = |filter: CaptureFilter| filter.wants(Reason::Redirect, addresses);
        let (here, there) = (within([10, 1, 0, 0], 0xffff_ff00), within([192, 0, 2, 7], u32::MAX));
        let v4 = CaptureFilter { family: 1, ..all };
        assert!(wants(v4) && !v4.wants(Reason::Redirect, Addresses::NONE), "only what has addresses");
        assert!(wants(CaptureFilter { source: here, destination: there, either: here, ..v4 }));
        assert!(wants(CaptureFilter { either: there, ..v4 }));
        assert!(!wants(CaptureFilter { source: there, ..v4 }));
        assert!(!wants(CaptureFilter { destination: here, ..v4 }));
        assert!(!wants(CaptureFilter { either: within([10, 2, 0, 0], 0xffff_0000), ..v4 }));
        assert!(!wants(CaptureFilter { source: here, destination: here, ..v4 }), "both have to fit");
        assert!(!wants(CaptureFilter { family: 2, ..all }), "of another family");
        let high = Addresses { family: 2, source: Address6 { high: 1, low: 2 }, ..addresses };
        let long = AddressMatch { bits: [1, 2], mask: [u64::MAX; 2] };
        let v6 = CaptureFilter { family: 2, source: long, ..all };
        assert!(v6.wants(Reason::Redirect, high));
        let other = Addresses { source: Address6 { high: 9, low: 2 }, ..high };
        assert!(!v6.wants(Reason::Redirect, other), "the first eight octets count");
    }

    #[test]
    fn a_limit_admits_a_burst_and_then_its_rate() {
        let limit = CaptureFilter { interval: SECOND / 10, burst: SECOND / 2, ..filter() };
        let run = |spent: &mut u64, now: u64, packets: usize| {
            let admitted = (0..packets).filter(|_| {
                limit.admit(*spent, now).is_some_and(|until| {
                    *spent = until;
                    true
                })
            });
            admitted.count()
        };
        let mut spent = 0;
        assert_eq!(run(&mut spent, 100 * SECOND, 20), 5);
        assert_eq!(run(&mut spent, 100 * SECOND + SECOND / 10 - 1, 20), 0);
        assert_eq!(run(&mut spent, 100 * SECOND + SECOND / 10, 20), 1);
        assert_eq!(run(&mut spent, 101 * SECOND, 20), 5, "more than the burst is not saved up");
        let mut spent = 0;
        let second = (0..1000).map(|step| run(&mut spent, 200 * SECOND + step * SECOND / 1000, 3)).sum::<usize>();
        assert_eq!(second, 5 + 9);
    }
}
