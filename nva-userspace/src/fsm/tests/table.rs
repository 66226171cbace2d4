//! Every state and every event: which state follows, what is done (RFC 4271 §8.2.2).

use super::*;
use crate::fsm::DownReason;
use crate::packet::iana::{self, fsm_error, open_error};
use crate::packet::{DecodeError, OpenProblem, RefreshSubtype, RouteRefresh};

/// The states of the RFC, Idle in both its kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum From {
    Stopped,
    Held,
    Connect,
    Active,
    OpenSent,
    OpenConfirm,
    Established,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Start,
    Stop,
    /// The timer that is due first expires.
    NextTimer,
    /// Nothing happened for longer than any timer runs.
    Silence,
    OutgoingOpened,
    IncomingOpened,
    ConnectFailed,
    Closed,
    BfdDown,
    Open,
    OpenOfAnotherAs,
    Keepalive,
    Update,
    RouteRefresh,
    Cease,
    VersionNotification,
    HeaderError,
    OpenError,
    UpdateError,
}

const STATES: [From; 7] =
    [From::Stopped, From::Held, From::Connect, From::Active, From::OpenSent, From::OpenConfirm, From::Established];

const EVENTS: [On; 19] = [
    On::Start,
    On::Stop,
    On::NextTimer,
    On::Silence,
    On::OutgoingOpened,
    On::IncomingOpened,
    On::ConnectFailed,
    On::Closed,
    On::BfdDown,
    On::Open,
    On::OpenOfAnotherAs,
    On::Keepalive,
    On::Update,
    On::RouteRefresh,
    On::Cease,
    On::VersionNotification,
    On::HeaderError,
    On::OpenError,
    On::UpdateError,
];

/// What a cell of the table says.
#[derive(Debug, PartialEq)]
struct Then {
    state: State,
    actions: Vec<Action>,
    /// By how much the counter of late events grows.
    late: u64,
    /// By how much ConnectRetryCounter grows.
    retries: u64,
}

impl Then {
    fn goes(state: State, actions: Vec<Action>) -> Then {
        Then { state, actions, late: 0, retries: 0 }
    }

    fn late(state: State) -> Then {
        Then { late: 1, ..Then::goes(state, Vec::new()) }
    }

    /// The connection fails, and the session is held in Idle for a growing time.
    fn fails(from: From, reason: DownReason) -> Then {
        let mut actions = Vec::new();
        match &reason {
            DownReason::Sent { notification, .. } => actions.extend([notify(1, notification.clone()), close(1)]),
            DownReason::Received { .. } => actions.push(close(1)),
            DownReason::Stopped { .. } | DownReason::Closed { .. } | DownReason::ConnectFailed { .. } => {}
        }
        if from == From::Established {
            actions.push(Action::Down { reason });
        }
        Then { retries: 1, ..Then::goes(State::Idle, actions) }
    }

    fn fails_with(from: From, code: u8, subcode: u8, data: &[u8], problem: &str) -> Then {
        let notification = Notification::new(code, subcode, data);
        Then::fails(from, DownReason::Sent { notification, problem: problem.to_owned() })
    }

    fn unexpected(from: From, kind: u8, name: &str) -> Then {
        let subcode = match from {
            From::OpenSent => fsm_error::IN_OPEN_SENT,
            From::OpenConfirm => fsm_error::IN_OPEN_CONFIRM,
            From::Established => fsm_error::IN_ESTABLISHED,
            From::Stopped | From::Held | From::Connect | From::Active => 0,
        };
        let problem = format!("the peer must not send {name} in {from:?}");
        Then::fails_with(from, error_code::FSM, subcode, &[kind], &problem)
    }
}

fn state_of(from: From) -> State {
    match from {
        From::Stopped | From::Held => State::Idle,
        From::Connect => State::Connect,
        From::Active => State::Active,
        From::OpenSent => State::OpenSent,
        From::OpenConfirm => State::OpenConfirm,
        From::Established => State::Established,
    }
}

fn our_open() -> Message {
    Message::Open(Open {
        my_as: 65000,
        hold_time: 90,
        router_id: Ipv4Addr::new(10, 0, 0, 5),
        capabilities: vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::ExtendedMessage,
            Capability::FourOctetAs(Asn(65000)),
        ],
    })
}

