//! Capabilities (RFC 5492): what a speaker says in its OPEN that it can do.

use super::iana::{self, capability, graceful_restart};
use super::message::{Capability, GracefulRestart, RestartFamily};
use super::reader::Reader;
use super::{EncodeError, OpenProblem};
use crate::net::{AfiSafi, Asn};

impl Capability {
    /// The multiprotocol capability of a family (RFC 4760 §8).
    pub fn multiprotocol(family: AfiSafi) -> Capability {
        let (afi, safi) = iana::family_codes(family);
        Capability::Multiprotocol { afi, safi }
    }

    /// The family that a multiprotocol capability announces, if nva routes it.
    pub fn family(&self) -> Option<AfiSafi> {
        if let Capability::Multiprotocol { afi, safi } = self { iana::family(*afi, *safi) } else { None }
    }

    /// The capability code.
    pub fn code(&self) -> u8 {
        match self {
            Capability::Multiprotocol { .. } => capability::MULTIPROTOCOL,
            Capability::RouteRefresh => capability::ROUTE_REFRESH,
            Capability::ExtendedMessage => capability::EXTENDED_MESSAGE,
            Capability::Role(_) => capability::ROLE,
            Capability::GracefulRestart(_) => capability::GRACEFUL_RESTART,
            Capability::FourOctetAs(_) => capability::FOUR_OCTET_AS,
            Capability::EnhancedRouteRefresh => capability::ENHANCED_ROUTE_REFRESH,
            Capability::Unknown { code, .. } => *code,
        }
    }
}

impl RestartFamily {
    /// A family of ours.
    pub fn new(family: AfiSafi, forwarding: bool) -> RestartFamily {
        let (afi, safi) = iana::family_codes(family);
        RestartFamily { afi, safi, forwarding }
    }

    /// The family, if nva routes it.
    pub fn family(&self) -> Option<AfiSafi> {
        iana::family(self.afi, self.safi)
    }
}

/// Reads all capabilities of one parameter. The error comes with its offset in the message.
pub(super) fn decode_all(mut field: Reader<'_>, into: &mut Vec<Capability>) -> Result<(), (usize, OpenProblem)> {
    while !field.is_empty() {
        let offset = field.offset();
        let (Some(code), Some(length)) = (field.u8(), field.u8()) else {
            return Err((offset, OpenProblem::CapabilityLength));
        };
        let value = field.field(usize::from(length)).ok_or((offset, OpenProblem::CapabilityLength))?;
        into.push(decode(code, value).map_err(|problem| (offset, problem))?);
    }
    Ok(())
}

/// Appends code, length and value.
pub(super) fn encode(capability: &Capability, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(capability.code());
    match capability {
        Capability::Multiprotocol { afi, safi } => out.extend_from_slice(&multiprotocol(*afi, *safi)),
        Capability::RouteRefresh | Capability::ExtendedMessage | Capability::EnhancedRouteRefresh => out.push(0),
        Capability::Role(role) => out.extend_from_slice(&[1, *role]),
        Capability::GracefulRestart(restart) => {
            let families = u8::try_from(restart.families.len()).ok();
            let length = families.and_then(|count| count.checked_mul(4)).and_then(|length| length.checked_add(2));
            out.push(length.ok_or(EncodeError::CapabilityTooLong { code: capability.code() })?);
            write_graceful_restart(restart, out);
        }
        Capability::FourOctetAs(asn) => {
            out.push(4);
            out.extend_from_slice(&asn.0.to_be_bytes());
        }
        Capability::Unknown { code, value } => {
            out.push(u8::try_from(value.len()).map_err(|_| EncodeError::CapabilityTooLong { code: *code })?);
            out.extend_from_slice(value);
        }
    }
    Ok(())
}

fn decode(code: u8, mut value: Reader<'_>) -> Result<Capability, OpenProblem> {
    let wrong_length = OpenProblem::CapabilityValue { code, length: value.len() };
    let capability = match code {
        capability::MULTIPROTOCOL => match (value.u16(), value.u8(), value.u8()) {
            (Some(afi), Some(_reserved), Some(safi)) => Capability::Multiprotocol { afi, safi },
            _ => return Err(wrong_length),
        },
        capability::ROUTE_REFRESH => Capability::RouteRefresh,
        capability::EXTENDED_MESSAGE => Capability::ExtendedMessage,
        capability::ENHANCED_ROUTE_REFRESH => Capability::EnhancedRouteRefresh,
        capability::ROLE => Capability::Role(value.u8().ok_or(wrong_length.clone())?),
        capability::GRACEFUL_RESTART => {
            Capability::GracefulRestart(read_graceful_restart(&mut value).ok_or(wrong_length.clone())?)
        }
        capability::FOUR_OCTET_AS => {
            let asn = Asn(value.u32().ok_or(wrong_length.clone())?);
            // RFC 7607 §2: nobody has AS 0.
            if asn == Asn(0) {
                return Err(OpenProblem::AsZero);
            }
            Capability::FourOctetAs(asn)
        }
        _ => return Ok(Capability::Unknown { code, value: value.rest().into() }),
    };
    if value.is_empty() { Ok(capability) } else { Err(wrong_length) }
}

/// RFC 4724 §3; bits that nobody has assigned are not looked at.
fn read_graceful_restart(value: &mut Reader<'_>) -> Option<GracefulRestart> {
    let head = value.u16()?;
    let mut families = Vec::new();
    while !value.is_empty() {
        let (afi, safi, flags) = (value.u16()?, value.u8()?, value.u8()?);
        families.push(RestartFamily { afi, safi, forwarding: flags & graceful_restart::FORWARDING != 0 });
    }
    Some(GracefulRestart {
        restarted: head & graceful_restart::RESTARTED != 0,
        notification: head & graceful_restart::NOTIFICATION != 0,
        time: head & graceful_restart::TIME,
        families,
    })
}

/// What follows the code of a multiprotocol capability (RFC 4760 §8).
pub(super) fn multiprotocol(afi: u16, safi: u8) -> [u8; 5] {
    let [high, low] = afi.to_be_bytes();
    [4, high, low, 0, safi]
}

/// A time that 12 bits cannot hold goes out as the longest that they can.
fn write_graceful_restart(restart: &GracefulRestart, out: &mut Vec<u8>) {
    let flag = |set: bool, bit: u16| if set { bit } else { 0 };
    let head = flag(restart.restarted, graceful_restart::RESTARTED)
        | flag(restart.notification, graceful_restart::NOTIFICATION)
        | restart.time.min(graceful_restart::TIME);
    out.extend_from_slice(&head.to_be_bytes());
    for family in &restart.families {
        out.extend_from_slice(&family.afi.to_be_bytes());
        out.extend_from_slice(&[family.safi, if family.forwarding { graceful_restart::FORWARDING } else { 0 }]);
    }
}
