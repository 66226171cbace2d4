//! The writer of the IPv6 table: a word for the first 18 bits of an address, and below it nodes of five bits each, or lists
//! of the few prefixes that there are ([`nva_common::table6`]).
//!
//! Readers run all the time. A word is switched as a whole and only ever leads to what is complete; words that left the
//! table are used again only after a grace period, of which the caller says when it has passed. A table that comes from a
//! former process forwards as it is until [`Trie::synchronise`] has compared every word with what should be there.

mod arrays;
mod node;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use nva_common::table6::{
    Entry6, LIST_ENTRIES, MAX_DEPTH, NODE_WORDS, ROOT_BITS, ROOT_ENTRIES, STRIDE, Word6, entry_of, run_of,
};
use nva_common::{DEFAULT_GROUP_6, OVERFLOW_GROUP};

use self::arrays::Arrays;
use self::node::{Change, Node, Place};
use super::memory::Memory;

/// The bits of an address below the root's.
const BELOW_ROOT: u32 = u128::BITS - ROOT_BITS;
/// As the root has it where no prefix covers.
const NO_GROUP: u32 = 0;

/// The table's writer. Prefixes are an address, as a number without host bits, and a length from 1 to 128: the default route
/// is not in the table.
#[derive(Debug)]
pub struct Trie<R, N> {
    root: R,
    arrays: Arrays<N>,
    /// The groups of prefixes that are no longer than the root tells apart, by length and by the first of their words.
    short: Vec<HashMap<u32, u32>>,
    /// What is below the root's words.
    nodes: HashMap<u32, Node>,
    prefixes: usize,
    synchronised: bool,
    /// Words of the root that were written so far.
    written: u64,
}

impl<R: Memory<u64>, N: Memory<u64>> Trie<R, N> {
    /// Takes over a table with whatever it holds. Until [`Trie::synchronise`], changes are only noted.
    pub fn new(root: R, nodes: N) -> Trie<R, N> {
        let mut trie = Trie {
            root,
            arrays: Arrays::new(nodes),
            short: (0..=ROOT_BITS).map(|_| HashMap::new()).collect(),
            nodes: HashMap::new(),
            prefixes: 0,
            synchronised: false,
            written: 0,
        };
        trie.forget();
        trie
    }

    /// Sets the group of a prefix.
    pub fn insert(&mut self, address: u128, length: u8, group: u32) {
        self.change(address, length, Some(group));
    }

    /// Removes a prefix; what it covered goes to the next shorter one.
    pub fn remove(&mut self, address: u128, length: u8) {
        self.change(address, length, None);
    }

    /// Forgets every prefix, but leaves the table as it is until the next [`Trie::synchronise`].
    pub fn forget(&mut self) {
        self.short.iter_mut().for_each(HashMap::clear);
        self.nodes.clear();
        self.prefixes = 0;
        self.synchronised = false;
        self.arrays.forget();
        for index in 0..self.root.words() {
            self.arrays.adopt(Word6::from_word(self.root.load(index)));
        }
        self.arrays.adopted();
    }

    /// Makes every word what it should be, and touches no word that is.
    pub fn synchronise(&mut self) {
        let mut covers = vec![NO_GROUP; ROOT_ENTRIES];
        for (length, prefixes) in self.short.iter().enumerate() {
            for (first, group) in prefixes {
                let first = *first as usize;
                covers[first..first + (ROOT_ENTRIES >> length)].fill(*group);
            }
        }
        for (index, cover) in covers.into_iter().enumerate() {
            let word = match self.nodes.get_mut(&(index as u32)) {
                Some(node) => {
                    let found = Word6::from_word(self.root.load(index));
                    node.adopt(found, cover, place(index as u32), &mut self.arrays)
                }
                None => Word6::Leaf(cover),
            };
            self.settle(index, word);
        }
        self.arrays.retire_adopted();
        self.synchronised = true;
    }

    /// Whether the table is what the prefixes say.
    pub fn is_synchronised(&self) -> bool {
        self.synchronised
    }

    /// The group that the table itself leads to, as the BPF program reads it.
    pub fn lookup(&self, address: u128) -> u32 {
        let mut word = Word6::from_word(self.root.load((address >> BELOW_ROOT) as usize));
        let mut rest = address << ROOT_BITS;
        for _ in 0..MAX_DEPTH {
            let Word6::Node { first, runs } = word else { break };
            let position = first.wrapping_add(run_of(runs, slot(rest)));
            word = self.arrays.load(position).map_or(Word6::Leaf(OVERFLOW_GROUP), Word6::from_word);
            rest <<= STRIDE;
        }
        let group = match word {
            Word6::Leaf(group) => group,
            Word6::List { first, .. } => self.listed(first, (address >> u64::BITS) as u64),
            Word6::Node { .. } => NO_GROUP,
        };
        if group == NO_GROUP { DEFAULT_GROUP_6 } else { group }
    }

