//! What a class of disagreements is, and those that both other decoders have.

use std::collections::BTreeSet;

use nva::packet::{AttributeProblem as Problem, CodecContext};

use crate::difference::{Difference, Way};
use crate::reading::Field;

/// A way to differ from `nva`.
pub struct Class {
    /// What the other decoder does.
    pub name: &'static str,
    /// Why `nva` does something else, and where that stands.
    pub reason: &'static str,
    /// It occurs among what is well-formed as well.
    pub well_formed: bool,
    /// Whether a difference is one of these.
    pub recognises: fn(&Difference<'_>, &CodecContext) -> bool,
}

/// What both other decoders do.
pub const OF_BOTH: &[Class] = &[
    Class {
        name: "leaves AS4_PATH and AS4_AGGREGATOR aside",
        reason: "RFC 6793 §4.2.3: a 4-octet speaker puts the path and the aggregator of a 2-octet session together",
        well_formed: true,
        recognises: |difference, context| match difference {
            Difference::Part { field: Field::AsPath | Field::Aggregator, ours, theirs: Ok(theirs), .. } => {
                !context.four_octet_as && narrow(ours) == narrow(theirs)
            }
            _ => false,
        },
    },
    Class {
        name: "keeps an unknown attribute that is flagged as well-known",
        reason: "RFC 4271 §6.3: the session ends; RFC 7606 has nothing milder",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_overlooked(|_, fault| fault.problem == Problem::UnrecognizedWellKnown)
        },
    },
    Class {
        name: "takes any address for a next hop",
        reason: "RFC 4271 §6.3: a next hop is the address of a host, else it is wrong; RFC 7606 §7.3 has it withdrawn",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_overlooked(|_, fault| matches!(fault.problem, Problem::NextHopAddress { .. }))
        },
    },
    Class {
        name: "takes AS 0",
        reason: "RFC 7607 §2: such a path is malformed, and so is such an aggregator",
        well_formed: false,
        recognises: |difference, _| difference.is_overlooked(|_, fault| fault.problem == Problem::AsZero),
    },
    Class {
        name: "takes confederation segments from anybody",
        reason: "RFC 5065 §5: they are malformed from a peer outside of the confederation; it does not know the peer",
        well_formed: false,
        recognises: |difference, _| difference.is_overlooked(|_, fault| fault.problem == Problem::Confederation),
    },
    Class {
        name: "takes an empty segment",
        reason: "RFC 7606 §7.2: a segment of no AS number is malformed",
        well_formed: false,
        recognises: |difference, _| difference.is_overlooked(|_, fault| fault.problem == Problem::SegmentEmpty),
    },
    Class {
        name: "takes LOCAL_PREF from an external peer",
        reason: "RFC 7606 §7.5: it is discarded; it does not know the peer",
        well_formed: false,
        recognises: |difference, context| {
            !context.internal
                && difference
                    .is_overlooked(|way, fault| way == Way::Attribute && fault.problem == Problem::NotFromExternal)
        },
    },
];

/// The numbers of a path or an aggregator as they stand where 2 octets are all there is (RFC 6793 §4.2.2); the types of
/// the segments are left out.
fn narrow(text: &str) -> Vec<String> {
    const AS_TRANS: &str = "23456";
    let (segments, rest) = text.split_once(' ').filter(|_| !text.contains('(')).unwrap_or((text, ""));
    let numbers =
        segments.split(')').flat_map(|segment| segment.split_once('(').map_or(segment, |it| it.1).split(", "));
    let numbers = numbers.map(|number| match number.parse::<u32>() {
        Ok(number) if u16::try_from(number).is_err() => AS_TRANS.to_owned(),
        _ => number.to_owned(),
    });
    numbers.chain([rest.to_owned()]).collect()
}

/// The numbers of a list.
pub fn numbers(text: &str) -> BTreeSet<u64> {
    text.split(", ").filter_map(|number| number.parse().ok()).collect()
}
