//! What the speaker has to say, as log lines, of which nobody else can make us write too many.

use tracing::{debug, error, info, warn};

use super::log_limit::{LogLimit, Subject};
use crate::bfd::{self, Reason, State};
use crate::net::Instant;
use crate::route::PeerId;
use crate::speaker::{LimitAction, Nearness, Notice, Speaker};

/// The log of what the speaker has to say.
#[derive(Debug, Default)]
pub struct Notices {
    limit: LogLimit,
}

impl Notices {
    /// Logs a notice, unless there were too many like it of late.
    pub fn log(&mut self, mut notice: Notice, speaker: &Speaker, now: Instant) {
        let Some(subject) = repeatable(&notice) else { return write(&notice, speaker) };
        if let Notice::MalformedUpdate { faults, .. } = &mut notice {
            // A line each.
            faults.retain(|_| self.limit.admits(subject, now));
        } else if !self.limit.admits(subject, now) {
            return;
        }
        write(&notice, speaker);
    }

    /// Whether there is room for a line that this does not write.
    pub fn admits(&mut self, subject: Subject, now: Instant) -> bool {
        self.limit.admits(subject, now)
    }

    /// To be called every second.
    pub fn tick(&mut self, speaker: &Speaker, now: Instant) {
        for ((peer, kind), lines) in self.limit.end(now) {
            match peer.map(|peer| speaker.name(peer)) {
                Some(peer) => warn!(peer, kind, lines, "left out of the log: too many in a short time"),
                None => warn!(kind, lines, "left out of the log: too many in a short time"),
            }
        }
    }
}

/// What a notice is about, if somebody else can cause it as often as messages come.
fn repeatable(notice: &Notice) -> Option<Subject> {
    let (peer, kind) = match notice {
        Notice::Bfd { peer, .. } => (peer, "BFD"),
        Notice::MalformedUpdate { peer, .. } => (peer, "malformed UPDATE"),
        Notice::EndOfRib { peer, .. } => (peer, "End-of-RIB"),
        Notice::RoutesStale { peer, .. } | Notice::StaleRoutesRemoved { peer, .. } => (peer, "stale routes"),
        Notice::Limit { peer, .. } => (peer, "limit"),
        Notice::RefreshBegun { peer, .. } | Notice::RefreshEnded { peer, .. } | Notice::RefreshIgnored { peer, .. } => {
            (peer, "route refresh")
        }
        Notice::RouteTooLarge { peer, .. } => (peer, "route too large"),
        Notice::DefaultRouteToRouteServer { peer } => (peer, "default route"),
        Notice::Share { peer, .. } => (peer, "equal paths"),
        Notice::AggregateFormed(_) | Notice::AggregateGone { .. } => return Some((None, "aggregate")),
        // Once a session, for which there is a damped time to wait, or once at all, or what this machine itself does.
        Notice::PeerUp { .. }
        | Notice::CapabilitiesRefused { .. }
        | Notice::PeerDown { .. }
        | Notice::FamilyDisabled { .. }
        | Notice::PeerRemoved { .. }
        | Notice::MadeRoom { .. }
        | Notice::DeferralOver
        | Notice::Originated(_)
        | Notice::NoLongerOriginated(_)
        | Notice::FibAudited(_)
        | Notice::Reconciled { .. } => return None,
    };
    Some((Some(*peer), kind))
}

