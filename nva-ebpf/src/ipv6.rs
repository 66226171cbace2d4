//! IPv6 packets.

use aya_ebpf::bindings::bpf_fib_lookup as Query;
use aya_ebpf::programs::XdpContext;
use nva_common::header::{Address6, Ethernet, Ipv6};
use nva_common::{Port, Reason};

use crate::packet::{Packet, word};
use crate::{frame, lookup};

impl Packet for Ipv6 {
    const FORWARDS: u16 = Port::FORWARDS_6;
    const STRICT: u16 = Port::STRICT_6;
    const LOOSE: u16 = Port::LOOSE_6;

    #[inline(always)]
    fn admit(ctx: &XdpContext) -> Result<Ipv6, Reason> {
        let header = frame::network::<Ipv6>(ctx).ok_or(Reason::Truncated)?;
        // SAFETY: `header` lies in the frame.
        let header = unsafe { *header };
        check_header(&header, frame::length(ctx) - size_of::<Ethernet>())?;
        check_addresses(header.source(), header.destination())?;
        Ok(header)
    }

    #[inline(always)]
    fn source_group(&self) -> Option<u32> {
        lookup::group6(self.source())
    }

    #[inline(always)]
    fn group(&self) -> Option<u32> {
        lookup::group6(self.destination())
    }

    #[inline(always)]
    fn hop_limit(&self) -> u8 {
        Ipv6::hop_limit(self)
    }

    /// A fragment's next header is the fragment header, which has no ports.
    #[inline(always)]
    fn is_fragment(&self) -> bool {
        false
    }

    #[inline(always)]
    fn protocol(&self) -> u8 {
        self.next_header()
    }

    #[inline(always)]
    fn addresses(&self) -> u64 {
        Ipv6::addresses(self)
    }

    #[inline(always)]
    fn ask(&self, query: &mut Query) {
        /// `AF_INET6`
        const FAMILY: u8 = 10;
        /// Traffic class and flow label; not the version.
        const FLOW_INFO: u32 = 0x0fff_ffff_u32.to_be();
        let Ipv6([first, second, _, _, s0, s1, s2, s3, s4, s5, s6, s7, d0, d1, d2, d3, d4, d5, d6, d7]) = *self;
        query.family = FAMILY;
        query.__bindgen_anon_2.flowinfo = word(first, second) & FLOW_INFO;
        query.__bindgen_anon_3.ipv6_src = [word(s0, s1), word(s2, s3), word(s4, s5), word(s6, s7)];
        query.__bindgen_anon_4.ipv6_dst = [word(d0, d1), word(d2, d3), word(d4, d5), word(d6, d7)];
    }

    #[inline(always)]
    unsafe fn write_decremented(&self, header: *mut Ipv6) {
        // SAFETY: by the caller.
        unsafe { (*header).0[3] = self.with_hop_limit_decremented() };
    }
}

/// RFC 8200 §3, §4.3. What other extension headers say is for the destination.
#[inline(always)]
fn check_header(header: &Ipv6, available: usize) -> Result<(), Reason> {
    if header.version() != 6 {
        return Err(Reason::BadVersion);
    }
    if header.next_header() == Ipv6::HOP_BY_HOP {
        return Err(Reason::Options);
    }
    if header.total_length() as usize > available { Err(Reason::BadLength) } else { Ok(()) }
}

/// RFC 4291 §2.5 and §2.7. Sources that are mapped from IPv4 are forwarded, as by the kernel (since Linux 5.12).
#[inline(always)]
fn check_addresses(source: Address6, destination: Address6) -> Result<(), Reason> {
    if destination.is_multicast() {
        return Err(Reason::GroupAddress);
    }
    if source.is_loopback() || source.is_multicast() {
        return Err(Reason::MartianSource);
    }
    if destination.is_loopback() {
        return Err(Reason::MartianDestination);
    }
    if is_of_the_link(source) || is_of_the_link(destination) { Err(Reason::LinkScope) } else { Ok(()) }
}

#[inline(always)]
fn is_of_the_link(address: Address6) -> bool {
    address.is_link_local() || address.is_unspecified()
}
