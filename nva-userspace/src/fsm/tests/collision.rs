//! Two connections at once, seen from one side (RFC 4271 §6.8). Both sides at once are in [`super::interleavings`].

use super::*;
use crate::fsm::DownReason;
use crate::net::AfiSafi;
use crate::packet::{GracefulRestart, RestartFamily};

/// The survivor of an outgoing connection 1 and an incoming connection 2 with these router ids.
fn survivor(ours: Ipv4Addr, theirs: Ipv4Addr) -> u64 {
    if ours > theirs { 1 } else { 2 }
}

fn session_with_two(config: SessionConfig, first: Direction) -> Session {
    let mut session = session_in(State::Connect, config, seconds(0));
    let (one, two) = match first {
        Direction::Outgoing => (opened(1, Direction::Outgoing), opened(2, Direction::Incoming)),
        Direction::Incoming => (opened(2, Direction::Incoming), opened(1, Direction::Outgoing)),
    };
    session.handle_event(one, seconds(0));
    session.handle_event(two, seconds(0));
    let opens = actions(&mut session);
    assert!(matches!(opens[..], [Action::Send { message: Message::Open(_), .. }, Action::Send { .. }]), "{opens:?}");
    session
}

#[test]
fn the_higher_router_id_decides_in_every_order() {
    let addresses = [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(9, 255, 255, 255), Ipv4Addr::new(200, 0, 0, 1)];
    for ours in addresses {
        for theirs in addresses.into_iter().filter(|theirs| *theirs != ours) {
            for first_connection in [Direction::Outgoing, Direction::Incoming] {
                for (first_open, second_open) in [(1, 2), (2, 1)] {
                    let case = format!("{ours} {theirs} {first_connection} {first_open}");
                    let open = || Message::Open(Open { router_id: theirs, ..peer_open() });
                    let config = SessionConfig { router_id: ours, ..config() };
                    let mut session = session_with_two(config, first_connection);
                    let done = step(&mut session, received(first_open, open()), seconds(1));
                    assert_eq!(done, [send(first_open, Message::Keepalive)], "{case}");
                    let done = step(&mut session, received(second_open, open()), seconds(1));
                    if survivor(ours, theirs) == first_open {
                        assert_eq!(done, [notify(second_open, collision()), close(second_open)], "{case}");
                    } else {
                        let keepalive = send(second_open, Message::Keepalive);
                        assert_eq!(done, [notify(first_open, collision()), close(first_open), keepalive], "{case}");
                    }
                    assert_eq!(session.state(), State::OpenConfirm);
                    assert_eq!(session.counters().collisions, 1);
                    let done = step(&mut session, received(survivor(ours, theirs), Message::Keepalive), seconds(1));
                    assert!(matches!(done[..], [Action::Established { .. }]), "{case}: {done:?}");
                }
            }
        }
    }
}

#[test]
fn equal_router_ids_are_decided_by_the_as() {
    for (peer_as, survivor) in [(64999, 1), (65001, 2)] {
        let config = SessionConfig { remote_as: RemoteAs::Exactly(Asn(peer_as)), ..config() };
        let open = || {
            let my_as = Asn(peer_as).to_two_octets();
            Message::Open(Open { my_as, router_id: config.router_id, capabilities: Vec::new(), ..peer_open() })
        };
        let mut session = session_with_two(config.clone(), Direction::Outgoing);
        session.handle_event(received(1, open()), seconds(1));
        session.handle_event(received(2, open()), seconds(1));
        session.handle_event(received(survivor, Message::Keepalive), seconds(1));
        assert_eq!(session.state(), State::Established, "peer in AS {peer_as}");
    }
}

#[test]
fn an_established_connection_is_never_given_up_for_another_one() {
    // The peer's router id is higher: by the identifiers, its connection 2 would win.
    let mut session = session_in(State::Established, config(), seconds(0));
    let done = step(&mut session, opened(2, Direction::Incoming), seconds(1));
    assert_eq!(done, [notify(2, collision()), close(2)]);
    // Whatever is still said over it is not heard.
    for event in [received(2, Message::Open(peer_open())), received(2, Message::Keepalive), closed(2)] {
        assert_eq!(step(&mut session, event, seconds(1)), []);
    }
    assert_eq!((session.state(), session.counters().late_events), (State::Established, 3));
    assert_eq!(session.last_error(), None);
}

