//! Our OPEN, and what the peer's OPEN and ours agree on (RFC 4271 §6.2, RFC 5492, RFC 4760 §8, RFC 6793).

use std::time::Duration;

use thiserror::Error;

use super::{DownReason, Role, SessionConfig};
use crate::net::{AfiSafi, Asn, RouterId};
use crate::packet::iana::{cease, error_code, open_error};
use crate::packet::{Capability, CodecContext, GracefulRestart, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, Notification, Open};

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Our AS, as we have told the peer.
    pub local_asn: Asn,
    /// The peer's AS.
    pub remote_asn: Asn,
    /// The peer's BGP Identifier.
    pub remote_router_id: RouterId,
    /// The hold time in seconds, the smaller of both; 0 for none.
    pub hold_time: u16,
    /// The time between KEEPALIVEs before jitter: a third of the hold time (RFC 4271 §4.4); zero for none.
    pub keepalive: Duration,
    /// How messages are read and written from now on.
    pub context: CodecContext,
    /// The peer takes ROUTE-REFRESH (RFC 2918 §2).
    pub route_refresh: bool,
    /// What the peer says about its restarts, if we announced graceful restart too (RFC 4724 §4).
    pub graceful_restart: Option<GracefulRestart>,
    /// What we are to the peer: our role holds whether the peer said its own or not (RFC 9234 §4.2).
    pub role: Option<Role>,
    /// Everything that we announced.
    pub our_capabilities: Vec<Capability>,
    /// Everything that the peer announced, known to us or not.
    pub peer_capabilities: Vec<Capability>,
}

impl Negotiated {
    /// Both sides restart gracefully after a NOTIFICATION too (RFC 8538 §2).
    pub fn graceful_notification(&self) -> bool {
        let ours = self.our_restart().is_some_and(|ours| ours.notification);
        ours && self.graceful_restart.as_ref().is_some_and(|theirs| theirs.notification)
    }

    /// What the peer says that it is to us.
    pub fn peer_role(&self) -> Option<Role> {
        let said = |one: &Capability| if let Capability::Role(code) = one { Role::from_code(*code) } else { None };
        self.peer_capabilities.iter().find_map(said)
    }

    /// The peer may restart, and have its routes kept meanwhile.
    pub(super) fn peer_may_restart(&self) -> bool {
        self.graceful_restart.as_ref().is_some_and(|theirs| !theirs.families.is_empty())
    }

    /// The peer keeps our routes while we restart.
    pub fn survives_our_restart(&self) -> bool {
        self.graceful_restart.is_some() && self.our_restart().is_some_and(|ours| !ours.families.is_empty())
    }

    /// The families whose routes outlive a session that ends like this (RFC 4724 §4.2).
    pub fn kept_families(&self, reason: &DownReason) -> Vec<AfiSafi> {
        let Some(restart) = &self.graceful_restart else { return Vec::new() };
        let begins_restart = match reason {
            DownReason::Closed { .. } => true,
            // Where BFD found no way to the peer, packets would find none either (RFC 5882 §4.3.2).
            DownReason::Sent { notification, .. } | DownReason::Received { notification }
                if is_unreachable(notification) =>
            {
                false
            }
            // RFC 8538 §4: any NOTIFICATION but a Hard Reset, that for silence too, if both have said so; else none, as
            // RFC 4724 §4 has it.
            DownReason::Sent { notification, .. } | DownReason::Received { notification } => {
                self.graceful_notification() && !notification.is_hard_reset()
            }
            DownReason::Stopped { .. } | DownReason::ConnectFailed { .. } => false,
        };
        let announced = |family: &AfiSafi| restart.families.iter().any(|one| one.family() == Some(*family));
        self.context.families.iter().copied().filter(|family| begins_restart && announced(family)).collect()
    }

