//! Installing Debian packages without a question asked, a package removed, or a daemon started.

use anyhow::{Result, bail};

use super::services;
use crate::cmd::Cmd;

/// Installs packages; only root can.
///
/// # Errors
/// When a package is not to be had, or apt fails.
pub fn install(names: &[&str]) -> Result<()> {
    if !lacking(names).is_empty() || is_stale(names) {
        update()?;
        let lacking = lacking(names);
        if !lacking.is_empty() {
            bail!("the machine's package sources do not have {}", lacking.join(" "));
        }
    }
    let _no_starts = services::Hold::new()?;
    let started = services::Watch::new(names);
    let attempt = || {
        apt_get().args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(names.iter().copied()).run()
    };
    if let Err(error) = attempt() {
        // The usual reason: the lists name a version that the mirror has replaced.
        println!("setup: {error}; once more with fresh lists");
        update()?;
        attempt()?;
    }
    started.disable()
}

/// Downloads one package into a folder, without installing it. Anybody can.
///
/// # Errors
/// When apt fails, or the package is not to be had.
pub fn download(name: &str, dir: &std::path::Path) -> Result<()> {
    let attempt = || apt_get().args(["download", name]).current_dir(dir).run();
    attempt().or_else(|error| {
        println!("setup: {error}; once more with fresh lists");
        update()?;
        attempt()
    })
}

fn update() -> Result<()> {
    apt_get().arg("update").run()
}

fn apt_get() -> Cmd {
    Cmd::new("apt-get")
        .args(["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Sandbox::User=root"])
        .env("DEBIAN_FRONTEND", "noninteractive")
}

/// The packages that no source offers.
fn lacking<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| candidate(name).is_none()).collect()
}

/// Whether the compiler on offer is too old, which it is on Debian 12 until its security updates are listed.
fn is_stale(names: &[&str]) -> bool {
    let oldest = crate::toolchain::parse_release(crate::workspace::Workspace::oldest_rust());
    names.contains(&"rustc-web")
        && candidate("rustc-web").and_then(|version| crate::toolchain::parse_release(&version)) < oldest
}

fn candidate(name: &str) -> Option<String> {
    let policy = Cmd::new("apt-cache").args(["policy", name]).env("LC_ALL", "C").probe()?;
    parse_candidate(&policy)
}

fn parse_candidate(policy: &str) -> Option<String> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_candidate() {
        let policy = "bird:\n  Installed: (none)\n  Candidate: 1.6.8-2.1+b1\n  Version table:\n";
        assert_eq!(parse_candidate(policy).as_deref(), Some("1.6.8-2.1+b1"));
        assert_eq!(parse_candidate("bird:\n  Installed: (none)\n  Candidate: (none)\n"), None);
        assert_eq!(parse_candidate(""), None, "apt does not know the name at all");
    }
}
