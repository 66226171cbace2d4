//! AS paths (RFC 4271 §4.3 b, RFC 5065 for the confederation segments).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::net::{Asn, number};

/// AS_PATH: segments, the nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsPath {
    /// The segments; none of them is empty.
    pub segments: Vec<Segment>,
}

/// One segment of an AS path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// What the numbers mean.
    pub kind: SegmentKind,
    /// The AS numbers: at least 1, at most 255.
    pub asns: Vec<Asn>,
}

/// The kinds of segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// AS_SET: unordered, from aggregation.
    Set,
    /// AS_SEQUENCE: ordered, the nearest AS first.
    Sequence,
    /// AS_CONFED_SEQUENCE (RFC 5065).
    ConfedSequence,
    /// AS_CONFED_SET (RFC 5065).
    ConfedSet,
}

impl AsPath {
    /// The most AS numbers that one segment can carry: its count is one octet.
    pub const MAX_SEGMENT: usize = 255;

    /// A path of one AS_SEQUENCE (of more where it does not fit into one).
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> AsPath {
        let asns: Vec<Asn> = asns.into_iter().collect();
        let segments = asns
            .chunks(AsPath::MAX_SEGMENT)
            .map(|chunk| Segment { kind: SegmentKind::Sequence, asns: chunk.to_vec() })
            .collect();
        AsPath { segments }
    }

    /// The length as the decision process counts it: an AS_SET counts 1 (RFC 4271 §9.1.2.2 a), confederation
    /// segments 0 (RFC 5065 §5.3).
    pub fn hop_count(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| match segment.kind {
                SegmentKind::Sequence => segment.asns.len(),
                SegmentKind::Set => 1,
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
            })
            .sum()
    }

    /// Every AS number in the path, in order, sets included.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + '_ {
        self.segments.iter().flat_map(|segment| segment.asns.iter().copied())
    }

    /// Whether the number stands anywhere in the path: the loop check of RFC 4271 §9.1.2.
    pub fn contains(&self, asn: Asn) -> bool {
        self.asns().any(|other| other == asn)
    }

    /// Whether there is an AS_SET or AS_CONFED_SET, which nobody is to send any more (RFC 9774 §3).
    pub fn has_sets(&self) -> bool {
        self.segments.iter().any(|segment| match segment.kind {
            SegmentKind::Set | SegmentKind::ConfedSet => true,
            SegmentKind::Sequence | SegmentKind::ConfedSequence => false,
        })
    }

    /// The AS that the route was learned from: the first of a leading AS_SEQUENCE, confederation segments skipped.
    pub fn neighbour_as(&self) -> Option<Asn> {
        match self.segments.iter().find(|segment| segment.is_outside()) {
            Some(Segment { kind: SegmentKind::Sequence, asns }) => asns.first().copied(),
            Some(_) | None => None,
        }
    }

    /// The AS that originated the route: the last of a closing AS_SEQUENCE.
    pub fn origin_as(&self) -> Option<Asn> {
        match self.segments.last() {
            Some(Segment { kind: SegmentKind::Sequence, asns }) => asns.last().copied(),
            Some(_) | None => None,
        }
    }

    /// Takes AS numbers out, and segments that have none left with them. Confederation segments stay as they are.
    pub fn remove(&mut self, goes: impl Fn(Asn) -> bool) {
        self.outside_mut().for_each(|segment| segment.asns.retain(|asn| !goes(*asn)));
        self.segments.retain(|segment| !segment.asns.is_empty());
    }

    /// Puts an AS number in the place of others. Confederation segments stay as they are.
    pub fn replace(&mut self, by: Asn, goes: impl Fn(Asn) -> bool) {
        self.outside_mut().for_each(|segment| segment.replace(by, &goes));
    }

    /// Takes the confederation segments out, which mean nothing outside of the confederation (RFC 5065 §4).
    pub fn leave_confederation(&mut self) {
        self.segments.retain(Segment::is_outside);
    }

    /// The segments with numbers of ASes: see [`Segment::is_outside`].
    pub fn outside_mut(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.segments.iter_mut().filter(|segment| segment.is_outside())
    }

    /// Puts `asn` in front `count` times (RFC 4271 §5.1.2 b): into the leading AS_SEQUENCE while it has room, else
    /// into a new one.
    pub fn prepend(&mut self, asn: Asn, count: usize) {
        for _ in 0..count {
            match self.segments.first_mut() {
                Some(first) if first.kind == SegmentKind::Sequence && first.asns.len() < AsPath::MAX_SEGMENT => {
                    first.asns.insert(0, asn);
                }
                Some(_) | None => {
                    self.segments.insert(0, Segment { kind: SegmentKind::Sequence, asns: vec![asn] });
                }
            }
        }
    }
}

impl Segment {
    /// Whether its numbers are those of ASes: confederation segments name members of one AS (RFC 5065 §3).
    pub fn is_outside(&self) -> bool {
        matches!(self.kind, SegmentKind::Sequence | SegmentKind::Set)
    }

    /// Puts a number in the place of others; a set has it once.
    pub fn replace(&mut self, by: Asn, goes: impl Fn(Asn) -> bool) {
        self.asns.iter_mut().filter(|asn| goes(**asn)).for_each(|asn| *asn = by);
        if self.kind == SegmentKind::Set {
            let mut seen = false;
            self.asns.retain(|asn| *asn != by || !std::mem::replace(&mut seen, true));
        }
    }

