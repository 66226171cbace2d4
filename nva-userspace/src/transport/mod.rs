//! TCP for BGP sessions: listening, connecting, framing, and output with back-pressure. UDP for BFD is in [`bfd`].
//!
//! Knows nothing of sessions: it carries whole messages, and says through [`TransportEvent`] what happened to
//! connections. Each connection has a task that reads and one that writes, and a bounded queue each way, so a
//! peer that floods us is slowed down by TCP and a peer that does not read costs a few buffers. The tasks run on a thread
//! of their own ([`IoThread`]): while the owner of a connection is busy, its KEEPALIVEs go out all the same.

mod about;
pub mod bfd;
mod connection;
mod inbox;
mod io_thread;
mod reader;
mod security;
mod socket;
#[cfg(test)]
mod tests;
mod writer;

pub use connection::Connection;
pub use inbox::{Inboxes, READ_AHEAD};
pub use io_thread::IoThread;
pub use security::{Password, PasswordError, Signed, Ttl, first_ttl};
pub use socket::{ConnectOptions, Listener, connect};

use std::net::{IpAddr, SocketAddr};

use crate::fsm::ConnectionId;
use crate::packet::DecodeError;
use crate::route::PeerId;

/// What happened to a connection.
#[derive(Debug)]
pub enum TransportEvent {
    /// A whole message came in, or octets that cannot be one: then no further message comes.
    Received {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// The message with its header.
        frame: Result<Vec<u8>, DecodeError>,
    },
    /// Something was written, and the connection can take more updates.
    Writable {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// How many KEEPALIVEs were sent in the owner's stead since this was told last.
        stood_in: u32,
    },
    /// The connection ended, from the other side or by an error: the last event about it, but for what was written before.
    Closed {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: String,
    },
}

/// The two ends of a connection, IPv4-mapped addresses unmapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Ours.
    pub local: SocketAddr,
    /// The other side's.
    pub remote: SocketAddr,
}

impl Endpoints {
    fn new(local: SocketAddr, remote: SocketAddr) -> Endpoints {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Endpoints { local: canonical(local), remote: canonical(remote) }
    }

    /// The remote address alone.
    pub fn remote_address(&self) -> IpAddr {
        self.remote.ip()
    }
}
