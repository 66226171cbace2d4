//! Conditions on communities of all three kinds, with wildcards and ranges in place of numbers, and lists of
//! communities to add or set.

use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::NumberRange;
use crate::attributes::{Administrator, Community, ExtendedCommunity, LargeCommunity, PathAttributes};
use crate::net::number;

/// What a community must be like: as it is written, but each number may be `*` or a range such as `1-99`.
///
/// Two numbers are a standard community, three a large one; `rt:` and `soo:` stand before extended ones, whose AS
/// matches in 2 and in 4 octets where there is a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommunityPattern {
    /// Standard communities.
    Standard {
        /// The numbers in front.
        high: NumberRange,
        /// The numbers behind.
        low: NumberRange,
    },
    /// Large communities.
    Large([NumberRange; 3]),
    /// Exactly this extended community.
    Extended(ExtendedCommunity),
    /// Extended communities of a sub-type.
    ExtendedLike {
        /// The sub-type.
        sub_type: u8,
        /// The AS numbers; `None` for every AS and every address.
        asn: Option<NumberRange>,
        /// The numbers behind.
        local: NumberRange,
    },
}

/// A pattern, or a named set of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommunityMatch {
    /// A pattern.
    Pattern(CommunityPattern),
    /// Any pattern of a set.
    Set(Arc<Vec<CommunityPattern>>),
}

/// How many of a list must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// One or more.
    Any,
    /// Each.
    All,
    /// None.
    None,
}

/// Communities of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Communities {
    /// Standard ones.
    pub standard: Vec<Community>,
    /// Extended ones.
    pub extended: Vec<ExtendedCommunity>,
    /// Large ones.
    pub large: Vec<LargeCommunity>,
}

/// One community of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnyCommunity {
    /// A standard one.
    Standard(Community),
    /// An extended one.
    Extended(ExtendedCommunity),
    /// A large one.
    Large(LargeCommunity),
}

impl CommunityPattern {
    fn takes_standard(&self, community: Community) -> bool {
        match self {
            CommunityPattern::Standard { high, low } => {
                high.contains(community.high().into()) && low.contains(community.low().into())
            }
            CommunityPattern::Large(_) | CommunityPattern::Extended(_) | CommunityPattern::ExtendedLike { .. } => false,
        }
    }

    fn takes_extended(&self, community: ExtendedCommunity) -> bool {
        match self {
            CommunityPattern::Extended(wanted) => *wanted == community,
            CommunityPattern::ExtendedLike { sub_type, asn, local } => {
                let Some((found, administrator, number)) = community.parts() else { return false };
                let administered = match (asn, administrator) {
                    (None, _) => true,
                    (Some(wanted), Administrator::As(asn)) => wanted.contains(asn.0),
                    (Some(_), Administrator::Address(_)) => false,
                };
                found == *sub_type && administered && local.contains(number)
            }
            CommunityPattern::Standard { .. } | CommunityPattern::Large(_) => false,
        }
    }

    fn takes_large(&self, community: LargeCommunity) -> bool {
        match self {
            CommunityPattern::Large(parts) => {
                let numbers = [community.global, community.local1, community.local2];
                parts.iter().zip(numbers).all(|(range, number)| range.contains(number))
            }
            CommunityPattern::Standard { .. }
            | CommunityPattern::Extended(_)
            | CommunityPattern::ExtendedLike { .. } => false,
        }
    }

    fn is_carried(&self, by: &PathAttributes) -> bool {
        by.communities.iter().any(|community| self.takes_standard(*community))
            || by.large_communities.iter().any(|community| self.takes_large(*community))
            || by.extended_communities.iter().any(|community| self.takes_extended(*community))
    }
}

impl CommunityMatch {
    fn patterns(&self) -> &[CommunityPattern] {
        match self {
            CommunityMatch::Pattern(pattern) => std::slice::from_ref(pattern),
            CommunityMatch::Set(patterns) => patterns,
        }
    }

    /// Whether a route with these attributes carries a community that it takes.
    pub fn is_carried(&self, by: &PathAttributes) -> bool {
        self.patterns().iter().any(|pattern| pattern.is_carried(by))
    }

    /// Takes what it takes out of the attributes.
    pub(super) fn remove_from(&self, attributes: &mut PathAttributes) {
        for pattern in self.patterns() {
            attributes.communities.retain(|community| !pattern.takes_standard(*community));
            attributes.extended_communities.retain(|community| !pattern.takes_extended(*community));
            attributes.large_communities.retain(|community| !pattern.takes_large(*community));
        }
    }
}

