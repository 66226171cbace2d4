//! The next hops' slots: one for each distinct next hop, immutable while any group refers to it.

use std::collections::HashMap;

use nva_common::{NextHop, UNRESOLVED_NEXT_HOP};

use super::memory::Memory;
use super::slots::Slots;

/// The next-hop table's writer.
#[derive(Debug)]
pub struct NextHopTable<M> {
    memory: M,
    slots: Slots,
    by_content: HashMap<NextHop, u32>,
    /// What each slot should hold.
    contents: Vec<NextHop>,
    /// How many groups refer to each slot.
    users: Vec<u32>,
    written: u64,
}

impl<M: Memory> NextHopTable<M> {
    /// Takes over a table. What it holds stays until [`NextHopTable::drop_unused`].
    pub fn new(memory: M) -> NextHopTable<M> {
        let count = (memory.words() / NextHop::WORDS) as u32;
        let users = vec![0; count as usize];
        let mut table = NextHopTable {
            memory,
            slots: Slots::default(),
            by_content: HashMap::new(),
            contents: vec![NextHop::default(); users.len()],
            users,
            written: 0,
        };
        let (mut free, mut duplicates) = (Vec::new(), Vec::new());
        for slot in UNRESOLVED_NEXT_HOP + 1..count {
            let found = table.read(slot);
            table.contents[slot as usize] = found;
            if found.ifindex == 0 {
                free.push(slot);
            } else if *table.by_content.entry(found).or_insert(slot) != slot {
                duplicates.push(slot);
            }
        }
        // A group of the old table may still refer to a duplicate: nothing is freed before the table is synchronised.
        table.slots = Slots::new(free, duplicates);
        table
    }

    /// The slot of a next hop, written if it is new, for one more user. `None` if the table is full.
    pub fn acquire(&mut self, next_hop: NextHop) -> Option<u32> {
        let slot = match self.by_content.get(&next_hop).copied() {
            Some(slot) => {
                // It should hold this, and mostly does.
                self.write(slot, &next_hop);
                slot
            }
            None => {
                let slot = self.slots.take()?;
                self.write(slot, &next_hop);
                self.by_content.insert(next_hop, slot);
                slot
            }
        };
        self.users[slot as usize] += 1;
        Some(slot)
    }

    /// One user less.
    pub fn release(&mut self, slot: u32) {
        let users = &mut self.users[slot as usize];
        *users = users.saturating_sub(1);
        if *users == 0 {
            self.retire(slot);
        }
    }

    /// Forgets all users, but leaves the table as it is until [`NextHopTable::drop_unused`].
    pub fn forget(&mut self) {
        self.users.fill(0);
    }

    /// Retires what was taken over and that nobody asked for.
    pub fn drop_unused(&mut self) {
        let unused: Vec<u32> =
            self.by_content.values().filter(|slot| self.users[**slot as usize] == 0).copied().collect();
        unused.into_iter().for_each(|slot| self.retire(slot));
    }

    /// What lies in a slot.
    pub fn read(&self, slot: u32) -> NextHop {
        let start = slot as usize * NextHop::WORDS;
        if start + NextHop::WORDS > self.memory.words() {
            return NextHop::default();
        }
        NextHop::from_words(&std::array::from_fn(|word| self.memory.load(start + word)))
    }

    /// Slots in use or waiting, and slots altogether.
    pub fn usage(&self) -> (usize, usize) {
        (self.users.len().saturating_sub(1 + self.slots.free()), self.users.len().saturating_sub(1))
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
            self.write(slot, &NextHop::default());
        }
    }

    fn retire(&mut self, slot: u32) {
        self.by_content.remove(&self.contents[slot as usize]);
        self.slots.retire(slot);
    }

    fn write(&mut self, slot: u32, next_hop: &NextHop) {
        self.contents[slot as usize] = *next_hop;
        let start = slot as usize * NextHop::WORDS;
        for (offset, word) in next_hop.to_words().into_iter().enumerate() {
            if self.memory.load(start + offset) != word {
                self.memory.store(start + offset, word);
                self.written += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_hop(ifindex: u32) -> NextHop {
        NextHop { ifindex, mtu: 1500, ..NextHop::default() }
    }

    fn table(slots: usize) -> NextHopTable<Vec<u32>> {
        NextHopTable::new(vec![0; slots * NextHop::WORDS])
    }

    #[test]
    fn equal_next_hops_share_a_slot_that_is_free_after_the_last_and_a_grace_period() {
        let mut table = table(2);
        assert_eq!((table.acquire(next_hop(5)), table.acquire(next_hop(5))), (Some(1), Some(1)));
        assert_eq!(table.acquire(next_hop(6)), None, "slot 0 is not to be had");
        table.release(1);
        assert_eq!(table.retired(), 0);
        table.release(1);
        assert_eq!((table.retired(), table.read(1)), (1, next_hop(5)), "readers may still be there");
        assert_eq!(table.acquire(next_hop(5)), None, "not even for the same");
        table.grace_period_passed();
        assert_eq!(table.acquire(next_hop(6)), Some(1));
    }

    #[test]
    fn what_is_taken_over_stays_if_it_is_asked_for() {
        let mut former = table(4);
        for ifindex in [5, 6] {
            former.acquire(next_hop(ifindex)).expect("a slot");
        }
        let mut table = NextHopTable::new(former.memory);
        assert_eq!(table.acquire(next_hop(6)), Some(2));
        assert_eq!(table.acquire(next_hop(7)), Some(3));
        table.drop_unused();
        table.grace_period_passed();
        assert_eq!((table.read(1), table.read(2)), (NextHop::default(), next_hop(6)));
        assert_eq!(table.usage(), (2, 3));
    }
}
