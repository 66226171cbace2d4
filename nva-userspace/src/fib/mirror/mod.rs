//! What the XDP tables should hold: a mirror of the routes by which the kernel forwards, whoever installed them.
//!
//! For each prefix there is one group: the local table's route first, then the main table's with the lowest metric. An
//! on-link prefix is the kernel's, and each neighbour in it that has a MAC is a host route of its own. Whatever is in doubt
//! is the kernel's. No table layout is known here, and nothing of BPF: [`crate::xdp`] applies the [`XdpOp`]s.
//!
//! Prefixes of IPv6 inside fe80::/10 and ff00::/8 are left out: packets from or to these are the kernel's before anything is
//! looked up. A router with such an address is a router like any other.
// GAP(ip-rule): routing rules besides those that the kernel starts with, and VRFs, are not looked at.
// GAP(ip-route): routes for one type of service, or in IPv6 for sources of one prefix, are not looked at.
// GAP(RFC 8201 §4): what the router has learned of a path for its own packets is not looked at; the kernel's IPv6 applies it
// to others' packets as well.

mod groups;
mod ports;
mod select;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use self::groups::Groups;
use self::ports::Ports;
use self::select::{Covers, Key, is_mirrored};
pub use self::types::{Adjacency, GroupId, GroupState, Member, WantedNeighbour, XdpOp};
use crate::host::{HostDelta, HostState};
use crate::net::{AfiSafi, Prefix};

/// The mirror: what the data plane was told, and how that follows from the machine's network.
#[derive(Debug, Default)]
pub struct Mirror {
    ports: Ports,
    /// The MACs that were told.
    macs: BTreeMap<u32, [u8; 6]>,
    routes: BTreeMap<Prefix, GroupId>,
    groups: Groups,
    covers: Covers,
}

impl Mirror {
    /// A mirror that has told nothing yet, for these interfaces.
    pub fn new(ports: BTreeSet<u32>) -> Mirror {
        Mirror { ports: Ports::new(ports), ..Mirror::default() }
    }

    /// Changes the set of interfaces that XDP runs on.
    pub fn set_ports(&mut self, ports: BTreeSet<u32>, host: &HostState) -> Vec<XdpOp> {
        self.ports.set(ports);
        self.rebuild(host)
    }

    /// Takes in the IPv6 MTUs of interfaces, by index, where they have one of their own (`net.ipv6.conf.*.mtu`). The kernel
    /// does not tell of their changes.
    pub fn set_ipv6_mtus(&mut self, mtus: BTreeMap<u32, u32>, host: &HostState) -> Vec<XdpOp> {
        let mut ops = Vec::new();
        if self.ports.set_ipv6_mtus(mtus) {
            self.groups.refresh_all(&self.ports, host, &mut ops);
        }
        ops
    }

    /// The interfaces that XDP runs on.
    pub fn ports(&self) -> &BTreeSet<u32> {
        self.ports.indices()
    }

    /// Follows a change of the machine's network.
    pub fn apply(&mut self, delta: &HostDelta, host: &HostState) -> Vec<XdpOp> {
        if self.covers.update(&delta.routes, host) {
            return self.rebuild(host);
        }
        let mut ops = Vec::new();
        let ports: Vec<u32> = delta.links.iter().filter(|link| self.ports.contains(**link)).copied().collect();
        ports.into_iter().for_each(|link| self.refresh_port(link, host, &mut ops));
        self.groups.refresh(delta, &self.ports, host, &mut ops);
        let mut prefixes: BTreeSet<Prefix> =
            delta.routes.iter().filter(|prefix| is_mirrored(**prefix)).copied().collect();
        prefixes.extend(delta.neighbours.iter().filter_map(|(_, address)| host_prefix(*address)));
        if !delta.routes.is_empty() {
            prefixes.extend(self.neighbours_below(&delta.routes, host));
        }
        prefixes.into_iter().for_each(|prefix| self.refresh_route(prefix, host, &mut ops));
        self.groups.drop_unused(&mut ops);
        ops
    }

