//! Next hops on the way in and on the way out (RFC 4271 §5.1.3 and §6.3).
//!
//! The two ways are separate: what an import policy says about the next hop ends in the route's next hop as an address
//! and leaves no trace for the export (invariant 9). Nothing is remembered either: every answer is a function of the
//! route, the peer and the machine's network as it is now, so a third-party next hop ends with the subnet it was for.
//!
//! How `auto` differs from what others do by default: BIRD, FRR, Cisco, Junos and OpenBGPD also pass third-party next
//! hops on where the receiver shares the subnet (by rules that differ in detail); GoBGP and Huawei always announce
//! themselves, which is `self` here. `keep` concerns the next hop alone, no other attribute. It works towards every
//! peer; Cisco and OpenBGPD have it towards multihop peers only.

mod inbound;
mod mode;
mod outbound;
#[cfg(test)]
mod tests;

pub use inbound::{Ineligible, inbound_next_hop, inbound_next_hop_fault, set_next_hop};
pub use mode::{NextHopMode, NextHopModeError};
pub use outbound::{NextHopRule, Withheld, outbound_next_hop};

use std::net::IpAddr;

use crate::host::HostState;
use crate::net::Prefix;

/// A peer as the next-hop rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerView {
    /// Our end of the session.
    pub local_address: IpAddr,
    /// Its end of the session.
    pub peer_address: IpAddr,
    /// It is in another AS.
    pub external: bool,
    /// It may be several IP hops away. Only a peer that may not is ever told a third-party next hop by `auto`.
    pub multihop: bool,
}

/// Whether one subnet of an interface of ours that is up holds both addresses.
fn share_a_subnet(one: IpAddr, other: IpAddr, host: &HostState) -> bool {
    host.addresses().any(|own| {
        let subnet = Prefix::new(own.peer.unwrap_or(own.address), own.prefix_len);
        let usable = host.link(own.link).is_some_and(|link| link.up && !link.loopback);
        usable && subnet.is_ok_and(|subnet| subnet.contains(one) && subnet.contains(other))
    })
}

/// Whether the address is ours: any interface's, or our end of the session.
fn is_ours(address: IpAddr, peer: &PeerView, host: &HostState) -> bool {
    address == peer.local_address || host.is_own_address(address)
}
