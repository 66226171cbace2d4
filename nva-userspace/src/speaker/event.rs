//! What goes into a speaker and what comes out of it.

use std::net::IpAddr;
use std::time::Duration;

use super::aggregation::Unformed;
use super::diverse::Share;
use super::limits::{Excess, LimitAction, Nearness};
use super::refresh::IgnoredRefresh;
use super::stale::StaleEnd;
use crate::bfd;
use crate::fib::{FibAudit, FibOp};
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
    /// End and come back: peers that know graceful restart see their connection close without a word, and keep our
    /// routes (RFC 4724 §4.1); the others are told as by [`Input::Shutdown`].
    Restart,
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
    /// A BFD session that [`Output::Watch`] asked for has changed its state.
    Bfd {
        /// The peer.
        peer: PeerId,
        /// What changed.
        event: bfd::Event,
    },
    /// The peer's side has taken something of what was sent on a connection.
    Sent {
        /// The peer.
        peer: PeerId,
        /// The connection.
        connection: ConnectionId,
        /// How many KEEPALIVEs were sent in the speaker's stead meanwhile.
        stood_in: u32,
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
        /// While the speaker is busy and the connection is quiet for longer than this, KEEPALIVEs have to be sent in its
        /// stead, and [`Input::Sent`] says so afterwards; `None`: no KEEPALIVEs are ever due.
        keepalive: Option<Duration>,
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
    /// Watch the way to the peer with BFD as it is configured, or as it is configured now; changes are told by `Bfd`.
    Watch {
        /// The peer.
        peer: PeerId,
    },
    /// Stop watching it, and tell the peer that this is no failure.
    Unwatch {
        /// The peer.
        peer: PeerId,
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
    /// A peer does not read capabilities: it is tried without (RFC 5492 §3).
    CapabilitiesRefused {
        /// The peer.
        peer: PeerId,
    },
    /// An established session ended.
    PeerDown {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: DownReason,
    },
    /// A BFD session changed its state.
    Bfd {
        /// The peer.
        peer: PeerId,
        /// What changed.
        event: bfd::Event,
    },
    /// An UPDATE was malformed; the session lives on (RFC 7606).
    MalformedUpdate {
        /// Who sent it.
        peer: PeerId,
        /// What was wrong and what became of it.
        faults: Vec<UpdateFault>,
    },
    /// A peer sent something of a family that cannot be read: nothing more of it is taken in this session.
    FamilyDisabled {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: AfiSafi,
        /// How many routes went.
        count: usize,
    },
    /// A peer sent all that it has (RFC 4724 §2).
    EndOfRib {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: AfiSafi,
    },
    /// A peer is not a peer any more.
    PeerRemoved {
        /// The number that it had.
        peer: PeerId,
    },
    /// A member of a group that never came to a session was forgotten, so that somebody else could become one.
    MadeRoom {
        /// The address that it had.
        address: IpAddr,
    },
    /// A peer that restarts left routes with us.
    RoutesStale {
        /// The peer.
        peer: PeerId,
        /// How many.
        count: usize,
        /// How long they stay unless it comes back.
        patience: Duration,
    },
    /// A peer did not confirm these in time, or at all.
    StaleRoutesRemoved {
        /// The peer.
        peer: PeerId,
        /// How many.
        count: usize,
        /// Why now.
        why: StaleEnd,
    },
    /// A peer sends all of its routes again (RFC 7313).
    RefreshBegun {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: AfiSafi,
    },
    /// It has done so.
    RefreshEnded {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: AfiSafi,
    },
    /// A ROUTE-REFRESH that was ignored.
    RefreshIgnored {
        /// Who sent it.
        peer: PeerId,
        /// Why.
        why: IgnoredRefresh,
    },
    /// A number of prefixes has come near to its limit, or exceeds it. A session that ends for it is told of by
    /// [`Notice::PeerDown`].
    Limit {
        /// The peer.
        peer: PeerId,
        /// The limit and the number.
        excess: Excess,
        /// How near it is.
        nearness: Nearness,
        /// What happens above it.
        action: LimitAction,
    },
    /// After our restart, everybody is told now what we have learned.
    DeferralOver,
    /// We began to originate a prefix.
    Originated(Prefix),
    /// We stopped originating a prefix.
    NoLongerOriginated(Prefix),
    /// The first route came that contributes to an aggregate of ours.
    AggregateFormed(Prefix),
    /// An aggregate of ours is there no more.
    AggregateGone {
        /// Its prefix.
        prefix: Prefix,
        /// Why; `None` if it is no longer configured.
        why: Option<Unformed>,
    },
    /// A route could not be put into one UPDATE, however large: it is not sent.
    RouteTooLarge {
        /// For whom it was.
        peer: PeerId,
        /// The prefixes.
        prefixes: Vec<Prefix>,
    },
    /// An Azure Route Server is told of a default route: it reaches every NIC, ours included.
    DefaultRouteToRouteServer {
        /// The route server's instance.
        peer: PeerId,
    },
    /// How equal paths are shared out towards a route server has changed.
    Share {
        /// The route server's instance.
        peer: PeerId,
        /// Our place.
        share: Share,
        /// Of how many prefixes it is told one of several paths.
        prefixes: usize,
        /// How many paths nobody tells it.
        hidden: usize,
    },
    /// What the kernel holds of ours was read anew and compared with what it was thought to hold.
    FibAudited(FibAudit),
    /// Routes of an earlier run that nobody confirmed are being removed from the kernel.
    Reconciled {
        /// How many.
        removed: usize,
    },
}
