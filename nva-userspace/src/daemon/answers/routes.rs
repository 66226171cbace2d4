//! `nva show routes`.

use std::str::FromStr;

use super::refuse;
use crate::attributes::PathAttributes;
use crate::control::{Refusal, RouteReply, RoutesReply, RoutesRequest, Rows};
use crate::daemon::State;
use crate::net::{AfiSafi, Prefix};
use crate::rib::{Candidate, Standing};
use crate::route::Route;
use crate::speaker::Peer;

pub fn routes(state: &State<'_>, which: &RoutesRequest) -> Result<RoutesReply, Refusal> {
    let only = which.prefix.as_deref().map(Prefix::from_str).transpose().or_else(refuse)?;
    if let Some(name) = &which.advertised_to {
        return advertised(peer(state, name)?, only);
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
        rows.extend(shown.map(|candidate| reply(&candidate)));
    }
    Ok(Rows { rows })
}

fn peer<'a>(state: &State<'a>, name: &str) -> Result<&'a Peer, Refusal> {
    let peers = state.speaker.peers();
    let found = peers.iter().find(|peer| peer.config().name == name || peer.config().address.to_string() == name);
    found.map_or_else(
        || {
            let names: Vec<&str> = peers.iter().map(|peer| peer.config().name.as_str()).collect();
            refuse(format!("there is no peer {name:?}; the peers are {}", names.join(", ")))
        },
        Ok,
    )
}

fn advertised(peer: &Peer, only: Option<Prefix>) -> Result<RoutesReply, Refusal> {
    let Some(up) = peer.established() else {
        return refuse(format!("the session with {} is down: it is told nothing", peer.config().name));
    };
    let mut rows = Vec::new();
    for (_, rib) in up.adj_ribs_out() {
        for (prefix, outbound) in rib.iter().filter(|(prefix, _)| only.is_none_or(|only| only == *prefix)) {
            let (next_hop, attributes) = (outbound.next_hop.to_string(), &outbound.attributes);
            rows.push(row(prefix, next_hop, attributes, "nva", "advertised", None));
        }
    }
    Ok(Rows { rows })
}

/// A route and how it stands: as accepted where it was, else as received.
pub fn reply(candidate: &Candidate<'_>) -> RouteReply {
    let route: &Route = candidate.accepted.unwrap_or(candidate.received);
    let (standing, reason) = match candidate.standing {
        Standing::Best => ("best", None),
        Standing::Multipath => ("multipath", None),
        Standing::Lost { to, at } => ("lost", Some(format!("{} is better: {at}", to.name()))),
        Standing::Ineligible(reason) => ("ineligible", Some(reason.to_string())),
        Standing::Rejected(reason) => ("rejected", Some(reason.to_string())),
    };
    row(route.prefix, route.next_hop.to_string(), &route.attributes, route.source.name(), standing, reason)
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
        as_path: attributes.as_path.to_string(),
        origin: attributes.origin.to_string(),
        med: attributes.med,
        local_pref: attributes.local_pref,
        communities: attributes.communities.iter().map(ToString::to_string).collect(),
        source: source.to_owned(),
        standing: standing.to_owned(),
        reason,
    }
}
