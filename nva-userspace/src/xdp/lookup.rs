//! What the forwarder would do with a packet, read from the very maps that it reads.

use std::net::IpAddr;

use nva_common::{
    BUCKETS, Counters, DEFAULT_GROUP, DEFAULT_GROUP_6, GroupKind, NextHop, Port, Reason, UNRESOLVED_NEXT_HOP,
};

use super::dataplane::Dataplane;
use super::error::XdpError;
use crate::net::{AfiSafi, Prefix};

/// What the maps say of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The longest prefix that was written; the default route where there is one and no other matches.
    pub prefix: Option<Prefix>,
    /// The group's slot.
    pub slot: u32,
    /// What the group does; `None` for a number that this version does not know, whose packets go to the kernel.
    pub kind: Option<GroupKind>,
    /// The next hops of a forwarding group.
    pub hops: Vec<LookupHop>,
    /// The group's packets so far.
    pub counters: Counters,
}

/// One next hop of a forwarding group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupHop {
    /// Where frames go; `None` where they go to the kernel, because the neighbour is not resolved.
    pub next_hop: Option<NextHop>,
    /// Its share of the flows: buckets of all.
    pub share: (usize, usize),
    /// The egress interface can transmit. Otherwise the kernel forwards, except out of the ingress interface.
    pub transmits: bool,
}

impl Dataplane {
    /// What the forwarder would do with a packet for this address.
    pub fn lookup(&self, address: IpAddr) -> Result<Lookup, XdpError> {
        let (slot, longest) = match address {
            IpAddr::V4(address) => (self.table.lookup(address.into()), self.table.longest_match(address.into())),
            IpAddr::V6(address) => (self.table6.lookup(address.into()), self.table6.longest_match(address.into())),
        };
        let default = || self.groups.default_group(AfiSafi::of(address)).map(|_| 0);
        let length = longest.or_else(default);
        let group = self.groups.read(slot);
        let kind = GroupKind::from_number(group.kind);
        let buckets = if group.bucket_mask == 0 { 1 } else { BUCKETS };
        let mut slots: Vec<u32> = match kind {
            Some(GroupKind::Forward) => group.buckets[..buckets].to_vec(),
            Some(_) | None => Vec::new(),
        };
        slots.sort_unstable();
        slots.dedup();
        let hops: Result<Vec<LookupHop>, XdpError> = slots
            .into_iter()
            .map(|next_hop| {
                let share = group.buckets[..buckets].iter().filter(|bucket| **bucket == next_hop).count();
                self.hop(next_hop, (share, buckets))
            })
            .collect();
        Ok(Lookup {
            prefix: length.and_then(|length| Prefix::new(address, length).ok()),
            slot,
            kind,
            hops: hops?,
            counters: self.group(slot)?,
        })
    }

    fn hop(&self, slot: u32, share: (usize, usize)) -> Result<LookupHop, XdpError> {
        if slot == UNRESOLVED_NEXT_HOP {
            return Ok(LookupHop { next_hop: None, share, transmits: false });
        }
        let next_hop = self.next_hops.read(slot);
        let transmits = self.ports.get(next_hop.ifindex)?.flags & Port::TRANSMITS != 0;
        Ok(LookupHop { next_hop: Some(next_hop), share, transmits })
    }
}

/// Why a packet for this address meets its end before a lookup, if it does.
pub fn before_lookup(destination: IpAddr) -> Option<Reason> {
    match destination {
        IpAddr::V4(address) if address.is_multicast() || address.is_broadcast() => Some(Reason::GroupAddress),
        IpAddr::V4(address) if address.is_loopback() => Some(Reason::Loopback),
        IpAddr::V4(address) if address.is_unspecified() => Some(Reason::MartianDestination),
        IpAddr::V6(address) if address.is_multicast() => Some(Reason::GroupAddress),
        IpAddr::V6(address) if address.is_loopback() => Some(Reason::MartianDestination),
        IpAddr::V6(address) if address.is_unicast_link_local() || address.is_unspecified() => Some(Reason::LinkScope),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

impl Lookup {
    /// Whether the packet follows the default route.
    pub fn is_default(&self) -> bool {
        matches!(self.slot, DEFAULT_GROUP | DEFAULT_GROUP_6)
    }
}
