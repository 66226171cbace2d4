//! rustfmt and clippy, which rustup's minimal profile leaves out.

use anyhow::Result;

use crate::cmd::{self, Cmd};
use crate::workspace::Workspace;

/// Adds those that are missing to the toolchain that runs us.
///
/// # Errors
/// When rustup cannot, or is not there.
pub fn install(workspace: &Workspace) -> Result<()> {
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(command, _)| workspace.cargo().args([command, "--version"]).probe().is_none())
        .map(|(_, component)| component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if cmd::find_program("rustup").is_none() {
        anyhow::bail!("please install {} for this Rust, then run the command again", missing.join(" and "));
    }
    // RUSTUP_TOOLCHAIN, which rustup's cargo has set, says which toolchain.
    Cmd::new("rustup").args(["component", "add"]).args(missing).run()
}
