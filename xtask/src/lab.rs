//! Running what has been built: `nva` itself, and the lab of the crate `nva-tests`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::build;
use crate::cmd::{self, Cmd};
use crate::setup::{self, Level};
use crate::workspace::Workspace;

/// `nva ARGS`; its exit code is ours, because we become it.
///
/// # Errors
/// When it cannot be built or started.
pub fn run_nva(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    build::run(workspace)?;
    Err(Cmd::new(workspace.release_binary("nva")).args(args).exec())
}

/// Loads the XDP programs and attaches them to `interface`.
///
/// # Errors
/// When `nva` cannot be built or started, or without root.
pub fn load(workspace: &Workspace, interface: &str, args: &[String]) -> Result<ExitCode> {
    require_root("loading XDP programs")?;
    build::run(workspace)?;
    let nva = Cmd::new(workspace.release_binary("nva"));
    Err(nva.args(["xdp", "attach", "--interface", interface]).args(args).exec())
}

/// `nva-lab ARGS`; its exit code is ours, because we become it.
///
/// # Errors
/// When it cannot be built or started, or without root.
pub fn lab(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    require_root("starting the lab")?;
    let level = if names_bird(args) { Level::DemoBird } else { Level::Demo };
    let ready = setup::run(workspace, level)?;
    build::all(workspace, &ready)?;
    Err(with_programs(Cmd::new(workspace.release_binary("nva-lab")), workspace).args(args).exec())
}

/// `nva-lab demo ARGS`.
///
/// # Errors
/// When it cannot be built or started, or without root.
pub fn demo(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    let args: Vec<String> = std::iter::once("demo".to_owned()).chain(args.iter().cloned()).collect();
    lab(workspace, &args)
}

/// The programs that the lab and the tests start, by the variables in which they look for them.
pub fn with_programs(cmd: Cmd, workspace: &Workspace) -> Cmd {
    cmd.env("NVA_BIN", workspace.release_binary("nva")).env("NVA_BIRD1", workspace.bird1())
}

/// Refuses to go on as anybody else.
///
/// # Errors
/// When we are not root.
pub fn require_root(what: &str) -> Result<()> {
    if !cmd::is_root() {
        bail!("{what} needs root; run as root, or: sudo --preserve-env=PATH,HOME cargo xtask …");
    }
    Ok(())
}

/// Whether BIRD is asked for: `--hubs bird`, `--nvas=bird`.
fn names_bird(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "bird" || arg.ends_with("=bird"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bird_is_set_up_only_when_asked_for() {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        assert!(names_bird(&args(&["demo", "--hubs", "bird"])));
        assert!(names_bird(&args(&["demo", "--nvas=bird", "--keep"])));
        assert!(!names_bird(&args(&["demo", "--hubs", "nva", "--scenario", "ninth-peer"])));
    }
}
