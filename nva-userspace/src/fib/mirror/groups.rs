//! The groups: which there are, who uses them, and what their routes' neighbours make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::ports::Ports;
use super::select::{Key, on_link};
use super::types::{Adjacency, GroupId, GroupState, Member, WantedNeighbour, XdpOp};
use crate::host::{Hop, HostDelta, HostState, RouteKind};

/// The groups by what they are told apart by, and by identity.
#[derive(Debug, Default)]
pub struct Groups {
    ids: BTreeMap<Key, GroupId>,
    groups: BTreeMap<GroupId, Entry>,
    /// The groups with a hop over a link.
    by_link: BTreeMap<u32, BTreeSet<GroupId>>,
    /// The groups with a hop through a neighbour.
    by_neighbour: BTreeMap<(u32, IpAddr), BTreeSet<GroupId>>,
    /// Groups that may have no users any more.
    idle: BTreeSet<GroupId>,
    last: u32,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    state: GroupState,
    /// Under which it is found by link and by neighbour.
    hops: Vec<Hop>,
    users: usize,
}

impl Entry {
    fn set(&self, id: GroupId) -> XdpOp {
        XdpOp::SetGroup { id, state: self.state.clone(), links: links(&self.hops) }
    }
}

impl Groups {
    /// The group of a key, for one more user.
    pub fn acquire(&mut self, key: Key, ports: &Ports, host: &HostState, ops: &mut Vec<XdpOp>) -> GroupId {
        if let Some(id) = self.ids.get(&key) {
            if let Some(entry) = self.groups.get_mut(id) {
                entry.users += 1;
            }
            return *id;
        }
        self.last += 1;
        let id = GroupId(self.last);
        let hops = hops(&key, host).to_vec();
        self.enter(id, &hops);
        let state = resolve(&key, ports, host);
        let entry = Entry { key, state, hops, users: 1 };
        ops.push(entry.set(id));
        self.ids.insert(entry.key.clone(), id);
        self.groups.insert(id, entry);
        id
    }

    /// One user less.
    pub fn release(&mut self, id: GroupId) {
        let Some(entry) = self.groups.get_mut(&id) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0 {
            self.idle.insert(id);
        }
    }

    /// Removes the groups that have no users.
    pub fn drop_unused(&mut self, ops: &mut Vec<XdpOp>) {
        for id in std::mem::take(&mut self.idle) {
            if self.groups.get(&id).is_none_or(|entry| entry.users > 0) {
                continue;
            }
            if let Some(entry) = self.groups.remove(&id) {
                self.ids.remove(&entry.key);
                self.leave(id, &entry.hops);
                ops.push(XdpOp::RemoveGroup(id));
            }
        }
    }

    /// Looks again at the groups that changed links, neighbours and next-hop objects are part of.
    pub fn refresh(&mut self, delta: &HostDelta, ports: &Ports, host: &HostState, ops: &mut Vec<XdpOp>) {
        let by_link = delta.links.iter().filter_map(|link| self.by_link.get(link));
        let by_neighbour = delta.neighbours.iter().filter_map(|neighbour| self.by_neighbour.get(neighbour));
        let of_object =
            |object: &u32| self.ids.range(Key::Object(*object, None)..=Key::Object(*object, Some(NonZeroU32::MAX)));
        let by_object = delta.next_hops.iter().flat_map(of_object).map(|(_, id)| id);
        let affected: BTreeSet<GroupId> = by_link.chain(by_neighbour).flatten().chain(by_object).copied().collect();
        affected.into_iter().for_each(|id| self.refresh_one(id, ports, host, ops));
    }

    /// Looks again at every group.
    pub fn refresh_all(&mut self, ports: &Ports, host: &HostState, ops: &mut Vec<XdpOp>) {
        let all: Vec<GroupId> = self.groups.keys().copied().collect();
        all.into_iter().for_each(|id| self.refresh_one(id, ports, host, ops));
    }

    /// Every group, as an operation that sets it.
    pub fn set_all(&self) -> impl Iterator<Item = XdpOp> {
        self.groups.iter().map(|(id, entry)| entry.set(*id))
    }

    /// What a group does.
    pub fn state(&self, id: GroupId) -> Option<&GroupState> {
        self.groups.get(&id).map(|entry| &entry.state)
    }

    /// The neighbours of all groups that are on links of ours.
    pub fn wanted_neighbours(&self, ports: &Ports) -> BTreeSet<WantedNeighbour> {
        let forwards = |entry: &Entry| matches!(entry.key, Key::Forward(..) | Key::Object(..));
        let is_route = |id: &GroupId| self.groups.get(id).is_some_and(forwards);
        let ours = self.by_neighbour.iter().filter(|((link, _), _)| ports.contains(*link));
        ours.map(|((link, address), users)| {
            let is_gateway = users.iter().any(is_route);
            WantedNeighbour { link: *link, address: *address, is_gateway }
        })
        .collect()
    }

