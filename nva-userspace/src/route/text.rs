//! A route in a line of text: to try policies on it, and to show it with all that policies see of it.
//!
//! The prefix stands first. Behind it stand words with their values, in any order, each at most once but for the lists.
//! A value with spaces in it stands in quotes.
//!
//! | word | value |
//! |---|---|
//! | `path` | the AS path as it is shown, `"65101 {65102,65103}"`; `""`, or no `path`, for the empty one |
//! | `next-hop` | an address of the prefix' family |
//! | `origin` | `igp`, which it is without the word, `egp` or `incomplete` |
//! | `med`, `local-pref` | a number |
//! | `community`, `large`, `extended` | communities: repeat the word, or give a list in quotes |
//! | `aggregator` | an AS and an address, `65101:192.0.2.1` |
//! | `only-to-customer` | an AS (RFC 9234) |
//! | `originator-id`, `cluster-list` | four octets; a list of them |
//! | `attribute` | one that nva does not know: its type and its octets, `99:0a0b`; a list |
//! | `atomic-aggregate` | none |
//! | `peer` | who announced it, by name |
//! | `local`, `aggregate`, `redistributed` | none: we originate it, for itself, for longer prefixes, or as our kernel has it |
//!
//! Not in it: the Partial bits (RFC 4271 §5), which no policy asks for.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::attributes::{Aggregator, Origin, PathAttributes, Reflection, UnknownAttribute};
use crate::net::{self, AfiSafi, Prefix, PrefixError};

/// A route as text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteText {
    /// Where it leads.
    pub prefix: Prefix,
    /// Through whom, if that is said.
    pub next_hop: Option<IpAddr>,
    /// All other attributes.
    pub attributes: PathAttributes,
    /// Who told us, if that is said.
    pub from: Option<Teller>,
}

/// Who told us of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Teller {
    /// Nobody: we originate it.
    Ourselves,
    /// Nobody: we originate it for longer prefixes.
    Aggregate,
    /// Nobody: we originate it, as it is in our kernel.
    Redistributed,
    /// The peer of this name.
    Peer(String),
}

/// Text that is not a route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct RouteTextError {
    /// Where, in characters, the first being 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: RouteTextProblem,
}

