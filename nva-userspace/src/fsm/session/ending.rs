//! How we end a session: because an operator says so, because we restart, or because of what was exchanged in it.

use std::time::Duration;

use super::super::connection::Connection;
use super::super::{Action, DownReason, Negotiated, State};
use super::Session;
use crate::net::Instant;
use crate::packet::Notification;

impl Session {
    pub(super) fn stop(&mut self, notification: &Notification, now: Instant) {
        for connection in self.connections.clone() {
            let notification = for_good(notification, &connection);
            self.fail(connection.id, DownReason::Stopped { notification }, now);
        }
        self.idle(None);
        self.counters.connect_retries = 0;
        self.back_off.reset();
    }

    pub(super) fn leave(&mut self, notification: &Notification, now: Instant) {
        for connection in self.connections.clone() {
            let kept = connection.state() == State::Established
                && connection.negotiated().is_some_and(Negotiated::survives_our_restart);
            if kept {
                self.actions.push_back(Action::Close { connection: connection.id });
                self.fail(connection.id, DownReason::Closed { reason: "we restart".to_owned() }, now);
            }
        }
        self.stop(notification, now);
    }

    /// AutomaticStop (RFC 4271 §8.1.2, event 8): ConnectRetryCounter grows, and the session is Idle for the time that is
    /// asked for, whatever the idle hold time would be. What was exchanged in an Established session is the reason, so
    /// in any other state it comes late.
    pub(super) fn automatic_stop(
        &mut self,
        notification: &Notification,
        problem: &str,
        pause: Option<Duration>,
        now: Instant,
    ) {
        if self.state() != State::Established {
            self.counters.late_events += 1;
            return;
        }
        for connection in self.connections.clone() {
            let notification = for_good(notification, &connection);
            self.fail(connection.id, DownReason::Sent { notification, problem: problem.to_owned() }, now);
        }
        self.idle(pause.map(|pause| now + pause));
    }
}

/// What this connection's peer is told when it is to forget our routes: a peer that keeps them after a NOTIFICATION
/// forgets them after a Hard Reset only (RFC 8538 §4).
fn for_good(notification: &Notification, connection: &Connection) -> Notification {
    let kept = |agreed: &Negotiated| agreed.graceful_notification() && agreed.survives_our_restart();
    let graceful = connection.negotiated().is_some_and(kept);
    if graceful { Notification::hard_reset(notification) } else { notification.clone() }
}
