//! How a session is ended from our side: what the peer is told, by what was agreed on about restarts.

use super::*;
use crate::fsm::DownReason;
use crate::net::AfiSafi;
use crate::packet::{GracefulRestart, RestartFamily};

/// What one side says about its restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Nothing,
    /// It bears with the other's restarts, and has none of its own.
    Helper,
    /// Its routes are to be kept.
    Restarts,
    /// That, after a NOTIFICATION too (RFC 8538).
    AlsoNotified,
}

fn restart(says: Says) -> Option<GracefulRestart> {
    let families = match says {
        Says::Nothing => return None,
        Says::Helper => Vec::new(),
        Says::Restarts | Says::AlsoNotified => vec![RestartFamily::new(AfiSafi::Ipv4Unicast, true)],
    };
    Some(GracefulRestart { restarted: false, notification: says == Says::AlsoNotified, time: 120, families })
}

/// A session in this state, or in OpenConfirm or Established with these two capabilities.
fn session(state: State, ours: Says, theirs: Says) -> Session {
    let config = SessionConfig { graceful_restart: restart(ours), ..config() };
    if state < State::OpenConfirm {
        return session_in(state, config, seconds(0));
    }
    let mut open = peer_open();
    open.capabilities.extend(restart(theirs).map(Capability::GracefulRestart));
    let mut session = session_in(State::OpenSent, config, seconds(0));
    session.handle_event(received(1, Message::Open(open)), seconds(0));
    if state == State::Established {
        session.handle_event(received(1, Message::Keepalive), seconds(0));
    }
    assert_eq!(session.state(), state);
    actions(&mut session);
    session
}

fn told(notification: Notification) -> Vec<Action> {
    vec![notify(1, notification), close(1)]
}

fn and_down(mut actions: Vec<Action>, reason: DownReason) -> Vec<Action> {
    actions.push(Action::Down { reason });
    actions
}

#[test]
fn who_keeps_our_routes_sees_us_leave_without_a_word() {
    use Says::{AlsoNotified, Helper, Nothing, Restarts};
    let leave = || Event::Leave { notification: shutdown() };
    let stopped = |notification| DownReason::Stopped { notification };
    let silently = and_down(vec![close(1)], DownReason::Closed { reason: "we restart".to_owned() });
    let plainly = and_down(told(shutdown()), stopped(shutdown()));
    for (ours, theirs, expected) in [
        (Nothing, Nothing, &plainly),
        (Nothing, Restarts, &plainly),
        (Restarts, Nothing, &plainly),
        // Its routes would be kept, and ours are not.
        (Helper, Restarts, &plainly),
        (Helper, AlsoNotified, &plainly),
        (Restarts, Helper, &silently),
        (Restarts, Restarts, &silently),
        (AlsoNotified, AlsoNotified, &silently),
    ] {
        let mut session = session(State::Established, ours, theirs);
        assert_eq!(step(&mut session, leave(), seconds(1)), *expected, "{ours:?} and {theirs:?}");
        assert!(session.is_stopped(), "{ours:?} and {theirs:?}: nothing is tried again");
        assert_eq!(session.poll_timeout(), None);
        assert_eq!(step(&mut session, leave(), seconds(2)), [], "once is enough");
    }
}

#[test]
fn nobody_keeps_routes_of_a_session_that_never_was() {
    let leave = || Event::Leave { notification: shutdown() };
    for (state, expected) in [
        (State::Idle, vec![]),
        (State::Connect, vec![Action::CancelConnect]),
        (State::Active, vec![]),
        (State::OpenSent, told(shutdown())),
        (State::OpenConfirm, told(shutdown())),
    ] {
        let mut session = session(state, Says::Restarts, Says::Restarts);
        assert_eq!(step(&mut session, leave(), seconds(1)), expected, "{state}");
        assert!(session.is_stopped(), "{state}");
    }
    let mut session = session(State::OpenConfirm, Says::AlsoNotified, Says::AlsoNotified);
    let expected = told(Notification::hard_reset(&shutdown()));
    assert_eq!(step(&mut session, leave(), seconds(1)), expected, "it is to forget what an earlier session left");
}

fn too_many() -> Notification {
    Notification::maximum_prefixes(AfiSafi::Ipv4Unicast, 100)
}

fn automatic(pause: Option<Duration>) -> Event {
    Event::AutomaticStop { notification: too_many(), problem: "101 prefixes".to_owned(), pause }
}

