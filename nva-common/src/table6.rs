//! The IPv6 table: a trie of which every word is switched as a whole.
//!
//! The root has a word for each value of an address's first [`ROOT_BITS`] bits. A word is a leaf (a group), or a node, which
//! tells the next [`STRIDE`] bits apart: 32 slots, of which equal neighbours share a word. The node's word holds a bit for
//! each slot at which a new run begins, and where the runs' words lie; so one load of eight octets is a whole step, and a
//! node is replaced, with all that is below it, by one store. (Bitmaps of run heads: Degermark et al., Small Forwarding
//! Tables for Fast Routing Lookups, SIGCOMM 1997, §4.)
//!
//! Word 0, a leaf of group 0, means the default route, which is never spread over the table.

/// The bits of an address that the root tells apart.
pub const ROOT_BITS: u32 = 18;
/// Words in the root.
pub const ROOT_ENTRIES: usize = 1 << ROOT_BITS;
/// The bits that a node tells apart.
pub const STRIDE: u32 = 5;
/// Slots of a node, and words in a block; the words of a node never cross a block.
pub const NODE_WORDS: usize = 1 << STRIDE;
/// Nodes on the way to a host route.
pub const MAX_DEPTH: u32 = (128 - ROOT_BITS).div_ceil(STRIDE);

/// The root's words.
pub type Root6 = [u64; ROOT_ENTRIES];
/// Words of nodes.
pub type NodeBlock = [u64; NODE_WORDS];

/// The bit that each node's word has, since its first slot begins a run, and no leaf's.
const IS_NODE: u64 = 1;

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word6 {
    /// The group; 0 is the default route's.
    Leaf(u32),
    /// A node.
    Node {
        /// The position of its first word among the words of all blocks.
        first: u32,
        /// The slots at which runs begin, slot 0 at the lowest bit.
        runs: u32,
    },
}

impl Word6 {
    /// What lies in the map.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Word6 {
        let (high, low) = ((word >> 32) as u32, word as u32);
        if word & IS_NODE == 0 { Word6::Leaf(high) } else { Word6::Node { first: high, runs: low } }
    }

    /// As it lies in the map. A node's first slot begins a run.
    pub const fn to_word(self) -> u64 {
        match self {
            Word6::Leaf(group) => (group as u64) << 32,
            Word6::Node { first, runs } => (first as u64) << 32 | runs as u64 | IS_NODE,
        }
    }
}

/// The position of a slot's word among those of its node.
#[inline(always)]
pub const fn run_of(runs: u32, slot: u32) -> u32 {
    // Without the slots above it; 2 << 31 is 0, which leaves all.
    (runs & (2u32 << slot).wrapping_sub(1)).count_ones() - 1
}

const _: () = {
    assert!(NODE_WORDS == u32::BITS as usize);
    assert!(ROOT_BITS + MAX_DEPTH * STRIDE == 128);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_either_a_leaf_or_a_node() {
        for word in [Word6::Leaf(0), Word6::Leaf(u32::MAX), Word6::Node { first: 7, runs: 1 }] {
            assert_eq!(Word6::from_word(word.to_word()), word);
        }
        assert_eq!(Word6::from_word(0), Word6::Leaf(0));
    }

    #[test]
    fn a_slot_has_the_word_of_the_run_that_it_is_in() {
        let runs = 1 | 1 << 3 | 1 << 31;
        let words: [u32; 5] = [0, 2, 3, 30, 31].map(|slot| run_of(runs, slot));
        assert_eq!(words, [0, 0, 1, 1, 2]);
        assert!((0..32).all(|slot| run_of(u32::MAX, slot) == slot));
    }
}
