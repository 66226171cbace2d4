//! The XDP programs: a root that stays attached for ever, and the forwarder that it calls, which a new daemon replaces
//! without a packet lost.
//!
//! The rule is: what a correct router would do, for the packets that are fully understood; every other packet goes to the
//! kernel untouched, which forwards by the same routes.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "the xdp macro makes undocumented functions of documented ones")]

mod capture;
mod count;
mod fib;
mod forward;
mod frame;
mod ipv4;
mod ipv6;
mod lookup;
mod maps;
mod packet;
mod sample;
mod source;
mod tap;
mod verdict;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use nva_common::FORWARDER;

use fib::KernelFib;
use forward::Tables;

/// What the pinned links run.
#[xdp]
pub fn root(ctx: XdpContext) -> u32 {
    // SAFETY: no state is left behind; if the slot is empty, the packet is the kernel's.
    unsafe { maps::PROGRAMS.tail_call(&ctx, FORWARDER) };
    xdp_action::XDP_PASS
}

/// The forwarder.
#[xdp]
pub fn forwarder(ctx: XdpContext) -> u32 {
    verdict::conclude(&ctx, forward::forward::<Tables, tap::Nobody>(&ctx))
}

/// The forwarder of debug mode, which also logs samples.
#[xdp]
pub fn forwarder_debug(ctx: XdpContext) -> u32 {
    tap::watched::<Tables, sample::Samples>(&ctx)
}

/// The forwarder while a capture runs, which also copies packets.
#[xdp]
pub fn forwarder_capture(ctx: XdpContext) -> u32 {
    tap::watched::<Tables, capture::Capture>(&ctx)
}

/// The forwarder that asks the kernel's FIB instead of our tables.
#[xdp]
pub fn forwarder_fib(ctx: XdpContext) -> u32 {
    verdict::conclude(&ctx, forward::forward::<KernelFib, tap::Nobody>(&ctx))
}

/// The same in debug mode.
#[xdp]
pub fn forwarder_fib_debug(ctx: XdpContext) -> u32 {
    tap::watched::<KernelFib, sample::Samples>(&ctx)
}

/// The same while a capture runs.
#[xdp]
pub fn forwarder_fib_capture(ctx: XdpContext) -> u32 {
    tap::watched::<KernelFib, capture::Capture>(&ctx)
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
