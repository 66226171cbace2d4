//! Access to the frame, behind the bounds check that the verifier wants to see.

use aya_ebpf::programs::XdpContext;
use nva_common::header::Ethernet;

/// The `T` at this offset of the frame, if the frame is long enough.
///
/// `T` has an alignment of at most 2 and every bit pattern is valid; headers lie at even offsets of an aligned frame. So
/// each field is one load: unaligned types would be taken apart into octets.
#[inline(always)]
pub fn at<T>(ctx: &XdpContext, offset: usize) -> Option<*mut T> {
    const { assert!(align_of::<T>() <= 2) };
    let start = ctx.data();
    if start + offset + size_of::<T>() > ctx.data_end() { None } else { Some((start + offset) as *mut T) }
}

/// The Ethernet header.
#[inline(always)]
pub fn ethernet(ctx: &XdpContext) -> Option<*mut Ethernet> {
    at(ctx, 0)
}

/// The network header, of a type that describes what the Ethertype says.
#[inline(always)]
pub fn network<T>(ctx: &XdpContext) -> Option<*mut T> {
    at(ctx, size_of::<Ethernet>())
}

/// The frame's length in octets.
#[inline(always)]
pub fn length(ctx: &XdpContext) -> usize {
    ctx.data_end() - ctx.data()
}

/// The octets behind the Ethernet header: those of the packet, and whatever pads the frame, which goes along.
#[inline(always)]
pub fn payload(ctx: &XdpContext) -> u32 {
    (length(ctx) - size_of::<Ethernet>()) as u32
}
