//! What a peer is told of a route: the rules before the export policy, the policy, the next hop, and the attributes
//! as they go out. A pure function, so that `nva explain` says exactly what the speaker does.

use std::fmt;
use std::net::IpAddr;

use super::aggregates::Aggregates;
use super::as_path::{self, OwnAses};
use super::config::{PeerConfig, PeerKind, SpeakerConfig};
use super::diverse::{PathNumber, Share};
use super::import::LAST_CHOICE;
use super::roles;
use crate::attributes::{Community, PathAttributes};
use crate::fib::{Absent, Fib};
use crate::fsm::Role;
use crate::host::HostState;
use crate::net::{AfiSafi, Asn, Prefix};
use crate::policy::{self, Decider, NextHopRule, Outcome, Party, PeerView, Withheld};
use crate::rib::DEFAULT_LOCAL_PREF;
use crate::route::{PeerId, Route};

/// A route as a peer is told it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The attributes that go out.
    pub attributes: PathAttributes,
    /// The next hop that goes out.
    pub next_hop: IpAddr,
    /// Which rule gave the next hop.
    pub rule: NextHopRule,
    /// Which statement accepted the route.
    pub decided_by: Decider,
    /// Which of several paths this is, where they are shared out.
    pub path: Option<PathNumber>,
}

/// Why a peer is not told of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexported {
    /// It told us (RFC 4271 §9.1.3 leaves it to us; nobody wants an echo).
    LearnedFromIt,
    /// It is internal, and so is who told us (RFC 4271 §9.2).
    InternalToInternal,
    /// A well-known community forbids it (RFC 1997).
    Community(Community),
    /// It is for customers only, and this is a provider, a lateral peer or a route server (RFC 9234 §5).
    OnlyToCustomer {
        /// Who marked it.
        marked_by: Asn,
    },
    /// The session does not carry this family.
    Family(AfiSafi),
    /// It contributes to this aggregate, which is told in its place.
    Suppressed(Prefix),
    /// It is an aggregate of routes of the receiver's own AS (RFC 9774 §6).
    Contributor(Asn),
    /// Only what the kernel has taken is told (`suppress-until-installed`), and it has no route for it.
    NotInstalled(Absent),
    /// The export policy says so.
    Policy(Decider),
    /// An AS_SET or AS_CONFED_SET is in its AS path, which must not be told to anybody (RFC 9774 §3).
    AsSet,
    /// There is no next hop that may be told to it.
    NextHop(Withheld),
    /// It is told as many prefixes of this family as its `export-limit` allows.
    ExportLimit {
        /// The limit.
        limit: usize,
    },
    /// Its attributes fit into no message that the session carries (RFC 8654 §4).
    TooLarge {
        /// The length of the longest message, in octets.
        max: usize,
    },
}

impl fmt::Display for Unexported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unexported::LearnedFromIt => f.write_str("learned from this peer"),
            Unexported::InternalToInternal => f.write_str("internal routes are not told to internal peers"),
            Unexported::Community(community) => write!(f, "community {community}"),
            Unexported::OnlyToCustomer { marked_by } => {
                write!(f, "AS {marked_by} marked it as only to customers (RFC 9234)")
            }
            Unexported::Family(family) => write!(f, "the session does not carry {family}"),
            Unexported::Suppressed(aggregate) => write!(f, "suppressed by the aggregate {aggregate} (summary-only)"),
            Unexported::Contributor(asn) => {
                write!(f, "AS {asn} contributes to this aggregate (RFC 9774, to-contributors)")
            }
            Unexported::NotInstalled(absent) => write!(f, "not in the kernel (suppress-until-installed): {absent}"),
            Unexported::Policy(decider) => write!(f, "export policy: {decider}"),
            Unexported::AsSet => f.write_str("an AS_SET or AS_CONFED_SET is in the AS path (RFC 9774, allow-as-sets)"),
            Unexported::NextHop(withheld) => withheld.fmt(f),
            Unexported::ExportLimit { limit } => write!(f, "the peer's export-limit of {limit} prefixes is reached"),
            Unexported::TooLarge { max } => {
                write!(f, "its attributes fit into no message to this peer: at most {max} octets (RFC 8654)")
            }
        }
    }
}

/// Who is told.
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'a> {
    /// Its number.
    pub id: PeerId,
    /// Its configuration.
    pub config: &'a PeerConfig,
    /// Its session's ends.
    pub view: &'a PeerView,
    /// The families that the session carries.
    pub families: &'a [AfiSafi],
    /// Its AS.
    pub asn: Asn,
    /// Our own ASes on this session.
    pub own: OwnAses,
    /// Traffic is to be led away from the session.
    pub drained: bool,
    /// What we are to it (RFC 9234).
    pub role: Option<Role>,
    /// Our share of equal paths; `None` if it is told the best.
    pub share: Option<Share>,
}

impl<'a> Receiver<'a> {
    /// The receiver as policies see it.
    fn party(&self) -> Party<'a> {
        Party {
            name: &self.config.name,
            group: self.config.group.as_deref(),
            asn: self.asn,
            own_asn: self.own.in_paths(),
            address: self.config.address,
            external: self.view.external,
        }
    }
}

