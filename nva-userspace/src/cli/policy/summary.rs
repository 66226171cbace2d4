//! What became of the routes of a file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::dump::Counts;
use super::trial::Trial;
use crate::cli::table;
use crate::mrt::MrtRoute;
use crate::policy::{Decider, Disposition, Outcome};

/// Counts routes by what decided about them.
#[derive(Debug, Default)]
pub struct Summary {
    /// In the order in which they first did.
    rows: Vec<(Decider, Disposition, u64)>,
    /// Attributes that cannot be used, by what is wrong with them.
    malformed: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts a route.
    pub fn note(&mut self, outcome: Outcome) {
        let (decided_by, disposition) = match outcome {
            Outcome::Accept { decided_by, .. } => (decided_by, Disposition::Accept),
            Outcome::Reject { decided_by } => (decided_by, Disposition::Reject),
        };
        match self.rows.iter_mut().find(|(known, ..)| is_same(known, &decided_by)) {
            Some((.., count)) => *count += 1,
            None => self.rows.push((decided_by, disposition, 1)),
        }
    }

    /// Counts what cannot be used of a message or an entry.
    pub fn note_malformed(&mut self, route: &MrtRoute) {
        let problem = match &route.update {
            Err(error) => error.to_string(),
            Ok(update) if update.announced.is_empty() => match update.faults.first() {
                Some(fault) => fault.to_string(),
                None => return,
            },
            Ok(_) => return,
        };
        // What is wrong is often said with a number that differs: the list must not grow with the file.
        let known = self.malformed.len() < MOST_PROBLEMS || self.malformed.contains_key(&problem);
        *self.malformed.entry(if known { problem } else { "other malformed routes".to_owned() }).or_default() += 1;
    }

    /// How many routes cannot be used.
    pub fn total_malformed(&self) -> u64 {
        self.malformed.values().sum()
    }

    /// How many routes ended so.
    pub fn total(&self, wanted: Disposition) -> u64 {
        self.rows.iter().filter(|(_, disposition, _)| *disposition == wanted).map(|(.., count)| count).sum()
    }

    /// All of it, for people and for programs.
    pub fn report(&self, trial: &Trial<'_>, counts: &Counts) -> Report {
        let row = |(decided_by, disposition, routes): &(Decider, Disposition, u64)| Row {
            decided_by: decided_by.to_string(),
            line: trial.line(decided_by),
            outcome: disposition.to_string(),
            routes: *routes,
        };
        Report {
            records: counts.records,
            accepted: self.total(Disposition::Accept),
            rejected: self.total(Disposition::Reject),
            by_statement: self.rows.iter().map(row).collect(),
            malformed: self.malformed.clone(),
            skipped: counts.skipped.clone(),
        }
    }
}

/// Kinds of malformed routes that are told apart.
const MOST_PROBLEMS: usize = 20;

fn is_same(one: &Decider, other: &Decider) -> bool {
    match (one, other) {
        (
            Decider::Statement { policy, statement },
            Decider::Statement { policy: other_policy, statement: other_statement },
        ) => std::sync::Arc::ptr_eq(policy, other_policy) && statement == other_statement,
        (Decider::Default(one), Decider::Default(other)) => one == other,
        (Decider::Statement { .. }, Decider::Default(_)) | (Decider::Default(_), Decider::Statement { .. }) => false,
    }
}

/// What became of the routes of a file.
#[derive(Debug, Serialize)]
pub struct Report {
    records: u64,
    accepted: u64,
    rejected: u64,
    by_statement: Vec<Row>,
    malformed: BTreeMap<String, u64>,
    skipped: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Row {
    decided_by: String,
    line: Option<usize>,
    outcome: String,
    routes: u64,
}

impl Report {
    /// Prints it as a table.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut rows = table::new(&["Outcome", "Routes", "Decided by", "Line"]);
        for row in &self.by_statement {
            rows.add_row([
                row.outcome.clone(),
                row.routes.to_string(),
                row.decided_by.clone(),
                table::or_dash(row.line),
            ]);
        }
        writeln!(out, "{}", table::text(rows))?;
        writeln!(out, "\n{} records: {} routes accepted, {} rejected", self.records, self.accepted, self.rejected)?;
        for (kind, all) in [("malformed", &self.malformed), ("skipped", &self.skipped)] {
            for (what, count) in all {
                let often = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
                writeln!(out, "{kind}, {often}: {what}")?;
            }
        }
        Ok(())
    }
}
