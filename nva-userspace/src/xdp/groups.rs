//! The groups' slots, and the translation of what the mirror says into what the map holds.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use nva_common::{
    ANY_LINK, BUCKETS, DEFAULT_GROUP, DEFAULT_GROUP_6, FIRST_GROUP, Group, GroupKind, LINKS, NextHop, OVERFLOW_GROUP,
    UNRESOLVED_NEXT_HOP,
};

use super::buckets;
use super::memory::Memory;
use super::next_hops::NextHopTable;
use super::slots::Slots;
use crate::fib::mirror::{Adjacency, GroupId, GroupState, Member};
use crate::host::Hop;
use crate::net::{AfiSafi, Prefix};

/// The group table's writer.
#[derive(Debug)]
pub struct GroupTable<M> {
    memory: M,
    slots: Slots,
    entries: BTreeMap<GroupId, Entry>,
    /// The groups that the default routes lead to: a slot for each family is its copy.
    defaults: BTreeMap<AfiSafi, GroupId>,
    /// Slots of a former process by what they hold.
    adopted: HashMap<Group, Vec<u32>>,
    next_hops_lacking: usize,
    written: u64,
}

/// A group that the mirror knows.
#[derive(Debug)]
pub struct Entry {
    /// Its slot, or [`OVERFLOW_GROUP`] if there was none left.
    pub slot: u32,
    /// What it does.
    pub state: GroupState,
    record: Group,
    /// The next-hop slots that it holds.
    next_hops: Vec<u32>,
}

impl<M: Memory> GroupTable<M> {
    /// Takes over a table. What it holds stays until [`GroupTable::drop_unused`].
    pub fn new(memory: M) -> GroupTable<M> {
        let mut table = GroupTable {
            memory,
            slots: Slots::default(),
            entries: BTreeMap::new(),
            defaults: BTreeMap::new(),
            adopted: HashMap::new(),
            next_hops_lacking: 0,
            written: 0,
        };
        table.change(OVERFLOW_GROUP, &Group::of_kind(GroupKind::Overflow));
        let mut free = Vec::new();
        for slot in FIRST_GROUP..table.count() {
            let found = table.read(slot);
            if found.kind == GroupKind::NoRoute as u32 {
                free.push(slot);
            } else {
                table.adopted.entry(found).or_default().push(slot);
            }
        }
        table.slots = Slots::new(free, Vec::new());
        table
    }

    /// Sets a group. Returns the slot if it is one that was not in use before: its counters are somebody else's.
    pub fn set<N: Memory>(
        &mut self,
        id: GroupId,
        state: GroupState,
        links: &[u32],
        next_hops: &mut NextHopTable<N>,
    ) -> Option<u32> {
        let (mut record, held) = self.record_of(&state, next_hops);
        record.links = links_record(links);
        let (slot, fresh) = match self.entries.get(&id).map(|entry| entry.slot) {
            // Its routes lead there: it stays the kernel's until the tables are replaced.
            Some(OVERFLOW_GROUP) => (OVERFLOW_GROUP, false),
            Some(slot) => {
                self.change(slot, &record);
                (slot, false)
            }
            None => self.place(&record),
        };
        for family in AfiSafi::ALL {
            if self.default_group(family) == Some(id) {
                self.change(default_slot(family), &record);
            }
        }
        let old = self.entries.insert(id, Entry { slot, state, record, next_hops: held });
        for slot in old.into_iter().flat_map(|old| old.next_hops) {
            next_hops.release(slot);
        }
        fresh.then_some(slot)
    }

    /// Removes a group that no route leads to.
    pub fn remove<N: Memory>(&mut self, id: GroupId, next_hops: &mut NextHopTable<N>) {
        let Some(entry) = self.entries.remove(&id) else { return };
        if entry.slot != OVERFLOW_GROUP {
            self.slots.retire(entry.slot);
        }
        entry.next_hops.into_iter().for_each(|slot| next_hops.release(slot));
    }

