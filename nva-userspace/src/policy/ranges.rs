//! Conditions on numbers, and sets of AS numbers.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use crate::net::{Asn, number};

/// Numbers from one to another, both included: `3`, `3-5`, `>= 3`, `<= 5`, `> 3`, `< 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberRange {
    first: u32,
    last: u32,
}

/// Text that is not a range of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a range of numbers: write 3, \"3-5\", \">= 3\", \"<= 5\", \"> 3\" or \"< 5\"")]
pub struct NumberRangeError {
    text: String,
}

impl NumberRange {
    /// The numbers from `first` to `last`; `None` if there is none.
    pub fn new(first: u32, last: u32) -> Option<NumberRange> {
        (first <= last).then_some(NumberRange { first, last })
    }

    /// This number alone.
    pub fn exactly(number: u32) -> NumberRange {
        NumberRange { first: number, last: number }
    }

    /// Whether the number is one of them.
    pub fn contains(self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl FromStr for NumberRange {
    type Err = NumberRangeError;

    fn from_str(text: &str) -> Result<NumberRange, NumberRangeError> {
        let number = |text: &str| number::<u32>(text.trim());
        let range = if let Some(rest) = text.strip_prefix(">=") {
            number(rest).map(|first| (first, u32::MAX))
        } else if let Some(rest) = text.strip_prefix("<=") {
            number(rest).map(|last| (0, last))
        } else if let Some(rest) = text.strip_prefix('>') {
            number(rest).and_then(|below| Some((below.checked_add(1)?, u32::MAX)))
        } else if let Some(rest) = text.strip_prefix('<') {
            number(rest).and_then(|above| Some((0, above.checked_sub(1)?)))
        } else if let Some((first, last)) = text.split_once('-') {
            number(first).zip(number(last))
        } else {
            number(text).map(|number| (number, number))
        };
        range
            .and_then(|(first, last)| NumberRange::new(first, last))
            .ok_or_else(|| NumberRangeError { text: text.to_owned() })
    }
}

/// AS numbers, as ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsnSet {
    ranges: Vec<RangeInclusive<Asn>>,
}

/// Text that is not a set of AS numbers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} names no AS numbers: write 65100, \"65100-65109\" or \"private\"")]
pub struct AsnSetError {
    text: String,
}

impl AsnSet {
    /// The AS numbers for private use (RFC 6996 §5).
    pub fn private() -> AsnSet {
        AsnSet { ranges: vec![Asn(64_512)..=Asn(65_534), Asn(4_200_000_000)..=Asn(4_294_967_294)] }
    }

    /// Whether the number is in it.
    pub fn contains(&self, asn: Asn) -> bool {
        self.ranges.iter().any(|range| range.contains(&asn))
    }

    /// Whether no number is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds the other's numbers.
    pub fn extend(&mut self, other: AsnSet) {
        self.ranges.extend(other.ranges);
    }
}

impl From<Asn> for AsnSet {
    fn from(asn: Asn) -> AsnSet {
        AsnSet { ranges: vec![asn..=asn] }
    }
}

impl FromStr for AsnSet {
    type Err = AsnSetError;

    fn from_str(text: &str) -> Result<AsnSet, AsnSetError> {
        if text == "private" {
            return Ok(AsnSet::private());
        }
        let asn = |text: &str| text.trim().parse::<Asn>().ok();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        asn(first)
            .zip(asn(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| AsnSet { ranges: vec![first..=last] })
            .ok_or_else(|| AsnSetError { text: text.to_owned() })
    }
}

impl fmt::Display for AsnSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{first}")?,
                (first, last) => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, within, outside) in [
            ("3", &[3][..], &[2, 4][..]),
            ("3-5", &[3, 4, 5], &[2, 6]),
            (">= 3", &[3, u32::MAX], &[0, 2]),
            ("<= 5", &[0, 5], &[6]),
            (">3", &[4], &[3]),
            ("< 5", &[0, 4], &[5]),
        ] {
            let range: NumberRange = text.parse().expect(text);
            assert!(within.iter().all(|number| range.contains(*number)), "{text}");
            assert!(!outside.iter().any(|number| range.contains(*number)), "{text}");
        }
        for bad in ["", "5-3", "-1", "< 0", "> 4294967295", "3..5", "= 3", "a", "+3", ">= +3", "+1-3"] {
            assert!(bad.parse::<NumberRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn as_numbers() {
        let set: AsnSet = "65100-65109".parse().expect("a range");
        assert!(set.contains(Asn(65100)) && set.contains(Asn(65109)) && !set.contains(Asn(65110)));
        let private: AsnSet = "private".parse().expect("a name");
        for (asn, within) in [(64_511, false), (64_512, true), (65_534, true), (65_535, false), (4_200_000_000, true)] {
            assert_eq!(private.contains(Asn(asn)), within, "{asn}");
        }
        for bad in ["", "9-1", "AS1", "1-", "public"] {
            assert!(bad.parse::<AsnSet>().is_err(), "{bad}");
        }
    }
}
