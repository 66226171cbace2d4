//! The control socket: how `nva show` and `nva explain` ask a running daemon. The only place that knows JSON.
//!
//! One request and one reply for each connection, each a line of JSON. A request is an object such as
//! `{"show":"peers"}` or `{"show":"explain","target":"10.0.0.1"}`; a reply is `{"Ok":…}` with what was asked for, or
//! `{"Err":{"error":"…"}}`. What a reply says is part of the command line's interface (`--json` prints it as it is);
//! the types here are that interface and no domain type is.

mod client;
mod error;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

pub use client::ask;
pub use error::ControlError;
pub use protocol::{
    Announcement, Explanation, FibReply, FibRoute, FibState, HopReply, KernelPath, PeerReply, PeersReply, Refusal,
    Request, RouteReply, RoutesReply, RoutesRequest, Rows, Told, XdpCounter, XdpInterface, XdpPath, XdpPrefix,
    XdpReply,
};
pub use server::Server;
