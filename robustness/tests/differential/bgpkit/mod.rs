//! The reading of bgpkit-parser, which reads archives of routing data: it keeps as much as it can, and says in warnings
//! what was wrong.

mod classes;

use bgpkit_parser::error::BgpValidationWarning;
use bgpkit_parser::models::{
    AsPath, AsPathSegment, AsnLength, AttrFlags, AttrType, Attribute, AttributeValue, Attributes, BgpUpdateMessage,
    Community, NetworkPrefix, Nlri, Origin, Safi,
};
use bgpkit_parser::parser::bgp::messages::parse_bgp_update_message;
use bytes::Bytes;
use nva::net::Prefix;
use nva::packet::CodecContext;

pub use classes::CLASSES;

use crate::reading::{Field, Parts, Reading, Routes, path, set};

/// What it makes of the body of a frame.
pub fn read(frame: &[u8], context: &CodecContext) -> Reading {
    let width = if context.four_octet_as { AsnLength::Bits32 } else { AsnLength::Bits16 };
    let body = Bytes::copy_from_slice(&frame[19..]);
    let update = parse_bgp_update_message(body, false, &width)?;
    Ok(parts(&update, context))
}

fn parts(update: &BgpUpdateMessage, context: &CodecContext) -> Parts {
    let reach = multiprotocol(&update.attributes, AttrType::MP_REACHABLE_NLRI);
    let unreach = multiprotocol(&update.attributes, AttrType::MP_UNREACHABLE_NLRI);
    let (announced, withdrawn) = (unicast(reach.as_ref()), unicast(unreach.as_ref()));
    let classic_next_hop = match value(&update.attributes, AttrType::NEXT_HOP) {
        Some(AttributeValue::NextHop(next_hop)) => Some(next_hop),
        _ => None,
    };
    let next_hop = reach.as_ref().and_then(|nlri| nlri.next_hop).map(|it| it.addr());
    let prefixes = |list| prefixes(list, context);
    let mut routes = Routes::default();
    routes.withdrawn.extend(prefixes(&update.withdrawn_prefixes).chain(prefixes(withdrawn)));
    routes.announced.extend(prefixes(announced).map(|prefix| (prefix, next_hop)));
    routes.announced.extend(prefixes(&update.announced_prefixes).map(|prefix| (prefix, classic_next_hop)));
    let mut parts = Parts::new(routes.texts().into_iter().chain(attributes(&update.attributes)));
    parts.complaints.extend(update.attributes.validation_warnings().iter().filter_map(complaint));
    let fields = [&update.withdrawn_prefixes, &update.announced_prefixes, announced, withdrawn];
    parts.path_identifiers = fields.into_iter().flatten().any(|prefix| prefix.path_id.is_some());
    parts
}

/// The prefixes of the session's families.
fn prefixes(list: &[NetworkPrefix], context: &CodecContext) -> impl Iterator<Item = Prefix> {
    let read = list.iter().map(|it| Prefix::new(it.prefix.addr(), it.prefix.prefix_len()).expect("a prefix"));
    read.filter(|prefix| context.families.contains(&prefix.family()))
}

fn multiprotocol(attributes: &Attributes, kind: AttrType) -> Option<Nlri> {
    match value(attributes, kind)? {
        AttributeValue::MpReachNlri(nlri) | AttributeValue::MpUnreachNlri(nlri) => Some(nlri),
        _ => None,
    }
}

fn unicast(nlri: Option<&Nlri>) -> &[NetworkPrefix] {
    nlri.filter(|nlri| nlri.safi == Safi::Unicast).map_or(&[], |nlri| &nlri.prefixes)
}

/// What a warning is about.
fn complaint(warning: &BgpValidationWarning) -> Option<Option<u8>> {
    match warning {
        BgpValidationWarning::AttributeFlagsError { attr_type, .. }
        | BgpValidationWarning::AttributeLengthError { attr_type, .. }
        | BgpValidationWarning::MissingWellKnownAttribute { attr_type }
        | BgpValidationWarning::OptionalAttributeError { attr_type, .. }
        | BgpValidationWarning::PartialAttributeError { attr_type, .. }
        | BgpValidationWarning::DuplicateAttribute { attr_type } => Some(Some(u8::from(*attr_type))),
        BgpValidationWarning::MalformedNlri { .. } => Some(None),
        // The part cannot be read, which is a complaint already.
        _ => None,
    }
}

