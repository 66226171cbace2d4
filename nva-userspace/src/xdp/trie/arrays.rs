//! The words of nodes and lists: where they lie, and which may be used.
//!
//! A block holds the words of nodes and lists of one size only, a power of two, so that none crosses its end and a block
//! without any is free for any size.

use std::collections::{BTreeMap, BTreeSet};

use nva_common::table6::{Entry6, LIST_ENTRIES, MAX_DEPTH, NODE_WORDS, Word6};

use crate::xdp::memory::Memory;

/// How many sizes there are: 1, 2, 4, 8, 16, 32 words.
const SIZES: usize = NODE_WORDS.ilog2() as usize + 1;

/// The words of all nodes.
#[derive(Debug)]
pub struct Arrays<N> {
    memory: N,
    blocks: Vec<Block>,
    free: Vec<u32>,
    /// Blocks that may have room for one more, by size. Some may have become full, or something else.
    roomy: [Vec<u32>; SIZES],
    /// Nodes and lists that left the table, by their first word.
    retired: BTreeSet<u32>,
    /// Nodes and lists of a former process that were not asked for so far, and what led to them, by their first word.
    adopted: BTreeMap<u32, Word6>,
    overflowed: usize,
    written: u64,
}

/// What is in a block of words.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Words of each node or list, as a power of two.
    size: usize,
    /// Those that are in use, by position.
    used: u32,
}

impl Block {
    fn capacity(self) -> u32 {
        (NODE_WORDS >> self.size) as u32
    }

    /// The bit of `used` for what begins with this word of the table.
    fn bit(self, first: u32) -> u32 {
        1 << ((first % NODE_WORDS as u32) >> self.size)
    }

    fn vacancy(self) -> Option<u32> {
        let position = self.used.trailing_ones();
        (position < self.capacity()).then_some(position)
    }
}

impl<N: Memory<u64>> Arrays<N> {
    /// The words in this memory, none of them in use.
    pub fn new(memory: N) -> Arrays<N> {
        let blocks = memory.words() / NODE_WORDS;
        Arrays {
            memory,
            blocks: vec![Block::default(); blocks],
            free: (0..blocks as u32).rev().collect(),
            roomy: Default::default(),
            retired: BTreeSet::new(),
            adopted: BTreeMap::new(),
            overflowed: 0,
            written: 0,
        }
    }

    /// The words themselves.
    #[cfg(test)]
    pub fn memory(&self) -> &N {
        &self.memory
    }

    /// The word at a position.
    pub fn load(&self, position: u32) -> Option<u64> {
        let position = position as usize;
        (position < self.memory.words()).then(|| self.memory.load(position))
    }

    /// A word leads to these words of a node, one for each of its slots, from now on: the one that led to `old` before, or
    /// another where nothing fits. `None` if there is no room. What is not led to any more is retired.
    pub fn place(&mut self, old: Word6, words: &[u64; NODE_WORDS]) -> Option<Word6> {
        let (mut runs, mut distinct, mut count) = (1u32, [words[0]; NODE_WORDS], 1);
        for slot in 1..NODE_WORDS {
            if words[slot] != words[slot - 1] {
                runs |= 1 << slot;
                distinct[count] = words[slot];
                count += 1;
            }
        }
        let distinct = &distinct[..count];
        if let Word6::Node { first, runs: same } = old
            && same == runs
        {
            self.write(first, distinct);
            return Some(old);
        }
        self.retire(old);
        match distinct {
            [word] => Some(Word6::from_word(*word)),
            several => {
                let first = self.take(size_of_node(several.len()))?;
                self.write(first, several);
                Some(Word6::Node { first, runs })
            }
        }
    }

    /// The same for a list of these entries.
    pub fn place_list(&mut self, old: Word6, list: &[Entry6]) -> Option<Word6> {
        let mut words = [0; NODE_WORDS];
        let words = words.get_mut(..2 * list.len())?;
        for (pair, entry) in words.chunks_mut(2).zip(list) {
            pair.copy_from_slice(&entry.to_words());
        }
        if let Word6::List { first, entries } = old
            && entries as usize == list.len()
            && list.iter().zip((first..).step_by(2)).all(|(entry, at)| self.has_prefix(at, *entry))
        {
            // Only groups differ, each of which is in one word.
            self.write(first, words);
            return Some(old);
        }
        self.retire(old);
        let first = self.take(size_of_node(words.len()))?;
        self.write(first, words);
        Some(Word6::List { first, entries: list.len() as u32 })
    }

    /// A word is not led to any more.
    pub fn retire(&mut self, word: Word6) {
        match word {
            Word6::Node { first, .. } | Word6::List { first, .. } => {
                self.retired.insert(first);
            }
            Word6::Leaf(_) => {}
        }
    }

    /// Whether the list's entry at a position is of the same prefix.
    fn has_prefix(&self, at: u32, entry: Entry6) -> bool {
        let words = [self.load(at), self.load(at + 1)].map(Option::unwrap_or_default);
        Entry6 { group: entry.group, ..Entry6::from_words(words) } == entry
    }

