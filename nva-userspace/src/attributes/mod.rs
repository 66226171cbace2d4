//! Path attributes as plain values (RFC 4271 §5): what a route carries besides its prefix and next hop.
//!
//! Both the codec ([`crate::packet`]) and the routes ([`crate::route`]) are made of these. The next hop is not here:
//! it belongs to the route (invariant 9), and sets without it are shared by far more routes.

mod as_path;
mod community;
mod extended_community;
mod large_community;

pub use as_path::{AsPath, AsPathParseError, Segment, SegmentKind};
pub use community::{Community, CommunityParseError};
pub use extended_community::{Administrator, ExtendedCommunity, ExtendedCommunityParseError};
pub use large_community::{LargeCommunity, LargeCommunityParseError};

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use thiserror::Error;

use crate::net::{Asn, RouterId};

/// The LOCAL_PREF that a route without one counts as (RFC 4271 §9.1.1 leaves it to us; everybody takes 100).
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// All path attributes of a route but its next hop and the multiprotocol ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathAttributes {
    /// ORIGIN (RFC 4271 §5.1.1).
    pub origin: Origin,
    /// AS_PATH (RFC 4271 §5.1.2), with AS4_PATH already merged into it (RFC 6793 §4.2.3).
    pub as_path: AsPath,
    /// AS4_PATH had an AS_SET or AS_CONFED_SET that is not in the path, since it was ignored or has no place there.
    pub lost_as_sets: bool,
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
    /// What route reflectors added; few routes have it, so that it is kept apart.
    pub reflection: Option<Box<Reflection>>,
    /// EXTENDED COMMUNITIES (RFC 4360), sorted and without repetitions.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// LARGE_COMMUNITY (RFC 8092), sorted and without repetitions.
    pub large_communities: Vec<LargeCommunity>,
    /// Only to Customer: the AS that marked it as nothing for providers, lateral peers and route servers (RFC 9234 §5).
    pub only_to_customer: Option<Asn>,
    /// Which of the optional transitive attributes above had the Partial bit.
    pub partial: Partial,
    /// Optional transitive attributes that we do not know: carried on, Partial bit set (RFC 4271 §5). Sorted by type.
    pub unknown: Vec<UnknownAttribute>,
}

impl PathAttributes {
    /// Whether the route came with an AS_SET or AS_CONFED_SET, in AS_PATH or in AS4_PATH (RFC 9774 §3).
    pub fn had_as_sets(&self) -> bool {
        self.lost_as_sets || self.as_path.has_sets()
    }

    /// Adds a community in its place, unless it is there.
    pub fn add_community(&mut self, community: Community) {
        if let Err(place) = self.communities.binary_search(&community) {
            self.communities.insert(place, community);
        }
    }
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

/// Text that is not an ORIGIN.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not an origin: write igp, egp or incomplete")]
pub struct OriginParseError {
    text: String,
}

impl FromStr for Origin {
    type Err = OriginParseError;

    fn from_str(text: &str) -> Result<Origin, OriginParseError> {
        let known = [Origin::Igp, Origin::Egp, Origin::Incomplete].into_iter();
        known
            .into_iter()
            .find(|origin| origin.to_string() == text)
            .ok_or_else(|| OriginParseError { text: text.to_owned() })
    }
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

/// What route reflectors add to a route, for internal peers alone (RFC 4456 §8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reflection {
    /// ORIGINATOR_ID: who brought the route into our AS.
    pub originator_id: Option<RouterId>,
    /// CLUSTER_LIST: the reflectors that the route came by, the nearest first.
    pub cluster_list: Vec<RouterId>,
}

/// The speaker that formed an aggregate route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// Its AS.
    pub asn: Asn,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
}

/// The Partial bits of the optional transitive attributes that we know: once a speaker on the way has set one, nobody
/// takes it away (RFC 4271 §5). The bit of an attribute that is not there means nothing and is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partial {
    /// AGGREGATOR.
    pub aggregator: bool,
    /// COMMUNITIES.
    pub communities: bool,
    /// EXTENDED COMMUNITIES.
    pub extended_communities: bool,
    /// LARGE_COMMUNITY.
    pub large_communities: bool,
    /// Only to Customer.
    pub only_to_customer: bool,
}

/// An optional transitive attribute that is carried on as it came, but for the Partial bit: that is set on all of them
/// when they go out (RFC 4271 §5), so how it came is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownAttribute {
    /// The type code.
    pub kind: u8,
    /// The value octets.
    pub value: Box<[u8]>,
}
