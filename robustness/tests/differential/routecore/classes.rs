//! In which ways routecore differs, and why.

use nva::packet::iana::attribute as kind;
use nva::packet::{AttributeProblem as Problem, UpdateFault};

use crate::classes::Class;
use crate::difference::Way;

pub const CLASSES: &[Class] = &[
    Class {
        name: "refuses a prefix with bits behind its length",
        reason: "RFC 4271 §4.3: the value of trailing bits is irrelevant",
        well_formed: false,
        recognises: |difference, _| difference.is_refused("non-zero host portion", |_| true),
    },
    Class {
        name: "refuses all for want of a NEXT_HOP",
        reason: "RFC 7606 §3 d, §7.3: the routes are withdrawn, for which no next hop is needed",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_refused("no conventional NEXT_HOP", |faults| {
                faults.iter().any(|fault| fault.attribute == Some(kind::NEXT_HOP))
            })
        },
    },
    Class {
        name: "refuses all where an attribute is cut off",
        reason: "RFC 7606 §4: the NLRI field can be found all the same, and its routes are withdrawn",
        well_formed: false,
        recognises: |difference, _| difference.is_refused("unexpected end of input", is_cut_off),
    },
    Class {
        name: "refuses all for what is wrong in a multiprotocol attribute",
        reason: "RFC 4760 §7: only the family is given up, and the routes of the other one count",
        well_formed: false,
        recognises: |difference, _| {
            ["unexpected end of input", "illegal prefix length", "invalid MP_REACH_NLRI"].iter().any(|words| {
                difference.is_refused(words, |faults| !is_cut_off(faults) && faults.iter().any(is_multiprotocol))
            })
        },
    },
    Class {
        name: "reads families that are not of the session",
        reason: "RFC 4760 §8: a family is used if both sides said so, and else ignored with what may be wrong in it",
        well_formed: false,
        recognises: |difference, _| {
            // Of a family that is of the session, nva would have said the same.
            ["illegal prefix length", "invalid MP_REACH_NLRI"]
                .iter()
                .any(|words| difference.is_refused(words, |faults| !faults.iter().any(is_multiprotocol)))
        },
    },
    Class {
        name: "shows a malformed attribute as one that is not there",
        reason: "RFC 7606 §7: the routes are withdrawn, which an attribute that is not there would not do",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_left_out(|_, fault| {
                matches!(
                    fault.problem,
                    Problem::Length { .. } | Problem::SegmentKind { .. } | Problem::SegmentOverrun | Problem::AsZero
                )
            })
        },
    },
    Class {
        name: "does not miss what has to be there",
        reason: "RFC 7606 §3 d: without a well-known mandatory attribute the routes are withdrawn",
        well_formed: false,
        recognises: |difference, _| difference.is_left_out(|_, fault| fault.problem == Problem::Missing),
    },
    Class {
        name: "does not look at the flags",
        reason: "RFC 7606 §3 c: flags that do not suit the type have the routes withdrawn",
        well_formed: false,
        recognises: |difference, _| difference.is_unnoticed(|_, fault| matches!(fault.problem, Problem::Flags { .. })),
    },
    Class {
        name: "shows an unknown ORIGIN as such",
        reason: "RFC 7606 §7.1: a value that is not defined has the routes withdrawn",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_overlooked(|_, fault| matches!(fault.problem, Problem::Origin { .. }))
        },
    },
    Class {
        name: "reads a multiprotocol attribute that is there twice",
        reason: "RFC 7606 §3 g: the session ends, as nobody knows which of them counts",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_overlooked(|way, fault| way == Way::Reset && fault.problem == Problem::Duplicate)
        },
    },
    Class {
        name: "does not look into attributes that nobody asks for",
        reason: "RFC 7606 §7.9, §7.10 and RFC 9234 §5: of another length they have the routes withdrawn",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_overlooked(|_, fault| {
                matches!(fault.attribute, Some(kind::ORIGINATOR_ID | kind::CLUSTER_LIST | kind::ONLY_TO_CUSTOMER))
                    && matches!(fault.problem, Problem::Length { .. })
            })
        },
    },
    Class {
        name: "takes an ATOMIC_AGGREGATE that is not empty",
        reason: "RFC 7606 §7.6: it is discarded",
        well_formed: false,
        recognises: |difference, _| {
            difference
                .is_overlooked(|way, fault| way == Way::Attribute && fault.attribute == Some(kind::ATOMIC_AGGREGATE))
        },
    },
];

fn is_cut_off(faults: &[UpdateFault]) -> bool {
    faults.iter().any(|fault| matches!(fault.problem, Problem::Overrun { .. } | Problem::TruncatedHeader))
}

fn is_multiprotocol(fault: &UpdateFault) -> bool {
    let is_broken = matches!(
        fault.problem,
        Problem::Length { .. } | Problem::NextHopLength { .. } | Problem::PrefixLength { .. } | Problem::PrefixOverrun
    );
    is_broken && matches!(fault.attribute, Some(kind::MP_REACH_NLRI | kind::MP_UNREACH_NLRI))
}