    fn refresh_one(&mut self, id: GroupId, ports: &Ports, host: &HostState, ops: &mut Vec<XdpOp>) {
        let Some(entry) = self.groups.get_mut(&id) else { return };
        let new = hops(&entry.key, host).to_vec();
        let old = std::mem::replace(&mut entry.hops, new.clone());
        let state = resolve(&entry.key, ports, host);
        if state != entry.state || links(&new) != links(&old) {
            entry.state = state;
            ops.push(entry.set(id));
        }
        if new != old {
            self.leave(id, &old);
            self.enter(id, &new);
        }
    }

    /// Has a group found by its links and neighbours.
    fn enter(&mut self, id: GroupId, hops: &[Hop]) {
        for hop in hops {
            self.by_link.entry(hop.link).or_default().insert(id);
            if let Some(gateway) = hop.gateway {
                self.by_neighbour.entry((hop.link, gateway)).or_default().insert(id);
            }
        }
    }

    fn leave(&mut self, id: GroupId, hops: &[Hop]) {
        for hop in hops {
            forget(&mut self.by_link, &hop.link, id);
            if let Some(gateway) = hop.gateway {
                forget(&mut self.by_neighbour, &(hop.link, gateway), id);
            }
        }
    }
}

/// The interfaces that hops lead to, each once.
fn links(hops: &[Hop]) -> Vec<u32> {
    let distinct: BTreeSet<u32> = hops.iter().map(|hop| hop.link).collect();
    distinct.into_iter().collect()
}

/// What a group does, as its neighbours are now.
fn resolve(key: &Key, ports: &Ports, host: &HostState) -> GroupState {
    match key {
        Key::Forward(hops, mtu) => forward(hops, *mtu, ports, host),
        Key::Neighbour(hop, mtu) => forward(std::slice::from_ref(hop), *mtu, ports, host),
        Key::Object(id, mtu) => match host.kind_through(*id) {
            RouteKind::Unicast => {
                let hops = host.hops_through(*id);
                if on_link(hops).is_some() { GroupState::Unresolved } else { forward(hops, *mtu, ports, host) }
            }
            RouteKind::Blackhole => GroupState::Blackhole(None),
            RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Unreachable
            | RouteKind::Prohibit
            | RouteKind::Other => GroupState::Kernel,
        },
        Key::Local(prefix) => GroupState::Local(*prefix),
        Key::Blackhole(prefix) => GroupState::Blackhole(Some(*prefix)),
        Key::OnLink(_) => GroupState::Unresolved,
        Key::Refused => GroupState::Refused,
        Key::Broadcast => GroupState::Broadcast,
        Key::Kernel => GroupState::Kernel,
    }
}

/// Forwarding, if a hop is over a link of ours: the kernel knows more of links that are not.
fn forward(hops: &[Hop], mtu: Option<NonZeroU32>, ports: &Ports, host: &HostState) -> GroupState {
    if !hops.iter().any(|hop| ports.contains(hop.link)) {
        return GroupState::Kernel;
    }
    let member = |hop: &Hop| Member { hop: *hop, adjacency: adjacency(hop, mtu, ports, host) };
    GroupState::Forward(hops.iter().map(member).collect())
}

/// Where to send for a hop: its link is ours, up and has a MAC, and its router's MAC is known.
fn adjacency(hop: &Hop, mtu: Option<NonZeroU32>, ports: &Ports, host: &HostState) -> Option<Adjacency> {
    let link = host.link(hop.link).filter(|link| link.up && ports.contains(link.index))?;
    let gateway = hop.gateway?;
    let mac = host.neighbour(hop.link, gateway)?.mac?;
    // What is larger than the smallest of them is for the kernel to judge (RFC 1191 §3, RFC 8201 §4).
    let family_mtu = if gateway.is_ipv6() { ports.ipv6_mtu(link.index) } else { None };
    let limits = [family_mtu, mtu.map(NonZeroU32::get)];
    let mtu = limits.into_iter().flatten().fold(link.mtu, u32::min);
    Some(Adjacency { link: link.index, own_mac: link.mac?, mac, mtu })
}

fn hops<'a>(key: &'a Key, host: &'a HostState) -> &'a [Hop] {
    match key {
        Key::Forward(hops, _) => hops,
        Key::Object(id, _) => host.hops_through(*id),
        Key::Neighbour(hop, _) | Key::OnLink(hop) => std::slice::from_ref(hop),
        Key::Local(_) | Key::Blackhole(_) | Key::Refused | Key::Broadcast | Key::Kernel => &[],
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<GroupId>>, key: &K, id: GroupId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
