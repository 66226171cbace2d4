//! `nva show hubs`.

use crate::control::{HubsReply, HubsRow, Rows};
use crate::daemon::State;
use crate::speaker::{Established, HubStanding, Peer};

pub fn hubs(state: &State<'_>) -> HubsReply {
    Rows { rows: state.speaker.shared_servers().map(|server| row(state, server)).collect() }
}

fn row(state: &State<'_>, server: &Peer) -> HubsRow {
    let share = server.established().and_then(Established::share);
    let (mut sharing, mut missing) = (Vec::new(), Vec::new());
    for (hub, standing) in state.speaker.fellow_hubs(server) {
        let name = &hub.config().name;
        match standing {
            HubStanding::Sharing(_) => sharing.push(name.clone()),
            HubStanding::Down => missing.push(format!("{name}: the session is {}", hub.session().state())),
            HubStanding::Absent => missing.push(format!("{name}: it has not said that it shares towards this one")),
        }
    }
    let (hidden, prefixes) = state.speaker.spread_towards(server);
    HubsRow {
        server: server.config().name.clone(),
        place: share.map(|share| share.index + 1),
        hubs: sharing.len() + 1,
        sharing,
        missing,
        prefixes,
        hidden,
    }
}
