//! Two sessions that connect to each other at once: every order in which what they say can arrive.
//!
//! Each octet stream keeps its order; between the streams every order is tried. Time stands still.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::net::AfiSafi;
use crate::packet::{GracefulRestart, RestartFamily};

/// Something on its way to a speaker over a connection.
#[derive(Clone, Debug)]
enum Signal {
    Opened,
    Message(Message),
    Closed,
}

/// Two speakers, 0 and 1. Connection n is the one that speaker n opens.
#[derive(Clone)]
struct Pair {
    sessions: [Session; 2],
    /// Both announce graceful restart.
    restarts: bool,
    /// By receiving speaker and connection.
    wires: BTreeMap<(usize, usize), VecDeque<Signal>>,
    /// Connections that a speaker has closed or given up, from its side.
    silent: BTreeSet<(usize, usize)>,
    /// How often a session was Established and went down.
    downs: usize,
}

impl Pair {
    fn new(router_ids: [Ipv4Addr; 2], graceful_restart: Option<&GracefulRestart>) -> Pair {
        let session = |own: usize| {
            let asns = [Asn(65000), Asn(65001)];
            let config = SessionConfig::new(asns[own], router_ids[own], RemoteAs::Exactly(asns[1 - own]));
            let graceful_restart = graceful_restart.cloned();
            session_in(State::Connect, SessionConfig { graceful_restart, ..config }, seconds(0))
        };
        let mut wires = BTreeMap::new();
        for receiver in [0, 1] {
            for connection in [0, 1] {
                wires.insert((receiver, connection), VecDeque::from([Signal::Opened]));
            }
        }
        let restarts = graceful_restart.is_some();
        Pair { sessions: [session(0), session(1)], restarts, wires, silent: BTreeSet::new(), downs: 0 }
    }

    /// What may arrive next. The one who connects knows of the connection first, as in TCP.
    fn choices(&self) -> Vec<(usize, usize)> {
        let unknown_to_opener =
            |connection: usize| matches!(self.wires[&(connection, connection)].front(), Some(Signal::Opened));
        self.wires
            .iter()
            .filter(|((receiver, connection), wire)| {
                let too_early = receiver != connection && unknown_to_opener(*connection);
                !wire.is_empty() && !too_early
            })
            .map(|(key, _)| *key)
            .collect()
    }

    fn deliver(&mut self, (receiver, connection): (usize, usize)) {
        let wire = self.wires.get_mut(&(receiver, connection)).expect("a wire");
        let id = connection as u64;
        let event = match wire.pop_front().expect("a choice") {
            Signal::Opened if receiver == connection => opened(id, Direction::Outgoing),
            Signal::Opened => opened(id, Direction::Incoming),
            Signal::Message(message) => received(id, message),
            Signal::Closed => closed(id),
        };
        if matches!(event, Event::ConnectionClosed { .. }) {
            self.silent.insert((receiver, connection));
        }
        self.sessions[receiver].handle_event(event, seconds(0));
        while let Some(action) = self.sessions[receiver].poll_action() {
            self.act(receiver, action);
        }
    }

    fn act(&mut self, speaker: usize, action: Action) {
        let other = 1 - speaker;
        match action {
            Action::Send { connection, message } => {
                let connection = connection.0 as usize;
                assert!(!self.silent.contains(&(speaker, connection)), "{message:?} on a closed connection");
                if !self.silent.contains(&(other, connection)) {
                    self.wires.entry((other, connection)).or_default().push_back(Signal::Message(message));
                }
            }
            Action::Close { connection } => self.hang_up(speaker, connection.0 as usize),
            // The peer has not seen more of it than its opening, if that.
            Action::CancelConnect => {
                self.wires.insert((speaker, speaker), VecDeque::new());
                self.hang_up(speaker, speaker);
            }
            Action::Down { .. } => self.downs += 1,
            Action::Established { .. } => {}
            Action::Connect | Action::CapabilitiesRefused | Action::Deliver { .. } => {
                panic!("nothing asks for {action:?}")
            }
        }
    }

