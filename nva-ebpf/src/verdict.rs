//! The one place where a result becomes an XDP action and is counted.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::programs::XdpContext;
use nva_common::{Reason, Verdict};

use crate::count::count;
use crate::frame;
use crate::maps::{GROUP_COUNTERS, REASON_COUNTERS};

/// What the forwarder found.
pub struct Outcome {
    /// Why.
    pub reason: Reason,
    /// The group that the packet's destination led to, if it came that far.
    pub group: Option<u32>,
}

impl Outcome {
    /// The packet's destination was not looked up.
    #[inline(always)]
    pub fn without_group(reason: Reason) -> Outcome {
        Outcome { reason, group: None }
    }
}

/// Counts the packet and maps its outcome to an XDP action.
#[inline(always)]
pub fn conclude(ctx: &XdpContext, outcome: Outcome) -> u32 {
    let bytes = frame::length(ctx) as u64;
    count(&REASON_COUNTERS, outcome.reason as u32, bytes);
    if let Some(group) = outcome.group {
        count(&GROUP_COUNTERS, group, bytes);
    }
    match outcome.reason.verdict() {
        Verdict::Forward if matches!(outcome.reason, Reason::Hairpin) => xdp_action::XDP_TX,
        Verdict::Forward => xdp_action::XDP_REDIRECT,
        Verdict::Pass => xdp_action::XDP_PASS,
        Verdict::Drop => xdp_action::XDP_DROP,
    }
}
