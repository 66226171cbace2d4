//! A route: a prefix, a next hop, attributes and where it came from. The floor that policy and RIB share.

mod interner;
mod source;
mod text;

pub use interner::{Attributes, Interner};
pub use source::{PeerId, Source, SourceKind};
pub use text::{RouteText, RouteTextError, RouteTextProblem, Teller};

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::net::Prefix;

/// A route. Equal routes agree in everything, the next hop included (invariant 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub prefix: Prefix,
    /// Through whom.
    pub next_hop: NextHop,
    /// All other attributes, shared between routes.
    pub attributes: Attributes,
    /// Who told us.
    pub source: Arc<Source>,
}

/// The next hop of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NextHop {
    /// We are: a route that we originate. Told to a peer, this always becomes our own address.
    Own,
    /// This address.
    Via(IpAddr),
    /// Nobody: packets are dropped, as the community BLACKHOLE asks for (RFC 7999 §3.3). The address is what the route
    /// came with, and what others are told.
    Discard(IpAddr),
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Own => f.pad("self"),
            NextHop::Via(address) | NextHop::Discard(address) => f.pad(&address.to_string()),
        }
    }
}
