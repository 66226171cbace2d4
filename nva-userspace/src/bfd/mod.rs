//! Bidirectional Forwarding Detection: whether a peer can still be reached, known within a fraction of a second
//! (RFC 5880; over one hop RFC 5881, over several RFC 5883).
//!
//! Pure: datagrams and the time go in, datagrams and [`Event`]s come out. [`Session`] is the state machine of one
//! session, [`Sessions`] all of them: it finds the session that a datagram belongs to, and counts by reason what
//! belongs to none. Neither opens a socket, reads a clock, or knows what is done when a session goes down.
//!
//! Asynchronous mode, and demand mode where the peer asks for it.

// Invariant 4 of ARCHITECTURE.md holds for these datagrams, too; tests may index and expect.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable, clippy::unwrap_used)
)]

mod discard;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
mod packet;
mod remote;
mod session;
mod sessions;
mod state;
#[cfg(test)]
mod tests;
mod timing;

pub use discard::{Discard, Discards};
pub use packet::{CONTROL_LEN, ControlPacket, Discriminator};
pub use remote::Remote;
pub use session::{Counters, Event, Session, SessionConfig, Worked};
pub use sessions::{Datagram, Hops, Outgoing, Path, Sessions};
pub use state::{Diagnostic, Reason, State};
