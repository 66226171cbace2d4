//! Path attributes: how they are framed and what holds for each type (RFC 4271 §4.3, RFC 7606 §7).
//!
//! The submodules read and write the values, one group each; what a set of attributes means for the routes of a message
//! is for [`super::update`] to say.

pub(super) mod aggregation;
pub(super) mod as4;
pub(super) mod as_path;
mod encode;
pub(super) mod multiprotocol;
pub(super) mod values;

pub(super) use encode::{write_attribute, write_attributes};

use super::error::{AttributeProblem, Treatment};
use super::iana::{attribute, attribute_flag};
use super::reader::Reader;

/// An attribute as it stands in the message, its value not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute<'a> {
    /// The flags octet.
    pub(super) flags: u8,
    /// The type.
    pub(super) kind: u8,
    /// The value.
    pub(super) value: Reader<'a>,
    /// All octets, flags, type and length included: the data of a NOTIFICATION (RFC 4271 §6.3).
    pub(super) octets: &'a [u8],
    /// Where in the message it begins.
    pub(super) offset: usize,
}

/// What stands where an attribute should.
pub(super) struct BrokenAttribute<'a> {
    /// The type, if there are octets enough to tell.
    pub(super) kind: Option<u8>,
    /// All that is left of the attributes.
    pub(super) octets: &'a [u8],
    /// Where in the message it begins.
    pub(super) offset: usize,
    /// What is wrong.
    pub(super) problem: AttributeProblem,
}

/// Takes the next attribute off the field. After an error nothing behind it can be found (RFC 7606 §4).
pub(super) fn next<'a>(field: &mut Reader<'a>) -> Result<RawAttribute<'a>, BrokenAttribute<'a>> {
    let offset = field.offset();
    let octets = field.rest();
    let (flags, kind) = (field.u8(), field.u8());
    let extended = flags.is_some_and(|flags| flags & attribute_flag::EXTENDED_LENGTH != 0);
    let length = if extended { field.u16().map(usize::from) } else { field.u8().map(usize::from) };
    let (Some(flags), Some(kind), Some(length)) = (flags, kind, length) else {
        return Err(BrokenAttribute { kind, octets, offset, problem: AttributeProblem::TruncatedHeader });
    };
    let Some(value) = field.field(length) else {
        return Err(BrokenAttribute {
            kind: Some(kind),
            octets,
            offset,
            problem: AttributeProblem::Overrun { length },
        });
    };
    let size = octets.len().saturating_sub(field.len());
    Ok(RawAttribute { flags, kind, value, octets: octets.get(..size).unwrap_or(octets), offset })
}

/// What holds for an attribute type that we know.
pub(super) struct Rule {
    /// The Optional and Transitive bits that it has.
    pub(super) flags: u8,
    /// What is done if its value is malformed.
    pub(super) malformed: Treatment,
    /// Discarded when an external peer sends it.
    pub(super) internal_only: bool,
}

/// The rule of a type; `None` for a type that we do not know.
pub(super) fn rule(kind: u8) -> Option<Rule> {
    const WELL_KNOWN: u8 = attribute_flag::TRANSITIVE;
    const OPTIONAL: u8 = attribute_flag::OPTIONAL;
    const OPTIONAL_TRANSITIVE: u8 = attribute_flag::OPTIONAL | attribute_flag::TRANSITIVE;
    let (flags, malformed, internal_only) = match kind {
        // RFC 7606 §7.1, §7.2, §7.3.
        attribute::ORIGIN | attribute::AS_PATH | attribute::NEXT_HOP => (WELL_KNOWN, Treatment::TreatAsWithdraw, false),
        // RFC 7606 §7.4.
        attribute::MULTI_EXIT_DISC => (OPTIONAL, Treatment::TreatAsWithdraw, false),
        // RFC 7606 §7.5.
        attribute::LOCAL_PREF => (WELL_KNOWN, Treatment::TreatAsWithdraw, true),
        // RFC 7606 §7.6.
        attribute::ATOMIC_AGGREGATE => (WELL_KNOWN, Treatment::AttributeDiscard, false),
        // RFC 7606 §7.7.
        attribute::AGGREGATOR => (OPTIONAL_TRANSITIVE, Treatment::AttributeDiscard, false),
        // RFC 7606 §7.8, §7.14; RFC 8092 §6.
        attribute::COMMUNITIES | attribute::EXTENDED_COMMUNITIES | attribute::LARGE_COMMUNITY => {
            (OPTIONAL_TRANSITIVE, Treatment::TreatAsWithdraw, false)
        }
        // RFC 9234 §5.
        attribute::ONLY_TO_CUSTOMER => (OPTIONAL_TRANSITIVE, Treatment::TreatAsWithdraw, false),
        // RFC 7606 §7.9, §7.10.
        attribute::ORIGINATOR_ID | attribute::CLUSTER_LIST => (OPTIONAL, Treatment::TreatAsWithdraw, true),
        // RFC 7606 §7.11, §7.12: without the routes in it nothing can be withdrawn.
        attribute::MP_REACH_NLRI | attribute::MP_UNREACH_NLRI => (OPTIONAL, Treatment::SessionReset, false),
        // RFC 6793 §6.
        attribute::AS4_PATH | attribute::AS4_AGGREGATOR => (OPTIONAL_TRANSITIVE, Treatment::AttributeDiscard, false),
        _ => return None,
    };
    Some(Rule { flags, malformed, internal_only })
}

/// The attribute types that a message has had so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TypeSet([u128; 2]);

impl TypeSet {
    /// Adds a type; says whether it was not there before.
    pub(super) fn insert(&mut self, kind: u8) -> bool {
        let [low, high] = &mut self.0;
        let half = if kind < 128 { low } else { high };
        let bit = 1 << (kind & 127);
        let new = *half & bit == 0;
        *half |= bit;
        new
    }

    /// Whether the type is in.
    pub(super) fn contains(mut self, kind: u8) -> bool {
        !self.insert(kind)
    }
}
