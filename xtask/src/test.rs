//! `cargo xtask test`: everything that must hold before a change goes in, the quick checks first.
//!
//! Each step is a command that anybody can run by hand; the first that fails ends the run. The tests that need no root
//! run with the dev profile (with its overflow checks), those in network namespaces with the programs as released.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
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

/// Where the tests look for data that is not part of the project.
const DATA: &str = "NVA_TEST_DATA";

/// Runs the steps, or those that are named; the tests in namespaces with the data of a directory, if one is named.
///
/// # Errors
/// When the machine is not ready or the directory is none, or with the name of the step that failed.
pub fn run(workspace: &Workspace, only: &[Step], data: Option<&Path>) -> Result<ExitCode> {
    let data = data.map(directory).transpose()?;
    let mut times = Times::default();
    let wanted = |step: &Step| only.is_empty() || only.contains(step);
    if wanted(&Step::Namespaces) {
        lab::require_root("testing in network namespaces")?;
    }
    let ready = times.measure("setup", || setup::run(workspace, level(wanted(&Step::Namespaces))))?;
    // Even the lints need the BPF object: the library embeds it.
    times.measure("build", || build::all(workspace, &ready))?;
    for step in Step::value_variants().iter().filter(|step| wanted(step)) {
        times.measure(step.name(), || step.run(workspace, data.as_deref()))?;
    }
    times.print();
    Ok(ExitCode::SUCCESS)
}

/// The directory as an absolute path, for tests run elsewhere than we do.
fn directory(path: &Path) -> Result<PathBuf> {
    let absolute = path.canonicalize().with_context(|| format!("--data {}: it cannot be read", path.display()))?;
    ensure!(absolute.is_dir(), "--data {}: it is no directory; name the one that the files are in", path.display());
    Ok(absolute)
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

    fn run(self, workspace: &Workspace, data: Option<&Path>) -> Result<()> {
        let cargo = || workspace.cargo();
        match self {
            Self::Tidy => tidy::run(workspace),
            Self::Fmt => cargo().args(["fmt", "--all", "--check"]).run(),
            Self::Clippy => {
                cargo().arg("clippy").args(HOST_CRATES).args(["--all-targets", "--", "-D", "warnings"]).run()
            }
            Self::Doc => cargo().env("RUSTDOCFLAGS", "-Dwarnings").args(["doc", "--no-deps"]).args(HOST_CRATES).run(),
            Self::Unit => cargo().args(TEST).args(HOST_CRATES).args(["--exclude", "nva-tests"]).run(),
            Self::Namespaces => namespaces(workspace, data),
        }
    }
}

/// The same two packages as [`build::all`] selects, so that cargo finds them built; of nva-userspace nothing is tested.
fn namespaces(workspace: &Workspace, data: Option<&Path>) -> Result<()> {
    let cargo = workspace.cargo().args(TEST).args(["--release", "--package", "nva-tests"]);
    // Most of a test's time passes in waiting: for timers, and for other daemons to start.
    let threads = 2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut cmd: Cmd = lab::with_programs(cargo, workspace);
    if let Some(data) = data {
        cmd = cmd.env(DATA, data);
    }
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
    fn data_is_looked_for_in_a_directory() {
        let found = directory(Path::new(".")).expect("a directory");
        assert!(found.is_absolute(), "{}", found.display());
        let file = directory(Path::new("Cargo.toml")).expect_err("a file");
        assert_eq!(file.to_string(), "--data Cargo.toml: it is no directory; name the one that the files are in");
        let nothing = directory(Path::new("nothing")).expect_err("nothing");
        assert!(nothing.to_string().starts_with("--data nothing: "), "{nothing}");
    }

    #[test]
    fn only_the_namespaces_need_the_daemons() {
        assert_eq!(level(true), Level::Test);
        assert_eq!(level(false), Level::Build);
    }
}
