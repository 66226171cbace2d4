//! One TCP connection from its opening on: OpenSent, OpenConfirm, Established (RFC 4271 §8.2.2).
//!
//! It knows what a message means in its state; what follows for the session is [`super::session`]'s.

use std::time::Duration;

use super::negotiation::{self, Negotiated};
use super::timers::Jitter;
use super::{ConnectionId, Direction, DownReason, SessionConfig, State};
use crate::net::{Asn, Instant};
use crate::packet::iana::{self, error_code, fsm_error, message_type};
use crate::packet::{CodecContext, DecodeError, Message, Notification, Open};

/// KEEPALIVEs are at least this far apart, with jitter too (RFC 4271 §4.4).
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(1);

/// The shortest time that the SendHoldTimer runs by default, in seconds (RFC 9687 §6).
const DEFAULT_SEND_HOLD_TIME: u64 = 480;

/// A connection over which our OPEN was sent.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub id: ConnectionId,
    pub direction: Direction,
    /// HoldTimer.
    pub hold: Option<Instant>,
    /// KeepaliveTimer.
    pub keepalive: Option<Instant>,
    /// SendHoldTimer (RFC 9687 §4.1).
    pub send_hold: Option<Instant>,
    stage: Stage,
    context: CodecContext,
    /// What we sent.
    our_open: Open,
}

/// The states that a connection has, with what is known in them.
#[derive(Clone, Debug)]
enum Stage {
    OpenSent,
    OpenConfirm(Negotiated),
    Established(Negotiated),
}

/// What came of a message.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Nothing more.
    Alive,
    /// The peer's OPEN was accepted: the connection is in OpenConfirm, a KEEPALIVE is due, and a collision possible.
    Confirmed,
    /// The connection is Established now.
    Established,
    /// The message is the caller's.
    Deliver(Message),
    /// The connection is over.
    Failed(DownReason),
}

impl Connection {
    pub fn new(id: ConnectionId, direction: Direction, our_open: Open, hold: Instant) -> Connection {
        Connection {
            id,
            direction,
            hold: Some(hold),
            keepalive: None,
            send_hold: None,
            stage: Stage::OpenSent,
            context: negotiation::opening_context(&our_open.capabilities),
            our_open,
        }
    }

    pub fn state(&self) -> State {
        match &self.stage {
            Stage::OpenSent => State::OpenSent,
            Stage::OpenConfirm(_) => State::OpenConfirm,
            Stage::Established(_) => State::Established,
        }
    }

    /// Whether anybody may be at the other end: the peer has connected, and nothing came that says that it is it (RFC
    /// 4271 §8.2.1).
    pub fn is_unidentified(&self) -> bool {
        self.direction == Direction::Incoming && self.state() == State::OpenSent
    }

    /// Whether our OPEN has capabilities.
    pub fn said_capabilities(&self) -> bool {
        !self.our_open.capabilities.is_empty()
    }

    pub fn context(&self) -> &CodecContext {
        self.negotiated().map_or(&self.context, |negotiated| &negotiated.context)
    }

    /// The AS that our OPEN over it said.
    pub fn our_asn(&self) -> Asn {
        self.our_open.asn()
    }

    pub fn negotiated(&self) -> Option<&Negotiated> {
        match &self.stage {
            Stage::OpenSent => None,
            Stage::OpenConfirm(negotiated) | Stage::Established(negotiated) => Some(negotiated),
        }
    }

    /// Takes a message, or what could not be read as one.
    pub fn receive(
        &mut self,
        message: Result<Message, DecodeError>,
        config: &SessionConfig,
        jitter: &mut Jitter,
        now: Instant,
    ) -> Outcome {
        match message {
            Ok(Message::Open(open)) => self.receive_open(&open, config, jitter, now),
            Ok(Message::Keepalive) => self.receive_keepalive(now),
            Ok(Message::Update(update)) => match &mut self.stage {
                Stage::OpenSent | Stage::OpenConfirm(_) => self.unexpected(message_type::UPDATE),
                Stage::Established(negotiated) => {
                    // RFC 4760 §7: for the rest of the session, as if the family had not been agreed on.
                    negotiated.context.families.retain(|family| !update.disabled.contains(family));
                    self.restart_hold(now);
                    Outcome::Deliver(Message::Update(update))
                }
            },
            // The hold time is between KEEPALIVEs and UPDATEs (RFC 4271 §4.2), so this does not restart its timer.
            Ok(Message::RouteRefresh(refresh)) => match self.stage {
                Stage::OpenSent | Stage::OpenConfirm(_) => self.unexpected(message_type::ROUTE_REFRESH),
                Stage::Established(_) => Outcome::Deliver(Message::RouteRefresh(refresh)),
            },
            // RFC 4271 §8.2.2 lists NotifMsg in OpenSent under what is answered by an FSM error; yet a NOTIFICATION
            // is never answered by another one (RFC 4271 §6.4), so that text is taken for the oversight that it is.
            Ok(Message::Notification(notification)) => Outcome::Failed(DownReason::Received { notification }),
            Err(error) => self.undecodable(&error),
        }
    }