/// The OPEN of a peer that wants its routes kept while it restarts.
fn restarting_open() -> Message {
    let families = vec![RestartFamily::new(AfiSafi::Ipv4Unicast, true)];
    let restart = GracefulRestart { time: 120, families, ..GracefulRestart::default() };
    let mut open = peer_open();
    open.capabilities.push(Capability::GracefulRestart(restart));
    Message::Open(open)
}

/// Connection 1, which we opened, Established with a peer that may restart, which has then opened connection 2 and sent
/// its OPEN over it.
fn session_with_another() -> Session {
    let restart = GracefulRestart { time: 120, ..GracefulRestart::default() };
    let mut session =
        session_in(State::OpenSent, SessionConfig { graceful_restart: Some(restart), ..config() }, seconds(0));
    session.handle_event(received(1, restarting_open()), seconds(0));
    session.handle_event(received(1, Message::Keepalive), seconds(0));
    actions(&mut session);
    let done = step(&mut session, opened(2, Direction::Incoming), seconds(1));
    assert!(matches!(done[..], [Action::Send { message: Message::Open(_), .. }]), "it may have restarted: {done:?}");
    let done = step(&mut session, received(2, restarting_open()), seconds(1));
    assert_eq!(done, [send(2, Message::Keepalive)]);
    session
}

/// RFC 4271 §6.8: a peer closes the connection that lost the collision only when it has our OPEN on the other one.
#[test]
fn a_leftover_of_a_collision_takes_no_established_session_with_it() {
    let over = [
        received(2, Message::Notification(collision())),
        closed(2),
        received(2, Message::Open(peer_open())),
        received(2, Message::Update(Box::default())),
    ];
    for over in over {
        let mut session = session_with_another();
        let done = step(&mut session, over.clone(), seconds(1));
        assert!(!done.iter().any(|action| matches!(action, Action::Down { .. })), "{over:?}: {done:?}");
        let left: Vec<_> = session.connections().collect();
        assert_eq!(left, [(ConnectionId(1), Direction::Outgoing, State::Established)], "{over:?}");
        assert_eq!((session.established_since(), session.last_down()), (Some(seconds(0)), None));
    }
    // Nor does one over which nothing more comes.
    let mut session = session_with_another();
    session.handle_event(received(1, Message::Keepalive), seconds(80));
    session.handle_timeout(seconds(91));
    assert_eq!(session.connections().count(), 1);
    assert_eq!(session.established_since(), Some(seconds(0)));
}

/// RFC 4724 §4.2.
#[test]
fn a_restarted_peer_is_established_over_its_new_connection() {
    let mut session = session_with_another();
    let done = step(&mut session, received(2, Message::Keepalive), seconds(2));
    let [first, Action::Down { reason }, Action::Established { connection: ConnectionId(2), .. }] = &done[..] else {
        panic!("{done:?}");
    };
    assert_eq!(*first, close(1), "without a word");
    assert!(matches!(reason, DownReason::Closed { .. }), "{reason}");
    assert_eq!((session.established_since(), session.counters().established), (Some(seconds(2)), 2));
    assert_eq!((session.counters().collisions, session.counters().connect_retries), (0, 0));

    // The silence of its old connection may be noticed first, and costs the new one nothing.
    let mut session = session_with_another();
    session.handle_event(closed(1), seconds(2));
    assert_eq!((session.state(), session.established_since()), (State::OpenConfirm, None));
    actions(&mut session);
    let done = step(&mut session, received(2, Message::Keepalive), seconds(2));
    assert!(matches!(done[..], [Action::Established { connection: ConnectionId(2), .. }]), "{done:?}");
}

#[test]
fn becoming_established_ends_the_other_connection() {
    let mut session = session_with_two(config(), Direction::Outgoing);
    session.handle_event(received(1, Message::Open(peer_open())), seconds(1));
    actions(&mut session);
    let done = step(&mut session, received(1, Message::Keepalive), seconds(1));
    assert!(
        matches!(&done[..], [one, two, Action::Established { connection: ConnectionId(1), .. }]
        if *one == notify(2, collision()) && *two == close(2)),
        "{done:?}"
    );
}

