//! Reading UPDATE: the octets become routes, or withdrawals, or the end of the session.

use std::net::{IpAddr, Ipv4Addr};

use crate::attributes::{Aggregator, AsPath, UnknownAttribute};
use crate::net::{AfiSafi, Asn, Prefix};
use crate::packet::attribute::as_path::Width;
use crate::packet::attribute::multiprotocol::{self, Reach, Unreach};
use crate::packet::attribute::{self, RawAttribute, TypeSet, aggregation, as_path, as4, rule, values};
use crate::packet::error::{AttributeProblem, DecodeError, Treatment, UpdateFault};
use crate::packet::header::Frame;
use crate::packet::iana::{attribute as kind, attribute_flag};
use crate::packet::message::{Announced, CodecContext, NextHop, Update};
use crate::packet::nlri;
use crate::packet::reader::Reader;

/// The most discarded attributes that are told of one message: repetitions may be as many as the message holds. What
/// withdraws is told always; there is less of it than there are attributes that we know.
const MAX_DISCARDS: usize = 32;

/// Reads the body.
pub(in crate::packet) fn decode(frame: Frame<'_>, context: &CodecContext) -> Result<Update, DecodeError> {
    let fields = split(frame.body)?;
    let mut decoding = Decoding::new(context, !fields.nlri.is_empty());
    let withdrawn = decoding.classic_prefixes(fields.withdrawn)?;
    decoding.read_attributes(fields.attributes)?;
    let announced = decoding.classic_prefixes(fields.nlri)?;
    let end_of_rib = decoding.end_of_rib(&fields);
    let mut update = decoding.finish(fields.attributes.offset(), withdrawn, announced)?;
    update.end_of_rib = end_of_rib;
    Ok(update)
}

/// The three fields of the body.
struct Fields<'a> {
    withdrawn: Reader<'a>,
    attributes: Reader<'a>,
    nlri: Reader<'a>,
}