#[test]
fn a_session_that_was_stopped_for_what_came_in_rests_as_long_as_it_should() {
    let minute = Duration::from_secs(60);
    for (says, notification) in [
        (Says::Nothing, too_many()),
        (Says::Restarts, too_many()),
        // RFC 8538 §5.1: it would send the same again.
        (Says::AlsoNotified, Notification::hard_reset(&too_many())),
    ] {
        for pause in [None, Some(minute)] {
            let mut session = session(State::Established, says, says);
            let reason = DownReason::Sent { notification: notification.clone(), problem: "101 prefixes".to_owned() };
            let expected = and_down(told(notification.clone()), reason);
            assert_eq!(step(&mut session, automatic(pause), seconds(1)), expected, "{says:?}");
            assert_eq!(session.idle_until(), pause.map(|pause| seconds(1) + pause), "{says:?}");
            assert_eq!(step(&mut session, opened(2, Direction::Incoming), seconds(2)), [close(2)], "Idle refuses");
            assert_eq!(session.counters().connect_retries, 1);
            session.handle_timeout(seconds(60));
            assert_eq!(actions(&mut session), [], "not yet");
            session.handle_timeout(seconds(61));
            let again = if pause.is_some() { vec![Action::Connect] } else { vec![] };
            assert_eq!(actions(&mut session), again);
            let restarted = step(&mut session, Event::Start, seconds(62));
            assert_eq!(restarted.is_empty(), pause.is_some(), "an operator lets it run");
        }
    }
}

#[test]
fn what_was_exchanged_in_a_session_that_is_over_stops_no_other() {
    for state in [State::Idle, State::Connect, State::Active, State::OpenSent, State::OpenConfirm] {
        let mut session = session(state, Says::Nothing, Says::Nothing);
        assert_eq!(step(&mut session, automatic(None), seconds(1)), [], "{state}");
        assert_eq!((session.state(), session.counters().late_events), (state, 1));
    }
}

/// RFC 4724 §4.2: its routes are kept for so long as it may be away, so it is not refused meanwhile, however often it
/// restarts.
#[test]
fn a_peer_that_restarts_is_let_in_at_once_and_connected_to_after_a_first_idle_hold() {
    for passive in [false, true] {
        let graceful_restart = restart(Says::Restarts);
        let mut session = Session::new(SessionConfig { graceful_restart, passive, ..config() }, 1);
        session.handle_event(Event::Start, seconds(0));
        for round in 1..=6 {
            let now = seconds(100 * round);
            let mut open = peer_open();
            open.capabilities.extend(restart(Says::Restarts).map(Capability::GracefulRestart));
            session.handle_event(opened(round, Direction::Incoming), now);
            session.handle_event(received(round, Message::Open(open)), now);
            session.handle_event(received(round, Message::Keepalive), now);
            assert_eq!(session.state(), State::Established, "round {round}");
            let gone = seconds(100 * round + 50);
            session.handle_event(closed(round), gone);
            assert_eq!((session.state(), session.counters().connect_retries), (State::Active, round));
            let dials = session.poll_timeout().map(|due| due - gone);
            assert_eq!(dials.is_none(), passive);
            assert!(dials.is_none_or(|dials| dials > Duration::from_secs(3) && dials <= Duration::from_secs(5)));
        }
    }
}

/// Not even a peer that restarts is a reason to do nothing else any more.
#[test]
fn a_peer_that_restarts_as_soon_as_it_is_back_is_held_for_a_first_idle_hold() {
    for (says, holds) in [(Says::Restarts, [5, 5, 5]), (Says::Nothing, [5, 10, 20])] {
        let mut session = session(State::Established, says, says);
        let mut now = seconds(4);
        for hold in holds.map(Duration::from_secs) {
            session.handle_event(closed(1), now);
            assert_eq!(session.state(), State::Idle, "{says:?}");
            let until = session.idle_until().expect("a hold");
            assert!(until - now > hold / 2 && until - now <= hold, "{says:?}: {:?}", until - now);
            now = until;
            session.handle_timeout(now);
            session.handle_event(opened(1, Direction::Outgoing), now);
            let mut open = peer_open();
            open.capabilities.extend(restart(says).map(Capability::GracefulRestart));
            session.handle_event(received(1, Message::Open(open)), now);
            session.handle_event(received(1, Message::Keepalive), now);
            now = now + Duration::from_secs(4);
        }
    }
}
