//! Adj-RIB-Out (RFC 4271 §3.2 and §9.2): what one peer was told in one family, and what it is to be told next.
//!
//! Changes wait here until the peer's socket has room for them; until then a later one replaces an earlier one, and
//! what was announced and withdrawn again in the meantime is never sent. What waits is packed by attribute set and
//! next hop. Not here: messages and their sizes, and export policy.
//!
//! GAP(RFC 4271 §9.2.1.1): no MinRouteAdvertisementInterval, nor that of §9.2.1.2 for our own routes. What they are for, that
//! a peer is not flooded with what changes again before it is dealt with, the peer's window does: what changes while it
//! is full is sent once.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::ops::Bound;

use crate::net::{AfiSafi, Prefix};
use crate::route::Attributes;

/// A route as a peer is told it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outbound {
    /// The attributes, after export policy and with everything prepended.
    pub attributes: Attributes,
    /// The next hop. Part of equality: a route whose next hop alone changed is told again (invariant 9).
    pub next_hop: IpAddr,
}

/// Something to send. One batch may need several messages, and none needs more than one attribute set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Withdraw these: in order, at least one, at most [`AdjRibOut::BATCH`].
    Withdraw(Vec<Prefix>),
    /// Announce these.
    Announce {
        /// The attributes that all of them have.
        attributes: Attributes,
        /// The next hop that all of them have.
        next_hop: IpAddr,
        /// In order, at least one, at most [`AdjRibOut::BATCH`].
        prefixes: Vec<Prefix>,
    },
    /// All that was there at the start has been told (RFC 4724 §2).
    EndOfRib(AfiSafi),
    /// From here on everything is told again (RFC 7313 §4).
    BeginOfRefresh(AfiSafi),
    /// Everything has been told again.
    EndOfRefresh(AfiSafi),
}

/// The Adj-RIB-Out of one established session and one family. Put everything in that the peer is to know at once, then
/// poll: the first time that nothing is left but what is to be told again, the End-of-RIB marker follows.
#[derive(Debug)]
pub struct AdjRibOut {
    family: AfiSafi,
    /// What the peer has, as far as we told it.
    sent: BTreeMap<Prefix, Outbound>,
    /// Prefixes that the peer has and should not.
    withdrawals: BTreeSet<Prefix>,
    announcements: Announcements,
    /// What is being told again, and is yet unpolled. It is older than everything pending, and so goes first.
    repeating: VecDeque<Batch>,
    /// Where to go on with telling everything again.
    repeat_from: Option<Bound<Prefix>>,
    end_of_rib_due: bool,
    /// The mark that what is told again has yet to have in front of it, and the one behind it.
    begin_of_refresh_due: bool,
    end_of_refresh_due: bool,
}

impl AdjRibOut {
    /// The most prefixes in one batch: about what the longest message holds (RFC 8654).
    pub const BATCH: usize = 16_000;

    /// How many routes are made ready at a time when everything is told again: enough to pack them well, and all the
    /// memory that it takes.
    const REPEAT_WINDOW: usize = 4 * AdjRibOut::BATCH;

    /// An empty one, for a session that was just established.
    pub fn new(family: AfiSafi) -> AdjRibOut {
        AdjRibOut {
            family,
            sent: BTreeMap::new(),
            withdrawals: BTreeSet::new(),
            announcements: Announcements::default(),
            repeating: VecDeque::new(),
            repeat_from: None,
            end_of_rib_due: true,
            begin_of_refresh_due: false,
            end_of_refresh_due: false,
        }
    }

    /// The family, which all prefixes have to be of.
    pub fn family(&self) -> AfiSafi {
        self.family
    }

    /// What the peer should be told about the prefix from now on: this route, or that there is none. Nothing is sent if
    /// it knows that already.
    pub fn set(&mut self, prefix: Prefix, route: Option<Outbound>) {
        self.withdrawals.remove(&prefix);
        self.announcements.remove(prefix);
        match (route, self.sent.get(&prefix)) {
            (None, None) => {}
            (None, Some(_)) => {
                self.withdrawals.insert(prefix);
            }
            (Some(new), Some(old)) if new == *old => {}
            (Some(new), Some(_) | None) => self.announcements.insert(prefix, new),
        }
    }

    /// Tells everything again that the peer was told (RFC 2918 §4), piece by piece between other changes; `marked` with
    /// a mark in front of it and one behind (RFC 7313 §4).
    pub fn resend_all(&mut self, marked: bool) {
        self.repeating.clear();
        self.repeat_from = Some(Bound::Unbounded);
        self.begin_of_refresh_due = marked;
        self.end_of_refresh_due = marked;
    }

