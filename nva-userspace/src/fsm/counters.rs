//! What a session counts.

use crate::packet::Message;

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
    /// Attempts to connect.
    pub connect_attempts: u64,
    /// ConnectRetryCounter (RFC 4271 §8): failures since the operator started the session last.
    pub connect_retries: u64,
    /// Incoming connections refused because the session was Idle.
    pub refused: u64,
    /// Connections closed because there was another one (RFC 4271 §6.8).
    pub collisions: u64,
    /// ROUTE-REFRESHes for families that were not negotiated (RFC 2918 §4).
    pub ignored_refreshes: u64,
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
    pub route_refresh: u64,
}

impl MessageCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }

    pub(super) fn count(&mut self, message: &Message) {
        let counter = match message {
            Message::Open(_) => &mut self.open,
            Message::Update(_) => &mut self.update,
            Message::Notification(_) => &mut self.notification,
            Message::Keepalive => &mut self.keepalive,
            Message::RouteRefresh(_) => &mut self.route_refresh,
        };
        *counter += 1;
    }
}
