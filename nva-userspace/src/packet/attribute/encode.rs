//! Writing a set of attributes, in ascending order of their types as RFC 4271 §5 prefers.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::attributes::{DEFAULT_LOCAL_PREF, PathAttributes, Reflection, Segment};
use crate::net::Asn;
use crate::packet::iana::{attribute, attribute_flag};
use crate::packet::message::CodecContext;
use crate::packet::{EncodeError, MAX_EXTENDED_MESSAGE};

use super::as_path::{self, Width, is_confederation};
use super::{aggregation, rule, values};

/// Appends all attributes but the multiprotocol ones; NEXT_HOP if there is one.
pub(in crate::packet) fn write_attributes(
    attributes: &PathAttributes,
    next_hop: Option<Ipv4Addr>,
    context: &CodecContext,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let width = Width::of(context.four_octet_as);
    write_unknown(attributes, 0..=0, out)?;
    write_attribute(attribute::ORIGIN, 1, out, |out| out.push(values::origin_code(attributes.origin)))?;
    let segments = &attributes.as_path.segments;
    let length = as_path::encoded_len(segments, width)?;
    write_attribute(attribute::AS_PATH, length, out, |out| as_path::encode(segments, width, out))?;
    if let Some(address) = next_hop {
        write_attribute(attribute::NEXT_HOP, 4, out, |out| out.extend_from_slice(&address.octets()))?;
    }
    if let Some(med) = attributes.med {
        write_number(attribute::MULTI_EXIT_DISC, med, out)?;
    }
    // RFC 4271 §5.1.5: to every internal peer, even where nothing else was decided, and to no external one.
    if context.internal {
        write_number(attribute::LOCAL_PREF, attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF), out)?;
    }
    if attributes.atomic_aggregate {
        write_attribute(attribute::ATOMIC_AGGREGATE, 0, out, |_| {})?;
    }
    let partial = &attributes.partial;
    if let Some(aggregator) = &attributes.aggregator {
        let length = aggregation::encoded_len(width);
        write_passed_on(attribute::AGGREGATOR, partial.aggregator, length, out, |out| {
            aggregation::encode(aggregator, width, out);
        })?;
    }
    let communities = attributes.communities.iter().map(|community| community.0.to_be_bytes());
    write_list(attribute::COMMUNITIES, partial.communities, communities, out)?;
    // RFC 4456 §8: they never leave the AS.
    if let Some(reflection) = attributes.reflection.as_ref().filter(|_| context.internal) {
        write_reflection(reflection, out)?;
    }
    write_unknown(attributes, 1..=attribute::EXTENDED_COMMUNITIES, out)?;
    let communities = attributes.extended_communities.iter().map(|community| community.0);
    write_list(attribute::EXTENDED_COMMUNITIES, partial.extended_communities, communities, out)?;
    match width {
        Width::Two => write_as4(attributes, out)?,
        Width::Four => {}
    }
    write_unknown(attributes, attribute::AS4_PATH..=attribute::LARGE_COMMUNITY, out)?;
    let communities = attributes.large_communities.iter().map(|community| community.octets());
    write_list(attribute::LARGE_COMMUNITY, partial.large_communities, communities, out)?;
    write_unknown(attributes, attribute::LARGE_COMMUNITY..=attribute::ONLY_TO_CUSTOMER, out)?;
    if let Some(asn) = attributes.only_to_customer {
        write_passed_on(attribute::ONLY_TO_CUSTOMER, partial.only_to_customer, 4, out, |out| {
            out.extend_from_slice(&asn.0.to_be_bytes());
        })?;
    }
    write_unknown(attributes, attribute::ONLY_TO_CUSTOMER..=u8::MAX, out)
}

/// Appends ORIGINATOR_ID and CLUSTER_LIST, where there are any.
fn write_reflection(reflection: &Reflection, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let Some(originator) = reflection.originator_id {
        write_attribute(attribute::ORIGINATOR_ID, 4, out, |out| out.extend_from_slice(&originator.octets()))?;
    }
    if !reflection.cluster_list.is_empty() {
        let length = reflection.cluster_list.len().saturating_mul(4);
        write_attribute(attribute::CLUSTER_LIST, length, out, |out| {
            reflection.cluster_list.iter().for_each(|cluster| out.extend_from_slice(&cluster.octets()));
        })?;
    }
    Ok(())
}

