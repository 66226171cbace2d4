//! ROUTE-REFRESH (RFC 2918 §3), and the marks around what is sent again (RFC 7313 §3.2).

use super::header::{Frame, write_message};
use super::iana::{self, message_type, refresh_subtype};
use super::message::{CodecContext, RefreshSubtype, RouteRefresh};
use super::{DecodeError, EncodeError, MAX_MESSAGE};
use crate::net::AfiSafi;

impl RouteRefresh {
    /// Says this about a family.
    pub fn new(family: AfiSafi, subtype: RefreshSubtype) -> RouteRefresh {
        let (afi, safi) = iana::family_codes(family);
        RouteRefresh { afi, safi, subtype }
    }

    /// The family that it is about, if nva routes it.
    pub fn family(&self) -> Option<AfiSafi> {
        iana::family(self.afi, self.safi)
    }
}

impl RefreshSubtype {
    fn from_code(code: u8) -> RefreshSubtype {
        match code {
            refresh_subtype::REQUEST => RefreshSubtype::Request,
            refresh_subtype::BEGIN => RefreshSubtype::Begin,
            refresh_subtype::END => RefreshSubtype::End,
            _ => RefreshSubtype::Unknown(code),
        }
    }

    /// What stands in the message.
    pub fn code(self) -> u8 {
        match self {
            RefreshSubtype::Request => refresh_subtype::REQUEST,
            RefreshSubtype::Begin => refresh_subtype::BEGIN,
            RefreshSubtype::End => refresh_subtype::END,
            RefreshSubtype::Unknown(code) => code,
        }
    }
}

/// Reads what follows the header of the message `octets`.
pub(super) fn decode(frame: Frame<'_>, octets: &[u8], context: &CodecContext) -> Result<RouteRefresh, DecodeError> {
    let mut body = frame.body;
    let suits = body.len() == 4;
    let bad_length = || {
        let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
        DecodeError::BadLength { length, kind: Some(message_type::ROUTE_REFRESH) }
    };
    let (Some(afi), Some(code)) = (body.u16(), body.u8()) else { return Err(bad_length()) };
    // RFC 2918 §3: to who knows of no subtypes the octet is reserved, and not to be looked at.
    let subtype = if context.enhanced_refresh { RefreshSubtype::from_code(code) } else { RefreshSubtype::Request };
    match (subtype, body.u8()) {
        // RFC 7313 §5: ignored, whatever its length means.
        (RefreshSubtype::Unknown(_), safi) => Ok(RouteRefresh { afi, safi: safi.unwrap_or_default(), subtype }),
        (RefreshSubtype::Request | RefreshSubtype::Begin | RefreshSubtype::End, Some(safi)) if suits => {
            Ok(RouteRefresh { afi, safi, subtype })
        }
        (RefreshSubtype::Begin | RefreshSubtype::End, _) => Err(DecodeError::RefreshLength { octets: octets.into() }),
        (RefreshSubtype::Request, _) => Err(bad_length()),
    }
}

/// Appends the whole message.
pub(super) fn encode(refresh: &RouteRefresh, max_message: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_message(message_type::ROUTE_REFRESH, max_message, out, |out| {
        out.extend_from_slice(&refresh.afi.to_be_bytes());
        out.extend_from_slice(&[refresh.subtype.code(), refresh.safi]);
        Ok(())
    })
}

/// Appends a ROUTE-REFRESH that goes out between UPDATEs.
pub fn encode_refresh(refresh: &RouteRefresh, out: &mut Vec<u8>) {
    let written = encode(refresh, MAX_MESSAGE, out);
    debug_assert!(written.is_ok(), "it has 23 octets");
}