fn refresh(afi: u16) -> Message {
    Message::RouteRefresh(RouteRefresh { afi, safi: 1, subtype: RefreshSubtype::Request })
}

fn header_error() -> DecodeError {
    DecodeError::BadType { kind: 9 }
}

fn open_error() -> DecodeError {
    DecodeError::Open { offset: 19, problem: OpenProblem::Version { version: 3 } }
}

fn update_error() -> DecodeError {
    let context = crate::fsm::negotiation::opening_context(&[]);
    // Withdrawn Routes Length reaches beyond the message.
    let frame = [&[0xff; 16][..], &[0, 23, 2, 0xff, 0xff, 0, 0]].concat();
    crate::packet::decode(&frame, &context).expect_err("the lengths do not fit")
}

/// The table.
fn expected(from: From, on: On) -> Then {
    let here = state_of(from);
    match on {
        On::Start | On::Stop | On::NextTimer | On::Silence => expected_without_connection(from, on),
        On::OutgoingOpened | On::IncomingOpened => match from {
            From::Stopped | From::Held => Then::goes(State::Idle, vec![close(2)]),
            From::Connect | From::Active => Then::goes(State::OpenSent, vec![send(2, our_open())]),
            // Another one that we opened: the first is given up. Another one that the peer opened: a collision.
            From::OpenSent if on == On::OutgoingOpened => {
                Then::goes(here, vec![notify(1, collision()), close(1), send(2, our_open())])
            }
            From::OpenSent | From::OpenConfirm => Then::goes(here, vec![send(2, our_open())]),
            From::Established => Then::goes(here, vec![notify(2, collision()), close(2)]),
        },
        On::ConnectFailed => match from {
            From::Connect => Then::goes(State::Active, Vec::new()),
            From::Stopped | From::Held | From::Active | From::OpenSent | From::OpenConfirm | From::Established => {
                Then::late(here)
            }
        },
        On::BfdDown if from == From::Established => {
            let problem = "BFD: detection time expired";
            Then::fails_with(from, error_code::CEASE, iana::cease::BFD_DOWN, &[], problem)
        }
        On::BfdDown => Then::late(here),
        On::Closed
        | On::Open
        | On::OpenOfAnotherAs
        | On::Keepalive
        | On::Update
        | On::RouteRefresh
        | On::Cease
        | On::VersionNotification
        | On::HeaderError
        | On::OpenError
        | On::UpdateError => match from {
            From::Stopped | From::Held | From::Connect | From::Active => Then::late(here),
            From::OpenSent | From::OpenConfirm | From::Established => expected_on_connection(from, on),
        },
    }
}

fn expected_without_connection(from: From, on: On) -> Then {
    let here = state_of(from);
    match (on, from) {
        (On::Start, From::Stopped | From::Held) => Then::goes(State::Connect, vec![Action::Connect]),
        (On::Start, _) => Then::goes(here, Vec::new()),
        (On::Stop, From::Stopped | From::Held | From::Active) => Then::goes(State::Idle, Vec::new()),
        (On::Stop, From::Connect) => Then::goes(State::Idle, vec![Action::CancelConnect]),
        (On::Stop, From::OpenSent | From::OpenConfirm) => {
            Then::goes(State::Idle, vec![notify(1, shutdown()), close(1)])
        }
        (On::Stop, From::Established) => {
            let reason = DownReason::Stopped { notification: shutdown() };
            Then::goes(State::Idle, vec![notify(1, shutdown()), close(1), Action::Down { reason }])
        }
        (_, From::Stopped) => Then::goes(State::Idle, Vec::new()),
        (_, From::Held | From::Active) => Then::goes(State::Connect, vec![Action::Connect]),
        (_, From::Connect) => Then::goes(State::Connect, vec![Action::CancelConnect, Action::Connect]),
        (_, From::OpenSent) => {
            Then::fails_with(from, error_code::HOLD_TIMER_EXPIRED, 0, &[], "no OPEN came from the peer for 240s")
        }
        (On::NextTimer, From::OpenConfirm | From::Established) => Then::goes(here, vec![send(1, Message::Keepalive)]),
        (_, From::OpenConfirm | From::Established) => {
            Then::fails_with(from, error_code::HOLD_TIMER_EXPIRED, 0, &[], "nothing came from the peer for 90 s")
        }
    }
}

