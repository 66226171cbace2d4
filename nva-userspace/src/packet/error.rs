//! What can be wrong with a message, and what is then done about it.
//!
//! Every [`DecodeError`] ends the session with the NOTIFICATION that [`DecodeError::notification`] gives; every milder
//! error of an UPDATE is an [`UpdateFault`] beside the routes that could be read (RFC 7606).

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use super::iana::{self, attribute, error_code, header_error, open_error, route_refresh_error, update_error};
use super::message::Notification;
use crate::net::AfiSafi;

/// Octets that are not a message that the session could live with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The marker is not all ones (RFC 4271 §6.1).
    #[error("message header at offset 0: the marker is not all ones")]
    NotSynchronized,
    /// The length is impossible, for any message or for this type of message (RFC 4271 §6.1).
    #[error("message header at offset 16: {length} is not a possible length of {}", MessageName(*kind))]
    BadLength {
        /// What the length field says.
        length: u16,
        /// The type of message; `None` if the length is wrong for any.
        kind: Option<u8>,
    },
    /// No such message type (RFC 4271 §6.1).
    #[error("message header at offset 18: there is no message type {kind}")]
    BadType {
        /// What the type field says.
        kind: u8,
    },
    /// OPEN cannot be accepted (RFC 4271 §6.2).
    #[error("OPEN at offset {offset}: {problem}")]
    Open {
        /// Where in the message, header included.
        offset: usize,
        /// What is wrong.
        problem: OpenProblem,
    },
    /// UPDATE has an error for which RFC 7606 keeps the session reset.
    #[error("UPDATE, {fault}")]
    Update {
        /// What is wrong and where.
        fault: UpdateFault,
        /// The octets of the attribute that it is about; empty if it is about none.
        octets: Box<[u8]>,
    },
    /// A mark of a route refresh is not as long as it has to be (RFC 7313 §5).
    #[error("ROUTE-REFRESH of {} octets: a mark of a route refresh has 23", octets.len())]
    RefreshLength {
        /// The whole message.
        octets: Box<[u8]>,
    },
}

impl DecodeError {
    /// The NOTIFICATION to send before the connection is closed.
    pub fn notification(&self) -> Notification {
        match self {
            DecodeError::NotSynchronized => {
                Notification::new(error_code::MESSAGE_HEADER, header_error::NOT_SYNCHRONIZED, &[])
            }
            // RFC 4271 §6.1: the data is the erroneous length field.
            DecodeError::BadLength { length, .. } => {
                Notification::new(error_code::MESSAGE_HEADER, header_error::BAD_LENGTH, &length.to_be_bytes())
            }
            // RFC 4271 §6.1: the data is the erroneous type field.
            DecodeError::BadType { kind } => {
                Notification::new(error_code::MESSAGE_HEADER, header_error::BAD_TYPE, &[*kind])
            }
            DecodeError::Open { problem, .. } => problem.notification(),
            DecodeError::Update { fault, octets } => fault.notification(octets),
            // RFC 7313 §5: the data is the message.
            DecodeError::RefreshLength { octets } => {
                Notification::new(error_code::ROUTE_REFRESH, route_refresh_error::INVALID_LENGTH, octets)
            }
        }
    }
}

/// What is wrong with an OPEN by itself. Whether it suits this peer is the state machine's question.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenProblem {
    /// Not BGP-4.
    #[error("version {version} is not supported")]
    Version {
        /// The version offered.
        version: u8,
    },
    /// AS 0, in the fixed field or in the capability (RFC 7607 §2).
    #[error("AS 0 is nobody's")]
    AsZero,
    /// The BGP Identifier is 0 (RFC 6286 §2.1).
    #[error("the BGP Identifier is 0")]
    IdentifierZero,
    /// The hold time is 1 or 2 seconds (RFC 4271 §4.2).
    #[error("a hold time of {seconds} s is neither 0 nor at least 3")]
    HoldTime {
        /// The time offered.
        seconds: u16,
    },
    /// An optional parameter other than Capabilities.
    #[error("optional parameter {kind} is not supported")]
    UnsupportedParameter {
        /// The parameter's type.
        kind: u8,
    },
    /// The lengths of the optional parameters do not add up.
    #[error("the lengths of the optional parameters do not add up")]
    ParameterLength,
    /// The lengths of the capabilities do not add up to that of their parameter.
    #[error("the lengths of the capabilities do not add up")]
    CapabilityLength,
    /// A capability that we know has a value of another length than it should.
    #[error("capability {code} has a value of {length} octets")]
    CapabilityValue {
        /// The capability's code.
        code: u8,
        /// The length that it has.
        length: usize,
    },
}

