//! A node of the trie as the writer knows it: the prefixes that end in it, the nodes below, and the word that stands for it.

use nva_common::OVERFLOW_GROUP;
use nva_common::table6::{Entry6, LIST_ENTRIES, NODE_WORDS, STRIDE, Word6, run_of};

use super::arrays::Arrays;
use super::{NO_GROUP, slot};
use crate::xdp::memory::Memory;

/// Five bits of an address, below others.
#[derive(Debug)]
pub struct Node {
    /// What leads here: a leaf where all below is the same, or has no room in the table. `None` if nothing does, because a
    /// list above has all that is here, or because it was not asked for yet.
    word: Option<Word6>,
    overflowed: bool,
    /// Something here or below has changed since that word was made.
    stale: bool,
    /// The group of the longest prefix above.
    cover: u32,
    /// The prefixes that end here, by how many of the node's bits they have and by their first slot.
    prefixes: Vec<(u32, u32, u32)>,
    /// The nodes below, by slot.
    children: Vec<(u32, Node)>,
    /// How many prefixes end here or below.
    count: u32,
    /// How many of them look at more than an address's first 64 bits.
    long: u32,
}

/// Where a node is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The bits of an address that lead there, and zeros behind them.
    pub path: u128,
    /// How many these are.
    pub depth: u32,
}

impl Place {
    fn below(self, slot: u32) -> Place {
        Place { path: self.path | self.bits(slot), depth: self.depth + STRIDE }
    }

    /// A slot of the node there, as bits of an address.
    fn bits(self, slot: u32) -> u128 {
        u128::from(slot) << (u128::BITS - self.depth - STRIDE)
    }
}

/// A prefix that is set or removed.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// What is left of its address below a node.
    pub rest: u128,
    /// How many bits of that it has.
    pub length: u32,
    /// Its group from now on, if it has one.
    pub group: Option<u32>,
    /// It looks at more than an address's first 64 bits.
    pub is_long: bool,
}

impl Node {
    /// A node without prefixes, below a prefix with this group.
    pub fn new(cover: u32) -> Node {
        Node {
            word: None,
            overflowed: false,
            stale: true,
            cover,
            prefixes: Vec::new(),
            children: Vec::new(),
            count: 0,
            long: 0,
        }
    }

    /// Whether it is of no use.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes that a prefix is set or removed; [`Node::render`] brings it into the table. Returns its group before.
    pub fn change(&mut self, change: Change) -> Option<u32> {
        let at = slot(change.rest);
        let old = if change.length <= STRIDE {
            self.set(change.length, at, change.group)
        } else {
            let below = Change { rest: change.rest << STRIDE, length: change.length - STRIDE, ..change };
            match self.children.binary_search_by_key(&at, |(slot, _)| *slot) {
                Ok(place) => {
                    let child = &mut self.children[place].1;
                    let old = child.change(below);
                    // What is in the table leaves it by `render`.
                    if child.is_empty() && child.word.is_none() {
                        self.children.remove(place);
                    }
                    old
                }
                Err(_) if change.group.is_none() => None,
                Err(place) => {
                    let mut child = Node::new(NO_GROUP);
                    let old = child.change(below);
                    self.children.insert(place, (at, child));
                    old
                }
            }
        };
        self.stale |= old != change.group;
        let more = u32::from(change.group.is_some());
        let less = u32::from(old.is_some());
        self.count = self.count + more - less;
        if change.is_long {
            self.long = self.long + more - less;
        }
        old
    }

    /// Makes what lies in the table what it should be below a prefix of this group, here and wherever below that depends on
    /// it. Returns what is to lead here.
    pub fn render<N: Memory<u64>>(&mut self, cover: u32, place: Place, arrays: &mut Arrays<N>) -> Word6 {
        if let Some(word) = self.word
            && !self.stale
            && self.cover == cover
        {
            return word;
        }
        self.cover = cover;
        self.drop_empty(arrays);
        if self.is_list() {
            self.children.iter_mut().for_each(|(_, child)| child.withdraw(arrays));
        } else {
            let leaves = self.leaves();
            for (slot, child) in &mut self.children {
                child.render(leaves[*slot as usize], place.below(*slot), arrays);
            }
        }
        self.settle(place, arrays)
    }

    /// Takes over what a former process had here, and makes it what it should be below a prefix of this group. Returns what is
    /// to lead here.
    pub fn adopt<N: Memory<u64>>(&mut self, found: Word6, cover: u32, place: Place, arrays: &mut Arrays<N>) -> Word6 {
        let found = if arrays.claim(found) { found } else { Word6::Leaf(NO_GROUP) };
        self.word = Some(found);
        self.cover = cover;
        self.drop_empty(arrays);
        if !self.is_list() {
            let leaves = self.leaves();
            for (slot, child) in &mut self.children {
                let below = match found {
                    Word6::Node { first, runs } => arrays.load(first + run_of(runs, *slot)),
                    Word6::List { .. } | Word6::Leaf(_) => None,
                };
                let below = below.map_or(Word6::Leaf(NO_GROUP), Word6::from_word);
                child.adopt(below, leaves[*slot as usize], place.below(*slot), arrays);
            }
        }
        self.settle(place, arrays)
    }

