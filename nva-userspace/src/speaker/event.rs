//! What goes into a speaker and what comes out of it.

use std::net::IpAddr;

use crate::fib::FibOp;
use crate::fsm::{ConnectionId, Direction, DownReason};
use crate::net::{AfiSafi, Prefix};
use crate::packet::{DecodeError, UpdateFault};
use crate::route::PeerId;

/// Something that happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin: start every peer's session.
    Start,
    /// End: close every session with this NOTIFICATION (RFC 4486).
    Shutdown,
    /// A TCP connection with the peer is up.
    ConnectionOpened {
        /// The peer.
        peer: PeerId,
        /// The number that the transport gave it.
        connection: ConnectionId,
        /// Who opened it.
        direction: Direction,
        /// Our address on it.
        local_address: IpAddr,
    },
    /// The connection that [`Output::Connect`] asked for could not be opened.
    ConnectFailed {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// A connection ended, from the other side or by an error.
    ConnectionClosed {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: String,
    },
    /// A whole message came in, or octets that cannot be one.
    Received {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// The message with its header.
        frame: Result<&'a [u8], DecodeError>,
    },
    /// The kernel answered a [`Output::Fib`].
    FibDone {
        /// What was asked.
        op: FibOp,
        /// The kernel's error, in words.
        result: Result<(), String>,
    },
}

/// Something to be done outside.
#[derive(Debug)]
pub enum Output {
    /// Open a TCP connection to the peer; answered by `ConnectionOpened` or `ConnectFailed`.
    Connect {
        /// The peer.
        peer: PeerId,
    },
    /// Give up the attempt that is under way.
    CancelConnect {
        /// The peer.
        peer: PeerId,
    },
    /// Send these octets ahead of any updates that wait.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// One or more whole messages.
        octets: Vec<u8>,
    },
    /// Close a connection, after everything that was sent on it.
    Close {
        /// The connection.
        connection: ConnectionId,
    },
    /// There are updates for the peer: pull them with [`super::Speaker::poll_updates`], now and whenever its connection
    /// has room again, until there are none.
    UpdatesPending {
        /// The peer.
        peer: PeerId,
        /// Its established connection.
        connection: ConnectionId,
    },
    /// Change the kernel's FIB; answered by `FibDone`.
    Fib(FibOp),
    /// Worth telling the operator.
    Notice(Notice),
}

/// What an operator wants to read in the log.
#[derive(Debug)]
pub enum Notice {
    /// A session came up.
    PeerUp {
        /// The peer.
        peer: PeerId,
        /// The families in use.
        families: Vec<AfiSafi>,
    },
    /// An established session ended.
    PeerDown {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: DownReason,
    },
    /// An UPDATE was malformed; the session lives on (RFC 7606).
    MalformedUpdate {
        /// Who sent it.
        peer: PeerId,
        /// What was wrong and what became of it.
        faults: Vec<UpdateFault>,
    },
    /// A peer sent all that it has (RFC 4724 §2).
    EndOfRib {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: AfiSafi,
    },
    /// We began to originate a prefix.
    Originated(Prefix),
    /// We stopped originating a prefix.
    NoLongerOriginated(Prefix),
    /// A route could not be put into one UPDATE, however large: it is not sent.
    RouteTooLarge {
        /// For whom it was.
        peer: PeerId,
        /// The prefixes.
        prefixes: Vec<Prefix>,
    },
    /// Routes of an earlier run that nobody confirmed are being removed from the kernel.
    Reconciled {
        /// How many.
        removed: usize,
    },
}
