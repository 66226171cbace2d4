//! From a destination to a group: DIR-24-8, at most two loads.

use nva_common::{BLOCK_ENTRIES, TABLE_24_ENTRIES, entry_block};

use crate::maps::{TABLE_8, TABLE_24};

/// The group of a destination; 0, the default route's, where no longer prefix matches.
#[inline(always)]
pub fn group(destination: u32) -> Option<u32> {
    let table = TABLE_24.get_ptr(0)?.cast::<u32>();
    let index = (destination >> 8) as usize & (TABLE_24_ENTRIES - 1);
    // SAFETY: the index is below the number of words. Volatile: user space writes while we read.
    let word = unsafe { table.add(index).read_volatile() };
    let Some(block) = entry_block(word) else { return Some(word) };
    let block = TABLE_8.get_ptr(block)?.cast::<u32>();
    let index = destination as usize & (BLOCK_ENTRIES - 1);
    // SAFETY: as above.
    Some(unsafe { block.add(index).read_volatile() })
}
