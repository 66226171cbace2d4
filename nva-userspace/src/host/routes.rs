//! The kernel's routes of every table, in one trie.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;

use super::next_hops::NextHops;
use super::{Hop, HostRoute, PROTOCOL_BGP, RouteKind, TABLE_LOCAL, TABLE_MAIN, Via};
use crate::net::{AfiSafi, Prefix};

/// `RTPROT_REDIRECT` and `RTPROT_RA`: the kernel never merges such IPv6 routes into a multipath route.
const NEVER_MULTIPATH: [u8; 2] = [1, 9];

/// Routes by prefix; those of one prefix in the order in which the kernel considers them: local table, main table, the
/// others; by metric; by age.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    trie: JointPrefixMap<IpNet, Vec<HostRoute>>,
    /// The routes that name next-hop objects, by these.
    named: BTreeMap<u32, Named>,
}

/// The routes that name a next-hop object. A BGP daemon's may be a million: they are counted, and looked for when needed.
#[derive(Debug, Default)]
struct Named {
    routes: usize,
    /// The prefixes of others.
    others: BTreeSet<Prefix>,
}

impl RouteTable {
    /// Puts a route in place of the first of the same key. Whether anything changed.
    pub(super) fn set(&mut self, route: HostRoute) -> bool {
        let route = normalised(route);
        if self.of(route.prefix).contains(&route) {
            return false;
        }
        self.change(route.prefix, |routes| put(routes, route))
    }

    /// Puts a route beside those of the same key, unless the kernel would merge them. Whether anything changed.
    pub(super) fn add(&mut self, route: HostRoute) -> bool {
        let route = normalised(route);
        if self.of(route.prefix).contains(&route) {
            return false;
        }
        self.change(route.prefix, |routes| {
            match routes.iter_mut().find(|old| merges(&route) && merges(old) && same_key(old, &route)) {
                Some(old) => *old = route,
                None => insert(routes, route),
            }
            true
        })
    }

    /// Takes exactly this route away, or its hops out of an IPv6 multipath route. Whether anything changed.
    pub(super) fn remove(&mut self, route: &HostRoute) -> bool {
        let route = normalised(route.clone());
        self.change(route.prefix, |routes| take_away(routes, &route))
    }

    /// Takes a link's hops away, and the routes that had no others, or whose next-hop object is gone with the link. The
    /// prefixes that this changed.
    pub(super) fn remove_link(&mut self, link: u32, objects: &BTreeSet<u32>) -> BTreeSet<Prefix> {
        let over = |route: &HostRoute| match &route.via {
            Via::Hops(hops) => hops.iter().any(|hop| hop.link == link),
            Via::Object(id) => objects.contains(id),
        };
        let changed: BTreeSet<Prefix> = self.iter().filter(|route| over(route)).map(|route| route.prefix).collect();
        for prefix in &changed {
            self.change(*prefix, |routes| {
                for mut route in std::mem::take(routes) {
                    let stays = match &mut route.via {
                        Via::Object(id) => !objects.contains(id),
                        Via::Hops(hops) => {
                            let had = hops.len();
                            hops.retain(|hop| hop.link != link);
                            had == hops.len() || !hops.is_empty()
                        }
                    };
                    if stays && !routes.contains(&route) {
                        routes.push(route);
                    }
                }
                true
            });
        }
        changed
    }

    /// Takes the routes away that name a next-hop object, as the kernel does with one that is removed. Their prefixes.
    pub(super) fn remove_through(&mut self, object: u32) -> BTreeSet<Prefix> {
        let prefixes = self.through(object);
        for prefix in &prefixes {
            self.change(*prefix, |routes| {
                routes.retain(|route| route.via != Via::Object(object));
                true
            });
        }
        prefixes
    }

