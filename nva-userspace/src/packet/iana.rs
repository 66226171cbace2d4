//! Every code point of the protocol that nva knows, as IANA assigned it, with the names that operators read.
//!
//! Numbers and names only: what they mean for a message is in the module that reads or writes it.

use crate::net::AfiSafi;

/// The protocol version (RFC 4271 §4.2).
pub const BGP_VERSION: u8 = 4;

/// Message types (RFC 4271 §4.1).
pub mod message_type {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH (RFC 2918 §3).
    pub const ROUTE_REFRESH: u8 = 5;

    /// The name of a message type.
    pub fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            OPEN => "OPEN",
            UPDATE => "UPDATE",
            NOTIFICATION => "NOTIFICATION",
            KEEPALIVE => "KEEPALIVE",
            ROUTE_REFRESH => "ROUTE-REFRESH",
            _ => return None,
        })
    }
}

/// Optional parameters of OPEN.
pub mod open_parameter {
    /// Capabilities (RFC 5492 §4).
    pub const CAPABILITIES: u8 = 2;
    /// The parameters have 2-octet lengths (RFC 9072 §2).
    pub const EXTENDED_LENGTH: u8 = 255;
}

/// Capability codes (RFC 5492 §4).
pub mod capability {
    /// Multiprotocol extensions (RFC 4760 §8).
    pub const MULTIPROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918 §2).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Extended messages (RFC 8654 §3).
    pub const EXTENDED_MESSAGE: u8 = 6;
    /// BGP Role (RFC 9234 §4.1).
    pub const ROLE: u8 = 9;
    /// Graceful restart (RFC 4724 §3).
    pub const GRACEFUL_RESTART: u8 = 64;
    /// 4-octet AS numbers (RFC 6793 §3).
    pub const FOUR_OCTET_AS: u8 = 65;
    /// Enhanced route refresh (RFC 7313 §3.1).
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
}

/// Message Subtypes of ROUTE-REFRESH (RFC 7313 §3.2).
pub mod refresh_subtype {
    /// Normal route refresh request.
    pub const REQUEST: u8 = 0;
    /// Beginning of a route refresh (BoRR).
    pub const BEGIN: u8 = 1;
    /// Ending of a route refresh (EoRR).
    pub const END: u8 = 2;
}

/// The bits of the Graceful Restart capability's first octets (RFC 4724 §3; RFC 8538 §2).
pub mod graceful_restart {
    /// Restart State (R): the sender has restarted.
    pub const RESTARTED: u16 = 0x8000;
    /// Graceful Notification (N): the sender restarts gracefully also after a NOTIFICATION.
    pub const NOTIFICATION: u16 = 0x4000;
    /// The Restart Time in seconds.
    pub const TIME: u16 = 0x0fff;
    /// Of a family, Forwarding State (F): forwarding was preserved.
    pub const FORWARDING: u8 = 0x80;
}

/// Values of the BGP Role capability: what its sender is to the receiver (RFC 9234 §4.1).
pub mod role {
    /// Provider.
    pub const PROVIDER: u8 = 0;
    /// Route server.
    pub const ROUTE_SERVER: u8 = 1;
    /// Client of a route server.
    pub const ROUTE_SERVER_CLIENT: u8 = 2;
    /// Customer.
    pub const CUSTOMER: u8 = 3;
    /// Peer: neither pays the other.
    pub const PEER: u8 = 4;
}

/// Address Family Identifiers (RFC 4760 §3).
pub mod afi {
    /// IPv4.
    pub const IPV4: u16 = 1;
    /// IPv6.
    pub const IPV6: u16 = 2;
}

/// Subsequent Address Family Identifiers (RFC 4760 §6).
pub mod safi {
    /// Unicast forwarding.
    pub const UNICAST: u8 = 1;
}

/// The AFI and SAFI of a family.
pub fn family_codes(family: AfiSafi) -> (u16, u8) {
    match family {
        AfiSafi::Ipv4Unicast => (afi::IPV4, safi::UNICAST),
        AfiSafi::Ipv6Unicast => (afi::IPV6, safi::UNICAST),
    }
}

/// The family that has these codes, if nva routes it.
pub fn family(afi: u16, safi: u8) -> Option<AfiSafi> {
    AfiSafi::ALL.into_iter().find(|known| family_codes(*known) == (afi, safi))
}