fn expected_on_connection(from: From, on: On) -> Then {
    let here = state_of(from);
    let established = from == From::Established;
    match on {
        On::Closed if from == From::OpenSent => Then::goes(State::Active, Vec::new()),
        On::Closed => Then::fails(from, DownReason::Closed { reason: "reset by peer".to_owned() }),
        On::Open if from == From::OpenSent => Then::goes(State::OpenConfirm, vec![send(1, Message::Keepalive)]),
        On::OpenOfAnotherAs if from == From::OpenSent => {
            let problem = "the peer says that it is in AS 65002, the configuration says 65001";
            Then::fails_with(from, error_code::OPEN_MESSAGE, open_error::BAD_PEER_AS, &[], problem)
        }
        On::Open | On::OpenOfAnotherAs => Then::unexpected(from, 1, "OPEN"),
        On::Keepalive if from == From::OpenSent => Then::unexpected(from, 4, "KEEPALIVE"),
        On::Keepalive if established => Then::goes(here, Vec::new()),
        On::Keepalive => {
            let negotiated = session_in(State::Established, config(), seconds(0)).negotiated().cloned();
            let negotiated = negotiated.expect("Established has negotiated");
            Then::goes(State::Established, vec![Action::Established { connection: ConnectionId(1), negotiated }])
        }
        On::Update if established => {
            Then::goes(here, vec![Action::Deliver { message: Message::Update(Box::default()) }])
        }
        On::RouteRefresh if established => Then::goes(here, vec![Action::Deliver { message: refresh(1) }]),
        On::Update => Then::unexpected(from, 2, "UPDATE"),
        On::RouteRefresh => Then::unexpected(from, 5, "ROUTE-REFRESH"),
        On::Cease => Then::fails(from, DownReason::Received { notification: shutdown() }),
        On::VersionNotification => {
            let notification = Notification::new(error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_VERSION, &[0, 3]);
            let then = Then::fails(from, DownReason::Received { notification });
            // NotifMsgVerErr is not damped.
            Then { retries: u64::from(established), ..then }
        }
        On::HeaderError => Then::fails_with(from, error_code::MESSAGE_HEADER, 3, &[9], &header_error().to_string()),
        On::OpenError if established => Then::unexpected(from, 1, "OPEN"),
        On::OpenError => Then::fails_with(from, error_code::OPEN_MESSAGE, 1, &[0, 4], &open_error().to_string()),
        On::UpdateError if established => {
            Then::fails_with(from, error_code::UPDATE_MESSAGE, 1, &[], &update_error().to_string())
        }
        On::UpdateError => Then::unexpected(from, 2, "UPDATE"),
        On::Start
        | On::Stop
        | On::NextTimer
        | On::Silence
        | On::OutgoingOpened
        | On::IncomingOpened
        | On::ConnectFailed
        | On::BfdDown => Then::goes(here, Vec::new()),
    }
}

fn session_from(from: From, now: Instant) -> Session {
    match from {
        From::Stopped => Session::new(config(), 1),
        From::Held | From::Connect | From::Active | From::OpenSent | From::OpenConfirm | From::Established => {
            session_in(state_of(from), config(), now)
        }
    }
}

fn event(on: On) -> Option<Event> {
    let failed = |error| Some(Event::Received { connection: ConnectionId(1), message: Err(error) });
    let message = match on {
        On::NextTimer | On::Silence => return None,
        On::Start => return Some(Event::Start),
        On::Stop => return Some(Event::Stop { notification: shutdown() }),
        On::OutgoingOpened => return Some(opened(2, Direction::Outgoing)),
        On::IncomingOpened => return Some(opened(2, Direction::Incoming)),
        On::ConnectFailed => return Some(Event::ConnectFailed { reason: "timed out".to_owned() }),
        On::Closed => return Some(closed(1)),
        On::BfdDown => {
            let (at, reason) = (seconds(100), "detection time expired".to_owned());
            return Some(Event::BfdDown { at, came_up: at, worked_until: at, reason });
        }
        On::HeaderError => return failed(header_error()),
        On::OpenError => return failed(open_error()),
        On::UpdateError => return failed(update_error()),
        On::Open => Message::Open(peer_open()),
        On::OpenOfAnotherAs => {
            Message::Open(Open { my_as: 65002, capabilities: vec![Capability::FourOctetAs(Asn(65002))], ..peer_open() })
        }
        On::Keepalive => Message::Keepalive,
        On::Update => Message::Update(Box::default()),
        On::RouteRefresh => refresh(1),
        On::Cease => Message::Notification(shutdown()),
        On::VersionNotification => {
            Message::Notification(Notification::new(error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_VERSION, &[0, 3]))
        }
    };
    Some(received(1, message))
}

