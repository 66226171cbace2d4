//! What takes longer than a turn, done piece by piece: a lost session's routes are withdrawn, a changed policy runs over a
//! table, a new peer is told everything. The rest is kept as state, so that between two pieces whatever else happens
//! gets its turn; what is decided about a prefix is decided by what holds when its piece comes, so the order changes
//! nothing.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use super::{Established, Peer, Speaker, Surroundings, import};
use crate::net::{Instant, Prefix};
use crate::rib::{Journal, Position};
use crate::route::{PeerId, Route};

/// What is left to do for all peers together.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Changes of the Loc-RIB that some peer has yet to be told of.
    journal: Journal,
    /// How long the journal was when it was shortened last.
    shortened_to: usize,
    /// Peers that there are no more, whose routes have yet to go.
    departed: BTreeSet<PeerId>,
    /// Prefixes whose routes in the kernel may be others, and are told of.
    redistributed: BTreeSet<Prefix>,
    /// Prefixes whose paths have to be compared again.
    undecided: BTreeSet<Prefix>,
    /// The kernel's routes are to follow the Loc-RIB from here on.
    install: Option<Walk>,
    /// Peers with something to do about what they sent.
    incoming: Queue,
    /// Peers with something to do about what they are told.
    outgoing: Queue,
    /// Whether too many changes waited when this was looked at last, and how often that began.
    congested: bool,
    congestions: u64,
}

impl Work {
    /// These prefixes' routes in the kernel may be others now.
    pub(super) fn redistribute(&mut self, prefixes: BTreeSet<Prefix>) {
        self.redistributed.extend(prefixes);
    }
}

/// Who gets a turn next; everybody stands in it once.
#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<PeerId>,
    members: BTreeSet<PeerId>,
}

impl Queue {
    fn push(&mut self, id: PeerId) {
        if self.members.insert(id) {
            self.order.push_back(id);
        }
    }

    fn pop(&mut self) -> Option<PeerId> {
        let id = self.order.pop_front()?;
        self.members.remove(&id);
        Some(id)
    }
}

/// A walk through a table in the order of its prefixes: where it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk(Bound<Prefix>);

impl Walk {
    const START: Walk = Walk(Bound::Unbounded);
}

/// What has to be done again about what a peer sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reimport {
    walk: Walk,
    /// Only routes that the machine's addresses may have made wrong, or right again.
    outdated_only: bool,
}

/// How far a peer's Adj-RIB-Out follows the Loc-RIB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    /// A walk through all of it.
    walk: Option<Walk>,
    /// What changed before was seen, or will be by the walk.
    read: Position,
}

/// Changes that wait until it is better to hear of no more routes for a while.
pub const LONGEST_JOURNAL: usize = 100_000;

impl Speaker {
    /// Whether something is left to do that would take too long for one turn: see [`Speaker::work`].
    pub fn has_work(&self) -> bool {
        !self.is_settled() || !self.work.outgoing.order.is_empty()
    }

    /// Whether so much is left that routes should rather wait outside than come in.
    pub fn is_congested(&self) -> bool {
        self.work.journal.len() > LONGEST_JOURNAL
    }

    /// How many changes wait until every peer has heard of them.
    pub fn waiting_changes(&self) -> usize {
        self.work.journal.len()
    }

    /// How often it began that [so many](Self::is_congested) waited.
    pub fn congestions(&self) -> u64 {
        self.work.congestions
    }

    /// Counts a congestion when it begins.
    pub(super) fn note_congestion(&mut self) {
        let congested = self.is_congested();
        self.work.congestions += u64::from(congested && !self.work.congested);
        self.work.congested = congested;
    }

    /// Does a piece of what is left: about so many routes in, and as many out. To be called again and again while
    /// [`has_work`](Self::has_work), between all other calls; outputs may follow.
    pub fn work(&mut self, limit: usize, now: Instant) {
        let left = self.withdraw_departed(limit);
        let left = self.redistribute_some(left);
        let left = self.decide_some(left);
        let left = self.install_some(left);
        self.take_in_some(left);
        self.queue_listeners();
        self.tell_some(limit);
        self.flush(now);
    }

    /// A prefix of the Loc-RIB has changed, or what peers are to be told of it.
    pub(super) fn note_change(&mut self, prefix: Prefix) {
        self.work.journal.note(prefix);
    }

    /// Lets those that have heard everything hear of what is new.
    pub(super) fn queue_listeners(&mut self) {
        if self.work.journal.is_empty() || self.work.outgoing.order.len() == self.peers.len() {
            return;
        }
        let end = self.work.journal.end();
        for peer in self.peers.iter() {
            if peer.established.as_ref().is_some_and(|up| up.following.read < end) {
                self.work.outgoing.push(peer.id);
            }
        }
        if self.work.outgoing.order.is_empty() {
            self.work.journal.forget_before(end);
            self.work.shortened_to = 0;
        }
    }

