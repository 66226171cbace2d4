//! Installing Debian packages without a question asked, a package removed, or a daemon started.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::packages::BPF_COMPILER;
use super::services;
use crate::cmd::Cmd;
use crate::toolchain::parse_release;
use crate::workspace::Workspace;

/// Where to get what the first package source of a distribution does not have.
pub const ADVICE: &str = "\
Debian 12 has a BPF compiler and LLVM 22 among its security updates; add them to the package sources:

    deb http://security.debian.org/debian-security bookworm-security main

Elsewhere, rustup has the compiler, and https://apt.llvm.org the package llvm-22-dev:

    rustup toolchain install nightly --profile minimal --component rust-src
";

/// Installs packages; only root can.
///
/// # Errors
/// When a package is not to be had, or apt fails.
pub fn install(names: &[&str]) -> Result<()> {
    if complaint(names).is_some() {
        update()?;
        if let Some(complaint) = complaint(names) {
            bail!("{complaint}");
        }
    }
    let _no_starts = services::Hold::new()?;
    let started = services::Watch::new(names);
    let attempt = || {
        apt_get().args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(names.iter().copied()).run()
    };
    let installed = attempt().or_else(|error| {
        // The usual reason: the lists name a version that the mirror has replaced.
        println!("setup: {error}; once more with fresh lists");
        update()?;
        attempt()
    });
    // Also after a failure: apt may have configured some of them before it.
    let disabled = started.disable();
    installed.and(disabled)
}

/// Downloads one package into a folder.
fn download(name: &str, dir: &Path) -> Result<()> {
    let attempt = || apt_get().args(["download", name]).current_dir(dir).run();
    attempt().or_else(|error| {
        println!("setup: {error}; once more with fresh lists");
        update()?;
        attempt()
    })
}

/// Downloads one package and unpacks it into a folder, all of it or nothing, without installing it. Anybody can.
///
/// # Errors
/// When it is not to be had, or cannot be unpacked.
pub fn unpack(name: &str, tree: &Path) -> Result<()> {
    let mut download = tree.as_os_str().to_owned();
    download.push(".download");
    let download = PathBuf::from(download);
    let unpacked = download.join("tree");
    // Of an attempt that was interrupted.
    if download.exists() {
        fs::remove_dir_all(&download).with_context(|| format!("cannot remove {}", download.display()))?;
    }
    fs::create_dir_all(&download).with_context(|| format!("cannot make {}", download.display()))?;
    self::download(name, &download)?;
    let package = the_package(&download)?;
    Cmd::new("dpkg-deb").arg("--extract").arg(package).arg(&unpacked).run()?;
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    fs::rename(&unpacked, tree).with_context(|| format!("cannot make {}", tree.display()))?;
    fs::remove_dir_all(&download).with_context(|| format!("cannot remove {}", download.display()))
}

fn the_package(dir: &Path) -> Result<PathBuf> {
    let entries = dir.read_dir().with_context(|| format!("cannot list {}", dir.display()))?;
    let mut packages =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("deb".as_ref()));
    packages.next().context("apt-get has downloaded no package")
}

/// Fetches the lists of packages anew; only root can.
///
/// # Errors
/// When apt fails.
pub fn update() -> Result<()> {
    apt_get().arg("update").run()
}

fn apt_get() -> Cmd {
    Cmd::new("apt-get")
        .args(["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Sandbox::User=root"])
        .env("DEBIAN_FRONTEND", "noninteractive")
}

/// Why the packages cannot be installed as the machine's package sources and lists are, if so.
fn complaint(names: &[&str]) -> Option<String> {
    let lacking: Vec<&str> = names.iter().copied().filter(|name| candidate(name).is_none()).collect();
    if !lacking.is_empty() {
        return Some(format!("the machine's package sources do not have {}\n\n{ADVICE}", lacking.join(" ")));
    }
    let oldest = Workspace::oldest_rust();
    let compiler = names.iter().find(|name| **name == BPF_COMPILER[0])?;
    let version = candidate(compiler)?;
    (parse_release(&version) < parse_release(oldest)).then(|| {
        format!("the machine's package sources have {compiler} {version}, older than Rust {oldest}\n\n{ADVICE}")
    })
}

/// The version of a package that would be installed, if it is to be had.
pub fn candidate(name: &str) -> Option<String> {
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
