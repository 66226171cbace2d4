//! Tests of the whole module.

mod packet;
mod sessions;
mod simulation;
mod table;
mod timers;
mod world;

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::net::Instant;

const MS: Duration = Duration::from_millis(1);

const OURS: u32 = 0x1111_1111;
const THEIRS: u32 = 0x2222_2222;

const STATES: [State; 4] = [State::AdminDown, State::Down, State::Init, State::Up];

fn at(ms: u32) -> Instant {
    Instant::ZERO + MS * ms
}

fn discriminator(number: u32) -> Discriminator {
    Discriminator(NonZeroU32::new(number).expect("not 0"))
}

/// 100 ms both ways, three of them.
fn config() -> SessionConfig {
    SessionConfig { desired_min_tx: 100 * MS, required_min_rx: 100 * MS, multiplier: 3 }
}

/// What a peer in this state sends that knows us.
fn from_peer(state: State) -> ControlPacket {
    ControlPacket {
        diagnostic: Diagnostic::None,
        state,
        poll: false,
        is_final: false,
        control_plane_independent: false,
        authenticated: false,
        demand: false,
        multiplier: 3,
        my_discriminator: discriminator(THEIRS),
        your_discriminator: Some(discriminator(OURS)),
        desired_min_tx: 100 * MS,
        required_min_rx: 100 * MS,
        required_min_echo_rx: Duration::ZERO,
    }
}

/// Everything that goes out now.
fn drain(session: &mut Session, now: Instant) -> Vec<ControlPacket> {
    std::iter::from_fn(|| session.poll_transmit(now)).collect()
}

/// A session in this state at 0 ms, with nothing left to send or to tell.
fn session_in(state: State) -> Session {
    let mut session = Session::new(config(), discriminator(OURS), 1, at(0));
    match state {
        State::AdminDown => session.disable(at(0)),
        State::Down => {}
        State::Init => session.handle_packet(&from_peer(State::Down), at(0)).expect("taken"),
        State::Up => session.handle_packet(&from_peer(State::Init), at(0)).expect("taken"),
    }
    drain(&mut session, at(0));
    while session.poll_event().is_some() {}
    assert_eq!(session.state(), state);
    session
}
