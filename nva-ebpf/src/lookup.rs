//! From a destination to a group.

use nva_common::header::Address6;
use nva_common::table6::{
    Entry6, LIST_ENTRIES, MAX_DEPTH, NODE_WORDS, ROOT_BITS, ROOT_ENTRIES, STRIDE, Word6, entry_of, run_of,
};
use nva_common::{BLOCK_ENTRIES, DEFAULT_GROUP, DEFAULT_GROUP_6, PART_ENTRIES, entry_block};

use crate::maps::{NODES_6, ROOT_6, TABLE_8, TABLE_24};

/// The group of an IPv4 destination; the default route's where no longer prefix matches. DIR-24-8: at most two loads.
#[inline(always)]
pub fn group(destination: u32) -> Option<u32> {
    const { assert!(DEFAULT_GROUP == 0) };
    let part = TABLE_24.get_ptr(destination >> 24)?.cast::<u32>();
    let index = (destination >> 8) as usize & (PART_ENTRIES - 1);
    // SAFETY: the index is below the number of words. Volatile: user space writes while we read.
    let word = unsafe { part.add(index).read_volatile() };
    let Some(block) = entry_block(word) else { return Some(word) };
    let block = TABLE_8.get_ptr(block)?.cast::<u32>();
    let index = destination as usize & (BLOCK_ENTRIES - 1);
    // SAFETY: as above.
    Some(unsafe { block.add(index).read_volatile() })
}

/// The group of an IPv6 destination; the default route's where no longer prefix matches. One load for the root, one for
/// each node, and two for each prefix in a list.
#[inline(always)]
pub fn group6(destination: Address6) -> Option<u32> {
    let root = ROOT_6.get_ptr(0)?.cast::<u64>();
    let index = (destination.high >> (u64::BITS - ROOT_BITS)) as usize & (ROOT_ENTRIES - 1);
    // SAFETY: the index is below the number of words. Volatile: user space writes while we read.
    let mut word = unsafe { root.add(index).read_volatile() };
    let mut rest = shifted(destination, ROOT_BITS);
    for _ in 0..MAX_DEPTH {
        let Word6::Node { first, runs } = Word6::from_word(word) else { break };
        let position = first + run_of(runs, (rest.high >> (u64::BITS - STRIDE)) as u32);
        let block = NODES_6.get_ptr(position / NODE_WORDS as u32)?.cast::<u64>();
        // SAFETY: as above.
        word = unsafe { block.add(position as usize & (NODE_WORDS - 1)).read_volatile() };
        rest = shifted(rest, STRIDE);
    }
    let group = match Word6::from_word(word) {
        Word6::Leaf(group) => group,
        Word6::List { first, .. } => listed(first, destination.high)?,
        Word6::Node { .. } => return None,
    };
    Some(if group == 0 { DEFAULT_GROUP_6 } else { group })
}

/// The group of the first prefix in a list that covers the address: its last one does.
#[inline(always)]
fn listed(first: u32, high: u64) -> Option<u32> {
    let block = NODES_6.get_ptr(first / NODE_WORDS as u32)?.cast::<u64>();
    for entry in 0..LIST_ENTRIES {
        let at = entry_of(first, entry);
        // SAFETY: both indexes are below the number of words. Volatile: user space writes while we read.
        let words = unsafe { [block.add(at).read_volatile(), block.add(at + 1).read_volatile()] };
        let entry = Entry6::from_words(words);
        if entry.covers(high) {
            return Some(entry.group);
        }
    }
    None
}

/// The address without its first bits.
#[inline(always)]
fn shifted(address: Address6, bits: u32) -> Address6 {
    Address6 { high: address.high << bits | address.low >> (u64::BITS - bits), low: address.low << bits }
}
