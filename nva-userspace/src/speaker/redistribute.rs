//! Origination of what others than BGP daemons have installed in the kernel: connected subnets, static routes, those of
//! another routing daemon. The kernel's route stays what forwards; we only tell of it.
//!
//! Of several routes to a prefix in one table, the kernel's first counts, but for those of BGP daemons: were ours counted,
//! it would depend on which was there first whether we originate a prefix or learn it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Speaker;
use super::config::{RedistributeConfig, RedistributeFrom};
use crate::attributes::{Origin, PathAttributes};
use crate::host::{HostRoute, HostState, PROTOCOL_BGP, RouteKind};
use crate::net::{Prefix, RouteProtocol};
use crate::policy::{self, Outcome};
use crate::rib::{Import, RibDelta};
use crate::route::{NextHop, Route, Source, SourceKind};

impl Speaker {
    /// The kernel's routes to these prefixes may have changed.
    pub(super) fn redistribute_again(&mut self, prefixes: impl IntoIterator<Item = Prefix>) {
        if self.config.redistribute.is_empty() {
            return;
        }
        // Our own routes come back as changes, too, by the million.
        let concerns = |prefix: &Prefix| {
            self.is_redistributed(*prefix) || chosen(&self.config.redistribute, *prefix, &self.host).is_some()
        };
        let concerned: BTreeSet<Prefix> = prefixes.into_iter().filter(concerns).collect();
        self.work.redistribute(concerned);
    }

    /// The same for all of them: the configuration is another.
    pub(super) fn redistribute_all(&mut self) {
        let told = self.rib.routes_of(None).filter(|own| own.route.source.is_redistributed());
        let there = self.host.routes().filter(|route| route.protocol != PROTOCOL_BGP);
        let concerned = told.map(|own| own.route.prefix).chain(there.map(|route| route.prefix)).collect();
        self.work.redistribute(concerned);
    }

    /// Whether a prefix is originated for the kernel's route.
    pub(super) fn is_redistributed(&self, prefix: Prefix) -> bool {
        self.rib.received(prefix, None).is_some_and(|own| own.route.source.is_redistributed())
    }

    /// Puts the route into the RIB that a prefix is to have for the kernel's, or takes it out. What is originated in any
    /// case comes before it, and it comes before an aggregate.
    pub(super) fn redistribute(&mut self, prefix: Prefix) -> Option<RibDelta> {
        let route = if self.originated.contains(&prefix) { None } else { self.redistributable(prefix) };
        match route {
            Some(route) => {
                if self.rib.received(prefix, None).is_some_and(|old| *old.route == route) {
                    return None;
                }
                self.rib.update(route.clone(), Import::Accepted(route), &self.next_hops)
            }
            None if self.is_redistributed(prefix) => {
                let gone = self.rib.withdraw(prefix, None, &self.next_hops);
                // It hid the aggregate of the same prefix.
                self.originate_aggregate(prefix).or(gone)
            }
            None => None,
        }
    }

    fn redistributable(&mut self, prefix: Prefix) -> Option<Route> {
        let (kernels, config) = chosen(&self.config.redistribute, prefix, &self.host)?;
        // RFC 4271 §5.1.1: learned by some other means.
        let attributes = PathAttributes { origin: Origin::Incomplete, ..PathAttributes::default() };
        let kind = SourceKind::Redistributed(RouteProtocol(kernels.protocol));
        let source = Arc::new(Source { kind, local_asn: self.config.asn });
        let route = Route { prefix, next_hop: NextHop::Own, attributes: attributes.into(), source };
        match policy::evaluate(&config.policy, &route, None) {
            Outcome::Reject { .. } => None,
            Outcome::Accept { attributes, .. } => {
                let attributes = attributes.unwrap_or_else(|| (*route.attributes).clone());
                Some(Route { attributes: self.interner.intern(attributes), ..route })
            }
        }
    }
}

/// The kernel's route to a prefix that is to be originated, and what says so.
fn chosen<'a>(
    configs: &'a [RedistributeConfig],
    prefix: Prefix,
    host: &'a HostState,
) -> Option<(&'a HostRoute, &'a RedistributeConfig)> {
    if prefix.untold_for().is_some() {
        return None;
    }
    configs.iter().find_map(|config| {
        let counts =
            |route: &&HostRoute| route.table == config.table && route.protocol != PROTOCOL_BGP && host.is_usable(route);
        let first = host.routes_of(prefix).iter().find(counts)?;
        (is_from(config.from, first, host) && is_a_destination(host.kind(first))).then_some((first, config))
    })
}

fn is_from(from: RedistributeFrom, route: &HostRoute, host: &HostState) -> bool {
    match from {
        RedistributeFrom::Protocol(protocol) => route.protocol == protocol.0,
        RedistributeFrom::Connected => {
            let on_link = host.hops(route).iter().all(|hop| hop.gateway.is_none());
            route.protocol == RouteProtocol::KERNEL.0 && on_link && host.kind(route) == RouteKind::Unicast
        }
    }
}

/// Whether the kernel forwards packets, or drops them because somebody wants it so: routes that drop what has no longer
/// prefix are how one announces a whole network.
fn is_a_destination(kind: RouteKind) -> bool {
    match kind {
        RouteKind::Unicast | RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => true,
        RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Other => false,
    }
}
