//! AS_PATH and AS4_PATH (RFC 4271 §4.3 b, RFC 6793 §3).

use crate::attributes::{AsPath, Segment, SegmentKind};
use crate::net::Asn;
use crate::packet::EncodeError;
use crate::packet::error::AttributeProblem;
use crate::packet::iana::segment;
use crate::packet::reader::Reader;

/// How many octets an AS number takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::packet) enum Width {
    /// As RFC 4271 has it.
    Two,
    /// As between speakers of RFC 6793.
    Four,
}

impl Width {
    /// The width on a session.
    pub(in crate::packet) fn of(four_octet_as: bool) -> Width {
        if four_octet_as { Width::Four } else { Width::Two }
    }

    fn octets(self) -> usize {
        match self {
            Width::Two => 2,
            Width::Four => 4,
        }
    }
}

/// Reads AS_PATH (RFC 7606 §7.2). It may be empty.
pub(in crate::packet) fn decode(
    mut value: Reader<'_>,
    width: Width,
    internal: bool,
) -> Result<AsPath, AttributeProblem> {
    let mut path = AsPath::default();
    while !value.is_empty() {
        let segment = read_segment(&mut value, width)?;
        // RFC 5065 §5: a confederation does not show itself to the outside.
        if is_confederation(segment.kind) && !internal {
            return Err(AttributeProblem::Confederation);
        }
        path.segments.push(segment);
    }
    Ok(path)
}

/// Reads AS4_PATH. It is not empty, and confederation segments have no place in it and are passed over (RFC 6793 §6).
/// Also says whether there was a set among all of them.
pub(in crate::packet) fn decode_as4(mut value: Reader<'_>) -> Result<(AsPath, bool), AttributeProblem> {
    if value.is_empty() {
        return Err(AttributeProblem::Length { length: 0 });
    }
    let mut path = AsPath::default();
    while !value.is_empty() {
        path.segments.push(read_segment(&mut value, Width::Four)?);
    }
    let has_sets = path.has_sets();
    path.segments.retain(|segment| !is_confederation(segment.kind));
    Ok((path, has_sets))
}

/// The octets that the segments take, or why they cannot be written.
pub(super) fn encoded_len<'a>(
    segments: impl IntoIterator<Item = &'a Segment>,
    width: Width,
) -> Result<usize, EncodeError> {
    segments.into_iter().try_fold(0usize, |octets, segment| match segment.asns.len() {
        length @ 1..=AsPath::MAX_SEGMENT => {
            Ok(octets.saturating_add(2).saturating_add(length.saturating_mul(width.octets())))
        }
        length => Err(EncodeError::Segment { length }),
    })
}

/// Appends segments that [`encoded_len`] has measured.
pub(super) fn encode<'a>(segments: impl IntoIterator<Item = &'a Segment>, width: Width, out: &mut Vec<u8>) {
    for segment in segments {
        out.push(kind_code(segment.kind));
        out.push(u8::try_from(segment.asns.len()).unwrap_or(u8::MAX));
        match width {
            // RFC 6793 §4.2.2: what does not fit goes as AS_TRANS.
            Width::Two => {
                segment.asns.iter().for_each(|asn| out.extend_from_slice(&asn.to_two_octets().to_be_bytes()));
            }
            Width::Four => segment.asns.iter().for_each(|asn| out.extend_from_slice(&asn.0.to_be_bytes())),
        }
    }
}

/// Whether the segment is of a confederation (RFC 5065 §3).
pub(super) fn is_confederation(kind: SegmentKind) -> bool {
    match kind {
        SegmentKind::Set | SegmentKind::Sequence => false,
        SegmentKind::ConfedSequence | SegmentKind::ConfedSet => true,
    }
}

fn read_segment(value: &mut Reader<'_>, width: Width) -> Result<Segment, AttributeProblem> {
    let (Some(kind), Some(count)) = (value.u8(), value.u8()) else {
        return Err(AttributeProblem::SegmentOverrun);
    };
    let kind = kind_of(kind).ok_or(AttributeProblem::SegmentKind { kind })?;
    if count == 0 {
        return Err(AttributeProblem::SegmentEmpty);
    }
    let octets = usize::from(count).saturating_mul(width.octets());
    let numbers = value.field(octets).ok_or(AttributeProblem::SegmentOverrun)?.rest();
    let asns: Vec<Asn> = match width {
        Width::Two => numbers.as_chunks().0.iter().map(|asn| Asn(u32::from(u16::from_be_bytes(*asn)))).collect(),
        Width::Four => numbers.as_chunks().0.iter().map(|asn| Asn(u32::from_be_bytes(*asn))).collect(),
    };
    // RFC 7607 §2: nobody has AS 0.
    if asns.contains(&Asn(0)) { Err(AttributeProblem::AsZero) } else { Ok(Segment { kind, asns }) }
}

fn kind_of(code: u8) -> Option<SegmentKind> {
    Some(match code {
        segment::SET => SegmentKind::Set,
        segment::SEQUENCE => SegmentKind::Sequence,
        segment::CONFED_SEQUENCE => SegmentKind::ConfedSequence,
        segment::CONFED_SET => SegmentKind::ConfedSet,
        _ => return None,
    })
}

fn kind_code(kind: SegmentKind) -> u8 {
    match kind {
        SegmentKind::Set => segment::SET,
        SegmentKind::Sequence => segment::SEQUENCE,
        SegmentKind::ConfedSequence => segment::CONFED_SEQUENCE,
        SegmentKind::ConfedSet => segment::CONFED_SET,
    }
}
