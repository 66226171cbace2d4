//! The decision process (RFC 4271 §9.1.1 and §9.1.2.2): which of the eligible routes to a prefix is best, which stand
//! beside it, and which step decided against each of the others.
//!
//! Not here: eligibility, which comes before any order ([`super::Rib`]). Routes are never sorted by preference: MED is
//! compared only within a neighbour AS and so gives no order among three. Each step removes what it finds worse from
//! those that are left, as the RFC has it; the order in which routes arrived never shows (invariant 8).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::net::{Asn, RouterId};
use crate::route::{PeerId, Route, SourceKind};

pub use crate::attributes::DEFAULT_LOCAL_PREF;

/// What an operator may choose about the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionConfig {
    /// The most routes to forward by at once; 0 means 1.
    pub max_paths: usize,
    /// Multipath wants AS paths of equal length only, not equal AS paths.
    pub multipath_relax: bool,
    /// Step c is left out.
    pub ignore_med: bool,
    /// Step c compares across neighbour ASes too.
    pub always_compare_med: bool,
    /// Whether the paths that several routers may share out among them are kept ([`super::Selected::diverse`]).
    pub diverse: bool,
}

impl Default for DecisionConfig {
    /// One path, by the letter of the RFC.
    fn default() -> DecisionConfig {
        DecisionConfig {
            max_paths: 1,
            multipath_relax: false,
            ignore_med: false,
            always_compare_med: false,
            diverse: false,
        }
    }
}

/// The steps of the decision, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// What we originate comes before everything learned.
    Local,
    /// Degree of preference (RFC 4271 §9.1.1).
    LocalPref,
    /// RFC 4271 §9.1.2.2 a.
    AsPathLength,
    /// RFC 4271 §9.1.2.2 b.
    Origin,
    /// RFC 4271 §9.1.2.2 c.
    Med,
    /// RFC 4271 §9.1.2.2 d.
    External,
    /// RFC 4271 §9.1.2.2 e.
    InteriorCost,
    /// RFC 4271 §9.1.2.2 f, with ORIGINATOR_ID in place of the identifier (RFC 4456 §9).
    RouterId,
    /// The shorter CLUSTER_LIST (RFC 4456 §9).
    ClusterList,
    /// RFC 4271 §9.1.2.2 g.
    PeerAddress,
}

impl fmt::Display for Step {
    /// What the better one has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Step::Local => "locally originated",
            Step::LocalPref => "higher local preference",
            Step::AsPathLength => "shorter AS path",
            Step::Origin => "lower origin",
            Step::Med => "lower MED",
            Step::External => "external over internal",
            Step::InteriorCost => "lower cost to the next hop",
            Step::RouterId => "lower router id",
            Step::ClusterList => "shorter cluster list",
            Step::PeerAddress => "lower peer address",
        })
    }
}

/// An eligible route and the interior cost of its next hop.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// As the import policy left it.
    pub route: &'a Route,
    /// The cost (0 for our own routes).
    pub metric: u32,
}

/// Which of two is preferred if there are only these two (`Less`: `a`), and the step that says so. `Equal` comes only
/// from routes of one and the same source.
///
/// Not to be sorted by: three routes can beat each other in a circle.
pub fn compare(a: Contender<'_>, b: Contender<'_>, config: &DecisionConfig) -> (Ordering, Step) {
    for step in Step::ALL {
        let order = match step.group(a, config) == step.group(b, config) {
            true => step.order(a, b, config),
            false => Ordering::Equal,
        };
        if order.is_ne() {
            return (order, step);
        }
    }
    (Ordering::Equal, Step::PeerAddress)
}

/// The outcome for all contenders, as indices into their slice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ranking {
    /// The best.
    pub best: usize,
    /// The best and those beside it, ordered by next hop.
    pub multipath: Vec<usize>,
    /// The best and all that are as good through step c, ordered by next hop; empty unless asked for.
    pub diverse: Vec<usize>,
    /// For each contender what beat it and at which step; `None` for the best alone.
    pub lost: Vec<Option<(usize, Step)>>,
}

