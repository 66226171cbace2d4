//! What a session is told and what it asks for.

use std::fmt;
use std::time::Duration;

use super::{DownReason, Negotiated};
use crate::net::Instant;
use crate::packet::{DecodeError, Message, Notification};

/// A TCP connection, under the name that whoever opens and accepts sockets gave it. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We did.
    Outgoing,
    /// The peer did.
    Incoming,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Direction::Outgoing => "outgoing",
            Direction::Incoming => "incoming",
        })
    }
}

/// The states of RFC 4271 §8.2.2, in the order in which a session goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Stopped, or held back after a failure; connections are refused.
    Idle,
    /// Connecting, and listening.
    Connect,
    /// Listening.
    Active,
    /// A connection is there, and the peer's OPEN awaited.
    OpenSent,
    /// The peer's OPEN was accepted, and its KEEPALIVE is awaited.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Idle => "Idle",
            State::Connect => "Connect",
            State::Active => "Active",
            State::OpenSent => "OpenSent",
            State::OpenConfirm => "OpenConfirm",
            State::Established => "Established",
        })
    }
}

/// Something that happened. The events of RFC 4271 §8.1 that are timers' are [`super::Session::handle_timeout`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The session may run: ManualStart (events 1 and 4). In an idle hold it ends it. Restarts are automatic.
    Start,
    /// The session must not run until the next start: ManualStop (event 2).
    Stop {
        /// What the peer is told: a Cease.
        notification: Notification,
    },
    /// The session must not run until the next start, because we restart: where graceful restart was agreed on, the
    /// connection closes without a word, so that the peer keeps our routes (RFC 4724 §4.1).
    Leave {
        /// What a peer is told that would not keep them: a Cease.
        notification: Notification,
    },
    /// The session must end because of what was exchanged in it, such as too many prefixes: AutomaticStop (event 8).
    AutomaticStop {
        /// What the peer is told: a Cease.
        notification: Notification,
        /// What is wrong, for the operator.
        problem: String,
        /// How long it stays Idle; `None`: until the next start.
        pause: Option<Duration>,
    },
    /// There is a TCP connection (events 16 and 17).
    ConnectionOpened {
        /// Its name.
        connection: ConnectionId,
        /// Who opened it.
        direction: Direction,
    },
    /// The attempt that [`Action::Connect`] began came to nothing (event 18).
    ConnectFailed {
        /// Why, for the operator.
        reason: String,
    },
    /// The connection was closed by the peer, or broke (event 18).
    ConnectionClosed {
        /// Which.
        connection: ConnectionId,
        /// Why, for the operator.
        reason: String,
    },
    /// BFD has found that the peer cannot be reached any more (RFC 5882 §4.1).
    BfdDown {
        /// When it was found.
        at: Instant,
        /// When BFD had come up.
        came_up: Instant,
        /// When the peer still could be reached, as far as BFD knows.
        worked_until: Instant,
        /// How it was found, for the operator.
        reason: String,
    },
    /// The peer's side has taken something that was sent since the last event of this kind.
    Sent {
        /// Over which connection.
        connection: ConnectionId,
        /// How many KEEPALIVEs were among it that were sent in our stead.
        stood_in: u32,
    },
    /// A message came, or what should have been one (events 19 to 28).
    Received {
        /// Over which connection.
        connection: ConnectionId,
        /// What it is.
        message: Result<Message, DecodeError>,
    },
}

/// Something for the caller to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open a connection to the peer. One attempt at a time; [`Event::ConnectionOpened`] or
    /// [`Event::ConnectFailed`] answers.
    Connect,
    /// Give the attempt up. If it has just succeeded, its `ConnectionOpened` may still be passed on.
    CancelConnect,
    /// Send a message.
    Send {
        /// Over which connection.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// Close the connection once everything is sent. No other action will name it.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// The peer does not read capabilities: the next OPEN has none (RFC 5492 §3).
    CapabilitiesRefused,
    /// The session is Established: routes may be sent.
    Established {
        /// Over which connection.
        connection: ConnectionId,
        /// What both sides agreed on.
        negotiated: Negotiated,
    },
    /// The peer's UPDATE or ROUTE-REFRESH.
    Deliver {
        /// It.
        message: Message,
    },
    /// The session is Established no more.
    Down {
        /// Why.
        reason: DownReason,
    },
}
