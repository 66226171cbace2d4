//! Prefix lists: prefixes with a range of lengths, in the words that operators know: `10.0.0.0/8 ge 24 le 28`.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;
use thiserror::Error;

use crate::net::{Prefix, PrefixError, number};

/// One entry of a prefix list: a prefix and the lengths that what lies inside it may have.
///
/// Without `ge` and `le` only the prefix itself matches; with `ge` alone everything from that length up to the
/// family's longest; with `le` alone everything from the prefix's own length up to that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrefixMatch {
    prefix: Prefix,
    shortest: u8,
    longest: u8,
}

/// Text that is not an entry of a prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrefixMatchError {
    /// The prefix is none.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// After the prefix stands something else than `ge N` and `le N`, each at most once.
    #[error("{text:?}: after the prefix only `ge LENGTH` and `le LENGTH` may follow, each at most once")]
    Syntax {
        /// All that was written.
        text: String,
    },
    /// The lengths are not in order.
    #[error("lengths must be in order: {prefix} (length {}) ≤ ge {shortest} ≤ le {longest} ≤ {}",
        .prefix.len(), .prefix.family().address_bits())]
    Lengths {
        /// The prefix.
        prefix: Prefix,
        /// The shortest length asked for.
        shortest: u8,
        /// The longest length asked for.
        longest: u8,
    },
}

/// Prefixes of both families; a route matches if any entry does.
///
/// Looking one up takes as many steps as prefixes cover it, however long the list is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixList {
    /// For each prefix the ranges of lengths it was listed with, sorted.
    ranges: JointPrefixMap<IpNet, Vec<(u8, u8)>>,
}

impl PrefixMatch {
    /// This prefix alone.
    pub fn exact(prefix: Prefix) -> PrefixMatch {
        PrefixMatch { prefix, shortest: prefix.len(), longest: prefix.len() }
    }

    /// What lies inside the prefix with a length from `ge` to `le`.
    pub fn new(prefix: Prefix, ge: Option<u8>, le: Option<u8>) -> Result<PrefixMatch, PrefixMatchError> {
        let bits = prefix.family().address_bits();
        let shortest = ge.unwrap_or(prefix.len());
        let longest = match (ge, le) {
            (_, Some(le)) => le,
            (Some(_), None) => bits,
            (None, None) => prefix.len(),
        };
        if prefix.len() <= shortest && shortest <= longest && longest <= bits {
            Ok(PrefixMatch { prefix, shortest, longest })
        } else {
            Err(PrefixMatchError::Lengths { prefix, shortest, longest })
        }
    }

    /// Whether the prefix lies inside this one and its length in the range.
    pub fn matches(&self, prefix: Prefix) -> bool {
        (self.shortest..=self.longest).contains(&prefix.len()) && self.prefix.covers(prefix)
    }
}

impl FromStr for PrefixMatch {
    type Err = PrefixMatchError;

    fn from_str(text: &str) -> Result<PrefixMatch, PrefixMatchError> {
        let syntax = || PrefixMatchError::Syntax { text: text.to_owned() };
        let mut words = text.split_ascii_whitespace();
        let prefix: Prefix = words.next().unwrap_or("").parse()?;
        let (mut ge, mut le) = (None, None);
        while let Some(word) = words.next() {
            let bound = match word {
                "ge" => &mut ge,
                "le" => &mut le,
                _ => return Err(syntax()),
            };
            let length = words.next().and_then(number::<u8>).ok_or_else(syntax)?;
            if bound.replace(length).is_some() {
                return Err(syntax());
            }
        }
        PrefixMatch::new(prefix, ge, le)
    }
}

impl fmt::Display for PrefixMatch {
    /// The shortest text that means the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, bits) = (self.prefix.len(), self.prefix.family().address_bits());
        write!(f, "{}", self.prefix)?;
        if self.shortest != own {
            write!(f, " ge {}", self.shortest)?;
        }
        let implied = if self.shortest == own { own } else { bits };
        if self.longest != implied {
            write!(f, " le {}", self.longest)?;
        }
        Ok(())
    }
}

impl PrefixList {
    /// The list of these entries, in any order.
    pub fn new(entries: impl IntoIterator<Item = PrefixMatch>) -> PrefixList {
        entries.into_iter().collect()
    }

    /// Whether any entry matches the prefix.
    pub fn matches(&self, prefix: Prefix) -> bool {
        let in_range = |(shortest, longest): &(u8, u8)| (*shortest..=*longest).contains(&prefix.len());
        self.ranges.cover_values(&prefix.net()).any(|ranges| ranges.iter().any(in_range))
    }

    /// The entries: IPv4 first, by prefix, then by length.
    pub fn iter(&self) -> impl Iterator<Item = PrefixMatch> + '_ {
        self.ranges.iter().flat_map(|(net, ranges)| {
            let prefix = Prefix::from(net);
            ranges.iter().map(move |&(shortest, longest)| PrefixMatch { prefix, shortest, longest })
        })
    }
}