/// What else there is, besides the route and who is told, that decides what is told.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The machine's network.
    pub host: &'a HostState,
    /// Our aggregates, for whose sake others are not told.
    pub aggregates: &'a Aggregates,
    /// Where a route server's NICs can send to.
    pub vnet: &'a [Prefix],
    /// What the kernel has, where only that is told.
    pub awaited: Option<&'a Fib>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(
        config: &'a SpeakerConfig,
        host: &'a HostState,
        aggregates: &'a Aggregates,
        fib: Option<&'a Fib>,
    ) -> Surroundings<'a> {
        let awaited = fib.filter(|_| config.suppress_until_installed);
        Surroundings { host, aggregates, vnet: &config.vnet, awaited }
    }
}

/// What the receiver is told of this route.
pub fn export(route: &Route, to: Receiver<'_>, around: Surroundings<'_>) -> Result<Exported, Unexported> {
    check(route, to, around)?;
    let (attributes, mode, decided_by) = match policy::evaluate(&to.config.export, route, Some(to.party())) {
        Outcome::Reject { decided_by } => return Err(Unexported::Policy(decided_by)),
        Outcome::Accept { attributes, next_hop, decided_by, .. } => (attributes, next_hop, decided_by),
    };
    let mode = mode.unwrap_or(to.config.next_hop);
    let (next_hop, rule) = policy::outbound_next_hop(route, mode, to.view, around.host).map_err(Unexported::NextHop)?;
    if to.config.other_addresses.contains(&next_hop) {
        // The session's address says nothing of the other family's (RFC 4271 §5.1.3 is about both).
        return Err(Unexported::NextHop(Withheld::ReceivingPeer(next_hop)));
    }
    if to.config.kind == PeerKind::RouteServer && !is_in(around.vnet, next_hop) {
        return Err(Unexported::NextHop(Withheld::OutsideVnet(next_hop)));
    }
    let mut attributes = attributes.unwrap_or_else(|| (*route.attributes).clone());
    if attributes.as_path.has_sets() && !to.config.allow_as_sets {
        return Err(Unexported::AsSet);
    }
    if to.view.external {
        // RFC 4271 §5.1.2 b, §5.1.5
        as_path::outgoing(&mut attributes.as_path, to.config.as_path, to.own, to.asn);
        attributes.local_pref = None;
        // RFC 4360 §6
        attributes.extended_communities.retain(|community| community.is_transitive());
        // RFC 4456 §8
        attributes.reflection = None;
    } else {
        // RFC 4271 §5.1.5
        attributes.local_pref.get_or_insert(DEFAULT_LOCAL_PREF);
    }
    if let Some(role) = to.role {
        roles::mark_sent(&mut attributes, role, to.own.as_known());
    }
    if to.drained {
        // RFC 8326 §4.2; an internal peer is told the preference that an external one derives from the community.
        attributes.add_community(Community::GRACEFUL_SHUTDOWN);
        attributes.local_pref = attributes.local_pref.map(|_| LAST_CHOICE);
    }
    Ok(Exported { attributes, next_hop, rule, decided_by, path: None })
}

/// Whether a NIC of the VNet can send to the address; any, as long as nobody has said what the VNet is.
fn is_in(vnet: &[Prefix], address: IpAddr) -> bool {
    vnet.is_empty() || vnet.iter().any(|prefix| prefix.contains(address))
}

fn check(route: &Route, to: Receiver<'_>, around: Surroundings<'_>) -> Result<(), Unexported> {
    let Surroundings { aggregates, .. } = around;
    if route.source.peer() == Some(to.id) {
        return Err(Unexported::LearnedFromIt);
    }
    let learned_inside = !route.source.is_local() && !route.source.is_external();
    if learned_inside && !to.view.external {
        return Err(Unexported::InternalToInternal);
    }
    if !to.families.contains(&route.prefix.family()) {
        return Err(Unexported::Family(route.prefix.family()));
    }
    let external = to.view.external.then_some(to.asn);
    if let Some(aggregate) = aggregates.suppressing(route.prefix, external) {
        return Err(Unexported::Suppressed(aggregate.prefix()));
    }
    if let Some(asn) = external.filter(|_| route.source.is_aggregate())
        && aggregates.get(route.prefix).is_some_and(|aggregate| aggregate.withheld_from(asn))
    {
        return Err(Unexported::Contributor(asn));
    }
    if let Some(marked_by) = to.role.and_then(|role| roles::forbids(&route.attributes, role)) {
        return Err(Unexported::OnlyToCustomer { marked_by });
    }
    if let Some(community) = route.attributes.communities.iter().find(|one| forbids(**one, to.view.external)) {
        return Err(Unexported::Community(*community));
    }
    match around.awaited.filter(|_| !route.source.is_local()).and_then(|fib| fib.absent(route.prefix)) {
        Some(absent) => Err(Unexported::NotInstalled(absent)),
        None => Ok(()),
    }
}

fn forbids(community: Community, external: bool) -> bool {
    community == Community::NO_ADVERTISE
        || external && (community == Community::NO_EXPORT || community == Community::NO_EXPORT_SUBCONFED)
}
