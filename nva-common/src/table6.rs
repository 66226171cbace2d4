//! The IPv6 table: a trie of which every word is switched as a whole.
//!
//! The root has a word for each value of an address's first [`ROOT_BITS`] bits. A word is a leaf (a group), or a node, which
//! tells the next [`STRIDE`] bits apart: 32 slots, of which equal neighbours share a word. The node's word holds a bit for
//! each slot at which a new run begins, and where the runs' words lie; so one load of eight octets is a whole step, and a
//! node is replaced, with all that is below it, by one store. (Bitmaps of run heads: Degermark et al., Small Forwarding
//! Tables for Fast Routing Lookups, SIGCOMM 1997, §4.)
//!
//! Or a word is a list: the few prefixes that there are below, none of which looks at more than an address's first 64 bits.
//! Most of the Internet's prefixes lie far apart, and to compare a handful of them, which lie side by side, takes less than
//! to load the words of the nodes between them one after the other.
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

/// The most entries of a list.
pub const LIST_ENTRIES: usize = 8;

/// The root's words.
pub type Root6 = [u64; ROOT_ENTRIES];
/// Words of nodes.
pub type NodeBlock = [u64; NODE_WORDS];

/// The bit that each node's word has, since its first slot begins a run, and no other.
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
    /// A list.
    List {
        /// The position of its first word, which is even.
        first: u32,
        /// How many entries it has, of two words each, the longest prefix first. The last one covers every address that
        /// leads here.
        entries: u32,
    },
}

impl Word6 {
    /// What lies in the map.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Word6 {
        let (high, low) = ((word >> 32) as u32, word as u32);
        if word & IS_NODE != 0 {
            Word6::Node { first: high, runs: low }
        } else if low == 0 {
            Word6::Leaf(high)
        } else {
            Word6::List { first: high, entries: low >> 1 }
        }
    }

    /// As it lies in the map. A node's first slot begins a run; a list is not empty.
    pub const fn to_word(self) -> u64 {
        match self {
            Word6::Leaf(group) => (group as u64) << 32,
            Word6::Node { first, runs } => (first as u64) << 32 | runs as u64 | IS_NODE,
            Word6::List { first, entries } => (first as u64) << 32 | (entries as u64) << 1,
        }
    }
}

/// An entry of a list: a prefix of 1 to 64 bits, and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry6 {
    /// The first 64 bits of its addresses.
    pub prefix: u64,
    /// How many of these it does not look at.
    pub ignored: u32,
    /// Its group.
    pub group: u32,
}

impl Entry6 {
    /// What lies in the map.
    #[inline(always)]
    pub const fn from_words(words: [u64; 2]) -> Entry6 {
        Entry6 { prefix: words[0], ignored: words[1] as u32 & (u64::BITS - 1), group: (words[1] >> 32) as u32 }
    }

    /// As it lies in the map.
    pub const fn to_words(self) -> [u64; 2] {
        [self.prefix, (self.group as u64) << 32 | self.ignored as u64]
    }

    /// Whether the prefix covers an address with these first 64 bits.
    #[inline(always)]
    pub const fn covers(self, high: u64) -> bool {
        (self.prefix ^ high) >> self.ignored == 0
    }
}

/// The position of a slot's word among those of its node.
#[inline(always)]
pub const fn run_of(runs: u32, slot: u32) -> u32 {
    // Without the slots above it; 2 << 31 is 0, which leaves all.
    (runs & (2u32 << slot).wrapping_sub(1)).count_ones() - 1
}

/// Where an entry of a list is in its block, which it never leaves: the first of its two words.
#[inline(always)]
pub const fn entry_of(first: u32, entry: usize) -> usize {
    (first as usize + 2 * entry) & (NODE_WORDS - 2)
}

const _: () = {
    assert!(NODE_WORDS == u32::BITS as usize);
    assert!(ROOT_BITS + MAX_DEPTH * STRIDE == 128);
    assert!(2 * LIST_ENTRIES <= NODE_WORDS);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_leaf_or_a_node_or_a_list() {
        let list = Word6::List { first: u32::MAX - 1, entries: LIST_ENTRIES as u32 };
        for word in [Word6::Leaf(0), Word6::Leaf(u32::MAX), Word6::Node { first: 7, runs: 1 }, list] {
            assert_eq!(Word6::from_word(word.to_word()), word);
        }
        assert_eq!(Word6::from_word(0), Word6::Leaf(0));
    }

    #[test]
    fn an_entry_covers_what_its_prefix_covers() {
        let entry = Entry6 { prefix: 0x2001_0db8_0001_0000, ignored: 16, group: 7 };
        assert_eq!(Entry6::from_words(entry.to_words()), entry);
        assert!(entry.covers(0x2001_0db8_0001_ffff));
        assert!(!entry.covers(0x2001_0db8_0002_0000));
        let exact = Entry6 { ignored: 0, ..entry };
        assert!(exact.covers(0x2001_0db8_0001_0000) && !exact.covers(0x2001_0db8_0001_0001));
        let widest = Entry6 { ignored: 63, ..entry };
        assert!(widest.covers(0) && !widest.covers(1 << 63));
    }

    #[test]
    fn a_slot_has_the_word_of_the_run_that_it_is_in() {
        let runs = 1 | 1 << 3 | 1 << 31;
        let words: [u32; 5] = [0, 2, 3, 30, 31].map(|slot| run_of(runs, slot));
        assert_eq!(words, [0, 0, 1, 1, 2]);
        assert!((0..32).all(|slot| run_of(u32::MAX, slot) == slot));
    }
}
