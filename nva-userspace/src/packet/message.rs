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
    /// The largest message that the peer takes, header included: 4096 (RFC 4271 §4.1), or 65535 if it announced
    /// extended messages (RFC 8654 §4). OPEN and KEEPALIVE keep to 4096.
    pub max_send: usize,
    /// The largest message that we take: the same of what we announced ourselves.
    pub max_receive: usize,
    /// Both sides announced enhanced route refresh: an octet of ROUTE-REFRESH that was reserved before says what it is
    /// about (RFC 7313 §3.2).
    pub enhanced_refresh: bool,
    /// A multiprotocol attribute that cannot be read ends what is received of its family, and not the session, as long as
    /// another family is left (RFC 4760 §7, RFC 7606 §2).
    pub disable_families: bool,
}

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// OPEN (RFC 4271 §4.2).
    Open(Open),
    /// UPDATE (RFC 4271 §4.3).
    Update(Box<Update>),
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
        self.four_octet_as().unwrap_or(Asn(u32::from(self.my_as)))
    }

    /// The AS in the 4-octet capability.
    pub fn four_octet_as(&self) -> Option<Asn> {
        self.capabilities
            .iter()
            .find_map(|capability| if let Capability::FourOctetAs(asn) = capability { Some(*asn) } else { None })
    }

    /// The Graceful Restart capability: of several the last one (RFC 4724 §3).
    pub fn graceful_restart(&self) -> Option<&GracefulRestart> {
        self.capabilities
            .iter()
            .rev()
            .find_map(|capability| if let Capability::GracefulRestart(it) = capability { Some(it) } else { None })
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
    /// Messages of up to 65535 octets are accepted (RFC 8654 §3), code 6.
    ExtendedMessage,
    /// What the sender is to the receiver (RFC 9234 §4.1), code 9; any value, known to us or not.
    Role(u8),
    /// Graceful restart (RFC 4724 §3), code 64.
    GracefulRestart(GracefulRestart),
    /// 4-octet AS numbers (RFC 6793 §3), code 65.
    FourOctetAs(Asn),
    /// Enhanced route refresh (RFC 7313 §3.1), code 70.
    EnhancedRouteRefresh,
    /// Any other.
    Unknown {
        /// The capability code.
        code: u8,
        /// Its value.
        value: Box<[u8]>,
    },
}

/// What a speaker says about its restarts (RFC 4724 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GracefulRestart {
    /// Restart State (R): it has restarted, and nobody has to wait for its End-of-RIB before sending.
    pub restarted: bool,
    /// Graceful Notification (N): a NOTIFICATION, too, begins a graceful restart (RFC 8538 §2).
    pub notification: bool,
    /// How many seconds a restart takes it at most: 12 bits.
    pub time: u16,
    /// The families whose forwarding survives a restart; none if it only bears with the restarts of others.
    pub families: Vec<RestartFamily>,
}

/// A family in the Graceful Restart capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartFamily {
    /// Address Family Identifier, known to us or not.
    pub afi: u16,
    /// Subsequent Address Family Identifier.
    pub safi: u8,
    /// Forwarding State (F): forwarding was preserved during the restart before this OPEN.
    pub forwarding: bool,
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
    /// Families that this message disables: nothing of them is in it, all routes of them that came before go, and what
    /// comes later is to be ignored (AFI/SAFI disable, RFC 7606 §2).
    pub disabled: Vec<AfiSafi>,
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
    /// What it says; a request where enhanced route refresh was not agreed on.
    pub subtype: RefreshSubtype,
}

/// Message Subtype of a ROUTE-REFRESH (RFC 7313 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshSubtype {
    /// Send all routes of the family again.
    Request,
    /// BoRR: from here on all routes of the family come again.
    Begin,
    /// EoRR: all of them have come.
    End,
    /// Any other.
    Unknown(u8),
}
