//! Tests of the session as a whole; what they share.

mod capabilities;
mod collision;
mod ending;
mod interleavings;
mod negotiation;
mod network;
mod simulation;
mod table;
mod timers;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Action, ConnectionId, Direction, Event, RemoteAs, Session, SessionConfig, State};
use crate::net::{Asn, Instant};
use crate::packet::iana::{cease, error_code};
use crate::packet::{Capability, Message, Notification, Open};

/// Our side of every test with one session: AS 65000, router id 10.0.0.5, hold time 90 s.
fn config() -> SessionConfig {
    SessionConfig::new(Asn(65000), Ipv4Addr::new(10, 0, 0, 5), RemoteAs::Exactly(Asn(65001)))
}

/// The OPEN of the peer that [`config`] expects; its router id is higher than ours.
fn peer_open() -> Open {
    Open {
        my_as: 65001,
        hold_time: 90,
        router_id: Ipv4Addr::new(10, 0, 0, 9),
        capabilities: vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::RouteRefresh,
            Capability::FourOctetAs(Asn(65001)),
        ],
    }
}

fn shutdown() -> Notification {
    Notification::new(error_code::CEASE, cease::ADMINISTRATIVE_SHUTDOWN, &[])
}

fn collision() -> Notification {
    Notification::new(error_code::CEASE, cease::COLLISION_RESOLUTION, &[])
}

fn seconds(count: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(count))
}

fn opened(id: u64, direction: Direction) -> Event {
    Event::ConnectionOpened { connection: ConnectionId(id), direction }
}

fn closed(id: u64) -> Event {
    Event::ConnectionClosed { connection: ConnectionId(id), reason: "reset by peer".to_owned() }
}

fn received(id: u64, message: Message) -> Event {
    Event::Received { connection: ConnectionId(id), message: Ok(message) }
}

fn send(id: u64, message: Message) -> Action {
    Action::Send { connection: ConnectionId(id), message }
}

fn notify(id: u64, notification: Notification) -> Action {
    send(id, Message::Notification(notification))
}

fn close(id: u64) -> Action {
    Action::Close { connection: ConnectionId(id) }
}

fn actions(session: &mut Session) -> Vec<Action> {
    std::iter::from_fn(|| session.poll_action()).collect()
}

/// Takes the session on by one event and returns what it asks for.
fn step(session: &mut Session, event: Event, now: Instant) -> Vec<Action> {
    session.handle_event(event, now);
    actions(session)
}

/// A session that came to this state on the shortest way, over the outgoing connection 1; Idle is that of an idle hold.
fn session_in(state: State, config: SessionConfig, now: Instant) -> Session {
    let mut session = Session::new(config, 1);
    let way = [
        Event::Start,
        opened(1, Direction::Outgoing),
        received(1, Message::Open(peer_open())),
        received(1, Message::Keepalive),
    ];
    let steps = match state {
        State::Idle | State::OpenConfirm => 3,
        State::Connect | State::Active => 1,
        State::OpenSent => 2,
        State::Established => 4,
    };
    for event in way.into_iter().take(steps) {
        session.handle_event(event, now);
    }
    match state {
        State::Idle => session.handle_event(closed(1), now),
        State::Active => session.handle_event(Event::ConnectFailed { reason: "refused".to_owned() }, now),
        State::Connect | State::OpenSent | State::OpenConfirm | State::Established => {}
    }
    assert_eq!(session.state(), state);
    actions(&mut session);
    session
}
