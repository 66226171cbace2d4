//! Running a route through a chain of policies.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use super::as_path_regex::PathText;
use super::{Actions, Chain, CommunityActions, Disposition, Match, NextHopMode, Policy, SourceMatch};
use crate::attributes::{Community, PathAttributes};
use crate::route::{Route, SourceKind};

/// What the policies made of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is taken in, or told.
    Accept {
        /// Its attributes where the policies changed them, else `None`.
        attributes: Option<PathAttributes>,
        /// How to choose its next hop, if a statement says so.
        next_hop: Option<NextHopMode>,
        /// What decided that.
        decided_by: Decider,
    },
    /// It is not.
    Reject {
        /// What decided that.
        decided_by: Decider,
    },
}

/// What decided about a route, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A statement that ends the evaluation.
    Statement {
        /// Its policy.
        policy: Arc<Policy>,
        /// Its index in the policy.
        statement: usize,
    },
    /// No statement did: the chain's default.
    Default(Disposition),
}

/// Runs the route through the chain. Nothing is allocated for a route of which no attribute changes (if its AS path has
/// no more than some thirty numbers).
///
/// The AS path is matched as the route brings it, the communities as the statements before left them.
pub fn evaluate(chain: &Chain, route: &Route) -> Outcome {
    let mut evaluation = Evaluation { route, path_text: OnceCell::new(), changed: None, next_hop: None };
    for policy in &chain.policies {
        for (index, statement) in policy.statements.iter().enumerate() {
            if !evaluation.holds(&statement.matches) {
                continue;
            }
            evaluation.apply(&statement.actions);
            if let Some(disposition) = statement.actions.disposition {
                return evaluation
                    .finish(disposition, Decider::Statement { policy: Arc::clone(policy), statement: index });
            }
        }
    }
    evaluation.finish(chain.default, Decider::Default(chain.default))
}

struct Evaluation<'a> {
    route: &'a Route,
    /// The AS path as text, once a statement asks for it.
    path_text: OnceCell<PathText>,
    /// The attributes, once a statement changed them.
    changed: Option<PathAttributes>,
    next_hop: Option<NextHopMode>,
}

impl Evaluation<'_> {
    fn holds(&self, matches: &Match) -> bool {
        let Match { prefixes, as_path, source, communities } = matches;
        let carried = &self.attributes().communities;
        source.as_ref().is_none_or(|source| source.holds(&self.route.source.kind))
            && communities.as_ref().is_none_or(|wanted| wanted.iter().any(|community| carried.contains(community)))
            && prefixes.as_ref().is_none_or(|list| list.matches(self.route.prefix))
            && as_path.as_ref().is_none_or(|regex| {
                regex.is_match_text(self.path_text.get_or_init(|| PathText::of(&self.route.attributes.as_path)))
            })
    }

    fn attributes(&self) -> &PathAttributes {
        self.changed.as_ref().unwrap_or(&self.route.attributes)
    }

    /// The attributes to write to: a copy of the route's, from the first change on.
    fn edit(&mut self) -> &mut PathAttributes {
        let route = self.route;
        self.changed.get_or_insert_with(|| PathAttributes::clone(&route.attributes))
    }

    fn apply(&mut self, actions: &Actions) {
        // `disposition` is the caller's; a rejecting statement's changes are for nothing, but then nobody writes any.
        let Actions { next_hop, prepend, communities, local_pref, med, disposition: _ } = actions;
        self.next_hop = next_hop.or(self.next_hop);
        if let Some(prepend) = prepend.filter(|prepend| prepend.times > 0) {
            let asn = prepend.asn.unwrap_or(self.route.source.local_asn);
            self.edit().as_path.prepend(asn, usize::from(prepend.times));
        }
        if communities.would_change(&self.attributes().communities) {
            communities.apply(&mut self.edit().communities);
        }
        if local_pref.is_some() && *local_pref != self.attributes().local_pref {
            self.edit().local_pref = *local_pref;
        }
        if med.is_some() && *med != self.attributes().med {
            self.edit().med = *med;
        }
    }

    fn finish(self, disposition: Disposition, decided_by: Decider) -> Outcome {
        match disposition {
            Disposition::Accept => Outcome::Accept {
                // A later statement may have undone what an earlier one did.
                attributes: self.changed.filter(|changed| *changed != *self.route.attributes),
                next_hop: self.next_hop,
                decided_by,
            },
            Disposition::Reject => Outcome::Reject { decided_by },
        }
    }
}

impl SourceMatch {
    fn holds(&self, kind: &SourceKind) -> bool {
        match (self, kind) {
            (SourceMatch::Local, SourceKind::Local) => true,
            (SourceMatch::Peer(wanted), SourceKind::Peer { name, .. }) => wanted == name,
            (SourceMatch::Group(wanted), SourceKind::Peer { group, .. }) => Some(wanted) == group.as_ref(),
            (SourceMatch::Local, SourceKind::Peer { .. })
            | (SourceMatch::Peer(_) | SourceMatch::Group(_), SourceKind::Local) => false,
        }
    }
}

impl CommunityActions {
    /// Whether doing this to sorted communities may give others.
    fn would_change(&self, communities: &[Community]) -> bool {
        let same = |set: &Vec<Community>| {
            set.iter().all(|one| communities.contains(one)) && communities.iter().all(|one| set.contains(one))
        };
        self.set.as_ref().is_some_and(|set| !same(set))
            || self.remove.iter().any(|community| communities.contains(community))
            || self.add.iter().any(|community| !communities.contains(community))
    }

    /// Does it, and leaves them sorted and without repetitions.
    fn apply(&self, communities: &mut Vec<Community>) {
        if let Some(set) = &self.set {
            communities.clone_from(set);
        }
        communities.retain(|community| !self.remove.contains(community));
        communities.extend_from_slice(&self.add);
        communities.sort_unstable();
        communities.dedup();
    }
}

impl fmt::Display for Decider {
    /// The statement by its name, or by its place in the policy, the first being 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decider::Statement { policy, statement } => {
                write!(f, "policy {}, statement ", policy.name)?;
                match policy.statements.get(*statement).and_then(|statement| statement.name.as_deref()) {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", statement + 1),
                }
            }
            Decider::Default(Disposition::Accept) => f.write_str("no statement matched (default: accept)"),
            Decider::Default(Disposition::Reject) => f.write_str("no statement matched (default: reject, RFC 8212)"),
        }
    }
}