    /// The numbers in the order in which they are shown.
    fn printed(&self) -> Cow<'_, [Asn]> {
        let is_set = matches!(self.kind, SegmentKind::Set | SegmentKind::ConfedSet);
        if !is_set || self.asns.is_sorted_by(|one, next| one < next) {
            return Cow::Borrowed(&self.asns);
        }
        let mut asns = self.asns.clone();
        asns.sort_unstable();
        asns.dedup();
        Cow::Owned(asns)
    }
}

impl fmt::Display for AsPath {
    /// As Cisco and FRR print it, which is also the text that AS-path expressions match: sequences separated by
    /// spaces, `{1,2}` for a set, `(1 2)` and `[1,2]` for the confederation kinds. The numbers of a set have no order:
    /// they are printed from the smallest up, each once.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            let (open, separator, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            f.write_str(open)?;
            for (index, asn) in segment.printed().iter().enumerate() {
                if index > 0 {
                    f.write_str(separator)?;
                }
                write!(f, "{asn}")?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

/// Text that is not an AS path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not an AS path: write AS numbers with spaces between, {{1,2}} for a set, (1 2) and [1,2] for those of a \
     confederation, nothing for the empty path"
)]
pub struct AsPathParseError {
    text: String,
}

impl FromStr for AsPath {
    type Err = AsPathParseError;

    /// Reads what [`AsPath`] prints; a set may have its numbers in any order.
    fn from_str(text: &str) -> Result<AsPath, AsPathParseError> {
        segments(text).map(|segments| AsPath { segments }).ok_or_else(|| AsPathParseError { text: text.to_owned() })
    }
}

fn segments(text: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let (kind, close) = match first {
            '{' => (SegmentKind::Set, '}'),
            '(' => (SegmentKind::ConfedSequence, ')'),
            '[' => (SegmentKind::ConfedSet, ']'),
            _ => (SegmentKind::Sequence, ' '),
        };
        let (inner, after) = match kind {
            SegmentKind::Sequence => rest.split_at(rest.find(['{', '(', '[']).unwrap_or(rest.len())),
            SegmentKind::Set | SegmentKind::ConfedSequence | SegmentKind::ConfedSet => {
                rest.get(1..)?.split_once(close)?
            }
        };
        let is_set = matches!(kind, SegmentKind::Set | SegmentKind::ConfedSet);
        let words = inner.split(|c: char| c.is_whitespace() || is_set && c == ',').filter(|word| !word.is_empty());
        let asns = words.map(|word| number(word).map(Asn)).collect::<Option<Vec<Asn>>>()?;
        if asns.is_empty() || is_set && asns.len() > AsPath::MAX_SEGMENT {
            return None;
        }
        segments.extend(asns.chunks(AsPath::MAX_SEGMENT).map(|asns| Segment { kind, asns: asns.to_vec() }));
        rest = after.trim_start();
    }
    Some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["", "1", "1 2 4294967295", "{1}", "{1,2} 3", "1 {2,3} 4 (5 6) [7,8]", "(1) (2)"] {
            assert_eq!(text.parse::<AsPath>().expect(text).to_string(), text);
        }
        assert_eq!(" 1  {3, 2 2} ".parse::<AsPath>().expect("loosely written").to_string(), "1 {2,3}");
        let long = "7 ".repeat(600);
        assert_eq!(long.parse::<AsPath>(), Ok(AsPath::sequence(vec![Asn(7); 600])));
        for bad in ["x", "1,2", "{}", "{1", "1}", "(1 2", "1 (2)) 3", "4294967296", "+1", "-1", "1.1", "{{1}}", "é"] {
            assert!(bad.parse::<AsPath>().is_err(), "{bad}");
        }
        let set = format!("{{{}}}", vec!["1"; 256].join(","));
        assert!(set.parse::<AsPath>().is_err(), "a set has one octet for its count");
    }

    fn segment(kind: SegmentKind, asns: &[u32]) -> Segment {
        Segment { kind, asns: asns.iter().copied().map(Asn).collect() }
    }

    #[test]
    fn prints_as_operators_read_it() {
        let path = AsPath {
            segments: vec![
                segment(SegmentKind::ConfedSequence, &[64512, 64513]),
                segment(SegmentKind::Sequence, &[65000, 65100]),
                segment(SegmentKind::Set, &[12, 2, 12]),
            ],
        };
        assert_eq!(path.to_string(), "(64512 64513) 65000 65100 {2,12}");
        assert_eq!(path.hop_count(), 3);
        assert_eq!(path.neighbour_as(), Some(Asn(65000)));
        assert_eq!(path.origin_as(), None);
        assert!(path.has_sets());
    }

    #[test]
    fn prepending_opens_a_segment_when_the_first_is_full_or_a_set() {
        let mut path = AsPath::sequence((0..255).map(Asn));
        path.prepend(Asn(7), 2);
        assert_eq!(path.segments.len(), 2);
        assert_eq!(path.segments[0], segment(SegmentKind::Sequence, &[7, 7]));

        let mut path = AsPath { segments: vec![segment(SegmentKind::Set, &[1])] };
        path.prepend(Asn(7), 1);
        assert_eq!(path.to_string(), "7 {1}");
        assert_eq!(path.hop_count(), 2);
    }
}
