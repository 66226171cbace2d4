//! What is asked and answered. Addresses, prefixes and numbers of ASes are text as operators write them; times are
//! seconds.

use serde::{Deserialize, Serialize};

use super::AuditsReply;

/// A question to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "kebab-case")]
pub enum Request {
    /// The peers: [`PeersReply`].
    Peers,
    /// Routes: [`RoutesReply`].
    Routes(RoutesRequest),
    /// Incoming connections: [`ConnectionsReply`].
    Connections,
    /// Our routes in the kernel: [`FibReply`].
    Fib,
    /// The XDP data plane: [`XdpReply`].
    Xdp,
    /// How equal paths are shared out with fellow hubs: [`HubsReply`].
    Hubs,
    /// Our routes for many longer ones: [`AggregatesReply`].
    Aggregates,
    /// The BFD sessions: [`super::BfdReply`].
    Bfd,
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
    /// Every route with its standing, and not only those in use; for a peer, also what it is not told.
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
    /// It is known only since it connected.
    pub dynamic: bool,
    /// Its description.
    pub description: Option<String>,
    /// Its address.
    pub address: String,
    /// Its AS, or what it may be while the session is down.
    pub asn: String,
    /// The AS that it believes us to be in, or is told at the next attempt; another than ours with `local-as`.
    #[serde(default)]
    pub local_asn: String,
    /// Its BGP Identifier, while the session is up.
    pub router_id: Option<String>,
    /// Our address, while the session is up.
    pub local_address: Option<String>,
    /// What we are to it (RFC 9234), if that is configured.
    #[serde(default)]
    pub role: Option<String>,
    /// What it says that it is to us, while the session is up.
    #[serde(default)]
    pub peer_role: Option<String>,
    /// The state of the session (RFC 4271 §8.2.2).
    pub state: String,
    /// Seconds in this state.
    pub state_seconds: u64,
    /// An operator stopped the session; the text is what the peer was told.
    pub disabled: Option<String>,
    /// A limit on the number of its prefixes ended the session: which, and until when.
    #[serde(default)]
    pub overrun: Option<String>,
    /// Traffic is led away from it, or from the whole router (RFC 8326).
    pub drained: bool,
    /// It does not read capabilities, and gets none (RFC 5492 §3).
    #[serde(default)]
    pub without_capabilities: bool,
    /// The hold time in use, while the session is up.
    pub hold_time: Option<u16>,
    /// The families in use.
    pub families: Vec<String>,
    /// Of these, those of which nothing is taken until the session ends, since the peer sent what cannot be read (RFC 7606
    /// §2).
    #[serde(default)]
    pub disabled_families: Vec<String>,
    /// Routes received and kept.
    pub received: usize,
    /// Of these, accepted by the import policy.
    pub accepted: usize,
    /// Of these, the best of their prefix.
    pub best: usize,
    /// Routes that it is told.
    pub advertised: usize,
    /// Routes that it would be told but for their next hop (`show routes --advertised-to PEER --all` says which).
    pub withheld: usize,
    /// Routes that it would be told, but their attributes fit into no message that the session carries.
    #[serde(default)]
    pub too_large: usize,
    /// Its limits, while the session is up.
    #[serde(default)]
    pub limits: Vec<LimitReply>,
    /// Its routes that it has not confirmed since its session was lost (RFC 4724 §4.2), or since it began to send all of
    /// them again (RFC 7313 §4).
    pub stale: usize,
    /// Routes that went since the start because it did not confirm them.
    #[serde(default)]
    pub stale_removed: u64,
    /// Both sides mark what they send again (RFC 7313).
    #[serde(default)]
    pub enhanced_refresh: bool,
    /// The families whose routes it is sending again.
    #[serde(default)]
    pub refreshing: Vec<String>,
    /// ROUTE-REFRESHes ignored since the start, for their family, their subtype or their time.
    #[serde(default)]
    pub ignored_refreshes: u64,
    /// ROUTE-REFRESHes received since the start.
    #[serde(default)]
    pub refreshes_in: RefreshesReply,
    /// ROUTE-REFRESHes sent since the start.
    #[serde(default)]
    pub refreshes_out: RefreshesReply,
    /// What it says about its restarts, while the session is up and we say something, too.
    pub graceful_restart: Option<RestartReply>,
    /// Messages received since the start.
    pub messages_in: u64,
    /// Messages sent since the start.
    pub messages_out: u64,
    /// KEEPALIVEs among them that were sent on time although the part of the daemon that decides was busy.
    #[serde(default)]
    pub stood_in: u64,
    /// Malformed UPDATEs survived since the start (RFC 7606).
    pub malformed_updates: u64,
    /// UPDATEs since the start whose routes are not used, for an AS_SET or AS_CONFED_SET (RFC 9774).
    #[serde(default)]
    pub as_set_updates: u64,
    /// What ended the last session or attempt.
    pub last_error: Option<String>,
}

/// ROUTE-REFRESHes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshesReply {
    /// Requests for all routes of a family (RFC 2918).
    pub requests: u64,
    /// Where they begin to be sent again: BoRR (RFC 7313).
    pub begins: u64,
    /// Where that ends: EoRR.
    pub ends: u64,
}

