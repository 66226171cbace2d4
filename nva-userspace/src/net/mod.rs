//! Plain values that every layer speaks: prefixes, AS numbers, router ids, address families, instants.
//!
//! Nothing here knows a protocol message, a route or an operating system.

mod asn;
mod family;
mod instant;
mod number;
mod prefix;
mod protocol;

pub use asn::{Asn, AsnParseError};
pub use family::AfiSafi;
pub use instant::Instant;
pub(crate) use number::number;
pub use prefix::{Prefix, PrefixError};
pub use protocol::{RouteProtocol, RouteProtocolError};

/// The BGP Identifier, printed as a dotted quad (RFC 6286 §2.1: any non-zero 4-octet number).
pub type RouterId = std::net::Ipv4Addr;