impl OpenProblem {
    fn notification(&self) -> Notification {
        let (subcode, data): (u8, &[u8]) = match self {
            // RFC 4271 §6.2: the data is the version that we do support, in 2 octets.
            OpenProblem::Version { .. } => (open_error::UNSUPPORTED_VERSION, &[0, iana::BGP_VERSION]),
            OpenProblem::AsZero => (open_error::BAD_PEER_AS, &[]),
            OpenProblem::IdentifierZero => (open_error::BAD_IDENTIFIER, &[]),
            OpenProblem::HoldTime { .. } => (open_error::UNACCEPTABLE_HOLD_TIME, &[]),
            OpenProblem::UnsupportedParameter { .. } => (open_error::UNSUPPORTED_PARAMETER, &[]),
            // RFC 4271 §6.2: recognized but malformed is Unspecific.
            OpenProblem::ParameterLength | OpenProblem::CapabilityLength | OpenProblem::CapabilityValue { .. } => {
                (iana::UNSPECIFIC, &[])
            }
        };
        Notification::new(error_code::OPEN_MESSAGE, subcode, data)
    }
}

/// What is done about an error in an UPDATE, the mildest first (RFC 7606 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Treatment {
    /// The attribute is dropped, the routes stay.
    AttributeDiscard,
    /// The routes of the UPDATE are withdrawn.
    TreatAsWithdraw,
    /// The routes of one AFI/SAFI go, and no more of it is taken in this session (RFC 4760 §7).
    FamilyDisable,
    /// The session ends with a NOTIFICATION.
    SessionReset,
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Treatment::AttributeDiscard => "attribute discarded",
            Treatment::TreatAsWithdraw => "treated as withdraw",
            Treatment::FamilyDisable => "address family disabled",
            Treatment::SessionReset => "session reset",
        })
    }
}

/// One thing that is wrong with an UPDATE and how it is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFault {
    /// The type of the attribute; `None` for the withdrawn routes, the NLRI and the lengths of the three fields.
    pub attribute: Option<u8>,
    /// Where in the message, header included.
    pub offset: usize,
    /// What was done.
    pub treatment: Treatment,
    /// What is wrong.
    pub problem: AttributeProblem,
}

impl UpdateFault {
    /// The NOTIFICATION that RFC 4271 §6.3 has for this; `octets` are those of the attribute.
    fn notification(&self, octets: &[u8]) -> Notification {
        let multiprotocol = matches!(self.attribute, Some(attribute::MP_REACH_NLRI | attribute::MP_UNREACH_NLRI));
        let missing = self.attribute.map_or([0], |kind| [kind]);
        let (subcode, data): (u8, &[u8]) = match self.problem {
            AttributeProblem::FieldLengths | AttributeProblem::TruncatedHeader | AttributeProblem::Duplicate => {
                (update_error::MALFORMED_ATTRIBUTE_LIST, &[])
            }
            AttributeProblem::UnrecognizedWellKnown => (update_error::UNRECOGNIZED_WELL_KNOWN, octets),
            AttributeProblem::Missing => (update_error::MISSING_WELL_KNOWN, &missing),
            AttributeProblem::Flags { .. } => (update_error::ATTRIBUTE_FLAGS, octets),
            // RFC 4760 §7: an incorrect multiprotocol attribute is an Optional Attribute Error, whatever is wrong.
            AttributeProblem::Length { .. } | AttributeProblem::Overrun { .. } if multiprotocol => {
                (update_error::OPTIONAL_ATTRIBUTE, octets)
            }
            AttributeProblem::Length { .. } | AttributeProblem::Overrun { .. } => {
                (update_error::ATTRIBUTE_LENGTH, octets)
            }
            AttributeProblem::Origin { .. } => (update_error::INVALID_ORIGIN, octets),
            AttributeProblem::NextHopAddress { .. } if multiprotocol => (update_error::OPTIONAL_ATTRIBUTE, octets),
            AttributeProblem::NextHopAddress { .. } => (update_error::INVALID_NEXT_HOP, octets),
            AttributeProblem::NextHopLength { .. } => (update_error::OPTIONAL_ATTRIBUTE, octets),
            AttributeProblem::PrefixLength { .. } | AttributeProblem::PrefixOverrun if multiprotocol => {
                (update_error::OPTIONAL_ATTRIBUTE, octets)
            }
            AttributeProblem::PrefixLength { .. } | AttributeProblem::PrefixOverrun => {
                (update_error::INVALID_NETWORK, &[])
            }
            AttributeProblem::SegmentKind { .. }
            | AttributeProblem::SegmentEmpty
            | AttributeProblem::SegmentOverrun
            | AttributeProblem::Confederation
            | AttributeProblem::AsZero => (update_error::MALFORMED_AS_PATH, &[]),
            AttributeProblem::NotFromExternal | AttributeProblem::NotInFourOctetSession => {
                (update_error::OPTIONAL_ATTRIBUTE, octets)
            }
        };
        Notification::new(error_code::UPDATE_MESSAGE, subcode, data)
    }
}

impl fmt::Display for UpdateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attribute {
            Some(kind) => AttributeName(kind).fmt(f)?,
            None => f.write_str("routes")?,
        }
        write!(f, " at offset {}: {} ({})", self.offset, self.problem, self.treatment)
    }
}

