//! Writing UPDATE: one message at a time, with as many prefixes as it holds.
//!
//! No message has more than one of: withdrawn IPv4, withdrawn IPv6, announced IPv4, announced IPv6 (RFC 7606 §5.1).

use std::net::{IpAddr, Ipv4Addr};

use crate::attributes::PathAttributes;
use crate::net::{AfiSafi, Prefix};
use crate::packet::attribute::multiprotocol::{self, UNREACH_OVERHEAD};
use crate::packet::attribute::{write_attribute, write_attributes};
use crate::packet::header::{put_u16, write_message};
use crate::packet::iana::{attribute, message_type};
use crate::packet::message::{CodecContext, NextHop, Update};
use crate::packet::{EncodeError, HEADER_LEN, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, nlri};

/// Appends one UPDATE that announces as many of the leading `prefixes` as fit, all of the first one's family, and says
/// how many these are: at least one, unless there is none.
///
/// After an error, `out` is as it was.
pub fn encode_announcement(
    attributes: &PathAttributes,
    next_hop: NextHop,
    prefixes: &[Prefix],
    context: &CodecContext,
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    let Some(family) = prefixes.first().map(|prefix| prefix.family()) else {
        return Ok(0);
    };
    let mut taken = 0;
    write_message(message_type::UPDATE, context.max_send, out, |out| {
        taken = match (family, next_hop.address) {
            (AfiSafi::Ipv4Unicast, IpAddr::V4(address)) => {
                write_classic_announcement(attributes, address, prefixes, context, out)?
            }
            (AfiSafi::Ipv6Unicast, IpAddr::V6(_)) => {
                write_reach_announcement(attributes, next_hop, prefixes, context, out)?
            }
            (AfiSafi::Ipv4Unicast, IpAddr::V6(_)) | (AfiSafi::Ipv6Unicast, IpAddr::V4(_)) => {
                return Err(EncodeError::NextHopFamily { next_hop: next_hop.address, family });
            }
        };
        Ok(())
    })?;
    Ok(taken)
}

/// Appends one UPDATE that withdraws as many of the leading `prefixes` as fit, all of the first one's family, and says
/// how many these are: at least one, unless there is none.
pub fn encode_withdrawal(prefixes: &[Prefix], context: &CodecContext, out: &mut Vec<u8>) -> usize {
    let Some(family) = prefixes.first().map(|prefix| prefix.family()) else {
        return 0;
    };
    let mut taken = 0;
    let written = write_message(message_type::UPDATE, context.max_send, out, |out| {
        taken = match family {
            AfiSafi::Ipv4Unicast => write_classic_withdrawal(prefixes, context, out),
            AfiSafi::Ipv6Unicast => write_unreach(family, prefixes, context, out)?,
        };
        Ok(())
    });
    // A limit below the smallest UPDATE is no limit that BGP knows; nothing is written then.
    written.map_or(0, |()| taken)
}

/// Appends the End-of-RIB marker of a family (RFC 4724 §2).
pub fn encode_end_of_rib(family: AfiSafi, out: &mut Vec<u8>) {
    let written = write_message(message_type::UPDATE, MAX_MESSAGE, out, |out| {
        out.extend_from_slice(&[0; 4]);
        match family {
            AfiSafi::Ipv4Unicast => Ok(()),
            AfiSafi::Ipv6Unicast => write_attribute_field(out, |out| {
                write_attribute(attribute::MP_UNREACH_NLRI, UNREACH_OVERHEAD, out, |out| {
                    multiprotocol::encode_unreach_head(family, out);
                })
            }),
        }
    });
    debug_assert!(written.is_ok(), "a marker has at most 29 octets");
}

/// Appends an UPDATE as a whole; its faults are not part of it.
pub(in crate::packet) fn encode(update: &Update, context: &CodecContext, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let too_long = EncodeError::TooLong { max: context.max_send };
    let start = out.len();
    let (taken, prefixes) = match (&*update.withdrawn, &*update.announced, update.end_of_rib) {
        ([], [], Some(family)) => {
            encode_end_of_rib(family, out);
            (0, [].as_slice())
        }
        ([], [announced], None) if !announced.prefixes.is_empty() => {
            let prefixes = announced.prefixes.as_slice();
            let taken = encode_announcement(&update.attributes, announced.next_hop, prefixes, context, out);
            (taken.map_err(|error| if error == no_room(context) { too_long.clone() } else { error })?, prefixes)
        }
        (withdrawn @ [_, ..], [], None) => (encode_withdrawal(withdrawn, context, out), withdrawn),
        _ => return Err(EncodeError::Mixed),
    };
    match prefixes.get(taken) {
        None => Ok(()),
        Some(left) => {
            out.truncate(start);
            let one_family = prefixes.first().is_some_and(|first| first.family() == left.family());
            Err(if one_family { too_long } else { EncodeError::Mixed })
        }
    }
}

