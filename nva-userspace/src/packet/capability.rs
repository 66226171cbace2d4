//! Capabilities (RFC 5492): what a speaker says in its OPEN that it can do.

use super::iana::{self, capability};
use super::message::Capability;
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
        match self {
            Capability::Multiprotocol { afi, safi } => iana::family(*afi, *safi),
            Capability::RouteRefresh | Capability::FourOctetAs(_) | Capability::Unknown { .. } => None,
        }
    }

    /// The capability code.
    pub fn code(&self) -> u8 {
        match self {
            Capability::Multiprotocol { .. } => capability::MULTIPROTOCOL,
            Capability::RouteRefresh => capability::ROUTE_REFRESH,
            Capability::FourOctetAs(_) => capability::FOUR_OCTET_AS,
            Capability::Unknown { code, .. } => *code,
        }
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
        Capability::Multiprotocol { afi, safi } => {
            out.push(4);
            out.extend_from_slice(&afi.to_be_bytes());
            out.extend_from_slice(&[0, *safi]);
        }
        Capability::RouteRefresh => out.push(0),
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