/// Path attribute types.
pub mod attribute {
    /// ORIGIN (RFC 4271 §5.1.1).
    pub const ORIGIN: u8 = 1;
    /// AS_PATH (RFC 4271 §5.1.2).
    pub const AS_PATH: u8 = 2;
    /// NEXT_HOP (RFC 4271 §5.1.3).
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC (RFC 4271 §5.1.4).
    pub const MULTI_EXIT_DISC: u8 = 4;
    /// LOCAL_PREF (RFC 4271 §5.1.5).
    pub const LOCAL_PREF: u8 = 5;
    /// ATOMIC_AGGREGATE (RFC 4271 §5.1.6).
    pub const ATOMIC_AGGREGATE: u8 = 6;
    /// AGGREGATOR (RFC 4271 §5.1.7).
    pub const AGGREGATOR: u8 = 7;
    /// COMMUNITIES (RFC 1997).
    pub const COMMUNITIES: u8 = 8;
    /// ORIGINATOR_ID (RFC 4456 §8).
    pub const ORIGINATOR_ID: u8 = 9;
    /// CLUSTER_LIST (RFC 4456 §8).
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI (RFC 4760 §3).
    pub const MP_REACH_NLRI: u8 = 14;
    /// MP_UNREACH_NLRI (RFC 4760 §4).
    pub const MP_UNREACH_NLRI: u8 = 15;
    /// EXTENDED COMMUNITIES (RFC 4360 §2).
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    /// AS4_PATH (RFC 6793 §3).
    pub const AS4_PATH: u8 = 17;
    /// AS4_AGGREGATOR (RFC 6793 §3).
    pub const AS4_AGGREGATOR: u8 = 18;
    /// LARGE_COMMUNITY (RFC 8092 §3).
    pub const LARGE_COMMUNITY: u8 = 32;
    /// Only to Customer (RFC 9234 §5).
    pub const ONLY_TO_CUSTOMER: u8 = 35;

    /// The name of an attribute type.
    pub fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            ORIGIN => "ORIGIN",
            AS_PATH => "AS_PATH",
            NEXT_HOP => "NEXT_HOP",
            MULTI_EXIT_DISC => "MULTI_EXIT_DISC",
            LOCAL_PREF => "LOCAL_PREF",
            ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
            AGGREGATOR => "AGGREGATOR",
            COMMUNITIES => "COMMUNITIES",
            ORIGINATOR_ID => "ORIGINATOR_ID",
            CLUSTER_LIST => "CLUSTER_LIST",
            MP_REACH_NLRI => "MP_REACH_NLRI",
            MP_UNREACH_NLRI => "MP_UNREACH_NLRI",
            EXTENDED_COMMUNITIES => "EXTENDED_COMMUNITIES",
            AS4_PATH => "AS4_PATH",
            AS4_AGGREGATOR => "AS4_AGGREGATOR",
            LARGE_COMMUNITY => "LARGE_COMMUNITY",
            ONLY_TO_CUSTOMER => "ONLY_TO_CUSTOMER",
            _ => return None,
        })
    }
}

/// The bits of an attribute's flags octet (RFC 4271 §4.3).
pub mod attribute_flag {
    /// Not well-known.
    pub const OPTIONAL: u8 = 0x80;
    /// Passed on even by speakers that do not know it.
    pub const TRANSITIVE: u8 = 0x40;
    /// Some speaker on the way did not know it.
    pub const PARTIAL: u8 = 0x20;
    /// The length has 2 octets.
    pub const EXTENDED_LENGTH: u8 = 0x10;
}

/// Values of ORIGIN (RFC 4271 §4.3).
pub mod origin {
    /// IGP.
    pub const IGP: u8 = 0;
    /// EGP.
    pub const EGP: u8 = 1;
    /// INCOMPLETE.
    pub const INCOMPLETE: u8 = 2;
}

/// AS_PATH segment types (RFC 4271 §4.3; RFC 5065 §3).
pub mod segment {
    /// AS_SET.
    pub const SET: u8 = 1;
    /// AS_SEQUENCE.
    pub const SEQUENCE: u8 = 2;
    /// AS_CONFED_SEQUENCE.
    pub const CONFED_SEQUENCE: u8 = 3;
    /// AS_CONFED_SET.
    pub const CONFED_SET: u8 = 4;
}

/// NOTIFICATION error codes (RFC 4271 §4.5).
pub mod error_code {
    /// Message Header Error.
    pub const MESSAGE_HEADER: u8 = 1;
    /// OPEN Message Error.
    pub const OPEN_MESSAGE: u8 = 2;
    /// UPDATE Message Error.
    pub const UPDATE_MESSAGE: u8 = 3;
    /// Hold Timer Expired.
    pub const HOLD_TIMER_EXPIRED: u8 = 4;
    /// Finite State Machine Error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH Message Error (RFC 7313 §5).
    pub const ROUTE_REFRESH: u8 = 7;
    /// Send Hold Timer Expired (RFC 9687 §5).
    pub const SEND_HOLD_TIMER_EXPIRED: u8 = 8;