/// What is wrong with the text of a route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteTextProblem {
    /// There is nothing.
    #[error("there is no route: write its prefix first, such as 10.0.0.0/24")]
    Empty,
    /// It does not begin with a prefix.
    #[error("a route begins with its prefix: {0}")]
    Prefix(#[from] PrefixError),
    /// A word that means nothing here.
    #[error("{0:?} is no word of a route: {words}", words = WORDS.join(", "))]
    UnknownWord(String),
    /// A word without its value.
    #[error("`{0}` needs a value behind it")]
    NoValue(&'static str),
    /// A word for the second time.
    #[error("a second `{0}`")]
    Twice(&'static str),
    /// A quote that is not closed.
    #[error("this quote is never closed")]
    Unclosed,
    /// A value that the word cannot have.
    #[error("`{word}`: {error}")]
    Value {
        /// The word.
        word: &'static str,
        /// What is wrong with the value.
        error: String,
    },
    /// A next hop of the other family.
    #[error("an {family} route cannot have the next hop {next_hop}")]
    Family {
        /// The prefix' family.
        family: AfiSafi,
        /// The next hop.
        next_hop: IpAddr,
    },
    /// Somebody else's route that is ours.
    #[error("`{words}` say that we originate the route: it has one of them, no `peer` and no `next-hop`", words = OURS.join("`, `"))]
    Local,
}

/// The words for a route that we originate.
const OURS: [&str; 3] = ["local", "aggregate", "redistributed"];

/// The words, in the order in which they are shown.
const WORDS: [&str; 18] = [
    "path",
    "next-hop",
    "origin",
    "med",
    "local-pref",
    "community",
    "large",
    "extended",
    "atomic-aggregate",
    "aggregator",
    "only-to-customer",
    "originator-id",
    "cluster-list",
    "attribute",
    "peer",
    "local",
    "aggregate",
    "redistributed",
];

impl RouteText {
    /// The attributes as words and values; `path` and `origin` are always there.
    pub fn words(attributes: &PathAttributes) -> Vec<(&'static str, String)> {
        let PathAttributes {
            origin,
            as_path,
            // How AS_PATH and AS4_PATH came together; no policy asks for it.
            lost_as_sets: _,
            med,
            local_pref,
            atomic_aggregate,
            aggregator,
            communities,
            reflection,
            extended_communities,
            large_communities,
            only_to_customer,
            partial: _,
            unknown,
        } = attributes;
        let reflection = reflection.as_deref();
        let unknown: Vec<String> = unknown.iter().map(octets_as_text).collect();
        let cluster_list = reflection.map(|reflection| list(&reflection.cluster_list)).unwrap_or_default();
        let optional = [
            ("med", med.map(|med| med.to_string())),
            ("local-pref", local_pref.map(|local_pref| local_pref.to_string())),
            ("community", some(list(communities))),
            ("large", some(list(large_communities))),
            ("extended", some(list(extended_communities))),
            ("atomic-aggregate", atomic_aggregate.then(String::new)),
            ("aggregator", aggregator.map(|aggregator| format!("{}:{}", aggregator.asn, aggregator.router_id))),
            ("only-to-customer", only_to_customer.map(|asn| asn.to_string())),
            ("originator-id", reflection.and_then(|reflection| Some(reflection.originator_id?.to_string()))),
            ("cluster-list", some(cluster_list)),
            ("attribute", some(list(&unknown))),
        ];
        let always = [("path", as_path.to_string()), ("origin", origin.to_string())];
        let optional = optional.into_iter().filter_map(|(word, value)| Some((word, value?)));
        always.into_iter().chain(optional).collect()
    }
}

fn list<T: Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn octets_as_text(attribute: &UnknownAttribute) -> String {
    let octets: String = attribute.value.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{}:{octets}", attribute.kind)
}

impl Display for RouteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.prefix)?;
        for (word, value) in RouteText::words(&self.attributes) {
            let is_usual = word == "path" && value.is_empty() || word == "origin" && value == "igp";
            match word {
                _ if is_usual => {}
                "atomic-aggregate" => write!(f, " {word}")?,
                _ => write!(f, " {word} {}", quoted(&value))?,
            }
            if let Some(next_hop) = self.next_hop.filter(|_| word == "path") {
                write!(f, " next-hop {next_hop}")?;
            }
        }
        match &self.from {
            None => Ok(()),
            Some(Teller::Ourselves) => f.write_str(" local"),
            Some(Teller::Aggregate) => f.write_str(" aggregate"),
            Some(Teller::Redistributed) => f.write_str(" redistributed"),
            Some(Teller::Peer(name)) => write!(f, " peer {}", quoted(name)),
        }
    }
}

/// The value, in quotes if it could not be read back without.
fn quoted(value: &str) -> String {
    let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || QUOTES.contains(&c));
    let quote = if value.contains('"') { '\'' } else { '"' };
    if plain { value.to_owned() } else { format!("{quote}{value}{quote}") }
}

const QUOTES: [char; 2] = ['"', '\''];

/// A word or a value, and where it stands.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    column: usize,
}

impl Token<'_> {
    fn error(self, problem: RouteTextProblem) -> RouteTextError {
        RouteTextError { column: self.column, problem }
    }
}

/// Cuts the text at its spaces, but for those in quotes.
fn tokens(text: &str) -> Result<Vec<Token<'_>>, RouteTextError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let before = text.get(..text.len() - rest.len()).unwrap_or_default();
        let column = before.chars().count() + 1;
        let (token, after) = match rest.strip_prefix(QUOTES) {
            Some(quoted) => {
                quoted.split_once(first).ok_or(RouteTextError { column, problem: RouteTextProblem::Unclosed })?
            }
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        tokens.push(Token { text: token, column });
        rest = after.trim_start();
    }
    Ok(tokens)
}