    /// A family's default route leads to this group from now on, or there is none.
    pub fn set_default(&mut self, family: AfiSafi, id: Option<GroupId>) {
        match id {
            Some(id) => self.defaults.insert(family, id),
            None => self.defaults.remove(&family),
        };
        let record = id.and_then(|id| self.entries.get(&id)).map(|entry| entry.record);
        self.change(default_slot(family), &record.unwrap_or(Group::of_kind(GroupKind::NoRoute)));
    }

    /// The group of a family's default route.
    pub fn default_group(&self, family: AfiSafi) -> Option<GroupId> {
        self.defaults.get(&family).copied()
    }

    /// How many default routes there are.
    pub fn default_routes(&self) -> usize {
        self.defaults.len()
    }

    /// Forgets the mirror's groups, but leaves the table as it is.
    pub fn forget(&mut self) {
        self.change(OVERFLOW_GROUP, &Group::of_kind(GroupKind::Overflow));
        // Of groups that are alike each gets its own slot back, if they come in the same order: the last is given first.
        for entry in std::mem::take(&mut self.entries).into_values().rev() {
            if entry.slot != OVERFLOW_GROUP {
                self.adopted.entry(entry.record).or_default().push(entry.slot);
            }
        }
        self.defaults.clear();
        self.next_hops_lacking = 0;
    }

    /// Retires what was taken over and that is no group of the mirror's.
    pub fn drop_unused(&mut self) {
        for slot in std::mem::take(&mut self.adopted).into_values().flatten() {
            self.slots.retire(slot);
        }
    }

    /// The slot that routes to this group lead to.
    pub fn slot(&self, id: GroupId) -> u32 {
        self.entries.get(&id).map_or(OVERFLOW_GROUP, |entry| entry.slot)
    }

