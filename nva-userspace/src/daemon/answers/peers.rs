//! `nva show peers`.

use crate::control::{PeerReply, PeersReply, Rows};
use crate::daemon::State;
use crate::speaker::{Established, Peer};

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
        description: config.description.clone(),
        address: config.address.to_string(),
        asn: negotiated.map_or_else(|| config.session.remote_as.to_string(), |up| up.remote_asn.to_string()),
        router_id: negotiated.map(|up| up.remote_router_id.to_string()),
        local_address: up.map(|up| up.view().local_address.to_string()),
        state: session.state().to_string(),
        state_seconds: state.now.since(session.since()).as_secs(),
        hold_time: negotiated.map(|up| up.hold_time),
        families: negotiated.map_or_else(Vec::new, |up| up.context.families.iter().map(ToString::to_string).collect()),
        received: counts.received,
        accepted: counts.accepted,
        best: counts.best,
        advertised: up.map_or(0, |up| up.adj_ribs_out().map(|(_, rib)| rib.len()).sum()),
        messages_in: counters.received.total(),
        messages_out: counters.sent.total(),
        malformed_updates: peer.malformed_updates(),
        last_error: session
            .last_error()
            .map(|error| format!("{} ({}s ago)", error.reason, state.now.since(error.at).as_secs())),
    }
}
