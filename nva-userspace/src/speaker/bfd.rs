//! What a BFD session means for the session that it watches (RFC 5882).
//!
//! BFD runs for as long as the peer is configured and its session is not stopped by an operator, whatever the state of
//! the BGP session. A BGP session may come up without it: a peer that has no BFD, or does not have it yet, is a peer
//! all the same. Only a BFD session that was Up and fails ends it, and only a BGP session that was established while it
//! worked. BFD shares the fate of the process that runs BGP, with us and maybe with the peer: if that restarts and has
//! its BGP session again within the detection time, the old BFD session goes down afterwards, be it that the peer
//! begins a new one or that it has not done so yet. That says nothing about the way, and ends no restart (RFC 5882
//! §4.3.2). So a failure counts if a packet that found BFD Up has come since the BGP session was established, or if BFD
//! has come up since the one before it ended. Where the way fails within an interval of BFD after a session that BFD
//! has not noticed the loss of, the hold timer has to find out.
// GAP(RFC 5882 §4.1): no strict mode, in which BGP waits for BFD to come up.

use super::{Notice, Output, Speaker};
use crate::bfd;
use crate::fsm::Event;
use crate::net::Instant;
use crate::route::PeerId;

impl Speaker {
    /// Asks for BFD, or for its end, if that is news.
    pub(super) fn watch_as_wanted(&mut self, id: PeerId) {
        let Some(peer) = self.peer_mut(id) else { return };
        let wanted = peer.config.bfd.is_some() && !peer.session.is_stopped();
        if wanted != std::mem::replace(&mut peer.watched, wanted) {
            self.outputs.push_back(if wanted { Output::Watch { peer: id } } else { Output::Unwatch { peer: id } });
        }
    }

    /// The configuration says something else about BFD.
    pub(super) fn watch_again(&mut self, id: PeerId) {
        if self.peer(id).is_some_and(|peer| peer.watched && peer.config.bfd.is_some()) {
            self.outputs.push_back(Output::Watch { peer: id });
        }
        self.watch_as_wanted(id);
    }

    /// A BFD session has changed its state.
    pub(super) fn bfd_changed(&mut self, id: PeerId, event: bfd::Event, now: Instant) {
        self.outputs.push_back(Output::Notice(Notice::Bfd { peer: id, event }));
        if let Some(bfd::Worked { since, until }) = event.worked.filter(|_| is_failure(event.reason)) {
            let reason = event.reason.to_string();
            let down = Event::BfdDown { at: event.at, came_up: since, worked_until: until, reason };
            self.session_event(id, down, now);
        }
    }
}

/// Whether the way to the peer does not work any more. What operators do says nothing about it (RFC 5882 §3.2).
fn is_failure(reason: bfd::Reason) -> bool {
    match reason {
        bfd::Reason::DetectionTimeExpired | bfd::Reason::PeerDown(_) => true,
        bfd::Reason::Handshake | bfd::Reason::PeerAdminDown | bfd::Reason::Disabled | bfd::Reason::Enabled => false,
    }
}