    /// Has what overflowed tried again by the next [`Node::render`]. Whether there is such a thing.
    pub fn retry(&mut self) -> bool {
        // What is not in the table by itself, because a list has it, has not overflowed.
        for (_, child) in self.children.iter_mut().filter(|(_, child)| child.word.is_some()) {
            self.stale |= child.retry();
        }
        self.stale |= self.overflowed;
        self.stale
    }

    /// How many of the bits that are left the longest prefix has that ends here or below.
    pub fn longest_match(&self, rest: u128) -> Option<u32> {
        let at = slot(rest);
        let child = self.children.iter().find(|(slot, _)| *slot == at);
        let below = child.and_then(|(_, child)| child.longest_match(rest << STRIDE)).map(|length| STRIDE + length);
        let covers = |(length, first, _): &&(u32, u32, u32)| (first ^ at) >> (STRIDE - length) == 0;
        below.or_else(|| self.prefixes.iter().rev().find(covers).map(|(length, _, _)| *length))
    }

    /// How many nodes there are here and below.
    #[cfg(test)]
    pub fn nodes(&self) -> usize {
        1 + self.children.iter().map(|(_, child)| child.nodes()).sum::<usize>()
    }

    fn set(&mut self, length: u32, first: u32, group: Option<u32>) -> Option<u32> {
        let found = self.prefixes.binary_search_by_key(&(length, first), |(length, first, _)| (*length, *first));
        match (found, group) {
            (Ok(at), Some(group)) => Some(std::mem::replace(&mut self.prefixes[at].2, group)),
            (Ok(at), None) => Some(self.prefixes.remove(at).2),
            (Err(at), Some(group)) => {
                self.prefixes.insert(at, (length, first, group));
                None
            }
            (Err(_), None) => None,
        }
    }

    /// Nodes below that have become empty leave the table.
    fn drop_empty<N: Memory<u64>>(&mut self, arrays: &mut Arrays<N>) {
        self.children.retain_mut(|(_, child)| {
            if child.is_empty() {
                child.withdraw(arrays);
            }
            !child.is_empty()
        });
    }

    /// Nothing leads here any more, nor to what is below.
    fn withdraw<N: Memory<u64>>(&mut self, arrays: &mut Arrays<N>) {
        let Some(word) = self.word.take() else { return };
        arrays.retire(word);
        arrays.note_overflow(std::mem::take(&mut self.overflowed), false);
        self.children.iter_mut().for_each(|(_, child)| child.withdraw(arrays));
        self.children.retain(|(_, child)| !child.is_empty());
    }

    /// Whether a list has it all. Without nodes below, a node's own words are found sooner.
    fn is_list(&self) -> bool {
        // One entry is the cover's.
        !self.children.is_empty() && self.long == 0 && (self.count as usize) < LIST_ENTRIES
    }

    /// Each slot's group, as the prefixes that end here or above have it.
    fn leaves(&self) -> [u32; NODE_WORDS] {
        let mut leaves = [self.cover; NODE_WORDS];
        for (length, first, group) in &self.prefixes {
            let first = *first as usize;
            leaves[first..first + (NODE_WORDS >> length)].fill(*group);
        }
        leaves
    }

    /// Brings it into the table, once everything below is there.
    fn settle<N: Memory<u64>>(&mut self, place: Place, arrays: &mut Arrays<N>) -> Word6 {
        let old = self.word.unwrap_or(Word6::Leaf(NO_GROUP));
        let placed = if self.is_list() {
            arrays.place_list(old, &self.list(place))
        } else {
            let mut words = self.leaves().map(|group| Word6::Leaf(group).to_word());
            for (slot, child) in &self.children {
                words[*slot as usize] = child.word.map_or(0, Word6::to_word);
            }
            arrays.place(old, &words)
        };
        let word = placed.unwrap_or(Word6::Leaf(OVERFLOW_GROUP));
        arrays.note_overflow(std::mem::replace(&mut self.overflowed, placed.is_none()), placed.is_none());
        self.word = Some(word);
        self.stale = false;
        word
    }

    /// The prefixes here and below, the longest first, and what covers the rest.
    fn list(&self, place: Place) -> Vec<Entry6> {
        let mut list = vec![entry(place.path, place.depth, self.cover)];
        self.add_to(&mut list, place);
        list.sort_by_key(|entry| entry.ignored);
        list
    }

    fn add_to(&self, list: &mut Vec<Entry6>, place: Place) {
        let here = self.prefixes.iter();
        list.extend(
            here.map(|(length, first, group)| entry(place.path | place.bits(*first), place.depth + length, *group)),
        );
        for (slot, child) in &self.children {
            child.add_to(list, place.below(*slot));
        }
    }
}

/// A prefix of at most 64 bits.
fn entry(address: u128, length: u32, group: u32) -> Entry6 {
    Entry6 { prefix: (address >> u64::BITS) as u64, ignored: u64::BITS - length, group }
}
