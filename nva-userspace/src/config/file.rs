//! The configuration file as it is written: TOML tables and keys, nothing understood yet.
//!
//! Text that has a meaning of its own (addresses, prefixes, expressions, names of policies) stays text with its place
//! in the file, so that [`super::build`] can say where something is wrong.

mod peering;
mod policy;

pub use peering::{LimitValue, LocalAsValue, RemovePrivateAsValue};
pub use policy::{
    ChangeValue, MarkValue, MatchTable, NumberText, OneOrMany, PolicyTable, PrependValue, SetTable, StatementTable,
    ThenTable,
};

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

/// Text with its place in the file.
pub type Text = Spanned<String>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// `[router]`
    pub router: RouterTable,
    /// `[[policy]]`
    #[serde(default)]
    pub policy: Vec<PolicyTable>,
    /// `[[prefix-set]]`
    #[serde(default)]
    pub prefix_set: Vec<SetTable>,
    /// `[[as-path-set]]`
    #[serde(default)]
    pub as_path_set: Vec<SetTable>,
    /// `[[community-set]]`
    #[serde(default)]
    pub community_set: Vec<SetTable>,
    /// `[[next-hop-set]]`
    #[serde(default)]
    pub next_hop_set: Vec<SetTable>,
    /// `[[peer-set]]`
    #[serde(default)]
    pub peer_set: Vec<SetTable>,
    /// `[[peer-group]]`
    #[serde(default)]
    pub peer_group: Vec<PeerTable>,
    /// `[[peer]]`
    #[serde(default)]
    pub peer: Vec<PeerTable>,
    /// `[azure]`
    pub azure: Option<AzureTable>,
    /// `[originate]`
    #[serde(default)]
    pub originate: OriginateTable,
    /// `[[redistribute]]`
    #[serde(default)]
    pub redistribute: Vec<RedistributeTable>,
    /// `[[aggregate]]`
    #[serde(default)]
    pub aggregate: Vec<AggregateTable>,
    /// `[fib]`
    #[serde(default)]
    pub fib: FibTable,
    /// `[xdp]`
    #[serde(default)]
    pub xdp: XdpTable,
}

/// `[router]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouterTable {
    /// Our AS.
    pub asn: Spanned<AsnText>,
    /// Our BGP Identifier.
    pub router_id: Text,
    /// Addresses to listen on, with or without a port.
    pub listen: Option<Vec<Text>>,
    /// The control socket.
    pub control_socket: Option<Spanned<String>>,
    /// Routes of one prefix that may be used at once.
    pub max_paths: Option<Spanned<usize>>,
    /// Whether paths of equal length through different ASes share traffic.
    #[serde(default)]
    pub multipath_relax: bool,
    /// Whether MEDs of different neighbour ASes are compared.
    #[serde(default)]
    pub always_compare_med: bool,
}

/// An AS number as a number, or as text that may hold a range.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected an AS number from 1 to 4294967295; several stand in quotes, such as \"65100-65109\""
)]
pub enum AsnText {
    /// `65000`
    Number(u32),
    /// `"65000"`, `"65100-65109"`
    Text(String),
}

