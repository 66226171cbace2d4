//! `nva show peers`.

use crate::control::{LimitReply, PeerReply, PeersReply, RefreshesReply, RestartReply, Rows};
use crate::daemon::State;
use crate::fsm::{Negotiated, RefreshCounts};
use crate::net::AfiSafi;
use crate::packet::GracefulRestart;
use crate::speaker::{Established, Nearness, Overrun, Peer, StaleCause};

pub fn peers(state: &State<'_>) -> PeersReply {
    Rows { rows: state.speaker.peers().iter().map(|peer| reply(peer, state)).collect() }
}

fn reply(peer: &Peer, state: &State<'_>) -> PeerReply {
    let (config, session, up) = (peer.config(), peer.session(), peer.established());
    let negotiated = up.map(Established::negotiated);
    let counts = state.speaker.rib().counts(peer.id());
    let counters = session.counters();
    PeerReply {
        name: config.name.clone(),
        group: config.group.clone(),
        dynamic: peer.is_dynamic(),
        description: config.description.clone(),
        address: config.address.to_string(),
        asn: negotiated.map_or_else(|| config.session.remote_as.to_string(), |up| up.remote_asn.to_string()),
        local_asn: negotiated.map_or(session.config().local_asn, |up| up.local_asn).to_string(),
        router_id: negotiated.map(|up| up.remote_router_id.to_string()),
        local_address: up.map(|up| up.view().local_address.to_string()),
        role: config.session.role.map(|role| role.to_string()),
        peer_role: negotiated.and_then(Negotiated::peer_role).map(|role| role.to_string()),
        state: session.state().to_string(),
        state_seconds: state.now.since(session.since()).as_secs(),
        disabled: peer.admin().disabled.clone(),
        overrun: peer.overrun().map(|overrun| self::overrun(overrun, state)),
        drained: peer.admin().is_drained(),
        without_capabilities: session.without_capabilities(),
        hold_time: negotiated.map(|up| up.hold_time),
        families: negotiated.map_or_else(Vec::new, |up| up.context.families.iter().map(ToString::to_string).collect()),
        disabled_families: up.map_or_else(Vec::new, |up| up.disabled().map(|family| family.to_string()).collect()),
        received: counts.received,
        accepted: counts.accepted,
        best: counts.best,
        advertised: up.map_or(0, |up| up.adj_ribs_out().map(|(_, rib)| rib.len()).sum()),
        withheld: up.map_or(0, |up| up.withheld().count()),
        too_large: up.map_or(0, |up| up.too_large().len()),
        limits: limits(peer, state),
        stale: state.speaker.stale_routes(peer.id()),
        stale_removed: peer.stale_removed(),
        enhanced_refresh: negotiated.is_some_and(|up| up.context.enhanced_refresh),
        refreshing: AfiSafi::ALL
            .into_iter()
            .filter(|family| peer.stale().cause_in(*family) == Some(StaleCause::Refresh))
            .map(|family| family.to_string())
            .collect(),
        ignored_refreshes: peer.ignored_refreshes(),
        refreshes_in: refreshes(counters.received.route_refresh),
        refreshes_out: refreshes(counters.sent.route_refresh),
        graceful_restart: negotiated.and_then(|up| up.graceful_restart.as_ref()).map(restart),
        messages_in: counters.received.total(),
        messages_out: counters.sent.total(),
        stood_in: counters.stood_in,
        malformed_updates: peer.malformed_updates(),
        as_set_updates: peer.as_set_updates(),
        last_error: session
            .last_error()
            .map(|error| format!("{} ({}s ago)", error.reason, state.now.since(error.at).as_secs())),
    }
}

fn overrun(overrun: &Overrun, state: &State<'_>) -> String {
    let excess = overrun.excess;
    match overrun.until {
        None => format!("{excess}: down until `nva peer enable`"),
        Some(until) if until > state.now => format!("{excess}: down for {}s", until.since(state.now).as_secs()),
        Some(_) => format!("{excess}: tried again"),
    }
}

/// The limits that hold for the session, and how near to them it is.
fn limits(peer: &Peer, state: &State<'_>) -> Vec<LimitReply> {
    let Some(up) = peer.established() else { return Vec::new() };
    let families = &up.negotiated().context.families;
    let limits = peer.config().limits.iter().filter(|(_, family, _)| families.contains(family));
    let reply = |(kind, family, limit): (_, _, crate::speaker::Limit)| {
        let count = state.speaker.limited_count(peer.id(), kind, family)?;
        let refusing = up.limiting().is_refusing(kind, family);
        let standing = match limit.nearness(count, refusing) {
            Nearness::Within => "within",
            Nearness::Near => "near",
            Nearness::Above if refusing => "blocking",
            Nearness::Above => "above",
        };
        Some(LimitReply {
            limit: kind.to_string(),
            family: family.to_string(),
            count,
            prefixes: limit.prefixes,
            warn_at: limit.warn_at,
            action: limit.action.name().to_owned(),
            standing: standing.to_owned(),
            refused: state.speaker.refused_for(peer.id(), kind, family),
        })
    };
    limits.filter_map(reply).collect()
}

fn refreshes(counts: RefreshCounts) -> RefreshesReply {
    // What nobody knows is among those that are ignored.
    let RefreshCounts { requests, begins, ends, unknown: _ } = counts;
    RefreshesReply { requests, begins, ends }
}

fn restart(restart: &GracefulRestart) -> RestartReply {
    let names = |only_forwarding: bool| {
        let chosen = restart.families.iter().filter(|one| one.forwarding || !only_forwarding);
        chosen.filter_map(|one| Some(one.family()?.to_string())).collect()
    };
    RestartReply {
        restarted: restart.restarted,
        notification: restart.notification,
        time: restart.time,
        families: names(false),
        forwarding: names(true),
    }
}
