//! What one event changed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Address;
use crate::net::Prefix;

/// The keys of what one event changed; their new state is in the [`HostState`](super::HostState). A resynchronisation
/// reports what really differs, so it costs its readers nothing when nothing was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostDelta {
    /// Interfaces that appeared, changed or went, by index.
    pub links: BTreeSet<u32>,
    /// Addresses that appeared or went.
    pub addresses: BTreeSet<Address>,
    /// Neighbour entries that appeared, changed or went.
    pub neighbours: BTreeSet<(u32, IpAddr)>,
    /// Next-hop objects that lead elsewhere now, appeared or went.
    pub next_hops: BTreeSet<u32>,
    /// Prefixes that have other routes now, or whose routes became usable or unusable because a link came up or went
    /// down. Of routes through a next-hop object that leads elsewhere, a BGP daemon's are left out: nothing resolves through
    /// those, and they may be a million.
    pub routes: BTreeSet<Prefix>,
}

impl HostDelta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let HostDelta { links, addresses, neighbours, next_hops, routes } = self;
        links.is_empty() && addresses.is_empty() && neighbours.is_empty() && next_hops.is_empty() && routes.is_empty()
    }

    /// Takes another delta's keys in, for readers that work in batches.
    pub fn merge(&mut self, mut other: HostDelta) {
        self.links.append(&mut other.links);
        self.addresses.append(&mut other.addresses);
        self.neighbours.append(&mut other.neighbours);
        self.next_hops.append(&mut other.next_hops);
        self.routes.append(&mut other.routes);
    }
}
