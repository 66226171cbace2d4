//! One session: its state, and when a packet has to go out (RFC 5880 §6.8).

use std::collections::VecDeque;
use std::time::Duration;

use super::discard::{Discard, Discards};
use super::packet::{ControlPacket, Discriminator};
use super::remote::Remote;
use super::state::{Diagnostic, Reason, State};
use super::timing::{SLOW, Timing, jittered};
use crate::net::Instant;

/// No interval is shorter than this, so that one of 0 does not become a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is configured of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The interval at which we would like to send once the session is Up.
    pub desired_min_tx: Duration,
    /// The interval at which we can receive.
    pub required_min_rx: Duration,
    /// After how many intervals without a packet of ours the peer gives us up. At least 1.
    pub multiplier: u8,
}

/// What a session has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Instant,
    /// The time in which it was Up, if it was before: see [`Worked`].
    pub worked: Option<Worked>,
}

/// The time in which a session was Up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worked {
    /// When it came up.
    pub since: Instant,
    /// When the last packet came that left it Up.
    pub until: Instant,
}

/// Numbers for `nva show bfd`; they count from the session's making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets sent.
    pub sent: u64,
    /// Packets received and not dropped.
    pub received: u64,
    /// Packets for this session that were dropped.
    pub discards: Discards,
    /// How often the session came Up.
    pub ups: u64,
    /// How often it left Up.
    pub downs: u64,
}

/// A session in the Active role, which asynchronous mode is for; demand mode is honoured where the peer asks for it.
///
/// After each call that takes `now`, take packets with [`Session::poll_transmit`] and events with
/// [`Session::poll_event`] until there are none.
// GAP(RFC 5880 §6.7): no authentication; packets that carry some are dropped, and counted.
// GAP(RFC 5880 §6.4): no Echo function; we announce that we loop nothing back, and ask for nothing.
// GAP(RFC 5880 §6.6): we never ask for demand mode ourselves.
#[derive(Clone, Debug)]
pub struct Session {
    config: SessionConfig,
    discriminator: Discriminator,
    state: State,
    since: Instant,
    diagnostic: Diagnostic,
    remote: Remote,
    timing: Timing,
    rng: fastrand::Rng,
    /// When the last packet came that counts, until the detection time after it is over.
    heard_at: Option<Instant>,
    /// When the last packet came that left the session Up, in whatever state it is now.
    worked_at: Option<Instant>,
    /// When the last packet went out, answers to polls left aside.
    sent_at: Option<Instant>,
    /// What it said.
    sent: Option<ControlPacket>,
    /// When the next periodic packet is due, and by which interval: `None` if none is.
    next_periodic: Option<(Instant, Duration)>,
    /// The peer polls, and has no answer yet.
    owes_final: bool,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Session {
    /// A session that is Down. The discriminator is unique on this system; the seed decides the jitter.
    pub fn new(config: SessionConfig, discriminator: Discriminator, seed: u64, now: Instant) -> Session {
        Session {
            timing: Timing::new(config.desired_min_tx.max(SLOW), config.required_min_rx),
            config,
            discriminator,
            state: State::Down,
            since: now,
            diagnostic: Diagnostic::None,
            remote: Remote::UNKNOWN,
            rng: fastrand::Rng::with_seed(seed),
            heard_at: None,
            worked_at: None,
            sent_at: None,
            sent: None,
            next_periodic: Some((now, SLOW)),
            owes_final: false,
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a packet that was found to belong to this session (RFC 5880 §6.8.6, from the choice of the session on).
    pub fn handle_packet(&mut self, packet: &ControlPacket, now: Instant) -> Result<(), Discard> {
        let taken = self.take(packet, now);
        if let Err(reason) = taken {
            self.count_discard(reason);
        }
        self.schedule(now);
        taken
    }

    fn take(&mut self, packet: &ControlPacket, now: Instant) -> Result<(), Discard> {
        if packet.authenticated {
            return Err(Discard::Authentication);
        }
        self.remote = Remote::from_packet(packet);
        if packet.is_final {
            self.timing.handle_final(now);
        }
        if self.state == State::AdminDown {
            return Err(Discard::AdminDown);
        }
        self.counters.received = self.counters.received.saturating_add(1);
        self.heard_at = Some(now);
        let signaled = Diagnostic::NeighborSignaledDown;
        let peer_down = Reason::PeerDown(packet.diagnostic);
        match (self.state, packet.state) {
            (State::Down, State::Down) => self.enter(State::Init, Diagnostic::None, Reason::Handshake, now),
            (State::Down | State::Init, State::Init) | (State::Init, State::Up) => {
                self.enter(State::Up, Diagnostic::None, Reason::Handshake, now);
            }
            (State::Up, State::Down) => self.enter(State::Down, signaled, peer_down, now),
            (State::Init | State::Up, State::AdminDown) => {
                self.enter(State::Down, signaled, Reason::PeerAdminDown, now);
            }
            (State::AdminDown, _)
            | (State::Down, State::AdminDown | State::Up)
            | (State::Init, State::Down)
            | (State::Up, State::Init | State::Up) => {}
        }
        if self.state == State::Up {
            self.worked_at = Some(now);
        }
        self.owes_final |= packet.poll;
        Ok(())
    }

    /// Notices a silence that has lasted for the detection time. Calling it early or twice does nothing; what came in
    /// time should have been handed in before.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.detection_due().is_some_and(|due| due <= now) {
            // RFC 5880 §6.8.1: after this silence the peer is unknown, whatever it was.
            self.heard_at = None;
            self.remote = Remote::UNKNOWN;
            self.timing.forget_poll();
            match self.state {
                State::Init | State::Up => {
                    let reason = Reason::DetectionTimeExpired;
                    self.enter(State::Down, Diagnostic::DetectionTimeExpired, reason, now);
                }
                State::Down | State::AdminDown => {}
            }
        }
        self.schedule(now);
    }

    /// When [`Session::handle_timeout`] and [`Session::poll_transmit`] have something to do next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let periodic = self.next_periodic.map(|(due, _)| due);
        self.detection_due().into_iter().chain(periodic).min()
    }