/// `[[peer]]`, and `[[peer-group]]` for what its members have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PeerTable {
    /// Its name.
    pub name: Text,
    /// The group whose settings hold where the peer has none of its own.
    pub group: Option<Text>,
    /// Free text.
    pub description: Option<String>,
    /// What it is, which sets defaults: `"azure-route-server"`, `"hub"` or `"router"`.
    pub kind: Option<Spanned<PeerKind>>,
    /// Its address.
    pub address: Option<Text>,
    /// Further addresses of it, such as that of the other family.
    pub other_addresses: Option<Vec<Text>>,
    /// Ranges of addresses from which members of this group may connect.
    pub listen: Option<Spanned<Vec<Text>>>,
    /// How many members there may be at once that are not configured themselves.
    pub listen_limit: Option<Spanned<u32>>,
    /// How many seconds such a member stays without a connection.
    pub listen_forget: Option<Spanned<u16>>,
    /// The TCP port on which it listens.
    pub port: Option<Spanned<u16>>,
    /// Its AS, or the ASes that it may have.
    pub asn: Option<Spanned<AsnText>>,
    /// The AS that it believes us to be in.
    pub local_as: Option<Spanned<LocalAsValue>>,
    /// How often our AS may stand in paths that it sends.
    pub allow_own_as: Option<Spanned<u8>>,
    /// Whether it finds our AS where its own was.
    pub as_override: Option<Spanned<bool>>,
    /// What becomes of AS numbers for private use.
    pub remove_private_as: Option<Spanned<RemovePrivateAsValue>>,
    /// Our address on the session.
    pub local_address: Option<Text>,
    /// The TTL towards a peer that is not on a connected subnet.
    pub multihop: Option<Spanned<u8>>,
    /// Whether the peer proves by its TTL how near it is.
    pub ttl_security: Option<Spanned<TtlSecurityValue>>,
    /// What segments are signed with.
    pub password: Option<Spanned<SecretText>>,
    /// The file whose first line is the password.
    pub password_file: Option<Text>,
    /// Whether we only wait for its connection.
    pub passive: Option<bool>,
    /// The hold time that we propose, in seconds.
    pub hold_time: Option<Spanned<u16>>,
    /// How long the peer may take nothing of what we send, in seconds.
    pub send_hold_time: Option<Spanned<u16>>,
    /// The time between attempts to connect, in seconds.
    pub connect_retry: Option<Spanned<u16>>,
    /// Whether and how the way to it is watched.
    pub bfd: Option<Spanned<BfdValue>>,
    /// Whether restarts, its own and ours, keep routes.
    pub graceful_restart: Option<Spanned<GracefulRestartValue>>,
    /// The seconds that a restart of ours takes at most.
    pub restart_time: Option<Spanned<u16>>,
    /// The seconds that its routes stay at most while it restarts.
    pub stale_time: Option<Spanned<u16>>,
    /// The families to offer.
    pub families: Option<Spanned<Vec<Text>>>,
    /// Whether messages of up to 65535 octets are accepted.
    pub extended_messages: Option<bool>,
    /// Whether enhanced route refresh is announced to it.
    pub enhanced_refresh: Option<bool>,
    /// What follows from a multiprotocol attribute that cannot be read.
    pub on_malformed_nlri: Option<Spanned<MalformedNlri>>,
    /// What we are to it.
    pub role: Option<Text>,
    /// Whether it has to say what it is to us.
    pub role_strict: Option<Spanned<bool>>,
    /// Policies for what comes in.
    pub import: Option<Vec<Text>>,
    /// Policies for what goes out.
    pub export: Option<Vec<Text>>,
    /// How many prefixes may come in.
    pub receive_limit: Option<Spanned<LimitValue>>,
    /// How many of them may be accepted.
    pub import_limit: Option<Spanned<LimitValue>>,
    /// How many it may be told.
    pub export_limit: Option<Spanned<LimitValue>>,
    /// The next hop that goes out where no statement says another.
    pub next_hop: Option<Text>,
    /// Whether it is told our share of equal paths.
    pub diverse_paths: Option<Spanned<bool>>,
    /// Whether its routes go into the kernel.
    pub install: Option<bool>,
    /// Whether its AS must stand first in the paths that it sends.
    pub enforce_first_as: Option<bool>,
    /// Whether routes with an AS_SET or AS_CONFED_SET are taken from it and told to it.
    pub allow_as_sets: Option<bool>,
    /// Whether its routes with GRACEFUL_SHUTDOWN are the last choice.
    pub honour_graceful_shutdown: Option<bool>,
}

/// `ttl-security = true` or `ttl-security = 3`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged, expecting = "expected true for a peer on a connected subnet, or its distance in hops, from 1 to 254")]
pub enum TtlSecurityValue {
    /// Whether the peer is one hop away and proves it.
    Switch(bool),
    /// How many hops it is away at most.
    Hops(u8),
}

/// Text that is shown to nobody.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "expected a password in quotes")]
pub enum SecretText {
    /// `"text"`
    Text(String),
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// `bfd = true` or `bfd = { interval = 300, multiplier = 3 }`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    rename_all_fields = "kebab-case",
    expecting = "expected true, false, or a table with any of interval (in milliseconds), multiplier, multihop and \
                 minimum-ttl, such as { interval = 300, multiplier = 3 }"
)]
pub enum BfdValue {
    /// With the usual intervals, or not at all.
    Wanted(bool),
    /// As given.
    Given {
        /// Milliseconds between packets, both ways.
        interval: Option<u32>,
        /// After how many of them without a packet the peer is given up.
        multiplier: Option<u8>,
        /// Whether the peer may be several hops away.
        multihop: Option<bool>,
        /// The least TTL that packets may arrive with then.
        minimum_ttl: Option<u8>,
    },
}

