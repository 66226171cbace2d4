//! The simulated network: speakers, connections with latency, and one virtual clock for all. Seeded, so that every run
//! of a test is the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::Config;
use crate::fsm::{ConnectionId, Direction, State};
use crate::host::{Address, Hop, HostEvent, HostRoute, Link, RouteKind, Snapshot};
use crate::net::{AfiSafi, Instant, Prefix};
use crate::packet;
use crate::route::PeerId;
use crate::speaker::{Input, Notice, Output, Speaker};

/// Interface indexes on every simulated machine.
pub const LO: u32 = 1;
pub const ETH0: u32 = 2;

/// Speakers and what is on the wires between them.
pub struct Sim {
    pub now: Instant,
    pub speakers: Vec<Speaker>,
    pub notices: Vec<(usize, Notice)>,
    addresses: Vec<IpAddr>,
    ends: BTreeMap<ConnectionId, End>,
    on_the_wire: BTreeMap<(Instant, u64), Delivery>,
    attempts: BTreeMap<(usize, PeerId), u64>,
    cut: BTreeSet<(usize, usize)>,
    next: u64,
    rng: fastrand::Rng,
}

/// One side's view of a connection.
struct End {
    owner: usize,
    peer: PeerId,
    other: ConnectionId,
    /// Nothing overtakes what was sent before.
    last_arrival: Instant,
}

enum Delivery {
    Connect { from: usize, peer: PeerId, attempt: u64 },
    Frame { to: ConnectionId, octets: Vec<u8> },
    Closed { to: ConnectionId },
}

impl Sim {
    /// One speaker for each configuration, its address being its router id; all on the subnet 10.13.76.0/24.
    pub fn new(seed: u64, configs: &[String]) -> Sim {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut speakers = Vec::new();
        let mut addresses = Vec::new();
        for text in configs {
            let mut config = Config::parse("sim", text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            config.speaker.seed = rng.u64(..);
            addresses.push(IpAddr::V4(config.speaker.router_id));
            speakers.push(Speaker::new(config.speaker));
        }
        let mut sim = Sim {
            now: Instant::ZERO,
            speakers,
            notices: Vec::new(),
            addresses,
            ends: BTreeMap::new(),
            on_the_wire: BTreeMap::new(),
            attempts: BTreeMap::new(),
            cut: BTreeSet::new(),
            next: 0,
            rng,
        };
        for index in 0..sim.speakers.len() {
            let host = HostEvent::Resync(Box::new(machine(sim.addresses[index], &[])));
            sim.speakers[index].handle_host(host, sim.now);
            sim.speakers[index].handle_input(Input::Start, sim.now);
            sim.carry_out(index);
        }
        sim
    }

    /// Lets time pass until the condition holds; panics if it does not hold by the deadline.
    pub fn run_until(&mut self, what: &str, patience: Duration, condition: impl Fn(&Sim) -> bool) {
        let deadline = self.now + patience;
        while !condition(self) {
            assert!(self.step(deadline), "not within {patience:?}: {what}\n{}", self.summary());
        }
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let deadline = self.now + duration;
        while self.step(deadline) {}
        self.now = deadline;
    }

    /// Everything between two speakers is lost from now on, without a word to either.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
    }

    /// Undoes a cut.
    pub fn mend(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
    }

    /// Both sides of every connection between two speakers see it end.
    pub fn reset(&mut self, a: usize, b: usize) {
        let between: Vec<ConnectionId> = self
            .ends
            .iter()
            .filter(|(_, end)| end.owner == a && self.ends.get(&end.other).is_some_and(|other| other.owner == b))
            .map(|(id, _)| *id)
            .collect();
        for id in between {
            let other = self.ends.get(&id).map(|end| end.other);
            for id in [Some(id), other].into_iter().flatten() {
                self.deliver(Delivery::Closed { to: id });
            }
        }
    }

    /// The machine of a speaker changes.
    pub fn host(&mut self, index: usize, event: HostEvent) {
        self.speakers[index].handle_host(event, self.now);
        self.carry_out(index);
    }

    /// What `to` was told by `from`: prefix, next hop, AS path.
    pub fn learned(&self, to: usize, from: usize) -> Vec<(String, String, String)> {
        let Some(peer) = self.speakers[to].peer_of_address(self.addresses[from]) else { return Vec::new() };
        let row = |route: &crate::route::Route| {
            (route.prefix.to_string(), route.next_hop.to_string(), route.attributes.as_path.to_string())
        };
        self.speakers[to].rib().routes_of(peer).map(|received| row(received.route)).collect()
    }

