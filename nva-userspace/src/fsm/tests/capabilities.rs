//! Peers that do not read capabilities (RFC 5492 §3).

use super::*;
use crate::net::AfiSafi;
use crate::packet::iana::open_error;

fn both_families() -> SessionConfig {
    SessionConfig { families: AfiSafi::ALL.to_vec(), ..config() }
}

fn refusal() -> Notification {
    Notification::open_error(open_error::UNSUPPORTED_PARAMETER)
}

fn bare(open: Open) -> Open {
    Open { capabilities: Vec::new(), ..open }
}

/// A session whose OPEN over connection 1 was refused for its capabilities, and what it did then.
fn refused(config: SessionConfig) -> (Session, Vec<Action>) {
    let mut session = session_in(State::OpenSent, config, seconds(0));
    let done = step(&mut session, received(1, Message::Notification(refusal())), seconds(1));
    (session, done)
}

/// Lets the idle hold pass and connects; the OPEN that goes out.
fn next_open(session: &mut Session, id: u64) -> Open {
    let due = session.idle_until().expect("an idle hold");
    session.handle_timeout(due);
    let done = step(session, opened(id, Direction::Outgoing), due);
    match &done[..] {
        [Action::Connect, Action::Send { message: Message::Open(open), .. }] => open.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_refuses_capabilities_is_tried_without() {
    let (mut session, done) = refused(both_families());
    assert_eq!(done, [Action::CapabilitiesRefused, close(1)]);
    assert_eq!((session.state(), session.without_capabilities()), (State::Idle, true));
    assert_eq!(session.counters().connect_retries, 0, "no oscillation: something else is tried");
    let hold = session.idle_until().expect("an idle hold") - seconds(1);
    assert!(hold <= config().idle_hold, "{hold:?}");
    let open = next_open(&mut session, 2);
    assert_eq!((open.capabilities.len(), open.my_as), (0, 65000));
    session.handle_event(received(2, Message::Open(bare(peer_open()))), seconds(10));
    session.handle_event(received(2, Message::Keepalive), seconds(10));
    let agreed = session.negotiated().expect("a session");
    let context = &agreed.context;
    assert_eq!((&context.families[..], context.four_octet_as), (&[AfiSafi::Ipv4Unicast][..], false));
    assert_eq!((context.max_send, context.max_receive, agreed.route_refresh), (4096, 4096, false));
    assert!(session.without_capabilities());
    // When it comes back it may be another one.
    actions(&mut session);
    session.handle_event(closed(2), seconds(20));
    assert!(!session.without_capabilities());
    actions(&mut session);
    assert!(!next_open(&mut session, 3).capabilities.is_empty());
}

#[test]
fn what_we_did_not_announce_is_not_agreed_on() {
    let (mut session, _) = refused(both_families());
    next_open(&mut session, 2);
    // A peer that has capabilities after all.
    let mut open = peer_open();
    open.capabilities.extend([Capability::Multiprotocol { afi: 2, safi: 1 }, Capability::EnhancedRouteRefresh]);
    session.handle_event(received(2, Message::Open(open)), seconds(10));
    let context = session.codec_context(ConnectionId(2));
    assert_eq!((&context.families[..], context.four_octet_as), (&[AfiSafi::Ipv4Unicast][..], false));
    assert!(!context.enhanced_refresh);
}

#[test]
fn an_operator_begins_with_capabilities_again() {
    let (mut session, _) = refused(config());
    session.handle_event(Event::Stop { notification: shutdown() }, seconds(2));
    session.handle_event(Event::Start, seconds(3));
    assert!(!session.without_capabilities());
}

#[test]
fn what_is_no_reason_to_do_without() {
    // Nothing but IPv6 is wanted, which takes a capability.
    let (session, done) = refused(SessionConfig { families: vec![AfiSafi::Ipv6Unicast], ..config() });
    assert_eq!((done, session.without_capabilities()), (vec![close(1)], false));
    assert_eq!(session.counters().connect_retries, 1);
    // Another word of the peer's.
    for subcode in [open_error::BAD_PEER_AS, open_error::UNSUPPORTED_CAPABILITY, 0] {
        let mut session = session_in(State::OpenSent, config(), seconds(0));
        step(&mut session, received(1, Message::Notification(Notification::open_error(subcode))), seconds(1));
        assert!(!session.without_capabilities(), "{subcode}");
    }
    // Too late to be about our OPEN.
    let mut session = session_in(State::Established, config(), seconds(0));
    step(&mut session, received(1, Message::Notification(refusal())), seconds(1));
    assert!(!session.without_capabilities());
    // Without any, it is damped like every failure.
    let (mut session, _) = refused(config());
    next_open(&mut session, 2);
    let done = step(&mut session, received(2, Message::Notification(refusal())), seconds(10));
    assert_eq!((done, session.counters().connect_retries), (vec![close(2)], 1));
}