impl FromStr for RouteText {
    type Err = RouteTextError;

    fn from_str(text: &str) -> Result<RouteText, RouteTextError> {
        let mut tokens = tokens(text)?.into_iter();
        let first = tokens.next().ok_or(RouteTextError { column: 1, problem: RouteTextProblem::Empty })?;
        let prefix: Prefix = first.text.parse().map_err(|error: PrefixError| first.error(error.into()))?;
        let route = RouteText { prefix, next_hop: None, attributes: PathAttributes::default(), from: None };
        let mut reading = Reading { route, seen: Vec::new() };
        while let Some(token) = tokens.next() {
            reading.word(token, &mut tokens)?;
        }
        Ok(reading.finish())
    }
}

struct Reading {
    route: RouteText,
    /// The words so far.
    seen: Vec<&'static str>,
}

impl Reading {
    fn word<'a>(&mut self, token: Token<'a>, rest: &mut impl Iterator<Item = Token<'a>>) -> Result<(), RouteTextError> {
        let word = *WORDS
            .iter()
            .find(|word| **word == token.text)
            .ok_or_else(|| token.error(RouteTextProblem::UnknownWord(token.text.to_owned())))?;
        let is_list = matches!(word, "community" | "large" | "extended" | "attribute");
        if self.seen.contains(&word) && !is_list {
            return Err(token.error(RouteTextProblem::Twice(word)));
        }
        self.seen.push(word);
        match word {
            "atomic-aggregate" => self.route.attributes.atomic_aggregate = true,
            "local" => self.route.from = Some(Teller::Ourselves),
            "aggregate" => self.route.from = Some(Teller::Aggregate),
            "redistributed" => self.route.from = Some(Teller::Redistributed),
            word => {
                let value = rest.next().ok_or_else(|| token.error(RouteTextProblem::NoValue(word)))?;
                self.value(word, value)?;
            }
        }
        let ours = OURS.iter().filter(|teller| self.seen.contains(teller)).count();
        let is_theirs = self.seen.contains(&"peer") || self.route.next_hop.is_some();
        if ours > 1 || ours == 1 && is_theirs {
            return Err(token.error(RouteTextProblem::Local));
        }
        Ok(())
    }

    fn value(&mut self, word: &'static str, value: Token<'_>) -> Result<(), RouteTextError> {
        let attributes = &mut self.route.attributes;
        let text = value.text;
        let result = match word {
            "path" => one(text).map(|path| attributes.as_path = path),
            "next-hop" => match text.parse::<IpAddr>() {
                Ok(next_hop) if AfiSafi::of(next_hop) != self.route.prefix.family() => {
                    let family = self.route.prefix.family();
                    return Err(value.error(RouteTextProblem::Family { family, next_hop }));
                }
                Ok(next_hop) => {
                    self.route.next_hop = Some(next_hop);
                    Ok(())
                }
                Err(_) => Err(format!("{text:?} is not an address")),
            },
            "origin" => one::<Origin>(text).map(|origin| attributes.origin = origin),
            "med" => number(text).map(|med| attributes.med = Some(med)),
            "local-pref" => number(text).map(|local_pref| attributes.local_pref = Some(local_pref)),
            "community" => add(text, &mut attributes.communities),
            "large" => add(text, &mut attributes.large_communities),
            "extended" => add(text, &mut attributes.extended_communities),
            "aggregator" => aggregator(text).map(|aggregator| attributes.aggregator = Some(aggregator)),
            "only-to-customer" => one(text).map(|asn| attributes.only_to_customer = Some(asn)),
            "originator-id" => one(text).map(|id| reflection(attributes).originator_id = Some(id)),
            "cluster-list" => text
                .split_whitespace()
                .map(one)
                .collect::<Result<_, _>>()
                .map(|clusters| reflection(attributes).cluster_list = clusters),
            "attribute" => text.split_whitespace().try_for_each(|one| {
                attributes.unknown.push(unknown(one)?);
                Ok(())
            }),
            _ => {
                self.route.from = Some(Teller::Peer(text.to_owned()));
                Ok(())
            }
        };
        result.map_err(|error| value.error(RouteTextProblem::Value { word, error }))
    }

    fn finish(mut self) -> RouteText {
        self.route.attributes.unknown.sort_by_key(|unknown| unknown.kind);
        self.route
    }
}

