//! A new configuration while the speaker runs. Values are compared, not texts: what is as it was stays untouched, a policy
//! that changed runs again over what it is about, and a session ends only if something changed that both sides agreed on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::as_path::{AsPathRules, LocalAs};
use super::config::{PeerConfig, PeerKind, SpeakerConfig};
use super::limits::Overrun;
use super::peer::{Admin, Peer};
use super::{Speaker, membership};
use crate::fsm::SessionConfig;
use crate::net::{AfiSafi, Instant};
use crate::packet::{Notification, iana};
use crate::route::PeerId;

/// What a new configuration changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A peer that was not there before.
    Added(String),
    /// A peer that is no longer there.
    Removed(String),
    /// Something about a peer's session: it ends, and begins anew.
    Session(String),
    /// What may come in from a peer: what it sent is looked at again.
    Import(String),
    /// What a peer is told: it is told what is another now.
    Export(String),
    /// Whether a peer's routes go into the kernel.
    Install(String),
    /// How the way to a peer is watched.
    Bfd(String),
    /// How many prefixes there may be: what was refused is looked at again, and a session that is down for it begins.
    Limits(String),
    /// How long after an attempt to connect to a peer the next one is made.
    ConnectRetry(String),
    /// Only what is shown of a peer.
    Description(String),
    /// How the best route is chosen: all are chosen again.
    Decision,
    /// What is originated.
    Originate,
    /// Which of the kernel's routes are.
    Redistribute,
    /// Routes of our own for many longer ones.
    Aggregates,
    /// Which next hops route servers are told.
    Vnet,
    /// Which peers are taken in from ranges of addresses, from now on.
    Listen,
    /// Whether only what the kernel has taken is told.
    Suppression,
}

impl Change {
    /// Whether the peer that was there is there no more.
    pub fn ends_session(&self) -> bool {
        matches!(self, Change::Removed(_) | Change::Session(_))
    }

    /// The peer that it is about; `None` if about the router.
    pub fn peer(&self) -> Option<&str> {
        match self {
            Change::Added(peer)
            | Change::Removed(peer)
            | Change::Session(peer)
            | Change::Import(peer)
            | Change::Export(peer)
            | Change::Install(peer)
            | Change::Bfd(peer)
            | Change::Limits(peer)
            | Change::ConnectRetry(peer)
            | Change::Description(peer) => Some(peer),
            Change::Decision
            | Change::Originate
            | Change::Redistribute
            | Change::Aggregates
            | Change::Vnet
            | Change::Listen
            | Change::Suppression => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Change::Added(_) => "added",
            Change::Removed(_) => "removed",
            Change::Session(_) => "session reset, as its parameters change",
            Change::Import(_) => "import: what it sent is looked at again",
            Change::Export(_) => "export: told what is another now",
            Change::Install(_) => "kernel routes follow install",
            Change::Bfd(_) => "bfd: watched as it says now",
            Change::Limits(_) => "limits: numbers of prefixes are held against them",
            Change::ConnectRetry(_) => "connect-retry: attempts to connect follow each other as it says now",
            Change::Description(_) => "description",
            Change::Decision => "every best route is chosen again",
            Change::Originate => "originated prefixes follow",
            Change::Redistribute => "redistributed routes of the kernel follow",
            Change::Aggregates => "aggregates are formed anew where they are others",
            Change::Vnet => "route servers are told what is another now, as the VNet is",
            Change::Listen => "other ranges or limits of peers that connect",
            Change::Suppression => "peers are told what is another now, as suppress-until-installed says",
        })
    }
}

/// Who takes the place of a peer whose session ends for what changed about it, or is new.
struct Successor {
    config: PeerConfig,
    /// What an operator had said.
    admin: Admin,
    /// The limit that keeps it down.
    overrun: Option<Overrun>,
    /// How long it stays without a connection, if it is a member of a group.
    forget_after: Option<Duration>,
}

impl Successor {
    /// A peer that was not there before.
    fn of_nobody(config: PeerConfig) -> Successor {
        Successor { config, admin: Admin::default(), overrun: None, forget_after: None }
    }
}