fn split(mut body: Reader<'_>) -> Result<Fields<'_>, DecodeError> {
    // RFC 4271 §6.3, which RFC 7606 §3 a keeps: without the fields nothing can be found.
    let offset = body.offset();
    let malformed = || session_reset(None, offset, AttributeProblem::FieldLengths, &[]);
    let length = body.u16().ok_or_else(malformed)?;
    let withdrawn = body.field(usize::from(length)).ok_or_else(malformed)?;
    let length = body.u16().ok_or_else(malformed)?;
    let attributes = body.field(usize::from(length)).ok_or_else(malformed)?;
    Ok(Fields { withdrawn, attributes, nlri: body })
}

/// An UPDATE that is half read.
struct Decoding<'a> {
    context: &'a CodecContext,
    /// The classic NLRI field has something in it.
    has_nlri: bool,
    /// The types that were there, and how many attributes.
    seen: TypeSet,
    count: usize,
    /// The list broke off, so that it cannot be told what is missing from it.
    cut: bool,
    update: Update,
    next_hop: Option<Ipv4Addr>,
    /// What is wrong with NEXT_HOP: of interest only if the NLRI field needs it.
    next_hop_fault: Option<(UpdateFault, &'a [u8])>,
    reach: Option<Reach>,
    has_reach: bool,
    unreach: Option<Unreach>,
    as4_path: Option<AsPath>,
    as4_aggregator: Option<Aggregator>,
    withdraw: bool,
    /// The first fault that resets the session if no route is announced, with the octets of its attribute.
    grave: Option<(UpdateFault, &'a [u8])>,
}

impl<'a> Decoding<'a> {
    fn new(context: &'a CodecContext, has_nlri: bool) -> Decoding<'a> {
        Decoding {
            context,
            has_nlri,
            seen: TypeSet::default(),
            count: 0,
            cut: false,
            update: Update::default(),
            next_hop: None,
            next_hop_fault: None,
            reach: None,
            has_reach: false,
            unreach: None,
            as4_path: None,
            as4_aggregator: None,
            withdraw: false,
            grave: None,
        }
    }

    /// The prefixes of Withdrawn Routes or NLRI, which are IPv4; none if IPv4 was not negotiated.
    fn classic_prefixes(&self, field: Reader<'_>) -> Result<Vec<Prefix>, DecodeError> {
        let mut prefixes = Vec::new();
        if self.context.families.contains(&AfiSafi::Ipv4Unicast) {
            // RFC 7606 §3 i and j: what cannot be parsed cannot be withdrawn either.
            nlri::decode(field, AfiSafi::Ipv4Unicast, &mut prefixes)
                .map_err(|(offset, problem)| session_reset(None, offset, problem, &[]))?;
        }
        Ok(prefixes)
    }

    fn read_attributes(&mut self, mut field: Reader<'a>) -> Result<(), DecodeError> {
        while !field.is_empty() {
            let raw = match attribute::next(&mut field) {
                Ok(raw) => raw,
                // RFC 7606 §4: nothing behind it can be found, but where the NLRI begins is known.
                Err(broken) => {
                    self.cut = true;
                    let treatment = match broken.kind {
                        Some(kind::MP_REACH_NLRI | kind::MP_UNREACH_NLRI) => Treatment::SessionReset,
                        Some(_) | None => Treatment::TreatAsWithdraw,
                    };
                    let fault = UpdateFault {
                        attribute: broken.kind,
                        offset: broken.offset,
                        treatment,
                        problem: broken.problem,
                    };
                    return self.fault(fault, broken.octets);
                }
            };
            self.count = self.count.saturating_add(1);
            self.read_attribute(raw)?;
        }
        Ok(())
    }

    /// Judges what holds for every attribute, then reads the value.
    fn read_attribute(&mut self, raw: RawAttribute<'a>) -> Result<(), DecodeError> {
        let fault =
            |treatment, problem| UpdateFault { attribute: Some(raw.kind), offset: raw.offset, treatment, problem };
        if !self.seen.insert(raw.kind) {
            // RFC 7606 §3 g.
            let treatment = match raw.kind {
                kind::MP_REACH_NLRI | kind::MP_UNREACH_NLRI => Treatment::SessionReset,
                _ => Treatment::AttributeDiscard,
            };
            return self.fault(fault(treatment, AttributeProblem::Duplicate), raw.octets);
        }
        let Some(rule) = rule(raw.kind) else {
            return self.unknown(raw);
        };
        if rule.internal_only && !self.context.internal {
            // RFC 7606 §7.5, §7.9 and §7.10; RFC 4271 §5.1.5.
            return self.fault(fault(Treatment::AttributeDiscard, AttributeProblem::NotFromExternal), raw.octets);
        }
        if self.context.four_octet_as && matches!(raw.kind, kind::AS4_PATH | kind::AS4_AGGREGATOR) {
            // RFC 6793 §4.1.
            return self.fault(fault(Treatment::AttributeDiscard, AttributeProblem::NotInFourOctetSession), raw.octets);
        }
        const FIXED: u8 = attribute_flag::OPTIONAL | attribute_flag::TRANSITIVE;
        if raw.flags & FIXED != rule.flags {
            // RFC 7606 §3 c.
            let problem = AttributeProblem::Flags { flags: raw.flags };
            self.attribute_fault(fault(Treatment::TreatAsWithdraw, problem), raw.octets)?;
        }
        match self.read_value(&raw) {
            Ok(()) => Ok(()),
            Err((offset, problem)) => {
                self.attribute_fault(UpdateFault { offset, ..fault(rule.malformed, problem) }, raw.octets)
            }
        }
    }

    fn unknown(&mut self, raw: RawAttribute<'a>) -> Result<(), DecodeError> {
        if raw.flags & attribute_flag::OPTIONAL == 0 {
            // RFC 4271 §6.3: RFC 7606 has nothing milder for it.
            return Err(session_reset(Some(raw.kind), raw.offset, AttributeProblem::UnrecognizedWellKnown, raw.octets));
        }
        // RFC 4271 §5: passed on if transitive, else quietly ignored.
        if raw.flags & attribute_flag::TRANSITIVE != 0 {
            self.update.attributes.unknown.push(UnknownAttribute { kind: raw.kind, value: raw.value.rest().into() });
        }
        Ok(())
    }

    /// Reads the value of an attribute that we know. The error comes with its offset.
    fn read_value(&mut self, raw: &RawAttribute<'a>) -> Result<(), (usize, AttributeProblem)> {
        let value = raw.value;
        let here = |problem| (raw.offset, problem);
        let width = Width::of(self.context.four_octet_as);
        let partial = raw.flags & attribute_flag::PARTIAL != 0;
        let attributes = &mut self.update.attributes;
        match raw.kind {
            kind::ORIGIN => attributes.origin = values::origin(value).map_err(here)?,
            kind::AS_PATH => {
                attributes.as_path = as_path::decode(value, width, self.context.internal).map_err(here)?;
            }
            kind::NEXT_HOP => self.next_hop = Some(values::next_hop(value).map_err(here)?),
            kind::MULTI_EXIT_DISC => attributes.med = Some(values::number(value).map_err(here)?),
            kind::LOCAL_PREF => attributes.local_pref = Some(values::number(value).map_err(here)?),
            kind::ATOMIC_AGGREGATE => {
                values::empty(value).map_err(here)?;
                attributes.atomic_aggregate = true;
            }
            kind::AGGREGATOR => {
                attributes.aggregator = Some(aggregation::decode(value, width).map_err(here)?);
                attributes.partial.aggregator = partial;
            }
            kind::COMMUNITIES => {
                attributes.communities = values::communities(value).map_err(here)?;
                attributes.partial.communities = partial;
            }
            kind::EXTENDED_COMMUNITIES => {
                attributes.extended_communities = values::extended_communities(value).map_err(here)?;
                attributes.partial.extended_communities = partial;
            }
            kind::LARGE_COMMUNITY => {
                attributes.large_communities = values::large_communities(value).map_err(here)?;
                attributes.partial.large_communities = partial;
            }
            kind::ONLY_TO_CUSTOMER => {
                attributes.only_to_customer = Some(Asn(values::number(value).map_err(here)?));
                attributes.partial.only_to_customer = partial;
            }
            kind::ORIGINATOR_ID => {
                let originator_id = values::originator_id(value).map_err(here)?;
                attributes.reflection.get_or_insert_default().originator_id = Some(originator_id);
            }
            kind::CLUSTER_LIST => {
                let cluster_list = values::cluster_list(value).map_err(here)?;
                attributes.reflection.get_or_insert_default().cluster_list = cluster_list;
            }
            kind::AS4_PATH => {
                let (path, has_sets) = as_path::decode_as4(value).map_err(here)?;
                self.as4_path = Some(path);
                // Until it is known what becomes of the path.
                attributes.lost_as_sets = has_sets;
            }
            kind::AS4_AGGREGATOR => {
                self.as4_aggregator = Some(aggregation::decode(value, Width::Four).map_err(here)?);
            }
            kind::MP_REACH_NLRI => {
                self.has_reach = true;
                match multiprotocol::decode_reach(value, &self.context.families) {
                    Ok(reach) => self.reach = reach,
                    Err(fault) => return self.unreadable_family(raw, fault),
                }
                if let Some(Reach { next_hop: Err(address), .. }) = self.reach {
                    let problem = AttributeProblem::NextHopAddress { address };
                    let treatment = Treatment::TreatAsWithdraw;
                    self.note(
                        UpdateFault { attribute: Some(raw.kind), offset: raw.offset, treatment, problem },
                        raw.octets,
                    );
                }
            }
            kind::MP_UNREACH_NLRI => match multiprotocol::decode_unreach(value, &self.context.families) {
                Ok(unreach) => self.unreach = unreach,
                Err(fault) => return self.unreadable_family(raw, fault),
            },
            // `rule` knows no other type.
            _ => {}
        }
        Ok(())
    }

    /// A multiprotocol attribute that cannot be read: nobody knows which routes are concerned. Its family is given up, if
    /// it is known and another one is left (RFC 4760 §7, RFC 7606 §5.3 and §7.11).
    fn unreadable_family(
        &mut self,
        raw: &RawAttribute<'a>,
        fault: multiprotocol::Fault,
    ) -> Result<(), (usize, AttributeProblem)> {
        let multiprotocol::Fault { family, offset, problem } = fault;
        let disabled = &mut self.update.disabled;
        let is_left = |other: &AfiSafi| Some(*other) != family && !disabled.contains(other);
        let Some(family) =
            family.filter(|_| self.context.disable_families && self.context.families.iter().any(is_left))
        else {
            return Err((offset, problem));
        };
        if !disabled.contains(&family) {
            disabled.push(family);
        }
        let treatment = Treatment::FamilyDisable;
        self.note(UpdateFault { attribute: Some(raw.kind), offset, treatment, problem }, raw.octets);
        Ok(())
    }

    /// As [`Self::fault`], but what is wrong with NEXT_HOP waits until it is known whether anything needs it.
    fn attribute_fault(&mut self, fault: UpdateFault, octets: &'a [u8]) -> Result<(), DecodeError> {
        if fault.attribute == Some(kind::NEXT_HOP) {
            self.next_hop_fault.get_or_insert((fault, octets));
            return Ok(());
        }
        self.fault(fault, octets)
    }

    /// Treats a fault; the error is the end of the session.
    fn fault(&mut self, fault: UpdateFault, octets: &'a [u8]) -> Result<(), DecodeError> {
        match fault.treatment {
            Treatment::SessionReset => return Err(DecodeError::Update { fault, octets: octets.into() }),
            Treatment::FamilyDisable | Treatment::TreatAsWithdraw | Treatment::AttributeDiscard => {
                self.note(fault, octets);
            }
        }
        Ok(())
    }

    /// Remembers a fault that does not end the session by itself.
    fn note(&mut self, fault: UpdateFault, octets: &'a [u8]) {
        if fault.treatment == Treatment::TreatAsWithdraw {
            self.withdraw = true;
            if self.grave.is_none() && fault.attribute != Some(kind::MP_UNREACH_NLRI) {
                self.grave = Some((fault.clone(), octets));
            }
        }
        if fault.treatment != Treatment::AttributeDiscard || self.update.faults.len() < MAX_DISCARDS {
            self.update.faults.push(fault);
        }
    }

    /// Whether the message is a marker (RFC 4724 §2): nothing at all, or an MP_UNREACH_NLRI without a route and nothing
    /// else. The marker of a family that was not negotiated is none.
    fn end_of_rib(&self, fields: &Fields<'_>) -> Option<AfiSafi> {
        if !fields.withdrawn.is_empty() || !fields.nlri.is_empty() {
            return None;
        }
        match &self.unreach {
            None if fields.attributes.is_empty() => {
                Some(AfiSafi::Ipv4Unicast).filter(|family| self.context.families.contains(family))
            }
            Some(unreach) if self.count == 1 && unreach.prefixes.is_empty() => Some(unreach.family),
            Some(_) | None => None,
        }
    }

    /// Decides what becomes of the routes, now that everything has been read.
    fn finish(
        mut self,
        attributes_at: usize,
        withdrawn: Vec<Prefix>,
        announced: Vec<Prefix>,
    ) -> Result<Update, DecodeError> {
        // RFC 4760 §3: NEXT_HOP is ignored where MP_REACH_NLRI has all there is.
        let counts = self.has_nlri || !self.has_reach;
        if let Some((fault, octets)) = self.next_hop_fault.take().filter(|_| counts) {
            self.note(fault, octets);
        }
        // RFC 7606 §5.2: with no route that could be withdrawn, it may be the routes that were misread.
        if let Some((fault, octets)) = self.grave.take().filter(|_| !self.has_nlri && !self.has_reach) {
            let fault = UpdateFault { treatment: Treatment::SessionReset, ..fault };
            return Err(DecodeError::Update { fault, octets: octets.into() });
        }
        let needs_next_hop = !announced.is_empty() && !self.update.disabled.contains(&AfiSafi::Ipv4Unicast);
        self.collect(withdrawn, announced);
        if !self.update.announced.is_empty() && !self.cut {
            self.note_missing(attributes_at, needs_next_hop);
        }
        let mut update = self.update;
        if self.withdraw {
            for announced in update.announced.drain(..) {
                update.withdrawn.extend(announced.prefixes);
            }
        }
        if update.announced.is_empty() {
            update.attributes = Default::default();
            return Ok(update);
        }
        update.attributes.unknown.sort_by_key(|unknown| unknown.kind);
        if !self.context.four_octet_as {
            as4::merge(&mut update.attributes, self.as4_path, self.as4_aggregator);
            update.attributes.lost_as_sets &= !update.attributes.as_path.has_sets();
        }
        Ok(update)
    }

    /// Brings the routes of the classic fields and of the multiprotocol attributes together.
    fn collect(&mut self, withdrawn: Vec<Prefix>, announced: Vec<Prefix>) {
        self.update.withdrawn = withdrawn;
        if let Some(unreach) = self.unreach.take() {
            append(&mut self.update.withdrawn, unreach.prefixes);
        }
        if !announced.is_empty() {
            // Without a next hop the routes are on their way to be withdrawn, and the address is not looked at.
            let address = IpAddr::V4(self.next_hop.unwrap_or(Ipv4Addr::UNSPECIFIED));
            self.update.announced.push(Announced { next_hop: address.into(), prefixes: announced });
        }
        if let Some(Reach { next_hop, prefixes }) = self.reach.take()
            && !prefixes.is_empty()
        {
            let next_hop = next_hop.unwrap_or_else(NextHop::from);
            self.update.announced.push(Announced { next_hop, prefixes });
        }
        let Update { withdrawn, announced, disabled, .. } = &mut self.update;
        if !disabled.is_empty() {
            withdrawn.retain(|prefix| !disabled.contains(&prefix.family()));
            announced.retain(|one| one.prefixes.first().is_some_and(|first| !disabled.contains(&first.family())));
        }
    }

    /// RFC 7606 §3 d: the routes are withdrawn if a well-known mandatory attribute is missing.
    fn note_missing(&mut self, offset: usize, needs_next_hop: bool) {
        let mandatory = [
            (kind::ORIGIN, true),
            (kind::AS_PATH, true),
            (kind::NEXT_HOP, needs_next_hop),
            // RFC 4271 §5.1.5.
            (kind::LOCAL_PREF, self.context.internal),
        ];
        for (attribute, required) in mandatory {
            if required && !self.seen.contains(attribute) {
                let (treatment, problem) = (Treatment::TreatAsWithdraw, AttributeProblem::Missing);
                self.note(UpdateFault { attribute: Some(attribute), offset, treatment, problem }, &[]);
            }
        }
    }
}

/// Appends without copying where there is nothing yet.
fn append(to: &mut Vec<Prefix>, from: Vec<Prefix>) {
    if to.is_empty() {
        *to = from;
    } else {
        to.extend(from);
    }
}

fn session_reset(attribute: Option<u8>, offset: usize, problem: AttributeProblem, octets: &[u8]) -> DecodeError {
    let fault = UpdateFault { attribute, offset, treatment: Treatment::SessionReset, problem };
    DecodeError::Update { fault, octets: octets.into() }
}