/// A limit on the number of a peer's prefixes of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReply {
    /// `receive-limit`, `import-limit` or `export-limit`.
    pub limit: String,
    /// The family.
    pub family: String,
    /// How many there are.
    pub count: usize,
    /// How many there may be.
    pub prefixes: usize,
    /// From how many on the operator is warned.
    pub warn_at: usize,
    /// What happens above it: `warn`, `block`, `restart` or `shutdown`.
    pub action: String,
    /// `within`, `near`, `above`; or `blocking`, while routes are refused for it.
    pub standing: String,
    /// Routes that were refused for it: those not kept since the session began, for the two others those at present.
    pub refused: u64,
}

/// What a peer's OPEN says about its restarts (RFC 4724 §3, RFC 8538 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartReply {
    /// R: it had restarted.
    pub restarted: bool,
    /// N: a NOTIFICATION begins a restart, too.
    pub notification: bool,
    /// Seconds that a restart takes it at most.
    pub time: u16,
    /// The families whose routes it wants to be kept.
    pub families: Vec<String>,
    /// F: of these, those that it had gone on forwarding for.
    pub forwarding: Vec<String>,
}

/// How equal paths are shared out, by route server.
pub type HubsReply = Rows<HubsRow>;

/// How equal paths are shared out towards one route server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubsRow {
    /// The route server's instance.
    pub server: String,
    /// Our place among the hubs, counted from 1; none while the session is down.
    pub place: Option<usize>,
    /// How many hubs share, this one included.
    pub hubs: usize,
    /// Fellow hubs that share.
    pub sharing: Vec<String>,
    /// Fellow hubs that do not, and why.
    pub missing: Vec<String>,
    /// Of how many prefixes it is told one of several paths.
    pub prefixes: usize,
    /// How many paths no hub tells it, because there are more paths than hubs.
    pub hidden: usize,
}

/// Our routes for many longer ones.
pub type AggregatesReply = Rows<AggregateReply>;

/// One aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateReply {
    /// Its prefix.
    pub prefix: String,
    /// How many routes contribute.
    pub contributors: usize,
    /// The ASes in their paths.
    pub contributing_ases: Vec<u32>,
    /// Whether peers are not told of the routes that contribute.
    pub summary_only: bool,
    /// Whether ASes that contribute are told of it, too.
    pub to_contributors: bool,
    /// Why it is not there; none if it is.
    pub reason: Option<String>,
}

/// Incoming connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsReply {
    /// Connections that are open, outgoing ones included.
    pub open: usize,
    /// Connections of peers that were let in since the start.
    pub accepted: u64,
    /// Changes of routes that some peer has yet to be told of.
    pub waiting_changes: usize,
    /// So many may wait before messages do, too.
    pub congestion_at: usize,
    /// How often messages have had to wait for that since the start.
    pub congestions: u64,
    /// Those that were closed at once, by reason.
    pub refused: Vec<RefusalReply>,
    /// Groups that listen.
    pub listen: Vec<ListenReply>,
}

/// Connections that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalReply {
    /// Its short name.
    pub reason: String,
    /// In words.
    pub meaning: String,
    /// How many, since the start.
    pub count: u64,
}

/// A group that listens for peers that are not configured one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenReply {
    /// Its name.
    pub group: String,
    /// Where its members may be.
    pub ranges: Vec<String>,
    /// How many there are.
    pub peers: usize,
    /// How many there may be.
    pub limit: usize,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReply {
    /// Its prefix.
    pub prefix: String,
    /// Its next hop, `self` for our own.
    pub next_hop: String,
    /// Packets for it are dropped, as its community BLACKHOLE asks (RFC 7999).
    #[serde(default)]
    pub discard: bool,
    /// The AS path as operators read it.
    pub as_path: String,
    /// ORIGIN.
    pub origin: String,
    /// MED.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// Standard communities, the well-known ones by name.
    pub communities: Vec<String>,
    /// Extended communities.
    #[serde(default)]
    pub extended_communities: Vec<String>,
    /// Large communities.
    #[serde(default)]
    pub large_communities: Vec<String>,
    /// The AS that marked it as only to customers (RFC 9234).
    #[serde(default)]
    pub only_to_customer: Option<String>,
    /// Who announced it: a peer's name or `local`.
    pub source: String,
    /// `best`, `multipath`, `lost`, `ineligible`, `rejected`; or `advertised`, `withheld`.
    pub standing: String,
    /// Its peer has not confirmed it yet (RFC 4724 §4.2, RFC 7313 §4).
    #[serde(default)]
    pub stale: bool,
    /// Why it is not used, why the best beats it, or why the peer is not told of it.
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
    /// What audits found.
    #[serde(default)]
    pub audits: AuditsReply,
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
    /// It has none, and packets are dropped.
    #[serde(default)]
    pub blackhole: bool,
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
    /// Where routes are looked up: in our `tables`, or in those of the `kernel`; none where XDP is not in use.
    pub lookup: Option<String>,
    /// Packets by what became of them and why.
    pub counters: Vec<XdpCounter>,
    /// Packets by prefix: local ones delivered, and by next-hop group those forwarded.
    pub prefixes: Vec<XdpPrefix>,
    /// Whether a capture runs, which costs the fast path some of its speed.
    #[serde(default)]
    pub capturing: bool,
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
    /// Packets from there that may not come in where they did, and were dropped.
    #[serde(default)]
    pub invalid_sources: u64,
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
    /// What XDP does with a packet; none where it does not run.
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
