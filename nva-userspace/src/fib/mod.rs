//! What the kernel's routing table *should* hold for BGP, and the difference to what it does hold.
//!
//! The Loc-RIB says which prefixes are wanted through which next hops, the host's state says how those are reached; the
//! [`Fib`] resolves one by the other (RFC 4271 §9.1.2.1), keeps peers reachable whatever BGP says, and hands out the
//! operations that are left to do. It never looks at a kernel itself: `kernel` carries the operations out.

mod audit;
mod entry;
mod held;
pub mod mirror;
mod objects;
mod pin;
mod queue;
mod resolve;
mod shares;
mod table;

#[cfg(test)]
mod tests;

pub use audit::FibAudit;
pub use entry::{Absent, Failure, FibEntry};
pub use resolve::Withheld;
pub use table::Fib;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::host::{HostRoute, NextHopObject, PROTOCOL_BGP, RouteKind, TABLE_MAIN, Via};
use crate::net::Prefix;
use crate::route::NextHop;

/// By what our routes are told from everybody else's. All three together mark a route as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibConfig {
    /// The kernel's routing table.
    pub table: u32,
    /// `RTA_PRIORITY`.
    pub metric: u32,
    /// `RTPROT_*`.
    pub protocol: u8,
}

impl FibConfig {
    /// Below what DHCP clients give their default routes (100 and up), since a default route learned by BGP is meant to
    /// win over those; above connected and static routes (0); and neither FRR's 20 nor BIRD's 32, so that their routes
    /// are never taken for ours when they run on the same machine.
    pub const METRIC: u32 = 79;

    /// The numbers of our next-hop objects. Other daemons count from 1, or from multiples of 2²⁷ and the like.
    pub const OBJECTS: RangeInclusive<u32> = 0x4e56_0000..=0x4e56_ffff;

    /// Whether a route in the kernel is one that we installed.
    pub fn is_ours(&self, route: &HostRoute) -> bool {
        self.via_of_ours(route).is_some()
    }

    /// Where a route leads that we installed; `None` if somebody else did.
    fn via_of_ours<'a>(&self, route: &'a HostRoute) -> Option<&'a Via> {
        let marks = (route.table, route.metric, route.protocol);
        let like_ours = match (route.kind, &route.via) {
            (RouteKind::Unicast, Via::Hops(hops)) => !hops.is_empty(),
            (RouteKind::Unicast, Via::Object(id)) => FibConfig::OBJECTS.contains(id),
            (RouteKind::Blackhole, Via::Hops(hops)) => hops.is_empty(),
            (RouteKind::Blackhole, Via::Object(_))
            | (
                RouteKind::Local
                | RouteKind::Broadcast
                | RouteKind::Multicast
                | RouteKind::Unreachable
                | RouteKind::Prohibit
                | RouteKind::Other,
                _,
            ) => false,
        };
        (marks == (self.table, self.metric, self.protocol) && like_ours).then_some(&route.via)
    }
}

impl Default for FibConfig {
    fn default() -> FibConfig {
        FibConfig { table: TABLE_MAIN, metric: FibConfig::METRIC, protocol: PROTOCOL_BGP }
    }
}

/// A route as we install it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibRoute {
    /// The destination.
    pub prefix: Prefix,
    /// The kernel's routing table.
    pub table: u32,
    /// `RTA_PRIORITY`.
    pub metric: u32,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// The ways out, sorted and distinct, or the next-hop object that stands for them; no hops if packets are dropped, as
    /// in [`HostRoute`].
    pub via: Via,
}

impl FibRoute {
    /// What the kernel does by it: there is no forwarding without a way out.
    pub fn kind(&self) -> RouteKind {
        match &self.via {
            Via::Hops(hops) if hops.is_empty() => RouteKind::Blackhole,
            Via::Hops(_) | Via::Object(_) => RouteKind::Unicast,
        }
    }
}

/// What the Loc-RIB wants done with packets for a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// They are forwarded through these: sorted and distinct.
    Through(Vec<NextHop>),
    /// They are dropped: by a route with the community BLACKHOLE (RFC 7999), or by an aggregate, below which nothing is
    /// known (RFC 4271 §9.1.4).
    Discard,
}

impl Wanted {
    /// Forwarding through these, in any order.
    pub fn through(next_hops: impl IntoIterator<Item = NextHop>) -> Wanted {
        let distinct: BTreeSet<NextHop> = next_hops.into_iter().collect();
        Wanted::Through(distinct.into_iter().collect())
    }

    /// The next hops; none if packets are dropped.
    pub fn next_hops(&self) -> &[NextHop] {
        match self {
            Wanted::Through(next_hops) => next_hops,
            Wanted::Discard => &[],
        }
    }
}

/// One thing to do to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FibOp {
    /// Add it where nothing like it is: no route of this prefix and metric, no object of this number.
    Install(FibItem),
    /// Give ours another content.
    Replace(FibItem),
    /// Take ours away.
    Withdraw(FibItem),
}

/// What the kernel is told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FibItem {
    /// A route.
    Route(FibRoute),
    /// A next-hop object, which routes name.
    Object(NextHopObject),
}

impl FibOp {
    /// What it is about.
    pub fn item(&self) -> &FibItem {
        match self {
            FibOp::Install(item) | FibOp::Replace(item) | FibOp::Withdraw(item) => item,
        }
    }
}
