//! A node of the trie as the writer knows it: the prefixes that end in it, the nodes below, and the word that stands for it.

use nva_common::OVERFLOW_GROUP;
use nva_common::table6::{NODE_WORDS, STRIDE, Word6, run_of};

use super::arrays::Arrays;
use super::{NO_GROUP, slot};
use crate::xdp::memory::Memory;

/// Five bits of an address, below others.
#[derive(Debug)]
pub struct Node {
    /// What leads here: a leaf where all below is the same, or has no room in the table.
    word: Word6,
    overflowed: bool,
    /// The group of the longest prefix above.
    cover: u32,
    /// The prefixes that end here, by how many of the node's bits they have and by their first slot.
    prefixes: Vec<(u32, u32, u32)>,
    /// The nodes below, by slot.
    children: Vec<(u32, Node)>,
}

impl Node {
    /// A node without prefixes, below a prefix with this group.
    pub fn new(cover: u32) -> Node {
        Node { word: Word6::Leaf(cover), overflowed: false, cover, prefixes: Vec::new(), children: Vec::new() }
    }

    /// What leads here.
    pub fn word(&self) -> Word6 {
        self.word
    }

    /// Whether it is of no use.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && self.children.is_empty()
    }

    /// Sets or removes a prefix: what is left of its address, and how many bits of it. Returns its group before. Without
    /// arrays, it is only noted.
    pub fn change<N: Memory<u64>>(
        &mut self,
        rest: u128,
        length: u32,
        group: Option<u32>,
        mut arrays: Option<&mut Arrays<N>>,
    ) -> Option<u32> {
        let at = slot(rest);
        let old = if length <= STRIDE {
            self.set(length, at, group)
        } else {
            let place = match self.children.binary_search_by_key(&at, |(slot, _)| *slot) {
                Ok(place) => place,
                Err(_) if group.is_none() => return None,
                Err(place) => {
                    let cover = self.leaves()[at as usize];
                    self.children.insert(place, (at, Node::new(cover)));
                    place
                }
            };
            let (_, child) = &mut self.children[place];
            let old = child.change(rest << STRIDE, length - STRIDE, group, arrays.as_deref_mut());
            if child.is_empty() {
                self.children.remove(place);
            }
            old
        };
        if let Some(arrays) = arrays
            && old != group
        {
            self.render(arrays);
        }
        old
    }

    /// Follows a change of the prefixes above. Returns what leads here now.
    pub fn cover<N: Memory<u64>>(&mut self, group: u32, arrays: &mut Arrays<N>) -> Word6 {
        if self.cover != group {
            self.cover = group;
            self.render(arrays);
        }
        self.word
    }

    /// Takes over what a former process had here, and makes it what it should be. Returns what leads here now.
    pub fn adopt<N: Memory<u64>>(&mut self, found: Word6, cover: u32, arrays: &mut Arrays<N>) -> Word6 {
        self.word = if arrays.claim(found) { found } else { Word6::Leaf(NO_GROUP) };
        self.cover = cover;
        let leaves = self.leaves();
        for (slot, child) in &mut self.children {
            let below = match self.word {
                Word6::Node { first, runs } => arrays.load(first + run_of(runs, *slot)),
                Word6::Leaf(_) => None,
            };
            child.adopt(below.map_or(Word6::Leaf(NO_GROUP), Word6::from_word), leaves[*slot as usize], arrays);
        }
        self.place(&leaves, arrays);
        self.word
    }

    /// Tries again to find room for what overflowed. Whether anything changed.
    pub fn retry<N: Memory<u64>>(&mut self, arrays: &mut Arrays<N>) -> bool {
        let mut changed = self.overflowed;
        for (_, child) in &mut self.children {
            changed |= child.retry(arrays);
        }
        if changed {
            self.render(arrays);
        }
        changed
    }

    /// How many of the bits that are left the longest prefix has that ends here or below.
    pub fn longest_match(&self, rest: u128) -> Option<u32> {
        let at = slot(rest);
        let child = self.children.iter().find(|(slot, _)| *slot == at);
        let below = child.and_then(|(_, child)| child.longest_match(rest << STRIDE)).map(|length| STRIDE + length);
        let covers = |(length, first, _): &&(u32, u32, u32)| (first ^ at) >> (STRIDE - length) == 0;
        below.or_else(|| self.prefixes.iter().rev().find(covers).map(|(length, _, _)| *length))
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

    /// Each slot's group, as the prefixes that end here or above have it.
    fn leaves(&self) -> [u32; NODE_WORDS] {
        let mut leaves = [self.cover; NODE_WORDS];
        for (length, first, group) in &self.prefixes {
            let first = *first as usize;
            leaves[first..first + (NODE_WORDS >> length)].fill(*group);
        }
        leaves
    }

    /// Makes what lies in the table what it should be, here and wherever below that depends on it.
    fn render<N: Memory<u64>>(&mut self, arrays: &mut Arrays<N>) {
        let leaves = self.leaves();
        for (slot, child) in &mut self.children {
            child.cover(leaves[*slot as usize], arrays);
        }
        self.place(&leaves, arrays);
    }

    fn place<N: Memory<u64>>(&mut self, leaves: &[u32; NODE_WORDS], arrays: &mut Arrays<N>) {
        let mut words = leaves.map(|group| Word6::Leaf(group).to_word());
        for (slot, child) in &self.children {
            words[*slot as usize] = child.word.to_word();
        }
        let placed = arrays.place(self.word, &words);
        self.word = placed.unwrap_or(Word6::Leaf(OVERFLOW_GROUP));
        arrays.note_overflow(std::mem::replace(&mut self.overflowed, placed.is_none()), placed.is_none());
    }
}