    /// The next thing to send, which counts as sent from now on: withdrawals first, as they may make room at the peer,
    /// then announcements by attribute set in the order in which these came up.
    pub fn poll_update(&mut self) -> Option<Batch> {
        if let Some(batch) = self.repeating.pop_front() {
            return Some(batch);
        }
        if !self.withdrawals.is_empty() {
            let prefixes = take_first(&mut self.withdrawals, AdjRibOut::BATCH);
            for prefix in &prefixes {
                self.sent.remove(prefix);
            }
            return Some(Batch::Withdraw(prefixes));
        }
        if let Some((Outbound { attributes, next_hop }, prefixes)) = self.announcements.take(AdjRibOut::BATCH) {
            for prefix in &prefixes {
                self.sent.insert(*prefix, Outbound { attributes: attributes.clone(), next_hop });
            }
            return Some(Batch::Announce { attributes, next_hop, prefixes });
        }
        // RFC 7313 §4: no refresh begins before the End-of-RIB marker.
        if std::mem::take(&mut self.end_of_rib_due) {
            return Some(Batch::EndOfRib(self.family));
        }
        if std::mem::take(&mut self.begin_of_refresh_due) {
            return Some(Batch::BeginOfRefresh(self.family));
        }
        self.repeat();
        if let Some(batch) = self.repeating.pop_front() {
            return Some(batch);
        }
        std::mem::take(&mut self.end_of_refresh_due).then_some(Batch::EndOfRefresh(self.family))
    }

    /// These of the last batch could not be sent after all: the peer has no route to them.
    pub fn not_sent(&mut self, prefixes: &[Prefix]) {
        for prefix in prefixes {
            self.sent.remove(prefix);
        }
    }

    /// Whether [`AdjRibOut::poll_update`] has something to send.
    pub fn has_pending(&self) -> bool {
        self.pending() > 0
            || !self.repeating.is_empty()
            || self.repeat_from.is_some_and(|from| self.sent.range((from, Bound::Unbounded)).next().is_some())
            || self.end_of_rib_due
            || self.begin_of_refresh_due
            || self.end_of_refresh_due
    }

    /// How many prefixes wait to be announced or withdrawn, not counting what is told again.
    pub fn pending(&self) -> usize {
        self.withdrawals.len() + self.announcements.len()
    }

    /// What the peer was told about the prefix.
    pub fn advertised(&self, prefix: Prefix) -> Option<&Outbound> {
        self.sent.get(&prefix)
    }

    /// Everything that the peer was told, in the order of prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &Outbound)> {
        self.sent.iter().map(|(prefix, route)| (*prefix, route))
    }

    /// How many prefixes the peer was told.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Whether the peer was told nothing.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Makes the next window of what is to be told again ready.
    fn repeat(&mut self) {
        let Some(from) = self.repeat_from.take() else { return };
        let mut window = Announcements::default();
        for (prefix, route) in self.sent.range((from, Bound::Unbounded)).take(AdjRibOut::REPEAT_WINDOW) {
            window.insert(*prefix, route.clone());
            self.repeat_from = Some(Bound::Excluded(*prefix));
        }
        while let Some((Outbound { attributes, next_hop }, prefixes)) = window.take(AdjRibOut::BATCH) {
            self.repeating.push_back(Batch::Announce { attributes, next_hop, prefixes });
        }
    }
}

/// Announcements that wait, grouped by what they have in common.
#[derive(Debug, Default)]
struct Announcements {
    /// Which group a prefix waits in.
    waiting: BTreeMap<Prefix, u64>,
    /// Groups by their number: the order in which they came up. None is empty.
    groups: BTreeMap<u64, Group>,
    /// The number of each group.
    numbers: HashMap<Outbound, u64>,
    next_number: u64,
}

#[derive(Debug)]
struct Group {
    route: Outbound,
    prefixes: BTreeSet<Prefix>,
}

impl Announcements {
    fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a prefix that does not wait yet.
    fn insert(&mut self, prefix: Prefix, route: Outbound) {
        let number = *self.numbers.entry(route.clone()).or_insert_with(|| {
            self.next_number += 1;
            self.next_number
        });
        self.waiting.insert(prefix, number);
        let group = self.groups.entry(number).or_insert_with(|| Group { route, prefixes: BTreeSet::new() });
        group.prefixes.insert(prefix);
    }

    fn remove(&mut self, prefix: Prefix) {
        let Some(number) = self.waiting.remove(&prefix) else { return };
        if let Some(group) = self.groups.get_mut(&number) {
            group.prefixes.remove(&prefix);
        }
        self.drop_if_empty(number);
    }

    /// Takes up to `limit` prefixes of the oldest group.
    fn take(&mut self, limit: usize) -> Option<(Outbound, Vec<Prefix>)> {
        let mut group = self.groups.first_entry()?;
        let number = *group.key();
        let route = group.get().route.clone();
        let prefixes = take_first(&mut group.get_mut().prefixes, limit);
        for prefix in &prefixes {
            self.waiting.remove(prefix);
        }
        self.drop_if_empty(number);
        Some((route, prefixes))
    }

    fn drop_if_empty(&mut self, number: u64) {
        if self.groups.get(&number).is_some_and(|group| group.prefixes.is_empty())
            && let Some(group) = self.groups.remove(&number)
        {
            self.numbers.remove(&group.route);
        }
    }
}

/// Takes up to `limit` of the first elements.
fn take_first(prefixes: &mut BTreeSet<Prefix>, limit: usize) -> Vec<Prefix> {
    let mut taken = Vec::with_capacity(limit.min(prefixes.len()));
    while taken.len() < limit
        && let Some(prefix) = prefixes.pop_first()
    {
        taken.push(prefix);
    }
    taken
}
