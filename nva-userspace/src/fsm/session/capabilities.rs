//! Peers that do not even read capabilities (RFC 5492 §3): they are tried without.

use super::Session;
use crate::fsm::connection::Connection;
use crate::fsm::{Action, DownReason, State, negotiation};
use crate::packet::Open;

impl Session {
    /// Whether the peer does not read capabilities, and our OPENs have none: IPv4 unicast and 2-octet AS numbers are left,
    /// and nothing that both sides have to announce (RFC 5492 §3).
    pub fn without_capabilities(&self) -> bool {
        self.bare
    }

    /// The OPEN for the next connection.
    pub(super) fn our_open(&self) -> Open {
        if self.bare { negotiation::bare_open(&self.config) } else { negotiation::our_open(&self.config) }
    }

    /// Whether it is news from this connection that the peer does not read capabilities (RFC 5492 §3).
    pub(super) fn learn_of_capabilities(&mut self, connection: &Connection, reason: &DownReason) -> bool {
        let learned = !self.bare
            && connection.state() < State::Established
            && connection.said_capabilities()
            && reason.refuses_capabilities()
            && negotiation::can_do_without_capabilities(&self.config);
        if learned {
            self.bare = true;
            self.actions.push_back(Action::CapabilitiesRefused);
        }
        learned
    }
}
