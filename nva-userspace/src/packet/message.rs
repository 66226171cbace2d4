//! The messages as values.

use std::net::{IpAddr, Ipv6Addr};

use crate::attributes::PathAttributes;
use crate::net::{AfiSafi, Asn, Prefix, RouterId};

/// What the codec has to know of a session to read and write its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecContext {
    /// AS numbers in AS_PATH and AGGREGATOR are 4 octets long: both sides sent the capability (RFC 6793 §3).
    pub four_octet_as: bool,
    /// The peer is in our own AS: LOCAL_PREF is expected (RFC 4271 §5.1.5).
    pub internal: bool,
    /// The families that both sides announced (RFC 4760 §8); routes of another family are ignored.
    pub families: Vec<AfiSafi>,
    /// The largest message that may be sent or received, header included: 4096 (RFC 4271 §4.1).
    pub max_message: usize,
}

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// OPEN (RFC 4271 §4.2).
    Open(Open),
    /// UPDATE (RFC 4271 §4.3).
    Update(Update),
    /// NOTIFICATION (RFC 4271 §4.5).
    Notification(Notification),
    /// KEEPALIVE (RFC 4271 §4.4).
    Keepalive,
    /// ROUTE-REFRESH (RFC 2918 §3).
    RouteRefresh(RouteRefresh),
}

/// OPEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The sender's AS as the 2-octet field has it: AS_TRANS where it does not fit.
    pub my_as: u16,
    /// The proposed hold time in seconds.
    pub hold_time: u16,
    /// The sender's BGP Identifier.
    pub router_id: RouterId,
    /// The capabilities of all Capabilities parameters, in the order in which they came (RFC 5492).
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// The sender's AS: the one in its 4-octet capability if it sent that, else the 2-octet field (RFC 6793 §4.1).
    pub fn asn(&self) -> Asn {
        self.capabilities
            .iter()
            .find_map(|capability| match capability {
                Capability::FourOctetAs(asn) => Some(*asn),
                Capability::Multiprotocol { .. } | Capability::RouteRefresh | Capability::Unknown { .. } => None,
            })
            .unwrap_or(Asn(u32::from(self.my_as)))
    }
}

/// A capability (RFC 5492 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Multiprotocol extensions (RFC 4760 §8), code 1; any AFI and SAFI, known to us or not.
    Multiprotocol {
        /// Address Family Identifier.
        afi: u16,
        /// Subsequent Address Family Identifier.
        safi: u8,
    },
    /// Route refresh (RFC 2918 §2), code 2.
    RouteRefresh,
    /// 4-octet AS numbers (RFC 6793 §3), code 65.
    FourOctetAs(Asn),
    /// Any other.
    Unknown {
        /// The capability code.
        code: u8,
        /// Its value.
        value: Box<[u8]>,
    },
}

/// UPDATE, the multiprotocol attributes (RFC 4760) and the classic fields brought into one form.
///
/// Decoding has already applied RFC 7606: where an error asks for treat-as-withdraw, the prefixes stand in
/// `withdrawn` and nothing in `announced`; where it asks for attribute discard, the attribute is gone. `faults` says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Prefixes that are no longer feasible, of every family. To be applied before `announced`: one that stands in
    /// both is announced (RFC 4271 §4.3).
    pub withdrawn: Vec<Prefix>,
    /// Prefixes that are announced, all with the same attributes.
    pub announced: Vec<Announced>,
    /// The attributes of all that is announced; meaningless if nothing is.
    pub attributes: PathAttributes,
    /// This is the End-of-RIB marker of a family (RFC 4724 §2).
    pub end_of_rib: Option<AfiSafi>,
    /// What was wrong with the message and how each thing was treated (RFC 7606).
    pub faults: Vec<super::UpdateFault>,
}

/// Prefixes of one family with their next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// NEXT_HOP, or the next hop of MP_REACH_NLRI.
    pub next_hop: NextHop,
    /// The prefixes; at least one.
    pub prefixes: Vec<Prefix>,
}

/// A next hop as a message carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The (global) address.
    pub address: IpAddr,
    /// The link-local address that may come with a global IPv6 next hop (RFC 2545 §3).
    pub link_local: Option<Ipv6Addr>,
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> NextHop {
        NextHop { address, link_local: None }
    }
}

/// NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// The data that goes with it.
    pub data: Box<[u8]>,
}

/// ROUTE-REFRESH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// Address Family Identifier, known to us or not.
    pub afi: u16,
    /// Subsequent Address Family Identifier.
    pub safi: u8,
}
