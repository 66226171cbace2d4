//! What policies are made of: statements with conditions and actions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::{AsPathRegex, NextHopMode, PrefixList};
use crate::attributes::Community;
use crate::net::Asn;

/// A named list of statements, tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the configuration.
    pub name: String,
    /// The statements.
    pub statements: Vec<Statement>,
}

/// If the conditions hold, the actions are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// A name to show; without one it is shown by its number.
    pub name: Option<String>,
    /// The conditions.
    pub matches: Match,
    /// The actions.
    pub actions: Actions,
}

/// Conditions on a route. All that are given must hold; if none is given, every route matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The prefix is in the list.
    pub prefixes: Option<PrefixList>,
    /// The expression is found in the AS path that the route came with: before our own AS is put in front, and
    /// whatever statements before this one put in front.
    pub as_path: Option<AsPathRegex>,
    /// The route is from there.
    pub source: Option<SourceMatch>,
    /// The route carries at least one of these, after what statements before this one did to its communities.
    pub communities: Option<Vec<Community>>,
}

/// A condition on where a route came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceMatch {
    /// Originated here.
    Local,
    /// Learned from the peer of this name.
    Peer(String),
    /// Learned from a peer in the group of this name.
    Group(String),
}

/// What a statement does with a route that meets its conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// How the next hop is chosen; of several statements the last one decides.
    pub next_hop: Option<NextHopMode>,
    /// Puts an AS in front of the AS path, besides our own AS that every route to an external peer gets anyhow.
    pub prepend: Option<Prepend>,
    /// Changes to the communities.
    pub communities: CommunityActions,
    /// The new LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// The new MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Ends the evaluation; `None` goes on with the next statement.
    pub disposition: Option<Disposition>,
}

/// Puts an AS in front of the AS path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prepend {
    /// Which AS; `None` is our own.
    pub asn: Option<Asn>,
    /// How many times.
    pub times: u8,
}

/// Changes to the communities of a route, done in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommunityActions {
    /// Replaces all of them by these.
    pub set: Option<Vec<Community>>,
    /// Takes these away.
    pub remove: Vec<Community>,
    /// Adds these.
    pub add: Vec<Community>,
}

/// The end of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The route is taken in, or told.
    Accept,
    /// It is not.
    Reject,
}

/// Policies in a row, and what happens to a route that none of them accepts or rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The policies, tried in order.
    pub policies: Vec<Arc<Policy>>,
    /// What happens in the end.
    pub default: Disposition,
}

impl Disposition {
    /// What happens to routes from and to a peer for which nothing is configured: an external peer neither gives nor
    /// gets any (RFC 8212).
    pub fn default_for(external: bool) -> Disposition {
        if external { Disposition::Reject } else { Disposition::Accept }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Disposition::Accept => "accept",
            Disposition::Reject => "reject",
        })
    }
}

/// Text that is not a source condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a source: write `local`, `peer NAME` or `group NAME`")]
pub struct SourceMatchError {
    text: String,
}

impl FromStr for SourceMatch {
    type Err = SourceMatchError;

    fn from_str(text: &str) -> Result<SourceMatch, SourceMatchError> {
        match text.split_once(' ').map(|(kind, name)| (kind, name.trim())) {
            None if text == "local" => Ok(SourceMatch::Local),
            Some(("peer", name)) if !name.is_empty() => Ok(SourceMatch::Peer(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(SourceMatch::Group(name.to_owned())),
            None | Some(_) => Err(SourceMatchError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for SourceMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceMatch::Local => f.write_str("local"),
            SourceMatch::Peer(name) => write!(f, "peer {name}"),
            SourceMatch::Group(name) => write!(f, "group {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_as_text() {
        for text in ["local", "peer rs0", "group leaves", "group two words"] {
            assert_eq!(text.parse::<SourceMatch>().expect(text).to_string(), text);
        }
        for bad in ["", "peer", "peer ", "Local", "local x", "neighbour a"] {
            assert!(bad.parse::<SourceMatch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn external_peers_are_denied_by_default() {
        assert_eq!(Disposition::default_for(true), Disposition::Reject);
        assert_eq!(Disposition::default_for(false), Disposition::Accept);
    }
}
