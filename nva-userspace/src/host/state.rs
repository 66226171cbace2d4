//! The state, and the questions that one can ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::next_hops::{Moved, NextHops};
use super::routes::{self, RouteTable};
use super::{
    Address, Hop, HostDelta, HostEvent, HostRoute, Link, Neighbour, NextHopObject, PROTOCOL_BGP, RouteKind, Snapshot,
    TABLE_LOCAL, TABLE_MAIN, Via,
};
use crate::net::Prefix;

/// The machine's network as the events tell it.
#[derive(Debug, Default)]
pub struct HostState {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<IpAddr, BTreeSet<Address>>,
    neighbours: BTreeMap<(u32, IpAddr), Neighbour>,
    next_hops: NextHops,
    has_next_hop_objects: bool,
    routes: RouteTable,
}

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The destination of the route that leads there.
    pub prefix: Prefix,
    /// The route's ways out over links that are up, sorted; never empty.
    pub hops: Vec<Hop>,
    /// The route's metric in the kernel.
    pub metric: u32,
    /// The address is on the link itself: no hop has a gateway.
    pub connected: bool,
}

impl HostState {
    /// Takes an event in and says what it changed.
    pub fn apply(&mut self, event: HostEvent) -> HostDelta {
        let mut delta = HostDelta::default();
        match event {
            HostEvent::LinkSet(link) => self.set_link(link, &mut delta),
            HostEvent::LinkRemoved(index) => self.remove_link(index, &mut delta),
            HostEvent::AddressAdded(address) => {
                if self.addresses.entry(address.address).or_default().insert(address) {
                    delta.addresses.insert(address);
                }
            }
            HostEvent::AddressRemoved(address) => self.remove_address(address, &mut delta),
            HostEvent::NeighbourSet(neighbour) => {
                let key = (neighbour.link, neighbour.address);
                if self.neighbours.insert(key, neighbour) != Some(neighbour) {
                    delta.neighbours.insert(key);
                }
            }
            HostEvent::NeighbourRemoved(link, address) => {
                if self.neighbours.remove(&(link, address)).is_some() {
                    delta.neighbours.insert((link, address));
                }
            }
            HostEvent::RouteSet(route) => {
                let prefix = route.prefix;
                delta.routes.extend(self.routes.set(route).then_some(prefix));
            }
            HostEvent::RouteAdded(route) => {
                let prefix = route.prefix;
                delta.routes.extend(self.routes.add(route).then_some(prefix));
            }
            HostEvent::RouteRemoved(route) => {
                delta.routes.extend(self.routes.remove(&route).then_some(route.prefix));
            }
            HostEvent::NextHopSet(object) => {
                let moved = self.next_hops.set(object);
                self.follow(&moved, &mut delta);
            }
            HostEvent::NextHopRemoved(id) => {
                let moved = self.next_hops.remove(id);
                self.follow(&moved, &mut delta);
                delta.routes.append(&mut self.routes.remove_through(id));
            }
            HostEvent::Resync(snapshot) => self.resync(*snapshot, &mut delta),
        }
        delta
    }

    /// The interface of this index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The interface of this name.
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// Every interface, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Whether the interface is there, administratively up and has a carrier.
    pub fn is_up(&self, link: u32) -> bool {
        self.links.get(&link).is_some_and(|link| link.up)
    }

