//! The configuration file as it is written: TOML tables and keys, nothing understood yet.
//!
//! Text that has a meaning of its own (addresses, prefixes, expressions, names of policies) stays text with its place
//! in the file, so that [`super::build`] can say where something is wrong.

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
    /// `[[peer-group]]`
    #[serde(default)]
    pub peer_group: Vec<PeerTable>,
    /// `[[peer]]`
    #[serde(default)]
    pub peer: Vec<PeerTable>,
    /// `[originate]`
    #[serde(default)]
    pub originate: OriginateTable,
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

/// `[[policy]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyTable {
    /// Its name.
    pub name: Text,
    /// `[[policy.statement]]`
    #[serde(default)]
    pub statement: Vec<StatementTable>,
}

/// `[[policy.statement]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StatementTable {
    /// Its name.
    pub name: Option<String>,
    /// Which routes it is about.
    #[serde(default)]
    pub r#match: MatchTable,
    /// What happens to them.
    pub then: Spanned<ThenTable>,
}

/// `match = { … }`: everything given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MatchTable {
    /// `["10.0.0.0/8 ge 24 le 28"]`
    pub prefixes: Option<Spanned<Vec<Text>>>,
    /// A Cisco-style expression.
    pub as_path: Option<Text>,
    /// `"local"`, `"peer NAME"` or `"group NAME"`.
    pub source: Option<Text>,
    /// Any of these.
    pub communities: Option<Spanned<Vec<Text>>>,
}

/// `then = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThenTable {
    /// Whether the route is accepted (`true`) or rejected (`false`); without it the next statement goes on.
    pub accept: Option<bool>,
    /// `"auto"`, `"self"`, `"keep"`, `"gateway"` or an address.
    pub next_hop: Option<Text>,
    /// How often our AS is put in front of the path, or which AS how often.
    pub prepend: Option<Spanned<PrependValue>>,
    /// Communities to add.
    pub add_communities: Option<Vec<Text>>,
    /// Communities to remove.
    pub remove_communities: Option<Vec<Text>>,
    /// Communities that replace all others.
    pub set_communities: Option<Vec<Text>>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// MED.
    pub med: Option<u32>,
}

/// `prepend = 2` or `prepend = { asn = 65100, times = 2 }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected how often our AS is prepended, from 1 to 255, or { asn = 65100, times = 2 } for another AS"
)]
pub enum PrependValue {
    /// Our own AS, this often.
    Times(u8),
    /// A given AS.
    Given {
        /// The AS.
        asn: u32,
        /// How often.
        times: u8,
    },
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
    /// What it is, which sets defaults: `"azure-route-server"` or `"router"`.
    pub kind: Option<Spanned<PeerKind>>,
    /// Its address.
    pub address: Option<Text>,
    /// The TCP port on which it listens.
    pub port: Option<Spanned<u16>>,
    /// Its AS, or the ASes that it may have.
    pub asn: Option<Spanned<AsnText>>,
    /// Our address on the session.
    pub local_address: Option<Text>,
    /// The TTL towards a peer that is not on a connected subnet.
    pub multihop: Option<Spanned<u8>>,
    /// Whether we only wait for its connection.
    pub passive: Option<bool>,
    /// The hold time that we propose, in seconds.
    pub hold_time: Option<Spanned<u16>>,
    /// The time between attempts to connect, in seconds.
    pub connect_retry: Option<Spanned<u16>>,
    /// The families to offer.
    pub families: Option<Spanned<Vec<Text>>>,
    /// Policies for what comes in.
    pub import: Option<Vec<Text>>,
    /// Policies for what goes out.
    pub export: Option<Vec<Text>>,
    /// The next hop that goes out where no statement says another.
    pub next_hop: Option<Text>,
    /// Whether its routes go into the kernel.
    pub install: Option<bool>,
    /// Whether its AS must stand first in the paths that it sends.
    pub enforce_first_as: Option<bool>,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// Any BGP speaker.
    Router,
    /// An instance of Azure Route Server.
    AzureRouteServer,
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
}

impl Default for FibTable {
    fn default() -> FibTable {
        FibTable { install: true, table: None, metric: None, reconcile_after: 120 }
    }
}

/// `[xdp]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct XdpTable {
    /// The interfaces on which packets are forwarded in XDP.
    #[serde(default)]
    pub interfaces: Vec<Text>,
    /// Where the maps and links are pinned.
    pub pin_directory: Option<String>,
    /// Whether samples of packets are logged.
    #[serde(default)]
    pub debug: bool,
}