    fn our_restart(&self) -> Option<&GracefulRestart> {
        let ours = self.our_capabilities.iter().rev();
        ours.into_iter().find_map(|one| if let Capability::GracefulRestart(it) = one { Some(it) } else { None })
    }
}

fn is_unreachable(notification: &Notification) -> bool {
    notification.code == error_code::CEASE && notification.subcode == cease::BFD_DOWN
}

/// Why a well-formed OPEN does not suit this session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenRefusal {
    /// The peer is in another AS than it should be.
    #[error("the peer says that it is in AS {received}, the configuration says {expected}")]
    PeerAs {
        /// What it says.
        received: Asn,
        /// What is configured.
        expected: String,
    },
    /// No speaker can be in this AS (RFC 7607 §2, RFC 6793 §9).
    #[error("the peer says that it is in AS {received}, which is reserved")]
    ReservedAs {
        /// What it says.
        received: Asn,
    },
    /// The 2-octet field is neither the capability's number nor AS_TRANS (RFC 6793 §4.2.1).
    #[error("the peer says that it is in AS {field} and, in its capability, in AS {capability}")]
    ContradictoryAs {
        /// The 2-octet field.
        field: u16,
        /// The number in the 4-octet capability.
        capability: Asn,
    },
    /// The BGP Identifier is 0 (RFC 6286 §2.2).
    #[error("the peer's BGP Identifier is 0.0.0.0")]
    RouterIdZero,
    /// The BGP Identifier is ours, and the peer is in our AS (RFC 6286 §2.2).
    #[error("the peer's BGP Identifier {router_id} is our own")]
    RouterIdOurs {
        /// It.
        router_id: RouterId,
    },
    /// The hold time is 1 or 2 seconds.
    #[error("the peer's hold time of {seconds} s is neither 0 nor at least 3")]
    HoldTime {
        /// What it says.
        seconds: u16,
    },
    /// The two sides do not agree on what they are to each other (RFC 9234 §4.2).
    #[error("the peer says that it is {theirs}, but as {ours} we need a peer that is {}", ours.counterpart())]
    RoleMismatch {
        /// What we are.
        ours: Role,
        /// What it says.
        theirs: String,
    },
    /// The peer does not say what it is, and has to.
    #[error("the peer does not say its role, but as {ours} we insist on {} (role-strict)", ours.counterpart())]
    RoleMissing {
        /// What we are.
        ours: Role,
    },
    /// There would be nothing to exchange (RFC 5492 §5).
    #[error("the peer offers {theirs}, and we only {}: set `families` alike on both sides", list(ours))]
    NoCommonFamily {
        /// Ours.
        ours: Vec<AfiSafi>,
        /// What the peer offers.
        theirs: String,
    },
}

impl OpenRefusal {
    /// What the peer is told.
    pub fn notification(&self) -> Notification {
        match self {
            OpenRefusal::PeerAs { .. } | OpenRefusal::ReservedAs { .. } | OpenRefusal::ContradictoryAs { .. } => {
                Notification::bad_peer_as()
            }
            OpenRefusal::RouterIdZero | OpenRefusal::RouterIdOurs { .. } => Notification::bad_identifier(),
            OpenRefusal::HoldTime { .. } => Notification::open_error(open_error::UNACCEPTABLE_HOLD_TIME),
            OpenRefusal::RoleMismatch { .. } | OpenRefusal::RoleMissing { .. } => {
                Notification::open_error(open_error::ROLE_MISMATCH)
            }
            OpenRefusal::NoCommonFamily { ours, .. } => Notification::no_common_family(ours),
        }
    }
}

/// The context before OPENs are exchanged: no OPEN or KEEPALIVE depends on it. `our_capabilities` are those that we
/// announced, if we did already.
pub(super) fn opening_context(our_capabilities: &[Capability]) -> CodecContext {
    CodecContext {
        four_octet_as: false,
        internal: false,
        families: AfiSafi::ALL.to_vec(),
        max_send: MAX_MESSAGE,
        max_receive: largest_message(our_capabilities),
        enhanced_refresh: false,
        disable_families: false,
    }
}