impl Quantifier {
    /// Whether so many of the list are carried.
    pub(super) fn holds(self, list: &[CommunityMatch], attributes: &PathAttributes) -> bool {
        match self {
            Quantifier::Any => list.iter().any(|wanted| wanted.is_carried(attributes)),
            Quantifier::All => list.iter().all(|wanted| wanted.is_carried(attributes)),
            Quantifier::None => !list.iter().any(|wanted| wanted.is_carried(attributes)),
        }
    }
}

impl Communities {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.standard.is_empty() && self.extended.is_empty() && self.large.is_empty()
    }

    /// Whether a route has all of them.
    pub(super) fn are_carried(&self, by: &PathAttributes) -> bool {
        self.standard.iter().all(|community| by.communities.contains(community))
            && self.extended.iter().all(|community| by.extended_communities.contains(community))
            && self.large.iter().all(|community| by.large_communities.contains(community))
    }

    /// Whether a route has them and no others.
    pub(super) fn are_exactly(&self, of: &PathAttributes) -> bool {
        self.are_carried(of)
            && of.communities.iter().all(|community| self.standard.contains(community))
            && of.extended_communities.iter().all(|community| self.extended.contains(community))
            && of.large_communities.iter().all(|community| self.large.contains(community))
    }

    /// Adds them; each kind stays sorted and without repetitions.
    pub fn add_to(&self, attributes: &mut PathAttributes) {
        add(&mut attributes.communities, &self.standard);
        add(&mut attributes.extended_communities, &self.extended);
        add(&mut attributes.large_communities, &self.large);
    }
}

fn add<T: Copy + Ord>(to: &mut Vec<T>, more: &[T]) {
    to.extend_from_slice(more);
    to.sort_unstable();
    to.dedup();
}

impl FromIterator<AnyCommunity> for Communities {
    fn from_iter<I: IntoIterator<Item = AnyCommunity>>(all: I) -> Communities {
        let mut communities = Communities::default();
        for one in all {
            match one {
                AnyCommunity::Standard(community) => communities.standard.push(community),
                AnyCommunity::Extended(community) => communities.extended.push(community),
                AnyCommunity::Large(community) => communities.large.push(community),
            }
        }
        communities
    }
}

/// Text that is no community, or no pattern of communities.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a community{}: write 65000:100, a name such as no-export, 65000:1:2, rt:65000:100, soo:65000:100 \
     or 0x and 16 hexadecimal digits{}",
    if *.pattern { " or pattern" } else { "" },
    if *.pattern { "; a number may be `*` or a range such as 1-99" } else { "" }
)]
pub struct CommunityPatternError {
    text: String,
    pattern: bool,
}

impl FromStr for AnyCommunity {
    type Err = CommunityPatternError;

    fn from_str(text: &str) -> Result<AnyCommunity, CommunityPatternError> {
        let standard = || text.parse().ok().map(AnyCommunity::Standard);
        let large = || text.parse().ok().map(AnyCommunity::Large);
        let extended = || text.parse().ok().map(AnyCommunity::Extended);
        standard()
            .or_else(large)
            .or_else(extended)
            .ok_or_else(|| CommunityPatternError { text: text.to_owned(), pattern: false })
    }
}

impl FromStr for CommunityPattern {
    type Err = CommunityPatternError;

    fn from_str(text: &str) -> Result<CommunityPattern, CommunityPatternError> {
        let parsed = match text.parse::<AnyCommunity>() {
            Ok(AnyCommunity::Standard(community)) => Some(CommunityPattern::Standard {
                high: NumberRange::exactly(community.high().into()),
                low: NumberRange::exactly(community.low().into()),
            }),
            Ok(AnyCommunity::Extended(community)) => Some(CommunityPattern::Extended(community)),
            Ok(AnyCommunity::Large(community)) => Some(CommunityPattern::Large(
                [community.global, community.local1, community.local2].map(NumberRange::exactly),
            )),
            Err(_) => wild(text),
        };
        parsed.ok_or_else(|| CommunityPatternError { text: text.to_owned(), pattern: true })
    }
}

/// A pattern with `*` or a range in it.
fn wild(text: &str) -> Option<CommunityPattern> {
    let parts: Vec<&str> = text.split(':').collect();
    match *parts {
        [high, low] => {
            let [high, low] = [part(high, u16::MAX.into())?, part(low, u16::MAX.into())?];
            Some(CommunityPattern::Standard { high, low })
        }
        [name, asn, local] if ExtendedCommunity::sub_type(name).is_some() => Some(CommunityPattern::ExtendedLike {
            sub_type: ExtendedCommunity::sub_type(name)?,
            asn: if asn == "*" { None } else { Some(part(asn, u32::MAX)?) },
            local: part(local, u32::MAX)?,
        }),
        [global, local1, local2] => {
            Some(CommunityPattern::Large([part(global, u32::MAX)?, part(local1, u32::MAX)?, part(local2, u32::MAX)?]))
        }
        _ => None,
    }
}

