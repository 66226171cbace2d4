//! Sessions and routes in one shape, whichever daemon they come from.

use anyhow::Context;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A BGP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The peer's name in the lab.
    pub peer: String,
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: u32,
    /// Whether it is in state Established.
    pub established: bool,
    /// Its state in the daemon's words.
    pub state: String,
}

/// A route from a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Its prefix.
    pub prefix: IpNet,
    /// Its next hop as it was received.
    pub next_hop: IpAddr,
    /// Its AS_PATH.
    pub as_path: Vec<u32>,
    /// The peer's name in the lab.
    pub peer: String,
}

impl Route {
    /// The AS path as Azure writes it.
    pub fn dashed_path(&self) -> String {
        self.as_path.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
    }
}

/// The numbers of an AS path that is only a sequence, as every daemon prints it; any other is an error.
pub(super) fn parse_path(text: &str) -> anyhow::Result<Vec<u32>> {
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    numbers.with_context(|| format!("not a sequence of AS numbers: {text:?}"))
}