/// `graceful-restart = true`, `false` or `"helper"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"helper\"")]
pub enum GracefulRestartValue {
    /// In both roles, or not at all.
    Switch(bool),
    /// `"helper"`: only the peer's restarts.
    Text(String),
}

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// Any BGP speaker.
    Router,
    /// An instance of Azure Route Server.
    AzureRouteServer,
    /// A router that tells the same route servers the same routes as we do.
    Hub,
}

/// `[azure]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AzureTable {
    /// The address space of the VNet.
    pub vnet: Spanned<Vec<Text>>,
    /// The address spaces of the VNets that it is peered with.
    #[serde(default)]
    pub peered_vnets: Vec<Text>,
}

/// What follows from a multiprotocol attribute that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MalformedNlri {
    /// The rest of the session goes without its address family.
    DisableFamily,
    /// The session ends.
    Reset,
}

/// `[originate]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OriginateTable {
    /// Interfaces whose addresses are originated.
    #[serde(default)]
    pub interfaces: Vec<Text>,
    /// Interfaces whose connected subnets are originated.
    #[serde(default)]
    pub connected: Vec<Text>,
    /// Prefixes that are originated in any case.
    #[serde(default)]
    pub prefixes: Vec<Text>,
}

/// `[[redistribute]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedistributeTable {
    /// Whose routes in the kernel are originated.
    pub protocol: Text,
    /// In which routing table they are.
    pub table: Option<Spanned<u32>>,
    /// Policies by which they are, and that change them before anybody is told.
    pub policy: Option<Vec<Text>>,
}

/// `[[aggregate]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AggregateTable {
    /// Its prefix.
    pub prefix: Text,
    /// Policies by which longer prefixes contribute.
    pub contributors: Option<Vec<Text>>,
    /// Whether nobody is told of what contributes.
    #[serde(default)]
    pub summary_only: bool,
    /// Whether ASes that contribute are told of it, too.
    #[serde(default)]
    pub to_contributors: bool,
    /// Its communities.
    #[serde(default)]
    pub communities: Vec<Text>,
    /// Policies that change it before anybody is told.
    pub policy: Option<Vec<Text>>,
    /// Whether the kernel drops what no longer prefix takes.
    pub discard: Option<Spanned<bool>>,
}

/// `[fib]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FibTable {
    /// Whether learned routes go into the kernel.
    pub install: bool,
    /// The routing table.
    pub table: Option<Spanned<u32>>,
    /// The metric of our routes.
    pub metric: Option<Spanned<u32>>,
    /// Seconds after which unconfirmed routes of an earlier run are removed.
    pub reconcile_after: u16,
    /// Seconds between audits of the kernel's and XDP's tables.
    pub audit_interval: Spanned<u32>,
    /// Whether only what the kernel has taken is told to others.
    pub suppress_until_installed: Option<Spanned<bool>>,
}

impl Default for FibTable {
    fn default() -> FibTable {
        FibTable {
            install: true,
            table: None,
            metric: None,
            reconcile_after: 120,
            audit_interval: Spanned::new(0..0, 600),
            suppress_until_installed: None,
        }
    }
}

/// `source-check = { eth0 = "loose", eth1 = "strict" }`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceCheckValue {
    /// There has to be a route to the source.
    Loose,
    /// It has to lead out of the same interface.
    Strict,
}

/// `table-sizes = { groups = 8192 }`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableSizes {
    /// /24s with longer prefixes.
    pub ipv4_blocks: Option<Spanned<u32>>,
    /// Blocks of nodes of IPv6 prefixes.
    pub ipv6_blocks: Option<Spanned<u32>>,
    /// Next-hop groups.
    pub groups: Option<Spanned<u32>>,
    /// Next hops.
    pub next_hops: Option<Spanned<u32>>,
}

/// `[xdp]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct XdpTable {
    /// The interfaces on which packets are forwarded in XDP.
    #[serde(default)]
    pub interfaces: Vec<Text>,
    /// Which sources packets may have that come in by them.
    #[serde(default)]
    pub source_check: BTreeMap<Text, SourceCheckValue>,
    /// How large the tables are that are made anew.
    #[serde(default)]
    pub table_sizes: TableSizes,
    /// Where the maps and links are pinned.
    pub pin_directory: Option<String>,
    /// Whether samples of packets are logged.
    #[serde(default)]
    pub debug: bool,
    /// Where routes are looked up.
    #[serde(default)]
    pub lookup: LookupValue,
}

/// `lookup`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupValue {
    /// In our tables.
    #[default]
    Tables,
    /// In the kernel's.
    Kernel,
}