/// Appends an attribute that is a list of elements of one length; nothing, if there is no element.
fn write_list<const N: usize>(
    kind: u8,
    partial: bool,
    elements: impl ExactSizeIterator<Item = [u8; N]>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if elements.len() == 0 {
        return Ok(());
    }
    write_passed_on(kind, partial, elements.len().saturating_mul(N), out, |out| {
        elements.for_each(|octets| out.extend_from_slice(&octets));
    })
}

/// Appends an optional transitive attribute that we know, with the Partial bit if it came with that (RFC 4271 §5).
fn write_passed_on(
    kind: u8,
    partial: bool,
    length: usize,
    out: &mut Vec<u8>,
    write_value: impl FnOnce(&mut Vec<u8>),
) -> Result<(), EncodeError> {
    let flags = attribute_flag::OPTIONAL | attribute_flag::TRANSITIVE;
    write_head(if partial { flags | attribute_flag::PARTIAL } else { flags }, kind, length, out)?;
    write_value(out);
    Ok(())
}

/// Appends one attribute of a type that we know, with the flags of that type and a value of `length` octets that
/// `write_value` appends.
pub(in crate::packet) fn write_attribute(
    kind: u8,
    length: usize,
    out: &mut Vec<u8>,
    write_value: impl FnOnce(&mut Vec<u8>),
) -> Result<(), EncodeError> {
    let flags = rule(kind).map_or(attribute_flag::OPTIONAL, |rule| rule.flags);
    write_head(flags, kind, length, out)?;
    write_value(out);
    Ok(())
}

/// What a 2-octet speaker cannot say in AS_PATH and AGGREGATOR, for those behind it (RFC 6793 §4.2.2).
fn write_as4(attributes: &PathAttributes, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let too_wide = |asn: &Asn| u16::try_from(asn.0).is_err();
    let outside = |segment: &&Segment| !is_confederation(segment.kind);
    let segments = || attributes.as_path.segments.iter().filter(outside);
    if segments().any(|segment| segment.asns.iter().any(too_wide)) {
        let length = as_path::encoded_len(segments(), Width::Four)?;
        write_attribute(attribute::AS4_PATH, length, out, |out| as_path::encode(segments(), Width::Four, out))?;
    }
    if let Some(aggregator) = attributes.aggregator.as_ref().filter(|aggregator| too_wide(&aggregator.asn)) {
        let length = aggregation::encoded_len(Width::Four);
        write_attribute(attribute::AS4_AGGREGATOR, length, out, |out| {
            aggregation::encode(aggregator, Width::Four, out);
        })?;
    }
    Ok(())
}

fn write_number(kind: u8, number: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_attribute(kind, 4, out, |out| out.extend_from_slice(&number.to_be_bytes()))
}

/// Appends the unknown attributes of these types, with the Partial bit set as RFC 4271 §5 demands.
fn write_unknown(attributes: &PathAttributes, kinds: RangeInclusive<u8>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    const FLAGS: u8 = attribute_flag::OPTIONAL | attribute_flag::TRANSITIVE | attribute_flag::PARTIAL;
    for unknown in attributes.unknown.iter().filter(|unknown| kinds.contains(&unknown.kind)) {
        if rule(unknown.kind).is_some() {
            return Err(EncodeError::NotUnknown { kind: unknown.kind });
        }
        write_head(FLAGS, unknown.kind, unknown.value.len(), out)?;
        out.extend_from_slice(&unknown.value);
    }
    Ok(())
}

/// Appends flags, type and length; the length in 2 octets only where it needs them.
fn write_head(flags: u8, kind: u8, length: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match u8::try_from(length) {
        Ok(length) => out.extend_from_slice(&[flags, kind, length]),
        Err(_) => {
            let length = u16::try_from(length).map_err(|_| EncodeError::TooLong { max: MAX_EXTENDED_MESSAGE })?;
            out.extend_from_slice(&[flags | attribute_flag::EXTENDED_LENGTH, kind]);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}
