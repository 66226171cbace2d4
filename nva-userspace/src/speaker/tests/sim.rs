//! The simulated network: speakers, connections with latency, and one virtual clock for all. Seeded, so that every run
//! of a test is the same run.

mod lifecycle;
mod wire;

use wire::frames;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::attributes::PathAttributes;
use crate::config::Config;
use crate::fib::{FibItem, FibOp, FibRoute};
use crate::fsm::{ConnectionId, Direction, State};
use crate::host::{Address, Hop, HostEvent, HostRoute, Link, PROTOCOL_BGP, RouteKind, Snapshot, TABLE_MAIN, Via};
use crate::net::{AfiSafi, Instant, Prefix};
use crate::packet::{self, CodecContext, RefreshSubtype};
use crate::route::{PeerId, Route};
use crate::speaker::{Change, Exported, Input, Notice, Output, Speaker};

/// Interface indexes on every simulated machine.
pub const LO: u32 = 1;
pub const ETH0: u32 = 2;

/// Routes in a piece of work.
const PIECE: usize = 100;

/// Speakers and what is on the wires between them.
pub struct Sim {
    pub now: Instant,
    pub speakers: Vec<Speaker>,
    pub notices: Vec<(usize, Notice)>,
    /// The peers that BFD was asked to watch.
    pub watched: BTreeSet<(usize, PeerId)>,
    configs: Vec<String>,
    addresses: Vec<IpAddr>,
    ends: BTreeMap<ConnectionId, End>,
    on_the_wire: BTreeMap<(Instant, u64), Delivery>,
    attempts: BTreeMap<(usize, PeerId), u64>,
    cut: BTreeSet<(usize, usize)>,
    /// What could not arrive because of a cut.
    held: Vec<(ConnectionId, Vec<u8>)>,
    /// Those that died, as they were.
    dead: BTreeMap<usize, Speaker>,
    /// Speakers whose kernel refuses every route.
    pub refusing: BTreeSet<usize>,
    /// What each kernel was asked for and did.
    pub fib_ops: Vec<(usize, FibOp)>,
    /// UPDATEs that were sent, from and to.
    pub updates: BTreeMap<(usize, usize), usize>,
    /// How often each speaker said that updates wait.
    pub pending: BTreeMap<usize, usize>,
    /// NOTIFICATIONs that were sent, and by whom.
    pub notifications: Vec<(usize, String)>,
    /// ROUTE-REFRESHes that were sent, from and to, and what they said.
    pub refreshes: Vec<(usize, usize, RefreshSubtype)>,
    /// Between these, nobody announces the capability with this code.
    pub unsaid: BTreeSet<(usize, usize, u8)>,
    /// From the first to the second no updates pass, because the second does not read.
    stalled: BTreeSet<(usize, usize)>,
    /// Work is done in small pieces, and other things happen between them; else all of it at once.
    pub piecemeal: bool,
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
        Sim::on_machines(seed, configs, |address| machine(address, &[]))
    }

    /// The same, on such machines.
    pub fn on_machines(seed: u64, configs: &[String], machine: impl Fn(IpAddr) -> Snapshot) -> Sim {
        let address = |text: &String| IpAddr::V4(parse(text).speaker.router_id);
        Sim::at(seed, configs, configs.iter().map(address).collect(), machine)
    }

    /// The same, at addresses of any family.
    pub fn at(seed: u64, configs: &[String], addresses: Vec<IpAddr>, machine: impl Fn(IpAddr) -> Snapshot) -> Sim {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut speakers = Vec::new();
        for text in configs {
            let mut config = parse(text);
            config.speaker.seed = rng.u64(..);
            speakers.push(Speaker::new(config.speaker));
        }
        let mut sim = Sim {
            now: Instant::ZERO,
            speakers,
            notices: Vec::new(),
            watched: BTreeSet::new(),
            configs: configs.to_vec(),
            addresses,
            ends: BTreeMap::new(),
            on_the_wire: BTreeMap::new(),
            attempts: BTreeMap::new(),
            cut: BTreeSet::new(),
            held: Vec::new(),
            dead: BTreeMap::new(),
            refusing: BTreeSet::new(),
            fib_ops: Vec::new(),
            updates: BTreeMap::new(),
            pending: BTreeMap::new(),
            notifications: Vec::new(),
            refreshes: Vec::new(),
            unsaid: BTreeSet::new(),
            stalled: BTreeSet::new(),
            piecemeal: false,
            next: 0,
            rng,
        };
        for index in 0..sim.speakers.len() {
            let host = HostEvent::Resync(Box::new(machine(sim.addresses[index])));
            sim.speakers[index].handle_host([host], sim.now);
            sim.speakers[index].handle_input(Input::Start, sim.now);
            sim.carry_out(index);
        }
        sim
    }

    /// A speaker goes on with another configuration; what that changed.
    pub fn reload(&mut self, index: usize, text: &str) -> Vec<String> {
        let config = parse(text).speaker;
        let changes = self.speakers[index].reconfigure(config, &BTreeSet::new(), self.now).expect("takes no restart");
        self.carry_out(index);
        let peer = |change: &Change| change.peer().map(|peer| format!("{peer}: ")).unwrap_or_default();
        changes.iter().map(|change| format!("{}{change}", peer(change))).collect()
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

    /// Nothing passes between two speakers from now on, without a word to either.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
    }

    /// Undoes a cut. On connections that outlived it TCP repeats what was lost.
    pub fn mend(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
        for (to, octets) in std::mem::take(&mut self.held) {
            self.deliver(Delivery::Frame { to, octets });
        }
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

    /// A speaker is stopped in good order.
    pub fn shutdown(&mut self, index: usize) {
        self.speakers[index].handle_input(Input::Shutdown, self.now);
        self.carry_out(index);
    }

    /// An operator does something at a speaker.
    pub fn operate<T>(&mut self, index: usize, what: impl FnOnce(&mut Speaker, Instant) -> T) -> T {
        let done = what(&mut self.speakers[index], self.now);
        self.carry_out(index);
        done
    }

    /// `to` reads nothing from `from` any more. It still sends and gets what keeps the session up.
    pub fn stall(&mut self, from: usize, to: usize) {
        self.stalled.insert((from, to));
    }

    /// `to` reads this many UPDATEs from `from` and stops again.
    pub fn read_some(&mut self, from: usize, to: usize, messages: usize) {
        if let Some((peer, connection)) = self.session(from, to) {
            (0..messages).for_each(|_| self.pull_one(from, peer, connection));
        }
    }

    /// `to` reads again.
    pub fn unstall(&mut self, from: usize, to: usize) {
        self.stalled.remove(&(from, to));
        if let Some((peer, connection)) = self.session(from, to) {
            self.pull(from, peer, connection);
            self.carry_out(from);
        }
    }

    /// `to` gets a message that `from` never sent, but that looks as if: all that `write` appends.
    pub fn inject(&mut self, from: usize, to: usize, write: impl Fn(&CodecContext, &mut Vec<u8>)) {
        let (peer, connection) = self.session(to, from).expect("an established session");
        let session = self.speakers[to].peer(peer).expect("a peer").session();
        let mut octets = Vec::new();
        write(session.codec_context(connection), &mut octets);
        for frame in frames(&octets) {
            let frame = Ok(frame);
            self.speakers[to].handle_input(Input::Received { peer, connection, frame }, self.now);
            self.carry_out(to);
        }
    }

    /// `to` learns of a route in the name of `from`.
    pub fn announce(&mut self, from: usize, to: usize, prefix: &str, next_hop: &str, attributes: &PathAttributes) {
        let next_hop: IpAddr = next_hop.parse().expect("an address");
        let prefixes = [prefix.parse().expect("a prefix")];
        self.inject(from, to, |context, out| {
            let taken = packet::encode_announcement(attributes, next_hop.into(), &prefixes, context, out);
            assert_eq!(taken, Ok(1));
        });
    }

    /// `to` learns in the name of `from` that there is no such route any more.
    pub fn withdraw(&mut self, from: usize, to: usize, prefix: &str) {
        let prefixes = [prefix.parse().expect("a prefix")];
        self.inject(from, to, |context, out| {
            packet::encode_withdrawal(&prefixes, context, out);
        });
    }

    /// What `from` is to tell `to` of a prefix, or why it does not.
    pub fn exported(&self, from: usize, to: usize, prefix: &str) -> Result<Exported, String> {
        let peer = self.speakers[from].peer_of_address(self.addresses[to]).expect("a peer");
        let exported = self.speakers[from].exported(peer, prefix.parse().expect("a prefix"));
        exported.expect("a session and a route").map_err(|reason| reason.to_string())
    }

    /// The one route to a prefix that `to` has from `from`.
    pub fn received(&self, to: usize, from: usize, prefix: &str) -> Option<Route> {
        let peer = self.speakers[to].peer_of_address(self.addresses[from])?;
        let received = self.speakers[to].rib().received(prefix.parse().expect("a prefix"), peer)?;
        Some(received.route.clone())
    }

    /// The kernel's BGP routes of a machine: prefix and gateways.
    pub fn kernel(&self, index: usize) -> BTreeMap<String, Vec<String>> {
        let host = self.speakers[index].host();
        let ours = host.routes().filter(|route| route.protocol == PROTOCOL_BGP);
        let gateway = |hop: &Hop| hop.gateway.map_or_else(|| "on link".to_owned(), |gateway| gateway.to_string());
        ours.map(|route| (route.prefix.to_string(), host.hops(route).iter().map(gateway).collect())).collect()
    }

    /// The peer that the other speaker is to a speaker, and the connection that is established with it.
    pub fn session(&self, of: usize, with: usize) -> Option<(PeerId, ConnectionId)> {
        let peer = self.speakers[of].peer_of_address(self.addresses[with])?;
        Some((peer, self.speakers[of].peer(peer)?.established()?.connection()))
    }

    /// The machine of a speaker changes.
    pub fn host(&mut self, index: usize, event: HostEvent) {
        self.speakers[index].handle_host([event], self.now);
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
        if self.piecemeal && self.rng.bool() && self.work_a_little() {
            return true;
        }
        let arrival = self.on_the_wire.keys().next().map(|(at, _)| *at);
        let timer = self.speakers.iter().filter_map(Speaker::poll_timeout).min();
        let Some(next) = [arrival, timer].into_iter().flatten().min().filter(|next| *next <= deadline) else {
            return self.work_a_little();
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

    /// Some speaker does a little of what it has left to do; false if none has anything.
    fn work_a_little(&mut self) -> bool {
        let busy: Vec<usize> = (0..self.speakers.len()).filter(|index| self.speakers[*index].has_work()).collect();
        let Some(index) = self.rng.choice(busy) else { return false };
        let limit = self.rng.usize(1..4);
        self.speakers[index].work(limit, self.now);
        self.carry_out(index);
        true
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Connect { from, peer, attempt } => self.connect(from, peer, attempt),
            Delivery::Frame { to, octets } => {
                let Some(end) = self.ends.get(&to) else { return };
                let (owner, peer) = (end.owner, end.peer);
                if self.is_cut(to) {
                    self.held.push((to, octets));
                } else {
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
        let (now, caller) = (self.now, self.addresses[from]);
        let back = reachable.and_then(|to| Some((to, self.speakers[to].admit(caller, now).ok()?)));
        if let Some(to) = reachable {
            self.carry_out(to);
        }
        let Some((to, peer_there)) = back else {
            let reason = "no answer".to_owned();
            self.speakers[from].handle_input(Input::ConnectFailed { peer, reason }, self.now);
            return self.carry_out(from);
        };
        let (here, there) = (ConnectionId(self.number()), ConnectionId(self.number()));
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
        self.do_outputs(index);
        while !self.piecemeal && self.speakers[index].has_work() {
            self.speakers[index].work(PIECE, self.now);
            self.do_outputs(index);
        }
    }

    fn do_outputs(&mut self, index: usize) {
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
                Output::Send { connection, octets, .. } => self.send(connection, &octets),
                Output::Close { connection } => {
                    let Some(end) = self.ends.remove(&connection) else { continue };
                    let at = (self.now + self.latency()).max(end.last_arrival);
                    self.put(at, Delivery::Closed { to: end.other });
                }
                Output::UpdatesPending { peer, connection } => {
                    *self.pending.entry(index).or_default() += 1;
                    self.pull(index, peer, connection);
                }
                Output::Fib(op) => self.ask_kernel(index, op),
                Output::Watch { peer } => drop(self.watched.insert((index, peer))),
                Output::Unwatch { peer } => drop(self.watched.remove(&(index, peer))),
                Output::Notice(notice) => self.notices.push((index, notice)),
            }
        }
    }

    /// The kernel answers, and tells everybody who listens what it did.
    fn ask_kernel(&mut self, index: usize, op: FibOp) {
        let result = if self.refusing.contains(&index) { Err("no buffer space".to_owned()) } else { Ok(()) };
        let done = result.is_ok();
        self.fib_ops.push((index, op.clone()));
        self.speakers[index].handle_input(Input::FibDone { op: op.clone(), result }, self.now);
        if done {
            let told = |route: &FibRoute| {
                let kind = route.kind();
                let FibRoute { prefix, table, metric, protocol, via } = route.clone();
                HostRoute { table, prefix, metric, protocol, kind, mtu: None, via }
            };
            let event = match op {
                FibOp::Install(FibItem::Route(route)) | FibOp::Replace(FibItem::Route(route)) => {
                    HostEvent::RouteSet(told(&route))
                }
                FibOp::Withdraw(FibItem::Route(route)) => HostEvent::RouteRemoved(told(&route)),
                FibOp::Install(FibItem::Object(object)) | FibOp::Replace(FibItem::Object(object)) => {
                    HostEvent::NextHopSet(object)
                }
                FibOp::Withdraw(FibItem::Object(object)) => HostEvent::NextHopRemoved(object.id),
            };
            self.speakers[index].handle_host([event], self.now);
        }
    }

    fn pull(&mut self, index: usize, peer: PeerId, connection: ConnectionId) {
        let reads = self.ends.get(&connection).and_then(|end| self.ends.get(&end.other)).map(|other| other.owner);
        if reads.is_some_and(|reader| self.stalled.contains(&(index, reader))) {
            return;
        }
        while self.speakers[index].has_updates(peer) && self.ends.contains_key(&connection) {
            self.pull_one(index, peer, connection);
        }
    }

    fn pull_one(&mut self, index: usize, peer: PeerId, connection: ConnectionId) {
        let mut octets = Vec::new();
        self.speakers[index].poll_updates(peer, connection, &mut octets, 1, self.now);
        self.send(connection, &octets);
    }

    fn send(&mut self, connection: ConnectionId, octets: &[u8]) {
        let latency = self.latency();
        let Some(end) = self.ends.get_mut(&connection) else { return };
        let at = (self.now + latency).max(end.last_arrival);
        end.last_arrival = at;
        let (from, to, peer) = (end.owner, end.other, end.peer);
        let reader = self.ends.get(&to).map_or(from, |end| end.owner);
        for frame in frames(octets) {
            let octets = self.on_its_way(from, reader, frame);
            self.put(at, Delivery::Frame { to, octets });
        }
        self.speakers[from].handle_input(Input::Sent { peer, connection, stood_in: 0 }, self.now);
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

fn parse(text: &str) -> Config {
    Config::parse("sim", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A machine with this address on eth0, in a /24 or a /64, and these on its loopback interface.
pub fn machine(address: IpAddr, loopbacks: &[IpAddr]) -> Snapshot {
    let on_lo = |address: &IpAddr| own_address(LO, *address);
    let mut addresses: Vec<Address> = loopbacks.iter().map(on_lo).collect();
    let (subnet, default, gateway) = match address {
        IpAddr::V4(_) => ("10.13.76.0/24", "0.0.0.0/0", "10.13.76.1"),
        IpAddr::V6(_) => ("2001:db8:76::/64", "::/0", "2001:db8:76::1"),
    };
    addresses.push(own_address(ETH0, address));
    Snapshot {
        links: vec![link(LO, "lo", true), link(ETH0, "eth0", true)],
        addresses,
        neighbours: Vec::new(),
        next_hops: Some(Vec::new()),
        routes: vec![route(subnet, None, ETH0), route(default, Some(gateway), ETH0)],
        audit: None,
    }
}

/// An interface; a loopback if it is called so.
pub fn link(index: u32, name: &str, up: bool) -> Link {
    let loopback = name == "lo";
    let mac = (!loopback).then_some([2, 0, 0, 0, 0, 1]);
    Link { index, name: name.to_owned(), mac, mtu: 1500, up, loopback }
}

/// An address: alone on the loopback interface, in a /24 or /64 elsewhere.
pub fn own_address(link: u32, address: IpAddr) -> Address {
    let prefix_len = match address {
        _ if link == LO => AfiSafi::of(address).address_bits(),
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 64,
    };
    Address { link, address, prefix_len, peer: None }
}

/// A route of the kernel's own.
pub fn route(prefix: &str, gateway: Option<&str>, link: u32) -> HostRoute {
    let gateway = gateway.map(|gateway| gateway.parse().expect("an address"));
    HostRoute {
        mtu: None,
        table: TABLE_MAIN,
        prefix: prefix.parse().expect("a prefix"),
        metric: 0,
        protocol: 2,
        kind: RouteKind::Unicast,
        via: Via::Hops(vec![Hop { gateway, link, weight: 1 }]),
    }
}

/// A loopback address appears.
pub fn loopback_added(address: [u8; 4]) -> HostEvent {
    HostEvent::AddressAdded(own_address(LO, IpAddr::from(address)))
}

/// A loopback address goes.
pub fn loopback_removed(address: [u8; 4]) -> HostEvent {
    HostEvent::AddressRemoved(own_address(LO, IpAddr::from(address)))
}
