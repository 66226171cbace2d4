//! The kernel's own lookup in place of our tables, for hosts whose routing the tables cannot follow (policy rules, VRFs) or
//! where they do not fit.
//!
//! The kernel answers with the next hop, its MAC and whether the packet fits; everything before and after it is the same.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{
    BPF_FIB_LKUP_RET_BLACKHOLE, BPF_FIB_LKUP_RET_FRAG_NEEDED, BPF_FIB_LKUP_RET_FWD_DISABLED, BPF_FIB_LKUP_RET_NO_NEIGH,
    BPF_FIB_LKUP_RET_NOT_FWDED, BPF_FIB_LKUP_RET_PROHIBIT, BPF_FIB_LKUP_RET_SUCCESS, BPF_FIB_LKUP_RET_UNREACHABLE,
    BPF_FIB_LKUP_RET_UNSUPP_LWT, bpf_fib_lookup as Query,
};
use aya_ebpf::helpers::bpf_fib_lookup;
use aya_ebpf::programs::XdpContext;
use nva_common::{NextHop, Port, Reason};

use crate::forward::{self, Router};
use crate::frame;
use crate::packet::Packet;
use crate::tap::Tap;
use crate::verdict::Outcome;

/// Routes by the kernel's FIB. No group is counted: the kernel does not say which route it was.
pub struct KernelFib;

impl Router for KernelFib {
    #[inline(always)]
    fn route<P: Packet, T: Tap>(ctx: &XdpContext, port: Port, header: &P) -> Outcome {
        match send::<P, T>(ctx, port, header) {
            Ok(reason) | Err(reason) => Outcome::without_group(reason),
        }
    }
}

#[inline(always)]
fn send<P: Packet, T: Tap>(ctx: &XdpContext, port: Port, header: &P) -> Result<Reason, Reason> {
    if port.flags & P::FORWARDS == 0 {
        return Err(Reason::ForwardingOff);
    }
    // Our check of sources needs the tables, and the kernel's helper has none: what may come in is for its slow path to say.
    if port.flags & (P::STRICT | P::LOOSE) != 0 {
        return Err(Reason::SourceToKernel);
    }
    // The helper's length has 16 bits, which a jumbo packet of IPv6 with its header may exceed.
    let Ok(length) = u16::try_from(frame::payload(ctx)) else { return Err(Reason::TooBig) };
    // SAFETY: every field is a number.
    let mut query: Query = unsafe { core::mem::zeroed() };
    query.ifindex = ctx.ingress_ifindex() as u32;
    query.l4_protocol = header.protocol();
    query.__bindgen_anon_1.tot_len = length;
    [query.sport, query.dport] = forward::ports(ctx, header);
    header.ask(&mut query);
    // SAFETY: the context is ours, and the query is as long as is said.
    let answer = unsafe { bpf_fib_lookup(ctx.as_ptr(), &raw mut query, size_of::<Query>() as i32, 0) };
    refusal(u32::try_from(answer).map_err(|_| Reason::NotConfigured)?, header.hop_limit())?;
    let next_hop =
        NextHop { destination_mac: query.dmac, source_mac: query.smac, ifindex: query.ifindex, ..NextHop::default() };
    let reason = forward::leave(ctx, port, next_hop.ifindex)?;
    let reason = T::see(ctx, Outcome::without_group(reason), next_hop.ifindex);
    forward::rewrite(ctx, header, &next_hop)?;
    Ok(reason)
}

/// Why the packet is not to be sent, by what the helper returned. Like the kernel, looks at the hop limit only once the route
/// is known to be one that forwards.
#[inline(always)]
fn refusal(answer: u32, hop_limit: u8) -> Result<(), Reason> {
    let forwards =
        matches!(answer, BPF_FIB_LKUP_RET_SUCCESS | BPF_FIB_LKUP_RET_NO_NEIGH | BPF_FIB_LKUP_RET_FRAG_NEEDED);
    if forwards && hop_limit <= 1 {
        return Err(Reason::TtlExpired);
    }
    Err(match answer {
        BPF_FIB_LKUP_RET_SUCCESS => return Ok(()),
        BPF_FIB_LKUP_RET_BLACKHOLE => Reason::Blackhole,
        BPF_FIB_LKUP_RET_UNREACHABLE | BPF_FIB_LKUP_RET_PROHIBIT => Reason::Refused,
        BPF_FIB_LKUP_RET_NOT_FWDED => Reason::NotForwarded,
        BPF_FIB_LKUP_RET_FWD_DISABLED => Reason::ForwardingOff,
        BPF_FIB_LKUP_RET_UNSUPP_LWT => Reason::KernelRoute,
        BPF_FIB_LKUP_RET_NO_NEIGH => Reason::Unresolved,
        BPF_FIB_LKUP_RET_FRAG_NEEDED => Reason::TooBig,
        // What newer kernels may say besides.
        _ => Reason::NotConfigured,
    })
}
