//! What the benchmark's programs, which make packets and take them out of the network again, and its user space agree on.
//! `nva` itself uses none of it.

use crate::header::{Ethernet, Ipv4, Ipv6};

/// `Array<Template>`, one element: what every packet begins with.
pub const TEMPLATE: &str = "TEMPLATE";
/// `Array<Destinations>`, one element.
pub const DESTINATIONS: &str = "DESTINATIONS";
/// `DevMap`, one element: the interface that the packets leave by.
pub const TARGET: &str = "TARGET";
/// `Array<Expected>`, one element.
pub const EXPECTED: &str = "EXPECTED";
/// `PerCpuArray<Received>`, one element.
pub const RECEIVED: &str = "RECEIVED";

/// Words of destination addresses: so many IPv4 addresses, or a quarter as many IPv6 addresses.
pub const DESTINATION_WORDS: usize = 1 << 20;

/// Destination addresses as they lie in a packet, taken in turn.
pub type Destinations = [u32; DESTINATION_WORDS];

/// Headers without a destination address; the IPv4 header's checksum is that of such a header.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// The Ethernet header.
    pub ethernet: Ethernet,
    /// What follows it in a packet of this family.
    pub ipv4: Ipv4,
    /// What follows it in a packet of this family.
    pub ipv6: Ipv6,
}

/// How the packets look that the receiver waits for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The destination MAC.
    pub mac: [u16; 3],
    /// TTL or hop limit.
    pub hop_limit: u16,
}

/// What came back.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Packets that are as expected.
    pub right: u64,
    /// Other packets of the same family.
    pub wrong: u64,
}

// SAFETY: numbers in a fixed layout without padding.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Template {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Expected {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Received {}

const _: () = {
    assert!(size_of::<Template>() == 74);
    assert!(align_of::<Template>() == 2);
};