#[test]
fn an_attempt_that_could_only_collide_is_given_up() {
    let mut session = session_in(State::Connect, config(), seconds(0));
    session.handle_event(opened(2, Direction::Incoming), seconds(0));
    assert_eq!(session.state(), State::OpenSent);
    actions(&mut session);
    let done = step(&mut session, received(2, Message::Open(peer_open())), seconds(1));
    assert_eq!(done, [send(2, Message::Keepalive), Action::CancelConnect]);
    // It had just succeeded: that is a collision like any other, and here the peer's connection wins.
    session.handle_event(opened(1, Direction::Outgoing), seconds(1));
    actions(&mut session);
    let done = step(&mut session, received(1, Message::Open(peer_open())), seconds(1));
    assert_eq!(done, [notify(1, collision()), close(1)]);
}

#[test]
fn the_failure_of_one_connection_leaves_the_other_alone() {
    let failures = [
        closed(1),
        received(1, Message::Notification(collision())),
        received(1, Message::Keepalive),
        received(1, Message::Open(Open { hold_time: 1, ..peer_open() })),
    ];
    for failure in failures {
        let mut session = session_with_two(config(), Direction::Outgoing);
        let done = step(&mut session, failure.clone(), seconds(1));
        assert!(done.iter().all(|action| !matches!(action, Action::Down { .. } | Action::Connect)), "{done:?}");
        assert_eq!((session.state(), session.counters().connect_retries), (State::OpenSent, 0));
        session.handle_event(received(2, Message::Open(peer_open())), seconds(1));
        session.handle_event(received(2, Message::Keepalive), seconds(1));
        assert_eq!(session.state(), State::Established, "{failure:?}");
    }
}

#[test]
fn losing_a_collision_is_no_error_while_the_other_connection_lives() {
    let mut session = session_with_two(config(), Direction::Outgoing);
    session.handle_event(received(1, Message::Notification(collision())), seconds(1));
    assert_eq!(session.last_error(), None);
    session.handle_event(received(2, Message::Notification(collision())), seconds(2));
    let error = session.last_error().expect("nothing is left");
    assert_eq!(error.reason, DownReason::Received { notification: collision() });
    assert_eq!(session.state(), State::Idle);
}

#[test]
fn the_attempt_goes_on_when_an_early_connection_is_closed() {
    let mut session = session_in(State::Connect, config(), seconds(0));
    session.handle_event(opened(2, Direction::Incoming), seconds(0));
    session.handle_event(closed(2), seconds(1));
    assert_eq!(session.state(), State::Connect, "the answer to Connect is still due");
    let retry = session.poll_timeout().expect("ConnectRetryTimer");
    assert!((Duration::from_millis(22_500)..=Duration::from_secs(30)).contains(&(retry - seconds(1))));
}

/// RFC 4271 §8.2.1: a connection over which no OPEN has come has a state machine of its own, beside the one that
/// connects.
#[test]
fn a_silent_connection_does_not_keep_us_from_connecting() {
    let mut session = session_in(State::Active, config(), seconds(0));
    let due = session.poll_timeout().expect("ConnectRetryTimer");
    session.handle_event(opened(2, Direction::Incoming), seconds(1));
    actions(&mut session);
    assert_eq!(session.poll_timeout(), Some(due));
    session.handle_timeout(due);
    assert_eq!(actions(&mut session), [Action::Connect]);
    session.handle_event(Event::ConnectFailed { reason: "refused".to_owned() }, due);
    let error = session.last_error().expect("it failed").reason.to_string();
    assert_eq!((error.as_str(), session.state()), ("connecting failed: refused", State::OpenSent));
    let again = session.poll_timeout().expect("ConnectRetryTimer");
    assert!(again > due && again <= due + config().connect_retry);
    session.handle_timeout(again);
    assert_eq!(actions(&mut session), [Action::Connect]);
    // Our connection is closed, and the other one still says nothing.
    session.handle_event(opened(3, Direction::Outgoing), again);
    session.handle_event(closed(3), again);
    actions(&mut session);
    let due = session.poll_timeout().expect("ConnectRetryTimer");
    assert!(due <= again + config().connect_retry);
    session.handle_timeout(due);
    assert_eq!(actions(&mut session), [Action::Connect]);
    session.handle_event(opened(4, Direction::Outgoing), due);
    session.handle_event(received(4, Message::Open(peer_open())), due);
    actions(&mut session);
    let done = step(&mut session, received(4, Message::Keepalive), due);
    assert_eq!(done[..2], [notify(2, collision()), close(2)]);
    assert!(matches!(done[2..], [Action::Established { connection: ConnectionId(4), .. }]), "{done:?}");
}