    /// Nothing is in use but what waits for its grace period: what is in the table is to be adopted.
    pub fn forget(&mut self) {
        self.overflowed = 0;
        self.adopted.clear();
        self.blocks.iter_mut().for_each(|block| block.used = 0);
        for first in &self.retired {
            let block = &mut self.blocks[(first / NODE_WORDS as u32) as usize];
            block.used |= block.bit(*first);
        }
    }

    /// Notes the words of a table that is there, and that are to be claimed or retired.
    pub fn adopt(&mut self, word: Word6) {
        self.adopt_to(word, MAX_DEPTH);
    }

    /// The same to a depth: what a program never comes to is not ours either.
    fn adopt_to(&mut self, word: Word6, depth: u32) {
        let (first, words, is_node) = match word {
            Word6::Node { first, runs } => (first, runs.count_ones(), true),
            Word6::List { first, entries } if entries as usize <= LIST_ENTRIES => (first, 2 * entries, false),
            Word6::List { .. } | Word6::Leaf(_) => return,
        };
        let Some(below) = depth.checked_sub(u32::from(is_node)) else { return };
        let (block, size) = (first / NODE_WORDS as u32, size_of_node(words as usize));
        let offset = first % NODE_WORDS as u32;
        let Some(found) = self.blocks.get_mut(block as usize) else { return };
        // A table that is not as we would have written it: what cannot be is left alone, and written anew.
        let block = Block { size, ..*found };
        if (found.used != 0 && found.size != size)
            || offset & ((1 << size) - 1) != 0
            || found.used & block.bit(first) != 0
        {
            return;
        }
        *found = Block { used: found.used | block.bit(first), ..block };
        self.adopted.insert(first, word);
        for position in first..first.saturating_add(if is_node { words } else { 0 }) {
            if let Some(word) = self.load(position) {
                self.adopt_to(Word6::from_word(word), below);
            }
        }
    }

    /// Everything that is in the table has been adopted.
    pub fn adopted(&mut self) {
        self.free.clear();
        self.roomy.iter_mut().for_each(Vec::clear);
        for (index, block) in self.blocks.iter().enumerate().rev() {
            if block.used == 0 {
                self.free.push(index as u32);
            } else if block.vacancy().is_some() {
                self.roomy[block.size].push(index as u32);
            }
        }
    }

    /// Whether this is a node or list of a former process that nobody has claimed; now it is the caller's.
    pub fn claim(&mut self, word: Word6) -> bool {
        match word {
            Word6::Node { first, .. } | Word6::List { first, .. } => {
                let is_it = self.adopted.get(&first) == Some(&word);
                is_it && self.adopted.remove(&first).is_some()
            }
            Word6::Leaf(_) => false,
        }
    }

    /// Nobody asks for what is left of a former process's table: it has left the table.
    pub fn retire_adopted(&mut self) {
        self.retired.extend(std::mem::take(&mut self.adopted).into_keys());
    }

    /// A node's words do not fit, or fit now.
    pub fn note_overflow(&mut self, before: bool, now: bool) {
        self.overflowed = self.overflowed + usize::from(now) - usize::from(before);
    }

    /// How many nodes' words do not fit.
    pub fn overflowed(&self) -> usize {
        self.overflowed
    }

    /// How many words were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many nodes wait for a grace period.
    pub fn retired(&self) -> usize {
        self.retired.len()
    }

    /// Blocks with nodes in use or waiting, and blocks altogether.
    pub fn usage(&self) -> (usize, usize) {
        (self.blocks.len() - self.free.len(), self.blocks.len())
    }

    /// A grace period has passed: retired words may be used again.
    pub fn grace_period_passed(&mut self) {
        for first in std::mem::take(&mut self.retired) {
            let index = first / NODE_WORDS as u32;
            let block = &mut self.blocks[index as usize];
            let was_full = block.vacancy().is_none();
            block.used &= !block.bit(first);
            if block.used == 0 {
                self.free.push(index);
            } else if was_full {
                self.roomy[block.size].push(index);
            }
        }
    }

    /// Room for a node of a size.
    fn take(&mut self, size: usize) -> Option<u32> {
        let (index, position) = loop {
            match self.roomy[size].last() {
                Some(index) => {
                    let block = self.blocks[*index as usize];
                    match block.vacancy().filter(|_| block.used != 0 && block.size == size) {
                        Some(position) => break (*index, position),
                        None => self.roomy[size].pop(),
                    };
                }
                None => {
                    let index = self.free.pop()?;
                    self.blocks[index as usize] = Block { size, used: 0 };
                    self.roomy[size].push(index);
                    break (index, 0);
                }
            }
        };
        self.blocks[index as usize].used |= 1 << position;
        Some(index * NODE_WORDS as u32 + (position << size))
    }

    fn write(&mut self, first: u32, words: &[u64]) {
        for (position, word) in (first as usize..).zip(words) {
            if self.memory.load(position) != *word {
                self.memory.store(position, *word);
                self.written += 1;
            }
        }
    }
}

/// The size of a node or list with so many words, as a power of two.
fn size_of_node(words: usize) -> usize {
    words.next_power_of_two().ilog2() as usize
}
