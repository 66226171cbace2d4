//! The session state machine: whatever happens to it, in whatever order.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use nva::fsm::{Action, ConnectionId, Direction, Event, RemoteAs, Role, Session, SessionConfig, State};
use nva::net::{AfiSafi, Asn, Instant};
use nva::packet::{
    self, Capability, GracefulRestart, Message, Notification, Open, RefreshSubtype, RestartFamily, RouteRefresh,
};

const LOCAL: Asn = Asn(65000);
const ALTERNATIVE: Asn = Asn(65009);
const REMOTE: Asn = Asn(65001);

/// What is configured of the session.
#[derive(Arbitrary, Debug)]
struct Kind {
    passive: bool,
    internal: bool,
    has_alternative: bool,
    restart: Option<Restart>,
    role: Option<u8>,
    role_strict: bool,
    enhanced_refresh: bool,
    disable_families: bool,
}

/// What one side says about its restarts.
#[derive(Arbitrary, Debug)]
struct Restart {
    restarted: bool,
    notification: bool,
    ipv4: Option<bool>,
    ipv6: Option<bool>,
}

impl Restart {
    fn capability(&self) -> GracefulRestart {
        let family = |afi, forwarding: Option<bool>| Some(RestartFamily { afi, safi: 1, forwarding: forwarding? });
        GracefulRestart {
            restarted: self.restarted,
            notification: self.notification,
            time: 120,
            families: [family(1, self.ipv4), family(2, self.ipv6)].into_iter().flatten().collect(),
        }
    }
}

/// Something that happens.
#[derive(Arbitrary, Debug)]
enum Step {
    Start,
    Stop,
    Leave,
    StopsByItself { seconds: Option<u8> },
    BfdDown { milliseconds_ago: u16 },
    Taken { which: u8, stood_in: u8 },
    AnnouncesRestarts { restart: Option<Restart> },
    Opened { outgoing: bool },
    ConnectFailed,
    Closed { which: u8 },
    Hears { which: u8, what: Utterance },
    Waits { milliseconds: u16 },
    TimerGoesOff,
    SentUpdates,
    AsksForRefresh,
}

/// What a peer may say.
#[derive(Arbitrary, Debug)]
enum Utterance {
    Open {
        hold_time: u16,
        router_id: u32,
        four_octet_as: bool,
        families: u8,
        restart: Option<Restart>,
        role: Option<u8>,
    },
    Keepalive,
    EndOfRib,
    Notification {
        code: u8,
        subcode: u8,
    },
    Refresh {
        afi: u16,
        subtype: u8,
    },
    Octets {
        kind: u8,
        body: Vec<u8>,
    },
}

/// What is known of a session from outside.
struct Watcher {
    session: Session,
    remote: Asn,
    now: Instant,
    next: u64,
    /// Connections that were opened and neither side has closed.
    open: BTreeSet<ConnectionId>,
    attempting: bool,
    established: Option<ConnectionId>,
}

/// Steps of a session.
pub fn session(octets: &[u8]) {
    let mut source = Unstructured::new(octets);
    let Ok(kind) = Kind::arbitrary(&mut source) else { return };
    let remote = if kind.internal { LOCAL } else { REMOTE };
    let config = SessionConfig {
        passive: kind.passive,
        families: AfiSafi::ALL.to_vec(),
        alternative_asn: kind.has_alternative.then_some(ALTERNATIVE),
        graceful_restart: kind.restart.map(|restart| restart.capability()),
        role: kind.role.filter(|_| !kind.internal).and_then(Role::from_code),
        role_strict: kind.role_strict,
        enhanced_refresh: kind.enhanced_refresh,
        disable_families: kind.disable_families,
        ..SessionConfig::new(LOCAL, Ipv4Addr::new(192, 0, 2, 1), RemoteAs::Exactly(remote))
    };
    let mut watcher = Watcher {
        session: Session::new(config, 7),
        remote,
        now: Instant::ZERO,
        next: 0,
        open: BTreeSet::new(),
        attempting: false,
        established: None,
    };
    while !source.is_empty() {
        let Ok(step) = Step::arbitrary(&mut source) else { return };
        watcher.take(step);
        watcher.look();
    }
}

