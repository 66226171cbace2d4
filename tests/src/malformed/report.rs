//! The results of several daemons side by side, as docs/rfc7606.md has them.

use std::fmt::Write;

use super::{Fate, Outcome, Row, SessionKind, rows};

/// What one daemon did.
#[derive(Clone, Debug)]
pub struct Column {
    /// The daemon, with its version.
    pub name: String,
    /// What it did, once for each session of each row.
    pub outcomes: Vec<Outcome>,
}

/// What stands in front of the table.
const HEAD: &str = "\
# Malformed UPDATEs

Every way in which an attribute, or what is around it, can be wrong, sent to `nva` and to other daemons over sessions of
their own; the column RFC is what the RFCs ask for. Written by `cargo xtask lab malformed`, and held against `nva`
and this page's other daemons by `tests/tests/malformed.rs`; the rows are in `tests/src/malformed/rows`.

Each UPDATE announces a prefix that was announced before, well formed; well-formed routes in both address families
go before it and right behind it. What is seen:

| | |
|---|---|
| accept | the route is passed on, and its attribute shows where it is for others to see, or in what it changes |
| discard | the route is passed on without the attribute, or with the first of two |
| withdraw | the route is withdrawn, and the session goes on |
| disable family | all routes of the address family are gone and ignored from then on; the session and the other family go on |
| reset *c*/*s* | the session ends with this NOTIFICATION, and its routes are gone |
| close | the session ends without one |
| ignore UPDATE | the route of before stays as if nothing had come |
| crash | the daemon ends, and with it every session |
| stuck | the session stays, and well-formed routes behind the UPDATE do not arrive |

**Bold** is what differs from the RFC. That is no judgement of the other daemons: some of these versions are old, some
do what an earlier RFC asked for, some can be configured otherwise, and where RFC 7606 leaves a choice, the choice is
theirs.
";

/// The page.
///
/// # Panics
/// If a column has not as many outcomes as the table.
pub fn report(columns: &[Column]) -> String {
    let mut text = String::from(HEAD);
    // Writing to a String cannot fail.
    let names: String = columns.iter().map(|column| format!(" {} |", column.name)).collect();
    let _ = writeln!(text, "\n| what | wrong | session | RFC | clause |{names}\n|{}", "---|".repeat(5 + columns.len()));
    for (index, (row, session)) in lines().enumerate() {
        let Row { subject, fault, fate, clause, .. } = row;
        let cells: String = columns.iter().map(|column| format!(" {} |", cell(column.outcomes[index], fate))).collect();
        let _ = writeln!(text, "| {subject} | {fault} | {session} | {fate} | {clause} |{cells}");
    }
    let total = lines().count();
    let _ = writeln!(text, "\nAs the RFCs have it, of {total} rows:\n");
    for column in columns {
        let right = lines().zip(&column.outcomes).filter(|((row, _), outcome)| outcome.is(row.fate)).count();
        let _ = writeln!(text, "- {}: {right}", column.name);
    }
    text
}

/// The columns of a page that [`report`] wrote: their names and, for each, the texts of its cells.
pub fn columns_of(page: &str) -> Vec<(String, Vec<String>)> {
    let table: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| what |"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let Some((head, [_rule, lines @ ..])) = table.split_first() else { return Vec::new() };
    let column = |index: usize| lines.iter().filter_map(|line| line.get(index).map(ToString::to_string)).collect();
    head.iter().enumerate().skip(5).map(|(index, name)| ((*name).to_owned(), column(index))).collect()
}

/// An outcome as it stands in the table.
pub(super) fn cell(outcome: Outcome, fate: Fate) -> String {
    if outcome.is(fate) { outcome.to_string() } else { format!("**{outcome}**") }
}

/// Every row once for each of its sessions.
fn lines() -> impl Iterator<Item = (Row, SessionKind)> {
    rows().into_iter().flat_map(|row| row.sessions.iter().map(move |session| (row, *session)))
}

impl Column {
    /// The texts of its cells.
    pub fn cells(&self) -> Vec<String> {
        lines().zip(&self.outcomes).map(|((row, _), outcome)| cell(*outcome, row.fate)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let outcomes = vec![Outcome::Withdraw; lines().count()];
        let columns = ["a 1.0", "b 2"].map(|name| Column { name: name.to_owned(), outcomes: outcomes.clone() });
        let read = columns_of(&report(&columns));
        assert_eq!(read, columns.map(|column| (column.name.clone(), column.cells())));
    }
}
