//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3 and §4), IPv4 and IPv6 unicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{AfiSafi, Prefix};
use crate::packet::error::AttributeProblem;
use crate::packet::iana;
use crate::packet::message::NextHop;
use crate::packet::nlri;
use crate::packet::reader::Reader;

use super::values::is_host;

/// MP_REACH_NLRI.
#[derive(Debug)]
pub(in crate::packet) struct Reach {
    /// The next hop, or the one that is not the address of a host.
    pub(in crate::packet) next_hop: Result<NextHop, IpAddr>,
    /// What is announced.
    pub(in crate::packet) prefixes: Vec<Prefix>,
}

/// MP_UNREACH_NLRI.
#[derive(Debug)]
pub(in crate::packet) struct Unreach {
    /// The family.
    pub(in crate::packet) family: AfiSafi,
    /// What is withdrawn; nothing in an End-of-RIB marker.
    pub(in crate::packet) prefixes: Vec<Prefix>,
}

/// An attribute that cannot be read.
pub(in crate::packet) struct Fault {
    /// The family that it is about; `None` if not even that can be read.
    pub(in crate::packet) family: Option<AfiSafi>,
    /// Where in the message the error is.
    pub(in crate::packet) offset: usize,
    /// What is wrong.
    pub(in crate::packet) problem: AttributeProblem,
}

/// Reads MP_REACH_NLRI; `None` if it is about a family that is not one of `families` (RFC 4760 §8).
pub(in crate::packet) fn decode_reach(mut value: Reader<'_>, families: &[AfiSafi]) -> Result<Option<Reach>, Fault> {
    let (start, size) = (value.offset(), value.len());
    let Some(family) = read_family(&mut value, families).ok_or_else(|| wrong_length(None, start, size))? else {
        return Ok(None);
    };
    let too_short = || wrong_length(Some(family), start, size);
    let offset = value.offset();
    let length = value.u8().ok_or_else(too_short)?;
    let field = value.field(usize::from(length)).ok_or_else(too_short)?;
    // Reserved: RFC 4760 §3 has it ignored.
    value.u8().ok_or_else(too_short)?;
    // RFC 7606 §7.11.
    let next_hop = read_next_hop(family, field).ok_or(Fault {
        family: Some(family),
        offset,
        problem: AttributeProblem::NextHopLength { family, length },
    })?;
    let prefixes = read_prefixes(value, family)?;
    let next_hop = if is_host(next_hop.address) { Ok(next_hop) } else { Err(next_hop.address) };
    Ok(Some(Reach { next_hop, prefixes }))
}

/// Reads MP_UNREACH_NLRI; `None` if it is about a family that is not one of `families`.
pub(in crate::packet) fn decode_unreach(mut value: Reader<'_>, families: &[AfiSafi]) -> Result<Option<Unreach>, Fault> {
    let (start, size) = (value.offset(), value.len());
    let Some(family) = read_family(&mut value, families).ok_or_else(|| wrong_length(None, start, size))? else {
        return Ok(None);
    };
    Ok(Some(Unreach { family, prefixes: read_prefixes(value, family)? }))
}

fn wrong_length(family: Option<AfiSafi>, offset: usize, length: usize) -> Fault {
    Fault { family, offset, problem: AttributeProblem::Length { length } }
}

fn read_prefixes(field: Reader<'_>, family: AfiSafi) -> Result<Vec<Prefix>, Fault> {
    let mut prefixes = Vec::new();
    nlri::decode(field, family, &mut prefixes).map_err(|(offset, problem)| Fault {
        family: Some(family),
        offset,
        problem,
    })?;
    Ok(prefixes)
}

/// The octets of MP_REACH_NLRI in front of the prefixes.
pub(in crate::packet) fn reach_overhead(next_hop: &NextHop) -> usize {
    next_hop_len(next_hop).saturating_add(5)
}

/// Appends MP_REACH_NLRI up to the prefixes.
pub(in crate::packet) fn encode_reach_head(family: AfiSafi, next_hop: &NextHop, out: &mut Vec<u8>) {
    write_family(family, out);
    out.push(u8::try_from(next_hop_len(next_hop)).unwrap_or(u8::MAX));
    match next_hop.address {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => {
            out.extend_from_slice(&address.octets());
            if let Some(link_local) = next_hop.link_local {
                out.extend_from_slice(&link_local.octets());
            }
        }
    }
    out.push(0);
}

/// The octets of MP_UNREACH_NLRI in front of the prefixes.
pub(in crate::packet) const UNREACH_OVERHEAD: usize = 3;

/// Appends MP_UNREACH_NLRI up to the prefixes.
pub(in crate::packet) fn encode_unreach_head(family: AfiSafi, out: &mut Vec<u8>) {
    write_family(family, out);
}

/// `None` if there are too few octets, `Some(None)` for a family that is not one of these.
fn read_family(value: &mut Reader<'_>, families: &[AfiSafi]) -> Option<Option<AfiSafi>> {
    let (afi, safi) = (value.u16()?, value.u8()?);
    Some(iana::family(afi, safi).filter(|family| families.contains(family)))
}

fn write_family(family: AfiSafi, out: &mut Vec<u8>) {
    let (afi, safi) = iana::family_codes(family);
    out.extend_from_slice(&afi.to_be_bytes());
    out.push(safi);
}

/// A next hop of the prefixes' own family; `None` if the length does not suit it.
fn read_next_hop(family: AfiSafi, mut field: Reader<'_>) -> Option<NextHop> {
    match (family, field.len()) {
        (AfiSafi::Ipv4Unicast, 4) => {
            Some(NextHop { address: Ipv4Addr::from(field.array::<4>()?).into(), link_local: None })
        }
        (AfiSafi::Ipv6Unicast, 16) => {
            Some(NextHop { address: Ipv6Addr::from(field.array::<16>()?).into(), link_local: None })
        }
        // RFC 2545 §3: the second is a link-local address. Some send another one there, which is of no use.
        (AfiSafi::Ipv6Unicast, 32) => {
            let address = Ipv6Addr::from(field.array::<16>()?).into();
            let second = Ipv6Addr::from(field.array::<16>()?);
            Some(NextHop { address, link_local: Some(second).filter(Ipv6Addr::is_unicast_link_local) })
        }
        (AfiSafi::Ipv4Unicast | AfiSafi::Ipv6Unicast, _) => None,
    }
}

fn next_hop_len(next_hop: &NextHop) -> usize {
    match (next_hop.address, next_hop.link_local) {
        (IpAddr::V4(_), _) => 4,
        (IpAddr::V6(_), None) => 16,
        (IpAddr::V6(_), Some(_)) => 32,
    }
}
