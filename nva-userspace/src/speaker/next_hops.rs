//! Next-hop tracking: which next hops of our routes are reachable, and how far away they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::host::{HostState, Resolution};
use crate::rib::NextHops;
use crate::route::NextHop;

/// How every next hop resolves that some route has, or had until the last [`refresh`](NextHopTracker::refresh).
#[derive(Debug, Default)]
pub struct NextHopTracker {
    resolutions: BTreeMap<IpAddr, Option<Resolution>>,
}

impl NextHopTracker {
    /// Learns the state of a next hop before a route with it enters the RIB.
    pub fn track(&mut self, next_hop: NextHop, host: &HostState) {
        if let NextHop::Via(address) = next_hop {
            self.resolutions.entry(address).or_insert_with(|| host.resolve(address));
        }
    }

    /// Looks at every next hop again: forgets those not `in_use`, and names those that resolve differently now.
    pub fn refresh(&mut self, host: &HostState, in_use: BTreeSet<IpAddr>) -> Vec<IpAddr> {
        let mut changed = Vec::new();
        self.resolutions.retain(|address, known| {
            let now = host.resolve(*address);
            if *known != now {
                *known = now;
                changed.push(*address);
            }
            in_use.contains(address)
        });
        changed
    }
}

impl NextHops for NextHopTracker {
    fn metric(&self, next_hop: NextHop) -> Option<u32> {
        match next_hop {
            NextHop::Own => Some(0),
            NextHop::Via(address) => self.resolutions.get(&address)?.as_ref().map(cost),
        }
    }
}

/// RFC 4271 §9.1.2.1: the interior cost to a next hop; what is on a connected subnet costs nothing.
fn cost(resolution: &Resolution) -> u32 {
    if resolution.connected { 0 } else { resolution.metric }
}
