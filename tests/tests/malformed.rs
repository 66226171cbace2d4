//! Malformed UPDATEs, seen from outside (RFC 7606): what `nva` does with them, and what others do.

use std::collections::BTreeSet;

use nva_tests::daemon::Kind;
use nva_tests::malformed::{Column, Outcome, Row, SessionKind, columns_of, run};

/// The page that has the results side by side.
const PAGE: &str = include_str!("../../docs/rfc7606.md");

/// Sends all rows to a daemon, and holds the page against what it does. What the page says to end the daemon is not
/// tried again: each such row would cost the others their sessions.
fn hold_against_the_page(kind: Kind) -> Vec<(Row, SessionKind, Outcome)> {
    let pages = columns_of(PAGE);
    let found = pages.iter().find(|(name, _)| name.split(' ').next() == Some(&kind.to_string()));
    let (name, cells) = found.unwrap_or_else(|| panic!("docs/rfc7606.md has no column for {kind}"));
    let crashes = |index: usize| cells.get(index).is_some_and(|cell| cell.contains(&Outcome::Crash.to_string()));
    let mut results = run(kind, crashes).unwrap_or_else(|error| panic!("{error:#}"));
    // On a busy machine GoBGP now and then closes before its NOTIFICATION is out, in any of the rows for which it has one:
    // those are tried again by themselves. `nva` has to say it at once.
    let is_cut_short = |index: usize, outcome: Outcome| {
        kind != Kind::Nva
            && outcome == Outcome::Reset(None)
            && cells.get(index).is_some_and(|page| page.trim_matches('*').starts_with("reset "))
    };
    let cut_short: BTreeSet<usize> = results
        .iter()
        .enumerate()
        .filter(|(index, (_, _, outcome))| is_cut_short(*index, *outcome))
        .map(|(index, _)| index)
        .collect();
    if !cut_short.is_empty() {
        let again = run(kind, |index| !cut_short.contains(&index)).unwrap_or_else(|error| panic!("{error:#}"));
        cut_short.iter().for_each(|index| results[*index] = again[*index]);
    }
    let outcomes = results.iter().map(|(_, _, outcome)| *outcome).collect();
    let now = Column { name: kind.to_string(), outcomes }.cells();
    let differ: Vec<String> = results
        .iter()
        .zip(now.iter().zip(cells))
        .filter(|(_, (now, page))| now != page)
        .map(|((row, session, _), (now, page))| format!("{} {}, {session}: {now}, not {page}", row.subject, row.fault))
        .collect();
    assert!(
        differ.is_empty() && now.len() == cells.len(),
        "docs/rfc7606.md is not what {name} does: {differ:#?}\nwrite it anew: cargo xtask lab malformed"
    );
    results
}

#[test]
fn nva() {
    let results = hold_against_the_page(Kind::Nva);
    let wrong: Vec<_> = results.iter().filter(|(row, _, outcome)| !outcome.is(row.fate)).collect();
    assert!(wrong.is_empty(), "not as the RFCs have it: {wrong:#?}");
}

#[test]
fn bird2() {
    hold_against_the_page(Kind::Bird2);
}

#[test]
fn frr() {
    hold_against_the_page(Kind::Frr);
}

#[test]
fn gobgp() {
    hold_against_the_page(Kind::Gobgp);
}

#[test]
fn openbgpd() {
    hold_against_the_page(Kind::Openbgpd);
}
