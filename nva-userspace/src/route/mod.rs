//! A route: a prefix, a next hop, attributes and where it came from. The floor that policy and RIB share.

mod interner;
mod source;

pub use interner::{Attributes, Interner};
pub use source::{PeerId, Source, SourceKind};

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
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Own => f.pad("self"),
            NextHop::Via(address) => f.pad(&address.to_string()),
        }
    }
}
