//! The writer of the IPv4 table, DIR-24-8: one word for each /24, and blocks of 256 words for those /24s that hold longer
//! prefixes. (Gupta, Lin, McKeown: Routing Lookups in Hardware at Memory Access Speeds, 1998.)
//!
//! Readers run all the time. A word is switched as a whole and only ever leads to what is complete; a block that left the
//! table is used again only after a grace period, of which the caller says when it has passed. A table that comes from a
//! former process forwards as it is until [`Dir24::synchronise`] has compared every word with what should be there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nva_common::{BLOCK_ENTRIES, DEFAULT_GROUP, OVERFLOW_GROUP, block_entry, entry_block};
use thiserror::Error;

use super::memory::Memory;

/// There is no block for a prefix longer than /24: the kernel forwards its whole /24 for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the XDP table has no block left for a prefix longer than /24: the kernel forwards that /24")]
pub struct TableFull;

/// The table's writer. The table has a word for each /24 from 0.0.0.0/24 on, all of them but in tests. Prefixes are an address, as a number without host bits, and a length from 1 to 32: the default
/// route is not in the table.
#[derive(Debug)]
pub struct Dir24<T, B> {
    table: T,
    blocks: B,
    /// The length of the prefix of at most 24 bits that covers each /24; 0 for none.
    depths: Vec<u8>,
    /// The groups of prefixes up to /24, by length and address.
    short: Vec<HashMap<u32, u32>>,
    /// The groups of longer prefixes.
    long: BTreeMap<(u32, u8), u32>,
    /// The /24 that each block belongs to; `None` if it is free or retired.
    owners: Vec<Option<u32>>,
    free: Vec<u32>,
    retired: Vec<u32>,
    /// The /24s that the kernel forwards for want of a block.
    overflowed: BTreeSet<u32>,
    synchronised: bool,
    written: u64,
}

impl<T: Memory, B: Memory> Dir24<T, B> {
    /// Takes over a table with whatever it holds. Until [`Dir24::synchronise`], changes are only noted.
    pub fn new(table: T, blocks: B) -> Dir24<T, B> {
        let block_count = blocks.words() / BLOCK_ENTRIES;
        let mut owners = vec![None; block_count];
        for index in 0..table.words() {
            if let Some(owner) = entry_block(table.load(index)).and_then(|block| owners.get_mut(block as usize)) {
                owner.get_or_insert(index as u32);
            }
        }
        let free = (0..block_count).rev().filter(|block| owners[*block].is_none()).map(|block| block as u32).collect();
        Dir24 {
            depths: vec![0; table.words()],
            table,
            blocks,
            short: (0..=24).map(|_| HashMap::new()).collect(),
            long: BTreeMap::new(),
            owners,
            free,
            retired: Vec::new(),
            overflowed: BTreeSet::new(),
            synchronised: false,
            written: 0,
        }
    }

    /// Sets the group of a prefix.
    pub fn insert(&mut self, address: u32, length: u8, group: u32) -> Result<(), TableFull> {
        if length > 24 {
            self.long.insert((address, length), group);
            return if self.synchronised { self.repaint(address >> 8) } else { Ok(()) };
        }
        self.short[usize::from(length)].insert(address, group);
        if self.synchronised { self.paint(address, length, |depth| depth <= length, length, group) } else { Ok(()) }
    }

    /// Removes a prefix; what it covered goes to the next shorter one.
    pub fn remove(&mut self, address: u32, length: u8) -> Result<(), TableFull> {
        if length > 24 {
            self.long.remove(&(address, length));
            return if self.synchronised { self.repaint(address >> 8) } else { Ok(()) };
        }
        if self.short[usize::from(length)].remove(&address).is_none() || !self.synchronised {
            return Ok(());
        }
        let cover = (1..length).rev().find_map(|shorter| {
            let group = self.short[usize::from(shorter)].get(&network(address, shorter))?;
            Some((shorter, *group))
        });
        let (depth, group) = cover.unwrap_or((0, DEFAULT_GROUP));
        self.paint(address, length, |old| old == length, depth, group)
    }

    /// Forgets every prefix, but leaves the table as it is until the next [`Dir24::synchronise`].
    pub fn forget(&mut self) {
        self.short.iter_mut().for_each(HashMap::clear);
        self.long.clear();
        self.overflowed.clear();
        self.synchronised = false;
    }

    /// Makes every word what it should be, and touches no word that is.
    pub fn synchronise(&mut self) {
        self.depths.fill(0);
        let mut covers = vec![DEFAULT_GROUP; self.table.words()];
        for (length, prefixes) in (0u8..).zip(&self.short) {
            for (address, group) in prefixes {
                let first = (address >> 8) as usize;
                let words = first..first + (1 << (24 - length));
                self.depths[words.clone()].fill(length);
                covers[words].fill(*group);
            }
        }
        self.synchronised = true;
        let mut with_blocks: Vec<u32> = self.long.keys().map(|(address, _)| address >> 8).collect();
        with_blocks.dedup();
        let mut with_blocks = with_blocks.into_iter().peekable();
        for (index, cover) in (0u32..).zip(covers) {
            if with_blocks.next_if_eq(&index).is_some() {
                // Without a block, the /24 is among the overflowed.
                self.repaint(index).unwrap_or_default();
            } else {
                self.settle(index, cover);
            }
        }
    }