#[test]
fn every_state_and_every_event() {
    let now = seconds(100);
    for from in STATES {
        for on in EVENTS {
            let mut session = session_from(from, now);
            let before = *session.counters();
            match (event(on), on, session.poll_timeout()) {
                (Some(event), _, _) => session.handle_event(event, now),
                (None, On::NextTimer, Some(deadline)) => session.handle_timeout(deadline),
                (None, On::NextTimer, None) => assert_eq!(from, From::Stopped, "only a stopped session has no timer"),
                (None, _, _) => session.handle_timeout(now + Duration::from_secs(240)),
            }
            let got = Then {
                state: session.state(),
                actions: actions(&mut session),
                late: session.counters().late_events - before.late_events,
                // A start or a stop sets this one to 0.
                retries: session.counters().connect_retries.saturating_sub(before.connect_retries),
            };
            assert_eq!(got, expected(from, on), "{from:?} on {on:?}");
            let changed = u64::from(session.state() != state_of(from));
            assert_eq!(session.counters().transitions - before.transitions, changed, "{from:?} on {on:?}");
            check_timers(&session, from, on);
        }
    }
}

/// Which timers run is a function of the state alone.
fn check_timers(session: &Session, from: From, on: On) {
    let stopped = session.state() == State::Idle && session.idle_until().is_none();
    assert_eq!(session.poll_timeout().is_none(), stopped, "{from:?} on {on:?}");
    if session.state() == State::Idle {
        let stays = from == From::Stopped && on != On::Start || on == On::Stop;
        assert_eq!(session.idle_until().is_none(), stays, "{from:?} on {on:?}: restarts are automatic");
    }
    assert_eq!(session.negotiated().is_some(), session.state() >= State::OpenConfirm);
    assert_eq!(session.established_since().is_some(), session.state() == State::Established);
}

/// Over a new connection, once the idle hold time is over.
fn establish_again(session: &mut Session, number: u64, now: Instant) {
    session.handle_timeout(now);
    for event in [
        opened(number, Direction::Outgoing),
        received(number, Message::Open(peer_open())),
        received(number, Message::Keepalive),
    ] {
        session.handle_event(event, now);
    }
    assert_eq!(session.state(), State::Established);
    actions(session);
}

#[test]
fn bfd_takes_down_the_session_that_it_watched_and_no_later_one() {
    let down = |came_up, worked_until, at| Event::BfdDown {
        at: seconds(at),
        came_up: seconds(came_up),
        worked_until: seconds(worked_until),
        reason: "detection time expired".to_owned(),
    };
    let mut session = session_in(State::Established, config(), seconds(10));
    assert_eq!(step(&mut session, down(1, 9, 9), seconds(11)), [], "there was no session then");
    assert_eq!(session.counters().late_events, 1);
    assert_eq!(session.state(), State::Established);
    step(&mut session, down(1, 9, 11), seconds(11));
    assert_eq!(session.state(), State::Idle, "no session before this one has had that BFD session");
    let error = session.last_error().expect("it failed").reason.to_string();
    assert_eq!(error, "sent Cease/BFD Down: BFD: detection time expired");
    assert_eq!(step(&mut session, down(1, 11, 11), seconds(11)), [], "once is enough");

    establish_again(&mut session, 2, seconds(20));
    step(&mut session, down(10, 19, 21), seconds(21));
    assert_eq!(session.state(), State::Established, "it may be the end of the BFD of before");
    step(&mut session, down(10, 21, 22), seconds(22));
    assert_eq!(session.state(), State::Idle, "it has worked for this one, too");
    establish_again(&mut session, 3, seconds(40));
    step(&mut session, down(39, 39, 41), seconds(41));
    assert_eq!(session.state(), State::Idle, "it has come up since");
    establish_again(&mut session, 4, seconds(400));
    step(&mut session, down(390, 401, 402), seconds(404));
    assert_eq!(session.state(), State::Idle);
    establish_again(&mut session, 5, seconds(800));
    step(&mut session, down(403, 799, 801), seconds(801));
    assert_eq!(session.state(), State::Idle, "it had come up before we came to hear that it was down");
}

