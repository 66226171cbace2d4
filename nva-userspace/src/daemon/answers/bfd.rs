//! `nva show bfd`.

use std::time::Duration;

use crate::bfd::Discards;
use crate::control::{BfdDrop, BfdReply, BfdRow};
use crate::daemon::State;
use crate::transport::bfd::{BfdStatus, SessionStatus};

pub fn bfd(state: &State<'_>, status: &BfdStatus) -> BfdReply {
    let mut rows: Vec<_> = status.sessions.iter().map(|session| (session.peer, row(state, session))).collect();
    rows.sort_by_key(|(peer, _)| *peer);
    BfdReply { rows: rows.into_iter().map(|(_, row)| row).collect(), drops: drops(&status.discards) }
}

fn row(state: &State<'_>, status: &SessionStatus) -> BfdRow {
    let SessionStatus { watch, session, .. } = status;
    let (remote, counters) = (session.remote(), session.counters());
    BfdRow {
        peer: state.speaker.peer(status.peer).map_or_else(String::new, |peer| peer.config().name.clone()),
        address: watch.path.peer.to_string(),
        local_address: watch.local.map(|address| address.to_string()),
        multihop: watch.path.hops == crate::bfd::Hops::Multi,
        state: session.state().to_string(),
        state_seconds: state.now.since(session.since()).as_secs(),
        diagnostic: session.diagnostic().to_string(),
        remote_state: remote.state.to_string(),
        remote_diagnostic: remote.diagnostic.to_string(),
        discriminator: session.discriminator().0.get(),
        remote_discriminator: remote.discriminator.map(|discriminator| discriminator.0.get()),
        local_port: status.local_port,
        transmit_interval: session.transmit_interval().map(millis),
        detection_time: session.detection_time().map(millis),
        multiplier: session.config().multiplier,
        remote_multiplier: remote.multiplier,
        ups: counters.ups,
        downs: counters.downs,
        packets_in: counters.received,
        packets_out: counters.sent,
        drops: drops(&counters.discards),
        unsent: status.unsent,
        send_error: status.send_error.clone(),
    }
}

fn drops(discards: &Discards) -> Vec<BfdDrop> {
    discards.iter().map(|(reason, packets)| BfdDrop { reason: reason.name().to_owned(), packets }).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