    /// The prefixes of the routes that name a next-hop object.
    pub(super) fn through(&self, object: u32) -> BTreeSet<Prefix> {
        if !self.named.contains_key(&object) {
            return BTreeSet::new();
        }
        self.iter().filter(|route| route.via == Via::Object(object)).map(|route| route.prefix).collect()
    }

    /// The same but for the routes of BGP daemons.
    pub(super) fn through_but_bgp(&self, object: u32) -> impl Iterator<Item = Prefix> {
        self.named.get(&object).into_iter().flat_map(|named| &named.others).copied()
    }

    /// The prefixes that have a hop over this link.
    pub(super) fn over_link(&self, link: u32, next_hops: &NextHops) -> BTreeSet<Prefix> {
        let over = |route: &&HostRoute| hops(route, next_hops).iter().any(|hop| hop.link == link);
        self.iter().filter(over).map(|route| route.prefix).collect()
    }

    /// Puts these routes in place of all. The prefixes where that made a difference.
    pub(super) fn replace_all(&mut self, routes: Vec<HostRoute>) -> BTreeSet<Prefix> {
        let mut fresh = RouteTable::default();
        for route in routes {
            fresh.add(route);
        }
        let old = std::mem::replace(self, fresh);
        let gone = old.trie.iter().filter(|(net, _)| !self.trie.contains_key(net)).map(|(net, _)| net);
        let other = self.trie.iter().filter(|(net, routes)| old.trie.get(net) != Some(*routes)).map(|(net, _)| net);
        gone.chain(other).map(Prefix::from).collect()
    }

    /// Changes the routes of a prefix, and keeps count of the objects that routes name.
    fn change(&mut self, prefix: Prefix, change: impl FnOnce(&mut Vec<HostRoute>) -> bool) -> bool {
        let routes = self.trie.entry(prefix.net()).or_default();
        let before = objects(routes);
        let changed = change(routes);
        let after = objects(routes);
        if routes.is_empty() {
            self.trie.remove(&prefix.net());
        }
        if before == after {
            return changed;
        }
        for (object, _) in &before {
            if let Some(named) = self.named.get_mut(object) {
                named.routes = named.routes.saturating_sub(1);
                named.others.remove(&prefix);
            }
        }
        for (object, is_bgp) in &after {
            let named = self.named.entry(*object).or_default();
            named.routes += 1;
            if !is_bgp {
                named.others.insert(prefix);
            }
        }
        for (object, _) in &before {
            if self.named.get(object).is_some_and(|named| named.routes == 0) {
                self.named.remove(object);
            }
        }
        changed
    }

    /// The routes of a prefix, in the kernel's order.
    pub(super) fn of(&self, prefix: Prefix) -> &[HostRoute] {
        self.trie.get(&prefix.net()).map_or(&[], Vec::as_slice)
    }

    /// The routes of each prefix that contains the address, the longest prefix first.
    pub(super) fn covering(&self, address: IpAddr) -> impl Iterator<Item = &[HostRoute]> {
        let mut found: Vec<&[HostRoute]> =
            self.trie.cover(&IpNet::from(address)).map(|(_, routes)| routes.as_slice()).collect();
        found.reverse();
        found.into_iter()
    }

    /// Every route, by prefix.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HostRoute> {
        self.trie.iter().flat_map(|(_, routes)| routes)
    }
}

/// The next-hop objects that routes name, each with whether the route is a BGP daemon's.
fn objects(routes: &[HostRoute]) -> Vec<(u32, bool)> {
    let object = |route: &HostRoute| match route.via {
        Via::Object(id) => Some((id, route.protocol == PROTOCOL_BGP)),
        Via::Hops(_) => None,
    };
    routes.iter().filter_map(object).collect()
}

