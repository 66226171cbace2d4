//! Samples of packets for the log, in debug mode only: the forwarder proper has no code for it.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::info;
use nva_common::header::{Ipv4, Ipv6, ethertype};

use crate::frame;
use crate::maps::CONFIG;
use crate::tap::Watcher;
use crate::verdict::Outcome;

/// When this CPU took its last sample, in nanoseconds since boot. Not pinned.
#[map]
static LAST_SAMPLE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Logs a packet, unless this CPU logged another less than the configured interval ago.
pub struct Samples;

impl Watcher for Samples {
    #[inline(always)]
    fn look(ctx: &XdpContext, outcome: &Outcome, _egress: u32) {
        if is_due() {
            sample(ctx, outcome);
        }
    }
}

#[inline(always)]
fn sample(ctx: &XdpContext, outcome: &Outcome) {
    let (reason, ingress, length) = (outcome.reason as u32, ctx.ingress_ifindex() as u32, frame::length(ctx));
    // SAFETY: what is returned lies in the frame.
    match unsafe { frame::ethernet(ctx).map(|ethernet| (*ethernet).ethertype) } {
        Some(ethertype::IPV4) => {
            let Some(header) = frame::network::<Ipv4>(ctx) else { return };
            // SAFETY: as above.
            let header = unsafe { &*header };
            let (from, to, ttl) = (header.source(), header.destination(), header.ttl());
            info!(ctx, "reason={} in={} src={:i} dst={:i} ttl={} len={}", reason, ingress, from, to, ttl, length);
        }
        Some(ethertype::IPV6) => {
            let Some(header) = frame::network::<Ipv6>(ctx) else { return };
            // SAFETY: as above.
            let header = unsafe { &*header };
            let (from, to, hops) = (header.source().octets(), header.destination().octets(), header.hop_limit());
            info!(ctx, "reason={} in={} src={:i} dst={:i} ttl={} len={}", reason, ingress, from, to, hops, length);
        }
        Some(other) => {
            info!(ctx, "reason={} in={} ethertype={:x} len={}", reason, ingress, u16::from_be(other), length);
        }
        None => info!(ctx, "reason={} in={} len={}", reason, ingress, length),
    }
}

#[inline(always)]
fn is_due() -> bool {
    let (Some(last), Some(config)) = (LAST_SAMPLE.get_ptr_mut(0), CONFIG.get(0)) else { return false };
    // SAFETY: no preconditions; the pointer is to this CPU's own element.
    unsafe {
        let now = bpf_ktime_get_ns();
        let due = now - *last >= config.sample_interval;
        if due {
            *last = now;
        }
        due
    }
}
