//! The session with a peer: when to connect and when not, which connection survives, what the caller has to do.

mod capabilities;
mod collision;
mod ending;

use std::collections::VecDeque;
use std::time::Duration;

use super::connection::{Connection, Outcome};
use super::failure::Consequence;
use super::timers::{BackOff, Jitter, take_if_due};
use super::{
    Action, ConnectionId, Counters, Direction, DownReason, Event, LastError, Negotiated, SessionConfig, State,
    negotiation,
};
use crate::net::{AfiSafi, Asn, Instant};
use crate::packet::{
    CodecContext, DecodeError, GracefulRestart, Message, Notification, RefreshSubtype, RouteRefresh, iana,
};

/// The session with one peer.
// GAP(RFC 4271 §8.1.1): the optional attribute DelayOpen is not there: OPEN is sent as soon as there is a connection. To let
// the peer speak first is what it was for, and `passive` does that.
#[derive(Clone, Debug)]
pub struct Session {
    config: SessionConfig,
    opening_context: CodecContext,
    jitter: Jitter,
    back_off: BackOff,
    /// Neither stopped nor in an idle hold.
    running: bool,
    /// IdleHoldTimer.
    idle_hold: Option<Instant>,
    /// ConnectRetryTimer. It runs unless there is a connection that we have opened, or that the peer's OPEN came over:
    /// one that anybody may have opened has a state machine of its own beside ours (RFC 4271 §8.2.1).
    connect_retry: Option<Instant>,
    /// The caller has been asked to connect and has not answered.
    attempting: bool,
    /// A connection has lost a collision since the session left Idle, or was Established last.
    collided: bool,
    /// The peer does not read capabilities: OPENs go out without, until a session has come of it or the operator starts
    /// it again.
    bare: bool,
    /// Every connection over which our OPEN went out; more than one only until one is Established.
    connections: Vec<Connection>,
    actions: VecDeque<Action>,
    counters: Counters,
    state: State,
    since: Instant,
    established_since: Option<Instant>,
    last_error: Option<LastError>,
    last_down: Option<LastError>,
}

impl Session {
    /// A session that is Idle until it is started. The seed decides the jitter: give every session another one.
    pub fn new(config: SessionConfig, seed: u64) -> Session {
        Session {
            back_off: BackOff::new(config.idle_hold, config.idle_hold_max),
            opening_context: negotiation::opening_context(&[]),
            jitter: Jitter::with_seed(seed),
            config,
            running: false,
            idle_hold: None,
            collided: false,
            connect_retry: None,
            attempting: false,
            bare: false,
            connections: Vec::new(),
            actions: VecDeque::new(),
            counters: Counters::default(),
            state: State::Idle,
            since: Instant::ZERO,
            established_since: None,
            last_error: None,
            last_down: None,
        }
    }

    /// Begins in Idle, for a time or until it is started: somebody else has decided so before there was this session.
    pub fn begin_idle(&mut self, until: Option<Instant>, now: Instant) {
        self.since = now;
        self.idle_hold = until;
    }

