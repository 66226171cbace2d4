//! The state of one prefix.

use thiserror::Error;

use super::held::Held;
use super::shares::ShareId;
use super::{Wanted, Withheld};
use crate::host::{Hop, Via};
use crate::net::Prefix;

/// One prefix, wanted or installed or both.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What the Loc-RIB wants, shared with the other prefixes for which it wants the same; `None` when BGP has no route,
    /// or never had one in this life.
    pub(super) wanted: Option<ShareId>,
    /// It is on a link already, so it is not installed whatever it is wanted through.
    pub(super) connected: bool,
    /// Our route in the kernel.
    pub(super) held: Held<Via>,
    /// Found in the kernel at the start, and not wanted so far.
    pub(super) adopted: bool,
    /// It is queued to be looked at.
    pub(super) queued: bool,
}

impl Entry {
    /// Whether there is nothing left to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_none() && self.held.is_gone()
    }

    /// The next-hop objects that its route names in the kernel, or may name soon.
    pub(super) fn objects(&self) -> impl Iterator<Item = u32> {
        self.held.possible().filter_map(|via| match via {
            Via::Object(id) => Some(*id),
            Via::Hops(_) => None,
        })
    }
}

/// Why the kernel has no route for a prefix that BGP wants.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Absent {
    /// It has not answered yet.
    #[error("the kernel has yet to take it")]
    Pending,
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It is not asked.
    #[error("{0}")]
    Withheld(Withheld),
}

/// What the kernel answered when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its words.
    pub reason: String,
    /// How many times in a row.
    pub attempts: u32,
}

/// One prefix of the [`Fib`](super::Fib), for showing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibEntry<'a> {
    /// The prefix.
    pub prefix: Prefix,
    /// What the Loc-RIB wants; `None` if BGP has no route (a pin, or a route on its way out).
    pub wanted: Option<&'a Wanted>,
    /// Where the kernel's route should lead: no hops are a route that drops packets.
    pub desired: Option<&'a [Hop]>,
    /// What the kernel's route is, as far as we know.
    pub installed: Option<&'a Via>,
    /// It keeps a peer reachable through the route that existed before BGP.
    pub pinned: bool,
    /// It was found in the kernel at the start and waits for BGP to confirm or abandon it.
    pub adopted: bool,
    /// Something is still to be done, or under way.
    pub pending: bool,
    /// Why a wanted prefix is not to be installed.
    pub withheld: Option<&'a Withheld>,
    /// Why the kernel refused the last operation, be it on the route or on the next-hop object that it names.
    pub failure: Option<&'a Failure>,
}
