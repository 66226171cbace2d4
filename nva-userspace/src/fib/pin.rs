//! Host routes that keep BGP peers reachable through the route that existed before BGP.
//!
//! A BGP route that covers a peer's address more closely than the route that leads there would capture the session that
//! it was learned from: the session breaks, the route goes, the session comes back, and so on. As long as there is such
//! a route, the peer gets a /32 or /128 of its own along the old way. Next hops need none: a route is installed with the
//! gateway and link that its next hop resolved to, and the kernel does not resolve those again.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::resolve::normalised;
use crate::host::{Hop, HostState};
use crate::net::{AfiSafi, Prefix};

/// A peer's way without BGP.
#[derive(Debug, Default)]
pub(super) struct Pin {
    /// The ways out, and the length of the prefix that gave them.
    way: Option<(Vec<Hop>, u8)>,
    /// A BGP route would capture the peer, so the pin is to be installed.
    pub(super) active: bool,
}

impl Pin {
    /// Looks the way up again. Whether it differs.
    pub(super) fn resolve(&mut self, peer: IpAddr, host: &HostState) -> bool {
        let way = host.resolve(peer).map(|way| (normalised(way.hops), way.prefix.len()));
        let changed = self.way != way;
        self.way = way;
        changed
    }

    /// What to install, if anything.
    pub(super) fn hops(&self) -> Option<&[Hop]> {
        self.way.as_ref().filter(|_| self.active).map(|(hops, _)| hops.as_slice())
    }

    /// Decides whether the pin is needed: BGP wants a prefix and it resolves (`wanted`), or has it in the kernel
    /// (`installed`).
    pub(super) fn review(&mut self, peer: IpAddr, wanted: impl Fn(Prefix) -> bool, installed: impl Fn(Prefix) -> bool) {
        let bits = AfiSafi::of(peer).address_bits();
        let prefix = |length| Prefix::new(peer, length).ok();
        self.active = self.way.as_ref().is_some_and(|(_, shortest)| {
            // At full length, what is installed may be the pin itself.
            (*shortest..bits).filter_map(prefix).any(|prefix| wanted(prefix) || installed(prefix))
                || prefix(bits).is_some_and(&wanted)
        });
    }
}

/// Every address in a prefix.
pub(super) fn span(prefix: Prefix) -> RangeInclusive<IpAddr> {
    prefix.net().network()..=prefix.net().broadcast()
}