    /// Established sessions of a speaker.
    pub fn established(&self, index: usize) -> usize {
        self.speakers[index].peers().iter().filter(|peer| peer.session().state() == State::Established).count()
    }

    /// The whole Loc-RIB of a speaker, as text.
    pub fn loc_rib(&self, index: usize) -> BTreeSet<(Prefix, String, String)> {
        AfiSafi::ALL
            .into_iter()
            .flat_map(|family| self.speakers[index].rib().iter_selected(family))
            .map(|(prefix, selected)| {
                let path = selected.best.attributes.as_path.to_string();
                (prefix, selected.best.next_hop.to_string(), path)
            })
            .collect()
    }

    fn summary(&self) -> String {
        let line = |index: usize| {
            let states: Vec<String> = self.speakers[index]
                .peers()
                .iter()
                .map(|peer| format!("{} {}", peer.config().name, peer.session().state()))
                .collect();
            format!("{}: {}; {:?}", self.addresses[index], states.join(", "), self.loc_rib(index))
        };
        format!("at {}\n{}", self.now, (0..self.speakers.len()).map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Goes on to the next thing that happens; false if that lies behind the deadline.
    fn step(&mut self, deadline: Instant) -> bool {
        let arrival = self.on_the_wire.keys().next().map(|(at, _)| *at);
        let timer = self.speakers.iter().filter_map(Speaker::poll_timeout).min();
        let Some(next) = [arrival, timer].into_iter().flatten().min().filter(|next| *next <= deadline) else {
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            if let Some((_, delivery)) = self.on_the_wire.pop_first() {
                self.deliver(delivery);
            }
        } else {
            for index in 0..self.speakers.len() {
                if self.speakers[index].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.speakers[index].handle_timeout(self.now);
                    self.carry_out(index);
                }
            }
        }
        true
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Connect { from, peer, attempt } => self.connect(from, peer, attempt),
            Delivery::Frame { to, octets } => {
                let Some(end) = self.ends.get(&to) else { return };
                let (owner, peer) = (end.owner, end.peer);
                if !self.is_cut(to) {
                    let frame = Ok(&octets[..]);
                    self.speakers[owner].handle_input(Input::Received { peer, connection: to, frame }, self.now);
                    self.carry_out(owner);
                }
            }
            Delivery::Closed { to } => {
                if self.is_cut(to) {
                    return;
                }
                let Some(end) = self.ends.remove(&to) else { return };
                let reason = "reset".to_owned();
                let closed = Input::ConnectionClosed { peer: end.peer, connection: to, reason };
                self.speakers[end.owner].handle_input(closed, self.now);
                self.carry_out(end.owner);
            }
        }
    }

    fn connect(&mut self, from: usize, peer: PeerId, attempt: u64) {
        if self.attempts.get(&(from, peer)) != Some(&attempt) {
            return;
        }
        let target = self.speakers[from].peer(peer).map(|peer| peer.config().address);
        let to = self.addresses.iter().position(|address| Some(*address) == target);
        let reachable = to.filter(|to| !self.cut.contains(&(from.min(*to), from.max(*to))));
        let back = reachable.and_then(|to| Some((to, self.speakers[to].peer_of_address(self.addresses[from])?)));
        let Some((to, peer_there)) = back else {
            let reason = "no answer".to_owned();
            self.speakers[from].handle_input(Input::ConnectFailed { peer, reason }, self.now);
            return self.carry_out(from);
        };
        let (here, there) = (ConnectionId(self.number()), ConnectionId(self.number()));
        let now = self.now;
        self.ends.insert(here, End { owner: from, peer, other: there, last_arrival: now });
        self.ends.insert(there, End { owner: to, peer: peer_there, other: here, last_arrival: now });
        let sides = [(from, peer, here, Direction::Outgoing), (to, peer_there, there, Direction::Incoming)];
        for (index, peer, connection, direction) in sides {
            let local_address = self.addresses[index];
            let opened = Input::ConnectionOpened { peer, connection, direction, local_address };
            self.speakers[index].handle_input(opened, now);
            self.carry_out(index);
        }
    }

