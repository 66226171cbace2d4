//! All sessions: which of them a datagram belongs to, and which is due when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::discard::{Discard, Discards};
use super::packet::{CONTROL_LEN, ControlPacket, Discriminator};
use super::session::{Event, Session, SessionConfig};
use super::state::State;
use crate::net::Instant;

/// The TTL or hop limit of what a neighbour has sent and nobody has forwarded (RFC 5881 §5).
const NEIGHBOUR_TTL: u8 = 255;

/// How far away a peer is, which decides the port (RFC 5881 §4, RFC 5883 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hops {
    /// On a connected subnet.
    Single,
    /// Anywhere.
    Multi,
}

/// What a session watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The peer's address.
    pub peer: IpAddr,
    /// How far away it is.
    pub hops: Hops,
}

/// A datagram that came in.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The sender's address.
    pub source: IpAddr,
    /// The sessions whose port it came to.
    pub hops: Hops,
    /// Its TTL or hop limit, if it is known.
    pub ttl: Option<u8>,
    /// Its payload.
    pub octets: &'a [u8],
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// For which session, by our discriminator.
    pub session: Discriminator,
    /// Its payload.
    pub octets: [u8; CONTROL_LEN],
}

/// All sessions of a system, each on a path of its own and known by our discriminator.
///
/// After each call that takes `now`, take datagrams with [`Sessions::poll_transmit`] and events with
/// [`Sessions::poll_event`] until there are none.
#[derive(Clone, Debug)]
pub struct Sessions {
    sessions: BTreeMap<Discriminator, Entry>,
    by_path: BTreeMap<Path, Discriminator>,
    /// Every session with something to do later, by when.
    due: BTreeSet<(Instant, Discriminator)>,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<(Discriminator, Event)>,
    /// Datagrams that were dropped, those for a session included.
    discards: Discards,
    rng: fastrand::Rng,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Session,
    path: Path,
    minimum_ttl: u8,
    /// Its place in `due`.
    due: Option<Instant>,
    /// It was removed, and stays for as long as the peer is to be told (RFC 5880 §6.8.1, §6.8.16).
    leaves_at: Option<Instant>,
}

