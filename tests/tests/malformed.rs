//! Malformed UPDATEs, seen from outside (RFC 7606): what `nva` does with them, and what others do.

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
    let results = run(kind, crashes).unwrap_or_else(|error| panic!("{error:#}"));
    let outcomes = results.iter().map(|(_, _, outcome)| *outcome).collect();
    let now = Column { name: kind.to_string(), outcomes }.cells();
    // On a busy machine GoBGP now and then closes before its NOTIFICATION is out. That others end the session is what the
    // page is about; `nva` also has to say why.
    let is_cut_short = |outcome: Outcome, page: &str| {
        kind != Kind::Nva && outcome == Outcome::Reset(None) && page.trim_matches('*').starts_with("reset ")
    };
    let differ: Vec<String> = results
        .iter()
        .zip(now.iter().zip(cells))
        .filter(|((_, _, outcome), (now, page))| now != page && !is_cut_short(*outcome, page))
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
