//! The next hop of a route that a peer announces.

use std::net::IpAddr;

use thiserror::Error;

use super::{NextHopMode, PeerView, is_ours};
use crate::host::HostState;
use crate::net::AfiSafi;

/// Why a route is not used because of its next hop. The session goes on (RFC 4271 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Ineligible {
    /// It is an address of ours.
    #[error("the next hop is our own address (RFC 4271 §6.3)")]
    OwnAddress,
    /// The peer is external and one hop away, and the next hop is neither its address nor on a subnet of ours.
    #[error(
        "the next hop is neither the peer's address nor on a subnet of ours (RFC 4271 §6.3); \
         if the peer is not on this link, configure it as multihop"
    )]
    NotOnSubnet,
    /// The import policy sets an address of the other family.
    #[error("the import policy sets a next hop of another address family than the route's")]
    Family,
}

/// What is wrong with a received next hop, if anything (RFC 4271 §6.3).
pub fn inbound_next_hop_fault(next_hop: IpAddr, peer: &PeerView, host: &HostState) -> Option<Ineligible> {
    if is_ours(next_hop, peer, host) {
        return Some(Ineligible::OwnAddress);
    }
    let one_hop = peer.external && !peer.multihop;
    // Where the families differ (RFC 4760 over a session of the other one) the peer's own address is not known.
    let adjacent = next_hop == peer.peer_address || host.connected_link(next_hop).is_some();
    (one_hop && !adjacent).then_some(Ineligible::NotOnSubnet)
}

/// What the import policy puts in the place of the next hop that was received, usable or not; `None`: nothing.
pub fn set_next_hop(mode: Option<NextHopMode>, peer: &PeerView) -> Option<IpAddr> {
    match mode? {
        NextHopMode::Address(address) => Some(address),
        NextHopMode::PeerAddress => Some(peer.peer_address),
        NextHopMode::Auto | NextHopMode::SelfAddress | NextHopMode::Keep | NextHopMode::Gateway => None,
    }
}

/// The next hop that the import policy leaves a route with: `Address` and `PeerAddress` replace the received one, which
/// then need not lie on a subnet of ours; every other mode leaves it and has no effect on what others are told.
pub fn inbound_next_hop(
    received: IpAddr,
    mode: Option<NextHopMode>,
    peer: &PeerView,
    host: &HostState,
) -> Result<IpAddr, Ineligible> {
    let Some(next_hop) = set_next_hop(mode, peer) else { return Ok(received) };
    if AfiSafi::of(next_hop) != AfiSafi::of(received) {
        Err(Ineligible::Family)
    } else if is_ours(next_hop, peer, host) {
        Err(Ineligible::OwnAddress)
    } else {
        Ok(next_hop)
    }
}
