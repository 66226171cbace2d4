//! What the forwarder would do with a packet, read from the very maps that it reads.

use std::net::Ipv4Addr;

use nva_common::{BUCKETS, Counters, DEFAULT_GROUP, GroupKind, NextHop, Port, UNRESOLVED_NEXT_HOP};

use super::dataplane::Dataplane;
use super::error::XdpError;
use crate::net::Prefix;

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
    pub fn lookup(&self, address: Ipv4Addr) -> Result<Lookup, XdpError> {
        let number = u32::from(address);
        let slot = self.table.lookup(number);
        let default = || self.groups.default_group().map(|_| 0);
        let length = self.table.longest_match(number).or_else(default);
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
            prefix: length.and_then(|length| Prefix::new(address.into(), length).ok()),
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

impl Lookup {
    /// Whether the packet follows the default route.
    pub fn is_default(&self) -> bool {
        self.slot == DEFAULT_GROUP
    }
}
