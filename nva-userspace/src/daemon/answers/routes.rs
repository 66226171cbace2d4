//! `nva show routes`.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::command::unknown;
use super::refuse;
use crate::attributes::{Community, PathAttributes};
use crate::control::{Refusal, RouteReply, RoutesReply, RoutesRequest, Rows};
use crate::daemon::State;
use crate::net::{AfiSafi, Prefix};
use crate::rib::{Candidate, Standing};
use crate::route::{NextHop, Route};
use crate::speaker::Peer;

pub fn routes(state: &State<'_>, which: &RoutesRequest) -> Result<RoutesReply, Refusal> {
    let only = which.prefix.as_deref().map(Prefix::from_str).transpose().or_else(refuse)?;
    if let Some(name) = &which.advertised_to {
        return advertised(state, peer(state, name)?, only, which.all);
    }
    let from = which.received_from.as_ref().map(|name| peer(state, name)).transpose()?.map(Peer::id);
    let rib = state.speaker.rib();
    let prefixes: Vec<Prefix> = match only {
        Some(prefix) => vec![prefix],
        None => AfiSafi::ALL.into_iter().flat_map(|family| rib.prefixes(family)).collect(),
    };
    let everything = which.all || from.is_some();
    let mut rows = Vec::new();
    for prefix in prefixes {
        let candidates = rib.candidates(prefix).into_iter();
        let wanted = candidates.filter(|candidate| from.is_none() || candidate.received.source.peer() == from);
        let shown =
            wanted.filter(|candidate| everything || matches!(candidate.standing, Standing::Best | Standing::Multipath));
        rows.extend(shown.map(|candidate| reply(state, &candidate)));
    }
    Ok(Rows { rows })
}

fn peer<'a>(state: &State<'a>, name: &str) -> Result<&'a Peer, Refusal> {
    let peers = state.speaker.peers();
    let found = peers.iter().find(|peer| peer.config().name == name || peer.config().address.to_string() == name);
    found.map_or_else(|| refuse(unknown("peer", name, peers.iter().map(|peer| peer.config().name.as_str()))), Ok)
}

/// What a peer is told; with `all` also what it is not told, and why.
fn advertised(state: &State<'_>, peer: &Peer, only: Option<Prefix>, all: bool) -> Result<RoutesReply, Refusal> {
    let Some(up) = peer.established() else {
        return refuse(format!("the session with {} is down: it is told nothing", peer.config().name));
    };
    let wanted = |prefix: Prefix| only.is_none_or(|only| only == prefix);
    let mut rows = BTreeMap::new();
    for (_, rib) in up.adj_ribs_out() {
        for (prefix, outbound) in rib.iter().filter(|(prefix, _)| wanted(*prefix)) {
            let (next_hop, attributes) = (outbound.next_hop.to_string(), &outbound.attributes);
            rows.insert(prefix, row(prefix, next_hop, attributes, "nva", "advertised", None));
        }
    }
    let rib = state.speaker.rib();
    let families = AfiSafi::ALL.into_iter().filter(|_| all);
    for (prefix, selected) in
        families.flat_map(|family| rib.iter_selected(family)).filter(|(prefix, _)| wanted(*prefix))
    {
        if let Some(Err(reason)) = state.speaker.exported(peer.id(), prefix) {
            let Route { next_hop, attributes, source, .. } = &selected.best;
            let (next_hop, reason) = (next_hop.to_string(), Some(reason.to_string()));
            rows.insert(prefix, row(prefix, next_hop, attributes, source.name(), "withheld", reason));
        }
    }
    Ok(Rows { rows: rows.into_values().collect() })
}

/// A route and how it stands: as accepted where it was, else as received.
pub fn reply(state: &State<'_>, candidate: &Candidate<'_>) -> RouteReply {
    let route: &Route = candidate.accepted.unwrap_or(candidate.received);
    let (standing, reason) = match candidate.standing {
        Standing::Best => ("best", None),
        Standing::Multipath => ("multipath", None),
        Standing::Lost { to, at } => ("lost", Some(format!("{} is better: {at}", to.name()))),
        Standing::Ineligible(reason) => ("ineligible", Some(reason.to_string())),
        Standing::Rejected(reason) => ("rejected", Some(reason.to_string())),
    };
    let reason = reason.or_else(|| forwarded_all_the_same(route)).or_else(|| suppressed(state, route));
    let sender = route.source.peer().and_then(|id| state.speaker.peer(id));
    let stale = sender.and_then(|peer| peer.stale().cause(route.prefix)).map(|cause| format!("stale: {cause}"));
    let is_stale = stale.is_some();
    let reasons: Vec<String> = reason.into_iter().chain(stale).collect();
    let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    let row = row(route.prefix, route.next_hop.to_string(), &route.attributes, route.source.name(), standing, reason);
    let discard = matches!(route.next_hop, NextHop::Discard(_));
    RouteReply { stale: is_stale, discard, ..row }
}

/// What is said of a route in use whose BLACKHOLE nobody has permitted.
fn forwarded_all_the_same(route: &Route) -> Option<String> {
    let asks = route.attributes.communities.contains(&Community::BLACKHOLE) && !route.source.is_local();
    let forwarded = matches!(route.next_hop, NextHop::Via(_));
    (asks && forwarded).then(|| "no import statement with honour-blackhole: forwarded all the same".to_owned())
}

/// What is said of a route in use that contributes to an aggregate in whose place nobody is told of it.
fn suppressed(state: &State<'_>, route: &Route) -> Option<String> {
    let aggregate = state.speaker.aggregates().suppressing(route.prefix, None)?;
    Some(format!("suppressed towards peers by the aggregate {} (summary-only)", aggregate.prefix()))
}

fn row(
    prefix: Prefix,
    next_hop: String,
    attributes: &PathAttributes,
    source: &str,
    standing: &str,
    reason: Option<String>,
) -> RouteReply {
    RouteReply {
        prefix: prefix.to_string(),
        next_hop,
        discard: false,
        as_path: attributes.as_path.to_string(),
        origin: attributes.origin.to_string(),
        med: attributes.med,
        local_pref: attributes.local_pref,
        communities: texts(&attributes.communities),
        extended_communities: texts(&attributes.extended_communities),
        large_communities: texts(&attributes.large_communities),
        only_to_customer: attributes.only_to_customer.map(|asn| asn.to_string()),
        source: source.to_owned(),
        standing: standing.to_owned(),
        stale: false,
        reason,
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