/// The first attribute of a type.
fn value(attributes: &Attributes, kind: AttrType) -> Option<AttributeValue> {
    attributes.get_attr(kind).map(|attribute| attribute.value)
}

fn attributes(attributes: &Attributes) -> [(Field, Result<String, String>); 9] {
    let text = |kind, read: fn(AttributeValue) -> Option<String>| match value(attributes, kind) {
        None => Ok(String::new()),
        Some(AttributeValue::Raw(_)) => Err("it could not be read".to_owned()),
        Some(value) => Ok(read(value).expect("a value of its type")),
    };
    let atomic = attributes.has_attr(AttrType::ATOMIC_AGGREGATE).to_string();
    [
        (Field::Origin, text(AttrType::ORIGIN, origin)),
        (Field::AsPath, text(AttrType::AS_PATH, as_path)),
        (Field::Med, text(AttrType::MULTI_EXIT_DISCRIMINATOR, number)),
        (Field::LocalPref, text(AttrType::LOCAL_PREFERENCE, number)),
        (Field::AtomicAggregate, Ok(atomic)),
        (Field::Aggregator, text(AttrType::AGGREGATOR, aggregator)),
        (Field::Communities, text(AttrType::COMMUNITIES, communities)),
        (Field::ExtendedCommunities, text(AttrType::EXTENDED_COMMUNITIES, communities)),
        (Field::LargeCommunities, text(AttrType::LARGE_COMMUNITIES, communities)),
    ]
}

fn origin(value: AttributeValue) -> Option<String> {
    let AttributeValue::Origin(origin) = value else { return None };
    let code = match origin {
        Origin::IGP => 0,
        Origin::EGP => 1,
        Origin::INCOMPLETE => 2,
    };
    Some(code.to_string())
}

fn as_path(value: AttributeValue) -> Option<String> {
    let AttributeValue::AsPath(AsPath { segments }) = value else { return None };
    Some(path(segments.iter().map(|segment| {
        let (kind, asns) = match segment {
            AsPathSegment::AsSet(asns) => (1, asns),
            AsPathSegment::AsSequence(asns) => (2, asns),
            AsPathSegment::ConfedSequence(asns) => (3, asns),
            AsPathSegment::ConfedSet(asns) => (4, asns),
        };
        (kind, asns.iter().map(|asn| u32::from(*asn)).collect())
    })))
}

fn number(value: AttributeValue) -> Option<String> {
    match value {
        AttributeValue::MultiExitDiscriminator(number) | AttributeValue::LocalPreference(number) => {
            Some(number.to_string())
        }
        _ => None,
    }
}

fn aggregator(value: AttributeValue) -> Option<String> {
    let AttributeValue::Aggregator { asn, id } = value else { return None };
    Some(format!("{} {id}", u32::from(asn)))
}

fn communities(value: AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Communities(list) => Some(set(list.into_iter().map(|community| match community {
            Community::NoExport => 0xffff_ff01,
            Community::NoAdvertise => 0xffff_ff02,
            Community::NoExportSubConfed => 0xffff_ff03,
            Community::Custom(asn, value) => u32::from(asn) << 16 | u32::from(value),
        }))),
        AttributeValue::ExtendedCommunities(list) => {
            // They have many types; all of them can be written again.
            let (value, flag) = (AttributeValue::ExtendedCommunities(list), AttrFlags::EXTENDED);
            let octets = Attribute { value, flag }.encode(AsnLength::Bits32).expect("they came from a message");
            Some(set(octets[4..].as_chunks::<8>().0.iter().map(|octets| u64::from_be_bytes(*octets))))
        }
        AttributeValue::LargeCommunities(list) => Some(set(list.into_iter().map(|it| {
            let [first, second] = it.local_data.map(u128::from);
            u128::from(it.global_admin) << 64 | first << 32 | second
        }))),
        _ => None,
    }
}
