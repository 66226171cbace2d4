//! Which route of the kernel's decides on a prefix, and which group that means.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;

use ipnet::IpNet;
use prefix_trie::joint::set::JointPrefixSet;

use super::ports::Ports;
use crate::host::{Hop, HostRoute, HostState, RouteKind, TABLE_LOCAL, TABLE_MAIN};
use crate::net::{AfiSafi, Prefix};

/// What groups are told apart by: what the route says, its own MTU included, not what has become of its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Forward(Vec<Hop>, Option<NonZeroU32>),
    /// What a next-hop object of the kernel's does, which all routes share that name it.
    Object(u32, Option<NonZeroU32>),
    /// A neighbour on a link, as its own host route.
    Neighbour(Hop, Option<NonZeroU32>),
    Local(Prefix),
    Blackhole(Prefix),
    /// A link whose neighbours are to be resolved.
    OnLink(Hop),
    Refused,
    Broadcast,
    Kernel,
}

/// The prefixes of the local table that are more than one address. The kernel asks the local table first: what it holds
/// hides every longer prefix of the main table.
#[derive(Debug, Default)]
pub struct Covers(JointPrefixSet<IpNet>);

impl Covers {
    /// From all routes.
    pub fn new(host: &HostState) -> Covers {
        let covers = host.routes().filter(|route| route.table == TABLE_LOCAL && can_cover(route.prefix));
        Covers(covers.map(|route| route.prefix.net()).collect())
    }

    /// Follows a change of these prefixes' routes. Returns whether other prefixes are affected.
    pub fn update(&mut self, changed: &BTreeSet<Prefix>, host: &HostState) -> bool {
        let mut affects = false;
        for prefix in changed.iter().filter(|prefix| can_cover(**prefix)) {
            let is_cover = host.routes_of(*prefix).iter().any(|route| route.table == TABLE_LOCAL);
            affects |= if is_cover { self.0.insert(prefix.net()) } else { self.0.remove(&prefix.net()) };
        }
        affects
    }

    fn hide(&self, prefix: Prefix) -> bool {
        self.0.get_spm(&prefix.net()).is_some_and(|shortest| shortest != prefix.net())
    }
}

/// The group that a prefix needs, or `None` if it needs none of its own.
pub fn key(prefix: Prefix, host: &HostState, covers: &Covers, ports: &Ports) -> Option<Key> {
    if prefix.is_host() {
        let nearest = nearest(prefix, host, covers)?;
        if let Some(neighbour) = neighbour(prefix, nearest, host, ports) {
            return Some(neighbour);
        }
        return (nearest.prefix == prefix).then(|| key_of(nearest, host));
    }
    route(prefix, host, covers).map(|route| key_of(route, host))
}

/// The neighbour itself, if the address is on a link of ours and the neighbour's MAC is known.
fn neighbour(address: Prefix, route: &HostRoute, host: &HostState, ports: &Ports) -> Option<Key> {
    if host.kind(route) != RouteKind::Unicast || is_ambiguous(route, host) {
        return None;
    }
    let on_link = on_link(host.hops(route)).filter(|hop| ports.contains(hop.link))?;
    host.neighbour(on_link.link, address.address())?.mac?;
    Some(Key::Neighbour(Hop { gateway: Some(address.address()), link: on_link.link, weight: 1 }, route.mtu))
}

fn key_of(route: &HostRoute, host: &HostState) -> Key {
    if is_ambiguous(route, host) {
        return Key::Kernel;
    }
    if let Some(id) = host.object_of(route) {
        return Key::Object(id, route.mtu);
    }
    let hops = host.hops(route);
    if let (RouteKind::Unicast, Some(hop)) = (route.kind, on_link(hops)) {
        return Key::OnLink(Hop { weight: 1, ..*hop });
    }
    match route.kind {
        RouteKind::Unicast if hops.is_empty() => Key::Kernel,
        RouteKind::Unicast => Key::Forward(hops.to_vec(), route.mtu),
        RouteKind::Local => Key::Local(route.prefix),
        RouteKind::Broadcast | RouteKind::Multicast => Key::Broadcast,
        RouteKind::Blackhole => Key::Blackhole(route.prefix),
        RouteKind::Unreachable | RouteKind::Prohibit => Key::Refused,
        RouteKind::Other => Key::Kernel,
    }
}

/// Whether there are others beside the route that the kernel may take instead: of several IPv6 routes with one metric, it
/// takes the one with the highest router preference (RFC 4191 §3.2), which is not known here.
fn is_ambiguous(route: &HostRoute, host: &HostState) -> bool {
    let rival = |other: &&HostRoute| (other.table, other.metric) == (route.table, route.metric);
    route.table == TABLE_MAIN
        && route.prefix.family() == AfiSafi::Ipv6Unicast
        && host.routes_of(route.prefix).iter().filter(rival).count() > 1
}

/// The only hop of a route that forwards, if its destinations are on the link itself.
pub fn on_link(hops: &[Hop]) -> Option<&Hop> {
    match hops {
        [hop] if hop.gateway.is_none() => Some(hop),
        _ => None,
    }
}

/// The longest match of an address.
fn nearest<'a>(address: Prefix, host: &'a HostState, covers: &Covers) -> Option<&'a HostRoute> {
    let lengths = (0..=address.len()).rev().filter_map(|length| Prefix::new(address.address(), length).ok());
    lengths.into_iter().find_map(|prefix| route(prefix, host, covers))
}

/// The route that decides on a prefix. Whether its link is up does not matter: then it is the kernel that knows what to do.
fn route<'a>(prefix: Prefix, host: &'a HostState, covers: &Covers) -> Option<&'a HostRoute> {
    let routes = host.routes_of(prefix);
    let local = routes.iter().find(|route| route.table == TABLE_LOCAL);
    let main = || routes.iter().filter(|route| route.table == TABLE_MAIN).min_by_key(|route| route.metric);
    local.or_else(|| main().filter(|_| !covers.hide(prefix)))
}

/// Whether packets for the prefix are ever looked up. Those of IPv6 that stay on their link or are multicast are not.
pub fn is_mirrored(prefix: Prefix) -> bool {
    match prefix.address() {
        IpAddr::V4(_) => true,
        // A prefix of this address may be shorter than fe80::/10, and then is about others as well.
        IpAddr::V6(address) if address.is_unicast_link_local() => prefix.len() < 10,
        IpAddr::V6(address) => !address.is_multicast(),
    }
}

/// ff00::/8, which every interface has in the local table, hides only what is not mirrored.
fn can_cover(prefix: Prefix) -> bool {
    is_mirrored(prefix) && !prefix.is_host()
}
