//! The reply to `nva show bfd`. Intervals are milliseconds.

use serde::{Deserialize, Serialize};

/// The BFD sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdReply {
    /// One for each peer with BFD whose session is not stopped.
    pub rows: Vec<BfdRow>,
    /// Packets that were dropped since the start, those that belong to no session included.
    pub drops: Vec<BfdDrop>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdRow {
    /// The peer's name.
    pub peer: String,
    /// The peer's address.
    pub address: String,
    /// Our address; none if the kernel chooses.
    pub local_address: Option<String>,
    /// Whether the peer may be several hops away (RFC 5883).
    pub multihop: bool,
    /// The state (RFC 5880 §6.2).
    pub state: String,
    /// Seconds in this state.
    pub state_seconds: u64,
    /// Why we changed the state last.
    pub diagnostic: String,
    /// The state of the peer's end.
    pub remote_state: String,
    /// Why the peer changed its state last, as it says.
    pub remote_diagnostic: String,
    /// Our discriminator.
    pub discriminator: u32,
    /// The peer's; none while nothing is heard of it.
    pub remote_discriminator: Option<u32>,
    /// The port that we send from.
    pub local_port: u16,
    /// The interval at which we send, before jitter; none if the peer wants nothing periodically.
    pub transmit_interval: Option<u64>,
    /// The silence of the peer that ends the session; none while nothing is heard of it.
    pub detection_time: Option<u64>,
    /// Our multiplier.
    pub multiplier: u8,
    /// The peer's; 0 while nothing is heard of it.
    pub remote_multiplier: u8,
    /// How often the session came up.
    pub ups: u64,
    /// How often it went down again.
    pub downs: u64,
    /// Packets received and not dropped.
    pub packets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Packets for this session that were dropped.
    pub drops: Vec<BfdDrop>,
    /// Packets that could not be sent.
    pub unsent: u64,
    /// Why the last one could not be, if it could not.
    pub send_error: Option<String>,
}

/// Packets that were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdDrop {
    /// Why.
    pub reason: String,
    /// How many.
    pub packets: u64,
}