    /// The name of an error code.
    pub fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            MESSAGE_HEADER => "Message Header Error",
            OPEN_MESSAGE => "OPEN Message Error",
            UPDATE_MESSAGE => "UPDATE Message Error",
            HOLD_TIMER_EXPIRED => "Hold Timer Expired",
            FSM => "Finite State Machine Error",
            CEASE => "Cease",
            ROUTE_REFRESH => "ROUTE-REFRESH Message Error",
            SEND_HOLD_TIMER_EXPIRED => "Send Hold Timer Expired",
            _ => return None,
        })
    }
}

/// The subcode that says nothing more (RFC 4271 §4.5).
pub const UNSPECIFIC: u8 = 0;

/// Subcodes of Message Header Error (RFC 4271 §6.1).
pub mod header_error {
    /// Connection Not Synchronized.
    pub const NOT_SYNCHRONIZED: u8 = 1;
    /// Bad Message Length.
    pub const BAD_LENGTH: u8 = 2;
    /// Bad Message Type.
    pub const BAD_TYPE: u8 = 3;
}

/// Subcodes of OPEN Message Error (RFC 4271 §6.2).
pub mod open_error {
    /// Unsupported Version Number.
    pub const UNSUPPORTED_VERSION: u8 = 1;
    /// Bad Peer AS.
    pub const BAD_PEER_AS: u8 = 2;
    /// Bad BGP Identifier.
    pub const BAD_IDENTIFIER: u8 = 3;
    /// Unsupported Optional Parameter.
    pub const UNSUPPORTED_PARAMETER: u8 = 4;
    /// Unacceptable Hold Time.
    pub const UNACCEPTABLE_HOLD_TIME: u8 = 6;
    /// Unsupported Capability (RFC 5492 §5).
    pub const UNSUPPORTED_CAPABILITY: u8 = 7;
    /// Role Mismatch (RFC 9234 §4.2).
    pub const ROLE_MISMATCH: u8 = 11;
}

/// Subcodes of UPDATE Message Error (RFC 4271 §6.3).
pub mod update_error {
    /// Malformed Attribute List.
    pub const MALFORMED_ATTRIBUTE_LIST: u8 = 1;
    /// Unrecognized Well-known Attribute.
    pub const UNRECOGNIZED_WELL_KNOWN: u8 = 2;
    /// Missing Well-known Attribute.
    pub const MISSING_WELL_KNOWN: u8 = 3;
    /// Attribute Flags Error.
    pub const ATTRIBUTE_FLAGS: u8 = 4;
    /// Attribute Length Error.
    pub const ATTRIBUTE_LENGTH: u8 = 5;
    /// Invalid ORIGIN Attribute.
    pub const INVALID_ORIGIN: u8 = 6;
    /// Invalid NEXT_HOP Attribute.
    pub const INVALID_NEXT_HOP: u8 = 8;
    /// Optional Attribute Error.
    pub const OPTIONAL_ATTRIBUTE: u8 = 9;
    /// Invalid Network Field.
    pub const INVALID_NETWORK: u8 = 10;
    /// Malformed AS_PATH.
    pub const MALFORMED_AS_PATH: u8 = 11;
}

/// Subcodes of Finite State Machine Error (RFC 6608 §3).
pub mod fsm_error {
    /// Receive Unexpected Message in OpenSent State.
    pub const IN_OPEN_SENT: u8 = 1;
    /// Receive Unexpected Message in OpenConfirm State.
    pub const IN_OPEN_CONFIRM: u8 = 2;
    /// Receive Unexpected Message in Established State.
    pub const IN_ESTABLISHED: u8 = 3;
}

/// Subcodes of Cease (RFC 4486 §3).
pub mod cease {
    /// Maximum Number of Prefixes Reached.
    pub const MAXIMUM_PREFIXES: u8 = 1;
    /// Administrative Shutdown.
    pub const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
    /// Peer De-configured.
    pub const PEER_DECONFIGURED: u8 = 3;
    /// Administrative Reset.
    pub const ADMINISTRATIVE_RESET: u8 = 4;
    /// Connection Rejected.
    pub const CONNECTION_REJECTED: u8 = 5;
    /// Other Configuration Change.
    pub const OTHER_CONFIGURATION_CHANGE: u8 = 6;
    /// Connection Collision Resolution.
    pub const COLLISION_RESOLUTION: u8 = 7;
    /// Out of Resources.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// Hard Reset (RFC 8538 §3).
    pub const HARD_RESET: u8 = 9;
    /// BFD Down (RFC 9384 §3).
    pub const BFD_DOWN: u8 = 10;
}

