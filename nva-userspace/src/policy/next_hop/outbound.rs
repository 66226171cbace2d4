//! The next hop that a peer is told.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use super::{NextHopMode, PeerView, is_ours, share_a_subnet};
use crate::host::HostState;
use crate::net::AfiSafi;
use crate::route::{NextHop, Route};

/// Which rule gave a next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextHopRule {
    /// Our own route: our own address.
    OwnRoute,
    /// `self`.
    SelfAddress,
    /// `keep`.
    Kept,
    /// An address from the configuration.
    Address,
    /// `auto`, internal peer: as received.
    Internal,
    /// `auto`, external peer on the subnet of the received next hop: as received.
    ThirdParty,
    /// `auto`, external peer that does not share the subnet of the received next hop: our own address.
    FirstParty,
    /// `auto`, external peer that may be several hops away: our own address.
    Multihop,
    /// `gateway`: the router on the way to the received next hop.
    Gateway,
    /// `gateway`, and no router is on the way: as received.
    GatewayOnLink,
    /// `gateway`, but the peer is not on that router's subnet: our own address.
    GatewayNotShared,
}

/// Why there is no next hop that the peer could be told; it is not told of the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Withheld {
    /// The peer would send to itself (RFC 4271 §5.1.3).
    #[error("the next hop {0} is the receiving peer itself (RFC 4271 §5.1.3)")]
    ReceivingPeer(IpAddr),
    /// The received next hop has become an address of ours: we could not forward what the peer sends.
    #[error("the received next hop {0} is our own address (RFC 4271 §5.1.3)")]
    OwnAddress(IpAddr),
    /// We have no address of the route's family on the session's interface.
    #[error("no {0} address of ours is on the session's interface: configure a next hop address")]
    NoOwnAddress(AfiSafi),
    /// The next hop is of the other family.
    #[error("the next hop {next_hop} cannot be that of an {family} route")]
    Family {
        /// The next hop.
        next_hop: IpAddr,
        /// The route's family.
        family: AfiSafi,
    },
    /// The peer is an Azure Route Server, whose NICs can send to no such address.
    #[error("the next hop {0} is outside of the VNet and those that it is peered with ([azure] vnet)")]
    OutsideVnet(IpAddr),
    /// `gateway`, but no route leads to the received next hop.
    #[error("next-hop gateway: no route but BGP's leads to {0}")]
    Unresolvable(IpAddr),
}

/// The next hop that `peer` is told for `route`, and the rule that gave it.
///
/// - Own routes get our own address, whatever the mode but for an explicit address. That holds for a static route that
///   we originate, too: its gateway is nobody's business.
/// - `auto` is RFC 4271 §5.1.3: unchanged to internal peers; to an external peer on the link the received next hop if
///   both are on one connected subnet, else our own address; to an external multihop peer our own address.
/// - `keep` is the received next hop, to any peer.
/// - `gateway` is the router through which the received next hop resolves by routes that are not BGP's, as BIRD gives
///   it. So a leaf on a hub's subnet is told the subnet's router for what the hub learned from a distant route server,
///   and its packets do not go through the hub. A next hop on a link of ours stands for itself. If the peer is not on
///   the subnet of the one or the other, it cannot use it and gets our own address.
/// - An explicit address is taken as it is.
pub fn outbound_next_hop(
    route: &Route,
    mode: NextHopMode,
    peer: &PeerView,
    host: &HostState,
) -> Result<(IpAddr, NextHopRule), Withheld> {
    let family = route.prefix.family();
    let (next_hop, rule) = choose(route, mode, peer, host)?;
    if next_hop == peer.peer_address {
        return Err(Withheld::ReceivingPeer(next_hop));
    }
    // GAP(RFC 8950): no IPv4 routes with IPv6 next hops.
    if AfiSafi::of(next_hop) != family {
        return Err(Withheld::Family { next_hop, family });
    }
    Ok((next_hop, rule))
}

