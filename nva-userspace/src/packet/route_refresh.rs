//! ROUTE-REFRESH (RFC 2918 §3). GAP(RFC 7313 §3): the enhanced kind, with its demarcation.

use super::EncodeError;
use super::header::{Frame, write_message};
use super::iana::{self, message_type};
use super::message::RouteRefresh;
use crate::net::AfiSafi;

impl RouteRefresh {
    /// Asks for all routes of a family.
    pub fn of(family: AfiSafi) -> RouteRefresh {
        let (afi, safi) = iana::family_codes(family);
        RouteRefresh { afi, safi }
    }

    /// The family that is asked for, if nva routes it.
    pub fn family(&self) -> Option<AfiSafi> {
        iana::family(self.afi, self.safi)
    }
}

/// Reads what follows the header; nothing in it can be wrong, and the reserved octet is not looked at.
pub(super) fn decode(frame: Frame<'_>) -> Option<RouteRefresh> {
    let mut body = frame.body;
    let afi = body.u16()?;
    let _reserved = body.u8()?;
    Some(RouteRefresh { afi, safi: body.u8()? })
}

/// Appends the whole message.
pub(super) fn encode(request: &RouteRefresh, max_message: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_message(message_type::ROUTE_REFRESH, max_message, out, |out| {
        out.extend_from_slice(&request.afi.to_be_bytes());
        out.extend_from_slice(&[0, request.safi]);
        Ok(())
    })
}