/// A configuration that this speaker cannot take over while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} cannot change while nva runs: nothing was changed, restart it")]
pub struct NeedsRestart(pub &'static str);

impl Speaker {
    /// What [`Speaker::reconfigure`] would do. Sessions of the peers named in `moved` end in any case: how they are
    /// reached has changed.
    ///
    /// # Errors
    /// If this takes a restart.
    pub fn changes(&self, new: &SpeakerConfig, moved: &BTreeSet<String>) -> Result<Vec<Change>, NeedsRestart> {
        let old = &self.config;
        if old.asn != new.asn {
            return Err(NeedsRestart("[router] asn"));
        }
        if old.router_id != new.router_id {
            return Err(NeedsRestart("[router] router-id"));
        }
        if old.fib != new.fib {
            return Err(NeedsRestart("[fib]"));
        }
        let mut changes = Vec::new();
        let known: BTreeSet<&str> = old.peers.iter().map(|peer| peer.name.as_str()).collect();
        for peer in &self.peers {
            let name = &peer.config.name;
            match wanted(peer, new) {
                None => changes.push(Change::Removed(name.clone())),
                Some(wanted) => changes.extend(differences(&peer.config, &wanted, moved.contains(name))),
            }
        }
        let added = new.peers.iter().filter(|peer| !known.contains(peer.name.as_str()));
        changes.extend(added.map(|peer| Change::Added(peer.name.clone())));
        if old.decision != new.decision {
            changes.push(Change::Decision);
        }
        if old.originate != new.originate {
            changes.push(Change::Originate);
        }
        if old.redistribute != new.redistribute {
            changes.push(Change::Redistribute);
        }
        if old.aggregates != new.aggregates {
            changes.push(Change::Aggregates);
        }
        if old.vnet != new.vnet {
            changes.push(Change::Vnet);
        }
        if old.listen != new.listen {
            changes.push(Change::Listen);
        }
        if old.suppress_until_installed != new.suppress_until_installed {
            changes.push(Change::Suppression);
        }
        Ok(changes)
    }

    /// Takes over a new configuration, and says what that changed.
    ///
    /// # Errors
    /// If this takes a restart: then nothing has changed.
    pub fn reconfigure(
        &mut self,
        new: SpeakerConfig,
        moved: &BTreeSet<String>,
        now: Instant,
    ) -> Result<Vec<Change>, NeedsRestart> {
        let changes = self.changes(&new, moved)?;
        let ids: BTreeMap<String, PeerId> = self.peers.iter().map(|peer| (peer.config.name.clone(), peer.id)).collect();
        let mut begun: Vec<Successor> = Vec::new();
        // Who goes makes room: an address may go from one peer to another.
        for change in &changes {
            let Some(id) = change.peer().and_then(|name| ids.get(name)).copied() else { continue };
            if change.ends_session() {
                begun.extend(self.end(id, &new, now));
            }
        }
        let added = new.peers.iter().filter(|peer| changes.contains(&Change::Added(peer.name.clone())));
        begun.extend(added.map(|peer| Successor::of_nobody(peer.clone())));
        for id in self.peers.ids() {
            if let Some(peer) = self.peers.get_mut(id)
                && let Some(wanted) = wanted(peer, &new)
            {
                peer.config = wanted;
            }
        }
        let seed = self.config.seed;
        self.config = SpeakerConfig { seed, ..new };
        for change in &changes {
            self.follow(change, &ids, now);
        }
        for successor in begun {
            self.begin_again(successor, now);
        }
        self.flush(now);
        Ok(changes)
    }

    /// Ends a peer; what is needed to begin it again, if the new configuration has it.
    fn end(&mut self, id: PeerId, new: &SpeakerConfig, now: Instant) -> Option<Successor> {
        let peer = self.peers.get(id)?;
        let successor = wanted(peer, new).map(|config| Successor {
            admin: peer.admin.clone(),
            // Other limits let it in.
            overrun: peer.overrun.filter(|_| peer.config.limits == config.limits),
            forget_after: peer
                .is_dynamic()
                .then(|| membership::listener_for(&new.listen, config.address))
                .flatten()
                .map(|listener| listener.forget_after),
            config,
        });
        match successor {
            // It stays a peer: nobody is to read that it was removed.
            Some(_) => self.drop_peer(id, Notification::cease(iana::cease::OTHER_CONFIGURATION_CHANGE), now),
            None => self.remove_peer(id, Notification::cease(iana::cease::PEER_DECONFIGURED), now),
        }
        successor
    }

    /// Begins a peer with what is known of the one whose place it takes.
    fn begin_again(&mut self, successor: Successor, now: Instant) {
        let Successor { config, admin, overrun, forget_after } = successor;
        let seed = self.config.seed;
        let id = self.peers.add(|id| {
            let seed = membership::seed(seed, id);
            match forget_after {
                Some(patience) => Peer::dynamic(id, config, seed, patience),
                None => Peer::new(id, config, seed),
            }
        });
        if let Some(peer) = self.peers.get_mut(id) {
            peer.admin = admin;
            peer.overrun = overrun;
        }
        self.begin(id, now);
    }

    /// Does what follows from a change of the configuration that is in place by now.
    fn follow(&mut self, change: &Change, ids: &BTreeMap<String, PeerId>, now: Instant) {
        let id = change.peer().and_then(|name| ids.get(name)).copied();
        match (change, id) {
            (Change::Import(_), Some(id)) => self.take_in_again(id),
            (Change::Export(_), Some(id)) => self.tell_all(id),
            (Change::Install(_), Some(_)) => self.install_again(),
            (Change::Bfd(_), Some(id)) => self.watch_again(id),
            (Change::Limits(_), Some(id)) => self.limits_changed(id, now),
            (Change::ConnectRetry(_), Some(id)) => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.session.set_connect_retry(peer.config.session.connect_retry, now);
                }
            }
            (Change::Decision, _) => {
                self.rib.set_decision(self.config.decision);
                self.decide_again(
                    AfiSafi::ALL.into_iter().flat_map(|family| self.rib.prefixes(family)).collect::<Vec<_>>(),
                );
            }
            (Change::Originate, _) => self.originate(),
            (Change::Redistribute, _) => self.redistribute_all(),
            (Change::Aggregates, _) => self.aggregate_again(),
            (Change::Vnet, _) => {
                let servers = self.peers.iter().filter(|peer| peer.config.kind == PeerKind::RouteServer);
                for id in servers.map(Peer::id).collect::<Vec<_>>() {
                    self.tell_all(id);
                }
            }
            (Change::Suppression, _) => self.peers.ids().into_iter().for_each(|id| self.tell_all(id)),
            (
                Change::Added(_)
                | Change::Removed(_)
                | Change::Session(_)
                | Change::Import(_)
                | Change::Export(_)
                | Change::Install(_)
                | Change::Bfd(_)
                | Change::Limits(_)
                | Change::ConnectRetry(_)
                | Change::Description(_)
                | Change::Listen,
                _,
            ) => {}
        }
    }
}