    /// Takes an event. Timers that are overdue do not expire here: what came in time but was read late still counts.
    pub fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Start => self.start(now),
            Event::Stop { notification } => self.stop(&notification, now),
            Event::Leave { notification } => self.leave(&notification, now),
            Event::AutomaticStop { notification, problem, pause } => {
                self.automatic_stop(&notification, &problem, pause, now);
            }
            Event::ConnectionOpened { connection, direction } => self.opened(connection, direction, now),
            Event::ConnectFailed { reason } => self.connect_failed(reason, now),
            Event::ConnectionClosed { connection, reason } => self.closed(connection, reason, now),
            Event::BfdDown { at, came_up, worked_until, reason } => {
                if self.is_watched(at, came_up, worked_until) {
                    self.bfd_down(&reason, at, now);
                } else {
                    self.counters.late_events += 1;
                }
            }
            Event::Sent { connection, stood_in } => self.taken(connection, stood_in, now),
            Event::Received { connection, message } => self.received(connection, message, now),
        }
        self.note_state(now);
    }

    /// Lets every timer expire that is due. Calling it early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if take_if_due(&mut self.idle_hold, now) {
            self.run(now);
        }
        if take_if_due(&mut self.connect_retry, now) {
            self.attempt(now);
        }
        let ids: Vec<_> = self.connections.iter().map(|connection| connection.id).collect();
        for id in ids {
            self.connection_timeout(id, now);
        }
        self.note_state(now);
    }

    /// When [`Session::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timers = |one: &Connection| [one.hold, one.keepalive, one.send_hold];
        let connections = self.connections.iter().flat_map(timers);
        [self.idle_hold, self.connect_retry].into_iter().chain(connections).flatten().min()
    }

    /// Whether a hold timer is due: the peer was silent, or took nothing, for too long.
    pub fn misses_the_peer(&self, now: Instant) -> bool {
        let timers = |one: &Connection| [one.hold, one.send_hold];
        self.connections.iter().flat_map(timers).flatten().any(|due| due <= now)
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The caller has sent so many UPDATEs: that is as good as a KEEPALIVE (RFC 4271 §8.2.2).
    pub fn sent_updates(&mut self, count: u64, now: Instant) {
        let Session { connections, jitter, counters, .. } = self;
        if let Some(connection) = connections.iter_mut().find(|one| one.state() == State::Established) {
            counters.sent.update += count;
            connection.restart_keepalive(jitter, now);
        }
    }

    /// The caller has sent a ROUTE-REFRESH between UPDATEs. It keeps no hold timer from expiring.
    pub fn sent_refresh(&mut self, subtype: RefreshSubtype) {
        self.counters.sent.route_refresh.count(subtype);
    }

    /// How long a connection may be quiet before a KEEPALIVE is due; `None`: none is ever.
    pub fn keepalive_interval(&self, connection: ConnectionId) -> Option<Duration> {
        let agreed = self.find(connection).and_then(|index| self.connections[index].negotiated())?;
        Some(agreed.keepalive).filter(|interval| !interval.is_zero())
    }

    /// Asks the peer for all routes of a family again. False if it cannot be asked: no session, or it did not
    /// announce the capability or the family (RFC 2918 §4).
    pub fn request_refresh(&mut self, family: AfiSafi) -> bool {
        let able = |connection: &&Connection| {
            connection.state() == State::Established
                && connection
                    .negotiated()
                    .is_some_and(|agreed| agreed.route_refresh && agreed.context.families.contains(&family))
        };
        let Some(connection) = self.connections.iter().find(able).map(|connection| connection.id) else {
            return false;
        };
        self.send(connection, Message::RouteRefresh(RouteRefresh::new(family, RefreshSubtype::Request)));
        true
    }

    /// Sets what the OPENs from now on say about graceful restart: whether we have restarted changes with time.
    pub fn set_graceful_restart(&mut self, announced: Option<GracefulRestart>) {
        self.config.graceful_restart = announced;
    }

    /// Sets the time between two attempts to connect, also for the one that is waited for.
    pub fn set_connect_retry(&mut self, retry: Duration, now: Instant) {
        self.config.connect_retry = retry;
        if self.connect_retry.is_some() {
            self.restart_connect_retry(now);
        }
    }

    /// What the messages of a connection are to be decoded with at this moment. It changes with the peer's OPEN.
    pub fn codec_context(&self, connection: ConnectionId) -> &CodecContext {
        self.find(connection).map_or(&self.opening_context, |index| self.connections[index].context())
    }

    /// The configuration.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The state: of several connections the one furthest on.
    pub fn state(&self) -> State {
        let furthest = self.connections.iter().map(Connection::state).max();
        match furthest {
            Some(state) => state,
            None if !self.running => State::Idle,
            None if self.attempting => State::Connect,
            None => State::Active,
        }
    }

    /// The connections to the peer, each with who opened it and its own state: OpenSent, OpenConfirm or Established.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, Direction, State)> {
        self.connections.iter().map(|connection| (connection.id, connection.direction, connection.state()))
    }

    /// Since when the session is in its state.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Since when the session is Established, if it is.
    pub fn established_since(&self) -> Option<Instant> {
        self.established_since
    }

    /// Whether the session was not started yet, or stopped.
    pub fn is_stopped(&self) -> bool {
        !self.running && self.idle_hold.is_none()
    }

    /// Until when a session in Idle stays there by itself: `None` if it was stopped.
    pub fn idle_until(&self) -> Option<Instant> {
        self.idle_hold
    }

    /// What was agreed on with the peer; in OpenConfirm and Established.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.connections.iter().max_by_key(|connection| connection.state()).and_then(Connection::negotiated)
    }

    /// The last thing that went wrong: also what kept the session from coming up.
    pub fn last_error(&self) -> Option<&LastError> {
        self.last_error.as_ref()
    }

    /// How the session was Established for the last time.
    pub fn last_down(&self) -> Option<&LastError> {
        self.last_down.as_ref()
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn start(&mut self, now: Instant) {
        // RFC 4271 §8.2.2: start events are ignored outside of Idle.
        if !self.running {
            self.counters.connect_retries = 0;
            self.back_off.reset();
            self.bare = false;
            self.run(now);
        }
    }

    /// Leaves Idle.
    fn run(&mut self, now: Instant) {
        self.running = true;
        self.collided = false;
        self.idle_hold = None;
        if !self.config.passive {
            self.attempt(now);
        }
    }

    /// Begins to connect, instead of a previous attempt if there is one.
    fn attempt(&mut self, now: Instant) {
        self.cancel_attempt();
        self.attempting = true;
        self.actions.push_back(Action::Connect);
        self.counters.connect_attempts += 1;
        self.restart_connect_retry(now);
    }

    fn cancel_attempt(&mut self) {
        if std::mem::take(&mut self.attempting) {
            self.actions.push_back(Action::CancelConnect);
        }
    }

    /// A passive session does not run this timer: its expiry would connect (RFC 4271 §8.1.1, option 4).
    fn restart_connect_retry(&mut self, now: Instant) {
        self.connect_after(self.config.connect_retry, now);
    }

    fn connect_after(&mut self, pause: Duration, now: Instant) {
        self.connect_retry = (!self.config.passive).then(|| now + self.jitter.apply(pause));
    }

    fn opened(&mut self, id: ConnectionId, direction: Direction, now: Instant) {
        if self.find(id).is_some() {
            self.counters.late_events += 1;
            return;
        }
        if !self.running {
            // RFC 4271 §8.2.2: Idle refuses all incoming connections, in an idle hold too. The refusal is a close
            // without Cease/Connection Rejected (RFC 4486 §4): the peer then waits in Active and takes the connection
            // that we make after the hold. A NOTIFICATION would send it into an idle hold of its own, in which it
            // would refuse us in turn, and two speakers could go on like that forever.
            self.counters.refused += 1;
            self.actions.push_back(Action::Close { connection: id });
            return;
        }
        if direction == Direction::Outgoing {
            self.attempting = false;
            self.connect_retry = None;
        }
        let established = self.connections.iter().find(|other| other.state() == State::Established);
        // RFC 4724 §4.2: a peer that has restarted comes with a new connection, maybe before the old one is seen to
        // be gone. It replaces the old one when it is Established itself: until the peer's KEEPALIVE is there, it may
        // be a leftover of a collision that the peer has still to close.
        let may_replace = direction == Direction::Incoming
            && established.is_some_and(|other| other.negotiated().is_some_and(Negotiated::peer_may_restart));
        if established.is_some() && !may_replace {
            // RFC 4271 §6.8: a collision with an Established connection closes the new one.
            self.counters.collisions += 1;
            self.send(id, Message::Notification(Notification::collision()));
            self.actions.push_back(Action::Close { connection: id });
            return;
        }
        // Whoever opens a second connection has given up the first one that it opened.
        let given_up = |other: &&Connection| other.direction == direction && other.state() == State::OpenSent;
        if let Some(other) = self.connections.iter().find(given_up).map(|other| other.id) {
            self.drop_collided(other);
        }
        let open = self.our_open();
        self.connections.push(Connection::new(id, direction, open.clone(), now + self.config.open_hold_time));
        self.send(id, Message::Open(open));
    }

    fn connect_failed(&mut self, reason: String, now: Instant) {
        if !std::mem::take(&mut self.attempting) {
            self.counters.late_events += 1;
            return;
        }
        // GAP(RFC 4271 §8.2.2): event 18 in Connect leads to Idle if DelayOpenTimer does not run. Idle refuses
        // connections: of two speakers that start together each could refuse the other. So this goes to Active, as it
        // would with DelayOpenTimer running, and as RFC 1771 had it.
        self.last_error =
            Some(LastError { at: now, state: State::Connect, reason: DownReason::ConnectFailed { reason } });
        self.restart_connect_retry(now);
    }

    fn closed(&mut self, id: ConnectionId, reason: String, now: Instant) {
        if self.find(id).is_none() {
            self.counters.late_events += 1;
            return;
        }
        self.actions.retain(|action| !matches!(action, Action::Send { connection, .. } if *connection == id));
        self.fail(id, DownReason::Closed { reason }, now);
    }

    /// Whether a failure that BFD has found is one of the session that is established: it was then, and BFD has worked for
    /// it, or came up for no session before it.
    fn is_watched(&self, at: Instant, came_up: Instant, worked_until: Instant) -> bool {
        let later_than_before = self.last_down.as_ref().is_none_or(|before| before.at < came_up);
        self.established_since.is_some_and(|since| since <= at && (since <= worked_until || later_than_before))
    }

    /// Ends an Established session at once; one that is only being opened will find out by itself.
    fn bfd_down(&mut self, reason: &str, at: Instant, now: Instant) {
        let established = self.connections.iter().find(|connection| connection.state() == State::Established);
        if let Some(id) = established.map(|connection| connection.id) {
            let notification = Notification::cease(iana::cease::BFD_DOWN);
            self.fail(id, DownReason::Sent { notification, problem: format!("BFD: {reason}") }, now);
            // That was the end, not when we came to hear of it: BFD may be up again by now, for the session that is next.
            if let Some(down) = &mut self.last_down {
                down.at = at;
            }
        }
    }

    fn received(&mut self, id: ConnectionId, message: Result<Message, DecodeError>, now: Instant) {
        let Some(index) = self.find(id) else {
            self.counters.late_events += 1;
            return;
        };
        match &message {
            Ok(message) => self.counters.received.count(message),
            Err(_) => self.counters.undecodable += 1,
        }
        match self.connections[index].receive(message, &self.config, &mut self.jitter, now) {
            Outcome::Alive => {}
            Outcome::Confirmed => self.confirm(id),
            Outcome::Established => self.establish(id, now),
            Outcome::Deliver(message) => self.actions.push_back(Action::Deliver { message }),
            Outcome::Failed(reason) => self.fail(id, reason, now),
        }
    }

    /// A connection has come to OpenConfirm.
    fn confirm(&mut self, id: ConnectionId) {
        for loser in self.collision_losers(id) {
            self.drop_collided(loser);
        }
        if self.find(id).is_some() {
            self.send(id, Message::Keepalive);
            // An attempt, now or later, could only collide with a connection that works.
            self.cancel_attempt();
            self.connect_retry = None;
        }
    }

    fn establish(&mut self, id: ConnectionId, now: Instant) {
        self.cancel_attempt();
        let replaced = self.connections.iter().find(|other| other.id != id && other.state() == State::Established);
        if let Some(old) = replaced.map(|other| other.id) {
            self.actions.push_back(Action::Close { connection: old });
            self.fail(old, DownReason::Closed { reason: "the peer has restarted and connected again".to_owned() }, now);
        }
        let others: Vec<_> =
            self.connections.iter().map(|connection| connection.id).filter(|other| *other != id).collect();
        for other in others {
            self.drop_collided(other);
        }
        self.collided = false;
        self.counters.established += 1;
        if let Some(index) = self.find(id) {
            self.connections[index].restart_send_hold(&self.config, now);
        }
        self.established_since = Some(now);
        if let Some(negotiated) = self.negotiated().cloned() {
            self.actions.push_back(Action::Established { connection: id, negotiated });
        }
    }

    /// Something that was sent is on its way. What was sent over a connection that is over matters no more.
    fn taken(&mut self, id: ConnectionId, stood_in: u32, now: Instant) {
        let Some(index) = self.find(id) else { return };
        let connection = &mut self.connections[index];
        connection.restart_send_hold(&self.config, now);
        if stood_in > 0 {
            // No two KEEPALIVEs within a second (RFC 4271 §4.4).
            connection.restart_keepalive(&mut self.jitter, now);
            self.counters.sent.keepalive += u64::from(stood_in);
            self.counters.stood_in += u64::from(stood_in);
        }
    }

    fn connection_timeout(&mut self, id: ConnectionId, now: Instant) {
        let Some(index) = self.find(id) else {
            return;
        };
        let connection = &mut self.connections[index];
        if take_if_due(&mut connection.hold, now) {
            let problem = match connection.negotiated() {
                Some(agreed) => format!("nothing came from the peer for {} s", agreed.hold_time),
                None => format!("no OPEN came from the peer for {:?}", self.config.open_hold_time),
            };
            let notification = Notification::hold_timer_expired();
            self.fail(id, DownReason::Sent { notification, problem }, now);
        } else if take_if_due(&mut connection.send_hold, now) {
            // RFC 9687 §4.3, event 29. The NOTIFICATION is tried, and delays nothing.
            let seconds = connection.send_hold_time(&self.config).unwrap_or_default().as_secs();
            let problem = format!("nothing that we sent was taken by the peer for {seconds} s");
            let notification = Notification::send_hold_timer_expired();
            self.fail(id, DownReason::Sent { notification, problem }, now);
        } else if take_if_due(&mut connection.keepalive, now) {
            connection.restart_keepalive(&mut self.jitter, now);
            self.send(id, Message::Keepalive);
        }
    }

    /// A connection is over: says so to the peer as far as it can hear it, and to the caller if it was Established.
    fn fail(&mut self, id: ConnectionId, reason: DownReason, now: Instant) {
        let Some(index) = self.find(id) else {
            return;
        };
        let connection = self.connections.remove(index);
        let state = connection.state();
        let learned = self.learn_of_capabilities(&connection, &reason);
        if state < State::Established && reason.is_bad_peer_as() {
            self.present_alternative_to(connection.our_asn());
        }
        match &reason {
            DownReason::Stopped { notification } | DownReason::Sent { notification, .. } => {
                self.send(id, Message::Notification(notification.clone()));
                self.actions.push_back(Action::Close { connection: id });
            }
            DownReason::Received { .. } => self.actions.push_back(Action::Close { connection: id }),
            DownReason::Closed { .. } | DownReason::ConnectFailed { .. } => {}
        }
        let last = self.connections.is_empty();
        // That one of two connections lost against the other is nothing to worry the operator with.
        if last || !reason.is_collision() {
            self.last_error = Some(LastError { at: now, state, reason: reason.clone() });
        }
        let restarts = connection.negotiated().is_some_and(|agreed| !agreed.kept_families(&reason).is_empty());
        let up = (state == State::Established).then(|| self.was_established(reason.clone(), now));
        self.collided |= reason.is_collision();
        if last {
            let consequence = match (reason.consequence(state), up) {
                // A second attempt that has more to hope for is no oscillation.
                _ if learned => Consequence::Hold,
                (Consequence::Damp, None) if self.collided => Consequence::Retry,
                // What a peer does again and again may cost others nothing, but it has to leave time for others.
                (Consequence::Damp, Some(up)) if restarts && up >= self.config.idle_hold => Consequence::Await,
                (Consequence::Damp, Some(_)) if restarts => Consequence::Retry,
                (consequence, _) => consequence,
            };
            self.follow(consequence, now);
        } else if self.connections.iter().all(Connection::is_unidentified) && self.connect_retry.is_none() {
            self.restart_connect_retry(now);
        }
    }

    /// The peer says that we are not in this AS: from now on we are in the other one, if there are two. It says so over
    /// each of two connections.
    fn present_alternative_to(&mut self, refused: Asn) {
        if let Some(alternative) = self.config.alternative_asn.as_mut().filter(|other| **other != refused) {
            std::mem::swap(&mut self.config.local_asn, alternative);
        }
    }

    /// Returns for how long.
    fn was_established(&mut self, reason: DownReason, now: Instant) -> Duration {
        // The peer may be another one when it comes back.
        self.bare = false;
        let up = self.established_since.take().map_or(Duration::ZERO, |since| now - since);
        if up >= self.config.idle_hold_max {
            self.back_off.reset();
        }
        self.last_down = Some(LastError { at: now, state: State::Established, reason: reason.clone() });
        self.actions.push_back(Action::Down { reason });
        up
    }

    /// Goes to the state that a session without connections has to be in.
    fn follow(&mut self, consequence: Consequence, now: Instant) {
        match consequence {
            Consequence::Stop => self.idle(None),
            // Whoever connects and says nothing, again and again, does not put our own attempts off.
            Consequence::Listen if self.connect_retry.is_some() => {}
            Consequence::Listen => self.restart_connect_retry(now),
            Consequence::Hold => {
                let until = now + self.jitter.apply(self.back_off.delay());
                self.idle(Some(until));
            }
            Consequence::Retry => {
                let until = now + self.jitter.apply(self.config.idle_hold);
                self.counters.connect_retries += 1;
                self.idle(Some(until));
            }
            Consequence::Await => {
                self.counters.connect_retries += 1;
                self.connect_after(self.config.idle_hold, now);
            }
            Consequence::Damp => {
                let until = now + self.jitter.apply(self.back_off.delay());
                self.back_off.grow();
                self.counters.connect_retries += 1;
                self.idle(Some(until));
            }
        }
    }

    fn idle(&mut self, until: Option<Instant>) {
        self.cancel_attempt();
        self.running = false;
        self.connect_retry = None;
        self.idle_hold = until;
    }

    fn send(&mut self, connection: ConnectionId, message: Message) {
        self.counters.sent.count(&message);
        self.actions.push_back(Action::Send { connection, message });
    }

    fn find(&self, id: ConnectionId) -> Option<usize> {
        self.connections.iter().position(|connection| connection.id == id)
    }

    fn note_state(&mut self, now: Instant) {
        let state = self.state();
        if state != self.state {
            self.state = state;
            self.since = now;
            self.counters.transitions += 1;
        }
    }
}
