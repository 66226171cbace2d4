//! Sources, routes and next hops for the tests of the RIB.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::NextHops;
use crate::attributes::{AsPath, PathAttributes};
use crate::net::{Asn, Prefix, RouterId};
use crate::route::{Attributes, NextHop, PeerId, Route, Source, SourceKind};

pub(super) const LOCAL_ASN: Asn = Asn(65000);

pub(super) fn prefix(text: &str) -> Prefix {
    text.parse().expect(text)
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

pub(super) fn local() -> Arc<Source> {
    Arc::new(Source { kind: SourceKind::Local, local_asn: LOCAL_ASN })
}

/// Peer number `id` in this AS; its router id is 1.1.1.`id` and its address 10.0.0.`id`.
pub(super) fn peer(id: u8, asn: u32) -> Arc<Source> {
    peer_with(id, asn, RouterId::new(1, 1, 1, id), IpAddr::from([10, 0, 0, id]))
}

pub(super) fn peer_with(id: u8, asn: u32, router_id: RouterId, address: IpAddr) -> Arc<Source> {
    let name = format!("peer{id}");
    let kind = SourceKind::Peer { id: PeerId(id.into()), name, group: None, asn: Asn(asn), router_id, address };
    Arc::new(Source { kind, local_asn: LOCAL_ASN })
}

/// A route to 203.0.113.0/24 by way of the peer's own address, with this AS path.
pub(super) fn route(source: &Arc<Source>, as_path: &[u32]) -> Route {
    let next_hop = match &source.kind {
        SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => NextHop::Own,
        SourceKind::Peer { address, .. } => NextHop::Via(*address),
    };
    let as_path = AsPath::sequence(as_path.iter().copied().map(Asn));
    let attributes = Attributes::from(PathAttributes { as_path, ..PathAttributes::default() });
    Route { prefix: prefix("203.0.113.0/24"), next_hop, attributes, source: Arc::clone(source) }
}

/// The same route with its attributes changed.
pub(super) fn with(mut route: Route, change: impl FnOnce(&mut PathAttributes)) -> Route {
    let mut attributes = PathAttributes::clone(&route.attributes);
    change(&mut attributes);
    route.attributes = Attributes::from(attributes);
    route
}

/// Metrics by address; what is not in it is unreachable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metrics(pub BTreeMap<IpAddr, u32>);

impl NextHops for Metrics {
    fn metric(&self, next_hop: NextHop) -> Option<u32> {
        match next_hop {
            NextHop::Own | NextHop::Discard(_) => unreachable!("nobody asks how to get to oneself, or nowhere"),
            NextHop::Via(address) => self.0.get(&address).copied(),
        }
    }
}

/// Reaches everything at no cost.
#[derive(Debug)]
pub(super) struct Everywhere;

impl NextHops for Everywhere {
    fn metric(&self, _: NextHop) -> Option<u32> {
        Some(0)
    }
}
