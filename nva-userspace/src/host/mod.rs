//! What we know of the machine's network: links, addresses, neighbours, the kernel's routes and its
//! next-hop objects, as plain state fed by
//! events, and the one place where an address is resolved to a way out.
//!
//! Next-hop tracking, the FIB, the XDP mirror and origination all read this; only [`crate::kernel`] writes it.

mod delta;
mod event;
mod next_hops;
mod routes;
mod state;

#[cfg(test)]
mod tests;

pub use delta::HostDelta;
pub use event::{
    Address, GroupMember, Hop, HostEvent, HostRoute, Link, Neighbour, NextHopKind, NextHopObject, RouteKind, Snapshot,
    Via,
};
pub use state::{HostState, Resolution};

/// The kernel's main routing table.
pub const TABLE_MAIN: u32 = 254;
/// The kernel's table of its own addresses.
pub const TABLE_LOCAL: u32 = 255;
/// `RTPROT_BGP`: who installed a route, when it was a BGP daemon.
pub const PROTOCOL_BGP: u8 = 186;
