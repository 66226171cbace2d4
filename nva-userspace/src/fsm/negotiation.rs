//! Our OPEN, and what the peer's OPEN and ours agree on (RFC 4271 §6.2, RFC 5492, RFC 4760 §8, RFC 6793).

use std::time::Duration;

use thiserror::Error;

use super::SessionConfig;
use crate::net::{AfiSafi, Asn, RouterId};
use crate::packet::iana::{self, capability, error_code, open_error};
use crate::packet::{Capability, CodecContext, MAX_MESSAGE, Notification, Open};

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
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
    /// Everything that the peer announced, known to us or not.
    pub peer_capabilities: Vec<Capability>,
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
    /// There would be nothing to exchange (RFC 5492 §5).
    #[error("the peer shares none of our address families")]
    NoCommonFamily {
        /// Ours.
        ours: Vec<AfiSafi>,
    },
}

impl OpenRefusal {
    /// What the peer is told.
    pub fn notification(&self) -> Notification {
        let (subcode, data) = match self {
            OpenRefusal::PeerAs { .. } | OpenRefusal::ReservedAs { .. } | OpenRefusal::ContradictoryAs { .. } => {
                (open_error::BAD_PEER_AS, Vec::new())
            }
            OpenRefusal::RouterIdZero | OpenRefusal::RouterIdOurs { .. } => (open_error::BAD_IDENTIFIER, Vec::new()),
            OpenRefusal::HoldTime { .. } => (open_error::UNACCEPTABLE_HOLD_TIME, Vec::new()),
            OpenRefusal::NoCommonFamily { ours } => {
                (open_error::UNSUPPORTED_CAPABILITY, ours.iter().flat_map(|family| multiprotocol(*family)).collect())
            }
        };
        Notification::new(error_code::OPEN_MESSAGE, subcode, &data)
    }
}

/// The context before OPENs are exchanged: no OPEN, KEEPALIVE or NOTIFICATION depends on it.
pub(super) fn opening_context() -> CodecContext {
    CodecContext { four_octet_as: false, internal: false, families: AfiSafi::ALL.to_vec(), max_message: MAX_MESSAGE }
}

/// The OPEN that we send.
// GAP(RFC 5492 §3): a peer that answers Unsupported Optional Parameter is not tried again without capabilities.
pub(super) fn our_open(config: &SessionConfig) -> Open {
    let mut capabilities: Vec<_> = config
        .families
        .iter()
        .map(|family| {
            let (afi, safi) = iana::family_codes(*family);
            Capability::Multiprotocol { afi, safi }
        })
        .collect();
    capabilities.push(Capability::RouteRefresh);
    capabilities.push(Capability::FourOctetAs(config.local_asn));
    Open {
        my_as: config.local_asn.to_two_octets(),
        hold_time: config.hold_time,
        router_id: config.router_id,
        capabilities,
    }
}

/// What we and a peer that sent this OPEN agree on.
pub(super) fn negotiate(config: &SessionConfig, open: &Open) -> Result<Negotiated, OpenRefusal> {
    let remote_asn = acceptable_asn(config, open)?;
    let internal = remote_asn == config.local_asn;
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
    let families = common_families(config, open);
    if families.is_empty() {
        return Err(OpenRefusal::NoCommonFamily { ours: config.families.clone() });
    }
    let hold_time = config.hold_time.min(open.hold_time);
    Ok(Negotiated {
        remote_asn,
        remote_router_id: open.router_id,
        hold_time,
        keepalive: Duration::from_secs(u64::from(hold_time)) / 3,
        context: CodecContext {
            four_octet_as: four_octet_capability(open).is_some(),
            internal,
            families,
            max_message: MAX_MESSAGE,
        },
        route_refresh: open.capabilities.contains(&Capability::RouteRefresh),
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
    if let Some(capability) = four_octet_capability(open) {
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

fn four_octet_capability(open: &Open) -> Option<Asn> {
    open.capabilities.iter().find_map(|capability| match capability {
        Capability::FourOctetAs(asn) => Some(*asn),
        Capability::Multiprotocol { .. } | Capability::RouteRefresh | Capability::Unknown { .. } => None,
    })
}

/// RFC 4760 §8: what both announce. A peer that announces no family at all means what BGP-4 always carried.
fn common_families(config: &SessionConfig, open: &Open) -> Vec<AfiSafi> {
    let announced: Vec<_> = open
        .capabilities
        .iter()
        .filter_map(|capability| match capability {
            Capability::Multiprotocol { afi, safi } => Some(iana::family(*afi, *safi)),
            Capability::RouteRefresh | Capability::FourOctetAs(_) | Capability::Unknown { .. } => None,
        })
        .collect();
    let offers = |family: &AfiSafi| {
        if announced.is_empty() { *family == AfiSafi::Ipv4Unicast } else { announced.contains(&Some(*family)) }
    };
    config.families.iter().copied().filter(offers).collect()
}

/// A family's capability as it stands in an OPEN (RFC 4760 §8).
fn multiprotocol(family: AfiSafi) -> [u8; 6] {
    let (afi, safi) = iana::family_codes(family);
    let [high, low] = afi.to_be_bytes();
    [capability::MULTIPROTOCOL, 4, high, low, 0, safi]
}
