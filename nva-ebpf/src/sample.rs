//! Samples of packets for the log, in debug mode only: the forwarder proper has no code for it.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::info;
use nva_common::Reason;
use nva_common::header::{Ipv4, Ipv6, ethertype};

use crate::frame;
use crate::maps::CONFIG;

/// What a CPU keeps.
struct Sampler {
    /// When it took its last sample, in nanoseconds since boot.
    last: u64,
    /// What became of the packet, and why.
    action: u32,
    reason: u32,
}

/// One for each CPU. Not pinned.
#[map]
static SAMPLERS: PerCpuArray<Sampler> = PerCpuArray::with_max_entries(1, 0);

/// Logs the packet, unless this CPU logged another less than the configured interval ago. Returns the action.
///
/// The verifier knows each pair of action and reason that can come here, and would go through all of this for each of them:
/// 820,000 instructions on Linux 6.12, of the million that it goes at most. Of what has been in a map it knows nothing.
#[inline(always)]
pub fn sample(ctx: &XdpContext, reason: Reason, action: u32) -> u32 {
    let Some(sampler) = SAMPLERS.get_ptr_mut(0) else { return action };
    // SAFETY: a map element is valid for the whole program run, and this one is this CPU's own. Volatile, so that what is read
    // is not taken from what was written.
    unsafe {
        (&raw mut (*sampler).action).write_volatile(action);
        (&raw mut (*sampler).reason).write_volatile(reason as u32);
        if is_due(&mut (*sampler).last) {
            log(ctx, (&raw const (*sampler).reason).read_volatile());
        }
        (&raw const (*sampler).action).read_volatile()
    }
}

#[inline(always)]
fn log(ctx: &XdpContext, reason: u32) {
    let (ingress, length) = (ctx.ingress_ifindex() as u32, frame::length(ctx));
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
fn is_due(last: &mut u64) -> bool {
    let Some(config) = CONFIG.get(0) else { return false };
    // SAFETY: no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let due = now - *last >= config.sample_interval;
    if due {
        *last = now;
    }
    due
}
