//! What operators do to peers while they run: stop and start sessions, ask for routes again, lead traffic away before
//! maintenance (RFC 8326).

use super::stale::StaleEnd;
use super::{Peer, Speaker};
use crate::fsm::Event;
use crate::net::{AfiSafi, Instant};
use crate::packet::Notification;
use crate::route::PeerId;

/// What a reset did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The session ended and begins anew.
    Session,
    /// There was no session: it is tried now, whatever it waited for.
    Attempt,
    /// The peer is disabled: nothing was done.
    Disabled,
}

/// How routes came to be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The peer was asked (RFC 2918).
    Asked {
        /// For these families; what it had sent was run through the import policy again for the others.
        families: Vec<AfiSafi>,
        /// It marks the end of what it sends, and what is not among that goes then (RFC 7313).
        marked: bool,
    },
    /// The peer cannot be asked: what it had sent was run through the import policy again.
    Imported,
    /// The peer is told everything again.
    Resent,
    /// There is no session.
    Down,
}

impl Speaker {
    /// Stops the peer's session and keeps it so; the peer is told with this text (RFC 9003 §2). False if it was
    /// stopped already.
    pub fn disable(&mut self, id: PeerId, message: &str, now: Instant) -> bool {
        let Some(peer) = self.peer_mut(id).filter(|peer| peer.admin.disabled.is_none()) else { return false };
        let notification = Notification::administrative_shutdown(message);
        // What was cut off to fit was not said.
        peer.admin.disabled = Some(notification.communication().unwrap_or_default());
        self.session_event(id, Event::Stop { notification }, now);
        self.drop_stale(id, StaleEnd::Stopped, |_, _| true);
        self.flush(now);
        true
    }

    /// Lets the peer's session run; in an idle hold it is tried at once. False if neither an operator nor a limit had
    /// stopped it.
    pub fn enable(&mut self, id: PeerId, now: Instant) -> bool {
        let Some(peer) = self.peer_mut(id) else { return false };
        let was_disabled = peer.admin.disabled.take().is_some() | peer.overrun.take().is_some();
        self.session_event(id, Event::Start, now);
        self.flush(now);
        was_disabled
    }

    /// Ends the peer's session with Cease/Administrative Reset (RFC 4486 §3) and begins it anew.
    pub fn reset(&mut self, id: PeerId, message: &str, now: Instant) -> Reset {
        let Some(peer) = self.peer_mut(id).filter(|peer| peer.admin.disabled.is_none()) else { return Reset::Disabled };
        let had_session = peer.session.connections().next().is_some();
        peer.overrun = None;
        self.session_event(id, Event::Stop { notification: Notification::administrative_reset(message) }, now);
        self.drop_stale(id, StaleEnd::Stopped, |_, _| true);
        self.session_event(id, Event::Start, now);
        self.flush(now);
        if had_session { Reset::Session } else { Reset::Attempt }
    }

    /// Leads traffic away from a peer, or ends that: what it is told carries GRACEFUL_SHUTDOWN, and what it tells is the
    /// last choice (RFC 8326 §4.2). False if that was so already.
    pub fn drain(&mut self, id: PeerId, drained: bool, now: Instant) -> bool {
        let changed = self.peer(id).is_some_and(|peer| peer.admin.drained != drained);
        if changed {
            self.set_admin(id, |peer| peer.admin.drained = drained);
            self.flush(now);
        }
        changed
    }

    /// The same for the whole router: for all peers, those that come later included.
    pub fn drain_router(&mut self, drained: bool, now: Instant) -> bool {
        let changed = self.drained != drained;
        self.drained = drained;
        for id in self.peers.ids() {
            self.set_admin(id, |peer| peer.admin.router_drained = drained);
        }
        self.flush(now);
        changed
    }

    /// Whether traffic is led away from the whole router.
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// Changes what an operator said about a peer, and decides anew about its routes if that matters to them.
    fn set_admin(&mut self, id: PeerId, change: impl FnOnce(&mut Peer)) {
        let Some(peer) = self.peer_mut(id) else { return };
        let was_drained = peer.admin.is_drained();
        change(peer);
        if peer.admin.is_drained() != was_drained {
            self.take_in_again(id);
            self.tell_all(id);
            // Who is about to go leaves its share of paths to its fellows.
            self.hubs_changed = true;
        }
    }
}
