//! The values that the RIB takes, keeps and hands out: import results, paths, selections, deltas, explanations.

use std::fmt;
use std::net::IpAddr;
use std::ops::Add;
use std::sync::Arc;

use super::decision::Step;
use crate::net::{Asn, Prefix, RouterId};
use crate::route::{NextHop, Route, Source};

/// What became of a received route on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// It takes part in the decision, as the import policy left it. Prefix and source stay those of the received
    /// route, whatever stands here.
    Accepted(Route),
    /// It is kept, for `show` and for running the policy again, and takes no part in anything.
    Rejected(Rejection),
}

/// Why a received route was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Our own AS stands in its AS path: a loop (RFC 4271 §9.1.2).
    OwnAs {
        /// Our AS.
        asn: Asn,
        /// How often.
        times: usize,
        /// How often it may (`allow-own-as`).
        allowed: usize,
    },
    /// It has an AS_SET or AS_CONFED_SET, in AS_PATH or AS4_PATH (RFC 9774 §3).
    AsSet,
    /// We brought the route into our AS ourselves, and a reflector sends it back (RFC 4456 §8).
    OwnOriginator {
        /// Our BGP Identifier, its ORIGINATOR_ID.
        router_id: RouterId,
    },
    /// It came from a customer, a client or a lateral peer although it is for customers only: a leak (RFC 9234 §5).
    RouteLeak {
        /// Who marked it.
        marked_by: Asn,
    },
    /// Its next hop is one of our own addresses (RFC 4271 §6.3 a).
    OwnNextHop {
        /// The next hop.
        address: IpAddr,
    },
    /// From a one-hop external peer, with a next hop that is neither the peer nor on a subnet shared with it
    /// (RFC 4271 §6.3 b).
    ForeignNextHop {
        /// The next hop.
        address: IpAddr,
    },
    /// The import policy said no.
    Policy {
        /// Which statement, or that none matched: the policy's own words.
        decided_by: Arc<str>,
    },
    /// As many routes of this family are accepted from the peer as its `import-limit` allows; the next one that goes
    /// makes room.
    ImportLimit {
        /// The limit.
        limit: usize,
    },
    /// It is no route: a fellow hub says by it that it tells this route server its share of the paths.
    Presence {
        /// The route server.
        server: Arc<str>,
    },
    /// A guard that is no policy said no.
    Guard {
        /// Which one, and why.
        rule: Arc<str>,
    },
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::OwnAs { asn, allowed: 0, .. } => write!(f, "our own AS {asn} is in the AS path"),
            Rejection::OwnAs { asn, times, allowed } => {
                write!(f, "our own AS {asn} is {times} times in the AS path, allow-own-as is {allowed}")
            }
            Rejection::AsSet => f.write_str("an AS_SET or AS_CONFED_SET is in the AS path (RFC 9774, allow-as-sets)"),
            Rejection::OwnOriginator { router_id } => write!(f, "our own router id {router_id} is its originator"),
            Rejection::RouteLeak { marked_by } => {
                write!(f, "route leak: AS {marked_by} marked it as only to customers (RFC 9234)")
            }
            Rejection::OwnNextHop { address } => write!(f, "next hop {address} is an address of our own"),
            Rejection::ForeignNextHop { address } => {
                write!(f, "next hop {address} is neither the peer nor on a subnet shared with it")
            }
            Rejection::Policy { decided_by } => f.write_str(decided_by),
            Rejection::ImportLimit { limit } => write!(f, "the peer's import-limit of {limit} prefixes is reached"),
            Rejection::Presence { server } => {
                write!(f, "no route, but a sign that the hub shares out paths to {server}")
            }
            Rejection::Guard { rule } => f.write_str(rule),
        }
    }
}

/// Why an accepted route takes no part in the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// Nothing leads to its next hop (RFC 4271 §9.1.2).
    UnreachableNextHop {
        /// The next hop.
        next_hop: NextHop,
    },
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ineligible::UnreachableNextHop { next_hop } => write!(f, "next hop {next_hop} is unreachable"),
        }
    }
}

/// What the RIB wants to know about next hops.
///
/// After an answer has changed, [`super::Rib::decide`] has to be called for every prefix of
/// [`super::Rib::prefixes_through`] the next hop; until then prefixes that share it may disagree about it.
pub trait NextHops {
    /// The interior cost of the way there (RFC 4271 §9.1.2.2 e); `None` if there is none. Never asked about
    /// [`NextHop::Own`] and [`NextHop::Discard`], which cost 0.
    fn metric(&self, next_hop: NextHop) -> Option<u32>;
}