    fn is_cut(&self, id: ConnectionId) -> bool {
        let owner = |id: &ConnectionId| self.ends.get(id).map(|end| end.owner);
        let other = self.ends.get(&id).and_then(|end| owner(&end.other));
        owner(&id).zip(other).is_some_and(|(a, b)| self.cut.contains(&(a.min(b), a.max(b))))
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(output) = self.speakers[index].poll_output() {
            match output {
                Output::Connect { peer } => {
                    let attempt = self.number();
                    self.attempts.insert((index, peer), attempt);
                    let at = self.now + self.latency();
                    self.put(at, Delivery::Connect { from: index, peer, attempt });
                }
                Output::CancelConnect { peer } => {
                    self.attempts.remove(&(index, peer));
                }
                Output::Send { connection, octets } => self.send(connection, &octets),
                Output::Close { connection } => {
                    let Some(end) = self.ends.remove(&connection) else { continue };
                    let at = (self.now + self.latency()).max(end.last_arrival);
                    self.put(at, Delivery::Closed { to: end.other });
                }
                Output::UpdatesPending { peer, connection } => self.pull(index, peer, connection),
                // The kernel takes everything.
                Output::Fib(op) => {
                    self.speakers[index].handle_input(Input::FibDone { op, result: Ok(()) }, self.now);
                }
                Output::Notice(notice) => self.notices.push((index, notice)),
            }
        }
    }

    fn pull(&mut self, index: usize, peer: PeerId, connection: ConnectionId) {
        while self.speakers[index].has_updates(peer) {
            let mut octets = Vec::new();
            self.speakers[index].poll_updates(peer, connection, &mut octets, 1, self.now);
            if octets.is_empty() {
                return;
            }
            self.send(connection, &octets);
        }
    }

    fn send(&mut self, connection: ConnectionId, octets: &[u8]) {
        let latency = self.latency();
        let Some(end) = self.ends.get_mut(&connection) else { return };
        let at = (self.now + latency).max(end.last_arrival);
        end.last_arrival = at;
        let to = end.other;
        let mut rest = octets;
        while !rest.is_empty() {
            let length = packet::frame_length(rest, packet::MAX_MESSAGE).ok().flatten().expect("whole messages only");
            let (frame, behind) = rest.split_at(length);
            self.put(at, Delivery::Frame { to, octets: frame.to_vec() });
            rest = behind;
        }
    }

    fn put(&mut self, at: Instant, delivery: Delivery) {
        let number = self.number();
        self.on_the_wire.insert((at, number), delivery);
    }

    fn latency(&mut self) -> Duration {
        Duration::from_micros(self.rng.u64(50..5000))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// A machine with this address on eth0 in 10.13.76.0/24 and these on its loopback interface.
pub fn machine(address: IpAddr, loopbacks: &[IpAddr]) -> Snapshot {
    let link = |index, name: &str, loopback: bool| Link {
        index,
        name: name.to_owned(),
        mac: (!loopback).then_some([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        up: true,
        loopback,
    };
    let on_lo = |address: &IpAddr| Address { link: LO, address: *address, prefix_len: 32, peer: None };
    let mut addresses: Vec<Address> = loopbacks.iter().map(on_lo).collect();
    addresses.push(Address { link: ETH0, address, prefix_len: 24, peer: None });
    let route = |prefix: &str, gateway: Option<Ipv4Addr>| HostRoute {
        table: 254,
        prefix: prefix.parse().expect("a prefix"),
        metric: 0,
        protocol: 2,
        kind: RouteKind::Unicast,
        hops: vec![Hop { gateway: gateway.map(IpAddr::V4), link: ETH0, weight: 1 }],
    };
    Snapshot {
        links: vec![link(LO, "lo", true), link(ETH0, "eth0", false)],
        addresses,
        neighbours: Vec::new(),
        routes: vec![route("10.13.76.0/24", None), route("0.0.0.0/0", Some(Ipv4Addr::new(10, 13, 76, 1)))],
    }
}

/// A loopback address appears.
pub fn loopback_added(address: [u8; 4]) -> HostEvent {
    HostEvent::AddressAdded(Address { link: LO, address: IpAddr::from(address), prefix_len: 32, peer: None })
}

/// A loopback address goes.
pub fn loopback_removed(address: [u8; 4]) -> HostEvent {
    HostEvent::AddressRemoved(Address { link: LO, address: IpAddr::from(address), prefix_len: 32, peer: None })
}