/// `*`, `100` or `1-99`.
fn part(text: &str, most: u32) -> Option<NumberRange> {
    if text == "*" {
        return NumberRange::new(0, most);
    }
    let digits = |text: &str| number::<u32>(text).filter(|number| *number <= most);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    NumberRange::new(digits(first)?, digits(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrying(texts: &[&str]) -> PathAttributes {
        let all: Communities = texts.iter().map(|text| text.parse::<AnyCommunity>().expect(text)).collect();
        let mut attributes = PathAttributes::default();
        all.add_to(&mut attributes);
        attributes
    }

    #[test]
    fn patterns_of_every_kind() {
        for (pattern, taken, others) in [
            ("65000:100", &["65000:100"][..], &["65000:101", "65000:100:0", "rt:65000:100"][..]),
            ("65000:*", &["65000:0", "65000:65535"], &["65001:0", "65000:1:2"]),
            ("65000:1-99", &["65000:1", "65000:99"], &["65000:0", "65000:100"]),
            ("*:666", &["1:666", "65535:666"], &["1:667"]),
            ("*:*", &["0:0", "no-export"], &["1:2:3", "rt:1:2"]),
            ("no-export", &["65535:65281"], &["no-advertise"]),
            ("65000:*:7", &["65000:0:7", "65000:4294967295:7"], &["65000:1:8", "65001:1:7", "65000:7"]),
            ("65000:1-2:*", &["65000:1:0", "65000:2:9"], &["65000:3:0"]),
            ("rt:65000:100", &["rt:65000:100"], &["rt:65000L:100", "soo:65000:100"]),
            ("rt:65000:*", &["rt:65000:1", "rt:65000L:1"], &["rt:65001:1", "soo:65000:1", "rt:192.0.2.1:1"]),
            ("rt:*:*", &["rt:65000:1", "rt:192.0.2.1:1", "rt:4200000000:1"], &["soo:65000:1", "0x4002fde800000001"]),
            ("soo:65000-65009:1-9", &["soo:65009:9"], &["soo:65010:9", "soo:65000:10"]),
            ("0x4004fde84b3ebc20", &["0x4004fde84b3ebc20"], &["0x4004fde84b3ebc21"]),
        ] {
            let pattern = CommunityMatch::Pattern(pattern.parse().expect(pattern));
            for text in taken {
                assert!(pattern.is_carried(&carrying(&[text])), "{text} is {pattern:?}");
                let mut rest = carrying(&[text, "12345:54321"]);
                pattern.remove_from(&mut rest);
                assert!(!pattern.is_carried(&rest), "{text} went");
            }
            for text in others {
                assert!(!pattern.is_carried(&carrying(&[text])), "{text} is not {pattern:?}");
                let mut rest = carrying(&[text]);
                pattern.remove_from(&mut rest);
                assert_eq!(rest, carrying(&[text]), "{text} stayed");
            }
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in ["", "*", "65000", "70000:*", "65000:9-1", "65000:1..9", "*:*:*:*", "rt:*", "lb:1:*", "1:-", "+1:*"]
        {
            let error = bad.parse::<CommunityPattern>().expect_err(bad).to_string();
            assert!(error.contains("a number may be `*`"), "{error}");
        }
        let error = "65000:*".parse::<AnyCommunity>().expect_err("a wildcard cannot be added").to_string();
        assert!(!error.contains("`*`"), "{error}");
    }

    #[test]
    fn how_many_of_a_list() {
        let list = |texts: &[&str]| -> Vec<CommunityMatch> {
            texts.iter().map(|text| CommunityMatch::Pattern(text.parse().expect(text))).collect()
        };
        let attributes = carrying(&["65000:1", "65000:1:2"]);
        for (texts, any, all) in [
            (&["65000:1", "65000:*:*"][..], true, true),
            (&["65000:1", "65000:2"], true, false),
            (&["65000:2", "rt:*:*"], false, false),
        ] {
            let list = list(texts);
            assert_eq!(Quantifier::Any.holds(&list, &attributes), any, "{texts:?}");
            assert_eq!(Quantifier::All.holds(&list, &attributes), all, "{texts:?}");
            assert_eq!(Quantifier::None.holds(&list, &attributes), !any, "{texts:?}");
        }
        let set = CommunityMatch::Set(Arc::new(vec!["65000:9".parse().expect("one"), "65000:1".parse().expect("two")]));
        assert!(Quantifier::All.holds(&[set], &attributes), "of a set one is enough");
    }
}