    /// The group of the first prefix in a list that covers the address.
    fn listed(&self, first: u32, high: u64) -> u32 {
        let word = |position: u32| self.arrays.load(position).unwrap_or_default();
        let block = first - first % NODE_WORDS as u32;
        let positions = (0..LIST_ENTRIES).map(|entry| block + entry_of(first, entry) as u32);
        let mut entries = positions.map(|at| Entry6::from_words([word(at), word(at + 1)]));
        entries.find(|entry| entry.covers(high)).map_or(NO_GROUP, |entry| entry.group)
    }

    /// The length of the longest prefix that was inserted and covers the address.
    pub fn longest_match(&self, address: u128) -> Option<u8> {
        let index = (address >> BELOW_ROOT) as u32;
        let below = self.nodes.get(&index).and_then(|node| node.longest_match(address << ROOT_BITS));
        let longest = below.map(|length| ROOT_BITS + length);
        longest.or_else(|| self.cover(index).map(|(length, _)| length)).and_then(|length| u8::try_from(length).ok())
    }

    /// How many prefixes there are.
    pub fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// Blocks of words that are in the table or wait for their grace period, and blocks altogether.
    pub fn block_usage(&self) -> (usize, usize) {
        self.arrays.usage()
    }

    /// How many nodes' packets the kernel forwards for want of room.
    pub fn overflowed(&self) -> usize {
        self.arrays.overflowed()
    }

    /// How many words were written so far.
    pub fn written(&self) -> u64 {
        self.written + self.arrays.written()
    }

    /// How many nodes' words wait for a grace period.
    pub fn retired(&self) -> usize {
        self.arrays.retired()
    }

    /// A grace period has passed since the last change: retired words may be used again. Gives them to nodes that
    /// overflowed.
    pub fn grace_period_passed(&mut self) {
        self.arrays.grace_period_passed();
        if self.arrays.overflowed() == 0 {
            return;
        }
        let indexes: Vec<u32> = self.nodes.keys().copied().collect();
        for index in indexes {
            if self.nodes.get_mut(&index).is_some_and(Node::retry) {
                self.refresh(index);
            }
        }
    }

    fn change(&mut self, address: u128, length: u8, group: Option<u32>) {
        let index = (address >> BELOW_ROOT) as u32;
        let length = u32::from(length);
        let old = if length <= ROOT_BITS {
            let prefixes = &mut self.short[length as usize];
            let old = match group {
                Some(group) => prefixes.insert(index, group),
                None => prefixes.remove(&index),
            };
            if self.synchronised && old != group {
                (index..index + (1 << (ROOT_BITS - length))).for_each(|index| self.refresh(index));
            }
            old
        } else {
            self.change_below(index, address << ROOT_BITS, length - ROOT_BITS, group)
        };
        self.prefixes = self.prefixes + usize::from(group.is_some()) - usize::from(old.is_some());
    }

    /// Changes a prefix below a word of the root. Returns its group before.
    fn change_below(&mut self, index: u32, rest: u128, length: u32, group: Option<u32>) -> Option<u32> {
        if group.is_none() && !self.nodes.contains_key(&index) {
            return None;
        }
        let node = self.nodes.entry(index).or_insert_with(|| Node::new(NO_GROUP));
        let old = node.change(Change { rest, length, group, is_long: ROOT_BITS + length > u64::BITS });
        let is_empty = node.is_empty();
        if self.synchronised && old != group {
            self.refresh(index);
        }
        if is_empty {
            self.nodes.remove(&index);
        }
        old
    }

    /// Makes a word of the root, and what is below it, what the short prefixes say now.
    fn refresh(&mut self, index: u32) {
        let cover = self.cover(index).map_or(NO_GROUP, |(_, group)| group);
        let word = match self.nodes.get_mut(&index) {
            Some(node) => node.render(cover, place(index), &mut self.arrays),
            None => Word6::Leaf(cover),
        };
        self.settle(index as usize, word);
    }

    fn settle(&mut self, index: usize, word: Word6) {
        let word = word.to_word();
        if self.root.load(index) != word {
            self.root.store(index, word);
            self.written += 1;
        }
    }

    /// The longest prefix that covers a whole word of the root.
    fn cover(&self, index: u32) -> Option<(u32, u32)> {
        let prefixes =
            |length: u32| self.short[length as usize].get(&(index >> (ROOT_BITS - length) << (ROOT_BITS - length)));
        (1..=ROOT_BITS).rev().find_map(|length| Some((length, *prefixes(length)?)))
    }
}

/// Where the node below a word of the root is.
fn place(index: u32) -> Place {
    Place { path: u128::from(index) << BELOW_ROOT, depth: ROOT_BITS }
}

/// The first [`STRIDE`] bits.
fn slot(rest: u128) -> u32 {
    (rest >> (u128::BITS - STRIDE)) as u32
}
