//! Next-hop tracking: which next hops of our routes are reachable, and how far away they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::host::{HostDelta, HostState, Resolution};
use crate::rib::NextHops;
use crate::route::NextHop;

/// How every next hop resolves that some route has, or had until the last
/// [`forget_all_but`](NextHopTracker::forget_all_but).
#[derive(Debug, Default)]
pub struct NextHopTracker {
    resolutions: BTreeMap<IpAddr, Option<Resolution>>,
    /// How many there were when the unused ones were last forgotten.
    used: usize,
}

impl NextHopTracker {
    /// So many more than are in use do no harm.
    const SPARE: usize = 1024;

    /// Learns the state of a next hop before a route with it enters the RIB.
    pub fn track(&mut self, next_hop: NextHop, host: &HostState) {
        if let NextHop::Via(address) = next_hop {
            self.resolutions.entry(address).or_insert_with(|| host.resolve(address));
        }
    }

    /// Looks again at the next hops that a change can concern, and names those that resolve differently now. A change
    /// far away from all of them costs next to nothing: the kernel tells of every route that we install.
    pub fn refresh(&mut self, delta: &HostDelta, host: &HostState) -> Vec<IpAddr> {
        let mut concerned: BTreeSet<IpAddr> = delta.addresses.iter().map(|own| own.address).collect();
        for prefix in &delta.routes {
            let span = prefix.net().network()..=prefix.net().broadcast();
            concerned.extend(self.resolutions.range(span).map(|(address, _)| *address));
        }
        let mut changed = Vec::new();
        for address in concerned {
            let Some(known) = self.resolutions.get_mut(&address) else { continue };
            let now = host.resolve(address);
            if *known != now {
                *known = now;
                changed.push(address);
            }
        }
        changed
    }

    /// Whether so many were added that it is worth while to forget the unused ones.
    pub fn has_grown(&self) -> bool {
        self.resolutions.len() > 2 * self.used + NextHopTracker::SPARE
    }

    /// Forgets the next hops that no route has any more.
    pub fn forget_all_but(&mut self, in_use: BTreeSet<IpAddr>) {
        self.resolutions.retain(|address, _| in_use.contains(address));
        self.used = self.resolutions.len();
    }
}

impl NextHops for NextHopTracker {
    fn metric(&self, next_hop: NextHop) -> Option<u32> {
        match next_hop {
            NextHop::Own | NextHop::Discard(_) => Some(0),
            NextHop::Via(address) => self.resolutions.get(&address)?.as_ref().map(cost),
        }
    }
}

/// RFC 4271 §9.1.2.1: the interior cost to a next hop; what is on a connected subnet costs nothing.
fn cost(resolution: &Resolution) -> u32 {
    if resolution.connected { 0 } else { resolution.metric }
}
