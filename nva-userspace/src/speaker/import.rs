//! What becomes of a route that a peer announces: the checks before the import policy, the policy, and the reasons.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::as_path::{self, OwnAses};
use super::config::PeerConfig;
use super::roles;
use crate::attributes::{Community, PathAttributes};
use crate::fsm::Role;
use crate::host::HostState;
use crate::net::Prefix;
use crate::policy::{self, Ineligible, Outcome, PeerView};
use crate::rib::{Import, Received, Rejection};
use crate::route::{Attributes, Interner, NextHop, Route, Source, SourceKind};

/// The LOCAL_PREF of routes that are about to go: lower than that of any other (RFC 8326 §4.1 recommends 0).
pub const LAST_CHOICE: u32 = 0;

/// Who sends routes.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// Its configuration.
    pub config: &'a PeerConfig,
    /// Its session's ends.
    pub view: &'a PeerView,
    /// Our own ASes on this session.
    pub own: OwnAses,
    /// Traffic is to be led away from the session.
    pub drained: bool,
    /// What we are to it (RFC 9234).
    pub role: Option<Role>,
}

/// Decides about a received route.
pub fn import(received: &Route, from: Sender<'_>, host: &HostState, interner: &mut Interner) -> Import {
    let Sender { view, config, .. } = from;
    if let Err(rejection) = check(received, from, host) {
        return Import::Rejected(rejection);
    }
    match policy::evaluate(&config.import, received, None) {
        Outcome::Reject { decided_by } => {
            Import::Rejected(Rejection::Policy { decided_by: decided_by.to_string().into() })
        }
        Outcome::Accept { attributes, next_hop: mode, honour_blackhole, .. } => {
            let NextHop::Via(address) = received.next_hop else { return Import::Accepted(received.clone()) };
            // What the policy says about the next hop ends here, as an address (invariant 9).
            match policy::inbound_next_hop(address, mode, view, host) {
                Err(fault) => {
                    let at_fault = policy::set_next_hop(mode, view).unwrap_or(address);
                    Import::Rejected(rejected_next_hop(at_fault, fault))
                }
                Ok(address) => {
                    let attributes = with_local_as(received, attributes, from.own);
                    let attributes = last_choice(received, attributes, from);
                    let discards = honour_blackhole && is_blackhole(received, attributes.as_ref());
                    let attributes = if discards { Some(kept_inside(received, attributes)) } else { attributes };
                    let next_hop = if discards { NextHop::Discard(address) } else { NextHop::Via(address) };
                    let attributes = attributes.map_or_else(|| received.attributes.clone(), |set| interner.intern(set));
                    Import::Accepted(Route { next_hop, attributes, ..received.clone() })
                }
            }
        }
    }
}

/// Whether a route has BLACKHOLE, as it came or by what the policy made of it.
fn is_blackhole(received: &Route, changed: Option<&PathAttributes>) -> bool {
    let has = |attributes: &PathAttributes| attributes.communities.contains(&Community::BLACKHOLE);
    has(&received.attributes) || changed.is_some_and(has)
}

/// A route whose packets are dropped here stays in our AS (RFC 7999 §3.2), unless it is said already who may know it.
fn kept_inside(received: &Route, changed: Option<PathAttributes>) -> PathAttributes {
    let mut attributes = changed.unwrap_or_else(|| (*received.attributes).clone());
    if !attributes.communities.contains(&Community::NO_ADVERTISE) {
        attributes.add_community(Community::NO_EXPORT);
    }
    attributes
}

/// Puts the AS in front of the path that the peer believes us to be in: it is on the way there.
fn with_local_as(received: &Route, changed: Option<PathAttributes>, own: OwnAses) -> Option<PathAttributes> {
    let Some(local) = own.local.filter(|local| local.prepend) else { return changed };
    let mut attributes = changed.unwrap_or_else(|| (*received.attributes).clone());
    attributes.as_path.prepend(local.asn, 1);
    Some(attributes)
}

/// Makes a route the last choice that is about to go: the peer says so, or the operator leads traffic away from the
/// peer. The policy has no say in that (RFC 8326 §4.1), whether it took the community away or set a preference.
fn last_choice(received: &Route, changed: Option<PathAttributes>, from: Sender<'_>) -> Option<PathAttributes> {
    let announced = received.attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN);
    let honoured = announced && from.view.external && from.config.honour_graceful_shutdown;
    if !honoured && !from.drained {
        return changed;
    }
    let mut attributes = changed.unwrap_or_else(|| (*received.attributes).clone());
    attributes.local_pref = Some(LAST_CHOICE);
    if from.drained {
        // RFC 8326 §4.2: whoever we tell of the route is to know.
        attributes.add_community(Community::GRACEFUL_SHUTDOWN);
    }
    Some(attributes)
}

