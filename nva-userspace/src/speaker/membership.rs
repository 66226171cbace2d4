//! Peers that come and go while the speaker runs: those of a changed configuration, and those that are known only by
//! the range of addresses that they connect from.

use std::fmt;
use std::net::IpAddr;

use super::config::{ListenConfig, PeerConfig};
use super::peer::Peer;
use super::{Notice, Output, Speaker};
use crate::fsm::Event;
use crate::net::Instant;
use crate::packet::{Notification, iana};
use crate::route::PeerId;

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// No peer has this address, and no group listens for it.
    NoPeer,
    /// The group that listens for it has as many members as it may have.
    ListenLimit,
    /// An operator has disabled the peer.
    Disabled,
    /// A limit on the number of its prefixes keeps the peer down.
    Limit,
    /// The peer is further away than its `ttl-security` allows.
    TooFar,
    /// It came to another address of ours than the peer's `local-address`.
    LocalAddress,
    /// The peer has as many connections as it may have.
    TooMany,
    /// It was let in, never came to a session, and made room for somebody else.
    MadeRoom,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 8] = [
        Refusal::NoPeer,
        Refusal::ListenLimit,
        Refusal::Disabled,
        Refusal::Limit,
        Refusal::TooFar,
        Refusal::LocalAddress,
        Refusal::TooMany,
        Refusal::MadeRoom,
    ];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::NoPeer => "no-peer",
            Refusal::ListenLimit => "listen-limit",
            Refusal::Disabled => "disabled",
            Refusal::Limit => "prefix-limit",
            Refusal::TooFar => "too-far",
            Refusal::LocalAddress => "local-address",
            Refusal::TooMany => "too-many-connections",
            Refusal::MadeRoom => "made-room",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Refusal::NoPeer => "no peer has this address, and no peer-group listens for it",
            Refusal::ListenLimit => "the peer-group that listens for it has as many peers as listen-limit allows",
            Refusal::Disabled => "the peer is disabled",
            Refusal::Limit => "a limit on the number of its prefixes has ended the peer's session",
            Refusal::TooFar => "the peer is further away than its ttl-security allows (RFC 5082)",
            Refusal::LocalAddress => "it came to another address of ours than the peer's local-address",
            Refusal::TooMany => "the peer has too many connections already",
            Refusal::MadeRoom => "let in, it had no session yet when somebody else came and listen-limit was reached",
        })
    }
}

impl Speaker {
    /// Whose a connection from this address is. An address that a group listens for becomes a member here.
    ///
    /// # Errors
    /// Why the connection has to be closed at once.
    pub fn admit(&mut self, remote: IpAddr, now: Instant) -> Result<PeerId, Refusal> {
        if let Some(peer) = self.peers.of_address(remote) {
            return match peer.overrun {
                _ if peer.admin.disabled.is_some() => Err(Refusal::Disabled),
                Some(overrun) if overrun.holds(now) => Err(Refusal::Limit),
                Some(_) | None => Ok(peer.id),
            };
        }
        let listener = listener_for(&self.config.listen, remote).ok_or(Refusal::NoPeer)?;
        let group = listener.template.group.clone();
        let members = || self.peers.iter().filter(|peer| peer.is_dynamic() && peer.config.group == group);
        let config = listener.member(remote);
        let forget_after = listener.forget_after;
        if members().count() >= listener.limit {
            // Somebody who is gone makes room for somebody who is here. Where all are here, whoever has said the least for
            // the longest time does: connecting costs nothing, and OPENs are waited for patiently (RFC 4271 §8.2.2).
            let gone = members().filter_map(|peer| Some((peer.forget_at()?, peer.id))).min();
            let stranger = members().find(|peer| peer.is_stranger()).map(|peer| (peer.id, peer.config.address));
            match (gone, stranger) {
                (Some((_, gone)), _) => self.forget(gone, now),
                (None, Some((id, address))) => self.turn_out(id, address, now),
                (None, None) => return Err(Refusal::ListenLimit),
            }
        }
        let id = self.peers.add(|id| Peer::dynamic(id, config, seed(self.config.seed, id), forget_after));
        self.begin(id, now);
        self.flush(now);
        Ok(id)
    }

