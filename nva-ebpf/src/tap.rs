//! Those who watch what becomes of packets. There is a program for each: the forwarder proper is watched by nobody and has no
//! code for it.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::XdpContext;
use nva_common::{Reason, Verdict};

use crate::forward::{Router, forward};
use crate::verdict::{Outcome, conclude};

/// Who may watch.
pub trait Tap {
    /// The frame is as it came in, and `egress` the interface that it is about to leave by (0: XDP does not forward it).
    /// Returns the reason.
    fn see(ctx: &XdpContext, outcome: Outcome, egress: u32) -> Reason;
}

/// Nobody watches.
pub struct Nobody;

impl Tap for Nobody {
    #[inline(always)]
    fn see(_: &XdpContext, outcome: Outcome, _: u32) -> Reason {
        outcome.reason
    }
}

/// Somebody does.
pub trait Watcher {
    /// See [`Tap::see`].
    fn look(ctx: &XdpContext, outcome: &Outcome, egress: u32);
}

impl<W: Watcher> Tap for W {
    #[inline(always)]
    fn see(ctx: &XdpContext, outcome: Outcome, egress: u32) -> Reason {
        let reason = outcome.reason;
        let Some(outcome) = forget(outcome) else { return reason };
        W::look(ctx, &outcome, egress);
        outcome.reason
    }
}

/// Forwards, counts, and lets the watcher see each packet once.
#[inline(always)]
pub fn watched<R: Router, W: Watcher>(ctx: &XdpContext) -> u32 {
    let Some(outcome) = forget(forward::<R, W>(ctx)) else { return xdp_action::XDP_PASS };
    // What goes out was seen before it was rewritten.
    if !matches!(outcome.reason.verdict(), Verdict::Forward) {
        W::look(ctx, &outcome, 0);
    }
    conclude(ctx, outcome)
}

/// Why what was decided last on this CPU. Not pinned.
#[map]
static LAST_REASON: PerCpuArray<Reason> = PerCpuArray::with_max_entries(1, 0);

/// The same outcome, but the verifier does not know any more which it is. It knows each reason that can come here, and would
/// go through the whole tap for each of them: 820,000 instructions for debug mode's on Linux 6.12, of the million that it goes
/// at most. Of what has been in a map it knows nothing. `None` never comes: the map has an element for each CPU.
#[inline(always)]
fn forget(outcome: Outcome) -> Option<Outcome> {
    let last = LAST_REASON.get_ptr_mut(0)?;
    // SAFETY: a map element is valid for the whole program run, and this one is this CPU's own. Nothing but reasons is written
    // to it. Volatile, so that what is read is not taken from what was written.
    unsafe {
        last.write_volatile(outcome.reason);
        Some(Outcome { reason: last.read_volatile(), ..outcome })
    }
}