fn reflection(attributes: &mut PathAttributes) -> &mut Reflection {
    attributes.reflection.get_or_insert_default()
}

fn one<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn number(text: &str) -> Result<u32, String> {
    net::number(text).ok_or_else(|| format!("{text:?} is not a number from 0 to 4294967295"))
}

/// Adds communities, which stay sorted and without repetitions.
fn add<T: FromStr<Err: Display> + Ord>(text: &str, to: &mut Vec<T>) -> Result<(), String> {
    for word in text.split_whitespace() {
        to.push(one(word)?);
    }
    to.sort_unstable();
    to.dedup();
    Ok(())
}

fn aggregator(text: &str) -> Result<Aggregator, String> {
    let parsed = text
        .split_once(':')
        .and_then(|(asn, router_id)| Some(Aggregator { asn: asn.parse().ok()?, router_id: router_id.parse().ok()? }));
    parsed.ok_or_else(|| format!("{text:?} is not an AS and an IPv4 address such as 65101:192.0.2.1"))
}

fn unknown(text: &str) -> Result<UnknownAttribute, String> {
    let parsed = text.split_once(':').and_then(|(kind, octets)| {
        let value = octets.as_bytes().chunks(2).map(|pair| {
            let digits =
                std::str::from_utf8(pair).ok().filter(|digits| digits.len() == 2 && !digits.starts_with('+'))?;
            u8::from_str_radix(digits, 16).ok()
        });
        Some(UnknownAttribute { kind: number(kind).ok()?.try_into().ok()?, value: value.collect::<Option<_>>()? })
    });
    parsed.ok_or_else(|| format!("{text:?} is not an attribute's type and its octets such as 99:0a0b"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "10.0.0.0/24",
            "0.0.0.0/0 path 65101 next-hop 10.13.76.100",
            "10.0.0.0/24 path \"65101 {1,2} 3\" next-hop 192.0.2.1 origin egp med 0 local-pref 4294967295",
            "10.0.0.0/24 community \"65000:1 no-export\" large 1:2:3 extended \"rt:1:2 0x030b000000000064\"",
            "10.0.0.0/24 atomic-aggregate aggregator 4200000000:192.0.2.1 only-to-customer 65101",
            "10.0.0.0/24 originator-id 192.0.2.1 cluster-list \"192.0.2.2 192.0.2.3\"",
            "10.0.0.0/24 attribute \"35:0000fde8 99:\"",
            "2001:db8::/32 path 1 next-hop 2001:db8::1 origin incomplete peer nva0",
            "10.0.0.0/24 peer \"two words\"",
            "10.0.0.0/24 peer 'a \"quote\"'",
            "10.0.0.0/24 local",
            "10.0.0.0/24 aggregate",
            "10.0.0.0/24 redistributed",
        ] {
            assert_eq!(text.parse::<RouteText>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn several_ways_of_writing_one_thing() {
        let parse = |text: &str| text.parse::<RouteText>().unwrap_or_else(|error| panic!("{text}: {error}"));
        for (one, other) in [
            ("10.0.0.0/8 path ''", "10.0.0.0/8"),
            ("  10.0.0.0/8\tmed  5 ", "10.0.0.0/8 med 5"),
            ("10.0.0.0/8 med 5 path 1", "10.0.0.0/8 path 1 med 5"),
            ("10.0.0.0/8 community 1:2 community 1:1", "10.0.0.0/8 community '1:1 1:2 1:1'"),
            ("10.0.0.0/8 origin igp", "10.0.0.0/8"),
            ("10.0.0.0/8 attribute 99:FF attribute 98:", "10.0.0.0/8 attribute '98: 99:ff'"),
        ] {
            assert_eq!(parse(one), parse(other), "{one}");
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, error) in [
            ("", "column 1: there is no route: write its prefix first, such as 10.0.0.0/24"),
            ("path 1", "column 1: a route begins with its prefix: \"path\" is not a prefix"),
            (
                "10.0.0.1/8",
                "column 1: a route begins with its prefix: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?",
            ),
            ("10.0.0.0/8 as-path 1", "column 12: \"as-path\" is no word of a route: path, next-hop, "),
            ("10.0.0.0/8 path 1 65102", "column 19: \"65102\" is no word of a route"),
            ("10.0.0.0/8 med", "column 12: `med` needs a value behind it"),
            ("10.0.0.0/8 med 1 med 2", "column 18: a second `med`"),
            ("10.0.0.0/8 path \"1 2", "column 17: this quote is never closed"),
            ("10.0.0.0/8 path x", "column 17: `path`: \"x\" is not an AS path"),
            ("10.0.0.0/8 med -1", "column 16: `med`: \"-1\" is not a number from 0 to 4294967295"),
            ("10.0.0.0/8 local-pref +1", "column 23: `local-pref`: \"+1\" is not a number"),
            ("10.0.0.0/8 next-hop here", "column 21: `next-hop`: \"here\" is not an address"),
            ("10.0.0.0/8 next-hop ::1", "column 21: an ipv4-unicast route cannot have the next hop ::1"),
            ("10.0.0.0/8 origin x", "column 19: `origin`: \"x\" is not an origin"),
            ("10.0.0.0/8 community 1:2:3", "column 22: `community`: \"1:2:3\" is not a community"),
            ("10.0.0.0/8 large 1:2", "column 18: `large`: \"1:2\" is not a large community"),
            ("10.0.0.0/8 extended rt:1", "column 21: `extended`: \"rt:1\" is not an extended community"),
            ("10.0.0.0/8 aggregator 1", "column 23: `aggregator`: \"1\" is not an AS and an IPv4 address"),
            ("10.0.0.0/8 originator-id 1", "column 26: `originator-id`: "),
            ("10.0.0.0/8 cluster-list '1.1.1.1 x'", "column 25: `cluster-list`: "),
            ("10.0.0.0/8 attribute 99:abc", "column 22: `attribute`: \"99:abc\" is not an attribute's type"),
            ("10.0.0.0/8 attribute 256:", "column 22: `attribute`: "),
            ("é10.0.0.0/8 med", "column 1: "),
            ("10.0.0.0/8 peer é med x", "column 23: `med`: "),
            (
                "10.0.0.0/8 local next-hop 1.1.1.1",
                "column 18: `local`, `aggregate`, `redistributed` say that we originate",
            ),
            (
                "10.0.0.0/8 redistributed local",
                "column 26: `local`, `aggregate`, `redistributed` say that we originate",
            ),
            (
                "10.0.0.0/8 peer a redistributed",
                "column 19: `local`, `aggregate`, `redistributed` say that we originate",
            ),
            ("10.0.0.0/8 aggregate local", "column 22: `local`, `aggregate`"),
            ("10.0.0.0/8 peer a local", "column 19: `local`, `aggregate`"),
        ] {
            let found = text.parse::<RouteText>().expect_err(text).to_string();
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_can_be_read_again(text in "(10\\.0\\.0\\.0/8|::/0)( (path|med|peer|community|large|attribute|local|next-hop) [\"']?[0-9:. {}a-f]{0,8}[\"']?){0,4}") {
            if let Ok(route) = text.parse::<RouteText>() {
                let shown = route.to_string();
                let again = shown.parse::<RouteText>();
                prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(shown.clone()), "{}", text);
            }
        }
    }
}
