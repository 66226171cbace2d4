//! The kernel's routes of every table, in one trie.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;

use super::next_hops::NextHops;
use super::{Hop, HostRoute, RouteKind, TABLE_LOCAL, TABLE_MAIN, Via};
use crate::net::{AfiSafi, Prefix};

/// `RTPROT_REDIRECT` and `RTPROT_RA`: the kernel never merges such IPv6 routes into a multipath route.
const NEVER_MULTIPATH: [u8; 2] = [1, 9];

/// Routes by prefix; those of one prefix in the order in which the kernel considers them: local table, main table, the
/// others; by metric; by age.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    trie: JointPrefixMap<IpNet, Vec<HostRoute>>,
}

impl RouteTable {
    /// Puts a route in place of the first of the same key. Whether anything changed.
    pub(super) fn set(&mut self, route: HostRoute) -> bool {
        let route = normalised(route);
        let routes = self.trie.entry(route.prefix.net()).or_default();
        if routes.contains(&route) {
            return false;
        }
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

    /// Puts a route beside those of the same key, unless the kernel would merge them. Whether anything changed.
    pub(super) fn add(&mut self, route: HostRoute) -> bool {
        let route = normalised(route);
        let routes = self.trie.entry(route.prefix.net()).or_default();
        if routes.contains(&route) {
            return false;
        }
        match routes.iter_mut().find(|old| merges(&route) && merges(old) && same_key(old, &route)) {
            Some(old) => *old = route,
            None => insert(routes, route),
        }
        true
    }

    /// Takes exactly this route away, or its hops out of an IPv6 multipath route. Whether anything changed.
    pub(super) fn remove(&mut self, route: &HostRoute) -> bool {
        let route = normalised(route.clone());
        let Some(routes) = self.trie.get_mut(&route.prefix.net()) else { return false };
        // What a route through an object does may have changed with the object.
        let same = |old: &HostRoute| *old == route || (old.via == route.via && is_shared(old) && same_key(old, &route));
        let changed = if let Some(at) = routes.iter().position(same) {
            routes.remove(at);
            true
        } else {
            let has_hops = |old: &HostRoute| own_hops(&route).iter().all(|hop| own_hops(old).contains(hop));
            match routes.iter_mut().find(|old| merges(&route) && same_key(old, &route) && has_hops(old)) {
                Some(HostRoute { via: Via::Hops(hops), .. }) => {
                    hops.retain(|hop| !own_hops(&route).contains(hop));
                    true
                }
                Some(_) | None => false,
            }
        };
        if routes.is_empty() {
            self.trie.remove(&route.prefix.net());
        }
        changed
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
            let Some(routes) = self.trie.get_mut(&prefix.net()) else { continue };
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
            if routes.is_empty() {
                self.trie.remove(&prefix.net());
            }
        }
        changed
    }

    /// The prefixes that have a hop over this link.
    pub(super) fn over_link(&self, link: u32, next_hops: &NextHops) -> BTreeSet<Prefix> {
        let over = |route: &&HostRoute| hops(route, next_hops).iter().any(|hop| hop.link == link);
        self.iter().filter(over).map(|route| route.prefix).collect()
    }

    /// The prefixes of routes that name one of these next-hop objects and for which `counts`.
    pub(super) fn through(&self, counts: impl Fn(u32, &HostRoute) -> bool) -> BTreeSet<Prefix> {
        let through = |route: &&HostRoute| matches!(route.via, Via::Object(id) if counts(id, route));
        self.iter().filter(through).map(|route| route.prefix).collect()
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
