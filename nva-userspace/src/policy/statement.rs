//! What policies are made of: statements with conditions and actions.

use std::fmt;
use std::sync::Arc;

use super::{
    AsPathRegex, AsnSet, Communities, CommunityMatch, NextHopMode, NumberRange, PeerMatch, PrefixList, Quantifier,
};
use crate::attributes::Origin;
use crate::net::{AfiSafi, Asn, Prefix};

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

/// Conditions on a route, tried in order until one does not hold. If there is none, every route matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match(pub Vec<Condition>);

/// A condition on a route.
///
/// Those on the AS path and the next hop look at what the route came with: before our own AS is put in front, and whatever
/// statements before this one did. All others see what these statements did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is from one of these.
    Source(Vec<PeerMatch>),
    /// It goes to one of these; nothing goes anywhere on its way in.
    To(Vec<PeerMatch>),
    /// It is of this family.
    Family(AfiSafi),
    /// Its ORIGIN is one of these.
    Origin(Vec<Origin>),
    /// Its LOCAL_PREF, 100 if it has none.
    LocalPref(NumberRange),
    /// Its MULTI_EXIT_DISC; does not hold if it has none.
    Med(NumberRange),
    /// The length of its AS path, as the decision process counts it.
    PathLength(NumberRange),
    /// The AS that originated it; does not hold if the path does not tell.
    OriginAs(AsnSet),
    /// The AS that it was learned from; does not hold if the path does not tell.
    NeighbourAs(AsnSet),
    /// One of these is anywhere in its path.
    ContainsAs(AsnSet),
    /// Its Only to Customer attribute is such.
    OnlyToCustomer(MarkMatch),
    /// Its prefix is in one of these lists.
    Prefix(Vec<Arc<PrefixList>>),
    /// Its next hop is in one of these; does not hold for what we originate.
    NextHop(Vec<Prefix>),
    /// So many of these communities are there.
    Communities(Quantifier, Vec<CommunityMatch>),
    /// One of these is found in its AS path.
    AsPath(Vec<AsPathRegex>),
    /// One of these holds.
    Any(Vec<Match>),
    /// This does not hold.
    Not(Match),
}

/// What the Only to Customer attribute of a route may be (RFC 9234 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MarkMatch {
    /// It is not there.
    Absent,
    /// It is there, whoever put it on.
    Present,
    /// One of these ASes put it on.
    By(AsnSet),
}

/// What a statement does with a route that meets its conditions, in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// How the next hop is chosen; of several statements the last one decides.
    pub next_hop: Option<NextHopMode>,
    /// Packets for a route with the community BLACKHOLE are dropped (RFC 7999 §3.3).
    pub honour_blackhole: bool,
    /// Takes these out of the AS path.
    pub remove_as: AsnSet,
    /// Puts our own AS in the place of these.
    pub replace_as: AsnSet,
    /// Puts an AS in front of the AS path, besides our own AS that every route to an external peer gets anyhow.
    pub prepend: Option<Prepend>,
    /// Changes to the communities.
    pub communities: CommunityActions,
    /// What becomes of LOCAL_PREF, which is 100 if there is none.
    pub local_pref: Option<NumberChange>,
    /// What becomes of MULTI_EXIT_DISC, which is 0 if there is none.
    pub med: Option<NumberChange>,
    /// The new ORIGIN.
    pub origin: Option<Origin>,
    /// Runs this policy; if it accepts or rejects the route, that decides.
    pub call: Option<Arc<Policy>>,
    /// Ends the evaluation; `None` goes on with the next statement.
    pub disposition: Option<Disposition>,
}

/// Puts an AS in front of the AS path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prepend {
    /// Which AS.
    pub asn: PrependAs,
    /// How many times.
    pub times: u8,
}

/// The AS that is put in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrependAs {
    /// Our own.
    Own,
    /// This one.
    Given(Asn),
    /// The one that the route was learned from, once more; nothing if the path does not tell.
    Neighbour,
}

/// Changes to the communities of a route, of all three kinds, done in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommunityActions {
    /// Replaces all of every kind by these.
    pub set: Option<Communities>,
    /// Takes these away.
    pub remove: Vec<CommunityMatch>,
    /// Adds these.
    pub add: Communities,
}

/// A change of a number; it ends at 0 and at 4294967295.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberChange {
    /// This, whatever it was.
    Set(u32),
    /// More by this.
    Add(u32),
    /// Less by this.
    Subtract(u32),
    /// None any more.
    Remove,
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

impl Policy {
    /// How a statement is called: by its name, or by its place, the first being 1.
    pub fn statement_name(&self, index: usize) -> String {
        let name = self.statements.get(index).and_then(|statement| statement.name.clone());
        name.unwrap_or_else(|| (index + 1).to_string())
    }

    /// The first that is found in a statement, of it or of a policy that it calls.
    pub fn find_in_statements<T>(&self, find: &impl Fn(&Statement) -> Option<T>) -> Option<T> {
        self.statements
            .iter()
            .find_map(|statement| find(statement).or_else(|| statement.actions.call.as_ref()?.find_in_statements(find)))
    }
}

impl Match {
    /// Whether it names the prefixes that it is about.
    pub fn names_prefixes(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Any(several) => several.iter().all(Match::names_prefixes),
            other => matches!(other, Condition::Prefix(_)),
        })
    }

    /// Whether there is a condition on where the route goes, which makes sense on its way out alone.
    pub fn asks_where_to(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Any(several) => several.iter().any(Match::asks_where_to),
            Condition::Not(inner) => inner.asks_where_to(),
            other => matches!(other, Condition::To(_)),
        })
    }
}

impl MarkMatch {
    /// Whether it holds for a route that this AS marked, or nobody.
    pub fn holds(&self, marked_by: Option<Asn>) -> bool {
        match self {
            MarkMatch::Absent => marked_by.is_none(),
            MarkMatch::Present => marked_by.is_some(),
            MarkMatch::By(asns) => marked_by.is_some_and(|asn| asns.contains(asn)),
        }
    }
}

impl NumberChange {
    /// What becomes of the number, which counts as `default` if there is none.
    pub fn applied(self, number: Option<u32>, default: u32) -> Option<u32> {
        match self {
            NumberChange::Set(new) => Some(new),
            NumberChange::Add(more) => Some(number.unwrap_or(default).saturating_add(more)),
            NumberChange::Subtract(less) => Some(number.unwrap_or(default).saturating_sub(less)),
            NumberChange::Remove => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_peers_are_denied_by_default() {
        assert_eq!(Disposition::default_for(true), Disposition::Reject);
        assert_eq!(Disposition::default_for(false), Disposition::Accept);
    }

    #[test]
    fn numbers_do_not_run_over() {
        for (change, number, result) in [
            (NumberChange::Set(7), None, Some(7)),
            (NumberChange::Add(50), Some(100), Some(150)),
            (NumberChange::Add(50), None, Some(150)),
            (NumberChange::Add(u32::MAX), Some(1), Some(u32::MAX)),
            (NumberChange::Subtract(30), None, Some(70)),
            (NumberChange::Subtract(101), Some(100), Some(0)),
            (NumberChange::Remove, Some(1), None),
        ] {
            assert_eq!(change.applied(number, 100), result, "{change:?} of {number:?}");
        }
    }
}
