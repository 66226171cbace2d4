//! When things happen.

use super::*;
use crate::net::AfiSafi;
use crate::packet::{RefreshSubtype, RouteRefresh};

/// How long it is from now to the next deadline.
fn next(session: &Session, now: Instant) -> Duration {
    session.poll_timeout().expect("a timer runs") - now
}

fn within(time: Duration, low: f64, high: f64) -> bool {
    (low..=high).contains(&time.as_secs_f64())
}

#[test]
fn connect_retry_is_jittered_anew_each_time() {
    let mut session = Session::new(SessionConfig { connect_retry: Duration::from_secs(120), ..config() }, 3);
    session.handle_event(Event::Start, seconds(0));
    let mut now = seconds(0);
    let mut waits = Vec::new();
    for attempt in 1..=200 {
        let wait = next(&session, now);
        assert!(within(wait, 90.0, 120.0), "{wait:?}");
        waits.push(wait);
        session.handle_timeout(now + (wait - Duration::from_nanos(1)));
        assert_eq!(session.counters().connect_attempts, attempt, "not a moment too early");
        now = now + wait;
        session.handle_timeout(now);
        session.handle_timeout(now);
        assert_eq!(session.counters().connect_attempts, attempt + 1, "and once only");
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 190, "they differ");
}

#[test]
fn a_connect_retry_of_zero_is_no_busy_loop() {
    let mut session =
        session_in(State::Connect, SessionConfig { connect_retry: Duration::ZERO, ..config() }, seconds(1));
    session.handle_timeout(seconds(1));
    assert!(session.poll_timeout() > Some(seconds(1)));
}

#[test]
fn the_peers_open_is_awaited_for_four_minutes() {
    let session = session_in(State::OpenSent, config(), seconds(10));
    assert_eq!(session.poll_timeout(), Some(seconds(250)));
}

#[test]
fn keepalives_go_out_every_third_of_the_hold_time_less_jitter() {
    let mut session = session_in(State::Established, config(), seconds(0));
    let mut now = seconds(0);
    for _ in 0..100 {
        let wait = next(&session, now);
        assert!(within(wait, 22.5, 30.0), "{wait:?}");
        now = now + wait;
        session.handle_timeout(now);
        assert_eq!(actions(&mut session), [send(1, Message::Keepalive)]);
        session.handle_event(Event::Sent { connection: ConnectionId(1), stood_in: 0 }, now);
        session.handle_event(received(1, Message::Keepalive), now);
    }
}

#[test]
fn keepalives_are_never_less_than_a_second_apart() {
    let mut session = session_in(State::Established, SessionConfig { hold_time: 3, ..config() }, seconds(0));
    assert_eq!(session.poll_timeout(), Some(seconds(1)));
    session.handle_timeout(seconds(1));
    assert_eq!(session.poll_timeout(), Some(seconds(2)));
}

#[test]
fn an_update_is_as_good_as_a_keepalive() {
    let mut session = session_in(State::Established, config(), seconds(0));
    session.sent_updates(1, seconds(20));
    let due = session.poll_timeout().expect("a timer runs");
    assert!(within(due - seconds(20), 22.5, 30.0), "sent: the keepalive timer starts anew");

    // Received: so does the hold timer. Keepalives go out meanwhile.
    session.handle_event(received(1, Message::Update(Box::default())), seconds(80));
    session.handle_timeout(seconds(169));
    assert_eq!(session.state(), State::Established);
    session.handle_timeout(seconds(170));
    assert_eq!(session.state(), State::Idle);
}

#[test]
fn a_route_refresh_does_not_keep_the_session() {
    let refresh = Message::RouteRefresh(RouteRefresh::new(AfiSafi::Ipv4Unicast, RefreshSubtype::Request));
    let mut session = session_in(State::Established, config(), seconds(0));
    session.handle_event(received(1, refresh), seconds(80));
    session.handle_timeout(seconds(90));
    assert_eq!(session.state(), State::Idle);
}

#[test]
fn what_came_in_time_counts_though_it_is_read_late() {
    let mut session = session_in(State::Established, config(), seconds(0));
    session.handle_event(received(1, Message::Keepalive), seconds(95));
    session.handle_timeout(seconds(95));
    assert_eq!(session.state(), State::Established);
}

#[test]
fn without_a_hold_time_no_timer_runs() {
    for (ours, theirs) in [(0, 90), (90, 0), (0, 0)] {
        let mut session = session_in(State::OpenSent, SessionConfig { hold_time: ours, ..config() }, seconds(0));
        session.handle_event(received(1, Message::Open(Open { hold_time: theirs, ..peer_open() })), seconds(0));
        assert_eq!((session.state(), session.poll_timeout()), (State::OpenConfirm, None), "{ours} and {theirs}");
        session.handle_event(received(1, Message::Keepalive), seconds(0));
        session.sent_updates(1, seconds(1));
        assert_eq!((session.state(), session.poll_timeout()), (State::Established, None), "{ours} and {theirs}");
    }
}

/// An Established session with these hold times.
fn established(hold_time: u16, send_hold_time: Option<u16>) -> Session {
    let mut session = session_in(State::OpenSent, SessionConfig { hold_time, send_hold_time, ..config() }, seconds(0));
    session.handle_event(received(1, Message::Open(Open { hold_time, ..peer_open() })), seconds(0));
    session.handle_event(received(1, Message::Keepalive), seconds(0));
    assert_eq!(session.state(), State::Established);
    session
}

/// Lets time pass up to here, with a peer that says something every second.
fn hear_until(session: &mut Session, from: u64, to: u64) {
    for second in from..=to {
        session.handle_event(received(1, Message::Keepalive), seconds(second));
        session.handle_timeout(seconds(second));
    }
}

