//! The BGP session state machine (RFC 4271 §8): one [`Session`] for each configured peer.
//!
//! Pure: events and the time go in, [`Action`]s come out. It opens no socket and reads no clock. A session juggles
//! every TCP connection to its peer: there are two of them while a collision lasts (RFC 4271 §6.8), each in a state
//! of its own, and at most one of them becomes Established. It does not look into routes: an UPDATE that comes in is
//! delivered as it was decoded, and UPDATEs that go out are the caller's, who only says so ([`Session::sent_updates`]).
//!
//! The caller passes every event of a connection in the order in which it happened, carries out the actions in their
//! order, and calls [`Session::handle_timeout`] at [`Session::poll_timeout`].

mod config;
mod connection;
mod counters;
mod event;
mod failure;
mod negotiation;
mod role;
mod session;
mod timers;

#[cfg(test)]
mod tests;

pub use config::{RemoteAs, SessionConfig};
pub use counters::{Counters, MessageCounts, RefreshCounts};
pub use event::{Action, ConnectionId, Direction, Event, State};
pub use failure::{DownReason, LastError};
pub use negotiation::{Negotiated, OpenRefusal};
pub use role::{Role, RoleParseError};
pub use session::Session;
