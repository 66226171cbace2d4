//! In which ways bgpkit-parser differs, and why.

use std::collections::BTreeSet;

use nva::packet::AttributeProblem as Problem;
use nva::packet::iana::attribute as kind;

use crate::classes::{Class, numbers};
use crate::difference::{Difference, Way};
use crate::reading::Field;

pub const CLASSES: &[Class] = &[
    Class {
        name: "takes a prefix of length 0 for a path identifier",
        reason: "RFC 7911 §4: path identifiers are there if both sides said so, not if an octet of 0 looks like one",
        well_formed: true,
        recognises: |difference, _| matches!(difference, Difference::PathIdentifiers),
    },
    Class {
        name: "gives up the prefixes behind one of length 0 where they make no path identifier",
        reason: "RFC 4271 §4.3: a length of 0 matches all addresses and is no error",
        well_formed: true,
        recognises: |difference, _| {
            matches!(difference, Difference::Part { field: Field::Announced | Field::Withdrawn, gives_up: true, .. })
        },
    },
    Class {
        name: "drops bits of the communities 0x4007 and 0x4009, which it takes for actions on flows",
        reason: "RFC 4360 §2: an extended community is 8 octets, which all count; RFC 8955 §7: actions have type 0x80",
        well_formed: true,
        recognises: |difference, _| match difference {
            Difference::Part { field: Field::ExtendedCommunities, ours, theirs: Ok(theirs), .. } => {
                numbers(ours).into_iter().map(of_an_action).collect::<BTreeSet<_>>() == numbers(theirs)
            }
            _ => false,
        },
    },
    Class {
        name: "warns, and leaves it to its caller what to do",
        reason: "RFC 7606 §3: the fault decides whether the session, the routes or the attribute go",
        well_formed: false,
        recognises: |difference, _| difference.is_noticed(),
    },
    Class {
        name: "ends the list of attributes where one is cut off, without a warning",
        reason: "RFC 7606 §4: the routes are withdrawn, as nobody knows what the rest would have been",
        well_formed: false,
        recognises: |difference, _| {
            difference
                .is_unnoticed(|_, fault| matches!(fault.problem, Problem::Overrun { .. } | Problem::TruncatedHeader))
        },
    },
    Class {
        name: "refuses all where the second octet of a length is cut off",
        reason: "RFC 7606 §4: the NLRI field can be found all the same, and its routes are withdrawn",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_refused("not enough bytes", |faults| {
                faults.iter().any(|fault| fault.problem == Problem::TruncatedHeader)
            })
        },
    },
    Class {
        name: "takes a next hop of another family, or none",
        reason: "RFC 7606 §7.11: the length of the next hop does not suit the family; the rest cannot be trusted",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_unnoticed(|way, fault| {
                matches!(way, Way::Reset | Way::Disabled) && matches!(fault.problem, Problem::NextHopLength { .. })
            })
        },
    },
    Class {
        name: "takes empty lists",
        reason: "RFC 7606 §7.8, §7.10, §7.14 and RFC 8092 §6: the length is a multiple, and not of zero",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_unnoticed(|way, fault| way == Way::Routes && fault.problem == Problem::Length { length: 0 })
        },
    },
    Class {
        name: "takes an AGGREGATOR of the other width",
        reason: "RFC 7606 §7.7: the session decides whether it has 6 or 8 octets",
        well_formed: false,
        recognises: |difference, _| {
            difference.is_unnoticed(|_, fault| {
                fault.attribute == Some(kind::AGGREGATOR) && matches!(fault.problem, Problem::Length { length: 6 | 8 })
            })
        },
    },
    Class {
        name: "does not miss LOCAL_PREF from an internal peer",
        reason: "RFC 4271 §5.1.5: internal peers send it always; it does not know the peer",
        well_formed: false,
        recognises: |difference, context| {
            context.internal
                && difference.is_unnoticed(|_, fault| {
                    fault.attribute == Some(kind::LOCAL_PREF) && fault.problem == Problem::Missing
                })
        },
    },
];

/// What is left of a community that is taken for a traffic-action (two flags) or a traffic-marking (a DSCP).
fn of_an_action(community: u64) -> u64 {
    match community >> 48 {
        0x4007 => community & !0xffff_fffc,
        0x4009 => community & !0xc0ff_ffff,
        _ => community,
    }
}