impl Watcher {
    fn take(&mut self, step: Step) {
        let now = self.now;
        let event = match step {
            Step::Start => Event::Start,
            Step::Stop => Event::Stop { notification: Notification::cease(2) },
            Step::Leave => Event::Leave { notification: Notification::cease(2) },
            Step::StopsByItself { seconds } => Event::AutomaticStop {
                notification: Notification::cease(1),
                problem: "too many".to_owned(),
                pause: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            },
            Step::BfdDown { milliseconds_ago } => {
                let ago = Duration::from_millis(milliseconds_ago.into());
                let then = Instant::from_origin((now - Instant::ZERO).saturating_sub(ago));
                Event::BfdDown { at: now, came_up: then, worked_until: then, reason: "silence".to_owned() }
            }
            Step::Taken { which, stood_in } => {
                let Some(connection) = self.pick(which) else { return };
                Event::Sent { connection, stood_in: stood_in.into() }
            }
            Step::AnnouncesRestarts { restart } => {
                return self.session.set_graceful_restart(restart.map(|restart| restart.capability()));
            }
            Step::Opened { outgoing } => {
                if outgoing && !self.attempting {
                    return;
                }
                self.attempting &= !outgoing;
                let connection = ConnectionId(self.next);
                self.next += 1;
                self.open.insert(connection);
                let direction = if outgoing { Direction::Outgoing } else { Direction::Incoming };
                Event::ConnectionOpened { connection, direction }
            }
            Step::ConnectFailed => {
                self.attempting = false;
                Event::ConnectFailed { reason: "refused".to_owned() }
            }
            Step::Closed { which } => {
                let Some(connection) = self.pick(which) else { return };
                self.open.remove(&connection);
                Event::ConnectionClosed { connection, reason: "closed".to_owned() }
            }
            Step::Hears { which, what } => {
                let Some(connection) = self.pick(which) else { return };
                let message = self.message(connection, what);
                Event::Received { connection, message }
            }
            Step::Waits { milliseconds } => {
                self.now = now + Duration::from_millis(u64::from(milliseconds));
                return;
            }
            Step::TimerGoesOff => {
                self.now = self.session.poll_timeout().unwrap_or(now).max(now);
                self.session.handle_timeout(self.now);
                return;
            }
            Step::SentUpdates => return self.session.sent_updates(1, now),
            Step::AsksForRefresh => {
                let asked = self.session.request_refresh(AfiSafi::Ipv4Unicast);
                assert!(!asked || self.established.is_some());
                return;
            }
        };
        self.session.handle_event(event, now);
    }

    /// Does what the session asks for, and holds that it asks for nothing impossible.
    fn look(&mut self) {
        self.session.handle_timeout(self.now);
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect => {
                    assert!(!self.attempting, "a second attempt beside the first");
                    self.attempting = true;
                }
                Action::CancelConnect => self.attempting = false,
                Action::CapabilitiesRefused => assert!(self.session.without_capabilities()),
                Action::Send { connection, message } => {
                    assert!(self.open.contains(&connection), "{message:?} on a connection that is closed");
                    let mut octets = Vec::new();
                    packet::encode(&message, self.session.codec_context(connection), &mut octets)
                        .expect("a message that can be sent");
                }
                Action::Close { connection } => assert!(self.open.remove(&connection), "closed twice"),
                Action::Established { connection, .. } => {
                    assert_eq!(self.established, None, "two are established");
                    self.established = Some(connection);
                }
                Action::Deliver { message } => {
                    assert!(self.established.is_some(), "{message:?} outside of Established");
                }
                Action::Down { .. } => {
                    assert!(self.established.take().is_some(), "down twice");
                }
            }
        }
        assert_eq!(self.session.state() == State::Established, self.established.is_some());
        assert_eq!(self.session.established_since().is_some(), self.established.is_some());
        let known: BTreeSet<ConnectionId> = self.session.connections().map(|(id, ..)| id).collect();
        assert_eq!(known, self.open, "connections are leaked, or closed ones kept");
        assert!(self.session.poll_timeout().is_none_or(|due| due > self.now), "a timer that never goes off");
    }

    fn pick(&self, which: u8) -> Option<ConnectionId> {
        let count = self.open.len();
        self.open.iter().nth(usize::from(which).checked_rem(count)?).copied()
    }

    fn message(&self, connection: ConnectionId, what: Utterance) -> Result<Message, packet::DecodeError> {
        Ok(match what {
            Utterance::Open { hold_time, router_id, four_octet_as, families, restart, role } => {
                let chosen = AfiSafi::ALL.into_iter().filter(|family| match family {
                    AfiSafi::Ipv4Unicast => families & 1 != 0,
                    AfiSafi::Ipv6Unicast => families & 2 != 0,
                });
                let mut capabilities: Vec<Capability> = chosen.map(Capability::multiprotocol).collect();
                capabilities.push(Capability::RouteRefresh);
                capabilities.push(Capability::EnhancedRouteRefresh);
                capabilities.extend(four_octet_as.then_some(Capability::FourOctetAs(self.remote)));
                capabilities.extend(restart.map(|restart| Capability::GracefulRestart(restart.capability())));
                capabilities.extend(role.map(Capability::Role));
                Message::Open(Open {
                    my_as: self.remote.to_two_octets(),
                    hold_time,
                    router_id: router_id.into(),
                    capabilities,
                })
            }
            Utterance::Keepalive => Message::Keepalive,
            Utterance::EndOfRib => {
                let mut octets = Vec::new();
                packet::encode_end_of_rib(AfiSafi::Ipv4Unicast, &mut octets);
                return packet::decode(&octets, self.session.codec_context(connection));
            }
            Utterance::Notification { code, subcode } => Message::Notification(Notification::new(code, subcode, &[])),
            Utterance::Refresh { afi, subtype } => {
                let all = [RefreshSubtype::Request, RefreshSubtype::Begin, RefreshSubtype::End];
                let subtype = all[usize::from(subtype) % all.len()];
                Message::RouteRefresh(RouteRefresh { afi, safi: 1, subtype })
            }
            Utterance::Octets { kind, body } => {
                let body = &body[..body.len().min(4000)];
                return packet::decode(&crate::codec::framed(kind, body), self.session.codec_context(connection));
            }
        })
    }
}
