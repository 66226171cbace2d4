//! What a speaker has to be told: plain values, made from the configuration file by [`crate::config`].

use std::net::IpAddr;
use std::time::Duration;

use crate::fib::FibConfig;
use crate::fsm::SessionConfig;
use crate::net::{Asn, Prefix, RouterId};
use crate::policy::{Chain, NextHopMode};
use crate::rib::DecisionConfig;

/// Everything about a speaker.
#[derive(Clone, Debug)]
pub struct SpeakerConfig {
    /// Our AS.
    pub asn: Asn,
    /// Our BGP Identifier.
    pub router_id: RouterId,
    /// The peers.
    pub peers: Vec<PeerConfig>,
    /// How the best route is chosen.
    pub decision: DecisionConfig,
    /// What we originate.
    pub originate: Originate,
    /// Where learned routes go in the kernel; `None` keeps the kernel out of it.
    pub fib: Option<FibConfig>,
    /// How long after the start routes of an earlier run stay in the kernel while no peer has confirmed them.
    pub reconcile_after: Duration,
    /// Where the jitter of the timers comes from.
    pub seed: u64,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Its name, unique.
    pub name: String,
    /// The group that it belongs to.
    pub group: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Its address.
    pub address: IpAddr,
    /// The session's parameters.
    pub session: SessionConfig,
    /// The TTL that our packets to it may spend; `None` for a peer on a connected subnet.
    pub multihop: Option<u8>,
    /// What may come in.
    pub import: Chain,
    /// What goes out.
    pub export: Chain,
    /// The next hop where no statement of the export policy says another.
    pub next_hop: NextHopMode,
    /// Whether routes that this peer taught us go into the kernel.
    pub install: bool,
    /// Whether the first AS of a path must be the peer's own (RFC 4271 §6.3).
    pub enforce_first_as: bool,
}

/// What is originated.
#[derive(Clone, Debug, Default)]
pub struct Originate {
    /// Interfaces whose addresses are originated, each as the prefix it was configured with; followed as they change.
    pub interfaces: Vec<String>,
    /// Interfaces whose connected subnets are originated while the interface is up.
    pub connected: Vec<String>,
    /// Prefixes that are always originated.
    pub prefixes: Vec<Prefix>,
}
