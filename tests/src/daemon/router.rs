//! What a machine's BGP speaker shall do, in no daemon's language.

use std::net::Ipv4Addr;

use anyhow::Context;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Session;

/// A BGP speaker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router {
    /// Its AS.
    pub asn: u32,
    /// Its address, which is its BGP Identifier too.
    pub address: Ipv4Addr,
    /// Its peers.
    pub peers: Vec<Peer>,
    /// Interfaces whose addresses it originates.
    pub loopbacks: Vec<String>,
    /// Interfaces whose subnets it originates.
    pub connected: Vec<String>,
    /// Other prefixes that it originates.
    pub networks: Vec<Ipv4Net>,
    /// Whether learned routes go into the machine's kernel.
    pub install: bool,
    /// Interfaces on which packets are forwarded in XDP, by `nva` only.
    pub xdp: Vec<String>,
    /// The hold time that it proposes, in seconds.
    pub hold_time: u16,
}

impl Router {
    /// A speaker without peers that installs what it learns.
    pub fn new(asn: u32, address: Ipv4Addr) -> Router {
        Router {
            asn,
            address,
            peers: Vec::new(),
            loopbacks: Vec::new(),
            connected: Vec::new(),
            networks: Vec::new(),
            install: true,
            xdp: Vec::new(),
            hold_time: 9,
        }
    }

    /// With one more peer.
    #[must_use]
    pub fn peer(mut self, name: &str, asn: u32, address: Ipv4Addr, relation: Relation) -> Router {
        self.peers.push(Peer { name: name.to_owned(), asn, address, relation });
        self
    }

    /// The peer at an address.
    pub(super) fn peer_at(&self, address: Ipv4Addr) -> anyhow::Result<&Peer> {
        self.peers.iter().find(|peer| peer.address == address).with_context(|| format!("no peer has address {address}"))
    }

    /// The peer with a name.
    pub(super) fn peer_named(&self, name: &str) -> anyhow::Result<&Peer> {
        self.peers.iter().find(|peer| peer.name == name).with_context(|| format!("no peer is named {name}"))
    }
}

/// A peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its AS.
    pub asn: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// What it is to us.
    pub relation: Relation,
}

impl Peer {
    pub(super) fn session(&self, established: bool, state: &str) -> Session {
        Session { peer: self.name.clone(), address: self.address, asn: self.asn, established, state: state.to_owned() }
    }
}

/// What a peer is to us, which decides what it is told. Everything that it tells is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// A router like us: is told everything.
    Router,
    /// A hub: is told what we originate.
    Hub,
    /// A leaf NVA of ours, as a hub sees it: is waited for, and told everything, what comes from a route server with the
    /// subnet's gateway as next hop.
    Leaf,
    /// A route server: is told the leaves' routes and our own, and reached over several hops.
    RouteServer(TowardsRouteServer),
}

/// The next hop with which a hub passes its leaves' routes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TowardsRouteServer {
    /// The leaf's own, unchanged: the article's point.
    Keep,
    /// The hub's: the default of eBGP.
    Oneself,
}
