//! What we know of the machine's network: links, addresses, neighbours and the kernel's routes, as plain state fed by
//! events, and the one place where an address is resolved to a way out.
//!
//! Next-hop tracking, the FIB, the XDP mirror and origination all read this; only [`crate::kernel`] writes it.

mod event;

pub use event::{Address, Hop, HostEvent, HostRoute, Link, Neighbour, RouteKind, Snapshot};
