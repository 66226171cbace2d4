//! All peers: by number, by address, and by when something of theirs is due. They come and go while the speaker runs;
//! what there is to do costs what the peers concerned are, not how many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::peer::Peer;
use crate::net::Instant;
use crate::route::PeerId;

/// The peers of a speaker.
#[derive(Default)]
pub struct Peers {
    by_id: BTreeMap<PeerId, Peer>,
    by_address: BTreeMap<IpAddr, PeerId>,
    /// When each peer's next timer goes off; right for all that are not in `touched`.
    due: BTreeSet<(Instant, PeerId)>,
    due_of: BTreeMap<PeerId, Instant>,
    /// Peers that were handed out to be changed.
    touched: BTreeSet<PeerId>,
    /// The number of the next one.
    next: u32,
}

impl Peers {
    /// Adds one under a number that nobody has had.
    pub(super) fn add(&mut self, make: impl FnOnce(PeerId) -> Peer) -> PeerId {
        let id = PeerId(self.next);
        self.next += 1;
        let peer = make(id);
        self.by_address.insert(peer.config.address, id);
        self.by_id.insert(id, peer);
        self.touched.insert(id);
        id
    }

    /// Forgets one.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.by_id.remove(&id)?;
        self.by_address.remove(&peer.config.address);
        self.touched.remove(&id);
        if let Some(due) = self.due_of.remove(&id) {
            self.due.remove(&(due, id));
        }
        Some(peer)
    }

    /// One of them.
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.by_id.get(&id)
    }

    /// One of them, to be changed.
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let peer = self.by_id.get_mut(&id)?;
        self.touched.insert(id);
        Some(peer)
    }

    /// The one with this address.
    pub fn of_address(&self, address: IpAddr) -> Option<&Peer> {
        self.by_id.get(self.by_address.get(&address)?)
    }

    /// All, in the order of the configuration; those that came later behind.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Peer> {
        self.by_id.values()
    }

    /// All, to decide what they are told. Nothing that a timer depends on may be changed through this.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.by_id.values_mut()
    }

    /// Their numbers, for going through all while they change.
    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.by_id.keys().copied().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// When the next timer of any goes off.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let settled = self.due.first().map(|(due, _)| *due);
        let touched = self.touched.iter().filter_map(|id| self.get(*id)?.poll_timeout());
        touched.chain(settled).min()
    }

    /// Those of whom a timer is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<PeerId> {
        self.settle(now);
        self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id).collect()
    }

    /// Takes note of what has become of those that were changed.
    pub(super) fn settle(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.touched) {
            let Some(peer) = self.by_id.get_mut(&id) else { continue };
            peer.note_idleness(now);
            let due = peer.poll_timeout();
            let known = match due {
                Some(due) => self.due_of.insert(id, due),
                None => self.due_of.remove(&id),
            };
            if known != due {
                known.map(|known| self.due.remove(&(known, id)));
                due.map(|due| self.due.insert((due, id)));
            }
        }
    }
}

impl<'a> IntoIterator for &'a Peers {
    type Item = &'a Peer;
    type IntoIter = std::collections::btree_map::Values<'a, PeerId, Peer>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_id.values()
    }
}
