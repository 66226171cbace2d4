//! The control socket: how `nva show`, `nva explain` and `nva peer` speak with a running daemon. The only place that knows JSON.
//!
//! One request and one reply for each connection, each a line of JSON. A request is an object such as
//! `{"show":"peers"}` or `{"show":"explain","target":"10.0.0.1"}`, or a command such as
//! `{"do":"disable","peers":{"names":["nva0"]}}`; a reply is `{"Ok":…}` with what was asked for, or
//! `{"Err":{"error":"…"}}`. A capture (`{"capture":{…}}`) keeps its connection: see [`Held`]. What a reply says is part of the command line's interface (`--json` prints it as it is);
//! the types here are that interface and no domain type is.

mod audit;
mod bfd;
mod capture;
mod client;
mod command;
mod error;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

pub use audit::{AuditReply, AuditsReply, Differing, KernelAudit, MOST_NAMED, XdpAudit};
pub use bfd::{BfdDrop, BfdReply, BfdRow};
pub use capture::{CaptureEnd, CaptureInterface, CaptureReply, CaptureRequest, CaptureTotals, Held, RunningCapture};
pub use client::ask;
pub use command::{Call, Command, Direction, Done, DoneReply, PeerChoice};
pub use error::ControlError;
pub use protocol::{
    AggregateReply, AggregatesReply, Announcement, ConnectionsReply, Explanation, FibReply, FibRoute, FibState,
    HopReply, HubsReply, HubsRow, KernelPath, LimitReply, ListenReply, PeerReply, PeersReply, RefreshesReply, Refusal,
    RefusalReply, Request, RestartReply, RouteReply, RoutesReply, RoutesRequest, Rows, Told, XdpCounter, XdpInterface,
    XdpPath, XdpPrefix, XdpReply,
};
pub use server::{Answer, Server};
