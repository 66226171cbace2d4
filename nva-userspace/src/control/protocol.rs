//! What is asked and answered. Addresses, prefixes and numbers of ASes are text as operators write them; times are
//! seconds.

use serde::{Deserialize, Serialize};

/// A question to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "kebab-case")]
pub enum Request {
    /// The peers: [`PeersReply`].
    Peers,
    /// Routes: [`RoutesReply`].
    Routes(RoutesRequest),
    /// Our routes in the kernel: [`FibReply`].
    Fib,
    /// The XDP data plane: [`XdpReply`].
    Xdp,
    /// The configuration that runs, as text.
    Config,
    /// Everything about an address or a prefix: [`Explanation`].
    Explain {
        /// The address or prefix.
        target: String,
    },
}

/// Which routes. What is left out does not narrow the choice; what is not known is refused, because a choice that was
/// not understood would show the wrong routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutesRequest {
    /// Every route with its standing, and not only those in use.
    pub all: bool,
    /// Only this prefix.
    pub prefix: Option<String>,
    /// Only what this peer announced.
    pub received_from: Option<String>,
    /// Instead: what this peer is told.
    pub advertised_to: Option<String>,
}

/// The daemon cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, and what to ask instead.
    pub error: String,
}

/// A reply that is a list, so that every reply is an object that can grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
}

/// The peers.
pub type PeersReply = Rows<PeerReply>;

/// The routes.
pub type RoutesReply = Rows<RouteReply>;

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReply {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its address.
    pub address: String,
    /// Its AS, or what it may be while the session is down.
    pub asn: String,
    /// Its BGP Identifier, while the session is up.
    pub router_id: Option<String>,
    /// Our address, while the session is up.
    pub local_address: Option<String>,
    /// The state of the session (RFC 4271 §8.2.2).
    pub state: String,
    /// Seconds in this state.
    pub state_seconds: u64,
    /// The hold time in use, while the session is up.
    pub hold_time: Option<u16>,
    /// The families in use.
    pub families: Vec<String>,
    /// Routes received and kept.
    pub received: usize,
    /// Of these, accepted by the import policy.
    pub accepted: usize,
    /// Of these, the best of their prefix.
    pub best: usize,
    /// Routes that it is told.
    pub advertised: usize,
    /// Messages received since the start.
    pub messages_in: u64,
    /// Messages sent since the start.
    pub messages_out: u64,
    /// Malformed UPDATEs survived since the start (RFC 7606).
    pub malformed_updates: u64,
    /// What ended the last session or attempt.
    pub last_error: Option<String>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReply {
    /// Its prefix.
    pub prefix: String,
    /// Its next hop, `self` for our own.
    pub next_hop: String,
    /// The AS path as operators read it.
    pub as_path: String,
    /// ORIGIN.
    pub origin: String,
    /// MED.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// Communities.
    pub communities: Vec<String>,
    /// Who announced it: a peer's name or `local`.
    pub source: String,
    /// `best`, `multipath`, `lost`, `ineligible`, `rejected`, or `advertised`.
    pub standing: String,
    /// Why it is not used, or why the best beats it.
    pub reason: Option<String>,
}

/// Our routes in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FibReply {
    /// Whether we install at all.
    pub install: bool,
    /// The kernel's table.
    pub table: u32,
    /// Our metric.
    pub metric: u32,
    /// The routes.
    pub rows: Vec<FibRoute>,
}

/// A prefix on its way into the kernel, or there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FibRoute {
    /// The prefix.
    pub prefix: String,
    /// Its hops.
    pub hops: Vec<HopReply>,
    /// How far it got.
    pub state: FibState,
    /// Why it is not installed.
    pub reason: Option<String>,
    /// A peer's own address that is pinned through the route that was there before BGP.
    pub pin: bool,
}

/// How far a route got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FibState {
    /// The kernel has it.
    Installed,
    /// The kernel has been asked.
    Pending,
    /// The kernel said no.
    Failed,
    /// Its next hops lead nowhere.
    Unresolved,
    /// Left by an earlier run, not confirmed yet.
    Stale,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopReply {
    /// The router; none on the link itself.
    pub gateway: Option<String>,
    /// The interface's name.
    pub interface: String,
    /// Its share.
    pub weight: u16,
}

/// The XDP data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpReply {
    /// The interfaces with our program.
    pub interfaces: Vec<XdpInterface>,
    /// Packets by what became of them and why.
    pub counters: Vec<XdpCounter>,
    /// Packets by prefix: local ones delivered, and by next-hop group those forwarded.
    pub prefixes: Vec<XdpPrefix>,
}

/// An interface with our program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpInterface {
    /// Its name.
    pub name: String,
    /// Its index; none while it does not exist.
    pub index: Option<u32>,
    /// `native`, `generic` or `detached`.
    pub mode: String,
    /// Why it is not attached, or not natively.
    pub reason: Option<String>,
}

/// A counter of the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpCounter {
    /// `forward`, `pass` (to the kernel) or `drop`.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub bytes: u64,
}

/// The packets of a next-hop group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpPrefix {
    /// The prefixes that share the group, the first few of them.
    pub prefixes: Vec<String>,
    /// How many they are.
    pub prefix_count: usize,
    /// What happens to the packets: `local`, `forward`, `blackhole` or why they are left to the kernel.
    pub kind: String,
    /// The ways out, for `forward`.
    pub hops: Vec<HopReply>,
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub bytes: u64,
}

/// Everything about an address or a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was asked for.
    pub target: String,
    /// The prefix that it falls under; none if there is no BGP route.
    pub prefix: Option<String>,
    /// Every route of that prefix and why the best is best.
    pub routes: Vec<RouteReply>,
    /// What each peer is told.
    pub peers: Vec<Told>,
    /// What the kernel does with a packet.
    pub kernel: KernelPath,
    /// What XDP does with a packet; none where it does not run or the target is IPv6.
    pub xdp: Option<XdpPath>,
}

/// What a peer is told of a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The peer.
    pub peer: String,
    /// What it is told; none if nothing.
    pub announcement: Option<Announcement>,
    /// Why it is told so, or why nothing.
    pub reason: String,
}

/// An announcement as it goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The next hop.
    pub next_hop: String,
    /// The rule that gave it.
    pub next_hop_rule: String,
    /// The AS path.
    pub as_path: String,
}

/// What the kernel does with packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelPath {
    /// The route that it uses.
    pub prefix: Option<String>,
    /// What the route does.
    pub kind: String,
    /// Who installed it.
    pub protocol: Option<String>,
    /// The ways out.
    pub hops: Vec<HopReply>,
}

/// What XDP does with packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpPath {
    /// In words: `forward`, `local`, `blackhole`, or why the kernel gets them.
    pub action: String,
    /// The ways out.
    pub hops: Vec<HopReply>,
}