    /// Decides anew about everything that this peer is told.
    pub(super) fn tell_all(&mut self, id: PeerId) {
        if let Some(up) = self.peers.get_mut(id).and_then(|peer| peer.established.as_mut()) {
            // The walk does not meet what was withdrawn meanwhile: that is still read.
            up.following.walk = Some(Walk::START);
            self.work.outgoing.push(id);
            // What waited waits for the walk now, and is announced again afterwards.
            self.waiting.insert(id);
        }
    }

    /// The same for a session that was just established: what was withdrawn before is nothing to it.
    pub(super) fn tell_all_from_now(&mut self, id: PeerId) {
        let read = self.work.journal.end();
        if let Some(up) = self.peers.get_mut(id).and_then(|peer| peer.established.as_mut()) {
            up.following.read = read;
        }
        self.tell_all(id);
    }

    /// Decides anew about everything that this peer told us.
    pub(super) fn take_in_again(&mut self, id: PeerId) {
        self.reimport(id, false);
    }

    /// The same for what the machine's addresses may have made wrong, or right again.
    pub(super) fn take_in_outdated(&mut self, id: PeerId) {
        self.reimport(id, true);
    }

    fn reimport(&mut self, id: PeerId, outdated_only: bool) {
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.sender().is_some()) else { return };
        let outdated_only = outdated_only && peer.reimport.is_none_or(|before| before.outdated_only);
        peer.reimport = Some(Reimport { walk: Walk::START, outdated_only });
        self.work.incoming.push(id);
    }

    /// These routes of a peer are no longer its: they are withdrawn unless it sends them again before.
    pub(super) fn withdraw_all(&mut self, id: PeerId, prefixes: BTreeSet<Prefix>) {
        let Some(peer) = self.peers.get_mut(id).filter(|_| !prefixes.is_empty()) else { return };
        peer.gone.extend(prefixes);
        self.work.incoming.push(id);
    }

    /// This peer was removed: nothing will be known of it but its routes, until they are withdrawn.
    pub(super) fn withdraw_without(&mut self, id: PeerId) {
        if self.rib.prefixes_of(id).next().is_some() {
            self.work.departed.insert(id);
        }
    }

    /// Does so at once, however many are left: the numbers of the session that begins are not those of the one before.
    pub(super) fn withdraw_rest(&mut self, id: PeerId) {
        self.withdraw_some(id, usize::MAX);
    }

    /// Compares the paths to these prefixes again.
    pub(super) fn decide_again(&mut self, prefixes: impl IntoIterator<Item = Prefix>) {
        self.work.undecided.extend(prefixes);
    }

    /// Lets the kernel's routes follow the whole Loc-RIB again.
    pub(super) fn install_again(&mut self) {
        self.work.install = Some(Walk::START);
    }

    /// Whether everything that came in has reached the Loc-RIB and the kernel's desired state.
    pub(super) fn is_settled(&self) -> bool {
        let Work { departed, redistributed, undecided, install, incoming, .. } = &self.work;
        departed.is_empty()
            && redistributed.is_empty()
            && undecided.is_empty()
            && install.is_none()
            && incoming.order.is_empty()
    }

    fn withdraw_departed(&mut self, limit: usize) -> usize {
        let mut left = limit;
        while left > 0
            && let Some(id) = self.work.departed.first().copied()
        {
            let piece: Vec<Prefix> = self.rib.prefixes_of(id).take(left).collect();
            for prefix in &piece {
                let delta = self.rib.withdraw(*prefix, id, &self.next_hops);
                self.spread(delta);
            }
            left -= piece.len();
            if left > 0 {
                self.work.departed.remove(&id);
                self.next_hops.forget_all_but(self.rib.next_hops().collect());
            }
        }
        left
    }

    fn redistribute_some(&mut self, limit: usize) -> usize {
        for left in (0..limit).rev() {
            let Some(prefix) = self.work.redistributed.pop_first() else { return left + 1 };
            let delta = self.redistribute(prefix);
            self.spread(delta);
        }
        0
    }

    fn decide_some(&mut self, limit: usize) -> usize {
        for left in (0..limit).rev() {
            let Some(prefix) = self.work.undecided.pop_first() else { return left + 1 };
            let delta = self.rib.decide(prefix, &self.next_hops);
            self.spread(delta);
            // Also where the selected route is what it was: its next hop may be told differently now.
            self.note_change(prefix);
        }
        0
    }

    fn install_some(&mut self, limit: usize) -> usize {
        // A walk of which nothing is to be done now waits.
        let Some(walk) = self.work.install.take_if(|_| limit > 0) else { return limit };
        let piece: Vec<_> =
            self.rib.selected_from(walk.0).take(limit).map(|(prefix, one)| (prefix, one.clone())).collect();
        for (prefix, selected) in &piece {
            self.install(*prefix, Some(selected));
            if self.config.suppress_until_installed {
                self.note_change(*prefix);
            }
        }
        if let Some((last, _)) = piece.last().filter(|_| piece.len() == limit) {
            self.work.install = Some(Walk(Bound::Excluded(*last)));
        }
        limit - piece.len()
    }

    fn take_in_some(&mut self, limit: usize) {
        let mut left = limit;
        while left > 0
            && let Some(id) = self.work.incoming.pop()
        {
            left = self.withdraw_some(id, left);
            left = self.reimport_some(id, left);
            let waits = |peer: &Peer| !peer.gone.is_empty() || peer.reimport.is_some();
            if self.peer(id).is_some_and(waits) {
                self.work.incoming.push(id);
            }
        }
    }

    fn withdraw_some(&mut self, id: PeerId, limit: usize) -> usize {
        let had_some = self.peer(id).is_some_and(|peer| !peer.gone.is_empty());
        for left in (0..limit).rev() {
            let Some(prefix) = self.peers.get_mut(id).and_then(|peer| peer.gone.pop_first()) else {
                if had_some {
                    self.next_hops.forget_all_but(self.rib.next_hops().collect());
                }
                return left + 1;
            };
            self.note_presence(id, prefix);
            if let Some(up) = self.peers.get_mut(id).and_then(|peer| peer.established.as_mut()) {
                up.limiting.unblock_import(prefix);
            }
            let delta = self.rib.withdraw(prefix, Some(id), &self.next_hops);
            self.spread(delta);
            self.count_again(id);
        }
        0
    }

    fn reimport_some(&mut self, id: PeerId, limit: usize) -> usize {
        let Some(peer) = self.peers.get_mut(id) else { return limit };
        let Some(again) = peer.reimport.take_if(|_| limit > 0) else { return limit };
        let Some(sender) = peer.sender() else { return limit };
        let (mut looked_at, mut last) = (0, None);
        let received = self.rib.routes_of_from(id, again.walk.0).take(limit).inspect(|one| {
            looked_at += 1;
            last = Some(one.route.prefix);
        });
        let routes: Vec<Route> = if again.outdated_only {
            import::outdated(received, sender.view, &self.host)
        } else {
            received.map(|received| received.route.clone()).collect()
        };
        if let Some(last) = last.filter(|_| looked_at == limit) {
            peer.reimport = Some(Reimport { walk: Walk(Bound::Excluded(last)), ..again });
        }
        for route in routes {
            let delta = self.take_in(id, route);
            self.spread(delta);
        }
        self.count_again(id);
        limit - looked_at
    }

    fn tell_some(&mut self, limit: usize) {
        let mut left = limit;
        while left > 0
            && let Some(id) = self.work.outgoing.pop()
        {
            left -= self.tell_piece(id, left);
        }
        self.shorten_journal();
    }

    /// Brings up to so many changes to a peer's Adj-RIB-Out, and returns how many it were.
    fn tell_piece(&mut self, id: PeerId, limit: usize) -> usize {
        let around = Surroundings::new(&self.config, &self.host, &self.aggregates, self.fib.as_ref());
        let Some(peer) = self.peers.get_mut(id) else { return 0 };
        let Some(mut following) = peer.established.as_ref().map(|up| up.following) else { return 0 };
        let mut told = 0;
        if let Some(walk) = following.walk.take() {
            for (prefix, selected) in self.rib.selected_from(walk.0).take(limit) {
                told += 1;
                following.walk = Some(Walk(Bound::Excluded(prefix)));
                peer.tell(prefix, Some(selected), around, &mut self.interner);
            }
            if told < limit {
                following.walk = None;
            }
        }
        if following.walk.is_none() {
            let mut changes = self.work.journal.since(following.read).take(limit - told);
            for (position, prefix) in changes.by_ref() {
                told += 1;
                following.read = position;
                peer.tell(prefix, self.rib.selected(prefix), around, &mut self.interner);
            }
            if told < limit {
                following.read = self.work.journal.end();
            }
        }
        if following.walk.is_some() || following.read < self.work.journal.end() {
            self.work.outgoing.push(id);
        }
        if let Some(up) = &mut peer.established {
            up.following = following;
        }
        self.waiting.insert(id);
        told
    }

    /// Forgets changes that everybody has heard of. To look how far everybody is costs as much as there are peers, so it
    /// is done only when it is worth while.
    fn shorten_journal(&mut self) {
        const WORTH_WHILE: usize = 1024;
        if self.work.journal.len() > 2 * self.work.shortened_to + WORTH_WHILE {
            let read = self.peers.iter().filter_map(|peer| Some(peer.established.as_ref()?.following.read)).min();
            self.work.journal.forget_before(read.unwrap_or(self.work.journal.end()));
            self.work.shortened_to = self.work.journal.len();
        }
    }
}

impl Following {
    /// Somebody who has yet to be told anything.
    pub(super) fn nothing() -> Following {
        Following { walk: Some(Walk::START), read: Position::default() }
    }
}

impl Established {
    /// Whether it has yet to be told of parts of the Loc-RIB that it was never told of.
    pub(super) fn is_walking(&self) -> bool {
        self.following.walk.is_some()
    }
}