    /// Sets the KeepaliveTimer anew: something was sent that keeps the peer's hold timer from expiring.
    pub fn restart_keepalive(&mut self, jitter: &mut Jitter, now: Instant) {
        let interval = self.negotiated().map_or(Duration::ZERO, |negotiated| negotiated.keepalive);
        self.keepalive = (!interval.is_zero()).then(|| now + jitter.apply(interval).max(SHORTEST_KEEPALIVE));
    }

    /// How long nothing may be taken of what is sent; `None`: as long as the peer likes. Without a hold time no KEEPALIVEs
    /// are sent either, so that nothing taken says nothing (RFC 9687 §4.3).
    pub fn send_hold_time(&self, config: &SessionConfig) -> Option<Duration> {
        let hold_time = self.negotiated().map_or(0, |negotiated| negotiated.hold_time);
        let default = || (2 * u64::from(hold_time)).max(DEFAULT_SEND_HOLD_TIME);
        let seconds = config.send_hold_time.map_or_else(default, u64::from);
        (hold_time != 0 && seconds != 0).then(|| Duration::from_secs(seconds))
    }

    /// Sets the SendHoldTimer anew: something that was sent was taken. It runs in Established only.
    pub fn restart_send_hold(&mut self, config: &SessionConfig, now: Instant) {
        if let Stage::Established(_) = self.stage {
            self.send_hold = self.send_hold_time(config).map(|time| now + time);
        }
    }

    fn receive_open(&mut self, open: &Open, config: &SessionConfig, jitter: &mut Jitter, now: Instant) -> Outcome {
        match self.stage {
            Stage::OpenSent => match negotiation::negotiate(config, &self.our_open, open) {
                Ok(negotiated) => {
                    self.stage = Stage::OpenConfirm(negotiated);
                    self.restart_hold(now);
                    self.restart_keepalive(jitter, now);
                    Outcome::Confirmed
                }
                Err(refusal) => failed(refusal.notification(), refusal.to_string()),
            },
            // A second OPEN on the same connection is no collision: those have a connection each.
            Stage::OpenConfirm(_) | Stage::Established(_) => self.unexpected(message_type::OPEN),
        }
    }

    fn receive_keepalive(&mut self, now: Instant) -> Outcome {
        match &self.stage {
            Stage::OpenSent => self.unexpected(message_type::KEEPALIVE),
            Stage::OpenConfirm(negotiated) => {
                self.stage = Stage::Established(negotiated.clone());
                self.restart_hold(now);
                Outcome::Established
            }
            Stage::Established(_) => {
                self.restart_hold(now);
                Outcome::Alive
            }
        }
    }

    fn restart_hold(&mut self, now: Instant) {
        let hold_time = self.negotiated().map_or(0, |negotiated| negotiated.hold_time);
        self.hold = (hold_time != 0).then(|| now + Duration::from_secs(u64::from(hold_time)));
    }

    /// RFC 6608 §3: the data is the type of the message.
    fn unexpected(&self, kind: u8) -> Outcome {
        let subcode = match self.stage {
            Stage::OpenSent => fsm_error::IN_OPEN_SENT,
            Stage::OpenConfirm(_) => fsm_error::IN_OPEN_CONFIRM,
            Stage::Established(_) => fsm_error::IN_ESTABLISHED,
        };
        let name = iana::message_type::name(kind).unwrap_or("message");
        failed(
            Notification::new(error_code::FSM, subcode, &[kind]),
            format!("the peer must not send {name} in {}", self.state()),
        )
    }

    /// A message that could not be decoded would have been out of place in some states even if it were right:
    /// then that is the error (RFC 4271 §8.2.2: UpdateMsgErr before Established, BGPOpenMsgErr in Established).
    fn undecodable(&self, error: &DecodeError) -> Outcome {
        let notification = error.notification();
        let established = matches!(self.stage, Stage::Established(_));
        match notification.code {
            error_code::UPDATE_MESSAGE if !established => self.unexpected(message_type::UPDATE),
            error_code::ROUTE_REFRESH if !established => self.unexpected(message_type::ROUTE_REFRESH),
            error_code::OPEN_MESSAGE if established => self.unexpected(message_type::OPEN),
            _ => failed(notification, error.to_string()),
        }
    }
}

fn failed(notification: Notification, problem: String) -> Outcome {
    Outcome::Failed(DownReason::Sent { notification, problem })
}
