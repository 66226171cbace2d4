//! The reading of `nva`.

use nva::attributes::{Origin, SegmentKind};
use nva::packet::{self, CodecContext, DecodeError, Message, Update};

use crate::reading::{Field, Parts, Routes, listed, path, set};

/// What `nva` makes of a frame: an UPDATE, or the error that ends the session.
pub fn decode(frame: &[u8], context: &CodecContext) -> Result<Update, DecodeError> {
    match packet::decode(frame, context)? {
        Message::Update(update) => Ok(*update),
        other => panic!("no UPDATE: {other:?}"),
    }
}

/// The parts of an UPDATE.
pub fn parts(update: &Update) -> Parts {
    let mut routes = Routes::default();
    for announced in &update.announced {
        let prefixes = announced.prefixes.iter();
        routes.announced.extend(prefixes.map(|prefix| (*prefix, Some(announced.next_hop.address))));
    }
    routes.withdrawn.extend(&update.withdrawn);
    if routes.announced.is_empty() {
        // Attributes of nothing mean nothing.
        return Parts::new(routes.texts());
    }
    let attributes = &update.attributes;
    let origin = match attributes.origin {
        Origin::Igp => 0,
        Origin::Egp => 1,
        Origin::Incomplete => 2,
    };
    let segments = attributes.as_path.segments.iter().map(|segment| {
        let kind = match segment.kind {
            SegmentKind::Set => 1,
            SegmentKind::Sequence => 2,
            SegmentKind::ConfedSequence => 3,
            SegmentKind::ConfedSet => 4,
        };
        (kind, segment.asns.iter().map(|asn| asn.0).collect())
    });
    let aggregator = attributes.aggregator.map(|it| format!("{} {}", it.asn.0, it.router_id));
    let texts = [
        (Field::Origin, origin.to_string()),
        (Field::AsPath, path(segments)),
        (Field::Med, listed(attributes.med)),
        (Field::LocalPref, listed(attributes.local_pref)),
        (Field::AtomicAggregate, attributes.atomic_aggregate.to_string()),
        (Field::Aggregator, listed(aggregator)),
        (Field::Communities, set(attributes.communities.iter().map(|it| it.0))),
        (Field::ExtendedCommunities, set(attributes.extended_communities.iter().map(|it| u64::from_be_bytes(it.0)))),
        (Field::LargeCommunities, set(attributes.large_communities.iter().map(|it| large(it.octets())))),
    ];
    Parts::new(routes.texts().into_iter().chain(texts.map(|(field, text)| (field, Ok(text)))))
}

/// The number that a large community is.
pub fn large(octets: [u8; 12]) -> u128 {
    octets.iter().fold(0, |number, octet| number << 8 | u128::from(*octet))
}
