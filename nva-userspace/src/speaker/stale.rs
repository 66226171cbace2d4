//! Routes that stay although their peer has not confirmed them: since its session was lost (RFC 4724 §4.2), or since it
//! said that it sends all of them again (RFC 7313 §4). One mechanism for both; what begins and ends either is in
//! [`super::restart`] and [`super::refresh`].
//!
//! What is remembered is what the peer has confirmed, and not what it has not: then a beginning costs nothing however
//! many routes there are, and nothing that a peer can repeat costs more than what it sends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Notice, Output, Speaker};
use crate::net::{AfiSafi, Instant, Prefix};
use crate::route::PeerId;

/// Why routes are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleCause {
    /// Their peer has lost its session, and may come back (RFC 4724).
    Restart,
    /// Their peer is sending all of its routes again (RFC 7313).
    Refresh,
}

impl fmt::Display for StaleCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            StaleCause::Restart => "its peer restarts and has not confirmed it yet",
            StaleCause::Refresh => "its peer sends all routes again and has not sent this one yet",
        })
    }
}

/// Why routes are stale no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleEnd {
    /// End-of-RIB: the peer has sent all that it has (RFC 4724 §4.2).
    EndOfRib,
    /// EoRR: the peer has sent all of them again (RFC 7313 §4).
    EndOfRefresh,
    /// The peer has taken too long.
    Overdue,
    /// The peer is back, and has not gone on forwarding (RFC 4724 §4.2).
    NotForwarding,
    /// The session was stopped or reset, by an operator or for a limit.
    Stopped,
}

impl fmt::Display for StaleEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            StaleEnd::EndOfRib => "not among what the peer had sent by its End-of-RIB",
            StaleEnd::EndOfRefresh => "not among what the peer had sent by the end of its route refresh",
            StaleEnd::Overdue => "not confirmed within stale-time",
            StaleEnd::NotForwarding => "the peer is back and has not gone on forwarding",
            StaleEnd::Stopped => "the session was stopped or reset",
        })
    }
}

/// What a peer has not confirmed.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Not there: nothing of the family is stale.
    families: BTreeMap<AfiSafi, Unconfirmed>,
}

/// All routes of a family but some.
#[derive(Clone, Debug)]
pub(super) struct Unconfirmed {
    pub(super) cause: StaleCause,
    /// Since when.
    pub(super) since: Instant,
    /// Until when they may stay.
    until: Instant,
    /// Those that the peer has sent since, and not taken back.
    confirmed: BTreeSet<Prefix>,
}

impl Stale {
    /// How many routes of the family the peer has sent since it restarted; `None` if it has not, or has confirmed all.
    pub(super) fn sent_since_restart(&self, family: AfiSafi) -> Option<usize> {
        let unconfirmed = self.families.get(&family).filter(|one| one.cause == StaleCause::Restart);
        unconfirmed.map(|one| one.confirmed.len())
    }

    /// Why the route that the peer has to this prefix is stale, if it is.
    pub fn cause(&self, prefix: Prefix) -> Option<StaleCause> {
        let unconfirmed = self.families.get(&prefix.family())?;
        (!unconfirmed.confirmed.contains(&prefix)).then_some(unconfirmed.cause)
    }

    /// Why routes of the family are stale.
    pub fn cause_in(&self, family: AfiSafi) -> Option<StaleCause> {
        self.families.get(&family).map(|unconfirmed| unconfirmed.cause)
    }

    /// Whether none can be.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// When the first of those that are left go.
    pub fn until(&self) -> Option<Instant> {
        self.families.values().map(|unconfirmed| unconfirmed.until).min()
    }

    /// From now on all routes of a family are stale, until then at most.
    pub(super) fn begin(&mut self, family: AfiSafi, cause: StaleCause, since: Instant, until: Instant) {
        self.families.insert(family, Unconfirmed { cause, since, until, confirmed: BTreeSet::new() });
    }

    /// The peer has sent this one.
    pub(super) fn confirm(&mut self, prefix: Prefix) {
        if let Some(unconfirmed) = self.families.get_mut(&prefix.family()) {
            unconfirmed.confirmed.insert(prefix);
        }
    }

    /// The peer has withdrawn this one: what it confirms is never more than what it has.
    pub(super) fn forget(&mut self, prefix: Prefix) {
        if let Some(unconfirmed) = self.families.get_mut(&prefix.family()) {
            unconfirmed.confirmed.remove(&prefix);
        }
    }

    /// Nothing of the family is stale any more.
    pub(super) fn give_up(&mut self, family: AfiSafi) {
        self.families.remove(&family);
    }

    /// Those that are stale for this cause may stay until then.
    pub(super) fn extend(&mut self, cause: StaleCause, until: impl Fn(Instant) -> Instant) {
        for unconfirmed in self.families.values_mut().filter(|unconfirmed| unconfirmed.cause == cause) {
            unconfirmed.until = until(unconfirmed.since);
        }
    }

    /// The families of which this holds.
    fn chosen(&self, is: impl Fn(AfiSafi, &Unconfirmed) -> bool) -> Vec<AfiSafi> {
        self.families.iter().filter(|(family, one)| is(**family, one)).map(|(family, _)| *family).collect()
    }
}

impl Speaker {
    /// How many routes of a peer are stale.
    pub fn stale_routes(&self, id: PeerId) -> usize {
        let Some(peer) = self.peer(id).filter(|peer| !peer.stale.is_empty()) else { return 0 };
        self.rib.prefixes_of(id).filter(|prefix| peer.stale.cause(*prefix).is_some()).count()
    }

    /// Withdraws what is still stale in the families of which this holds.
    pub(super) fn drop_stale(&mut self, id: PeerId, why: StaleEnd, is: impl Fn(AfiSafi, StaleCause) -> bool) {
        let Some(peer) = self.peers.get(id) else { return };
        let ended = peer.stale.chosen(|family, unconfirmed| is(family, unconfirmed.cause));
        self.end_stale(id, why, &ended);
    }

    /// The same where the time is up.
    pub(super) fn drop_overdue(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peers.get(id) else { return };
        let ended = peer.stale.chosen(|_, unconfirmed| unconfirmed.until <= now);
        self.end_stale(id, StaleEnd::Overdue, &ended);
    }

    fn end_stale(&mut self, id: PeerId, why: StaleEnd, families: &[AfiSafi]) {
        if families.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        let prefixes = self.rib.prefixes_of(id);
        let gone: BTreeSet<Prefix> = prefixes
            .filter(|prefix| families.contains(&prefix.family()) && peer.stale.cause(*prefix).is_some())
            .collect();
        families.iter().for_each(|family| drop(peer.stale.families.remove(family)));
        if !gone.is_empty() {
            peer.stale_removed += gone.len() as u64;
            self.outputs.push_back(Output::Notice(Notice::StaleRoutesRemoved { peer: id, count: gone.len(), why }));
        }
        self.withdraw_all(id, gone);
    }
}