fn write(notice: &Notice, speaker: &Speaker) {
    let name = |peer: &PeerId| speaker.name(*peer);
    match notice {
        Notice::PeerUp { peer, families } => {
            let families = families.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            info!(peer = name(peer), families, "session established");
        }
        Notice::CapabilitiesRefused { peer } => {
            warn!(
                peer = name(peer),
                "does not read capabilities: tried again without (RFC 5492 §3), with IPv4 unicast and 2-octet AS numbers \
                alone, and no route refresh, graceful restart or roles"
            );
        }
        Notice::PeerDown { peer, reason } => warn!(peer = name(peer), %reason, "session down"),
        Notice::Bfd { peer, event } => bfd(name(peer), event),
        Notice::MalformedUpdate { peer, faults } => {
            for fault in faults {
                warn!(peer = name(peer), %fault, "malformed UPDATE survived (RFC 7606)");
            }
        }
        Notice::FamilyDisabled { peer, family, count } => {
            error!(
                peer = name(peer),
                %family,
                count,
                "disabled until the session ends, since the peer sent what cannot be read: routes removed, and no more taken"
            );
        }
        Notice::EndOfRib { peer, family } => info!(peer = name(peer), %family, "end of RIB received"),
        Notice::PeerRemoved { peer } => info!(peer = name(peer), "peer removed"),
        Notice::MadeRoom { address } => debug!(%address, "made room for a newcomer"),
        Notice::RoutesStale { peer, count, patience } => {
            info!(peer = name(peer), count, seconds = patience.as_secs(), "routes are stale until the peer is back");
        }
        Notice::StaleRoutesRemoved { peer, count, why } => {
            info!(peer = name(peer), count, %why, "stale routes removed");
        }
        Notice::Limit { peer, excess, nearness: Nearness::Above, action: LimitAction::Block } => {
            warn!(peer = name(peer), %excess, "limit reached: what is above it is refused until there is room");
        }
        Notice::Limit { peer, excess, nearness: Nearness::Above, action } => {
            warn!(peer = name(peer), %excess, action = action.name(), "limit exceeded");
        }
        Notice::Limit { peer, excess, nearness: Nearness::Near | Nearness::Within, action } => {
            warn!(peer = name(peer), %excess, action = action.name(), "near a limit");
        }
        Notice::RefreshBegun { peer, family } => info!(peer = name(peer), %family, "route refresh begins"),
        Notice::RefreshEnded { peer, family } => info!(peer = name(peer), %family, "route refresh ends"),
        Notice::RefreshIgnored { peer, why } => warn!(peer = name(peer), %why, "ROUTE-REFRESH ignored"),
        Notice::DeferralOver => info!("restart: telling all peers what there is now"),
        Notice::Originated(prefix) => info!(%prefix, "originating"),
        Notice::NoLongerOriginated(prefix) => info!(%prefix, "no longer originating"),
        Notice::AggregateFormed(prefix) => info!(%prefix, "aggregate formed"),
        Notice::AggregateGone { prefix, why: Some(why) } => info!(%prefix, %why, "aggregate gone"),
        Notice::AggregateGone { prefix, why: None } => info!(%prefix, "aggregate gone: it is no longer configured"),
        Notice::RouteTooLarge { peer, prefixes } => {
            error!(peer = name(peer), count = prefixes.len(), first = ?prefixes.first(),
                "attributes do not fit into a BGP message: routes not sent");
        }
        Notice::DefaultRouteToRouteServer { peer } => {
            warn!(
                peer = name(peer),
                "told of a default route, which Azure programs into this VM's NIC, too: \
                give its subnet a route 0.0.0.0/0 to Internet, or disable route propagation there"
            );
        }
        Notice::Share { peer, share, prefixes, hidden: 0 } => {
            info!(peer = name(peer), %share, prefixes, "equal paths are shared out");
        }
        Notice::Share { peer, share, prefixes, hidden } => {
            warn!(peer = name(peer), %share, prefixes, hidden, "equal paths are shared out, but there are more paths \
                than hubs: the hidden ones get no traffic");
        }
        Notice::FibAudited(found) if found.differences() == 0 => {
            debug!(routes = found.routes, objects = found.objects, "audit: the kernel holds what it should");
        }
        Notice::FibAudited(found) => {
            warn!(
                missing = found.missing.len(),
                different = found.different.len(),
                unexpected = found.unexpected.len(),
                objects = found.strange_objects.len(),
                "audit: the kernel held something else than it should: repaired"
            );
        }
        Notice::Reconciled { removed } => {
            info!(removed, "start-up is over: unconfirmed routes of the last run removed")
        }
    }
}

fn bfd(peer: &str, event: &bfd::Event) {
    let bfd::Event { from, to, reason, .. } = event;
    match (from, to, reason) {
        (_, State::Up, _) => info!(peer, "BFD session up"),
        (State::Up, _, Reason::PeerAdminDown | Reason::Disabled) => info!(peer, %reason, "BFD session down"),
        (State::Up, _, _) => warn!(peer, %reason, "BFD session down"),
        (_, _, _) => debug!(peer, %from, %to, %reason, "BFD session"),
    }
}