/// What is wrong with an UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AttributeProblem {
    /// Withdrawn Routes Length or Total Path Attribute Length reach beyond the message.
    #[error("the lengths of the withdrawn routes and the attributes exceed the message")]
    FieldLengths,
    /// Too few octets are left of the attributes for another one's flags, type and length.
    #[error("the attributes end within the header of one")]
    TruncatedHeader,
    /// The attribute's length reaches beyond the attributes.
    #[error("a length of {length} octets reaches beyond the attributes")]
    Overrun {
        /// What its length field says.
        length: usize,
    },
    /// The attribute stands there a second time.
    #[error("is there more than once")]
    Duplicate,
    /// Its flags say well-known, and we do not know it.
    #[error("is flagged as well-known but not known")]
    UnrecognizedWellKnown,
    /// It is mandatory and not there.
    #[error("is missing")]
    Missing,
    /// The Optional or the Transitive bit is not as the type requires.
    #[error("flags {flags:#04x} do not suit it")]
    Flags {
        /// The flags octet.
        flags: u8,
    },
    /// The length is not possible for the type.
    #[error("a length of {length} octets does not suit it")]
    Length {
        /// The length of the value.
        length: usize,
    },
    /// ORIGIN is none of the three.
    #[error("{value} is not an origin")]
    Origin {
        /// The value.
        value: u8,
    },
    /// The next hop is not the address of a host.
    #[error("next hop {address} is not the address of a host")]
    NextHopAddress {
        /// The address.
        address: IpAddr,
    },
    /// The next hop of MP_REACH_NLRI does not have a length that the family allows.
    #[error("a next hop of {length} octets does not suit {family}")]
    NextHopLength {
        /// The family that is announced.
        family: AfiSafi,
        /// What the next hop's length field says.
        length: u8,
    },
    /// A prefix is longer than an address of the family.
    #[error("prefix length {length} is too long for {family}")]
    PrefixLength {
        /// The family of the field.
        family: AfiSafi,
        /// What the prefix' length field says.
        length: u8,
    },
    /// The last prefix reaches beyond the field.
    #[error("the last prefix reaches beyond the field")]
    PrefixOverrun,
    /// No such segment type.
    #[error("there is no segment type {kind}")]
    SegmentKind {
        /// What the segment's type field says.
        kind: u8,
    },
    /// A segment without an AS number.
    #[error("a segment is empty")]
    SegmentEmpty,
    /// The last segment reaches beyond the attribute, or a single octet is left behind it.
    #[error("the last segment reaches beyond the attribute")]
    SegmentOverrun,
    /// A confederation segment from a peer that is in no confederation with us.
    #[error("has a confederation segment, from an external peer")]
    Confederation,
    /// The AS number 0 (RFC 7607 §2).
    #[error("contains AS 0")]
    AsZero,
    /// An attribute for internal peers only, from an external one.
    #[error("is not for external peers to send")]
    NotFromExternal,
    /// AS4_PATH or AS4_AGGREGATOR from a peer that has 4-octet AS numbers everywhere.
    #[error("is not for 4-octet speakers to send")]
    NotInFourOctetSession,
}

/// A message that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// It would be longer than the session allows.
    #[error("the message is longer than {max} octets")]
    TooLong {
        /// The most that is allowed, header included.
        max: usize,
    },
    /// Not even one prefix fits beside the attributes (RFC 4271 §9.2).
    #[error("the attributes leave no room for a prefix in {max} octets")]
    NoRoomForPrefix {
        /// The most that is allowed, header included.
        max: usize,
    },
    /// The next hop is of another family than the prefixes. GAP(RFC 8950 §3): IPv4 prefixes with an IPv6 next hop.
    #[error("next hop {next_hop} does not suit {family} prefixes")]
    NextHopFamily {
        /// The next hop.
        next_hop: IpAddr,
        /// The family of the prefixes.
        family: AfiSafi,
    },
    /// More than one of: withdrawn IPv4, withdrawn IPv6, announced IPv4, announced IPv6, End-of-RIB. They do not go
    /// into one UPDATE (RFC 7606 §5.1).
    #[error("an update carries routes of one family, either announced or withdrawn")]
    Mixed,
    /// An AS path segment has no AS number or more than 255.
    #[error("an AS path segment of {length} numbers cannot be written")]
    Segment {
        /// How many it has.
        length: usize,
    },
    /// An attribute that nva knows stands among the unknown ones.
    #[error("{} stands among the unknown attributes", AttributeName(*kind))]
    NotUnknown {
        /// Its type.
        kind: u8,
    },
    /// A value is longer than its length field can say.
    #[error("capability {code} is longer than 255 octets")]
    CapabilityTooLong {
        /// The capability's code.
        code: u8,
    },
}

/// Prints an attribute's name, or its number.
struct AttributeName(u8);

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match attribute::name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

/// Prints a message type's name.
struct MessageName(Option<u8>);

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.and_then(iana::message_type::name).unwrap_or("a message"))
    }
}
