//! The XDP data plane: loads the programs, attaches them to interfaces, and writes the maps that they forward by.
//!
//! Everything is pinned in bpffs, and a new process takes over what it finds there: packets are forwarded by the old tables
//! until the new process knows what they should hold ([`Dataplane::replace`]), and then only differences are written. What
//! they should hold is not decided here, but by [`crate::fib::mirror`]. The tables' writers ([`Dir24`], [`Trie`], groups, next
//! hops)
//! know nothing of BPF: they write to any [`Memory`].

mod bpffs;
mod buckets;
mod capture;
mod dataplane;
mod dir24;
mod error;
mod features;
mod groups;
mod links;
mod lookup;
mod lookup_source;
mod memory;
mod next_hops;
mod object;
mod ports;
mod samples;
mod slots;
mod stats;
mod sys;
mod trie;

pub use capture::{Capture, CaptureCount, CaptureLoader, CaptureOptions, CaptureRing};
pub use dataplane::{Applied, Dataplane, Repaired, XdpOptions};
pub use dir24::{Dir24, TableFull};
pub use error::XdpError;
pub use links::{Attached, Mode};
pub use lookup::{Lookup, LookupHop, before_lookup};
pub use lookup_source::LookupSource;
pub use memory::Memory;
pub use object::Capacity;
pub use ports::SourceCheck;
pub use stats::{GroupStats, ReasonStats, TableUsage, XdpStats};
pub use trie::Trie;
