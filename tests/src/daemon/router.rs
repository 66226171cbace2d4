//! What a machine's BGP speaker shall do, in no daemon's language.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, bail};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Run, Session};

/// A BGP speaker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router {
    /// Its AS.
    pub asn: u32,
    /// Its address, which is its BGP Identifier too.
    pub address: Ipv4Addr,
    /// Its IPv6 address, for sessions with peers that have one.
    pub address6: Option<Ipv6Addr>,
    /// Its peers.
    pub peers: Vec<Peer>,
    /// Interfaces whose addresses it originates.
    pub loopbacks: Vec<String>,
    /// Interfaces whose subnets it originates.
    pub connected: Vec<String>,
    /// Other prefixes that it originates.
    pub networks: Vec<IpNet>,
    /// The communities of those.
    pub communities: Vec<Community>,
    /// Whether learned routes go into the machine's kernel.
    pub install: bool,
    /// Interfaces on which packets are forwarded in XDP, by `nva` only.
    pub xdp: Vec<String>,
    /// The hold time that it proposes, in seconds.
    pub hold_time: u16,
    /// A configuration file of the daemon's own, which then holds instead of one made from all this; by `nva` only.
    pub configuration: Option<String>,
}

impl Router {
    /// A speaker without peers that installs what it learns.
    pub fn new(asn: u32, address: Ipv4Addr) -> Router {
        Router {
            asn,
            address,
            address6: None,
            peers: Vec::new(),
            loopbacks: Vec::new(),
            connected: Vec::new(),
            networks: Vec::new(),
            communities: Vec::new(),
            install: true,
            xdp: Vec::new(),
            hold_time: 9,
            configuration: None,
        }
    }

    /// With one more peer, with which it exchanges routes of the family of the peer's address.
    #[must_use]
    pub fn peer(self, name: &str, asn: u32, address: impl Into<IpAddr>, relation: Relation) -> Router {
        let address = address.into();
        let (name, families, options) = (name.to_owned(), vec![Family::of(address)], Options::default());
        self.with(Peer { name, asn, address, relation, families, options })
    }

    /// With one more peer.
    #[must_use]
    pub fn with(mut self, peer: Peer) -> Router {
        self.peers.push(peer);
        self
    }

    /// Whether BFD watches any peer.
    pub(super) fn uses_bfd(&self) -> bool {
        self.peers.iter().any(|peer| peer.options.bfd)
    }

    /// Whether it is to tell its peers that it has restarted (RFC 4724 §4.1), for daemons that have to be told.
    pub(super) fn restarts(&self, run: Run) -> bool {
        run == Run::Again && self.peers.iter().any(|peer| peer.options.graceful_restart.is_some())
    }

    /// Its own address on the session with a peer.
    pub(super) fn local_address(&self, peer: &Peer) -> anyhow::Result<IpAddr> {
        match peer.address {
            IpAddr::V4(_) => Ok(self.address.into()),
            IpAddr::V6(_) => {
                self.address6.map(IpAddr::V6).with_context(|| format!("no IPv6 address towards {}", peer.name))
            }
        }
    }

    /// Its own addresses on its sessions.
    pub(super) fn local_addresses(&self) -> anyhow::Result<BTreeSet<IpAddr>> {
        self.peers.iter().map(|peer| self.local_address(peer)).collect()
    }

    /// The next hop of what it originates, for daemons that do not find it out themselves.
    pub(super) fn own_next_hop(&self, prefix: IpNet) -> anyhow::Result<IpAddr> {
        match Family::of(prefix.addr()) {
            Family::Ipv4 => Ok(self.address.into()),
            Family::Ipv6 => self.address6.map(IpAddr::V6).with_context(|| format!("no IPv6 next hop for {prefix}")),
        }
    }

    /// The families of its sessions.
    pub(super) fn families(&self) -> BTreeSet<Family> {
        self.peers.iter().flat_map(|peer| peer.families.iter().copied()).collect()
    }

