//! `nva show connections`.

use crate::control::{ConnectionsReply, ListenReply, RefusalReply};
use crate::daemon::State;
use crate::speaker::{LONGEST_JOURNAL, ListenConfig, Refusal};

pub fn connections(state: &State<'_>) -> ConnectionsReply {
    let refused = Refusal::ALL.map(|refusal| RefusalReply {
        reason: refusal.name().to_owned(),
        meaning: refusal.to_string(),
        count: state.admissions.len_refused(refusal),
    });
    ConnectionsReply {
        open: state.connections,
        accepted: state.admissions.len_accepted(),
        waiting_changes: state.speaker.waiting_changes(),
        congestion_at: LONGEST_JOURNAL,
        congestions: state.speaker.congestions(),
        refused: refused.into(),
        listen: state.speaker.config().listen.iter().map(|listener| listen(listener, state)).collect(),
    }
}

fn listen(listener: &ListenConfig, state: &State<'_>) -> ListenReply {
    let group = &listener.template.group;
    let members = state.speaker.peers().iter().filter(|peer| peer.is_dynamic() && peer.config().group == *group);
    ListenReply {
        group: listener.template.name.clone(),
        ranges: listener.prefixes.iter().map(ToString::to_string).collect(),
        peers: members.count(),
        limit: listener.limit,
    }
}
