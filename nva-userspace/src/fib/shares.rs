//! What prefixes have in common: those that are wanted through the same next hops lead to the same ways out, and move
//! together when these change.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use super::pin::span;
use super::resolve::{combine, resolve};
use super::{Wanted, Withheld};
use crate::host::{Hop, HostState};
use crate::net::Prefix;
use crate::route::NextHop;

/// Something that prefixes are wanted through, for as long as one is. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShareId(u64);

/// Everything that prefixes are wanted through, and the next hops in it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    ids: BTreeMap<Wanted, ShareId>,
    shares: BTreeMap<ShareId, Share>,
    next_hops: BTreeMap<IpAddr, Tracked>,
    last: u64,
}

/// What some prefixes are wanted through.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) wanted: Wanted,
    /// What that comes to; no hops are routes that drop packets.
    pub(super) ways: Result<Vec<Hop>, Withheld>,
    /// The prefixes.
    pub(super) users: HashSet<Prefix>,
    /// The number of the next-hop object that stands for it in the kernel.
    pub(super) object: Option<u32>,
}

/// A next hop in use.
#[derive(Debug)]
struct Tracked {
    ways: Result<Vec<Hop>, Withheld>,
    shares: BTreeSet<ShareId>,
}

impl Shares {
    pub(super) fn get(&self, id: ShareId) -> Option<&Share> {
        self.shares.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ShareId) -> Option<&mut Share> {
        self.shares.get_mut(&id)
    }

    /// The prefixes whose routes are to name an object.
    pub(super) fn users_of(&self, object: u32) -> impl Iterator<Item = Prefix> {
        let shares = self.shares.values().filter(move |share| share.object == Some(object));
        shares.flat_map(|share| share.users.iter().copied())
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = ShareId> {
        self.shares.keys().copied()
    }

    /// How a next hop in use resolves.
    pub(super) fn next_hop(&self, address: IpAddr) -> Option<Result<&[Hop], &Withheld>> {
        self.next_hops.get(&address).map(|tracked| tracked.ways.as_deref())
    }

    /// The next hops in use in a prefix.
    pub(super) fn next_hops_in(&self, prefix: Prefix) -> impl Iterator<Item = IpAddr> {
        self.next_hops.range(span(prefix)).map(|(address, _)| *address)
    }

    /// A prefix is wanted through this.
    pub(super) fn join(&mut self, wanted: Wanted, prefix: Prefix, host: &HostState) -> ShareId {
        let id = match self.ids.get(&wanted) {
            Some(id) => *id,
            None => self.create(wanted, host),
        };
        if let Some(share) = self.shares.get_mut(&id) {
            share.users.insert(prefix);
        }
        id
    }

    /// A prefix is not wanted through this any more. The number of the object that stood for it, if that was the last one.
    pub(super) fn leave(&mut self, id: ShareId, prefix: Prefix) -> Option<u32> {
        let share = self.shares.get_mut(&id)?;
        share.users.remove(&prefix);
        if !share.users.is_empty() {
            return None;
        }
        let share = self.shares.remove(&id)?;
        self.ids.remove(&share.wanted);
        for address in addresses(&share.wanted) {
            if let Some(tracked) = self.next_hops.get_mut(&address) {
                tracked.shares.remove(&id);
                if tracked.shares.is_empty() {
                    self.next_hops.remove(&address);
                }
            }
        }
        share.object
    }

    /// Resolves next hops anew. The shares that come to something else now, each with what it came to before.
    pub(super) fn resolve_again(
        &mut self,
        affected: &BTreeSet<IpAddr>,
        host: &HostState,
    ) -> Vec<(ShareId, Result<Vec<Hop>, Withheld>)> {
        let mut touched = BTreeSet::new();
        for address in affected {
            if let Some(tracked) = self.next_hops.get_mut(address) {
                let ways = resolve(*address, host);
                if tracked.ways != ways {
                    tracked.ways = ways;
                    touched.extend(tracked.shares.iter().copied());
                }
            }
        }
        let mut changed = Vec::new();
        for id in touched {
            let Some(share) = self.shares.get_mut(&id) else { continue };
            let ways = combine(&share.wanted, |address| self.next_hops.get(&address).map(|tracked| &tracked.ways));
            if share.ways != ways {
                changed.push((id, std::mem::replace(&mut share.ways, ways)));
            }
        }
        changed
    }

    fn create(&mut self, wanted: Wanted, host: &HostState) -> ShareId {
        self.last += 1;
        let id = ShareId(self.last);
        for address in addresses(&wanted) {
            let track = || Tracked { ways: resolve(address, host), shares: BTreeSet::new() };
            self.next_hops.entry(address).or_insert_with(track).shares.insert(id);
        }
        let ways = combine(&wanted, |address| self.next_hops.get(&address).map(|tracked| &tracked.ways));
        self.ids.insert(wanted.clone(), id);
        self.shares.insert(id, Share { wanted, ways, users: HashSet::new(), object: None });
        id
    }
}

fn addresses(wanted: &Wanted) -> impl Iterator<Item = IpAddr> {
    wanted.next_hops().iter().filter_map(|next_hop| match next_hop {
        NextHop::Own | NextHop::Discard(_) => None,
        NextHop::Via(address) => Some(*address),
    })
}
