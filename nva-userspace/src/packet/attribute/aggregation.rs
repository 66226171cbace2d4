//! AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §4.3 g, RFC 6793 §3).

use crate::attributes::Aggregator;
use crate::net::Asn;
use crate::packet::error::AttributeProblem;
use crate::packet::reader::Reader;

use super::as_path::Width;
use super::values::exactly;

/// Reads AGGREGATOR (RFC 7606 §7.7), or AS4_AGGREGATOR, which is as the former with 4 octets (RFC 6793 §6).
pub(in crate::packet) fn decode(value: Reader<'_>, width: Width) -> Result<Aggregator, AttributeProblem> {
    let (asn, router_id) = match width {
        Width::Two => {
            let [high, low, router_id @ ..] = exactly::<6>(value)?;
            (Asn(u32::from(u16::from_be_bytes([high, low]))), router_id)
        }
        Width::Four => {
            let [a, b, c, d, router_id @ ..] = exactly::<8>(value)?;
            (Asn(u32::from_be_bytes([a, b, c, d])), router_id)
        }
    };
    // RFC 7607 §2: nobody has AS 0.
    if asn == Asn(0) {
        return Err(AttributeProblem::AsZero);
    }
    Ok(Aggregator { asn, router_id: router_id.into() })
}

/// The octets that an aggregator takes.
pub(super) fn encoded_len(width: Width) -> usize {
    match width {
        Width::Two => 6,
        Width::Four => 8,
    }
}

/// Appends an aggregator; in 2 octets an AS that does not fit goes as AS_TRANS (RFC 6793 §4.2.2).
pub(super) fn encode(aggregator: &Aggregator, width: Width, out: &mut Vec<u8>) {
    match width {
        Width::Two => out.extend_from_slice(&aggregator.asn.to_two_octets().to_be_bytes()),
        Width::Four => out.extend_from_slice(&aggregator.asn.0.to_be_bytes()),
    }
    out.extend_from_slice(&aggregator.router_id.octets());
}
