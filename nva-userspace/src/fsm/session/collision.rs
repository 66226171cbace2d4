//! Connections that collide: of two that each side has opened, one goes (RFC 4271 §6.8).

use super::Session;
use crate::fsm::connection::Connection;
use crate::fsm::{Action, ConnectionId, Direction, State};
use crate::packet::{Message, Notification};

impl Session {
    /// Which connections must go now that an OPEN was accepted over this one: RFC 4271 §6.8.
    pub(super) fn collision_losers(&self, id: ConnectionId) -> Vec<ConnectionId> {
        let Some(new) = self.connections.iter().find(|connection| connection.id == id) else {
            return Vec::new();
        };
        let existing: Vec<_> =
            self.connections.iter().filter(|other| other.id != id && other.state() == State::OpenConfirm).collect();
        let survivor = self.surviving_direction(new);
        // Two that the same side opened: it has given up the older one.
        let new_loses = existing.iter().any(|other| other.direction != new.direction) && new.direction != survivor;
        if new_loses { vec![id] } else { existing.iter().map(|other| other.id).collect() }
    }

    /// The connection stays that was opened by the speaker with the higher BGP Identifier, compared as numbers; by
    /// the one with the higher AS number if they are equal (RFC 6286 §2.3).
    fn surviving_direction(&self, connection: &Connection) -> Direction {
        let ours = connection.negotiated().map(|agreed| (self.config.router_id, agreed.local_asn));
        let theirs = connection.negotiated().map(|agreed| (agreed.remote_router_id, agreed.remote_asn));
        if ours > theirs { Direction::Outgoing } else { Direction::Incoming }
    }

    /// OpenCollisionDump (RFC 4271 §8.1.5, event 23), with the subcode that RFC 4486 §4 has for it.
    pub(super) fn drop_collided(&mut self, id: ConnectionId) {
        self.connections.retain(|connection| connection.id != id);
        self.collided = true;
        self.counters.collisions += 1;
        self.send(id, Message::Notification(Notification::collision()));
        self.actions.push_back(Action::Close { connection: id });
    }
}