impl FromIterator<PrefixMatch> for PrefixList {
    fn from_iter<I: IntoIterator<Item = PrefixMatch>>(entries: I) -> PrefixList {
        let mut ranges = JointPrefixMap::<IpNet, Vec<(u8, u8)>>::new();
        for entry in entries {
            let of_prefix = ranges.entry(entry.prefix.net()).or_default();
            if let Err(place) = of_prefix.binary_search(&(entry.shortest, entry.longest)) {
                of_prefix.insert(place, (entry.shortest, entry.longest));
            }
        }
        PrefixList { ranges }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(text: &str) -> PrefixMatch {
        text.parse().expect(text)
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect(text)
    }

    #[test]
    fn the_range_of_lengths() {
        let cases = [
            ("10.0.0.0/8", &["10.0.0.0/8"][..], &["10.0.0.0/9", "10.1.0.0/16", "0.0.0.0/0", "11.0.0.0/8"][..]),
            ("10.0.0.0/8 ge 24", &["10.1.2.0/24", "10.1.2.3/32"], &["10.0.0.0/8", "10.1.0.0/16", "11.1.2.0/24"]),
            ("10.0.0.0/8 le 16", &["10.0.0.0/8", "10.1.0.0/16"], &["10.1.2.0/24", "11.0.0.0/16"]),
            ("10.0.0.0/8 ge 24 le 28", &["10.1.2.0/24", "10.1.2.16/28"], &["10.1.0.0/23", "10.1.2.16/29"]),
            ("0.0.0.0/0", &["0.0.0.0/0"], &["0.0.0.0/1", "::/0"]),
            ("0.0.0.0/0 le 32", &["0.0.0.0/0", "192.0.2.1/32"], &["::/0", "2001:db8::/32"]),
            ("2001:db8::/32 ge 48 le 64", &["2001:db8:1::/48"], &["2001:db8::/32", "2001:db9:1::/48"]),
        ];
        for (text, inside, outside) in cases {
            let list = PrefixList::from_iter([entry(text)]);
            for given in inside {
                assert!(entry(text).matches(prefix(given)) && list.matches(prefix(given)), "{text} and {given}");
            }
            for given in outside {
                assert!(!entry(text).matches(prefix(given)) && !list.matches(prefix(given)), "{text} and {given}");
            }
        }
    }

    #[test]
    fn prints_the_shortest_text() {
        for (given, printed) in [
            ("10.0.0.0/8 le 28 ge 24", "10.0.0.0/8 ge 24 le 28"),
            ("10.0.0.0/8 ge 8 le 8", "10.0.0.0/8"),
            ("10.0.0.0/8 ge 24 le 32", "10.0.0.0/8 ge 24"),
            ("10.0.0.0/8 ge 8", "10.0.0.0/8 le 32"),
            ("192.0.2.1/32 le 32", "192.0.2.1/32"),
        ] {
            assert_eq!(entry(given).to_string(), printed);
            assert_eq!(entry(printed), entry(given));
        }
    }

    #[test]
    fn refuses_what_is_not_an_entry() {
        let refused = |text: &str| text.parse::<PrefixMatch>().expect_err(text).to_string();
        assert_eq!(
            refused("10.0.0.0/8 ge 28 le 24"),
            "lengths must be in order: 10.0.0.0/8 (length 8) ≤ ge 28 ≤ le 24 ≤ 32"
        );
        assert!(refused("10.0.0.0/16 le 8").starts_with("lengths must be in order"));
        assert!(refused("10.0.0.0/8 le 33").starts_with("lengths must be in order"));
        assert!(refused("10.0.0.1/8").contains("host bits set"));
        for bad in ["ge", "ge 9 ge 10", "eq 9", "ge x", "ge 256", "ge +9"] {
            let bad = &format!("10.0.0.0/8 {bad}");
            assert!(refused(bad).contains("may follow"), "{bad}");
        }
        assert!(refused("").contains("is not a prefix"));
    }

    #[test]
    fn lists_are_equal_by_what_they_match() {
        let list = |entries: &[&str]| entries.iter().map(|text| entry(text)).collect::<PrefixList>();
        let both = list(&["10.0.0.0/8", "10.0.0.0/8 ge 24"]);
        assert_eq!(both, list(&["10.0.0.0/8 ge 24", "10.0.0.0/8", "10.0.0.0/8"]));
        assert_ne!(both, list(&["10.0.0.0/8"]));
        let printed: Vec<String> = both.iter().map(|entry| entry.to_string()).collect();
        assert_eq!(printed, ["10.0.0.0/8", "10.0.0.0/8 ge 24"]);
        assert!(!PrefixList::default().matches(prefix("10.0.0.0/8")));
    }

    fn any_prefix() -> impl Strategy<Value = Prefix> {
        // Few distinct bits, so that prefixes nest often.
        (0u8..16, 0u8..=12)
            .prop_map(|(bits, length)| Prefix::new([bits << 4, 0, 0, 0].into(), length).expect("at most 12 bits"))
    }

    proptest! {
        #[test]
        fn the_list_agrees_with_its_entries(
            entries in prop::collection::vec((any_prefix(), 0u8..8, 0u8..8), 0..20),
            asked in any_prefix(),
        ) {
            let entries: Vec<PrefixMatch> = entries
                .into_iter()
                .map(|(prefix, up, more)| {
                    let ge = prefix.len() + up;
                    PrefixMatch::new(prefix, Some(ge), Some(ge + more)).expect("in order")
                })
                .collect();
            let list: PrefixList = entries.iter().copied().collect();
            prop_assert_eq!(list.matches(asked), entries.iter().any(|entry| entry.matches(asked)));
            for entry in entries {
                prop_assert_eq!(entry.to_string().parse::<PrefixMatch>(), Ok(entry));
            }
        }
    }
}