    /// The peer at an address.
    pub(super) fn peer_at(&self, address: IpAddr) -> anyhow::Result<&Peer> {
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
    pub address: IpAddr,
    /// What it is to us.
    pub relation: Relation,
    /// The families of the routes that are exchanged.
    pub families: Vec<Family>,
    /// What else is asked of the session.
    pub options: Options,
}

/// What is asked of a session besides the exchange of routes. What a daemon does without being told, route refresh above
/// all, is not in here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// What TCP segments are signed with (RFC 2385).
    pub password: Option<String>,
    /// Whether only packets with a TTL of 255 are taken (RFC 5082).
    pub ttl_security: bool,
    /// The restart time, in seconds, with which graceful restart is announced (RFC 4724).
    pub graceful_restart: Option<u16>,
    /// Whether messages of more than 4096 octets are (RFC 8654).
    pub extended_messages: bool,
    /// Whether enhanced route refresh (RFC 7313) is not announced, for a peer that cannot bear it. Of the daemons only `nva`
    /// and OpenBGPD can be told so.
    pub plain_refresh: bool,
    /// Its own role towards the peer (RFC 9234).
    pub role: Option<Role>,
    /// Whether BFD watches the peer (RFC 5882), at [`BFD_INTERVAL`].
    pub bfd: bool,
}

/// The interval between two BFD packets, in milliseconds; three that are missing in a row are a failure.
pub const BFD_INTERVAL: u32 = 100;

/// A role (RFC 9234 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Of a peer that pays us.
    Provider,
    /// Of a peer that we pay.
    Customer,
    /// Of a peer with whom we share.
    Peer,
    /// Of a client of ours.
    RouteServer,
    /// Of a route server.
    RouteServerClient,
}

impl Role {
    /// As most daemons write it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Provider => "provider",
            Role::Customer => "customer",
            Role::Peer => "peer",
            Role::RouteServer => "rs",
            Role::RouteServerClient => "rs-client",
        }
    }

    /// What the other side has to be.
    pub fn counterpart(self) -> Role {
        match self {
            Role::Provider => Role::Customer,
            Role::Customer => Role::Provider,
            Role::Peer => Role::Peer,
            Role::RouteServer => Role::RouteServerClient,
            Role::RouteServerClient => Role::RouteServer,
        }
    }
}

/// A community of one of three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Community {
    /// RFC 1997.
    Standard(u16, u16),
    /// A route target of an AS of two octets (RFC 4360 §4).
    RouteTarget(u16, u32),
    /// RFC 8092.
    Large(u32, u32, u32),
}

impl Community {
    /// Reads `65001:1`, or `1:2:3`, a large one.
    pub(super) fn parse(text: &str) -> anyhow::Result<Community> {
        let numbers = text.split(':').map(str::trim).map(str::parse).collect::<Result<Vec<u32>, _>>();
        match numbers.with_context(|| format!("community {text:?}"))?.as_slice() {
            [global, local] => Ok(Community::Standard((*global).try_into()?, (*local).try_into()?)),
            [global, first, second] => Ok(Community::Large(*global, *first, *second)),
            _ => bail!("{text:?} is no community"),
        }
    }

    /// Reads the `65001:7` of a route target.
    pub(super) fn parse_target(text: &str) -> anyhow::Result<Community> {
        let (global, local) = text.split_once(':').with_context(|| format!("{text:?} is no route target"))?;
        Ok(Community::RouteTarget(global.trim().parse()?, local.trim().parse()?))
    }

    /// The numbers, separated by colons.
    pub(super) fn numbers(self) -> String {
        match self {
            Community::Standard(global, local) => format!("{global}:{local}"),
            Community::RouteTarget(global, local) => format!("{global}:{local}"),
            Community::Large(global, first, second) => format!("{global}:{first}:{second}"),
        }
    }
}

impl Peer {
    pub(super) fn session(&self, established: bool, state: &str) -> Session {
        Session { peer: self.name.clone(), address: self.address, asn: self.asn, established, state: state.to_owned() }
    }
}

/// An address family, unicast (RFC 4760).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Both.
    pub const ALL: [Family; 2] = [Family::Ipv4, Family::Ipv6];

    /// The family of an address.
    pub fn of(address: impl Into<IpAddr>) -> Family {
        match address.into() {
            IpAddr::V4(_) => Family::Ipv4,
            IpAddr::V6(_) => Family::Ipv6,
        }
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
