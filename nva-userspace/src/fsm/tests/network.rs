//! A network of speakers in memory, with a clock of its own: what the simulations run in.
//!
//! Speakers come in pairs. Octet streams keep their order and are reliable, as TCP's are, unless a connection is made
//! to fail: it can be cut (both sides see it end) or fall silent (nothing arrives any more, not even its end).

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::packet::DecodeError;

/// How many speakers there are in a pair.
const SIDES: usize = 2;

/// Something that will happen to a speaker.
#[derive(Clone, Debug)]
enum Arrival {
    /// The peer's request to connect reaches it.
    Request { connection: ConnectionId },
    /// Its own attempt was answered, or was not.
    Answer { connection: ConnectionId, accepted: bool },
    /// An event, of a connection that may be closed by now.
    Event(Event),
    /// Its timers may be due.
    Wake,
    /// It has a route to announce.
    Announce,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// The share of attempts to connect that are refused.
    pub refused: f64,
    /// The share of attempts that nobody ever answers.
    pub unanswered: f64,
    /// The share of messages with which the connection falls silent.
    pub silence: f64,
    /// The share of messages with which the connection is cut.
    pub cut: f64,
    /// The share of messages that arrive twice.
    pub twice: f64,
    /// The share of messages that arrive as something else.
    pub garbled: f64,
}

/// A speaker and what its machine knows of its connections.
struct Speaker {
    session: Session,
    attempt: Option<ConnectionId>,
    /// Open from its side: the only ones that it may send on.
    open: BTreeSet<ConnectionId>,
    established: Option<ConnectionId>,
    wake: Option<Instant>,
}

pub(super) struct Network {
    pub now: Instant,
    pub faults: Faults,
    /// Between these, evenly drawn for each message.
    pub latency: (Duration, Duration),
    speakers: Vec<Speaker>,
    agenda: BTreeMap<(Instant, u64), (usize, Arrival)>,
    /// When the last octets on the way to a speaker over a connection arrive.
    last_arrival: BTreeMap<(usize, ConnectionId), Instant>,
    silent: BTreeSet<ConnectionId>,
    random: fastrand::Rng,
    scheduled: u64,
    connections: u64,
    /// Who opened each connection.
    pub openers: BTreeMap<ConnectionId, usize>,
    /// How often any session went down.
    pub downs: u64,
}

impl Network {
    /// Speakers 2n and 2n + 1 are each other's peers; the sessions have seeds of their own.
    pub fn new(configs: Vec<SessionConfig>, seed: u64) -> Network {
        let mut random = fastrand::Rng::with_seed(seed);
        let speaker = |config| Speaker {
            session: Session::new(config, random.u64(..)),
            attempt: None,
            open: BTreeSet::new(),
            established: None,
            wake: None,
        };
        Network {
            now: Instant::ZERO,
            faults: Faults::default(),
            latency: (Duration::from_millis(1), Duration::from_millis(1)),
            speakers: configs.into_iter().map(speaker).collect(),
            agenda: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            silent: BTreeSet::new(),
            random,
            scheduled: 0,
            connections: 0,
            openers: BTreeMap::new(),
            downs: 0,
        }
    }

    /// Lets an event happen to a speaker at a time to come.
    pub fn at(&mut self, when: Instant, speaker: usize, event: Event) {
        self.schedule(when, speaker, Arrival::Event(event));
    }

