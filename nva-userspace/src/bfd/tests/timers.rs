//! When packets go out, when silence is too long, polls and demand mode.

use super::*;

/// Lets a session run by itself until then; what it sent, and when.
fn run(session: &mut Session, until: Instant) -> Vec<(Instant, ControlPacket)> {
    let mut sent = Vec::new();
    while let Some(due) = session.poll_timeout().filter(|due| *due <= until) {
        session.handle_timeout(due);
        sent.extend(drain(session, due).into_iter().map(|packet| (due, packet)));
    }
    sent
}

/// A session that is Up and whose peer speaks every 10 ms; what the session sends until then.
fn run_with_peer(session: &mut Session, packet: ControlPacket, from: u32, until: u32) -> Vec<(Instant, ControlPacket)> {
    let mut sent = Vec::new();
    for ms in (from..until).step_by(10) {
        session.handle_packet(&packet, at(ms)).expect("taken");
        sent.extend(drain(session, at(ms)).into_iter().map(|packet| (at(ms), packet)));
        sent.extend(run(session, at(ms + 10)));
    }
    sent
}

fn gaps(sent: &[(Instant, ControlPacket)]) -> Vec<Duration> {
    sent.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

#[test]
fn nothing_is_faster_than_a_second_until_it_is_up() {
    let mut session = Session::new(config(), discriminator(OURS), 1, at(0));
    let sent = run(&mut session, at(60_000));
    assert!(sent.iter().all(|(_, packet)| packet.desired_min_tx == 1000 * MS));
    assert_eq!(sent[0].0, at(0), "the first one goes at once");
    assert!(gaps(&sent).iter().all(|gap| (750 * MS..=1000 * MS).contains(gap)), "{:?}", gaps(&sent));
    let mut slower = config();
    slower.desired_min_tx = 3000 * MS;
    let mut session = Session::new(slower, discriminator(OURS), 1, at(0));
    assert!(gaps(&run(&mut session, at(60_000))).iter().all(|gap| (2250 * MS..=3000 * MS).contains(gap)));
}

#[test]
fn the_slower_of_both_decides_and_jitter_only_shortens() {
    for (multiplier, their_rx, fastest, slowest) in [(3, 100, 75, 100), (3, 400, 300, 400), (1, 100, 75, 90)] {
        let mut session = session_in(State::Up);
        session.reconfigure(SessionConfig { multiplier, ..config() }, at(0));
        let peer = ControlPacket { required_min_rx: their_rx * MS, is_final: true, ..from_peer(State::Up) };
        run_with_peer(&mut session, peer, 0, 500);
        let sent = run_with_peer(&mut session, peer, 500, 20_000);
        assert!(sent.len() > 40);
        let gaps = gaps(&sent);
        let allowed = fastest * MS..=slowest * MS;
        assert!(gaps.iter().all(|gap| allowed.contains(gap)), "{multiplier} {their_rx}: {gaps:?}");
    }
}

#[test]
fn the_detection_time_is_the_peers_multiplier_of_the_slower_interval() {
    let cases = [(3, 100, 300), (3, 50, 300), (3, 250, 750), (1, 100, 100), (5, 1000, 5000)];
    for (multiplier, their_tx, expected) in cases {
        let mut session = session_in(State::Up);
        let packet = ControlPacket { multiplier, desired_min_tx: their_tx * MS, ..from_peer(State::Up) };
        session.handle_packet(&packet, at(1000)).expect("taken");
        assert_eq!(session.detection_time(), Some(expected * MS));
        session.handle_timeout(at(1000 + expected - 1));
        assert_eq!(session.state(), State::Up);
        session.handle_timeout(at(1000 + expected));
        assert_eq!((session.state(), session.diagnostic()), (State::Down, Diagnostic::DetectionTimeExpired));
        assert_eq!(session.detection_time(), None);
    }
}

#[test]
fn coming_up_is_polled_until_the_peer_confirms() {
    let mut session = Session::new(config(), discriminator(OURS), 1, at(0));
    drain(&mut session, at(0));
    session.handle_packet(&from_peer(State::Init), at(5)).expect("taken");
    let told = drain(&mut session, at(5));
    assert_eq!(told.len(), 1);
    assert!(!told[0].poll && told[0].desired_min_tx == 100 * MS, "told at once; polls go with periodic packets");
    let sent = run_with_peer(&mut session, from_peer(State::Up), 10, 400);
    assert!(sent.len() >= 3 && sent.iter().all(|(_, packet)| packet.poll && !packet.is_final), "{sent:?}");
    let confirmed = ControlPacket { is_final: true, ..from_peer(State::Up) };
    session.handle_packet(&confirmed, at(400)).expect("taken");
    let sent = run_with_peer(&mut session, from_peer(State::Up), 400, 800);
    assert!(sent.len() >= 3 && sent.iter().all(|(_, packet)| !packet.poll));
}

#[test]
fn a_poll_is_answered_at_once_in_every_state_that_listens() {
    for ours in [State::Down, State::Init, State::Up] {
        let mut session = session_in(ours);
        let due = session.poll_timeout();
        let poll = ControlPacket { poll: true, ..from_peer(if ours == State::Init { State::Down } else { State::Up }) };
        session.handle_packet(&poll, at(1)).expect("taken");
        let answers = drain(&mut session, at(1));
        assert!(answers.len() == 1 && answers[0].is_final && !answers[0].poll, "{ours}: {answers:?}");
        assert!(session.poll_timeout() <= due.max(Some(at(301))), "{ours}: the periodic packet is not put off");
    }
    let mut session = session_in(State::AdminDown);
    let poll = ControlPacket { poll: true, ..from_peer(State::Up) };
    assert_eq!(session.handle_packet(&poll, at(1)), Err(Discard::AdminDown));
    assert!(drain(&mut session, at(1)).iter().all(|packet| !packet.is_final));
}

#[test]
fn a_peer_in_demand_mode_is_sent_nothing_but_polls_and_answers() {
    let mut session = session_in(State::Up);
    let demand = ControlPacket { demand: true, ..from_peer(State::Up) };
    let polls = run_with_peer(&mut session, demand, 0, 500);
    assert!(!polls.is_empty() && polls.iter().all(|(_, packet)| packet.poll), "coming up is still to be confirmed");
    session.handle_packet(&ControlPacket { is_final: true, ..demand }, at(500)).expect("taken");
    assert_eq!(run_with_peer(&mut session, demand, 500, 5000), []);
    assert_eq!(session.transmit_interval(), None);

    session.handle_packet(&ControlPacket { poll: true, ..demand }, at(5000)).expect("taken");
    let answers = drain(&mut session, at(5000));
    assert!(answers.len() == 1 && answers[0].is_final);

    session.reconfigure(SessionConfig { required_min_rx: 200 * MS, ..config() }, at(5000));
    let polls = run_with_peer(&mut session, demand, 5000, 5500);
    assert!(polls.iter().filter(|(_, packet)| packet.poll).count() >= 3, "a change is polled all the same: {polls:?}");

    let sent = run_with_peer(&mut session, from_peer(State::Up), 5500, 6000);
    assert!(sent.len() >= 4, "without D the periodic packets come back");
}

#[test]
fn demand_mode_is_over_when_the_session_is_down() {
    let mut session = session_in(State::Up);
    let demand = ControlPacket { demand: true, is_final: true, ..from_peer(State::Up) };
    run_with_peer(&mut session, demand, 0, 500);
    assert_eq!(run(&mut session, at(500)), []);
    let sent = run(&mut session, at(5000));
    assert_eq!(session.state(), State::Down);
    assert!(sent.len() >= 4, "{sent:?}");
}

#[test]
fn a_peer_that_wants_no_packets_gets_none() {
    let mut session = session_in(State::Up);
    let deaf = ControlPacket { required_min_rx: Duration::ZERO, is_final: true, ..from_peer(State::Up) };
    session.handle_packet(&deaf, at(10)).expect("taken");
    drain(&mut session, at(10));
    assert_eq!(run_with_peer(&mut session, deaf, 20, 3000), []);
    assert!(!run(&mut session, at(9000)).is_empty(), "once it is gone, whoever comes next is spoken to");
}

#[test]
fn slower_sending_waits_until_the_peer_knows() {
    let mut session = session_in(State::Up);
    let confirmed = ControlPacket { is_final: true, ..from_peer(State::Up) };
    run_with_peer(&mut session, confirmed, 0, 500);
    session.reconfigure(SessionConfig { desired_min_tx: 900 * MS, ..config() }, at(500));
    let before = run_with_peer(&mut session, from_peer(State::Up), 500, 2500);
    assert!(before.iter().all(|(_, packet)| packet.desired_min_tx == 900 * MS));
    assert!(gaps(&before).iter().all(|gap| *gap <= 100 * MS), "{:?}", gaps(&before));
    run_with_peer(&mut session, confirmed, 2500, 4000);
    let after = run_with_peer(&mut session, from_peer(State::Up), 4000, 9000);
    assert!(gaps(&after).iter().all(|gap| (675 * MS..=900 * MS).contains(gap)), "{:?}", gaps(&after));
}

#[test]
fn a_peer_that_asks_for_less_is_sent_less_at_once() {
    let mut session = session_in(State::Up);
    let confirmed = ControlPacket { is_final: true, ..from_peer(State::Up) };
    run_with_peer(&mut session, confirmed, 0, 1000);
    let slow = ControlPacket { required_min_rx: 700 * MS, ..confirmed };
    let sent = run_with_peer(&mut session, slow, 1000, 9000);
    assert!(gaps(&sent).iter().all(|gap| *gap >= 525 * MS), "{:?}", gaps(&sent));
}

#[test]
fn what_the_peer_says_of_itself_is_told_once() {
    let mut session = session_in(State::Up);
    let confirmed = ControlPacket { is_final: true, ..from_peer(State::Up) };
    run_with_peer(&mut session, confirmed, 0, 500);
    let down = ControlPacket { diagnostic: Diagnostic::PathDown, ..from_peer(State::Down) };
    for ms in [500, 501, 502] {
        session.handle_packet(&down, at(ms)).expect("taken");
    }
    let event = session.poll_event().expect("it went down");
    assert_eq!((event.to, event.reason), (State::Down, Reason::PeerDown(Diagnostic::PathDown)));
    assert_eq!(session.poll_event().map(|event| event.to), Some(State::Init), "and begins anew");
    assert_eq!(session.poll_event(), None);
    assert_eq!((session.counters().ups, session.counters().downs), (1, 1));
}
