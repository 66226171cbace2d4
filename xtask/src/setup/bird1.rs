//! BIRD 1.6.8, the version of the article that the lab rebuilds. Debian's `bird` conflicts with `bird2`, so it is not
//! installed but unpacked.

use std::path::Path;

use anyhow::{Result, bail};

use super::apt;
use super::os::Distribution;
use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// The version of the article.
pub const VERSION: &str = "1.6.8";

/// Unpacks it into `target/tools/bird1`, unless it is there.
///
/// # Errors
/// When the distribution does not have that version, or it does not run.
pub fn install(workspace: &Workspace, distribution: &Distribution) -> Result<()> {
    let tree = workspace.bird1();
    if is_there(workspace) {
        return Ok(());
    }
    if !distribution.is_debian_like() {
        bail!("please install this, then run the command again\n\n{}", how(workspace));
    }
    apt::unpack(&format!("bird={VERSION}*"), &tree)?;
    if !runs(&tree) {
        bail!("BIRD {VERSION} does not run; it needs the library of Debian's package libreadline8");
    }
    Ok(())
}

/// How to get it without Debian's package.
pub fn how(workspace: &Workspace) -> String {
    format!("  * BIRD {VERSION}: its bird and birdc in {}\n", workspace.bird1().join("usr/sbin").display())
}

/// Whether it is there.
pub fn is_there(workspace: &Workspace) -> bool {
    runs(&workspace.bird1())
}

fn runs(tree: &Path) -> bool {
    // BIRD prints its version to standard error; only the exit code can be had from a probe.
    tree.join("usr/sbin/birdc").is_file() && Cmd::new(tree.join("usr/sbin/bird")).arg("--version").probe().is_some()
}