    /// The next packet that goes out now (RFC 5880 §6.8.7).
    pub fn poll_transmit(&mut self, now: Instant) -> Option<ControlPacket> {
        let periodic_due = self.next_periodic.is_some_and(|(due, _)| due <= now);
        let content = self.content();
        let mut packet = content;
        if std::mem::take(&mut self.owes_final) {
            packet.is_final = true;
        } else if periodic_due {
            packet.poll = self.timing.poll_bit(now);
        } else if self.sent == Some(content) {
            return None;
        }
        // Polls go with periodic packets only (RFC 5880 §6.5), and an answer does not put one off.
        if !packet.is_final {
            self.sent_at = Some(now);
            self.next_periodic = self.transmit_interval().map(|interval| (now + self.jittered(interval), interval));
        }
        self.sent = Some(content);
        self.counters.sent = self.counters.sent.saturating_add(1);
        Some(packet)
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Changes the configuration of a session, whatever its state (RFC 5880 §6.8.3).
    pub fn reconfigure(&mut self, config: SessionConfig, now: Instant) {
        self.config = config;
        self.set_intervals();
        self.schedule(now);
    }

    /// Takes the session down, so that the peer knows that this is no failure (RFC 5880 §6.8.16).
    pub fn disable(&mut self, now: Instant) {
        if self.state != State::AdminDown {
            self.enter(State::AdminDown, Diagnostic::AdministrativelyDown, Reason::Disabled, now);
            self.owes_final = false;
            self.schedule(now);
        }
    }

    /// Lets a session that was disabled run again.
    pub fn enable(&mut self, now: Instant) {
        if self.state == State::AdminDown {
            // What came meanwhile did not count as heard, and its sender may be gone for long.
            if self.heard_at.is_none() {
                self.remote = Remote::UNKNOWN;
            }
            self.enter(State::Down, Diagnostic::None, Reason::Enabled, now);
            self.schedule(now);
        }
    }

    /// The configuration.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Our discriminator.
    pub fn discriminator(&self) -> Discriminator {
        self.discriminator
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it is in this state.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Why we changed the state last, as the peer is told.
    pub fn diagnostic(&self) -> Diagnostic {
        self.diagnostic
    }

    /// The peer's end.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The interval between packets that we send, before jitter; `None` if we send none periodically: the peer wants
    /// none, or checks the session itself when it likes (RFC 5880 §6.8.7).
    pub fn transmit_interval(&self) -> Option<Duration> {
        let remote_demand_active = self.remote.demand && self.state == State::Up && self.remote.state == State::Up;
        let silent = self.remote.required_min_rx.is_zero() || (remote_demand_active && !self.timing.is_polling());
        (!silent).then(|| self.timing.tx_in_use().max(self.remote.required_min_rx).max(SHORTEST))
    }

    /// How long a silence of the peer ends the session (RFC 5880 §6.8.4); `None` while it is not heard.
    pub fn detection_time(&self) -> Option<Duration> {
        let interval = self.timing.rx_in_use().max(self.remote.desired_min_tx);
        self.heard_at.map(|_| interval.saturating_mul(self.remote.multiplier.into()))
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A packet for this session was dropped before it came here.
    pub(super) fn count_discard(&mut self, reason: Discard) {
        self.counters.discards.count(reason);
    }

    fn detection_due(&self) -> Option<Instant> {
        Some(self.heard_at? + self.detection_time()?)
    }

    fn enter(&mut self, to: State, diagnostic: Diagnostic, reason: Reason, now: Instant) {
        let from = std::mem::replace(&mut self.state, to);
        let since = std::mem::replace(&mut self.since, now);
        let worked = (from == State::Up).then(|| Worked { since, until: self.worked_at.unwrap_or(since) });
        self.diagnostic = diagnostic;
        let count = |counter: &mut u64, happened: bool| *counter = counter.saturating_add(happened.into());
        count(&mut self.counters.ups, to == State::Up);
        count(&mut self.counters.downs, from == State::Up);
        self.set_intervals();
        self.events.push_back(Event { from, to, reason, at: now, worked });
    }

    fn set_intervals(&mut self) {
        let up = self.state == State::Up;
        let desired_min_tx = self.config.desired_min_tx;
        let desired_min_tx = if up { desired_min_tx } else { desired_min_tx.max(SLOW) };
        self.timing.set(desired_min_tx, self.config.required_min_rx, up);
    }

    /// Reckons anew when the next periodic packet is due if the interval is another than it was reckoned with.
    fn schedule(&mut self, now: Instant) {
        let interval = self.transmit_interval();
        if interval != self.next_periodic.map(|(_, interval)| interval) {
            self.next_periodic = interval.map(|interval| {
                let due = self.sent_at.map_or(now, |sent_at| sent_at + self.jittered(interval));
                (due.max(now), interval)
            });
        }
    }

    fn jittered(&mut self, interval: Duration) -> Duration {
        jittered(interval, self.config.multiplier, &mut self.rng)
    }

    fn content(&self) -> ControlPacket {
        ControlPacket {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: false,
            is_final: false,
            // BFD runs in the process that runs BGP.
            control_plane_independent: false,
            authenticated: false,
            demand: false,
            multiplier: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: self.timing.desired_min_tx(),
            required_min_rx: self.timing.required_min_rx(),
            required_min_echo_rx: Duration::ZERO,
        }
    }
}
