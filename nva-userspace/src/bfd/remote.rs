//! What is known of the peer's end of a session.

use std::time::Duration;

use super::packet::{ControlPacket, Discriminator};
use super::state::{Diagnostic, State};

/// The peer's end, as its last packet had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// bfd.RemoteDiscr: `None` while nothing is heard of it.
    pub discriminator: Option<Discriminator>,
    /// bfd.RemoteSessionState.
    pub state: State,
    /// Its diagnostic.
    pub diagnostic: Diagnostic,
    /// bfd.RemoteMinRxInterval.
    pub required_min_rx: Duration,
    /// Its Desired Min TX Interval.
    pub desired_min_tx: Duration,
    /// Its Detect Mult; 0 while nothing is heard of it.
    pub multiplier: u8,
    /// bfd.RemoteDemandMode.
    pub demand: bool,
    /// Whether its BFD goes on without its control plane.
    pub control_plane_independent: bool,
}

impl Remote {
    /// Nothing is known (RFC 5880 §6.8.1).
    pub(super) const UNKNOWN: Remote = Remote {
        discriminator: None,
        state: State::Down,
        diagnostic: Diagnostic::None,
        required_min_rx: Duration::from_micros(1),
        desired_min_tx: Duration::ZERO,
        multiplier: 0,
        demand: false,
        control_plane_independent: false,
    };

    pub(super) fn from_packet(packet: &ControlPacket) -> Remote {
        Remote {
            discriminator: Some(packet.my_discriminator),
            state: packet.state,
            diagnostic: packet.diagnostic,
            required_min_rx: packet.required_min_rx,
            desired_min_tx: packet.desired_min_tx,
            multiplier: packet.multiplier,
            demand: packet.demand,
            control_plane_independent: packet.control_plane_independent,
        }
    }
}
