//! Where routes come from.

use std::net::IpAddr;

use crate::net::{Asn, RouteProtocol, RouterId};

/// A peer's number: given by the speaker, never reused while the speaker lives.
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
    /// Originated here too, for longer prefixes that contribute to it (RFC 4271 §9.2.2.2).
    Aggregate,
    /// Originated here too, since somebody else has installed a route to it in the kernel.
    Redistributed(RouteProtocol),
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
    /// The peer's number; `None` for what is originated here.
    pub fn peer(&self) -> Option<PeerId> {
        match &self.kind {
            SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => None,
            SourceKind::Peer { id, .. } => Some(*id),
        }
    }

    /// Whether the route was originated here, as an aggregate or otherwise.
    pub fn is_local(&self) -> bool {
        match self.kind {
            SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => true,
            SourceKind::Peer { .. } => false,
        }
    }

    /// Whether the route is an aggregate of ours.
    pub fn is_aggregate(&self) -> bool {
        self.kind == SourceKind::Aggregate
    }

    /// Whether the route was originated here for one in the kernel.
    pub fn is_redistributed(&self) -> bool {
        matches!(self.kind, SourceKind::Redistributed(_))
    }

    /// Whether the route was learned from a peer in another AS.
    pub fn is_external(&self) -> bool {
        matches!(&self.kind, SourceKind::Peer { asn, .. } if *asn != self.local_asn)
    }

    /// The name to show: the peer's, `local` or `aggregate`, or the kernel's protocol.
    pub fn name(&self) -> &str {
        match &self.kind {
            SourceKind::Local => "local",
            SourceKind::Aggregate => "aggregate",
            SourceKind::Redistributed(protocol) => protocol.name().unwrap_or("redistributed"),
            SourceKind::Peer { name, .. } => name,
        }
    }
}
