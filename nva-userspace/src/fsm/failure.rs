//! Why a connection or a session ended.

use std::fmt;

use super::State;
use crate::net::Instant;
use crate::packet::Notification;
use crate::packet::iana::{cease, error_code, open_error};

/// Why a connection ended, or did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// We were told to stop, and told the peer this.
    Stopped {
        /// What was sent.
        notification: Notification,
    },
    /// Something was wrong, and we told the peer.
    Sent {
        /// What was sent.
        notification: Notification,
        /// What was wrong, for the operator.
        problem: String,
    },
    /// The peer ended it.
    Received {
        /// What it sent.
        notification: Notification,
    },
    /// The connection was closed without a NOTIFICATION, or broke.
    Closed {
        /// What the transport says about it.
        reason: String,
    },
    /// No connection could be made. An Established session never ends like this.
    ConnectFailed {
        /// What the transport says about it.
        reason: String,
    },
}

impl DownReason {
    /// What went over the wire, either way.
    pub fn notification(&self) -> Option<&Notification> {
        match self {
            DownReason::Stopped { notification }
            | DownReason::Sent { notification, .. }
            | DownReason::Received { notification } => Some(notification),
            DownReason::Closed { .. } | DownReason::ConnectFailed { .. } => None,
        }
    }

    /// Whether the connection had only lost a collision (RFC 4486 §4).
    pub(super) fn is_collision(&self) -> bool {
        self.notification()
            .is_some_and(|sent| sent.code == error_code::CEASE && sent.subcode == cease::COLLISION_RESOLUTION)
    }

    /// Whether the peer does not know what an optional parameter of our OPEN is: of those we send capabilities only
    /// (RFC 5492 §3).
    pub(super) fn refuses_capabilities(&self) -> bool {
        let DownReason::Received { notification } = self else { return false };
        notification.code == error_code::OPEN_MESSAGE && notification.subcode == open_error::UNSUPPORTED_PARAMETER
    }

    /// Whether the peer found us in another AS than it expected (RFC 4271 §6.2).
    pub(super) fn is_bad_peer_as(&self) -> bool {
        match self {
            DownReason::Received { notification } => {
                notification.code == error_code::OPEN_MESSAGE && notification.subcode == open_error::BAD_PEER_AS
            }
            DownReason::Stopped { .. }
            | DownReason::Sent { .. }
            | DownReason::Closed { .. }
            | DownReason::ConnectFailed { .. } => false,
        }
    }

    /// Where a session in this state goes when its last connection has ended like this (RFC 4271 §8.2.2).
    pub(super) fn consequence(&self, state: State) -> Consequence {
        match self {
            DownReason::Stopped { .. } => Consequence::Stop,
            // Event 18 in OpenSent: listen on. Only OpenSent has no reason to suspect that it would happen again.
            DownReason::Closed { .. } if state == State::OpenSent => Consequence::Listen,
            // Event 24, NotifMsgVerErr: Idle, but nothing is counted and nothing damped.
            DownReason::Received { notification } if state < State::Established && is_version_error(notification) => {
                Consequence::Hold
            }
            DownReason::Sent { .. }
            | DownReason::Received { .. }
            | DownReason::Closed { .. }
            | DownReason::ConnectFailed { .. } => Consequence::Damp,
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DownReason::Stopped { notification } => write!(f, "stopped, sent {notification}"),
            DownReason::Sent { notification, problem } => write!(f, "sent {notification}: {problem}"),
            DownReason::Received { notification } => write!(f, "received {notification}"),
            DownReason::Closed { reason } => write!(f, "connection closed: {reason}"),
            DownReason::ConnectFailed { reason } => write!(f, "connecting failed: {reason}"),
        }
    }
}

/// What becomes of a session without connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Idle until the operator starts it.
    Stop,
    /// Idle for the idle hold time, which stays as it is.
    Hold,
    /// Idle for the idle hold time that a first failure has, and it does not grow: each side has closed the connection that
    /// the other one kept (RFC 4271 §6.8), or the peer has yet to see that the last session is over. That is no oscillation.
    /// Also if the peer restarts again as soon as it is back.
    Retry,
    /// Active, and no attempt of our own for the idle hold time that a first failure has: the peer restarts, and
    /// whoever keeps its routes for so long as it says does not refuse it when it is back (RFC 4724 §4.2).
    Await,
    /// Idle for the idle hold time, which grows (DampPeerOscillations).
    Damp,
    /// Active, or Connect if an attempt is still under way.
    Listen,
}

/// The last thing that went wrong with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Instant,
    /// In which state the connection was.
    pub state: State,
    /// What.
    pub reason: DownReason,
}

fn is_version_error(notification: &Notification) -> bool {
    notification.code == error_code::OPEN_MESSAGE && notification.subcode == open_error::UNSUPPORTED_VERSION
}
