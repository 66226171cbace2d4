//! States, diagnostics, and why a state changed.

use std::fmt;

/// The states of RFC 5880 §6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Held down by an operator: that says nothing about the path.
    AdminDown,
    /// The peer is not heard, or does not hear us.
    Down,
    /// The peer is heard, and has not said yet that it hears us.
    Init,
    /// Both hear each other.
    Up,
}

impl State {
    /// Sta (RFC 5880 §4.1).
    pub(super) fn code(self) -> u8 {
        match self {
            State::AdminDown => 0,
            State::Down => 1,
            State::Init => 2,
            State::Up => 3,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        })
    }
}

/// Why a system's session changed its state last, as the system says it (RFC 5880 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Diagnostic {
    /// 0.
    #[default]
    None,
    /// 1.
    DetectionTimeExpired,
    /// 2.
    EchoFailed,
    /// 3.
    NeighborSignaledDown,
    /// 4.
    ForwardingPlaneReset,
    /// 5.
    PathDown,
    /// 6.
    ConcatenatedPathDown,
    /// 7.
    AdministrativelyDown,
    /// 8.
    ReverseConcatenatedPathDown,
    /// 9 to 31, reserved or for others than IP.
    Other(u8),
}

impl Diagnostic {
    /// From the five bits of the packet.
    pub(super) fn from_code(code: u8) -> Diagnostic {
        match code {
            0 => Diagnostic::None,
            1 => Diagnostic::DetectionTimeExpired,
            2 => Diagnostic::EchoFailed,
            3 => Diagnostic::NeighborSignaledDown,
            4 => Diagnostic::ForwardingPlaneReset,
            5 => Diagnostic::PathDown,
            6 => Diagnostic::ConcatenatedPathDown,
            7 => Diagnostic::AdministrativelyDown,
            8 => Diagnostic::ReverseConcatenatedPathDown,
            other => Diagnostic::Other(other),
        }
    }

    /// The five bits of the packet.
    pub(super) fn code(self) -> u8 {
        match self {
            Diagnostic::None => 0,
            Diagnostic::DetectionTimeExpired => 1,
            Diagnostic::EchoFailed => 2,
            Diagnostic::NeighborSignaledDown => 3,
            Diagnostic::ForwardingPlaneReset => 4,
            Diagnostic::PathDown => 5,
            Diagnostic::ConcatenatedPathDown => 6,
            Diagnostic::AdministrativelyDown => 7,
            Diagnostic::ReverseConcatenatedPathDown => 8,
            Diagnostic::Other(code) => code,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Diagnostic::None => "none",
            Diagnostic::DetectionTimeExpired => "detection time expired",
            Diagnostic::EchoFailed => "echo failed",
            Diagnostic::NeighborSignaledDown => "neighbor signaled down",
            Diagnostic::ForwardingPlaneReset => "forwarding plane reset",
            Diagnostic::PathDown => "path down",
            Diagnostic::ConcatenatedPathDown => "concatenated path down",
            Diagnostic::AdministrativelyDown => "administratively down",
            Diagnostic::ReverseConcatenatedPathDown => "reverse concatenated path down",
            Diagnostic::Other(code) => return write!(f, "diagnostic {code}"),
        })
    }
}

/// Why our session changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The three-way handshake went on.
    Handshake,
    /// Nothing came from the peer for the detection time (RFC 5880 §6.8.4).
    DetectionTimeExpired,
    /// The peer says that its session is down, and why it went there.
    PeerDown(Diagnostic),
    /// The peer's operator has taken its session down. That says nothing about the path (RFC 5882 §3.2).
    PeerAdminDown,
    /// Our operator has taken the session down.
    Disabled,
    /// Our operator has allowed it again.
    Enabled,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Handshake => f.pad("handshake"),
            Reason::DetectionTimeExpired => f.pad("detection time expired"),
            Reason::PeerDown(Diagnostic::None) => f.pad("the peer says that its session is down"),
            Reason::PeerDown(why) => write!(f, "the peer says that its session is down: {why}"),
            Reason::PeerAdminDown => f.pad("taken down by the peer's operator"),
            Reason::Disabled => f.pad("taken down by the operator"),
            Reason::Enabled => f.pad("allowed by the operator"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_keep_their_codes() {
        for code in 0..32 {
            assert_eq!(Diagnostic::from_code(code).code(), code);
        }
    }
}
