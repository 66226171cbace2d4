//! Path attributes as plain values (RFC 4271 §5): what a route carries besides its prefix and next hop.
//!
//! Both the codec ([`crate::packet`]) and the routes ([`crate::route`]) are made of these. The next hop is not here:
//! it belongs to the route (invariant 9), and sets without it are shared by far more routes.

mod as_path;
mod community;

pub use as_path::{AsPath, Segment, SegmentKind};
pub use community::{Community, CommunityParseError};

use std::fmt;
use std::net::Ipv4Addr;

use crate::net::Asn;

/// All path attributes of a route but its next hop and the multiprotocol ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathAttributes {
    /// ORIGIN (RFC 4271 §5.1.1).
    pub origin: Origin,
    /// AS_PATH (RFC 4271 §5.1.2), with AS4_PATH already merged into it (RFC 6793 §4.2.3).
    pub as_path: AsPath,
    /// MULTI_EXIT_DISC (RFC 4271 §5.1.4).
    pub med: Option<u32>,
    /// LOCAL_PREF (RFC 4271 §5.1.5).
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE (RFC 4271 §5.1.6).
    pub atomic_aggregate: bool,
    /// AGGREGATOR (RFC 4271 §5.1.7), with AS4_AGGREGATOR already merged into it.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES (RFC 1997), sorted and without repetitions.
    pub communities: Vec<Community>,
    /// Optional transitive attributes that we do not know: carried on, Partial bit set (RFC 4271 §5). Sorted by type.
    pub unknown: Vec<UnknownAttribute>,
}

/// ORIGIN; the order is the order of preference (RFC 4271 §9.1.2.2 b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Interior to the originating AS.
    #[default]
    Igp,
    /// Learned by the EGP protocol (RFC 904).
    Egp,
    /// Learned by some other means.
    Incomplete,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        })
    }
}

/// The speaker that formed an aggregate route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// Its AS.
    pub asn: Asn,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
}

/// An optional transitive attribute that is carried on as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownAttribute {
    /// The type code.
    pub kind: u8,
    /// Whether the Partial bit was set when it came in; it is set on everything that goes out.
    pub partial: bool,
    /// The value octets.
    pub value: Box<[u8]>,
}
