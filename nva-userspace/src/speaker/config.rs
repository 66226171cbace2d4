//! What a speaker has to be told: plain values, made from the configuration file by [`crate::config`].

use std::net::IpAddr;
use std::time::Duration;

use super::as_path::{AsPathRules, LocalAs, OwnAses};
use super::limits::Limits;
use crate::bfd;
use crate::fib::FibConfig;
use crate::fsm::{Negotiated, SessionConfig};
use crate::net::{Asn, Prefix, RouteProtocol, RouterId};
use crate::policy::{Chain, Communities, NextHopMode};
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
    /// Groups whose members connect from anywhere in some range.
    pub listen: Vec<ListenConfig>,
    /// How the best route is chosen.
    pub decision: DecisionConfig,
    /// What we originate.
    pub originate: Originate,
    /// What of the kernel's routes we originate; the first that fits a route counts.
    pub redistribute: Vec<RedistributeConfig>,
    /// Routes of our own for many longer ones.
    pub aggregates: Vec<AggregateConfig>,
    /// The VNet and those that it is peered with: where next hops may be that Azure Route Servers are told. Empty: nobody
    /// has said so, and they may be anywhere.
    pub vnet: Vec<Prefix>,
    /// Where learned routes go in the kernel; `None` keeps the kernel out of it.
    pub fib: Option<FibConfig>,
    /// Whether peers are told of other peers' routes only while the kernel has a route of ours for the prefix, where one is
    /// to be installed.
    pub suppress_until_installed: bool,
    /// How long after the start routes of an earlier run stay in the kernel while no peer has confirmed them.
    pub reconcile_after: Duration,
    /// Where the jitter of the timers comes from.
    pub seed: u64,
}

impl SpeakerConfig {
    /// What BFD may have to watch: for groups that listen, one address for each range.
    pub fn bfd_paths(&self) -> impl Iterator<Item = bfd::Path> {
        let members = self.listen.iter().flat_map(|group| {
            let hops = group.template.bfd.map(|config| config.hops);
            let paths = move |prefix: &Prefix| hops.map(|hops| bfd::Path { peer: prefix.address(), hops });
            group.prefixes.iter().filter_map(paths)
        });
        self.peers.iter().filter_map(PeerConfig::bfd_path).chain(members)
    }
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its name, unique.
    pub name: String,
    /// The group that it belongs to.
    pub group: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Its address.
    pub address: IpAddr,
    /// Further addresses of it, such as that of the other family: it is not told to send to them either.
    pub other_addresses: Vec<IpAddr>,
    /// What it is.
    pub kind: PeerKind,
    /// The AS that we are in; the session's may be another.
    pub own_asn: Asn,
    /// That other one.
    pub local_as: Option<LocalAs>,
    /// What becomes of AS paths.
    pub as_path: AsPathRules,
    /// Whether it is told our share of equal paths, the others being told it by our fellow hubs.
    pub diverse_paths: bool,
    /// The session's parameters.
    pub session: SessionConfig,
    /// How long its routes stay at most after a lost session, until it has confirmed them (RFC 4724 §4.2).
    pub stale_time: Duration,
    /// Whether it may be elsewhere than on a connected subnet.
    pub multihop: bool,
    /// How the way to it is watched; `None`: not at all.
    pub bfd: Option<BfdConfig>,
    /// What may come in.
    pub import: Chain,
    /// What goes out.
    pub export: Chain,
    /// How many prefixes there may be, in and out.
    pub limits: Limits,
    /// The next hop where no statement of the export policy says another.
    pub next_hop: NextHopMode,
    /// Whether routes that this peer taught us go into the kernel.
    pub install: bool,
    /// Whether the first AS of a path must be the peer's own (RFC 4271 §6.3).
    pub enforce_first_as: bool,
    /// Whether routes with an AS_SET or AS_CONFED_SET are taken from it and told to it, against RFC 9774 §3.
    pub allow_as_sets: bool,
    /// Whether its routes with GRACEFUL_SHUTDOWN are the last choice (RFC 8326 §4.1).
    pub honour_graceful_shutdown: bool,
}

/// A peer group whose members are known only by where they connect from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// What a member is, but for its name and address; the name is the group's.
    pub template: PeerConfig,
    /// Where members may be.
    pub prefixes: Vec<Prefix>,
    /// How many there may be at once.
    pub limit: usize,
    /// How long a member without a connection stays.
    pub forget_after: Duration,
}

impl PeerConfig {
    /// Our AS numbers on a session that was agreed on like this: `local_as` is none if the peer knows the other one.
    pub(super) fn own_ases(&self, agreed: &Negotiated) -> OwnAses {
        OwnAses { router: self.own_asn, local: self.local_as.filter(|local| local.asn == agreed.local_asn) }
    }

    /// What BFD watches; `None` if it does not.
    pub fn bfd_path(&self) -> Option<bfd::Path> {
        self.bfd.map(|config| bfd::Path { peer: self.address, hops: config.hops })
    }
}

/// How the way to a peer is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BfdConfig {
    /// Intervals and multiplier.
    pub session: bfd::SessionConfig,
    /// How far away the peer may be.
    pub hops: bfd::Hops,
    /// The least TTL that its packets may arrive with over several hops.
    pub minimum_ttl: u8,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    /// Any BGP speaker.
    Router,
    /// An instance of Azure Route Server, which programs what it is told into every NIC.
    RouteServer,
    /// A router that tells the same route servers the same routes as we do.
    Hub,
}

/// A route of our own that is there while routes to longer prefixes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateConfig {
    /// Its prefix.
    pub prefix: Prefix,
    /// Which routes to longer prefixes contribute: those that this accepts; `None`: all.
    pub contributors: Option<Chain>,
    /// Whether nobody is told of those that contribute, but an AS that is not told of the aggregate.
    pub summary_only: bool,
    /// Whether it is told to ASes of which it has routes, too (RFC 9774 §6).
    pub to_contributors: bool,
    /// Its communities.
    pub communities: Communities,
    /// What becomes of it, before peers' export policies.
    pub policy: Chain,
    /// Whether packets for it that no longer prefix takes are dropped: by a route in the kernel.
    pub discard: bool,
}

/// Which of the kernel's routes we originate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedistributeConfig {
    /// Whose routes.
    pub from: RedistributeFrom,
    /// In which of the kernel's tables they are.
    pub table: u32,
    /// Which of them, and with which attributes, before peers' export policies.
    pub policy: Chain,
}

/// Whose routes in the kernel we originate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedistributeFrom {
    /// The subnets that interfaces are connected to.
    Connected,
    /// What this protocol has installed.
    Protocol(RouteProtocol),
}

/// What is originated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Originate {
    /// Interfaces whose addresses are originated, each as the prefix it was configured with; followed as they change.
    pub interfaces: Vec<String>,
    /// Interfaces whose connected subnets are originated while the interface is up.
    pub connected: Vec<String>,
    /// Prefixes that are always originated.
    pub prefixes: Vec<Prefix>,
}
