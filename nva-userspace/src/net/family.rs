//! Address families.

use std::fmt;
use std::net::IpAddr;

/// An address family that nva routes: AFI and SAFI together (RFC 4760).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AfiSafi {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
}

impl AfiSafi {
    /// Every family, in the order of their AFIs.
    pub const ALL: [AfiSafi; 2] = [AfiSafi::Ipv4Unicast, AfiSafi::Ipv6Unicast];

    /// The unicast family that an address belongs to.
    pub fn of(address: IpAddr) -> AfiSafi {
        match address {
            IpAddr::V4(_) => AfiSafi::Ipv4Unicast,
            IpAddr::V6(_) => AfiSafi::Ipv6Unicast,
        }
    }

    /// The length of an address in bits.
    pub fn address_bits(self) -> u8 {
        match self {
            AfiSafi::Ipv4Unicast => 32,
            AfiSafi::Ipv6Unicast => 128,
        }
    }
}

impl fmt::Display for AfiSafi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AfiSafi::Ipv4Unicast => "ipv4-unicast",
            AfiSafi::Ipv6Unicast => "ipv6-unicast",
        })
    }
}
