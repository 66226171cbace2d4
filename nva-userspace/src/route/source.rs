//! Where routes come from.

use std::net::IpAddr;

use crate::net::{Asn, RouterId};

/// A peer's number: dense, given by the speaker, never reused while the speaker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// The origin of a route as the decision process and the policies see it; one for each established session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// What kind of source, with what only that kind has.
    pub kind: SourceKind,
    /// Our own AS, for comparing AS paths and for prepending.
    pub local_asn: Asn,
}

/// The kinds of source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// Originated here.
    Local,
    /// Learned from a BGP peer.
    Peer {
        /// Its number.
        id: PeerId,
        /// Its name in the configuration.
        name: String,
        /// Its group, if it is in one.
        group: Option<String>,
        /// Its AS.
        asn: Asn,
        /// Its BGP Identifier.
        router_id: RouterId,
        /// Its address.
        address: IpAddr,
    },
}

impl Source {
    /// The peer's number; `None` for a local source.
    pub fn peer(&self) -> Option<PeerId> {
        match &self.kind {
            SourceKind::Local => None,
            SourceKind::Peer { id, .. } => Some(*id),
        }
    }

    /// Whether the route was originated here.
    pub fn is_local(&self) -> bool {
        matches!(self.kind, SourceKind::Local)
    }

    /// Whether the route was learned from a peer in another AS.
    pub fn is_external(&self) -> bool {
        matches!(&self.kind, SourceKind::Peer { asn, .. } if *asn != self.local_asn)
    }

    /// The name to show: the peer's, or `local`.
    pub fn name(&self) -> &str {
        match &self.kind {
            SourceKind::Local => "local",
            SourceKind::Peer { name, .. } => name,
        }
    }
}