/// Puts a route in place of the first of the same key.
fn put(routes: &mut Vec<HostRoute>, route: HostRoute) -> bool {
    // The kernel's IPv6 prefers to replace a route of the same sort, with gateways or without (fib6_add_rt2node).
    let ipv6 = route.prefix.family() == AfiSafi::Ipv6Unicast;
    let same_sort = |old: &HostRoute| same_key(old, &route) && merges(old) == merges(&route);
    let place = routes
        .iter()
        .position(|old| ipv6 && same_sort(old))
        .or_else(|| routes.iter().position(|old| same_key(old, &route)));
    match place.and_then(|at| routes.get_mut(at)) {
        Some(old) => *old = route,
        None => insert(routes, route),
    }
    true
}

/// Takes exactly this route away, or its hops out of an IPv6 multipath route.
fn take_away(routes: &mut Vec<HostRoute>, route: &HostRoute) -> bool {
    // What a route through an object does may have changed with the object; and the kernel changes MTUs of IPv6 routes with
    // their interface's without a word (rt6_mtu_change).
    let alike = |old: &HostRoute| {
        let same = (old.protocol, old.kind) == (route.protocol, route.kind) || is_shared(old);
        same && old.via == route.via && same_key(old, route)
    };
    let exactly = routes.iter().position(|old| old == route);
    if let Some(at) = exactly.or_else(|| routes.iter().position(alike)) {
        routes.remove(at);
        return true;
    }
    // The kernel does not say the weight of what goes.
    let is_in = |hops: &[Hop], hop: &Hop| hops.iter().any(|one| (one.gateway, one.link) == (hop.gateway, hop.link));
    let has_hops = |old: &HostRoute| own_hops(route).iter().all(|hop| is_in(own_hops(old), hop));
    let place = routes.iter().position(|old| merges(route) && same_key(old, route) && has_hops(old));
    let Some(at) = place else { return false };
    if let Some(HostRoute { via: Via::Hops(hops), .. }) = routes.get_mut(at) {
        hops.retain(|hop| !is_in(own_hops(route), hop));
        match hops.as_mut_slice() {
            [] => drop(routes.remove(at)),
            // Nor that of a single one.
            [only] => only.weight = 1,
            [_, _, ..] => {}
        }
    }
    true
}

/// Where a route leads, be it by itself or through an object.
pub(super) fn hops<'a>(route: &'a HostRoute, next_hops: &'a NextHops) -> &'a [Hop] {
    match &route.via {
        Via::Hops(hops) => hops,
        Via::Object(id) => next_hops.lead(*id).map_or(&[], |lead| &lead.hops),
    }
}

/// The ways out that are the route's own.
fn own_hops(route: &HostRoute) -> &[Hop] {
    match &route.via {
        Via::Hops(hops) => hops,
        Via::Object(_) => &[],
    }
}

fn is_shared(route: &HostRoute) -> bool {
    matches!(route.via, Via::Object(_))
}

fn insert(routes: &mut Vec<HostRoute>, route: HostRoute) {
    let at = routes.partition_point(|old| order(old) <= order(&route));
    routes.insert(at, route);
}

fn order(route: &HostRoute) -> (u32, u32, u32) {
    let rank = match route.table {
        TABLE_LOCAL => 0,
        TABLE_MAIN => 1,
        _ => 2,
    };
    (rank, route.table, route.metric)
}

fn same_key(one: &HostRoute, other: &HostRoute) -> bool {
    (one.table, one.prefix, one.metric) == (other.table, other.prefix, other.metric)
}

/// Whether the kernel makes one multipath route of this and others of its kind (`rt6_qualify_for_ecmp`).
fn merges(route: &HostRoute) -> bool {
    route.prefix.family() == AfiSafi::Ipv6Unicast
        && route.kind == RouteKind::Unicast
        && !NEVER_MULTIPATH.contains(&route.protocol)
        && !own_hops(route).is_empty()
        && own_hops(route).iter().all(|hop| hop.gateway.is_some())
}

fn normalised(mut route: HostRoute) -> HostRoute {
    if let Via::Hops(hops) = &mut route.via {
        hops.sort_unstable();
    }
    route
}
