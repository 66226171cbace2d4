//! `cargo xtask test`: everything that must hold before a change goes in, the quick checks first.
//!
//! Each step is a command that anybody can run by hand; the first that fails ends the run. The tests that need no root
//! run with the dev profile (with its overflow checks), those in network namespaces with the programs as released.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::build;
use crate::cmd::Cmd;
use crate::lab;
use crate::setup::{self, Level};
use crate::tidy;
use crate::workspace::Workspace;

/// A step of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// What the compiler does not check
    Tidy,
    /// The format
    Fmt,
    /// The lints, as errors
    Clippy,
    /// The documentation, with its warnings as errors
    Doc,
    /// Unit, property and documentation tests
    Unit,
    /// The tests in network namespaces, with real daemons
    Namespaces,
}

/// Runs the steps, or those that are named.
///
/// # Errors
/// When the machine is not ready, or with the name of the step that failed.
pub fn run(workspace: &Workspace, only: &[Step]) -> Result<ExitCode> {
    let mut times = Times::default();
    let wanted = |step: &Step| only.is_empty() || only.contains(step);
    if wanted(&Step::Namespaces) {
        lab::require_root("testing in network namespaces")?;
    }
    let ready = times.measure("setup", || setup::run(workspace, level(wanted(&Step::Namespaces))))?;
    // Even the lints need the BPF object: the library embeds it.
    times.measure("build", || build::all(workspace, &ready))?;
    for step in Step::value_variants().iter().filter(|step| wanted(step)) {
        times.measure(step.name(), || step.run(workspace))?;
    }
    times.print();
    Ok(ExitCode::SUCCESS)
}

fn level(namespaces: bool) -> Level {
    if namespaces { Level::Test } else { Level::Build }
}

/// Everything but the BPF program, for which there is another compiler.
const HOST_CRATES: [&str; 3] = ["--workspace", "--exclude", "nva-ebpf"];

/// One run is to say everything that is wrong, not what failed in the first of many binaries.
const TEST: [&str; 2] = ["test", "--no-fail-fast"];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Unit => "unit",
            Self::Namespaces => "namespaces",
        }
    }

    fn run(self, workspace: &Workspace) -> Result<()> {
        let cargo = || workspace.cargo();
        match self {
            Self::Tidy => tidy::run(workspace),
            Self::Fmt => cargo().args(["fmt", "--all", "--check"]).run(),
            Self::Clippy => {
                cargo().arg("clippy").args(HOST_CRATES).args(["--all-targets", "--", "-D", "warnings"]).run()
            }
            Self::Doc => cargo().env("RUSTDOCFLAGS", "-Dwarnings").args(["doc", "--no-deps"]).args(HOST_CRATES).run(),
            Self::Unit => cargo().args(TEST).args(HOST_CRATES).args(["--exclude", "nva-tests"]).run(),
            Self::Namespaces => namespaces(workspace),
        }
    }
}

/// The same two packages as [`build::all`] selects, so that cargo finds them built; of nva-userspace nothing is tested.
fn namespaces(workspace: &Workspace) -> Result<()> {
    let cargo = workspace.cargo().args(TEST).args(["--release", "--package", "nva-tests"]);
    // Most of a test's time passes in waiting: for timers, and for other daemons to start.
    let threads = 2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cmd: Cmd = lab::with_programs(cargo, workspace);
    cmd.arg("--").arg(format!("--test-threads={threads}")).run()
}

/// How long each step took.
#[derive(Default)]
struct Times {
    steps: Vec<(&'static str, Duration)>,
}

impl Times {
    fn measure<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        let outcome = if result.is_ok() { "ok" } else { "FAILED" };
        println!("== {name}: {outcome} in {:.1} s", took.as_secs_f32());
        self.steps.push((name, took));
        result.with_context(|| format!("step `{name}` failed"))
    }

    fn print(&self) {
        let total: Duration = self.steps.iter().map(|(_, took)| took).sum();
        println!("\n== all steps passed in {:.1} s", total.as_secs_f32());
        for (name, took) in &self.steps {
            println!("   {name:<12}{:>7.1} s", took.as_secs_f32());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step() {
        let mut times = Times::default();
        times.measure("fine", || Ok(())).expect("a step that passes");
        let error = times.measure("clippy", || -> Result<()> { anyhow::bail!("3 warnings") });
        assert_eq!(format!("{:#}", error.expect_err("it fails")), "step `clippy` failed: 3 warnings");
        assert_eq!(times.steps.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["fine", "clippy"]);
    }

    #[test]
    fn only_the_namespaces_need_the_daemons() {
        assert_eq!(level(true), Level::Test);
        assert_eq!(level(false), Level::Build);
    }
}
