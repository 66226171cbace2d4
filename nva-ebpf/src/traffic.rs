//! Programs of the benchmark (`cargo xtask bench xdp`), in an object of their own: one makes packets, one takes them out of
//! the network again. `nva` does not know of them.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "the xdp macro makes undocumented functions of documented ones")]

#[expect(dead_code, reason = "what only the forwarder needs")]
mod frame;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, DevMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use nva_common::header::{Ipv4, Ipv6, ethertype};
use nva_common::traffic::{DESTINATION_WORDS, Destinations, Expected, Received, Template};

#[map]
static TEMPLATE: Array<Template> = Array::with_max_entries(1, 0);
#[map]
static DESTINATIONS: Array<Destinations> = Array::with_max_entries(1, 0);
#[map]
static TARGET: DevMap = DevMap::with_max_entries(1, 0);
#[map]
static EXPECTED: Array<Expected> = Array::with_max_entries(1, 0);
#[map]
static RECEIVED: PerCpuArray<Received> = PerCpuArray::with_max_entries(1, 0);
/// How many packets a CPU has made.
#[map]
static MADE: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);

/// Makes an IPv4 packet of the frame. To be run by `BPF_PROG_RUN` with live frames, which are used again and again as
/// whoever had them left them.
#[xdp]
pub fn send_ipv4(ctx: XdpContext) -> u32 {
    send::<Ipv4>(&ctx).unwrap_or(xdp_action::XDP_ABORTED)
}

/// The same for IPv6.
#[xdp]
pub fn send_ipv6(ctx: XdpContext) -> u32 {
    send::<Ipv6>(&ctx).unwrap_or(xdp_action::XDP_ABORTED)
}

/// Counts IPv4 packets, and drops them.
#[xdp]
pub fn receive_ipv4(ctx: XdpContext) -> u32 {
    receive::<Ipv4>(&ctx).unwrap_or(xdp_action::XDP_PASS)
}

/// The same for IPv6.
#[xdp]
pub fn receive_ipv6(ctx: XdpContext) -> u32 {
    receive::<Ipv6>(&ctx).unwrap_or(xdp_action::XDP_PASS)
}

/// A network header.
trait Header: Copy {
    const ETHERTYPE: u16;

    /// That of a packet, but for its destination.
    fn of(template: &Template) -> Self;

    /// Puts in the `number`th destination.
    fn set_destination(&mut self, destinations: &Destinations, number: usize);

    /// TTL or hop limit.
    fn hop_limit(&self) -> u8;
}

impl Header for Ipv4 {
    const ETHERTYPE: u16 = ethertype::IPV4;

    #[inline(always)]
    fn of(template: &Template) -> Ipv4 {
        template.ipv4
    }

    #[inline(always)]
    fn set_destination(&mut self, destinations: &Destinations, number: usize) {
        let [high, low] = halves(destinations[number & (DESTINATION_WORDS - 1)]);
        let sum = u32::from(!self.0[5]) + u32::from(high) + u32::from(low);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        (self.0[5], self.0[8], self.0[9]) = (!(sum as u16), high, low);
    }

    #[inline(always)]
    fn hop_limit(&self) -> u8 {
        self.ttl()
    }
}

impl Header for Ipv6 {
    const ETHERTYPE: u16 = ethertype::IPV6;

    #[inline(always)]
    fn of(template: &Template) -> Ipv6 {
        template.ipv6
    }

    #[inline(always)]
    fn set_destination(&mut self, destinations: &Destinations, number: usize) {
        let first = (number * 4) & (DESTINATION_WORDS - 4);
        for word in 0..4 {
            [self.0[12 + 2 * word], self.0[13 + 2 * word]] = halves(destinations[first + word]);
        }
    }

    #[inline(always)]
    fn hop_limit(&self) -> u8 {
        Ipv6::hop_limit(self)
    }
}

/// A word's halves as they lie in memory.
#[inline(always)]
fn halves(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_ne_bytes();
    [u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])]
}

#[inline(always)]
fn send<H: Header>(ctx: &XdpContext) -> Option<u32> {
    let template = TEMPLATE.get(0)?;
    let destinations = DESTINATIONS.get(0)?;
    let made = MADE.get_ptr_mut(0)?;
    let (ethernet, network) = (frame::ethernet(ctx)?, frame::network::<H>(ctx)?);
    let mut header = H::of(template);
    // SAFETY: the counter is this CPU's; both headers lie in the frame.
    unsafe {
        header.set_destination(destinations, *made as usize);
        *made = (*made).wrapping_add(1);
        ethernet.write(template.ethernet);
        network.write(header);
    }
    TARGET.redirect(0, 0).ok()
}

/// `None` for what is not of the family.
#[inline(always)]
fn receive<H: Header>(ctx: &XdpContext) -> Option<u32> {
    // SAFETY: it lies in the frame.
    let ethernet = unsafe { *frame::ethernet(ctx)? };
    if ethernet.ethertype != H::ETHERTYPE {
        return None;
    }
    // SAFETY: it lies in the frame.
    let header = unsafe { *frame::network::<H>(ctx)? };
    let expected = EXPECTED.get(0)?;
    let received = RECEIVED.get_ptr_mut(0)?;
    let right = ethernet.destination == expected.mac && u16::from(header.hop_limit()) == expected.hop_limit;
    // SAFETY: the counters are this CPU's.
    unsafe {
        if right {
            (*received).right += 1;
        } else {
            (*received).wrong += 1;
        }
    }
    Some(xdp_action::XDP_DROP)
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
