//! The tables of policies and of the sets that they name.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{AsnText, Text};

/// `[[policy]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyTable {
    /// Its name.
    pub name: Text,
    /// `[[policy.statement]]`
    #[serde(default)]
    pub statement: Vec<Spanned<StatementTable>>,
}

/// `[[policy.statement]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StatementTable {
    /// Its name.
    pub name: Option<String>,
    /// Which routes it is about.
    #[serde(default)]
    pub r#match: MatchTable,
    /// What happens to them.
    pub then: Spanned<ThenTable>,
}

/// `[[prefix-set]]`, `[[as-path-set]]`, `[[community-set]]`, `[[next-hop-set]]`, `[[peer-set]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetTable {
    /// Its name.
    pub name: Text,
    /// What is in it.
    pub members: Spanned<Vec<Text>>,
}

/// `match = { … }`: everything given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MatchTable {
    /// `["10.0.0.0/8 ge 24 le 28", "set bogons"]`
    pub prefixes: Option<Spanned<OneOrMany<String>>>,
    /// Cisco-style expressions: any of them.
    pub as_path: Option<Spanned<OneOrMany<String>>>,
    /// How many hops the path has.
    pub as_path_length: Option<Spanned<NumberText>>,
    /// Who originated the route.
    pub origin_as: Option<Spanned<OneOrMany<AsnText>>>,
    /// Who told us.
    pub neighbour_as: Option<Spanned<OneOrMany<AsnText>>>,
    /// Who is in the path.
    pub contains_as: Option<Spanned<OneOrMany<AsnText>>>,
    /// Whether Only to Customer is there, or whose.
    pub only_to_customer: Option<Spanned<MarkValue>>,
    /// Where it comes from.
    pub source: Option<Spanned<OneOrMany<String>>>,
    /// Where it goes.
    pub to: Option<Spanned<OneOrMany<String>>>,
    /// `"ipv4-unicast"` or `"ipv6-unicast"`
    pub family: Option<Text>,
    /// Any of these.
    pub communities: Option<Spanned<OneOrMany<String>>>,
    /// Each of these.
    pub all_communities: Option<Spanned<OneOrMany<String>>>,
    /// None of these.
    pub no_communities: Option<Spanned<OneOrMany<String>>>,
    /// MED.
    pub med: Option<Spanned<NumberText>>,
    /// LOCAL_PREF.
    pub local_pref: Option<Spanned<NumberText>>,
    /// Any of `"igp"`, `"egp"`, `"incomplete"`.
    pub origin: Option<Spanned<OneOrMany<String>>>,
    /// Addresses and prefixes.
    pub next_hops: Option<Spanned<OneOrMany<String>>>,
    /// One of these must hold.
    pub any: Option<Spanned<Vec<MatchTable>>>,
    /// This must not hold.
    pub not: Option<Spanned<Box<MatchTable>>>,
}

/// `then = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThenTable {
    /// Whether the route is accepted (`true`) or rejected (`false`); without it the next statement goes on.
    pub accept: Option<bool>,
    /// Another policy, which decides if it accepts or rejects.
    pub call: Option<Text>,
    /// `"auto"`, `"self"`, `"keep"`, `"gateway"` or an address.
    pub next_hop: Option<Text>,
    /// Whether packets for a route with the community BLACKHOLE are dropped.
    pub honour_blackhole: Option<Spanned<bool>>,
    /// How often our AS is put in front of the path, or which AS how often.
    pub prepend: Option<Spanned<PrependValue>>,
    /// ASes that are taken out of the path.
    pub remove_as: Option<Spanned<OneOrMany<AsnText>>>,
    /// ASes in whose place our own stands.
    pub replace_as: Option<Spanned<OneOrMany<AsnText>>>,
    /// Communities to add.
    pub add_communities: Option<Vec<Text>>,
    /// Communities to remove.
    pub remove_communities: Option<Vec<Text>>,
    /// Communities that replace all others.
    pub set_communities: Option<Vec<Text>>,
    /// LOCAL_PREF.
    pub local_pref: Option<Spanned<ChangeValue>>,
    /// MED.
    pub med: Option<Spanned<ChangeValue>>,
    /// `"igp"`, `"egp"` or `"incomplete"`
    pub origin: Option<Text>,
}

/// `prepend = 2` or `prepend = { asn = 65100, times = 2 }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected how often our AS is prepended, from 1 to 255, or { asn = 65100, times = 2 } for another AS"
)]
pub enum PrependValue {
    /// Our own AS, this often.
    Times(u8),
    /// A given AS.
    Given {
        /// The AS, or `"neighbour"`.
        asn: AsnText,
        /// How often.
        times: u8,
    },
}

/// `200`, `{ add = 10 }`, `{ subtract = 10 }` or `"remove"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a number from 0 to 4294967295, { add = 10 }, { subtract = 10 } or, for med, \"remove\""
)]
pub enum ChangeValue {
    /// This.
    Set(u32),
    /// More.
    Add {
        /// By this.
        add: u32,
    },
    /// Less.
    Subtract {
        /// By this.
        subtract: u32,
    },
    /// `"remove"`.
    Word(String),
}

/// A number, or text with a range.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number such as 3, or text with a range such as \">= 3\" or \"3-5\"")]
pub enum NumberText {
    /// `3`
    Number(u32),
    /// `">= 3"`
    Text(String),
}

/// A list, or its only element without the brackets.
#[derive(Debug)]
pub enum OneOrMany<T> {
    /// The element; its place is that of the whole.
    One(T),
    /// The list.
    Many(Vec<Spanned<T>>),
}

impl<T> OneOrMany<T> {
    /// Every element with its place; `whole` is where all of it stands.
    pub fn each(&self, whole: Range<usize>) -> Vec<(Range<usize>, &T)> {
        match self {
            OneOrMany::One(one) => vec![(whole, one)],
            OneOrMany::Many(many) => many.iter().map(|one| (one.span(), one.get_ref())).collect(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrMany<T>, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes or a list of texts (AS numbers without quotes)")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
                T::deserialize(text.into_deserializer()).map(OneOrMany::One)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<OneOrMany<T>, E> {
                T::deserialize(number.into_deserializer()).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// `true`, `false`, or AS numbers.
#[derive(Debug)]
pub enum MarkValue {
    /// Whether there is a mark.
    There(bool),
    /// Who put it on.
    By(OneOrMany<AsnText>),
}

impl<'de> Deserialize<'de> for MarkValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MarkValue, D::Error> {
        struct Mark;
        impl<'de> Visitor<'de> for Mark {
            type Value = MarkValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, an AS number, or a list of AS numbers")
            }

            fn visit_bool<E: Error>(self, there: bool) -> Result<MarkValue, E> {
                Ok(MarkValue::There(there))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<MarkValue, E> {
                OneOrMany::deserialize(text.into_deserializer()).map(MarkValue::By)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<MarkValue, E> {
                OneOrMany::deserialize(number.into_deserializer()).map(MarkValue::By)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<MarkValue, A::Error> {
                OneOrMany::deserialize(SeqAccessDeserializer::new(seq)).map(MarkValue::By)
            }
        }
        deserializer.deserialize_any(Mark)
    }
}