    /// Whether the table is what the prefixes say.
    pub fn is_synchronised(&self) -> bool {
        self.synchronised
    }

    /// The group that the table itself leads to, as the BPF program reads it.
    pub fn lookup(&self, address: u32) -> u32 {
        let word = self.table.load((address >> 8) as usize);
        match entry_block(word) {
            Some(block) => {
                let index = block as usize * BLOCK_ENTRIES + (address & 0xff) as usize;
                if index < self.blocks.words() { self.blocks.load(index) } else { OVERFLOW_GROUP }
            }
            None => word,
        }
    }

    /// The length of the longest prefix that was inserted and covers the address.
    pub fn longest_match(&self, address: u32) -> Option<u8> {
        let long = (25..=32).rev().find(|length| self.long.contains_key(&(network(address, *length), *length)));
        let short = || {
            let covers = |length: &u8| self.short[usize::from(*length)].contains_key(&network(address, *length));
            (1..=24).rev().find(covers)
        };
        long.or_else(short)
    }

    /// How many prefixes there are.
    pub fn prefixes(&self) -> usize {
        self.short.iter().map(HashMap::len).sum::<usize>() + self.long.len()
    }

    /// Blocks that are in the table or wait for their grace period, and blocks altogether.
    pub fn block_usage(&self) -> (usize, usize) {
        (self.owners.len() - self.free.len(), self.owners.len())
    }

    /// How many /24s the kernel forwards for want of a block.
    pub fn overflowed(&self) -> usize {
        self.overflowed.len()
    }

    /// How many words were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many blocks wait for a grace period.
    pub fn retired(&self) -> usize {
        self.retired.len()
    }

    /// A grace period has passed since the last change: retired blocks may be used again. Gives them to /24s that
    /// overflowed.
    pub fn grace_period_passed(&mut self) {
        self.free.append(&mut self.retired);
        for index in self.overflowed.clone() {
            if self.free.is_empty() || self.repaint(index).is_err() {
                break;
            }
        }
    }

    /// Writes a group over the words of a prefix of at most 24 bits whose depth is to be replaced.
    fn paint(
        &mut self,
        address: u32,
        length: u8,
        replaces: impl Fn(u8) -> bool,
        depth: u8,
        group: u32,
    ) -> Result<(), TableFull> {
        let first = address >> 8;
        let mut full = Ok(());
        for index in first..first + (1 << (24 - length)) {
            let old = &mut self.depths[index as usize];
            if !replaces(*old) {
                continue;
            }
            *old = depth;
            if self.block_of(index).is_some() || self.overflowed.contains(&index) {
                full = full.and(self.repaint(index));
            } else {
                self.settle(index, group);
            }
        }
        full
    }

    /// Makes the words of one /24 what they should be, from the prefixes alone.
    fn repaint(&mut self, index: u32) -> Result<(), TableFull> {
        let cover = self.cover(index);
        let first = index << 8;
        let mut inside: Vec<(u8, u32, u32)> = self
            .long
            .range((first, 0)..=(first | 0xff, u8::MAX))
            .map(|((at, length), group)| (*length, *at, *group))
            .collect();
        if inside.is_empty() {
            self.overflowed.remove(&index);
            self.settle(index, cover);
            return Ok(());
        }
        inside.sort_unstable();
        let mut words = [cover; BLOCK_ENTRIES];
        for (length, at, group) in inside {
            let start = (at & 0xff) as usize;
            words[start..start + (1 << (32 - length))].fill(group);
        }
        let (block, is_new) = match self.block_of(index) {
            Some(block) => (block, false),
            None => match self.free.pop() {
                Some(block) => (block, true),
                None => {
                    self.overflowed.insert(index);
                    self.settle(index, OVERFLOW_GROUP);
                    return Err(TableFull);
                }
            },
        };
        let start = block as usize * BLOCK_ENTRIES;
        for (offset, word) in words.into_iter().enumerate() {
            if self.blocks.load(start + offset) != word {
                self.blocks.store(start + offset, word);
                self.written += 1;
            }
        }
        if is_new {
            self.owners[block as usize] = Some(index);
            self.table.store(index as usize, block_entry(block));
            self.written += 1;
            self.overflowed.remove(&index);
        }
        Ok(())
    }

    /// Makes the word of a /24 this group, and retires the block that it led to.
    fn settle(&mut self, index: u32, group: u32) {
        let block = self.block_of(index);
        if self.table.load(index as usize) != group {
            self.table.store(index as usize, group);
            self.written += 1;
        }
        if let Some(block) = block {
            self.owners[block as usize] = None;
            self.retired.push(block);
        }
    }

    /// The block that a /24's word leads to and that is its own: a table from elsewhere may be wrong.
    fn block_of(&self, index: u32) -> Option<u32> {
        let block = entry_block(self.table.load(index as usize))?;
        let owner = self.owners.get(block as usize)?;
        (*owner == Some(index)).then_some(block)
    }

    /// The group of the longest prefix of at most 24 bits that covers a /24.
    fn cover(&self, index: u32) -> u32 {
        let depth = self.depths[index as usize];
        let group = self.short[usize::from(depth)].get(&network(index << 8, depth));
        group.copied().unwrap_or(DEFAULT_GROUP)
    }
}

/// The address with only its first `length` bits.
fn network(address: u32, length: u8) -> u32 {
    address & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
