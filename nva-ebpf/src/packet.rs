//! What the forwarder has to know of a packet, for IPv4 and IPv6 alike.

use aya_ebpf::bindings::bpf_fib_lookup as Query;
use aya_ebpf::programs::XdpContext;
use nva_common::Reason;

/// A network header that was read out of the frame.
pub trait Packet: Copy {
    /// The flag of a port whose packets of this family the kernel forwards.
    const FORWARDS: u16;

    /// Reads the header, and checks everything that is to be checked before the lookup: may a router forward this packet?
    fn admit(ctx: &XdpContext) -> Result<Self, Reason>;

    /// The flags of a port where sources of this family are checked.
    const STRICT: u16;
    /// See [`Packet::STRICT`].
    const LOOSE: u16;

    /// The group that the source leads to.
    fn source_group(&self) -> Option<u32>;

    /// The group that the destination leads to.
    fn group(&self) -> Option<u32>;

    /// How many more routers it may pass.
    fn hop_limit(&self) -> u8;

    /// Whether the ports may be missing, or not be those of the flow.
    fn is_fragment(&self) -> bool;

    /// What follows the header.
    fn protocol(&self) -> u8;

    /// Both addresses in a word for the hash.
    fn addresses(&self) -> u64;

    /// Writes what the kernel's lookup wants to know of the header alone.
    fn ask(&self, query: &mut Query);

    /// Writes what changes when the packet is forwarded.
    ///
    /// # Safety
    /// `header` is where this was read from, in the frame.
    unsafe fn write_decremented(&self, header: *mut Self);
}

/// Two halves as they lie in memory as a word that lies there alike.
#[inline(always)]
pub const fn word(first: u16, second: u16) -> u32 {
    let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u32::from_ne_bytes([a, b, c, d])
}
