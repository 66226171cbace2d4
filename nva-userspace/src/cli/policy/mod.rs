//! `nva policy test`: what policies make of routes, without a daemon.

#[cfg(test)]
mod doc_tests;
mod dump;
mod report;
mod summary;
#[cfg(test)]
mod tests;
mod trial;

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::args::{Expected, PolicyCommand, PolicyTest};
use crate::config::Config;
use crate::policy::Disposition;
use crate::route::RouteText;
use summary::Summary;
use trial::Trial;

/// Does what is asked, and prints the answer.
pub fn policy(command: PolicyCommand) -> anyhow::Result<()> {
    let PolicyCommand::Test(test) = command;
    run(&test, &mut io::BufWriter::new(io::stdout().lock()))
}

fn run(test: &PolicyTest, out: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::load(&test.config)?;
    let trial = Trial::new(&config, test)?;
    let findings = match &test.mrt {
        Some(file) => run_file(&trial, file, test, out)?,
        None => run_routes(&trial, test, out)?,
    };
    out.flush()?;
    let Some(expected) = test.expect else { return Ok(()) };
    let Findings { evaluated, unexpected, malformed } = findings;
    match (unexpected, expected) {
        (0, _) => {}
        (count, Expected::Accept) => bail!("{count} of the routes rejected, all expected to be accepted"),
        (count, Expected::Reject) => bail!("{count} of the routes accepted, all expected to be rejected"),
    }
    if malformed > 0 {
        bail!("malformed: {malformed} of the routes and records, about which the policies could not decide");
    }
    if evaluated == 0 {
        bail!("there is no route that the policies could decide about");
    }
    Ok(())
}

/// What `--expect` asks.
#[derive(Clone, Copy, Debug, Default)]
struct Findings {
    /// Routes that the policies decided about.
    evaluated: u64,
    /// Those that were decided about otherwise than expected.
    unexpected: u64,
    /// Routes that cannot be used, and records that cannot be read.
    malformed: u64,
}

/// Prints a verdict about each route.
fn run_routes(trial: &Trial<'_>, test: &PolicyTest, out: &mut impl Write) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for (index, text) in test.routes.iter().enumerate() {
        let route: RouteText = text.parse().with_context(|| format!("--route {text:?}"))?;
        let verdict = trial.verdict(&route).with_context(|| format!("--route {text:?}"))?;
        findings.evaluated += 1;
        findings.unexpected += u64::from(is_unexpected(test.expect, verdict.disposition()));
        match test.json {
            true => write_json(&verdict, out)?,
            false => {
                if index > 0 {
                    writeln!(out)?;
                }
                verdict.write(out)?;
            }
        }
    }
    Ok(findings)
}

/// Prints what became of the routes of a file.
fn run_file(trial: &Trial<'_>, file: &Path, test: &PolicyTest, out: &mut impl Write) -> anyhow::Result<Findings> {
    let mut summary = Summary::default();
    let mut sources = trial::Sources::new(trial);
    let counts = dump::read(file, |route| {
        summary.note_malformed(&route);
        for (prefix, next_hop, attributes) in route.announced() {
            let route = sources.route(route.peer, prefix, next_hop, attributes);
            if test.verbose {
                let verdict = trial.verdict_on(&route);
                if test.json { write_json(&verdict, out)? } else { verdict.write_line(out)? }
            }
            summary.note(trial.evaluate(&route));
        }
        Ok(())
    })?;
    if test.json {
        write_json(&summary.report(trial, &counts), out)?;
    } else {
        if test.verbose {
            writeln!(out)?;
        }
        summary.report(trial, &counts).write(out)?;
    }
    let (accepted, rejected) = (summary.total(Disposition::Accept), summary.total(Disposition::Reject));
    let unexpected = match test.expect {
        None => 0,
        Some(Expected::Accept) => rejected,
        Some(Expected::Reject) => accepted,
    };
    let malformed = summary.total_malformed() + counts.unreadable;
    Ok(Findings { evaluated: accepted + rejected, unexpected, malformed })
}

fn is_unexpected(expected: Option<Expected>, disposition: Disposition) -> bool {
    match expected {
        None => false,
        Some(Expected::Accept) => disposition != Disposition::Accept,
        Some(Expected::Reject) => disposition != Disposition::Reject,
    }
}

fn write_json(value: &impl serde::Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}