    fn hang_up(&mut self, speaker: usize, connection: usize) {
        assert!(self.silent.insert((speaker, connection)), "closed twice");
        if !self.silent.contains(&(1 - speaker, connection)) {
            self.wires.entry((1 - speaker, connection)).or_default().push_back(Signal::Closed);
        }
    }

    /// What the rest of the way depends on.
    fn key(&self) -> String {
        let states = self.sessions.each_ref().map(|session| {
            let known: Vec<_> = session.connections().collect();
            (session.state(), known, session.counters().connect_retries, self.downs)
        });
        format!("{states:?} {:?} {:?}", self.wires, self.silent)
    }

    fn established(&self) -> [Option<ConnectionId>; 2] {
        self.sessions.each_ref().map(|session| {
            session.connections().find(|(_, _, state)| *state == State::Established).map(|(id, _, _)| id)
        })
    }
}

#[derive(Default, Debug)]
struct Outcomes {
    seen: BTreeSet<String>,
    /// How many different endings had each connection Established.
    survivor: [usize; 2],
    /// How many had none.
    none: usize,
}

fn explore(pair: Pair, outcomes: &mut Outcomes) {
    if !outcomes.seen.insert(pair.key()) {
        return;
    }
    let choices = pair.choices();
    for choice in &choices {
        let mut next = pair.clone();
        next.deliver(*choice);
        explore(next, outcomes);
    }
    if choices.is_empty() {
        match pair.established() {
            [Some(left), Some(right)] => {
                assert_eq!(left, right, "each has another connection");
                // Unless it was Established over the connection that the other side closes, and had another one as
                // well: that takes its place.
                assert!(pair.downs <= usize::from(pair.restarts), "and nothing went down on the way");
                outcomes.survivor[left.0 as usize] += 1;
            }
            [None, None] => {
                // RFC 4271 §6.8 has this hole: one side is Established over a connection before the other side's OPEN
                // over the second one arrives, and the other side prefers the second by the identifiers. Then both
                // connections go. Both sides are in an idle hold, and jitter makes the next try a different one.
                assert!(pair.downs > 0, "only an Established connection may lose against a better one: {}", pair.key());
                assert!(pair.sessions.iter().all(|session| session.idle_until().is_some()), "{}", pair.key());
                outcomes.none += 1;
            }
            one_sided => panic!("{one_sided:?}: {}", pair.key()),
        }
    }
}

#[test]
fn both_sides_keep_the_same_connection_in_every_order() {
    let low = Ipv4Addr::new(10, 0, 0, 1);
    let high = Ipv4Addr::new(10, 0, 0, 2);
    for (router_ids, higher) in [([low, high], 1), ([high, low], 0)] {
        let mut outcomes = Outcomes::default();
        explore(Pair::new(router_ids, None), &mut outcomes);
        let Outcomes { seen, survivor, none } = &outcomes;
        assert!(seen.len() > 300 && *none > 0, "every order was tried: {} states", seen.len());
        assert!(survivor[higher] > 0, "the higher identifier's connection survives a collision");
        assert!(survivor[1 - higher] > 0, "the other one does if it was Established before there was a collision");
    }
}

/// Each would keep the other's routes, and so takes another connection beside an Established one (RFC 4724 §4.2): that
/// it is a leftover of the collision costs no session.
#[test]
fn who_bears_with_restarts_mistakes_no_collision_for_one() {
    let families = vec![RestartFamily::new(AfiSafi::Ipv4Unicast, true)];
    let restart = GracefulRestart { time: 120, families, ..GracefulRestart::default() };
    let low = Ipv4Addr::new(10, 0, 0, 1);
    let high = Ipv4Addr::new(10, 0, 0, 2);
    for router_ids in [[low, high], [high, low]] {
        let [none, none_without] = [Some(&restart), None].map(|restart| {
            let mut outcomes = Outcomes::default();
            explore(Pair::new(router_ids, restart), &mut outcomes);
            outcomes.none
        });
        assert!(none <= none_without, "{none} ways to have none, {none_without} without graceful restart");
    }
}
