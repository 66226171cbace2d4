//! Every state of ours and every state of the peer's (RFC 5880 §6.8.6); and everything else that changes a state.

use super::*;

/// Our state, what the peer's packet says, and what follows: the state, our diagnostic, and whether the peer is told
/// at once.
const TABLE: [(State, State, State, Diagnostic, Option<Reason>); 16] = {
    use Diagnostic::{AdministrativelyDown, NeighborSignaledDown as Signaled, None as Nothing};
    use State::{AdminDown, Down, Init, Up};
    let hand = Some(Reason::Handshake);
    let down = Some(Reason::PeerDown(Nothing));
    let admin = Some(Reason::PeerAdminDown);
    [
        (AdminDown, AdminDown, AdminDown, AdministrativelyDown, None),
        (AdminDown, Down, AdminDown, AdministrativelyDown, None),
        (AdminDown, Init, AdminDown, AdministrativelyDown, None),
        (AdminDown, Up, AdminDown, AdministrativelyDown, None),
        (Down, AdminDown, Down, Nothing, None),
        (Down, Down, Init, Nothing, hand),
        (Down, Init, Up, Nothing, hand),
        (Down, Up, Down, Nothing, None),
        (Init, AdminDown, Down, Signaled, admin),
        (Init, Down, Init, Nothing, None),
        (Init, Init, Up, Nothing, hand),
        (Init, Up, Up, Nothing, hand),
        (Up, AdminDown, Down, Signaled, admin),
        (Up, Down, Down, Signaled, down),
        (Up, Init, Up, Nothing, None),
        (Up, Up, Up, Nothing, None),
    ]
};

/// Of a session that came to this state at 0 ms.
fn worked(state: State) -> Option<Worked> {
    (state == State::Up).then(|| Worked { since: at(0), until: at(0) })
}

#[test]
fn the_table_is_whole() {
    for ours in STATES {
        for theirs in STATES {
            let rows = TABLE.iter().filter(|row| (row.0, row.1) == (ours, theirs)).count();
            assert_eq!(rows, 1, "{ours} {theirs}");
        }
    }
}

#[test]
fn every_state_and_every_state_of_the_peer() {
    for (ours, theirs, expected, diagnostic, reason) in TABLE {
        let mut session = session_in(ours);
        let taken = session.handle_packet(&from_peer(theirs), at(10));
        let cell = format!("{ours}, and the peer is {theirs}");
        let refused = if ours == State::AdminDown { Err(Discard::AdminDown) } else { Ok(()) };
        assert_eq!(taken, refused, "{cell}");
        assert_eq!(session.state(), expected, "{cell}");
        assert_eq!(session.diagnostic(), diagnostic, "{cell}");
        let event = reason.map(|reason| Event { from: ours, to: expected, reason, at: at(10), worked: worked(ours) });
        assert_eq!(session.poll_event(), event, "{cell}");
        assert_eq!(session.poll_event(), None, "{cell}");
        let told = drain(&mut session, at(10));
        assert!(told.iter().all(|packet| packet.state == expected && packet.diagnostic == diagnostic), "{cell}");
        assert!(reason.is_none() || told.len() == 1, "{cell}: a change is told at once");
        assert_eq!(session.remote().state, theirs, "{cell}");
    }
}

#[test]
fn silence_ends_what_needs_the_peer() {
    for ours in STATES {
        let mut session = session_in(ours);
        if ours == State::Down {
            // Heard, and still Down.
            session.handle_packet(&from_peer(State::Up), at(0)).expect("taken");
        }
        session.handle_timeout(at(60_000));
        let needs_peer = matches!(ours, State::Init | State::Up);
        let (state, diagnostic) = match ours {
            State::AdminDown => (State::AdminDown, Diagnostic::AdministrativelyDown),
            State::Down => (State::Down, Diagnostic::None),
            State::Init | State::Up => (State::Down, Diagnostic::DetectionTimeExpired),
        };
        assert_eq!((session.state(), session.diagnostic()), (state, diagnostic), "{ours}");
        let reason = Reason::DetectionTimeExpired;
        let event =
            needs_peer.then_some(Event { from: ours, to: State::Down, reason, at: at(60_000), worked: worked(ours) });
        assert_eq!(session.poll_event(), event, "{ours}");
        assert_eq!(session.remote(), &Remote::UNKNOWN, "{ours}: RFC 5880 §6.8.1");
        assert!(drain(&mut session, at(60_000)).iter().all(|packet| packet.your_discriminator.is_none()), "{ours}");
    }
}

#[test]
fn a_failure_says_until_when_the_session_worked() {
    let last_up = |session: &mut Session| {
        for ms in [100, 200] {
            session.handle_packet(&from_peer(State::Up), at(ms)).expect("taken");
        }
    };
    // The peer has restarted and knows nothing of us.
    let mut session = session_in(State::Up);
    last_up(&mut session);
    let anew = ControlPacket { your_discriminator: None, ..from_peer(State::Down) };
    session.handle_packet(&anew, at(300)).expect("taken");
    let event = session.poll_event().expect("it is Down");
    assert_eq!((event.at, event.worked), (at(300), Some(Worked { since: at(0), until: at(200) })));
    // The peer falls silent.
    let mut session = session_in(State::Up);
    last_up(&mut session);
    session.handle_timeout(at(500));
    let event = session.poll_event().expect("it is Down");
    assert_eq!((event.at, event.worked), (at(500), Some(Worked { since: at(0), until: at(200) })));
}

#[test]
fn operators_are_obeyed_in_every_state() {
    for ours in STATES {
        let mut session = session_in(ours);
        session.disable(at(10));
        assert_eq!((session.state(), session.diagnostic()), (State::AdminDown, Diagnostic::AdministrativelyDown));
        let told = drain(&mut session, at(10));
        assert_eq!(told.len(), usize::from(ours != State::AdminDown), "{ours}");
        assert!(told.iter().all(|packet| packet.state == State::AdminDown));
        let event = session.poll_event().map(|event| (event.from, event.to, event.reason));
        assert_eq!(event, (ours != State::AdminDown).then_some((ours, State::AdminDown, Reason::Disabled)));

        session.enable(at(20));
        assert_eq!(session.state(), State::Down, "{ours}");
        assert_eq!(session.poll_event().map(|event| event.reason), Some(Reason::Enabled));
        session.enable(at(30));
        assert_eq!(session.poll_event(), None, "once is enough");
    }
}

#[test]
fn authentication_is_refused_and_changes_nothing() {
    let mut session = session_in(State::Up);
    let forged = ControlPacket { authenticated: true, ..from_peer(State::Down) };
    assert_eq!(session.handle_packet(&forged, at(10)), Err(Discard::Authentication));
    assert_eq!(session.state(), State::Up);
    assert_eq!(session.remote().state, State::Init, "not even that is taken from it");
    assert_eq!(session.counters().discards.of(Discard::Authentication), 1);
    session.handle_timeout(at(300));
    assert_eq!(session.state(), State::Down, "it did not count as a sign of life");
}