/// The largest message that somebody takes who announced this (RFC 8654 §4): each side says it for itself.
fn largest_message(capabilities: &[Capability]) -> usize {
    if capabilities.contains(&Capability::ExtendedMessage) { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE }
}

/// The OPEN for a peer that does not even read capabilities (RFC 5492 §3): without them, that is BGP-4 as RFC 4271 has it.
pub(super) fn bare_open(config: &SessionConfig) -> Open {
    Open { capabilities: Vec::new(), ..our_open(config) }
}

/// Whether there can be a session without capabilities: they are what announces any family but IPv4 unicast.
pub(super) fn can_do_without_capabilities(config: &SessionConfig) -> bool {
    config.families.contains(&AfiSafi::Ipv4Unicast)
}

/// The OPEN that we send.
pub(super) fn our_open(config: &SessionConfig) -> Open {
    let mut capabilities: Vec<_> = config.families.iter().copied().map(Capability::multiprotocol).collect();
    capabilities.push(Capability::RouteRefresh);
    capabilities.extend(config.enhanced_refresh.then_some(Capability::EnhancedRouteRefresh));
    capabilities.extend(config.extended_messages.then_some(Capability::ExtendedMessage));
    capabilities.extend(config.role.map(|role| Capability::Role(role.code())));
    capabilities.extend(config.graceful_restart.clone().map(Capability::GracefulRestart));
    capabilities.push(Capability::FourOctetAs(config.local_asn));
    Open {
        my_as: config.local_asn.to_two_octets(),
        hold_time: config.hold_time,
        router_id: config.router_id,
        capabilities,
    }
}

/// What we, having sent one OPEN, and a peer that sent the other agree on.
pub(super) fn negotiate(config: &SessionConfig, ours: &Open, open: &Open) -> Result<Negotiated, OpenRefusal> {
    let remote_asn = acceptable_asn(config, open)?;
    // Without the capability a number of 4 octets cannot be said (RFC 6793 §4.2.2).
    let local_asn = if ours.asn() == Asn::TRANS { config.local_asn } else { ours.asn() };
    let internal = remote_asn == local_asn;
    // RFC 6286 §2.2: two external peers may have the same BGP Identifier.
    if open.router_id.is_unspecified() {
        return Err(OpenRefusal::RouterIdZero);
    }
    if internal && open.router_id == config.router_id {
        return Err(OpenRefusal::RouterIdOurs { router_id: open.router_id });
    }
    // RFC 4271 §6.2: one and two seconds must be rejected.
    if matches!(open.hold_time, 1 | 2) {
        return Err(OpenRefusal::HoldTime { seconds: open.hold_time });
    }
    // RFC 9234 §4.1: between external peers alone.
    let role = config.role.filter(|_| !internal);
    if let Some(ours) = role {
        check_role(ours, config.role_strict, open)?;
    }
    let families = common_families(config, ours, open);
    // GAP(RFC 5492 §3): a session that ends for this should not come back by itself; ours does, after an idle hold that grows
    // to two minutes. What is missing is a line in the peer's configuration. Where that is added nobody is there to start
    // us, whoever waits for the other side waits for ever if that waits, too, and the price of trying is one connection.
    if families.is_empty() {
        return Err(OpenRefusal::NoCommonFamily { ours: config.families.clone(), theirs: offered(open) });
    }
    let hold_time = config.hold_time.min(open.hold_time);
    let both = |capability| ours.capabilities.contains(capability) && open.capabilities.contains(capability);
    Ok(Negotiated {
        local_asn,
        remote_asn,
        remote_router_id: open.router_id,
        hold_time,
        keepalive: Duration::from_secs(u64::from(hold_time)) / 3,
        context: CodecContext {
            four_octet_as: ours.four_octet_as().and(open.four_octet_as()).is_some(),
            internal,
            families,
            max_send: largest_message(&open.capabilities),
            max_receive: largest_message(&ours.capabilities),
            enhanced_refresh: both(&Capability::EnhancedRouteRefresh),
            disable_families: config.disable_families,
        },
        route_refresh: open.capabilities.contains(&Capability::RouteRefresh),
        graceful_restart: ours.graceful_restart().and(open.graceful_restart()).cloned(),
        role,
        our_capabilities: ours.capabilities.clone(),
        peer_capabilities: open.capabilities.clone(),
    })
}

