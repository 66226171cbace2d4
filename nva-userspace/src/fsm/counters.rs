//! What a session counts.

use crate::packet::{Message, RefreshSubtype};

/// Numbers for `nva show peers`; they count from the session's making and are never reset, but for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages handed to connections, UPDATEs as far as the caller said so.
    pub sent: MessageCounts,
    /// Messages that came, by all connections.
    pub received: MessageCounts,
    /// What should have been a message and could not be decoded.
    pub undecodable: u64,
    /// Changes of the state.
    pub transitions: u64,
    /// How often the session became Established.
    pub established: u64,
    /// KEEPALIVEs that were sent in our stead because we were busy; they are among `sent`.
    pub stood_in: u64,
    /// Attempts to connect.
    pub connect_attempts: u64,
    /// ConnectRetryCounter (RFC 4271 §8): failures since the operator started the session last.
    pub connect_retries: u64,
    /// Incoming connections refused because the session was Idle.
    pub refused: u64,
    /// Connections closed because there was another one (RFC 4271 §6.8).
    pub collisions: u64,
    /// Events of connections and attempts that were given up already.
    pub late_events: u64,
}

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// OPEN.
    pub open: u64,
    /// UPDATE.
    pub update: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// ROUTE-REFRESH.
    pub route_refresh: RefreshCounts,
}

/// ROUTE-REFRESHes by what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshCounts {
    /// Requests (RFC 2918).
    pub requests: u64,
    /// BoRR: what is sent again begins (RFC 7313).
    pub begins: u64,
    /// EoRR: it ends.
    pub ends: u64,
    /// What nobody knows.
    pub unknown: u64,
}

impl RefreshCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.requests + self.begins + self.ends + self.unknown
    }

    /// Counts one more.
    pub fn count(&mut self, subtype: RefreshSubtype) {
        let counter = match subtype {
            RefreshSubtype::Request => &mut self.requests,
            RefreshSubtype::Begin => &mut self.begins,
            RefreshSubtype::End => &mut self.ends,
            RefreshSubtype::Unknown(_) => &mut self.unknown,
        };
        *counter += 1;
    }
}

impl MessageCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh.total()
    }

    pub(super) fn count(&mut self, message: &Message) {
        let counter = match message {
            Message::Open(_) => &mut self.open,
            Message::Update(_) => &mut self.update,
            Message::Notification(_) => &mut self.notification,
            Message::Keepalive => &mut self.keepalive,
            Message::RouteRefresh(refresh) => return self.route_refresh.count(refresh.subtype),
        };
        *counter += 1;
    }
}
