//! What a 2-octet speaker passed on without understanding it, AS4_PATH and AS4_AGGREGATOR, brought together with what it
//! did understand (RFC 6793 §4.2.3).

use crate::attributes::{Aggregator, AsPath, PathAttributes, Segment, SegmentKind};
use crate::net::Asn;

/// Puts the 4-octet numbers back into AS_PATH and AGGREGATOR.
pub(in crate::packet) fn merge(
    attributes: &mut PathAttributes,
    as4_path: Option<AsPath>,
    as4_aggregator: Option<Aggregator>,
) {
    // An AS4_AGGREGATOR without AGGREGATOR is about nothing.
    if let (Some(aggregator), Some(as4_aggregator)) = (&mut attributes.aggregator, as4_aggregator) {
        // A 2-octet speaker has aggregated anew since, so both AS4 attributes are stale.
        if aggregator.asn != Asn::TRANS {
            return;
        }
        *aggregator = as4_aggregator;
    }
    if let Some(as4_path) = as4_path {
        merge_path(&mut attributes.as_path, as4_path);
    }
}

/// Keeps so much of the front of `path` that it counts as many hops as before with `as4_path` behind it. An AS4_PATH of
/// more hops than the path is ignored.
fn merge_path(path: &mut AsPath, as4_path: AsPath) {
    let Some(mut missing) = path.hop_count().checked_sub(as4_path.hop_count()) else {
        return;
    };
    let mut segments: Vec<Segment> = Vec::with_capacity(path.segments.len());
    for mut segment in std::mem::take(&mut path.segments) {
        match segment.kind {
            // They count nothing, and are kept at the front and next to what is kept.
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => {}
            SegmentKind::Sequence | SegmentKind::Set if missing == 0 => break,
            SegmentKind::Set => missing = missing.saturating_sub(1),
            SegmentKind::Sequence if segment.asns.len() > missing => {
                segment.asns.truncate(missing);
                segments.push(segment);
                break;
            }
            SegmentKind::Sequence => missing = missing.saturating_sub(segment.asns.len()),
        }
        segments.push(segment);
    }
    append(&mut segments, as4_path.segments);
    path.segments = segments;
}

/// Appends segments; two sequences that meet become one again if that is not too long.
fn append(front: &mut Vec<Segment>, back: Vec<Segment>) {
    let mut back = back.into_iter();
    if let (Some(last), Some(first)) = (front.last_mut(), back.as_slice().first())
        && (last.kind, first.kind) == (SegmentKind::Sequence, SegmentKind::Sequence)
        && last.asns.len().saturating_add(first.asns.len()) <= AsPath::MAX_SEGMENT
    {
        last.asns.extend_from_slice(&first.asns);
        back.next();
    }
    front.extend(back);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANS: u32 = 23456;

    fn segment(kind: SegmentKind, asns: &[u32]) -> Segment {
        Segment { kind, asns: asns.iter().copied().map(Asn).collect() }
    }

    fn sequence(asns: &[u32]) -> Segment {
        segment(SegmentKind::Sequence, asns)
    }

    fn merged(path: Vec<Segment>, as4_path: Vec<Segment>) -> String {
        let mut path = AsPath { segments: path };
        merge_path(&mut path, AsPath { segments: as4_path });
        path.to_string()
    }

    #[test]
    fn the_path_keeps_its_length_and_gets_its_numbers_back() {
        use SegmentKind::{ConfedSequence, Set};
        let both = || vec![sequence(&[70000, 80000])];
        assert_eq!(merged(vec![sequence(&[TRANS, TRANS])], both()), "70000 80000");
        assert_eq!(merged(vec![sequence(&[1, 2, TRANS, TRANS])], both()), "1 2 70000 80000");
        assert_eq!(merged(vec![sequence(&[1]), sequence(&[2, TRANS, TRANS])], both()), "1 2 70000 80000");
        assert_eq!(merged(vec![sequence(&[1])], both()), "1", "AS4_PATH is longer: ignored");
        assert_eq!(merged(vec![segment(Set, &[5, 6]), sequence(&[TRANS, TRANS])], both()), "{5,6} 70000 80000");
        assert_eq!(
            merged(vec![segment(ConfedSequence, &[64512]), sequence(&[TRANS, TRANS])], both()),
            "(64512) 70000 80000"
        );
        assert_eq!(
            merged(vec![sequence(&[1]), segment(ConfedSequence, &[64512]), sequence(&[TRANS, TRANS])], both()),
            "1 (64512) 70000 80000"
        );
        assert_eq!(
            merged(vec![sequence(&[1, TRANS]), segment(Set, &[TRANS])], vec![segment(Set, &[70000])]),
            "1 23456 {70000}"
        );
    }

    #[test]
    fn sequences_that_would_be_too_long_stay_apart() {
        let long: Vec<u32> = (1..=255).collect();
        let path = AsPath { segments: vec![sequence(&[7]), sequence(&long)] };
        let mut merged = path.clone();
        merge_path(&mut merged, AsPath { segments: vec![sequence(&long)] });
        assert_eq!(merged, path);
    }

    #[test]
    fn an_aggregator_that_fits_makes_both_as4_attributes_stale() {
        let aggregator = |asn| Aggregator { asn: Asn(asn), router_id: [192, 0, 2, 1].into() };
        let merge = |own: Option<u32>, as4: Option<u32>| {
            let mut attributes = PathAttributes {
                as_path: AsPath { segments: vec![sequence(&[1, TRANS])] },
                aggregator: own.map(aggregator),
                ..PathAttributes::default()
            };
            super::merge(&mut attributes, Some(AsPath::sequence([Asn(70000)])), as4.map(aggregator));
            (attributes.as_path.to_string(), attributes.aggregator.map(|aggregator| aggregator.asn.0))
        };
        assert_eq!(merge(Some(65000), Some(70000)), ("1 23456".to_owned(), Some(65000)));
        assert_eq!(merge(Some(TRANS), Some(70000)), ("1 70000".to_owned(), Some(70000)));
        assert_eq!(merge(Some(65000), None), ("1 70000".to_owned(), Some(65000)));
        assert_eq!(merge(None, Some(70000)), ("1 70000".to_owned(), None));
    }
}