    /// Every group of the mirror's.
    pub fn entries(&self) -> impl Iterator<Item = (GroupId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// What lies in a slot.
    pub fn read(&self, slot: u32) -> Group {
        let start = slot as usize * Group::WORDS;
        if slot >= self.count() {
            return Group::of_kind(GroupKind::NoRoute);
        }
        Group::from_words(&std::array::from_fn(|word| self.memory.load(start + word)))
    }

    /// Slots in use or waiting, and slots altogether.
    pub fn usage(&self) -> (usize, usize) {
        let usable = self.count().saturating_sub(FIRST_GROUP) as usize;
        (usable.saturating_sub(self.slots.free()), usable)
    }

    /// Groups that did not get a slot, and times that a next hop did not.
    pub fn overflowed(&self) -> (usize, usize) {
        (self.entries.values().filter(|entry| entry.slot == OVERFLOW_GROUP).count(), self.next_hops_lacking)
    }

    /// Whether no slot is free.
    pub fn is_full(&self) -> bool {
        self.slots.free() == 0
    }

    /// How many words were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many slots wait for a grace period.
    pub fn retired(&self) -> usize {
        self.slots.retired()
    }

    /// A grace period has passed: retired slots may be used again.
    pub fn grace_period_passed(&mut self) {
        for slot in self.slots.grace_period_passed() {
            self.change(slot, &Group::of_kind(GroupKind::NoRoute));
        }
    }

    fn count(&self) -> u32 {
        (self.memory.words() / Group::WORDS) as u32
    }

    /// A slot for a new group, and whether its counters are to be cleared.
    fn place(&mut self, record: &Group) -> (u32, bool) {
        if let Some(slot) = self.adopted.get_mut(record).and_then(Vec::pop) {
            // It should hold this, and mostly does.
            self.change(slot, record);
            return (slot, false);
        }
        match self.slots.take() {
            Some(slot) => {
                self.change(slot, record);
                (slot, true)
            }
            None => (OVERFLOW_GROUP, false),
        }
    }

    fn record_of<N: Memory>(&mut self, state: &GroupState, next_hops: &mut NextHopTable<N>) -> (Group, Vec<u32>) {
        let kind = match state {
            GroupState::Forward(members) => return self.forward_record(members, next_hops),
            GroupState::Local(prefix) => return (of_prefix(GroupKind::Local, *prefix), Vec::new()),
            GroupState::Blackhole(Some(prefix)) => return (of_prefix(GroupKind::Blackhole, *prefix), Vec::new()),
            GroupState::Blackhole(None) => GroupKind::Blackhole,
            GroupState::Unresolved => GroupKind::Unresolved,
            GroupState::Refused => GroupKind::Refused,
            GroupState::Broadcast => GroupKind::Broadcast,
            GroupState::Kernel => GroupKind::Kernel,
        };
        (Group::of_kind(kind), Vec::new())
    }

    fn forward_record<N: Memory>(&mut self, members: &[Member], next_hops: &mut NextHopTable<N>) -> (Group, Vec<u32>) {
        let mut held = Vec::new();
        let mut slots = Vec::with_capacity(members.len());
        for member in members {
            let slot = match member.adjacency {
                None => UNRESOLVED_NEXT_HOP,
                Some(adjacency) => match next_hops.acquire(next_hop(adjacency)) {
                    Some(slot) => {
                        held.push(slot);
                        slot
                    }
                    None => {
                        self.next_hops_lacking += 1;
                        UNRESOLVED_NEXT_HOP
                    }
                },
            };
            slots.push(slot);
        }
        let hops: Vec<Hop> = members.iter().map(|member| member.hop).collect();
        let mut record = Group::of_kind(GroupKind::Forward);
        record.bucket_mask = if members.len() > 1 { BUCKETS as u32 - 1 } else { 0 };
        record.buckets = buckets::assign(&hops).map(|member| slots.get(member).copied().unwrap_or(UNRESOLVED_NEXT_HOP));
        (record, held)
    }

    /// Changes a group that may be in use, word by word: any mixture of old and new sends packets to a next hop of either,
    /// or to the kernel.
    fn change(&mut self, slot: u32, record: &Group) {
        let start = slot as usize * Group::WORDS;
        let words = record.to_words();
        let forwards = record.kind == GroupKind::Forward as u32;
        let buckets = (Group::FIRST_BUCKET..Group::WORDS).chain(1..Group::FIRST_BUCKET);
        // Buckets before the kind that reads them, but the kind before it leaves them.
        let order: Vec<usize> =
            if forwards { buckets.chain([0]).collect() } else { [0].into_iter().chain(buckets).collect() };
        for offset in order {
            if self.memory.load(start + offset) != words[offset] {
                self.memory.store(start + offset, words[offset]);
                self.written += 1;
            }
        }
    }
}

/// The slot that packets go to for which only a family's default route is left.
pub fn default_slot(family: AfiSafi) -> u32 {
    match family {
        AfiSafi::Ipv4Unicast => DEFAULT_GROUP,
        AfiSafi::Ipv6Unicast => DEFAULT_GROUP_6,
    }
}

/// The interfaces as a group has them.
fn links_record(links: &[u32]) -> [u32; LINKS] {
    let mut record = [0; LINKS];
    if links.len() > LINKS {
        record[0] = ANY_LINK;
    } else {
        record[..links.len()].copy_from_slice(links);
    }
    record
}

/// A group of a kind that counts the packets of one prefix.
fn of_prefix(kind: GroupKind, prefix: Prefix) -> Group {
    let mut record = Group::of_kind(kind);
    match prefix.address() {
        IpAddr::V4(address) => {
            record.prefix[..4].copy_from_slice(&address.octets());
            record.family = 1;
        }
        IpAddr::V6(address) => {
            record.prefix = address.octets();
            record.family = 2;
        }
    }
    record.prefix_len = u32::from(prefix.len());
    record
}

fn next_hop(adjacency: Adjacency) -> NextHop {
    NextHop {
        destination_mac: adjacency.mac,
        source_mac: adjacency.own_mac,
        ifindex: adjacency.link,
        mtu: adjacency.mtu,
        reserved: [0; 3],
    }
}