/// Subcodes of ROUTE-REFRESH Message Error (RFC 7313 §5).
pub mod route_refresh_error {
    /// Invalid Message Length.
    pub const INVALID_LENGTH: u8 = 1;
}

/// The name of an error subcode; none for [`UNSPECIFIC`] and for what is not assigned.
pub fn subcode_name(code: u8, subcode: u8) -> Option<&'static str> {
    Some(match (code, subcode) {
        (error_code::MESSAGE_HEADER, header_error::NOT_SYNCHRONIZED) => "Connection Not Synchronized",
        (error_code::MESSAGE_HEADER, header_error::BAD_LENGTH) => "Bad Message Length",
        (error_code::MESSAGE_HEADER, header_error::BAD_TYPE) => "Bad Message Type",
        (error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_VERSION) => "Unsupported Version Number",
        (error_code::OPEN_MESSAGE, open_error::BAD_PEER_AS) => "Bad Peer AS",
        (error_code::OPEN_MESSAGE, open_error::BAD_IDENTIFIER) => "Bad BGP Identifier",
        (error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_PARAMETER) => "Unsupported Optional Parameter",
        (error_code::OPEN_MESSAGE, open_error::UNACCEPTABLE_HOLD_TIME) => "Unacceptable Hold Time",
        (error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_CAPABILITY) => "Unsupported Capability",
        (error_code::OPEN_MESSAGE, open_error::ROLE_MISMATCH) => "Role Mismatch",
        (error_code::UPDATE_MESSAGE, update_error::MALFORMED_ATTRIBUTE_LIST) => "Malformed Attribute List",
        (error_code::UPDATE_MESSAGE, update_error::UNRECOGNIZED_WELL_KNOWN) => "Unrecognized Well-known Attribute",
        (error_code::UPDATE_MESSAGE, update_error::MISSING_WELL_KNOWN) => "Missing Well-known Attribute",
        (error_code::UPDATE_MESSAGE, update_error::ATTRIBUTE_FLAGS) => "Attribute Flags Error",
        (error_code::UPDATE_MESSAGE, update_error::ATTRIBUTE_LENGTH) => "Attribute Length Error",
        (error_code::UPDATE_MESSAGE, update_error::INVALID_ORIGIN) => "Invalid ORIGIN Attribute",
        (error_code::UPDATE_MESSAGE, update_error::INVALID_NEXT_HOP) => "Invalid NEXT_HOP Attribute",
        (error_code::UPDATE_MESSAGE, update_error::OPTIONAL_ATTRIBUTE) => "Optional Attribute Error",
        (error_code::UPDATE_MESSAGE, update_error::INVALID_NETWORK) => "Invalid Network Field",
        (error_code::UPDATE_MESSAGE, update_error::MALFORMED_AS_PATH) => "Malformed AS_PATH",
        (error_code::FSM, fsm_error::IN_OPEN_SENT) => "Receive Unexpected Message in OpenSent State",
        (error_code::FSM, fsm_error::IN_OPEN_CONFIRM) => "Receive Unexpected Message in OpenConfirm State",
        (error_code::FSM, fsm_error::IN_ESTABLISHED) => "Receive Unexpected Message in Established State",
        (error_code::CEASE, cease::MAXIMUM_PREFIXES) => "Maximum Number of Prefixes Reached",
        (error_code::CEASE, cease::ADMINISTRATIVE_SHUTDOWN) => "Administrative Shutdown",
        (error_code::CEASE, cease::PEER_DECONFIGURED) => "Peer De-configured",
        (error_code::CEASE, cease::ADMINISTRATIVE_RESET) => "Administrative Reset",
        (error_code::CEASE, cease::CONNECTION_REJECTED) => "Connection Rejected",
        (error_code::CEASE, cease::OTHER_CONFIGURATION_CHANGE) => "Other Configuration Change",
        (error_code::CEASE, cease::COLLISION_RESOLUTION) => "Connection Collision Resolution",
        (error_code::CEASE, cease::OUT_OF_RESOURCES) => "Out of Resources",
        (error_code::CEASE, cease::HARD_RESET) => "Hard Reset",
        (error_code::CEASE, cease::BFD_DOWN) => "BFD Down",
        (error_code::ROUTE_REFRESH, route_refresh_error::INVALID_LENGTH) => "Invalid Message Length",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_codes_lead_back_to_the_family() {
        for known in AfiSafi::ALL {
            let (afi, safi) = family_codes(known);
            assert_eq!(family(afi, safi), Some(known));
        }
        assert_eq!(family(afi::IPV4, 2), None, "multicast is not ours");
        assert_eq!(family(25, 70), None, "nor is EVPN");
    }
}