    /// Adds a peer to those that are configured, and starts its session.
    pub fn add_peer(&mut self, config: PeerConfig, now: Instant) -> PeerId {
        let id = self.peers.add(|id| Peer::new(id, config, seed(self.config.seed, id)));
        self.begin(id, now);
        self.flush(now);
        id
    }

    /// Ends a peer's session, telling it why, and forgets the peer.
    pub fn remove_peer(&mut self, id: PeerId, notification: Notification, now: Instant) {
        self.drop_peer(id, notification, now);
        self.outputs.push_back(Output::Notice(Notice::PeerRemoved { peer: id }));
        self.flush(now);
    }

    /// Forgets a member that never came to a session. Whoever connects and connects must not fill the log with it.
    fn turn_out(&mut self, id: PeerId, address: IpAddr, now: Instant) {
        self.drop_peer(id, Notification::cease(iana::cease::CONNECTION_REJECTED), now);
        self.outputs.push_back(Output::Notice(Notice::MadeRoom { address }));
        self.flush(now);
    }

    /// The same without a word about it.
    pub(super) fn drop_peer(&mut self, id: PeerId, notification: Notification, now: Instant) {
        self.session_event(id, Event::Stop { notification }, now);
        let Some(peer) = self.peers.remove(id) else { return };
        if peer.shares_paths() {
            self.count_shared_servers();
        }
        self.withdraw_without(id);
        self.waiting.remove(&id);
        self.counted.remove(&id);
        if let Some(fib) = &mut self.fib {
            fib.unpin(peer.config.address);
        }
        self.removed.insert(id, peer.config.name);
    }

    /// Forgets a member of a group that has no connection.
    pub(super) fn forget(&mut self, id: PeerId, now: Instant) {
        self.remove_peer(id, Notification::cease(iana::cease::PEER_DECONFIGURED), now);
    }

    pub(super) fn begin(&mut self, id: PeerId, now: Instant) {
        if self.peers.get(id).is_some_and(Peer::shares_paths) {
            self.count_shared_servers();
        }
        let (drained, host) = (self.drained, &self.host);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.admin.router_drained = drained;
            if let Some(fib) = &mut self.fib {
                fib.pin(peer.config.address, host);
            }
        }
        self.announce_restart_to(id);
        let Some(peer) = self.peers.get_mut(id).filter(|_| self.started) else { return };
        let held = peer.overrun.filter(|overrun| overrun.holds(now));
        if peer.admin.disabled.is_some() || held.is_some() {
            let until = held.filter(|_| peer.admin.disabled.is_none()).and_then(|overrun| overrun.until);
            return peer.session.begin_idle(until, now);
        }
        self.session_event(id, Event::Start, now);
    }
}

/// The group that listens for this address; of several the one with the longest prefix.
pub(super) fn listener_for(listeners: &[ListenConfig], remote: IpAddr) -> Option<&ListenConfig> {
    let longest = |listener: &&ListenConfig| {
        let fitting = listener.prefixes.iter().filter(|prefix| prefix.contains(remote));
        fitting.map(|prefix| prefix.len()).max()
    };
    listeners.iter().filter(|listener| longest(listener).is_some()).max_by_key(longest)
}

impl ListenConfig {
    /// The configuration of a member with this address.
    pub(super) fn member(&self, address: IpAddr) -> PeerConfig {
        let name = format!("{}-{address}", self.template.name);
        PeerConfig { name, address, ..self.template.clone() }
    }

    /// The address of the member that has this name, if there may be one.
    pub fn address_of(&self, name: &str) -> Option<IpAddr> {
        let address: IpAddr = name.strip_prefix(&self.template.name)?.strip_prefix('-')?.parse().ok()?;
        let fits = self.prefixes.iter().any(|prefix| prefix.contains(address)) && self.member(address).name == name;
        fits.then_some(address)
    }
}

/// What seeds a peer's jitter: another seed for each.
pub(super) fn seed(seed: u64, id: PeerId) -> u64 {
    seed.wrapping_add(u64::from(id.0))
}
