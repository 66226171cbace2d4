//! What an UPDATE says, in no decoder's words, so that three of them can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;

use nva::net::Prefix;
use nva::packet::iana::attribute as kind;

/// A part of an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Announced,
    Withdrawn,
    Origin,
    AsPath,
    Med,
    LocalPref,
    AtomicAggregate,
    Aggregator,
    Communities,
    ExtendedCommunities,
    LargeCommunities,
}

impl Field {
    /// The type of the attribute that the part comes from.
    pub fn attribute(self) -> u8 {
        match self {
            Field::Announced => kind::MP_REACH_NLRI,
            Field::Withdrawn => kind::MP_UNREACH_NLRI,
            Field::Origin => kind::ORIGIN,
            Field::AsPath => kind::AS_PATH,
            Field::Med => kind::MULTI_EXIT_DISC,
            Field::LocalPref => kind::LOCAL_PREF,
            Field::AtomicAggregate => kind::ATOMIC_AGGREGATE,
            Field::Aggregator => kind::AGGREGATOR,
            Field::Communities => kind::COMMUNITIES,
            Field::ExtendedCommunities => kind::EXTENDED_COMMUNITIES,
            Field::LargeCommunities => kind::LARGE_COMMUNITY,
        }
    }
}

/// What a decoder finds in an UPDATE.
#[derive(Debug, Default)]
pub struct Parts {
    /// A text for each part, and `Err` where the decoder cannot read it; a part that is not there is an empty text.
    pub texts: BTreeMap<Field, Result<String, String>>,
    /// The types of the attributes of which it says that they are wrong, in a warning or in place of a part; `None` is for
    /// prefixes outside of attributes.
    pub complaints: BTreeSet<Option<u8>>,
    /// It finds path identifiers (RFC 7911 §3) in front of prefixes.
    pub path_identifiers: bool,
}

/// Why there are no parts.
#[derive(Debug)]
pub enum Refusal {
    /// The decoder says what is wrong.
    Error(String),
    /// The decoder does not survive it.
    Panic,
}

impl<E: Display> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal::Error(error.to_string())
    }
}

/// What a decoder makes of an UPDATE as a whole.
pub type Reading = Result<Parts, Refusal>;

/// The prefixes with their next hops.
#[derive(Debug, Default)]
pub struct Routes {
    pub announced: BTreeMap<Prefix, Option<IpAddr>>,
    pub withdrawn: BTreeSet<Prefix>,
}

impl Routes {
    /// A prefix that is announced and withdrawn is announced (RFC 4271 §4.3).
    pub fn texts(&self) -> [(Field, Result<String, String>); 2] {
        let announced = self.announced.iter().map(|(prefix, next_hop)| match next_hop {
            Some(next_hop) => format!("{prefix} via {next_hop}"),
            None => prefix.to_string(),
        });
        let withdrawn = self.withdrawn.iter().filter(|prefix| !self.announced.contains_key(prefix));
        [(Field::Announced, Ok(listed(announced))), (Field::Withdrawn, Ok(listed(withdrawn)))]
    }
}

impl Parts {
    /// The parts, with a complaint of each that could not be read.
    pub fn new(texts: impl IntoIterator<Item = (Field, Result<String, String>)>) -> Parts {
        let texts: BTreeMap<_, _> = texts.into_iter().collect();
        let unread = texts.iter().filter(|(_, text)| text.is_err());
        let complaints = unread.map(|(field, _)| Some(field.attribute())).collect();
        Parts { texts, complaints, path_identifiers: false }
    }

    /// The text of a part that was read.
    pub fn text(&self, field: Field) -> Option<&str> {
        self.texts.get(&field)?.as_deref().ok()
    }

    /// The prefixes, announced or withdrawn.
    pub fn prefixes(&self) -> BTreeSet<&str> {
        let texts = [Field::Announced, Field::Withdrawn].into_iter().filter_map(|field| self.text(field));
        let routes = texts.flat_map(|text| text.split(", ")).filter(|route| !route.is_empty());
        routes.map(|route| route.split(' ').next().unwrap_or_default()).collect()
    }
}

/// Values one behind the other.
pub fn listed(values: impl IntoIterator<Item = impl Display>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

/// The same for sets: in order, and each once.
pub fn set<T: Ord + Display>(values: impl IntoIterator<Item = T>) -> String {
    listed(values.into_iter().collect::<BTreeSet<T>>())
}

/// A path, with the codes of its segments' types.
pub fn path(segments: impl IntoIterator<Item = (u8, Vec<u32>)>) -> String {
    listed(segments.into_iter().map(|(kind, asns)| format!("{kind}({})", listed(asns))))
}
