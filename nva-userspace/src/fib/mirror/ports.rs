//! The interfaces that XDP runs on.

use std::collections::{BTreeMap, BTreeSet};

/// Which they are, and what is known of them beyond what the kernel tells by itself.
#[derive(Debug, Default)]
pub struct Ports {
    indices: BTreeSet<u32>,
    ipv6_mtus: BTreeMap<u32, u32>,
}

impl Ports {
    /// The interfaces with these indexes.
    pub fn new(indices: BTreeSet<u32>) -> Ports {
        Ports { indices, ..Ports::default() }
    }

    /// Puts others in their place.
    pub fn set(&mut self, indices: BTreeSet<u32>) {
        self.indices = indices;
    }

    /// Their indexes.
    pub fn indices(&self) -> &BTreeSet<u32> {
        &self.indices
    }

    /// Whether XDP runs there.
    pub fn contains(&self, link: u32) -> bool {
        self.indices.contains(&link)
    }

    /// Takes in their IPv6 MTUs in octets, by index. Whether anything changed.
    pub fn set_ipv6_mtus(&mut self, mtus: BTreeMap<u32, u32>) -> bool {
        let changed = self.ipv6_mtus != mtus;
        self.ipv6_mtus = mtus;
        changed
    }

    /// The IPv6 MTU of an interface in octets, where it is known.
    pub fn ipv6_mtu(&self, link: u32) -> Option<u32> {
        self.ipv6_mtus.get(&link).copied()
    }
}
