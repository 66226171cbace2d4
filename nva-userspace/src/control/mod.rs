//! The control socket: how `nva show` and `nva explain` ask a running daemon. The only place that knows JSON.
//!
//! One request and one reply for each connection, each a line of JSON. What a reply says is part of the command line's
//! interface (`--json` prints it as it is); the types here are that interface and no domain type is.

mod client;
mod error;
mod protocol;
mod server;

pub use client::ask;
pub use error::ControlError;
pub use protocol::{
    Announcement, Explanation, FibReply, FibRoute, FibState, HopReply, KernelPath, PeerReply, PeersReply, Refusal,
    Request, RouteReply, RoutesReply, RoutesRequest, Rows, Told, XdpCounter, XdpInterface, XdpPath, XdpPrefix,
    XdpReply,
};
pub use server::Server;