/// Writes the body with the prefixes in the NLRI field.
fn write_classic_announcement(
    attributes: &PathAttributes,
    next_hop: Ipv4Addr,
    prefixes: &[Prefix],
    context: &CodecContext,
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write_attribute_field(out, |out| write_attributes(attributes, Some(next_hop), context, out))?;
    let room = room(start, context, out);
    match nlri::fitting(prefixes, AfiSafi::Ipv4Unicast, room) {
        (0, _) => Err(no_room(context)),
        (count, _) => {
            write_prefixes(prefixes, count, out);
            Ok(count)
        }
    }
}

/// Writes the body with the prefixes in MP_REACH_NLRI, which goes first (RFC 7606 §5.1).
fn write_reach_announcement(
    attributes: &PathAttributes,
    next_hop: NextHop,
    prefixes: &[Prefix],
    context: &CodecContext,
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut taken = 0;
    write_attribute_field(out, |out| {
        // How much room there is for the first attribute is known when the others are there, so they are written first.
        let attributes_at = out.len();
        write_attributes(attributes, None, context, out)?;
        let reach_at = out.len();
        let family = AfiSafi::Ipv6Unicast;
        let overhead = multiprotocol::reach_overhead(&next_hop);
        let (count, octets) = fitting_attribute(prefixes, family, overhead, room(start, context, out));
        if count == 0 {
            return Err(no_room(context));
        }
        taken = count;
        let length = overhead.saturating_add(octets);
        write_attribute(attribute::MP_REACH_NLRI, length, out, |out| {
            multiprotocol::encode_reach_head(family, &next_hop, out);
            write_prefixes(prefixes, count, out);
        })?;
        let reach_size = out.len().saturating_sub(reach_at);
        if let Some(field) = out.get_mut(attributes_at..) {
            field.rotate_right(reach_size);
        }
        Ok(())
    })?;
    Ok(taken)
}

/// Writes the body with the prefixes in the Withdrawn Routes field.
fn write_classic_withdrawal(prefixes: &[Prefix], context: &CodecContext, out: &mut Vec<u8>) -> usize {
    let length_at = out.len();
    out.extend_from_slice(&[0; 2]);
    let room = room(length_at, context, out).saturating_sub(2);
    let (count, octets) = nlri::fitting(prefixes, AfiSafi::Ipv4Unicast, room);
    write_prefixes(prefixes, count, out);
    put_u16(out, length_at, u16::try_from(octets).unwrap_or(u16::MAX));
    out.extend_from_slice(&[0; 2]);
    count
}

/// Writes the body with the prefixes in MP_UNREACH_NLRI.
fn write_unreach(
    family: AfiSafi,
    prefixes: &[Prefix],
    context: &CodecContext,
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let (count, octets) = fitting_attribute(prefixes, family, UNREACH_OVERHEAD, room(start, context, out));
    write_attribute_field(out, |out| {
        let length = UNREACH_OVERHEAD.saturating_add(octets);
        write_attribute(attribute::MP_UNREACH_NLRI, length, out, |out| {
            multiprotocol::encode_unreach_head(family, out);
            write_prefixes(prefixes, count, out);
        })
    })?;
    Ok(count)
}

/// Runs `write` and puts what it appended as the Total Path Attribute Length into the 2 octets before that.
fn write_attribute_field(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    write(out)?;
    let length = u16::try_from(out.len().saturating_sub(start));
    let length = length.map_err(|_| EncodeError::TooLong { max: MAX_EXTENDED_MESSAGE })?;
    put_u16(out, start.saturating_sub(2), length);
    Ok(())
}

fn write_prefixes(prefixes: &[Prefix], count: usize, out: &mut Vec<u8>) {
    prefixes.iter().take(count).for_each(|prefix| nlri::encode(*prefix, out));
}

/// How many octets the message has left, if its body began at `start`.
fn room(start: usize, context: &CodecContext, out: &[u8]) -> usize {
    context.max_send.saturating_sub(HEADER_LEN).saturating_sub(out.len().saturating_sub(start))
}

/// How many of the leading prefixes fit into an attribute for which there is `room`, `overhead` octets of its value
/// being something else, and the octets that they take: with a length of 1 octet or of 2, whichever holds more.
fn fitting_attribute(prefixes: &[Prefix], family: AfiSafi, overhead: usize, room: usize) -> (usize, usize) {
    let short = room.saturating_sub(3).min(usize::from(u8::MAX));
    let long = room.saturating_sub(4);
    let short = nlri::fitting(prefixes, family, short.saturating_sub(overhead));
    let long = nlri::fitting(prefixes, family, long.saturating_sub(overhead));
    short.max(long)
}

fn no_room(context: &CodecContext) -> EncodeError {
    EncodeError::NoRoomForPrefix { max: context.max_send }
}