    /// Runs until nothing is left to happen before this time.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((when, _), (speaker, arrival)) = entry.remove_entry();
            assert!(when >= self.now, "time runs forwards");
            self.now = when;
            self.arrive(speaker, arrival);
        }
        self.now = end;
    }

    pub fn session(&self, speaker: usize) -> &Session {
        &self.speakers[speaker].session
    }

    /// The connection over which both of a pair are Established, which is then the only one that either has.
    pub fn agreed(&self, pair: usize) -> Option<ConnectionId> {
        let [one, two] = [&self.speakers[pair * SIDES], &self.speakers[pair * SIDES + 1]];
        let agreed = one.established.filter(|connection| two.established == Some(*connection))?;
        let only = BTreeSet::from([agreed]);
        (one.open == only && two.open == only).then_some(agreed)
    }

    fn schedule(&mut self, when: Instant, speaker: usize, arrival: Arrival) {
        self.scheduled += 1;
        self.agenda.insert((when, self.scheduled), (speaker, arrival));
    }

    fn draw_latency(&mut self) -> Duration {
        let (least, most) = self.latency;
        least + (most - least).mul_f64(self.random.f64())
    }

    fn happens(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }

    fn arrive(&mut self, index: usize, arrival: Arrival) {
        let now = self.now;
        let speaker = &mut self.speakers[index];
        match arrival {
            Arrival::Wake => {
                let due = speaker.session.poll_timeout().is_some_and(|deadline| deadline <= now);
                speaker.session.handle_timeout(now);
                assert!(speaker.session.poll_timeout().is_none_or(|next| next > now), "all that was due is done");
                assert!(due || speaker.session.poll_action().is_none(), "nothing is done before it is due");
            }
            Arrival::Request { connection } => self.request(index, connection),
            Arrival::Answer { connection, accepted } => {
                if speaker.attempt == Some(connection) {
                    speaker.attempt = None;
                    let event = if accepted {
                        speaker.open.insert(connection);
                        Event::ConnectionOpened { connection, direction: Direction::Outgoing }
                    } else {
                        Event::ConnectFailed { reason: "refused".to_owned() }
                    };
                    speaker.session.handle_event(event, now);
                }
            }
            Arrival::Event(event) => {
                if let Event::ConnectionClosed { connection, .. } = &event {
                    // A connection that was closed from this side has no end to report.
                    if !speaker.open.remove(connection) {
                        return;
                    }
                }
                if let Event::ConnectionOpened { connection, .. } = &event {
                    speaker.open.insert(*connection);
                }
                speaker.session.handle_event(event, now);
            }
            Arrival::Announce => self.announce(index),
        }
        self.carry_out(index);
        self.set_alarm(index);
    }

    /// Sends an UPDATE every now and then, so that keepalive timers are restarted too.
    fn announce(&mut self, index: usize) {
        let now = self.now;
        if let Some(connection) = self.speakers[index].established {
            self.speakers[index].session.sent_updates(1, now);
            self.transmit(index, connection, Message::Update(Box::default()));
            let pause = Duration::from_secs(1 + self.random.u64(..60));
            self.schedule(now + pause, index, Arrival::Announce);
        }
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(action) = self.speakers[index].session.poll_action() {
            let speaker = &mut self.speakers[index];
            match action {
                Action::Connect => self.connect(index),
                Action::CancelConnect => {
                    let connection = speaker.attempt.take().expect("there is an attempt to cancel");
                    self.end(index, connection);
                }
                Action::Send { connection, message } => {
                    assert!(speaker.open.contains(&connection), "{message:?} on a closed connection");
                    self.transmit(index, connection, message);
                }
                Action::Close { connection } => {
                    assert!(speaker.open.remove(&connection), "a closed connection is closed again");
                    self.end(index, connection);
                }
                Action::Established { connection, .. } => {
                    assert_eq!(speaker.established.replace(connection), None, "two Established connections");
                    let later = self.now + Duration::from_secs(1);
                    self.schedule(later, index, Arrival::Announce);
                }
                // A message that came as another one may have said so.
                Action::CapabilitiesRefused => assert!(speaker.session.without_capabilities()),
                Action::Deliver { .. } => assert!(speaker.established.is_some(), "routes before Established"),
                Action::Down { .. } => {
                    assert!(speaker.established.take().is_some(), "down without having been up");
                    self.downs += 1;
                }
            }
        }
        let speaker = &self.speakers[index];
        let is_established = speaker.session.state() == State::Established;
        assert_eq!(is_established, speaker.established.is_some(), "Established and Down tell the state");
    }

    /// Sees to it that the speaker is woken when it wants to be.
    fn set_alarm(&mut self, index: usize) {
        let speaker = &mut self.speakers[index];
        let deadline = speaker.session.poll_timeout();
        if let Some(when) = deadline.filter(|_| speaker.wake != deadline) {
            speaker.wake = deadline;
            self.schedule(when.max(self.now), index, Arrival::Wake);
        }
    }

    fn connect(&mut self, index: usize) {
        let connection = ConnectionId(self.connections);
        self.connections += 1;
        self.openers.insert(connection, index);
        assert_eq!(self.speakers[index].attempt.replace(connection), None, "one attempt at a time");
        if self.happens(self.faults.unanswered) {
            return;
        }
        let arrives = self.now + self.draw_latency();
        if self.happens(self.faults.refused) {
            self.schedule(arrives, index, Arrival::Answer { connection, accepted: false });
        } else {
            self.schedule(arrives, index ^ 1, Arrival::Request { connection });
        }
    }

    /// The machine accepts before its speaker hears of it; whoever connects knows it half a round trip later, and
    /// the speaker then that has been connected to.
    fn request(&mut self, index: usize, connection: ConnectionId) {
        let opener = index ^ 1;
        if self.speakers[opener].attempt != Some(connection) {
            return;
        }
        let back = self.now + self.draw_latency();
        self.schedule(back, opener, Arrival::Answer { connection, accepted: true });
        let forth = back + self.draw_latency();
        self.last_arrival.insert((index, connection), forth);
        self.at(forth, index, Event::ConnectionOpened { connection, direction: Direction::Incoming });
    }

    fn transmit(&mut self, from: usize, connection: ConnectionId, message: Message) {
        if self.happens(self.faults.silence) {
            self.silent.insert(connection);
        }
        if self.happens(self.faults.cut) {
            for speaker in [from, from ^ 1] {
                self.stream(speaker, Event::ConnectionClosed { connection, reason: "cut".to_owned() }, connection);
            }
            self.silent.insert(connection);
        }
        if !self.silent.contains(&connection) {
            let now = self.now;
            self.speakers[from].session.handle_event(Event::Sent { connection, stood_in: 0 }, now);
        }
        let garbled = self.happens(self.faults.garbled);
        let message = if garbled { Err(DecodeError::NotSynchronized) } else { Ok(message) };
        let event = Event::Received { connection, message };
        if self.happens(self.faults.twice) {
            self.stream(from ^ 1, event.clone(), connection);
        }
        self.stream(from ^ 1, event, connection);
    }

    fn end(&mut self, from: usize, connection: ConnectionId) {
        self.stream(
            from ^ 1,
            Event::ConnectionClosed { connection, reason: "closed by the peer".to_owned() },
            connection,
        );
    }

    /// Lets something arrive at a speaker after everything that is on its way to it over the same connection.
    fn stream(&mut self, to: usize, event: Event, connection: ConnectionId) {
        if self.silent.contains(&connection) {
            return;
        }
        let arrives = self.now + self.draw_latency();
        let last = self.last_arrival.entry((to, connection)).or_default();
        *last = arrives.max(*last);
        let when = *last;
        self.at(when, to, event);
    }
}