fn choose(
    route: &Route,
    mode: NextHopMode,
    peer: &PeerView,
    host: &HostState,
) -> Result<(IpAddr, NextHopRule), Withheld> {
    let own = |rule| Ok((own_address(route.prefix.family(), peer, host)?, rule));
    let received = match route.next_hop {
        NextHop::Via(received) | NextHop::Discard(received) if !route.source.is_local() => Some(received),
        NextHop::Via(_) | NextHop::Discard(_) | NextHop::Own => None,
    };
    match (mode, received) {
        (NextHopMode::Address(address), _) => Ok((address, NextHopRule::Address)),
        (NextHopMode::PeerAddress, _) => Err(Withheld::ReceivingPeer(peer.peer_address)),
        (NextHopMode::Auto | NextHopMode::SelfAddress | NextHopMode::Keep | NextHopMode::Gateway, None) => {
            own(NextHopRule::OwnRoute)
        }
        (NextHopMode::SelfAddress, Some(_)) => own(NextHopRule::SelfAddress),
        (NextHopMode::Keep, Some(received)) => foreign(received, NextHopRule::Kept, peer, host),
        // There is no way that packets for it take.
        (NextHopMode::Gateway, Some(received)) if matches!(route.next_hop, NextHop::Discard(_)) => {
            foreign(received, NextHopRule::GatewayOnLink, peer, host)
        }
        (NextHopMode::Gateway, Some(received)) => match gateway(received, peer, host)? {
            Some(chosen) => Ok(chosen),
            None => own(NextHopRule::GatewayNotShared),
        },
        (NextHopMode::Auto, Some(received)) if !peer.external => foreign(received, NextHopRule::Internal, peer, host),
        (NextHopMode::Auto, Some(_)) if peer.multihop => own(NextHopRule::Multihop),
        (NextHopMode::Auto, Some(received)) => {
            if !is_ours(received, peer, host) && share_a_subnet(received, peer.peer_address, host) {
                Ok((received, NextHopRule::ThirdParty))
            } else {
                own(NextHopRule::FirstParty)
            }
        }
    }
}

/// The received next hop, unless it is ours by now: then the route is unusable, and telling it on attracts traffic.
fn foreign(
    received: IpAddr,
    rule: NextHopRule,
    peer: &PeerView,
    host: &HostState,
) -> Result<(IpAddr, NextHopRule), Withheld> {
    if is_ours(received, peer, host) { Err(Withheld::OwnAddress(received)) } else { Ok((received, rule)) }
}

/// The router on the way to the received next hop, or that itself if it is on a link; `None` if the peer cannot use it.
/// Of several equal ways the first that the peer can use is taken, and the hops are sorted.
fn gateway(received: IpAddr, peer: &PeerView, host: &HostState) -> Result<Option<(IpAddr, NextHopRule)>, Withheld> {
    let (received, _) = foreign(received, NextHopRule::GatewayOnLink, peer, host)?;
    let resolution = host.resolve(received).ok_or(Withheld::Unresolvable(received))?;
    let mut routers = resolution.hops.iter().map(|hop| match hop.gateway {
        Some(gateway) => (gateway, NextHopRule::Gateway),
        None => (received, NextHopRule::GatewayOnLink),
    });
    Ok(routers.find(|(router, _)| share_a_subnet(*router, peer.peer_address, host)))
}

/// Our address to tell the peer: our end of the session, or, for routes of the other family, the first address of that
/// family on the same interface.
///
/// IPv6 link-local addresses are left out, the next hop is a global one (RFC 2545 §3).
// GAP(RFC 2545 §3): the link-local address is not sent beside the global one.
fn own_address(family: AfiSafi, peer: &PeerView, host: &HostState) -> Result<IpAddr, Withheld> {
    let fits = |address: &IpAddr| AfiSafi::of(*address) == family && !is_ipv6_link_local(*address);
    if fits(&peer.local_address) {
        return Ok(peer.local_address);
    }
    let session = host.addresses().find(|own| own.address == peer.local_address);
    session
        .and_then(|session| host.addresses_of(session.link).map(|own| own.address).find(fits))
        .ok_or(Withheld::NoOwnAddress(family))
}

fn is_ipv6_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

impl fmt::Display for NextHopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NextHopRule::OwnRoute => "own route: our own address",
            NextHopRule::SelfAddress => "self: our own address",
            NextHopRule::Kept => "keep: as received",
            NextHopRule::Address => "the configured address",
            NextHopRule::Internal => "auto: as received, to an internal peer (RFC 4271 §5.1.3 item 1)",
            NextHopRule::ThirdParty => {
                "auto: third party, the peer is on the next hop's subnet (RFC 4271 §5.1.3 item 2)"
            }
            NextHopRule::FirstParty => {
                "auto: our own address, the peer is not on the next hop's subnet (RFC 4271 §5.1.3 item 2)"
            }
            NextHopRule::Multihop => "auto: our own address, to a multihop peer (RFC 4271 §5.1.3 item 3)",
            NextHopRule::Gateway => "gateway: the router on our way to the received next hop",
            NextHopRule::GatewayOnLink => "gateway: as received, no router is on our way to it",
            NextHopRule::GatewayNotShared => "gateway: our own address, the peer is not on the router's subnet",
        })
    }
}
