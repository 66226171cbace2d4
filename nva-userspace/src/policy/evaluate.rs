//! Running a route through a chain of policies.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use super::as_path_regex::PathText;
use super::{Actions, Chain, Condition, Disposition, Match, NextHopMode, Party, Policy};
use crate::attributes::{DEFAULT_LOCAL_PREF, PathAttributes};
use crate::route::{NextHop, Route};

/// What the policies made of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is taken in, or told.
    Accept {
        /// Its attributes where the policies changed them, else `None`.
        attributes: Option<PathAttributes>,
        /// How to choose its next hop, if a statement says so.
        next_hop: Option<NextHopMode>,
        /// A statement permits BLACKHOLE (RFC 7999): if the route has it, its packets are dropped.
        honour_blackhole: bool,
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

/// Runs the route through the chain; `to` is the peer it goes to on its way out. Nothing is allocated for a route of
/// which no attribute changes (if its AS path has no more than some thirty numbers).
///
/// Statements see the MED that a route came with. To an external peer it does not go (RFC 4271 §5.1.4) but for one that
/// a statement sets or changes.
///
/// What conditions see, and the order in which a statement's changes are done: [`super::Condition`], [`Actions`].
pub fn evaluate(chain: &Chain, route: &Route, to: Option<Party<'_>>) -> Outcome {
    let mut evaluation = Evaluation::new(route, to);
    let (disposition, decided_by) = evaluation.run_all(chain);
    evaluation.finish(disposition, decided_by)
}

/// The same, and what happened on the way.
pub fn trace(chain: &Chain, route: &Route, to: Option<Party<'_>>) -> (Outcome, Vec<Step>) {
    let mut evaluation = Evaluation { steps: Some(Vec::new()), ..Evaluation::new(route, to) };
    let (disposition, decided_by) = evaluation.run_all(chain);
    let steps = evaluation.steps.take().unwrap_or_default();
    (evaluation.finish(disposition, decided_by), steps)
}

/// A statement that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its index in the policy.
    pub statement: usize,
    /// By how many statements the policy was called, each by the one before it.
    pub depth: usize,
    /// The attributes as it left them, before any policy that it calls.
    pub attributes: PathAttributes,
}

struct Evaluation<'a> {
    route: &'a Route,
    to: Option<Party<'a>>,
    /// The AS path as text, once a statement asks for it.
    path_text: OnceCell<PathText>,
    /// The attributes, once a statement changed them.
    changed: Option<PathAttributes>,
    next_hop: Option<NextHopMode>,
    honour_blackhole: bool,
    /// Whether a statement said what becomes of the MED.
    sets_med: bool,
    /// How many statements are calling.
    depth: usize,
    /// What happened, if that is asked for.
    steps: Option<Vec<Step>>,
}

