//! What becomes of a route that a peer announces: the checks before the import policy, the policy, and the reasons.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::config::PeerConfig;
use crate::host::HostState;
use crate::net::Prefix;
use crate::policy::{self, Ineligible, Outcome, PeerView};
use crate::rib::{Import, Received, Rejection};
use crate::route::{Attributes, Interner, NextHop, Route, Source, SourceKind};

/// Decides about a received route.
pub fn import(
    received: &Route,
    config: &PeerConfig,
    view: &PeerView,
    host: &HostState,
    interner: &mut Interner,
) -> Import {
    if let Err(rejection) = check(received, config, view, host) {
        return Import::Rejected(rejection);
    }
    match policy::evaluate(&config.import, received) {
        Outcome::Reject { decided_by } => {
            Import::Rejected(Rejection::Policy { decided_by: decided_by.to_string().into() })
        }
        Outcome::Accept { attributes, next_hop: mode, .. } => {
            let NextHop::Via(address) = received.next_hop else { return Import::Accepted(received.clone()) };
            // What the policy says about the next hop ends here, as an address (invariant 9).
            match policy::inbound_next_hop(address, mode, view, host) {
                Err(fault) => Import::Rejected(rejected_next_hop(address, fault)),
                Ok(address) => {
                    let attributes = attributes.map_or_else(|| received.attributes.clone(), |set| interner.intern(set));
                    Import::Accepted(Route { next_hop: NextHop::Via(address), attributes, ..received.clone() })
                }
            }
        }
    }
}

fn check(received: &Route, config: &PeerConfig, view: &PeerView, host: &HostState) -> Result<(), Rejection> {
    if !is_routable(received.prefix) {
        let rule = format!("{} is no prefix of single machines that can be reached (RFC 4271 §6.3)", received.prefix);
        return Err(Rejection::Guard { rule: rule.into() });
    }
    let own = received.source.local_asn;
    let path = &received.attributes.as_path;
    if path.contains(own) {
        // RFC 4271 §9.1.2
        return Err(Rejection::OwnAs { asn: own });
    }
    if config.enforce_first_as && view.external {
        check_first_as(received)?;
    }
    match received.next_hop {
        NextHop::Own => Ok(()),
        NextHop::Via(address) => policy::inbound_next_hop_fault(address, view, host)
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

/// Whether packets for a prefix may be forwarded at all: not multicast, loopback, link-local of IPv6, nor the reserved
/// class E (RFC 1812 §5.3.7, RFC 4291 §2.5).
fn is_routable(prefix: Prefix) -> bool {
    match prefix.address() {
        IpAddr::V4(address) => {
            let first = address.octets()[0];
            first < 224 && first != 127
        }
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            let is_link_local = prefix.len() >= 10 && first & 0xffc0 == 0xfe80;
            let is_multicast = prefix.len() >= 8 && first & 0xff00 == 0xff00;
            !(is_link_local || is_multicast || address.is_loopback() && prefix.is_host())
        }
    }
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
        NextHop::Via(address) => {
            *known.entry(address).or_insert_with(|| policy::inbound_next_hop_fault(address, view, host).is_some())
        }
    };
    let mut is_outdated = |received: &Received<'_>| match received.import {
        Err(Rejection::OwnNextHop { .. } | Rejection::ForeignNextHop { .. }) => true,
        Err(Rejection::OwnAs { .. } | Rejection::Policy { .. } | Rejection::Guard { .. }) => {
            is_at_fault(received.route)
        }
        Ok(accepted) => is_at_fault(received.route) || is_at_fault(accepted),
    };
    routes.filter(|received| is_outdated(received)).map(|received| received.route.clone()).collect()
}

/// A route as it came in.
pub fn received_route(prefix: Prefix, next_hop: IpAddr, attributes: Attributes, source: &Arc<Source>) -> Route {
    Route { prefix, next_hop: NextHop::Via(next_hop), attributes, source: Arc::clone(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prefixes_of_single_machines_are_routable() {
        let routable =
            ["0.0.0.0/0", "10.0.0.0/8", "100.0.0.100/32", "192.0.0.0/2", "126.0.0.0/7", "::/0", "2001:db8::/32"];
        let others = ["224.0.0.0/4", "239.1.1.1/32", "240.0.0.0/4", "127.0.0.0/8", "ff02::/16", "fe80::/10", "::1/128"];
        for (prefixes, expected) in [(&routable[..], true), (&others[..], false)] {
            for text in prefixes {
                assert_eq!(is_routable(text.parse().expect("a prefix")), expected, "{text}");
            }
        }
    }
}