fn acceptable_asn(config: &SessionConfig, open: &Open) -> Result<Asn, OpenRefusal> {
    let remote_asn = open.asn();
    // RFC 7607 §2: AS 0 aborts the connection. An OPEN with 0 in the field only is as wrong.
    if open.my_as == 0 {
        return Err(OpenRefusal::ReservedAs { received: Asn(0) });
    }
    // RFC 6793 §9: AS_TRANS stands for an AS and is none. In the field it says to look at the capability.
    if !remote_asn.is_usable() {
        return Err(OpenRefusal::ReservedAs { received: remote_asn });
    }
    if let Some(capability) = open.four_octet_as() {
        let field = Asn(u32::from(open.my_as));
        if field != Asn::TRANS && field != capability {
            return Err(OpenRefusal::ContradictoryAs { field: open.my_as, capability });
        }
    }
    if !config.remote_as.accepts(remote_asn) {
        return Err(OpenRefusal::PeerAs { received: remote_asn, expected: config.remote_as.to_string() });
    }
    Ok(remote_asn)
}

/// RFC 9234 §4.2. A peer that says nothing is taken at our word, unless we insist; one that says two things is not.
fn check_role(ours: Role, strict: bool, open: &Open) -> Result<(), OpenRefusal> {
    let said = |capability: &Capability| if let Capability::Role(code) = capability { Some(*code) } else { None };
    let mut theirs: Vec<u8> = open.capabilities.iter().filter_map(said).collect();
    theirs.dedup();
    match theirs[..] {
        [] if strict => Err(OpenRefusal::RoleMissing { ours }),
        [] => Ok(()),
        [code] if code == ours.counterpart().code() => Ok(()),
        _ => {
            let name = |code: &u8| Role::from_code(*code).map_or_else(|| code.to_string(), |role| role.to_string());
            let theirs = theirs.iter().map(name).collect::<Vec<_>>().join(" and ");
            Err(OpenRefusal::RoleMismatch { ours, theirs })
        }
    }
}

/// RFC 4760 §8: what both announce.
fn common_families(config: &SessionConfig, ours: &Open, theirs: &Open) -> Vec<AfiSafi> {
    config.families.iter().copied().filter(|family| offers(ours, *family) && offers(theirs, *family)).collect()
}

/// Whoever announces no family at all means what BGP-4 always carried.
fn offers(open: &Open, family: AfiSafi) -> bool {
    let is_family = |capability: &&Capability| matches!(capability, Capability::Multiprotocol { .. });
    let mut announced = open.capabilities.iter().filter(is_family).peekable();
    if announced.peek().is_none() {
        return family == AfiSafi::Ipv4Unicast;
    }
    announced.any(|capability| capability.family() == Some(family))
}

/// The families that a peer offers, for the operator.
fn offered(open: &Open) -> String {
    let name = |capability: &Capability| {
        let Capability::Multiprotocol { afi, safi } = capability else { return None };
        let known = capability.family().map(|family| family.to_string());
        Some(known.unwrap_or_else(|| format!("AFI {afi}, SAFI {safi}")))
    };
    let names: Vec<String> = open.capabilities.iter().filter_map(name).collect();
    if names.is_empty() { AfiSafi::Ipv4Unicast.to_string() } else { names.join(" and ") }
}

fn list(families: &[AfiSafi]) -> String {
    families.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
