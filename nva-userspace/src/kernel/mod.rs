//! The kernel's side of routing, by netlink: what there is and what changes ([`Monitor`]), our routes ([`Routes`]), and
//! the neighbours that must stay resolved although the kernel sees no traffic for them ([`Neighbours`]).
//!
//! `rtnetlink` builds the routes that we install and speaks for the neighbours, netlink-packet-route is the messages,
//! but for those about next-hop objects, which are ours.
//! Where `rtnetlink` would lose something, the loop over the socket of netlink-sys is our own:
//! - The FIB's requests go many to a system call, and their refusals are told apart by sequence numbers; `rtnetlink`
//!   sends each by itself.
//! - Notifications and lists need the flags in the headers: which route replaces another, which list is inconsistent
//!   because its subject changed meanwhile. The typed requests of `rtnetlink` drop these, and its connection drops,
//!   uncounted, what it cannot parse.
//!
//! What to install is decided in [`crate::fib`], what the state means in [`crate::host`].
//!
//! A socket belongs to the network namespace of the thread that opens it.

mod decode;
mod discarded;
mod encode;
mod monitor;
mod neighbours;
mod next_hop;
mod requests;
mod routes;
mod socket;

pub use decode::events;
pub use discarded::DiscardedSegments;
pub use monitor::{Monitor, MonitorConfig, MonitorCounters};
pub use neighbours::{Keeper, Neighbours};
pub use requests::Refusal;
pub use routes::{RouteError, Routes};

use std::io;

use thiserror::Error;

/// Talking to the kernel failed as such; what it refuses is a [`Refusal`].
#[derive(Debug, Error)]
pub enum KernelError {
    /// A system call on the netlink socket.
    #[error("netlink: cannot {doing}")]
    Socket {
        /// What was to be done.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The kernel refused a question.
    #[error("netlink: the kernel does not {doing}")]
    Refused {
        /// What was to be done.
        doing: &'static str,
        /// The kernel's answer.
        source: Refusal,
    },
}

impl KernelError {
    fn socket(doing: &'static str) -> impl FnOnce(io::Error) -> KernelError {
        move |source| KernelError::Socket { doing, source }
    }
}
