//! Counters.

use aya_ebpf::maps::PerCpuArray;
use nva_common::Counters;

/// Counts one packet of `bytes` octets at `index`. Each CPU has its own, so this needs no atomic addition.
#[inline(always)]
pub fn count(counters: &PerCpuArray<Counters>, index: u32, bytes: u64) {
    if let Some(counter) = counters.get_ptr_mut(index) {
        // SAFETY: the pointer is to this CPU's element, and XDP programs of one CPU do not interrupt each other.
        unsafe {
            (*counter).packets += 1;
            (*counter).bytes += bytes;
        }
    }
}
