//! IPv4 packets.

use aya_ebpf::bindings::bpf_fib_lookup as Query;
use aya_ebpf::programs::XdpContext;
use nva_common::header::{Ethernet, Ipv4};
use nva_common::{Port, Reason};

use crate::packet::{Packet, word};
use crate::{frame, lookup};

impl Packet for Ipv4 {
    const FORWARDS: u16 = Port::FORWARDS;
    const STRICT: u16 = Port::STRICT;
    const LOOSE: u16 = Port::LOOSE;

    #[inline(always)]
    fn admit(ctx: &XdpContext) -> Result<Ipv4, Reason> {
        let header = frame::network::<Ipv4>(ctx).ok_or(Reason::Truncated)?;
        // SAFETY: `header` lies in the frame.
        let header = unsafe { *header };
        check_header(&header, frame::length(ctx) - size_of::<Ethernet>())?;
        check_addresses(header.source(), header.destination())?;
        Ok(header)
    }

    #[inline(always)]
    fn source_group(&self) -> Option<u32> {
        lookup::group(self.source())
    }

    #[inline(always)]
    fn group(&self) -> Option<u32> {
        lookup::group(self.destination())
    }

    #[inline(always)]
    fn hop_limit(&self) -> u8 {
        self.ttl()
    }

    #[inline(always)]
    fn is_fragment(&self) -> bool {
        Ipv4::is_fragment(self)
    }

    #[inline(always)]
    fn protocol(&self) -> u8 {
        Ipv4::protocol(self)
    }

    #[inline(always)]
    fn addresses(&self) -> u64 {
        Ipv4::addresses(self)
    }

    #[inline(always)]
    fn ask(&self, query: &mut Query) {
        /// `AF_INET`
        const FAMILY: u8 = 2;
        let Ipv4([first, .., source_high, source_low, high, low]) = *self;
        query.family = FAMILY;
        query.__bindgen_anon_2.tos = first.to_ne_bytes()[1];
        query.__bindgen_anon_3.ipv4_src = word(source_high, source_low);
        query.__bindgen_anon_4.ipv4_dst = word(high, low);
    }

    #[inline(always)]
    unsafe fn write_decremented(&self, header: *mut Ipv4) {
        let (ttl_and_protocol, checksum) = self.with_ttl_decremented();
        // SAFETY: by the caller.
        unsafe {
            (*header).0[4] = ttl_and_protocol;
            (*header).0[5] = checksum;
        }
    }
}

/// RFC 1812 §5.2.2.
#[inline(always)]
fn check_header(header: &Ipv4, available: usize) -> Result<(), Reason> {
    let first = header.version_and_length();
    if first != Ipv4::VERSION_AND_LENGTH {
        return Err(if first > Ipv4::VERSION_AND_LENGTH && first < 0x50 {
            Reason::Options
        } else {
            Reason::BadVersion
        });
    }
    let length = header.total_length() as usize;
    if length < Ipv4::LEN || length > available {
        return Err(Reason::BadLength);
    }
    if !header.checksum_is_valid() {
        return Err(Reason::BadChecksum);
    }
    Ok(())
}

/// RFC 1812 §5.3.7, as far as no configuration of the kernel could accept the packet.
// GAP(RFC 1812 §5.3.7): where sources are not checked (crate::source), what claims to be from us is forwarded.
#[inline(always)]
fn check_addresses(source: u32, destination: u32) -> Result<(), Reason> {
    const LIMITED_BROADCAST: u32 = u32::MAX;
    if destination >> 28 == 0xe || destination == LIMITED_BROADCAST || (source == 0 && destination == 0) {
        return Err(Reason::GroupAddress);
    }
    if source >> 24 == 127 || destination >> 24 == 127 {
        return Err(Reason::Loopback);
    }
    if source >> 28 == 0xe || source == LIMITED_BROADCAST || source == 0 {
        return Err(Reason::MartianSource);
    }
    if destination == 0 {
        return Err(Reason::MartianDestination);
    }
    Ok(())
}
