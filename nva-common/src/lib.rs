//! The ABI between the XDP programs (`nva-ebpf`) and user space (`nva`): map names, keys, values, verdicts, counters, and
//! the arithmetic on headers that both sides must agree on.
//!
//! Addresses and MACs are byte arrays in network order; indices and everything else are numbers in host order. The maps are
//! pinned and outlive both programs and daemon: whoever changes a layout here raises [`LAYOUT_VERSION`].
#![no_std]

pub mod capture;
pub mod header;
mod maps;
mod reason;
pub mod table6;
mod tables;
pub mod traffic;

pub use maps::{
    CONFIG, Config, Counters, DEVICES, FORWARDER, GROUP_COUNTERS, GROUPS, NEXT_HOPS, NODES_6, PORTS, PROGRAMS,
    REASON_COUNTERS, ROOT_6, SOURCE_COUNTERS, TABLE_8, TABLE_24,
};
pub use reason::{Reason, Verdict};
pub use tables::{
    ANY_LINK, BLOCK_ENTRIES, BUCKETS, DEFAULT_GROUP, DEFAULT_GROUP_6, FIRST_GROUP, GROUP_BITS, Group, GroupKind, LINKS,
    MAX_IFINDEX, NextHop, OVERFLOW_GROUP, PART_ENTRIES, Port, TABLE_24_PARTS, Table24Part, TableBlock,
    UNRESOLVED_NEXT_HOP, block_entry, entry_block,
};

/// The version of everything in this crate. Pinned maps live in a directory of this version and are never read by another.
pub const LAYOUT_VERSION: u32 = 4;
