//! Copies of packets for `nva capture`, into a ring buffer: only while a capture runs, by a program that runs only then.

use aya_ebpf::helpers::{bpf_ktime_get_ns, generated::bpf_probe_read_kernel};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerCpuArray, PerCpuHashMap, RingBuf};
use aya_ebpf::programs::XdpContext;
use nva_common::capture::{Addresses, CaptureCounters, CaptureFilter, CaptureHeader, MAX_SNAP_LENGTH, NO_GROUP};
use nva_common::header::{Address6, Ipv4, Ipv6, ethertype};

use crate::frame;
use crate::tap::Watcher;
use crate::verdict::Outcome;

// Sizes are set when a capture begins. None is pinned.
#[map]
static CAPTURE_RING: RingBuf = RingBuf::with_byte_size(4096, 0);
#[map]
static CAPTURE_FILTER: Array<CaptureFilter> = Array::with_max_entries(1, 0);
#[map]
static CAPTURE_PORTS: PerCpuHashMap<u32, CaptureCounters> = PerCpuHashMap::with_max_entries(1, 0);
/// Until when this CPU's budget is spent, in nanoseconds since boot.
#[map]
static CAPTURE_PACE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Copies what the filter wants.
pub struct Capture;

impl Watcher for Capture {
    #[inline(always)]
    fn look(ctx: &XdpContext, outcome: &Outcome, egress: u32) {
        let ingress = ctx.ingress_ifindex() as u32;
        let Some(counters) = CAPTURE_PORTS.get_ptr_mut(ingress) else { return };
        let Some(filter) = CAPTURE_FILTER.get(0) else { return };
        // SAFETY: the pointer is to this CPU's element, and XDP programs of one CPU do not interrupt each other.
        let counters = unsafe { &mut *counters };
        counters.seen += 1;
        if !filter.wants(outcome.reason, addresses(ctx)) {
            return;
        }
        counters.matched += 1;
        // SAFETY: no preconditions.
        let time = unsafe { bpf_ktime_get_ns() };
        if !is_within_limit(filter, time) {
            counters.limited += 1;
            return;
        }
        let length = frame::length(ctx);
        let captured = length.min(filter.snap_length as usize);
        let header = CaptureHeader {
            time,
            ingress,
            egress,
            reason: outcome.reason as u32,
            group: outcome.group.unwrap_or(NO_GROUP),
            length: length as u32,
            captured: captured as u32,
        };
        if !copy(ctx, header, captured) {
            counters.lost += 1;
        }
    }
}

/// The addresses of an IPv4 or IPv6 packet, whether or not it is right in other respects.
#[inline(always)]
fn addresses(ctx: &XdpContext) -> Addresses {
    let Some(ethernet) = frame::ethernet(ctx) else { return Addresses::NONE };
    // SAFETY: what is returned lies in the frame.
    match unsafe { (*ethernet).ethertype } {
        ethertype::IPV4 => {
            let Some(header) = frame::network::<Ipv4>(ctx) else { return Addresses::NONE };
            // SAFETY: as above.
            let header = unsafe { &*header };
            let number = |address: u32| Address6 { high: 0, low: address.into() };
            Addresses { family: 1, source: number(header.source()), destination: number(header.destination()) }
        }
        ethertype::IPV6 => {
            let Some(header) = frame::network::<Ipv6>(ctx) else { return Addresses::NONE };
            // SAFETY: as above.
            let header = unsafe { &*header };
            Addresses { family: 2, source: header.source(), destination: header.destination() }
        }
        _ => Addresses::NONE,
    }
}

#[inline(always)]
fn is_within_limit(filter: &CaptureFilter, now: u64) -> bool {
    if filter.interval == 0 {
        return true;
    }
    let Some(spent_until) = CAPTURE_PACE.get_ptr_mut(0) else { return false };
    // SAFETY: the pointer is to this CPU's own element.
    match filter.admit(unsafe { *spent_until }, now) {
        Some(until) => {
            // SAFETY: as above.
            unsafe { *spent_until = until };
            true
        }
        None => false,
    }
}

/// Copies header and frame into the ring; says whether there was room. Only sizes that are known beforehand can be reserved,
/// so there are a few.
#[inline(always)]
fn copy(ctx: &XdpContext, header: CaptureHeader, captured: usize) -> bool {
    if captured <= 96 {
        record::<96>(ctx, header, captured)
    } else if captured <= 480 {
        record::<480>(ctx, header, captured)
    } else if captured <= 2016 {
        record::<2016>(ctx, header, captured)
    } else if captured <= 4064 {
        record::<4064>(ctx, header, captured)
    } else if captured <= MAX_SNAP_LENGTH as usize {
        record::<{ MAX_SNAP_LENGTH as usize }>(ctx, header, captured)
    } else {
        false
    }
}

#[repr(C)]
struct Record<const ROOM: usize> {
    header: CaptureHeader,
    frame: [u8; ROOM],
}

#[inline(always)]
fn record<const ROOM: usize>(ctx: &XdpContext, header: CaptureHeader, captured: usize) -> bool {
    let Some(mut entry) = CAPTURE_RING.reserve::<Record<ROOM>>(0) else { return false };
    let record = entry.as_mut_ptr();
    // SAFETY: it is a local. Volatile: what was compared before may be another copy of it, and the verifier of older kernels
    // (6.1) wants to see the comparison of the very one that is handed over.
    let captured = unsafe { (&raw const captured).read_volatile() };
    if captured > ROOM {
        entry.discard(0);
        return false;
    }
    // SAFETY: the header lies in what was reserved, and so does as much of a frame as there is room for. The kernel copies: a
    // loop of ours would take an instruction for every two octets, and bpf_xdp_load_bytes needs Linux 5.18.
    let copied = unsafe {
        (&raw mut (*record).header).write(header);
        let frame = (&raw mut (*record).frame).cast();
        bpf_probe_read_kernel(frame, captured as u32, ctx.data() as *const _)
    };
    if copied == 0 {
        entry.submit(0);
    } else {
        entry.discard(0);
    }
    copied == 0
}