fn check(received: &Route, from: Sender<'_>, host: &HostState) -> Result<(), Rejection> {
    let Sender { config, view, .. } = from;
    if let Some(what) = received.prefix.reserved_for() {
        let rule = format!("{} is reserved for {what} (RFC 4271 §6.3)", received.prefix);
        return Err(Rejection::Guard { rule: rule.into() });
    }
    if received.attributes.had_as_sets() && !config.allow_as_sets {
        // RFC 9774 §3: as if it had been withdrawn.
        return Err(Rejection::AsSet);
    }
    if let Some(rejection) = as_path::own_as_fault(&received.attributes.as_path, from.own, config.as_path) {
        return Err(rejection);
    }
    let router_id = config.session.router_id;
    let reflection = received.attributes.reflection.as_ref();
    if reflection.is_some_and(|reflection| reflection.originator_id == Some(router_id)) {
        // RFC 4456 §8
        return Err(Rejection::OwnOriginator { router_id });
    }
    if config.enforce_first_as && view.external {
        check_first_as(received)?;
    }
    if let (Some(role), SourceKind::Peer { asn, .. }) = (from.role, &received.source.kind)
        && let Some(marked_by) = roles::leak(&received.attributes, role, *asn)
    {
        return Err(Rejection::RouteLeak { marked_by });
    }
    match received.next_hop {
        NextHop::Own => Ok(()),
        NextHop::Via(address) | NextHop::Discard(address) => policy::inbound_next_hop_fault(address, view, host)
            .map_or(Ok(()), |fault| Err(rejected_next_hop(address, fault))),
    }
}

/// RFC 4271 §6.3: the path of an external peer begins with its AS.
fn check_first_as(received: &Route) -> Result<(), Rejection> {
    let SourceKind::Peer { asn, .. } = &received.source.kind else { return Ok(()) };
    if received.attributes.as_path.neighbour_as() == Some(*asn) {
        return Ok(());
    }
    let rule = format!("the AS path does not begin with the peer's AS {asn} (enforce-first-as)");
    Err(Rejection::Guard { rule: rule.into() })
}

fn rejected_next_hop(address: IpAddr, fault: Ineligible) -> Rejection {
    match fault {
        Ineligible::OwnAddress => Rejection::OwnNextHop { address },
        Ineligible::NotOnSubnet => Rejection::ForeignNextHop { address },
        Ineligible::Family => Rejection::Guard { rule: fault.to_string().into() },
    }
}

/// The routes of a peer whose import may end otherwise now that our addresses or links are others: those that were
/// refused for their next hop, and those whose next hop is at fault now.
pub fn outdated<'a>(routes: impl Iterator<Item = Received<'a>>, view: &PeerView, host: &HostState) -> Vec<Route> {
    // Many routes share few next hops.
    let mut known: BTreeMap<IpAddr, bool> = BTreeMap::new();
    let mut is_at_fault = |route: &Route| match route.next_hop {
        NextHop::Own => false,
        NextHop::Via(address) | NextHop::Discard(address) => {
            *known.entry(address).or_insert_with(|| policy::inbound_next_hop_fault(address, view, host).is_some())
        }
    };
    let mut is_outdated = |received: &Received<'_>| match received.import {
        Err(Rejection::OwnNextHop { .. } | Rejection::ForeignNextHop { .. }) => true,
        Err(Rejection::Presence { .. }) => false,
        Err(
            Rejection::OwnAs { .. }
            | Rejection::AsSet
            | Rejection::OwnOriginator { .. }
            | Rejection::RouteLeak { .. }
            | Rejection::Policy { .. }
            | Rejection::ImportLimit { .. }
            | Rejection::Guard { .. },
        ) => is_at_fault(received.route),
        Ok(accepted) => is_at_fault(received.route) || is_at_fault(accepted),
    };
    routes.filter(|received| is_outdated(received)).map(|received| received.route.clone()).collect()
}

/// A route as it came in.
pub fn received_route(prefix: Prefix, next_hop: IpAddr, attributes: Attributes, source: &Arc<Source>) -> Route {
    Route { prefix, next_hop: NextHop::Via(next_hop), attributes, source: Arc::clone(source) }
}
