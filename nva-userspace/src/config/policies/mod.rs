//! Policies and the sets that they name.

mod actions;
mod matches;
mod sets;

pub(super) use actions::actions;
pub(super) use sets::Sets;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Problems;
use super::file::{PolicyTable, StatementTable, Text};
use crate::policy::{Chain, Disposition, Policy, Statement};

/// How deep policies may call each other.
const DEEPEST_CALL: usize = 16;

/// Understands all policies, by name.
pub(super) fn build(tables: &[PolicyTable], sets: &Sets, problems: &mut Problems<'_>) -> BTreeMap<String, Arc<Policy>> {
    let mut by_name: BTreeMap<&str, &PolicyTable> = BTreeMap::new();
    for table in tables {
        let name = table.name.get_ref();
        if table.statement.is_empty() {
            problems.add(table.name.span(), format_args!("policy {name:?} has no statement"));
        }
        if by_name.insert(name, table).is_some() {
            problems.add(table.name.span(), format_args!("a second policy is named {name:?}: names are unique"));
        }
    }
    let mut builder = Builder { by_name, sets, calling: Vec::new(), built: BTreeMap::new() };
    for table in tables {
        builder.policy(table, problems);
    }
    builder.built
}

/// Policies in a row for routes of our own, such as `what`. There is neither a peer nor a next hop for them to decide
/// about.
pub(super) fn chain_of_our_own(
    names: &[Text],
    what: &str,
    policies: &BTreeMap<String, Arc<Policy>>,
    problems: &mut Problems<'_>,
) -> Chain {
    let mut found = Vec::new();
    for name in names {
        let Some(policy) = policies.get(name.get_ref()) else {
            problems.add(name.span(), format_args!("there is no [[policy]] named {:?}", name.get_ref()));
            continue;
        };
        let misplaced = |statement: &Statement| {
            let actions = &statement.actions;
            let next_hop = actions.next_hop.map(|_| "next-hop");
            let to = statement.matches.asks_where_to().then_some("to");
            next_hop.or(to).or(actions.honour_blackhole.then_some("honour-blackhole"))
        };
        if let Some(key) = policy.find_in_statements(&misplaced) {
            let why = format_args!("{what} has no peer that it comes from or goes to");
            problems.add(name.span(), format_args!("policy {:?} has {key}, but {why}", name.get_ref()));
        }
        found.push(Arc::clone(policy));
    }
    Chain { policies: found, default: Disposition::Reject }
}

/// The line at which each statement of each policy begins.
pub(super) fn statement_lines(tables: &[PolicyTable], problems: &Problems<'_>) -> BTreeMap<String, Vec<usize>> {
    let lines = |table: &PolicyTable| {
        table.statement.iter().map(|statement| problems.line_and_column(statement.span()).0).collect()
    };
    tables.iter().map(|table| (table.name.get_ref().clone(), lines(table))).collect()
}

/// Builds policies in the order in which they call each other.
struct Builder<'a> {
    by_name: BTreeMap<&'a str, &'a PolicyTable>,
    sets: &'a Sets,
    /// The policies that are being built, each called by the one before it.
    calling: Vec<&'a str>,
    built: BTreeMap<String, Arc<Policy>>,
}

impl<'a> Builder<'a> {
    fn policy(&mut self, table: &'a PolicyTable, problems: &mut Problems<'_>) -> Arc<Policy> {
        let name = table.name.get_ref();
        if let Some(built) = self.built.get(name) {
            return Arc::clone(built);
        }
        self.calling.push(name);
        let statements =
            table.statement.iter().map(|statement| self.statement(statement.get_ref(), problems)).collect();
        self.calling.pop();
        let policy = Arc::new(Policy { name: name.clone(), statements });
        self.built.insert(name.clone(), Arc::clone(&policy));
        policy
    }

    fn statement(&mut self, table: &'a StatementTable, problems: &mut Problems<'_>) -> Statement {
        let mut actions = actions(&table.then, self.sets, problems);
        let call = &table.then.get_ref().call;
        actions.call = call.as_ref().and_then(|called| self.called(called, problems));
        let matches = matches::matches(&table.r#match, self.sets, problems);
        if let Some(honoured) = table.then.get_ref().honour_blackhole.as_ref().filter(|_| actions.honour_blackhole)
            && !matches.names_prefixes()
        {
            let advice = "say with `prefixes` which ones the neighbour may have dropped (RFC 7999 §3.3)";
            problems
                .add(honoured.span(), format_args!("this drops packets for whatever prefix is announced: {advice}"));
        }
        Statement { name: table.name.clone(), matches, actions }
    }

    fn called(&mut self, text: &'a Text, problems: &mut Problems<'_>) -> Option<Arc<Policy>> {
        let name = text.get_ref().as_str();
        let Some(table) = self.by_name.get(name).copied() else {
            problems.add(text.span(), format_args!("there is no [[policy]] named {name:?}"));
            return None;
        };
        if let Some(start) = self.calling.iter().position(|caller| *caller == name) {
            let circle = [self.calling.get(start..).unwrap_or_default(), &[name]].concat().join(" calls ");
            problems.add(text.span(), format_args!("policies call each other without end: {circle}"));
            return None;
        }
        if self.calling.len() >= DEEPEST_CALL {
            problems.add(text.span(), format_args!("policies call each other more than {DEEPEST_CALL} deep"));
            return None;
        }
        Some(self.policy(table, problems))
    }
}