    /// Every address of every interface, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.values().flatten()
    }

    /// The addresses of one interface.
    pub fn addresses_of(&self, link: u32) -> impl Iterator<Item = &Address> {
        self.addresses().filter(move |address| address.link == link)
    }

    /// Whether an interface has this address.
    pub fn is_own_address(&self, address: IpAddr) -> bool {
        self.addresses.contains_key(&address)
    }

    /// The interface in whose subnet the address lies (the longest, if there are several): one that is up, and not a
    /// loopback.
    pub fn connected_link(&self, address: IpAddr) -> Option<u32> {
        let on_subnet = |own: &&Address| subnet(own).is_some_and(|subnet| subnet.contains(address));
        let usable = |own: &&Address| self.links.get(&own.link).is_some_and(|link| link.up && !link.loopback);
        let nearest = self.addresses().filter(on_subnet).filter(usable).max_by_key(|own| own.prefix_len);
        nearest.map(|own| own.link)
    }

    /// The entry of the neighbour table.
    pub fn neighbour(&self, link: u32, address: IpAddr) -> Option<&Neighbour> {
        self.neighbours.get(&(link, address))
    }

    /// The whole neighbour table, by interface and address.
    pub fn neighbours(&self) -> impl Iterator<Item = &Neighbour> {
        self.neighbours.values()
    }

    /// Every route of every table, by prefix.
    pub fn routes(&self) -> impl Iterator<Item = &HostRoute> {
        self.routes.iter()
    }

    /// The routes of one prefix: the local table's, the main table's, the others'; by metric.
    pub fn routes_of(&self, prefix: Prefix) -> &[HostRoute] {
        self.routes.of(prefix)
    }

    /// The ways out of a route, sorted: its own, or those of the next-hop object that it names.
    pub fn hops<'a>(&'a self, route: &'a HostRoute) -> &'a [Hop] {
        routes::hops(route, &self.next_hops)
    }

    /// What the kernel does by a route. An object decides it for all routes that name it; what an object does that is not
    /// there is the kernel's to know.
    pub fn kind(&self, route: &HostRoute) -> RouteKind {
        self.object_of(route).map_or(route.kind, |id| self.kind_through(id))
    }

    /// The next-hop object that decides what is done by a route, if one does.
    pub fn object_of(&self, route: &HostRoute) -> Option<u32> {
        match (&route.via, route.kind) {
            (Via::Object(id), RouteKind::Unicast | RouteKind::Blackhole) => Some(*id),
            (Via::Object(_), _) | (Via::Hops(_), _) => None,
        }
    }

    /// Whether the kernel has next-hop objects, be there any or not (Linux 5.3 has them, and is so configured).
    pub fn has_next_hop_objects(&self) -> bool {
        self.has_next_hop_objects
    }

    /// The next-hop object of this number.
    pub fn next_hop_object(&self, id: u32) -> Option<&NextHopObject> {
        self.next_hops.get(id)
    }

    /// Every next-hop object, by number.
    pub fn next_hop_objects(&self) -> impl Iterator<Item = &NextHopObject> {
        self.next_hops.iter()
    }

    /// What the kernel does by routes that name a next-hop object.
    pub fn kind_through(&self, object: u32) -> RouteKind {
        self.next_hops.lead(object).map_or(RouteKind::Other, |lead| lead.kind)
    }

    /// The ways out of routes that name a next-hop object, sorted.
    pub fn hops_through(&self, object: u32) -> &[Hop] {
        self.next_hops.lead(object).map_or(&[], |lead| &lead.hops)
    }

    /// What the kernel does with packets for which this prefix is the longest match: its first usable route in the
    /// local table or else the main table, our own included.
    pub fn best_route(&self, prefix: Prefix) -> Option<&HostRoute> {
        self.routes.of(prefix).iter().find(|route| self.is_in_use(route))
    }

    /// What the kernel does with packets for this address, as long as it has no routing rules but those it starts with.
    pub fn longest_match(&self, address: IpAddr) -> Option<&HostRoute> {
        self.routes.covering(address).find_map(|routes| routes.iter().find(|route| self.is_in_use(route)))
    }

    /// The way to an address by routes of the main table that no BGP daemon installed: what BGP next hops resolve
    /// through (RFC 4271 §5.1.3, §9.1.2.1). `None` where there is none, and for what is no other host's address on any link:
    /// our own, the broadcast addresses of our subnets (RFC 1122 §3.2.1.3), and link-local ones, of which nobody says here
    /// on which link they are meant (RFC 2545 §3 has a global address as the next hop).
    pub fn resolve(&self, address: IpAddr) -> Option<Resolution> {
        let local = |route: &HostRoute| route.table == TABLE_LOCAL;
        let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        if link_local || self.is_own_address(address) || self.routes.of(Prefix::host(address)).iter().any(local) {
            return None;
        }
        let counts =
            |route: &&HostRoute| route.table == TABLE_MAIN && route.protocol != PROTOCOL_BGP && self.is_usable(route);
        let route = self.routes.covering(address).find_map(|routes| routes.iter().find(counts))?;
        let hops: Vec<Hop> = match self.kind(route) {
            RouteKind::Unicast => self.hops(route).iter().filter(|hop| self.is_up(hop.link)).copied().collect(),
            RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Blackhole
            | RouteKind::Unreachable
            | RouteKind::Prohibit
            | RouteKind::Other => return None,
        };
        let connected = hops.iter().all(|hop| hop.gateway.is_none());
        Some(Resolution { prefix: route.prefix, hops, metric: route.metric, connected })
    }

    /// Whether the kernel's standard rules lead to this route's table, and the route leads somewhere.
    fn is_in_use(&self, route: &HostRoute) -> bool {
        matches!(route.table, TABLE_LOCAL | TABLE_MAIN) && self.is_usable(route)
    }

    /// Whether a link is up for at least one hop. A route without hops (a blackhole) needs none.
    pub fn is_usable(&self, route: &HostRoute) -> bool {
        match self.kind(route) {
            RouteKind::Unicast | RouteKind::Multicast => self.hops(route).iter().any(|hop| self.is_up(hop.link)),
            RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Blackhole
            | RouteKind::Unreachable
            | RouteKind::Prohibit
            | RouteKind::Other => true,
        }
    }

    fn set_link(&mut self, link: Link, delta: &mut HostDelta) {
        let (index, was_up) = (link.index, self.is_up(link.index));
        if self.links.get(&index) == Some(&link) {
            return;
        }
        delta.links.insert(index);
        if link.up != was_up {
            delta.routes.append(&mut self.routes.over_link(index, &self.next_hops));
        }
        self.links.insert(index, link);
    }

    fn remove_link(&mut self, index: u32, delta: &mut HostDelta) {
        delta.links.extend(self.links.remove(&index).map(|link| link.index));
        let moved = self.next_hops.remove_link(index);
        let gone = moved.iter().map(|moved| moved.id).filter(|id| self.next_hops.lead(*id).is_none()).collect();
        self.follow(&moved, delta);
        delta.routes.append(&mut self.routes.remove_link(index, &gone));
        let keys: Vec<(u32, IpAddr)> = self.neighbours.keys().filter(|(link, _)| *link == index).copied().collect();
        for key in keys {
            self.neighbours.remove(&key);
            delta.neighbours.insert(key);
        }
        let addresses: Vec<Address> = self.addresses_of(index).copied().collect();
        for address in addresses {
            self.remove_address(address, delta);
        }
    }

    fn remove_address(&mut self, address: Address, delta: &mut HostDelta) {
        let Some(same) = self.addresses.get_mut(&address.address) else { return };
        if same.remove(&address) {
            delta.addresses.insert(address);
        }
        if same.is_empty() {
            self.addresses.remove(&address.address);
        }
    }

    /// Says what follows from next-hop objects that lead elsewhere now.
    fn follow(&self, moved: &[Moved], delta: &mut HostDelta) {
        delta.next_hops.extend(moved.iter().map(|moved| moved.id));
        for Moved { id, attachment } in moved {
            if *attachment {
                delta.routes.append(&mut self.routes.through(*id));
            } else {
                delta.routes.extend(self.routes.through_but_bgp(*id));
            }
        }
    }

    fn resync(&mut self, snapshot: Snapshot, delta: &mut HostDelta) {
        let links: BTreeMap<u32, Link> = snapshot.links.into_iter().map(|link| (link.index, link)).collect();
        let toggled: Vec<u32> = (self.links.keys().chain(links.keys()))
            .filter(|index| self.is_up(**index) != links.get(index).is_some_and(|link| link.up))
            .copied()
            .collect();
        delta.links = differing(&self.links, &links);
        self.links = links;

        let neighbours: BTreeMap<(u32, IpAddr), Neighbour> =
            snapshot.neighbours.into_iter().map(|neighbour| ((neighbour.link, neighbour.address), neighbour)).collect();
        delta.neighbours = differing(&self.neighbours, &neighbours);
        self.neighbours = neighbours;

        let old: BTreeSet<Address> = self.addresses().copied().collect();
        let new: BTreeSet<Address> = snapshot.addresses.into_iter().collect();
        delta.addresses = old.symmetric_difference(&new).copied().collect();
        self.addresses.clear();
        for address in new {
            self.addresses.entry(address.address).or_default().insert(address);
        }

        self.has_next_hop_objects = snapshot.next_hops.is_some();
        let next_hops = NextHops::new(snapshot.next_hops.unwrap_or_default());
        let moved = self.next_hops.differing(&next_hops);
        self.next_hops = next_hops;
        self.follow(&moved, delta);
        delta.routes.append(&mut self.routes.replace_all(snapshot.routes));
        for index in toggled {
            delta.routes.append(&mut self.routes.over_link(index, &self.next_hops));
        }
    }
}

/// The subnet that an address puts its interface in.
fn subnet(own: &Address) -> Option<Prefix> {
    Prefix::new(own.peer.unwrap_or(own.address), own.prefix_len).ok()
}

fn differing<K: Ord + Copy, V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> BTreeSet<K> {
    old.keys().chain(new.keys()).filter(|key| old.get(key) != new.get(key)).copied().collect()
}
