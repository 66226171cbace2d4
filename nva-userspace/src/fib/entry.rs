//! The state of one prefix.

use super::{Wanted, Withheld};
use crate::host::Hop;
use crate::net::Prefix;

/// One prefix, wanted or installed or both.
#[derive(Debug)]
pub(super) struct Entry {
    /// What the Loc-RIB wants; `None` when BGP has no route, or never had one in this life.
    pub(super) wanted: Option<Wanted>,
    /// What that comes to. Here and below, no hops are a route that drops packets.
    pub(super) resolved: Option<Result<Vec<Hop>, Withheld>>,
    /// Our route in the kernel, as far as we know.
    pub(super) installed: Option<Vec<Hop>>,
    /// What an operation that is under way leads to: these hops, or no route.
    pub(super) in_flight: Option<Option<Vec<Hop>>>,
    /// The host's state has shown what is in flight.
    pub(super) echoed: bool,
    /// What the host's state has shown last while an operation is in flight.
    pub(super) seen: Option<Option<Vec<Hop>>>,
    /// The host's state has shown what is installed: from then on, a difference is somebody else's doing.
    pub(super) confirmed: bool,
    /// Found in the kernel at the start, and not wanted so far.
    pub(super) adopted: bool,
    /// The last operation failed.
    pub(super) failure: Option<Failure>,
}

impl Default for Entry {
    fn default() -> Entry {
        Entry {
            wanted: None,
            resolved: None,
            installed: None,
            in_flight: None,
            echoed: false,
            seen: None,
            confirmed: true,
            adopted: false,
            failure: None,
        }
    }
}

impl Entry {
    /// Whether there is nothing left to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_none() && self.installed.is_none() && self.in_flight.is_none()
    }

    /// Whether the kernel forwards by this prefix, or soon will, because of BGP.
    pub(super) fn attracts(&self) -> bool {
        self.is_resolved() || self.installed.is_some()
    }

    /// Whether BGP wants the prefix and it resolves.
    pub(super) fn is_resolved(&self) -> bool {
        matches!(self.resolved, Some(Ok(_)))
    }

    /// The reason why the prefix is wanted but not installed.
    pub(super) fn withheld(&self) -> Option<&Withheld> {
        self.resolved.as_ref().and_then(|resolved| resolved.as_ref().err())
    }
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
    /// What the kernel should hold: no hops are a route that drops packets.
    pub desired: Option<&'a [Hop]>,
    /// What the kernel does hold, as far as we know.
    pub installed: Option<&'a [Hop]>,
    /// It keeps a peer reachable through the route that existed before BGP.
    pub pinned: bool,
    /// It was found in the kernel at the start and waits for BGP to confirm or abandon it.
    pub adopted: bool,
    /// An operation is under way.
    pub in_flight: bool,
    /// Why a wanted prefix is not to be installed.
    pub withheld: Option<&'a Withheld>,
    /// Why the kernel refused the last operation.
    pub failure: Option<&'a Failure>,
}
