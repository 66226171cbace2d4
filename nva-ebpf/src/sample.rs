//! Samples of packets for the log, in debug mode only: the forwarder proper has no code for it.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::info;

use crate::frame;
use crate::maps::CONFIG;
use crate::verdict::Outcome;

/// When this CPU took its last sample, in nanoseconds since boot. Not pinned.
#[map]
static LAST_SAMPLE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Logs the packet, unless this CPU logged another less than the configured interval ago.
#[inline(always)]
pub fn sample(ctx: &XdpContext, outcome: &Outcome) {
    if !is_due() {
        return;
    }
    let ingress = ctx.ingress_ifindex() as u32;
    let (source, destination, ttl) = match frame::ipv4(ctx) {
        // SAFETY: the header lies in the frame.
        Some(header) => unsafe { ((*header).source(), (*header).destination(), (*header).ttl()) },
        None => (0, 0, 0),
    };
    info!(
        ctx,
        "reason={} in={} src={:i} dst={:i} ttl={} len={}",
        outcome.reason as u32,
        ingress,
        source,
        destination,
        ttl,
        frame::length(ctx)
    );
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