/// RFC 9687 §6: eight minutes or twice the hold time; §4.3: never without a hold time.
#[test]
fn a_peer_that_takes_nothing_is_left_after_the_send_hold_time() {
    let table = [
        (90, None, Some(480)),
        (300, None, Some(600)),
        (9, Some(12), Some(12)),
        (90, Some(0), None),
        (0, None, None),
        (0, Some(12), None),
    ];
    for (hold_time, configured, expected) in table {
        let mut session = established(hold_time, configured);
        let Some(expected) = expected else {
            hear_until(&mut session, 1, 1000);
            assert_eq!(session.state(), State::Established, "{hold_time} {configured:?}");
            continue;
        };
        hear_until(&mut session, 1, expected - 1);
        assert_eq!(session.state(), State::Established, "{hold_time} {configured:?}");
        actions(&mut session);
        let missed = [expected - 1, expected].map(|second| session.misses_the_peer(seconds(second)));
        assert_eq!(missed, [false, true]);
        session.handle_timeout(seconds(expected));
        let told = notify(1, Notification::new(8, 0, &[]));
        let asked = actions(&mut session);
        assert_eq!((&asked[0], &asked[1]), (&told, &close(1)), "{hold_time} {configured:?}");
        assert_eq!((session.state(), session.counters().connect_retries), (State::Idle, 1));
        let problem =
            format!("sent Send Hold Timer Expired: nothing that we sent was taken by the peer for {expected} s");
        assert_eq!(session.last_error().map(|error| error.reason.to_string()), Some(problem));
    }
}

#[test]
fn whatever_the_peer_takes_starts_the_send_hold_time_anew() {
    let mut session = established(9, Some(12));
    let sent = |stood_in| Event::Sent { connection: ConnectionId(1), stood_in };
    hear_until(&mut session, 1, 11);
    session.handle_event(sent(0), seconds(11));
    hear_until(&mut session, 12, 22);
    assert_eq!(session.state(), State::Established);
    session.handle_timeout(seconds(23));
    assert_eq!(session.state(), State::Idle);
    // Before a session is established the timer does not run, and afterwards it is of no concern.
    session.handle_event(sent(1), seconds(24));
    assert_eq!((session.counters().stood_in, session.counters().late_events), (0, 0));
    let mut session = session_in(State::OpenConfirm, config(), seconds(0));
    session.handle_event(sent(0), seconds(1));
    assert!(session.poll_timeout() < Some(seconds(100)), "only hold time and keepalive");
}

#[test]
fn a_keepalive_that_was_sent_in_our_stead_counts_and_is_not_sent_twice() {
    let mut session = established(90, None);
    actions(&mut session);
    let before = session.counters().sent.keepalive;
    session.handle_event(Event::Sent { connection: ConnectionId(1), stood_in: 2 }, seconds(31));
    assert_eq!((session.counters().sent.keepalive, session.counters().stood_in), (before + 2, 2));
    session.handle_timeout(seconds(31));
    assert_eq!(actions(&mut session), [], "the keepalive timer has started anew");
}

/// Lets the session fail once and returns how long it is held in Idle.
fn hold_after_failure(session: &mut Session, now: Instant) -> Duration {
    let id = session.counters().sent.open + 100;
    session.handle_event(opened(id, Direction::Incoming), now);
    assert_eq!(session.state(), State::OpenSent);
    session.handle_event(received(id, Message::Keepalive), now);
    assert_eq!(session.state(), State::Idle);
    actions(session);
    next(session, now)
}

#[test]
fn the_idle_hold_doubles_up_to_its_maximum() {
    let mut session = session_in(State::Connect, config(), seconds(0));
    let mut now = seconds(0);
    for base in [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0, 120.0] {
        let hold = hold_after_failure(&mut session, now);
        assert!(within(hold, base * 0.75, base), "{hold:?} for {base}");
        assert_eq!(session.idle_until(), Some(now + hold));
        now = now + hold;
        session.handle_timeout(now);
        assert_eq!(session.state(), State::Connect, "the restart is automatic");
    }
    assert_eq!(session.counters().connect_retries, 8);
    hold_after_failure(&mut session, now);
    session.handle_event(Event::Start, now);
    assert_eq!(session.state(), State::Connect, "the operator need not wait");
    assert_eq!(session.counters().connect_retries, 0);
    let hold = hold_after_failure(&mut session, now);
    assert!(within(hold, 3.75, 5.0), "{hold:?}: a start begins anew");
}

#[test]
fn the_idle_hold_is_short_again_after_a_session_that_stayed_up() {
    for (up, low, high) in [(119, 15.0, 20.0), (120, 3.75, 5.0)] {
        let mut session = session_in(State::Connect, config(), seconds(0));
        let mut now = seconds(0);
        for _ in 0..2 {
            now = now + hold_after_failure(&mut session, now);
            session.handle_timeout(now);
        }
        session.handle_event(opened(1, Direction::Outgoing), now);
        session.handle_event(received(1, Message::Open(peer_open())), now);
        session.handle_event(received(1, Message::Keepalive), now);
        now = now + Duration::from_secs(up);
        session.handle_event(closed(1), now);
        let hold = next(&session, now);
        assert!(within(hold, low, high), "{hold:?} after {up} s");
    }
}

#[test]
fn a_version_error_is_held_but_not_damped() {
    let mut session = session_in(State::OpenSent, config(), seconds(0));
    session.handle_event(received(1, Message::Notification(Notification::new(2, 1, &[0, 3]))), seconds(0));
    assert!(within(next(&session, seconds(0)), 3.75, 5.0));
    session.handle_timeout(seconds(5));
    let hold = hold_after_failure(&mut session, seconds(5));
    assert!(within(hold, 3.75, 5.0), "{hold:?}: it did not grow");
}
