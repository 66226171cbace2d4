//! What a peer is told of a route: the rules before the export policy, the policy, the next hop, and the attributes
//! as they go out. A pure function, so that `nva explain` says exactly what the speaker does.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::config::PeerConfig;
use crate::attributes::{Community, PathAttributes};
use crate::host::HostState;
use crate::net::{AfiSafi, Asn};
use crate::policy::{self, Decider, NextHopRule, Outcome, PeerView};
use crate::rib::DEFAULT_LOCAL_PREF;
use crate::route::{Attributes, PeerId, Route};

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
    /// The session does not carry this family.
    Family(AfiSafi),
    /// The export policy says so.
    Policy(Decider),
    /// There is no next hop that may be told to it.
    NextHop(policy::Withheld),
}

impl fmt::Display for Unexported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unexported::LearnedFromIt => f.write_str("learned from this peer"),
            Unexported::InternalToInternal => f.write_str("internal routes are not told to internal peers"),
            Unexported::Community(community) => write!(f, "community {community}"),
            Unexported::Family(family) => write!(f, "the session does not carry {family}"),
            Unexported::Policy(decider) => write!(f, "export policy: {decider}"),
            Unexported::NextHop(withheld) => withheld.fmt(f),
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
    /// Our own AS on this session.
    pub local_asn: Asn,
}

/// What the receiver is told of this route.
pub fn export(route: &Route, to: Receiver<'_>, host: &HostState) -> Result<Exported, Unexported> {
    check(route, to)?;
    let route = without_foreign_med(route, to.view);
    let (attributes, mode, decided_by) = match policy::evaluate(&to.config.export, &route) {
        Outcome::Reject { decided_by } => return Err(Unexported::Policy(decided_by)),
        Outcome::Accept { attributes, next_hop, decided_by } => (attributes, next_hop, decided_by),
    };
    let mode = mode.unwrap_or(to.config.next_hop);
    let (next_hop, rule) = policy::outbound_next_hop(&route, mode, to.view, host).map_err(Unexported::NextHop)?;
    let mut attributes = attributes.unwrap_or_else(|| (*route.attributes).clone());
    if to.view.external {
        // RFC 4271 §5.1.2 b, §5.1.5
        attributes.as_path.prepend(to.local_asn, 1);
        attributes.local_pref = None;
    } else {
        // RFC 4271 §5.1.5
        attributes.local_pref.get_or_insert(DEFAULT_LOCAL_PREF);
    }
    Ok(Exported { attributes, next_hop, rule, decided_by })
}

fn check(route: &Route, to: Receiver<'_>) -> Result<(), Unexported> {
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
    match route.attributes.communities.iter().find(|community| forbids(**community, to.view.external)) {
        Some(community) => Err(Unexported::Community(*community)),
        None => Ok(()),
    }
}

fn forbids(community: Community, external: bool) -> bool {
    community == Community::NO_ADVERTISE
        || external && (community == Community::NO_EXPORT || community == Community::NO_EXPORT_SUBCONFED)
}

/// A MED that another AS gave us is not passed on to a third (RFC 4271 §5.1.4); the policy may set one of ours.
fn without_foreign_med<'a>(route: &'a Route, view: &PeerView) -> Cow<'a, Route> {
    if !view.external || route.source.is_local() || route.attributes.med.is_none() {
        return Cow::Borrowed(route);
    }
    let attributes = PathAttributes { med: None, ..(*route.attributes).clone() };
    Cow::Owned(Route { attributes: Attributes::from(attributes), ..route.clone() })
}