#[test]
fn connections_that_are_closed_again_do_not_put_our_attempts_off() {
    let mut session = session_in(State::Active, config(), seconds(0));
    let due = session.poll_timeout().expect("ConnectRetryTimer");
    for second in 1..20 {
        session.handle_event(opened(second + 1, Direction::Incoming), seconds(second));
        session.handle_event(closed(second + 1), seconds(second));
    }
    assert_eq!((session.state(), session.poll_timeout()), (State::Active, Some(due)));
}

#[test]
fn a_silent_connection_gives_way_to_the_next_one() {
    let mut session = Session::new(SessionConfig { passive: true, ..config() }, 1);
    session.handle_event(Event::Start, seconds(0));
    for id in 1..20 {
        session.handle_event(opened(id, Direction::Incoming), seconds(id));
        assert_eq!(session.connections().map(|(id, ..)| id.0).collect::<Vec<_>>(), [id]);
    }
    session.handle_event(received(19, Message::Open(peer_open())), seconds(20));
    session.handle_event(received(19, Message::Keepalive), seconds(20));
    assert_eq!(session.state(), State::Established);
}

#[test]
fn a_peer_that_connects_anew_has_given_up_its_first_connection() {
    // The first is still in OpenSent, or in OpenConfirm already.
    for confirmed in [false, true] {
        let mut session = session_in(State::Active, config(), seconds(0));
        session.handle_event(opened(1, Direction::Incoming), seconds(0));
        if confirmed {
            session.handle_event(received(1, Message::Open(peer_open())), seconds(0));
        }
        session.handle_event(opened(2, Direction::Incoming), seconds(1));
        actions(&mut session);
        session.handle_event(received(2, Message::Open(peer_open())), seconds(1));
        let done = actions(&mut session);
        let keepalive = send(2, Message::Keepalive);
        if confirmed {
            assert_eq!(done, [notify(1, collision()), close(1), keepalive]);
        } else {
            assert_eq!(done, [keepalive], "1 was closed when 2 came");
        }
        session.handle_event(received(2, Message::Keepalive), seconds(1));
        assert_eq!(session.state(), State::Established);
    }
}

#[test]
fn a_stop_ends_both() {
    let mut session = session_with_two(config(), Direction::Outgoing);
    let done = step(&mut session, Event::Stop { notification: shutdown() }, seconds(1));
    assert_eq!(done, [notify(1, shutdown()), close(1), notify(2, shutdown()), close(2)]);
    assert_eq!((session.state(), session.poll_timeout()), (State::Idle, None));
}

/// RFC 4271 §6.8: where each side closes the connection that the other one keeps, none is left, and nobody has oscillated:
/// the time to be idle is that of a first failure, again and again, and still that before it grew for something else.
#[test]
fn a_collision_that_leaves_nothing_is_not_damped() {
    let first = config().idle_hold;
    let mut session = session_in(State::Connect, config(), seconds(0));
    let mut now = seconds(0);
    let mut next = 1;
    let mut idle_after = |session: &mut Session, collides: bool| {
        let (outgoing, incoming) = (next, next + 1);
        next += 2;
        session.handle_event(opened(outgoing, Direction::Outgoing), now);
        if collides {
            session.handle_event(opened(incoming, Direction::Incoming), now);
            session.handle_event(received(incoming, Message::Open(peer_open())), now);
        }
        session.handle_event(received(outgoing, Message::Open(peer_open())), now);
        let mut ids: Vec<u64> = session.connections().map(|(id, ..)| id.0).collect();
        let survivor = ids.pop().expect("one is left");
        assert_eq!(ids, [0; 0], "the other one has lost");
        session.handle_event(closed(survivor), now);
        assert_eq!(session.state(), State::Idle);
        let until = session.idle_until().expect("an idle hold");
        let idle = until - now;
        now = until;
        session.handle_timeout(now);
        actions(session);
        idle
    };
    for _ in 0..5 {
        let idle = idle_after(&mut session, true);
        assert!(idle <= first, "{idle:?}");
    }
    for grown in [1, 2, 4] {
        let idle = idle_after(&mut session, false);
        assert!(idle > first * grown / 2 && idle <= first * grown, "{idle:?}");
    }
    let idle = idle_after(&mut session, true);
    assert!(idle <= first, "{idle:?}");
}