impl<'a> Evaluation<'a> {
    fn new(route: &'a Route, to: Option<Party<'a>>) -> Evaluation<'a> {
        Evaluation {
            route,
            to,
            path_text: OnceCell::new(),
            changed: None,
            next_hop: None,
            honour_blackhole: false,
            sets_med: false,
            depth: 0,
            steps: None,
        }
    }

    fn run_all(&mut self, chain: &Chain) -> (Disposition, Decider) {
        let decision = chain.policies.iter().find_map(|policy| self.run(policy));
        decision.unwrap_or((chain.default, Decider::Default(chain.default)))
    }

    /// What the policy decides, if it does.
    fn run(&mut self, policy: &Arc<Policy>) -> Option<(Disposition, Decider)> {
        for (index, statement) in policy.statements.iter().enumerate() {
            if !self.holds(&statement.matches) {
                continue;
            }
            let actions = &statement.actions;
            self.apply(actions);
            self.note(policy, index);
            if let Some(decision) = actions.call.as_ref().and_then(|called| self.call(called)) {
                return Some(decision);
            }
            if let Some(disposition) = actions.disposition {
                return Some((disposition, Decider::Statement { policy: Arc::clone(policy), statement: index }));
            }
        }
        None
    }

    fn call(&mut self, called: &Arc<Policy>) -> Option<(Disposition, Decider)> {
        self.depth += 1;
        let decision = self.run(called);
        self.depth -= 1;
        decision
    }

    fn note(&mut self, policy: &Arc<Policy>, statement: usize) {
        if let Some(mut steps) = self.steps.take() {
            let attributes = self.attributes().clone();
            steps.push(Step { policy: Arc::clone(policy), statement, depth: self.depth, attributes });
            self.steps = Some(steps);
        }
    }

    fn holds(&self, matches: &Match) -> bool {
        matches.0.iter().all(|condition| self.meets(condition))
    }

    fn meets(&self, condition: &Condition) -> bool {
        let route = self.route;
        let (path, attributes) = (&route.attributes.as_path, self.attributes());
        match condition {
            Condition::Source(peers) => peers.iter().any(|peer| peer.holds_for(&route.source)),
            Condition::To(peers) => self.to.is_some_and(|to| peers.iter().any(|peer| peer.holds(Some(to)))),
            Condition::Family(family) => route.prefix.family() == *family,
            Condition::Origin(origins) => origins.contains(&attributes.origin),
            Condition::LocalPref(range) => range.contains(attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF)),
            Condition::Med(range) => attributes.med.is_some_and(|med| range.contains(med)),
            Condition::PathLength(range) => range.contains(u32::try_from(path.hop_count()).unwrap_or(u32::MAX)),
            Condition::OriginAs(asns) => path.origin_as().is_some_and(|asn| asns.contains(asn)),
            Condition::NeighbourAs(asns) => path.neighbour_as().is_some_and(|asn| asns.contains(asn)),
            Condition::ContainsAs(asns) => path.asns().any(|asn| asns.contains(asn)),
            Condition::OnlyToCustomer(mark) => mark.holds(attributes.only_to_customer),
            Condition::Prefix(lists) => lists.iter().any(|list| list.matches(route.prefix)),
            Condition::NextHop(prefixes) => match route.next_hop {
                NextHop::Own => false,
                NextHop::Via(address) | NextHop::Discard(address) => {
                    prefixes.iter().any(|prefix| prefix.contains(address))
                }
            },
            Condition::Communities(quantifier, list) => quantifier.holds(list, attributes),
            Condition::AsPath(expressions) => {
                let text = self.path_text.get_or_init(|| PathText::of(path));
                expressions.iter().any(|expression| expression.is_match_text(text))
            }
            Condition::Any(several) => several.iter().any(|matches| self.holds(matches)),
            Condition::Not(matches) => !self.holds(matches),
        }
    }

    /// The attributes as they are now.
    fn attributes(&self) -> &PathAttributes {
        self.changed.as_ref().unwrap_or(&self.route.attributes)
    }

    fn apply(&mut self, actions: &Actions) {
        self.next_hop = actions.next_hop.or(self.next_hop);
        self.honour_blackhole |= actions.honour_blackhole;
        self.sets_med |= actions.med.is_some();
        if actions.would_change(self.attributes()) {
            let own = self.to.map_or(self.route.source.local_asn, |to| to.own_asn);
            actions.apply(self.attributes_mut(), own);
        }
    }

    fn attributes_mut(&mut self) -> &mut PathAttributes {
        let route = self.route;
        self.changed.get_or_insert_with(|| PathAttributes::clone(&route.attributes))
    }

    /// Whether the route has a MED that is not for whom it goes to.
    fn has_foreign_med(&self) -> bool {
        let crosses_border = self.to.is_some_and(|to| to.external) && !self.route.source.is_local();
        crosses_border && !self.sets_med && self.attributes().med.is_some()
    }

    fn finish(mut self, disposition: Disposition, decided_by: Decider) -> Outcome {
        if disposition == Disposition::Reject {
            return Outcome::Reject { decided_by };
        }
        if self.has_foreign_med() {
            self.attributes_mut().med = None;
        }
        Outcome::Accept {
            // A later statement may have undone what an earlier one did.
            attributes: self.changed.filter(|changed| *changed != *self.route.attributes),
            next_hop: self.next_hop,
            honour_blackhole: self.honour_blackhole,
            decided_by,
        }
    }
}

impl fmt::Display for Decider {
    /// The statement by its name, or by its place in the policy, the first being 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decider::Statement { policy, statement } => {
                write!(f, "policy {}, statement {}", policy.name, policy.statement_name(*statement))
            }
            Decider::Default(Disposition::Accept) => f.write_str("no statement matched (default: accept)"),
            Decider::Default(Disposition::Reject) => f.write_str("no statement matched (default: reject, RFC 8212)"),
        }
    }
}