    /// Works out everything anew, and says what differs from what was told.
    pub fn rebuild(&mut self, host: &HostState) -> Vec<XdpOp> {
        let mut ops = Vec::new();
        self.covers = Covers::new(host);
        let ports: BTreeSet<u32> = self.ports.indices().iter().chain(self.macs.keys()).copied().collect();
        ports.into_iter().for_each(|link| self.refresh_port(link, host, &mut ops));
        self.groups.refresh_all(&self.ports, host, &mut ops);
        let mut prefixes: BTreeSet<Prefix> = self.routes.keys().copied().collect();
        prefixes.extend(host.routes().map(|route| route.prefix).filter(|prefix| is_mirrored(*prefix)));
        prefixes.extend(host.neighbours().filter_map(|neighbour| host_prefix(neighbour.address)));
        // Longest first: a covering route never takes over, however shortly, what a longer one is about to get.
        let mut prefixes: Vec<Prefix> = prefixes.into_iter().collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        prefixes.into_iter().for_each(|prefix| self.refresh_route(prefix, host, &mut ops));
        self.groups.drop_unused(&mut ops);
        ops
    }

    /// Everything that was told, as operations that build it from nothing.
    pub fn everything(&self) -> Vec<XdpOp> {
        let ports = self.macs.iter().map(|(link, mac)| XdpOp::SetPort { link: *link, mac: *mac });
        let groups = self.groups.set_all();
        let routes = self.routes.iter().map(|(prefix, group)| XdpOp::SetRoute { prefix: *prefix, group: *group });
        ports.chain(groups).chain(routes).collect()
    }

    /// The neighbours that packets are sent to without the kernel seeing them: it would take them for unused, so somebody
    /// has to keep their entries fresh.
    pub fn wanted_neighbours(&self) -> BTreeSet<WantedNeighbour> {
        self.groups.wanted_neighbours(&self.ports)
    }

    /// The group of each prefix, by prefix.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, GroupId)> {
        self.routes.iter().map(|(prefix, group)| (*prefix, *group))
    }

    /// What a group does.
    pub fn group(&self, id: GroupId) -> Option<&GroupState> {
        self.groups.state(id)
    }

    /// Where packets for this address go: the longest match, and its group.
    pub fn longest_match(&self, address: IpAddr) -> Option<(Prefix, GroupId)> {
        let lengths = (0..=AfiSafi::of(address).address_bits()).rev();
        lengths
            .filter_map(|length| Prefix::new(address, length).ok())
            .find_map(|prefix| Some((prefix, *self.routes.get(&prefix)?)))
    }

    fn refresh_port(&mut self, link: u32, host: &HostState, ops: &mut Vec<XdpOp>) {
        let mac = if self.ports.contains(link) { host.link(link).and_then(|link| link.mac) } else { None };
        if self.macs.get(&link).copied() == mac {
            return;
        }
        match mac {
            Some(mac) => {
                self.macs.insert(link, mac);
                ops.push(XdpOp::SetPort { link, mac });
            }
            None => {
                self.macs.remove(&link);
                ops.push(XdpOp::RemovePort(link));
            }
        }
    }

    fn refresh_route(&mut self, prefix: Prefix, host: &HostState, ops: &mut Vec<XdpOp>) {
        let wanted = select::key(prefix, host, &self.covers, &self.ports);
        let group = wanted.map(|key: Key| self.groups.acquire(key, &self.ports, host, ops));
        let old = match group {
            Some(group) => self.routes.insert(prefix, group),
            None => self.routes.remove(&prefix),
        };
        // Acquired before: a group that stays the same never falls to no users.
        if let Some(old) = old {
            self.groups.release(old);
        }
        match group {
            Some(group) if old != Some(group) => ops.push(XdpOp::SetRoute { prefix, group }),
            None if old.is_some() => ops.push(XdpOp::RemoveRoute(prefix)),
            Some(_) | None => {}
        }
    }

    /// The host prefixes of the neighbours whose longest match may have changed with these prefixes.
    fn neighbours_below(&self, changed: &BTreeSet<Prefix>, host: &HostState) -> Vec<Prefix> {
        let lengths: BTreeSet<u8> = changed.iter().map(|prefix| prefix.len()).collect();
        let below = |host: Prefix| {
            let mut covering = lengths.iter().filter_map(|length| Prefix::new(host.address(), *length).ok());
            covering.any(|prefix| changed.contains(&prefix))
        };
        host.neighbours()
            .filter_map(|neighbour| host_prefix(neighbour.address))
            .filter(|prefix| below(*prefix))
            .collect()
    }
}

/// The host prefix of an address that is mirrored.
fn host_prefix(address: IpAddr) -> Option<Prefix> {
    Some(Prefix::host(address)).filter(|prefix| is_mirrored(*prefix))
}