/// What the decision process chose for a prefix. Equal selections agree in every route and every next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The one route that peers are told, but for those among whose tellers the paths are shared out.
    pub best: Route,
    /// The routes to forward by, the best among them: ordered by next hop, no next hop twice.
    pub multipath: Vec<Route>,
    /// What routers that share out the paths to a prefix can choose from: the best and all that are as good through step
    /// c, ordered by next hop, no next hop twice. Empty unless [`super::DecisionConfig::diverse`] asks for it.
    pub diverse: Vec<Route>,
}

/// A change of the Loc-RIB; `old` and `new` always differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RibDelta {
    /// The prefix it is about.
    pub prefix: Prefix,
    /// What was selected before; `None` if nothing was.
    pub old: Option<Selected>,
    /// What is selected now; `None` if nothing is.
    pub new: Option<Selected>,
}

/// One path to a prefix, and how it stands.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// As it was received.
    pub received: &'a Route,
    /// As the import policy left it; `None` if it was rejected.
    pub accepted: Option<&'a Route>,
    /// The interior cost of its next hop when that was last looked at; `None` if unreachable or rejected.
    pub metric: Option<u32>,
    /// How it stands.
    pub standing: Standing<'a>,
}

/// How a path stands among those for its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is the best.
    Best,
    /// As good as the best through step e, and used beside it.
    Multipath,
    /// Another is better.
    Lost {
        /// Whose route that is: the best one's, unless MED decided against another of the same neighbour AS.
        to: &'a Source,
        /// The step that told them apart.
        at: Step,
    },
    /// It could not take part.
    Ineligible(Ineligible),
    /// It was not let in.
    Rejected(&'a Rejection),
}

impl fmt::Display for Standing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Best => f.write_str("best"),
            Standing::Multipath => f.write_str("multipath"),
            Standing::Lost { to, at } => write!(f, "lost to {}: {at}", to.name()),
            Standing::Ineligible(reason) => write!(f, "ineligible: {reason}"),
            Standing::Rejected(reason) => reason.fmt(f),
        }
    }
}

/// A received route with its import result, as [`super::Rib::routes_of`] lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// As it was received.
    pub route: &'a Route,
    /// As the import policy left it, or why it was not let in.
    pub import: Result<&'a Route, &'a Rejection>,
}

/// How many routes there are from one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the Adj-RIB-In, rejected ones included.
    pub received: usize,
    /// Let in by the import policy; those with an unreachable next hop included.
    pub accepted: usize,
    /// Best for their prefix.
    pub best: usize,
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            received: self.received + other.received,
            accepted: self.accepted + other.accepted,
            best: self.best + other.best,
        }
    }
}

/// A route in the Adj-RIB-In beside its import result.
#[derive(Debug)]
pub(super) struct Path {
    pub received: Route,
    imported: Imported,
    /// The next hop's interior cost at the last decision; `None` if unreachable or rejected.
    pub metric: Option<u32>,
}

/// [`Import`], without storing the route a second time where the policy changed nothing.
#[derive(Debug)]
enum Imported {
    Unchanged,
    Changed(Box<Route>),
    Rejected(Rejection),
}

impl Path {
    pub fn new(received: Route, import: Import) -> Path {
        let imported = match import {
            Import::Accepted(mut route) => {
                route.prefix = received.prefix;
                route.source = Arc::clone(&received.source);
                if route == received { Imported::Unchanged } else { Imported::Changed(Box::new(route)) }
            }
            Import::Rejected(reason) => Imported::Rejected(reason),
        };
        Path { received, imported, metric: None }
    }

    /// The route that takes part in the decision, or why none does.
    pub fn import(&self) -> Result<&Route, &Rejection> {
        match &self.imported {
            Imported::Unchanged => Ok(&self.received),
            Imported::Changed(route) => Ok(route),
            Imported::Rejected(reason) => Err(reason),
        }
    }

    /// The address of the next hop, if it was accepted and has one.
    pub fn next_hop(&self) -> Option<IpAddr> {
        match self.import() {
            Ok(Route { next_hop: NextHop::Via(address), .. }) => Some(*address),
            Ok(Route { next_hop: NextHop::Own | NextHop::Discard(_), .. }) | Err(_) => None,
        }
    }

    /// Looks the next hop up again.
    pub fn resolve(&mut self, next_hops: &dyn NextHops) {
        self.metric = match self.import().map(|route| route.next_hop) {
            // Nothing has to lead to where nothing goes.
            Ok(NextHop::Own | NextHop::Discard(_)) => Some(0),
            Ok(via @ NextHop::Via(_)) => next_hops.metric(via),
            Err(_) => None,
        };
    }
}
