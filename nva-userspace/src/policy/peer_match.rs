//! Conditions on where a route comes from and where it goes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use super::AsnSet;
use crate::net::{Asn, Prefix};
use crate::route::{Source, SourceKind};

/// A condition on a source of routes, or on who is told of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerMatch {
    /// This router itself, with aggregates and what is redistributed.
    Local,
    /// An aggregate of this router.
    Aggregate,
    /// A route in this router's kernel that somebody else than BGP has installed.
    Redistributed,
    /// Any peer in our AS.
    Internal,
    /// Any peer in another AS.
    External,
    /// The peer of this name.
    Peer(String),
    /// Any peer in the group of this name.
    Group(String),
    /// Any peer whose AS is one of these.
    Asn(AsnSet),
    /// Any peer whose address is in this prefix.
    Address(Prefix),
}

/// A peer as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its group.
    pub group: Option<&'a str>,
    /// Its AS.
    pub asn: Asn,
    /// Ours, where it stands in paths.
    pub own_asn: Asn,
    /// Its address.
    pub address: IpAddr,
    /// Whether it is in another AS.
    pub external: bool,
}

impl<'a> Party<'a> {
    /// The peer that a route was learned from; `None` for what this router originates.
    pub fn of(source: &'a Source) -> Option<Party<'a>> {
        match &source.kind {
            SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => None,
            SourceKind::Peer { name, group, asn, address, .. } => Some(Party {
                name,
                group: group.as_deref(),
                asn: *asn,
                own_asn: source.local_asn,
                address: *address,
                external: source.is_external(),
            }),
        }
    }
}

impl PeerMatch {
    /// Whether it holds for where a route comes from.
    pub fn holds_for(&self, source: &Source) -> bool {
        self.holds(Party::of(source))
            || *self == PeerMatch::Aggregate && source.is_aggregate()
            || *self == PeerMatch::Redistributed && source.is_redistributed()
    }

    /// Whether it holds for this peer; `None` is this router itself.
    pub fn holds(&self, party: Option<Party<'_>>) -> bool {
        let Some(party) = party else { return *self == PeerMatch::Local };
        match self {
            PeerMatch::Local | PeerMatch::Aggregate | PeerMatch::Redistributed => false,
            PeerMatch::Internal => !party.external,
            PeerMatch::External => party.external,
            PeerMatch::Peer(name) => party.name == name,
            PeerMatch::Group(name) => party.group == Some(name),
            PeerMatch::Asn(asns) => asns.contains(party.asn),
            PeerMatch::Address(prefix) => prefix.contains(party.address),
        }
    }
}

/// Text that is not a condition on a peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no peer: write `local`, `aggregate`, `redistributed`, `internal`, `external`, `peer NAME`, `group NAME`, `as 65100-65109` or \
     `address 10.0.0.0/8`"
)]
pub struct PeerMatchError {
    text: String,
}

impl FromStr for PeerMatch {
    type Err = PeerMatchError;

    fn from_str(text: &str) -> Result<PeerMatch, PeerMatchError> {
        let parsed = match text.split_once(' ').map(|(kind, rest)| (kind, rest.trim())) {
            None if text == "local" => Some(PeerMatch::Local),
            None if text == "aggregate" => Some(PeerMatch::Aggregate),
            None if text == "redistributed" => Some(PeerMatch::Redistributed),
            None if text == "internal" => Some(PeerMatch::Internal),
            None if text == "external" => Some(PeerMatch::External),
            Some(("peer", name)) if !name.is_empty() => Some(PeerMatch::Peer(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Some(PeerMatch::Group(name.to_owned())),
            Some(("as", asns)) => asns.parse().ok().map(PeerMatch::Asn),
            Some(("address", prefix)) => host_or_prefix(prefix).map(PeerMatch::Address),
            None | Some(_) => None,
        };
        parsed.ok_or_else(|| PeerMatchError { text: text.to_owned() })
    }
}

/// A prefix, or an address that stands for itself alone.
pub(super) fn host_or_prefix(text: &str) -> Option<Prefix> {
    text.parse().ok().or_else(|| text.parse().ok().map(Prefix::host))
}

impl fmt::Display for PeerMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerMatch::Local => f.write_str("local"),
            PeerMatch::Aggregate => f.write_str("aggregate"),
            PeerMatch::Redistributed => f.write_str("redistributed"),
            PeerMatch::Internal => f.write_str("internal"),
            PeerMatch::External => f.write_str("external"),
            PeerMatch::Peer(name) => write!(f, "peer {name}"),
            PeerMatch::Group(name) => write!(f, "group {name}"),
            PeerMatch::Asn(asns) => write!(f, "as {asns}"),
            PeerMatch::Address(prefix) => write!(f, "address {prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::RouteProtocol;

    #[test]
    fn peers_as_text() {
        for text in [
            "local",
            "aggregate",
            "internal",
            "external",
            "peer rs0",
            "group leaves",
            "group two words",
            "as 65100",
            "as 65100-65109",
            "address 10.0.0.0/8",
            "address 2001:db8::1/128",
        ] {
            assert_eq!(text.parse::<PeerMatch>().expect(text).to_string(), text);
        }
        assert_eq!("address 10.0.0.1".parse(), "address 10.0.0.1/32".parse::<PeerMatch>());
        for bad in ["", "peer", "peer ", "Local", "local x", "neighbour a", "as x", "as 9-1", "address 10.0.0.1/8"] {
            assert!(bad.parse::<PeerMatch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn which_peers_they_are() {
        let leaf = Party {
            name: "nva0",
            group: Some("leaves"),
            asn: Asn(65100),
            own_asn: Asn(65000),
            address: IpAddr::from([10, 13, 76, 100]),
            external: true,
        };
        for (text, of_leaf, of_us) in [
            ("local", false, true),
            ("aggregate", false, false),
            ("internal", false, false),
            ("external", true, false),
            ("peer nva0", true, false),
            ("peer nva1", false, false),
            ("redistributed", false, false),
            ("peer leaves", false, false),
            ("peer local", false, false),
            ("group leaves", true, false),
            ("group nva0", false, false),
            ("as 65100", true, false),
            ("as 65101-65109", false, false),
            ("address 10.13.76.0/24", true, false),
            ("address 10.13.76.101", false, false),
        ] {
            let peer: PeerMatch = text.parse().expect(text);
            assert_eq!((peer.holds(Some(leaf)), peer.holds(None)), (of_leaf, of_us), "{text}");
        }
        let own = |kind| Source { kind, local_asn: Asn(65000) };
        let kinds = [SourceKind::Local, SourceKind::Aggregate, SourceKind::Redistributed(RouteProtocol::KERNEL)];
        let holds = |peer: PeerMatch| kinds.clone().map(|kind| peer.holds_for(&own(kind)));
        assert_eq!(holds(PeerMatch::Local), [true, true, true]);
        assert_eq!(holds(PeerMatch::Aggregate), [false, true, false]);
        assert_eq!(holds(PeerMatch::Redistributed), [false, false, true]);
    }
}
