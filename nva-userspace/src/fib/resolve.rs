//! From next hops to ways out.

use std::net::IpAddr;

use thiserror::Error;

use super::Wanted;
use crate::host::{Hop, HostState, PROTOCOL_BGP, RouteKind, TABLE_MAIN};
use crate::net::Prefix;
use crate::route::NextHop;

/// Why a prefix that BGP wants is not to be installed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Withheld {
    /// We are its next hop: originated here, or announced to us with our own address (RFC 4271 §5.1.3).
    #[error("its next hop is this router itself")]
    OwnNextHop,
    /// No next hop is reachable by a route that is not BGP's.
    #[error("no route that is not BGP's leads to its next hop {0}")]
    Unreachable(IpAddr),
    /// It is on a link already: the subnet of an interface.
    #[error("it is the subnet of an interface of this router")]
    Connected,
}

/// The ways out to one next hop: the route that leads there gives the gateway, unless the next hop is on the link.
pub(super) fn resolve(next_hop: IpAddr, host: &HostState) -> Result<Vec<Hop>, Withheld> {
    if host.is_own_address(next_hop) {
        return Err(Withheld::OwnNextHop);
    }
    let way = host.resolve(next_hop).ok_or(Withheld::Unreachable(next_hop))?;
    Ok(way.hops.into_iter().map(|hop| Hop { gateway: hop.gateway.or(Some(next_hop)), ..hop }).collect())
}

/// The ways out, given how each next hop resolved; none if packets are dropped. Next hops that do not resolve are left out
/// as long as one does.
pub(super) fn combine<'a>(
    wanted: &Wanted,
    ways: impl Fn(IpAddr) -> Option<&'a Result<Vec<Hop>, Withheld>>,
) -> Result<Vec<Hop>, Withheld> {
    let next_hops = match wanted {
        Wanted::Through(next_hops) => next_hops,
        Wanted::Discard => return Ok(Vec::new()),
    };
    let mut hops = Vec::new();
    let mut refusal = None;
    for next_hop in next_hops {
        match next_hop {
            NextHop::Own => return Err(Withheld::OwnNextHop),
            NextHop::Via(address) => match ways(*address) {
                Some(Ok(found)) => hops.extend_from_slice(found),
                Some(Err(reason)) => refusal = refusal.or(Some(reason.clone())),
                None => refusal = refusal.or(Some(Withheld::Unreachable(*address))),
            },
            // Beside routes that lead somewhere, one that drops packets has no share of them.
            NextHop::Discard(address) => refusal = refusal.or(Some(Withheld::Unreachable(*address))),
        }
    }
    if hops.is_empty() { Err(refusal.unwrap_or(Withheld::OwnNextHop)) } else { Ok(normalised(hops)) }
}

/// What a kernel before Linux 6.12 takes: a larger one would come back as another.
const MOST_WEIGHT: u16 = 256;

/// Sorted, one for each gateway and link; a single way has no use for a weight, and the kernel would not tell it back.
pub(super) fn normalised(mut hops: Vec<Hop>) -> Vec<Hop> {
    hops.sort_unstable();
    hops.dedup_by_key(|hop| (hop.gateway, hop.link));
    hops.iter_mut().for_each(|hop| hop.weight = hop.weight.min(MOST_WEIGHT));
    if let [only] = hops.as_mut_slice() {
        only.weight = 1;
    }
    hops
}

/// Whether somebody else than BGP has routed exactly this prefix to a link, as an interface's address does. The kernel
/// would not always prefer that to ours by itself: such routes have metric 256 in IPv6, and 100 from some DHCP clients.
pub(super) fn is_connected(prefix: Prefix, host: &HostState) -> bool {
    host.routes_of(prefix).iter().any(|route| {
        let counts =
            route.table == TABLE_MAIN && route.protocol != PROTOCOL_BGP && host.kind(route) == RouteKind::Unicast;
        counts && host.hops(route).iter().all(|hop| hop.gateway.is_none())
    })
}