/// Runs the decision process; `None` if there are no contenders.
pub(super) fn rank(contenders: &[Contender<'_>], config: &DecisionConfig) -> Option<Ranking> {
    let mut lost = vec![None; contenders.len()];
    let mut remaining: Vec<usize> = (0..contenders.len()).collect();
    let mut tied = remaining.clone();
    let mut tied_for_others = remaining.clone();
    for step in Step::ALL {
        if remaining.len() <= 1 {
            break;
        }
        eliminate(step, contenders, config, &mut remaining, &mut lost);
        if step <= Step::InteriorCost {
            tied.clone_from(&remaining);
        }
        if step <= Step::Med {
            tied_for_others.clone_from(&remaining);
        }
    }
    // Two routes of one source, which the RIB never has, are told apart by their place.
    let best = *remaining.first()?;
    for (to, step) in lost.iter_mut().flatten() {
        // Who survives a step beats all of its group that fell at it. Only MED has groups, so only there can the best
        // be of another one.
        if step.group(contenders[*to], config) == step.group(contenders[best], config) {
            *to = best;
        }
    }
    let multipath = multipath(contenders, config, best, tied);
    let diverse = if config.diverse { diverse(contenders, config, tied_for_others) } else { Vec::new() };
    Some(Ranking { best, multipath, diverse, lost })
}

/// Removes from `remaining` what the step finds worse than another of the same group, and notes what beat it.
fn eliminate(
    step: Step,
    contenders: &[Contender<'_>],
    config: &DecisionConfig,
    remaining: &mut Vec<usize>,
    lost: &mut [Option<(usize, Step)>],
) {
    let mut champions: BTreeMap<Option<Asn>, usize> = BTreeMap::new();
    for &index in remaining.iter() {
        let champion = champions.entry(step.group(contenders[index], config)).or_insert(index);
        if step.order(contenders[index], contenders[*champion], config).is_lt() {
            *champion = index;
        }
    }
    remaining.retain(|&index| {
        let champion = champions[&step.group(contenders[index], config)];
        let worse = step.order(contenders[index], contenders[champion], config).is_gt();
        if worse {
            lost[index] = Some((champion, step));
        }
        !worse
    });
}

/// Those to forward by: of the ones equal through step e, the preferred for each next hop, as many as allowed.
fn multipath(contenders: &[Contender<'_>], config: &DecisionConfig, best: usize, mut tied: Vec<usize>) -> Vec<usize> {
    let path_of = |index: usize| &contenders[index].route.attributes.as_path;
    tied.retain(|&index| config.multipath_relax || path_of(index) == path_of(best));
    one_for_each_next_hop(contenders, config, tied, config.max_paths.max(1))
}

/// Those that routers beside this one, which are told the same, can share out: of the ones equal through step c, the
/// preferred for each next hop. Steps d and e are about our own place in the network, and who is told is elsewhere.
fn diverse(contenders: &[Contender<'_>], config: &DecisionConfig, tied: Vec<usize>) -> Vec<usize> {
    one_for_each_next_hop(contenders, config, tied, usize::MAX)
}

/// The preferred one by steps d to g for each next hop, the preferred of those up to a limit, in the order of next hops.
fn one_for_each_next_hop(
    contenders: &[Contender<'_>],
    config: &DecisionConfig,
    mut tied: Vec<usize>,
    limit: usize,
) -> Vec<usize> {
    let next_hop_of = |index: usize| contenders[index].route.next_hop;
    // These steps are total orders, so the routes may be sorted by them.
    tied.sort_by(|&a, &b| {
        let order = |step: Step| step.order(contenders[a], contenders[b], config);
        let steps = [Step::External, Step::InteriorCost, Step::RouterId, Step::ClusterList, Step::PeerAddress];
        steps.into_iter().map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let mut chosen: Vec<usize> = Vec::new();
    for index in tied {
        if chosen.len() >= limit {
            break;
        }
        if chosen.iter().all(|&other| next_hop_of(other) != next_hop_of(index)) {
            chosen.push(index);
        }
    }
    chosen.sort_by_key(|&index| next_hop_of(index));
    chosen
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Step; 10] = [
        Step::Local,
        Step::LocalPref,
        Step::AsPathLength,
        Step::Origin,
        Step::Med,
        Step::External,
        Step::InteriorCost,
        Step::RouterId,
        Step::ClusterList,
        Step::PeerAddress,
    ];

    /// Routes are compared at this step only if they agree in this.
    fn group(self, contender: Contender<'_>, config: &DecisionConfig) -> Option<Asn> {
        match self {
            Step::Med if !config.always_compare_med => Some(neighbour_as(contender.route)),
            Step::Local
            | Step::LocalPref
            | Step::AsPathLength
            | Step::Origin
            | Step::Med
            | Step::External
            | Step::InteriorCost
            | Step::RouterId
            | Step::ClusterList
            | Step::PeerAddress => None,
        }
    }

    /// What the step says about two routes of one group; `Less` if `a` is preferred.
    fn order(self, a: Contender<'_>, b: Contender<'_>, config: &DecisionConfig) -> Ordering {
        match self {
            Step::Local => b.route.source.is_local().cmp(&a.route.source.is_local()),
            Step::LocalPref => local_pref(b.route).cmp(&local_pref(a.route)),
            Step::AsPathLength => a.route.attributes.as_path.hop_count().cmp(&b.route.attributes.as_path.hop_count()),
            Step::Origin => a.route.attributes.origin.cmp(&b.route.attributes.origin),
            Step::Med if config.ignore_med => Ordering::Equal,
            Step::Med => med(a.route).cmp(&med(b.route)),
            Step::External => b.route.source.is_external().cmp(&a.route.source.is_external()),
            Step::InteriorCost => a.metric.cmp(&b.metric),
            Step::RouterId => originator(a.route).cmp(&originator(b.route)),
            Step::ClusterList => clusters(a.route).cmp(&clusters(b.route)),
            Step::PeerAddress => peer_order(a.route).cmp(&peer_order(b.route)),
        }
    }
}

/// LOCAL_PREF, or its default.
fn local_pref(route: &Route) -> u32 {
    route.attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF)
}

/// MED; a route without one has the lowest possible (RFC 4271 §9.1.2.2 c).
fn med(route: &Route) -> u32 {
    route.attributes.med.unwrap_or(0)
}

/// The AS that the route came into ours from (RFC 4271 §9.1.2.2 c).
///
/// The first AS of the path, as internal peers see it too, even if the external peer did not put itself there (a
/// route server). Where the path has none, the peer's AS: for an internal peer that is our own, as the RFC wants it.
fn neighbour_as(route: &Route) -> Asn {
    let sender = match &route.source.kind {
        SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => route.source.local_asn,
        SourceKind::Peer { asn, .. } => *asn,
    };
    route.attributes.as_path.neighbour_as().unwrap_or(sender)
}

/// The BGP Identifier of who brought the route into our AS, or of the peer where no reflector says who that was.
fn originator(route: &Route) -> Option<RouterId> {
    match &route.source.kind {
        SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => None,
        SourceKind::Peer { router_id, .. } => Some(originator_id(route).unwrap_or(*router_id)),
    }
}

fn originator_id(route: &Route) -> Option<RouterId> {
    route.attributes.reflection.as_ref()?.originator_id
}

/// How many reflectors the route came by.
fn clusters(route: &Route) -> usize {
    route.attributes.reflection.as_ref().map_or(0, |reflection| reflection.cluster_list.len())
}

/// What tells peers apart at last; the number only makes the order total.
fn peer_order(route: &Route) -> Option<(IpAddr, PeerId)> {
    match &route.source.kind {
        SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => None,
        SourceKind::Peer { id, address, .. } => Some((*address, *id)),
    }
}