#[test]
fn a_passive_session_never_connects() {
    let passive = || SessionConfig { passive: true, ..config() };
    let mut session = Session::new(passive(), 1);
    assert_eq!(step(&mut session, Event::Start, seconds(0)), []);
    assert_eq!((session.state(), session.poll_timeout()), (State::Active, None));
    session.handle_timeout(seconds(1000));
    assert_eq!(actions(&mut session), []);

    // Nor does it after a failure.
    assert_eq!(step(&mut session, opened(1, Direction::Incoming), seconds(1000)), [send(1, our_open())]);
    session.handle_event(received(1, Message::Keepalive), seconds(1001));
    assert_eq!(session.state(), State::Idle);
    actions(&mut session);
    let held = session.poll_timeout().expect("an idle hold");
    session.handle_timeout(held);
    assert_eq!((session.state(), actions(&mut session)), (State::Active, Vec::new()));

    // Nor when the connection is closed before an OPEN.
    session.handle_event(opened(2, Direction::Incoming), seconds(1100));
    session.handle_event(closed(2), seconds(1101));
    assert_eq!((session.state(), session.poll_timeout()), (State::Active, None));
}

#[test]
fn errors_are_kept_for_the_operator() {
    let mut session = session_in(State::Connect, config(), seconds(1));
    session.handle_event(Event::ConnectFailed { reason: "no route to host".to_owned() }, seconds(2));
    let error = session.last_error().expect("it failed");
    assert_eq!((error.at, error.state), (seconds(2), State::Connect));
    assert_eq!(error.reason.to_string(), "connecting failed: no route to host");
    assert_eq!(error.reason.notification(), None);
    assert_eq!(session.last_down(), None, "it never was up");

    let mut session = session_in(State::Established, config(), seconds(1));
    assert_eq!(session.established_since(), Some(seconds(1)));
    session.handle_event(received(1, Message::Notification(shutdown())), seconds(5));
    let down = session.last_down().expect("it was up");
    assert_eq!(down.reason.to_string(), "received Cease/Administrative Shutdown");
    assert_eq!(session.last_error(), session.last_down());
    assert_eq!(session.since(), seconds(5));
}

#[test]
fn what_was_not_sent_yet_is_not_sent_to_a_closed_connection() {
    let mut session = session_in(State::Connect, config(), seconds(0));
    session.handle_event(opened(1, Direction::Outgoing), seconds(0));
    session.handle_event(closed(1), seconds(0));
    assert_eq!(actions(&mut session), []);
}

#[test]
fn counts_messages_by_type() {
    let mut session = session_in(State::Established, config(), seconds(0));
    session.sent_updates(1, seconds(1));
    session.handle_event(received(1, Message::Update(Box::default())), seconds(1));
    session.handle_event(received(1, refresh(2)), seconds(1));
    assert!(session.request_refresh(crate::net::AfiSafi::Ipv4Unicast));
    assert!(!session.request_refresh(crate::net::AfiSafi::Ipv6Unicast), "that family was not negotiated");
    session.handle_event(Event::Received { connection: ConnectionId(1), message: Err(update_error()) }, seconds(2));
    assert!(!session.request_refresh(crate::net::AfiSafi::Ipv4Unicast), "the session is down");
    let counters = *session.counters();
    let route_refresh = crate::fsm::RefreshCounts { requests: 1, ..Default::default() };
    let sent = crate::fsm::MessageCounts { open: 1, update: 1, notification: 1, keepalive: 1, route_refresh };
    let came = crate::fsm::MessageCounts { notification: 0, ..sent };
    assert_eq!((counters.sent, counters.received), (sent, came));
    assert_eq!((counters.undecodable, counters.established), (1, 1));
    assert_eq!(sent.total(), 5);
}