impl Sessions {
    /// No sessions yet. The seed decides discriminators and jitter: give every start another one, so that the peers
    /// do not take us for our predecessor.
    pub fn new(seed: u64) -> Sessions {
        Sessions {
            sessions: BTreeMap::new(),
            by_path: BTreeMap::new(),
            due: BTreeSet::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            discards: Discards::default(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Begins to watch a path, or goes on with a changed configuration if it is watched already. A lower TTL than
    /// `minimum_ttl` is refused on a path of several hops; over a single hop it is always 255.
    pub fn add(&mut self, path: Path, minimum_ttl: u8, config: SessionConfig, now: Instant) -> Discriminator {
        let known = self.by_path.get(&path).copied();
        let id = known.unwrap_or_else(|| self.unused_discriminator());
        let seed = self.rng.u64(..);
        let entry = self.sessions.entry(id).or_insert_with(|| {
            let session = Session::new(config, id, seed, now);
            Entry { session, path, minimum_ttl, due: None, leaves_at: None }
        });
        entry.minimum_ttl = minimum_ttl;
        entry.session.reconfigure(config, now);
        // One that was about to leave stays.
        if entry.leaves_at.take().is_some() {
            entry.session.enable(now);
        }
        self.by_path.insert(path, id);
        self.settle(id, now);
        id
    }

    /// Stops watching a path. The peer is told for a detection time that this is no failure.
    pub fn remove(&mut self, id: Discriminator, now: Instant) {
        let Some(entry) = self.sessions.get_mut(&id).filter(|entry| entry.leaves_at.is_none()) else { return };
        entry.session.disable(now);
        let interval = entry.session.transmit_interval().unwrap_or_default();
        let told = now + interval.saturating_mul(entry.session.config().multiplier.into());
        entry.leaves_at = Some(told.max(now + entry.session.detection_time().unwrap_or_default()));
        self.settle(id, now);
    }

    /// Takes a datagram in, or drops and counts it.
    pub fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) -> Result<(), Discard> {
        let taken = self.take(datagram, now);
        if let Err(reason) = taken {
            self.discards.count(reason);
        }
        taken
    }

    fn take(&mut self, datagram: Datagram<'_>, now: Instant) -> Result<(), Discard> {
        let packet = ControlPacket::decode(datagram.octets)?;
        let id = self.select(&packet, datagram)?;
        let Some(entry) = self.sessions.get_mut(&id) else { return Err(Discard::UnknownDiscriminator) };
        let taken = match entry.objection(datagram) {
            Some(reason) => {
                entry.session.count_discard(reason);
                Err(reason)
            }
            None => entry.session.handle_packet(&packet, now),
        };
        self.settle(id, now);
        taken
    }

    /// The session that a packet is for (RFC 5880 §6.8.6).
    fn select(&self, packet: &ControlPacket, datagram: Datagram<'_>) -> Result<Discriminator, Discard> {
        match (packet.your_discriminator, packet.state) {
            (Some(your), _) => {
                Some(your).filter(|your| self.sessions.contains_key(your)).ok_or(Discard::UnknownDiscriminator)
            }
            (None, State::Down | State::AdminDown) => {
                let path = Path { peer: datagram.source, hops: datagram.hops };
                self.by_path.get(&path).copied().ok_or(Discard::UnknownPeer)
            }
            (None, State::Init | State::Up) => Err(Discard::StateWithoutDiscriminator),
        }
    }

    /// Lets every session do what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, id));
            let Some(entry) = self.sessions.get_mut(&id) else { continue };
            entry.due = None;
            if entry.leaves_at.is_some_and(|leaves_at| leaves_at <= now) {
                self.by_path.remove(&entry.path);
                self.sessions.remove(&id);
                continue;
            }
            entry.session.handle_timeout(now);
            self.settle(id, now);
        }
    }

    /// When [`Sessions::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// The next change of a session's state.
    pub fn poll_event(&mut self) -> Option<(Discriminator, Event)> {
        self.events.pop_front()
    }

    /// A session, and the path that it watches; also one that was removed while the peer is still told.
    pub fn get(&self, id: Discriminator) -> Option<(&Session, Path)> {
        self.sessions.get(&id).map(|entry| (&entry.session, entry.path))
    }

    /// Datagrams that were dropped, by reason.
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    /// Takes what a session has to send and to tell, and finds out when it is due next.
    fn settle(&mut self, id: Discriminator, now: Instant) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        while let Some(packet) = entry.session.poll_transmit(now) {
            self.outgoing.push_back(Outgoing { session: id, octets: packet.encode() });
        }
        while let Some(event) = entry.session.poll_event() {
            self.events.push_back((id, event));
        }
        let due = entry.session.poll_timeout().into_iter().chain(entry.leaves_at).min();
        if due != entry.due {
            if let Some(before) = std::mem::replace(&mut entry.due, due) {
                self.due.remove(&(before, id));
            }
            self.due.extend(due.map(|due| (due, id)));
        }
    }

    fn unused_discriminator(&mut self) -> Discriminator {
        loop {
            if let Some(drawn) = NonZeroU32::new(self.rng.u32(..)).map(Discriminator)
                && !self.sessions.contains_key(&drawn)
            {
                return drawn;
            }
        }
    }
}

impl Entry {
    /// What speaks against a datagram that names this session.
    fn objection(&self, datagram: Datagram<'_>) -> Option<Discard> {
        let minimum_ttl = match self.path.hops {
            Hops::Single => NEIGHBOUR_TTL,
            Hops::Multi => self.minimum_ttl,
        };
        if datagram.hops != self.path.hops {
            return Some(Discard::Port);
        }
        if datagram.source != self.path.peer {
            return Some(Discard::Source);
        }
        (datagram.ttl.unwrap_or(0) < minimum_ttl).then_some(Discard::Ttl)
    }
}