/// What a configuration says of a peer that is there; `None` if it is no longer in it.
fn wanted(peer: &Peer, new: &SpeakerConfig) -> Option<PeerConfig> {
    if peer.is_dynamic() {
        let address = peer.config.address;
        let configured = new.peers.iter().any(|other| other.address == address);
        return membership::listener_for(&new.listen, address)
            .filter(|_| !configured)
            .map(|listener| listener.member(address));
    }
    new.peers.iter().find(|other| other.name == peer.config.name).cloned()
}

/// What is another about a peer. What is not known to need less resets the session.
fn differences(old: &PeerConfig, new: &PeerConfig, moved: bool) -> Vec<Change> {
    // What both sides agreed on is only the number.
    let same_as = |local: Option<LocalAs>| local.map(|local| (local.asn, local.dual));
    let local_as = if same_as(old.local_as) == same_as(new.local_as) { new.local_as } else { old.local_as };
    let flags = |of: &dyn Fn(LocalAs) -> bool| old.local_as.map(of) != new.local_as.map(of);
    // The peer knows nothing of this one.
    let connect_retry = new.session.connect_retry;
    let like_new = PeerConfig {
        session: SessionConfig { connect_retry, ..old.session.clone() },
        local_as,
        as_path: new.as_path,
        import: new.import.clone(),
        enforce_first_as: new.enforce_first_as,
        honour_graceful_shutdown: new.honour_graceful_shutdown,
        allow_as_sets: new.allow_as_sets,
        export: new.export.clone(),
        next_hop: new.next_hop,
        other_addresses: new.other_addresses.clone(),
        install: new.install,
        bfd: new.bfd,
        limits: new.limits.clone(),
        description: new.description.clone(),
        ..old.clone()
    };
    let name = || new.name.clone();
    if moved || like_new != *new {
        return vec![Change::Session(old.name.clone())];
    }
    let import = old.import != new.import
        || old.enforce_first_as != new.enforce_first_as
        || old.honour_graceful_shutdown != new.honour_graceful_shutdown
        || old.allow_as_sets != new.allow_as_sets
        || old.as_path.allow_own_as != new.as_path.allow_own_as
        || flags(&|local| local.prepend);
    let outgoing = |rules: AsPathRules| AsPathRules { allow_own_as: 0, ..rules };
    let export = old.export != new.export
        || old.next_hop != new.next_hop
        || old.other_addresses != new.other_addresses
        || old.allow_as_sets != new.allow_as_sets
        || outgoing(old.as_path) != outgoing(new.as_path)
        || flags(&|local| local.replace);
    let mut changes = Vec::new();
    changes.extend(import.then(|| Change::Import(name())));
    changes.extend(export.then(|| Change::Export(name())));
    changes.extend((old.install != new.install).then(|| Change::Install(name())));
    changes.extend((old.bfd != new.bfd).then(|| Change::Bfd(name())));
    changes.extend((old.limits != new.limits).then(|| Change::Limits(name())));
    changes.extend((old.session.connect_retry != connect_retry).then(|| Change::ConnectRetry(name())));
    changes.extend((old.description != new.description).then(|| Change::Description(name())));
    changes
}
