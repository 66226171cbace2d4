//! What became of one route, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::trial::Trial;
use crate::attributes::{Community, PathAttributes};
use crate::policy::{Disposition, Outcome, Step};
use crate::route::{Route, RouteText};

/// What became of a route.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The route as text.
    route: String,
    /// `accept` or `reject`.
    outcome: String,
    /// The statement that decided, or the default.
    decided_by: String,
    /// The line at which that begins.
    line: Option<usize>,
    /// The statements that held, in their order.
    steps: Vec<StepReport>,
    /// What is another on a route that was accepted.
    changes: Vec<Change>,
    /// Packets for it are dropped: it has BLACKHOLE, and a statement permits that (RFC 7999).
    discards: bool,
    /// How the next hop is chosen, where it is not left as it is.
    next_hop: Option<String>,
    #[serde(skip)]
    disposition: Disposition,
}

/// A statement that held.
#[derive(Debug, Serialize)]
struct StepReport {
    policy: String,
    statement: String,
    line: Option<usize>,
    /// How many policies call, the one before the other.
    depth: usize,
    changes: Vec<Change>,
    calls: Option<String>,
}

/// An attribute before and after, in the words of a route's text.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    attribute: &'static str,
    before: Option<String>,
    after: Option<String>,
}

impl Verdict {
    /// Puts it together.
    pub fn new(trial: &Trial<'_>, text: RouteText, route: &Route, outcome: Outcome, steps: &[Step]) -> Verdict {
        let received = &text.attributes;
        let mut before = received;
        let mut reports = Vec::new();
        for step in steps {
            reports.push(StepReport {
                policy: step.policy.name.clone(),
                statement: step.policy.statement_name(step.statement),
                line: trial.line_of(&step.policy, step.statement),
                depth: step.depth,
                changes: differences(before, &step.attributes),
                calls: step
                    .policy
                    .statements
                    .get(step.statement)
                    .and_then(|statement| statement.actions.call.as_ref().map(|called| called.name.clone())),
            });
            before = &step.attributes;
        }
        let has_blackhole = |attributes: &PathAttributes| attributes.communities.contains(&Community::BLACKHOLE);
        let (disposition, decided_by, changes, next_hop, discards) = match outcome {
            Outcome::Accept { attributes, next_hop, honour_blackhole, decided_by } => {
                let asks = has_blackhole(received) || attributes.as_ref().is_some_and(has_blackhole);
                let changes = attributes.map(|after| differences(received, &after)).unwrap_or_default();
                (Disposition::Accept, decided_by, changes, trial.next_hop(next_hop, route), honour_blackhole && asks)
            }
            Outcome::Reject { decided_by } => (Disposition::Reject, decided_by, Vec::new(), None, false),
        };
        Verdict {
            route: text.to_string(),
            outcome: disposition.to_string(),
            line: trial.line(&decided_by),
            decided_by: decided_by.to_string(),
            steps: reports,
            changes,
            discards,
            next_hop,
            disposition,
        }
    }

    /// Whether it is accepted.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Prints all of it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.route)?;
        for step in &self.steps {
            let indent = "  ".repeat(step.depth + 1);
            let place = format!("policy {}, statement {}{}", step.policy, step.statement, at(step.line));
            let calls = step.calls.iter().map(|called| format!("calls {called}"));
            let does: Vec<String> = step.changes.iter().map(ToString::to_string).chain(calls).collect();
            let does = if does.is_empty() { "holds".to_owned() } else { does.join("; ") };
            writeln!(out, "{indent}{place}: {does}")?;
        }
        writeln!(out, "{}: {}{}", self.outcome, self.decided_by, at(self.line))?;
        for change in &self.changes {
            writeln!(out, "  {change}")?;
        }
        if self.discards {
            writeln!(out, "  packets are dropped (honour-blackhole)")?;
        }
        match &self.next_hop {
            Some(next_hop) => writeln!(out, "  next-hop: {next_hop}"),
            None => Ok(()),
        }
    }

    /// Prints what came out in one line.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{}: {}: {}", self.route, self.outcome, self.decided_by)?;
        for change in &self.changes {
            write!(out, "; {change}")?;
        }
        if let Some(next_hop) = &self.next_hop {
            write!(out, "; next-hop: {next_hop}")?;
        }
        writeln!(out)
    }
}

/// ` (line 7)`, where there is one.
fn at(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<String>| match value.as_deref() {
            None => "none".to_owned(),
            Some("") => "\"\"".to_owned(),
            Some(value) => value.to_owned(),
        };
        write!(f, "{}: {} → {}", self.attribute, shown(&self.before), shown(&self.after))
    }
}

fn differences(before: &PathAttributes, after: &PathAttributes) -> Vec<Change> {
    let (before, after) = (RouteText::words(before), RouteText::words(after));
    let value = |words: &[(&str, String)], wanted: &str| {
        words.iter().find(|(word, _)| *word == wanted).map(|(_, value)| value.clone())
    };
    let mut words: Vec<&'static str> = before.iter().chain(&after).map(|(word, _)| *word).collect();
    let mut seen = Vec::new();
    words.retain(|word| {
        let new = !seen.contains(word);
        seen.push(*word);
        new
    });
    let change = |attribute| Change { attribute, before: value(&before, attribute), after: value(&after, attribute) };
    words.into_iter().map(change).filter(|change| change.before != change.after).collect()
}
