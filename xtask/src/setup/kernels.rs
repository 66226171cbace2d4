//! Debian's cloud kernels, and a static busybox to boot them with. Nothing of it is installed: a kernel package would
//! change how this machine boots. They are unpacked into `target/tools`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt;
use super::os::Distribution;
use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// The series that are booted: those of Debian 12, and of Debian 13 and Debian 12's backports.
pub const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Unpacks what is not there yet. What is there stays at its version.
///
/// # Errors
/// When the package sources do not have a series, or it cannot be downloaded or unpacked.
pub fn install(workspace: &Workspace, distribution: &Distribution) -> Result<()> {
    let missing = |tree: PathBuf| (!tree.exists()).then_some(tree);
    let kernels = SERIES.into_iter().filter_map(|series| Some((series, missing(tree(workspace, series))?)));
    let (kernels, busybox): (Vec<_>, _) = (kernels.collect(), missing(busybox_tree(workspace)));
    if kernels.is_empty() && busybox.is_none() {
        return Ok(());
    }
    if !distribution.is_debian_like() {
        bail!("please unpack this, then run the command again\n\n{}", how(workspace));
    }
    if let Some(tree) = busybox {
        apt::unpack("busybox-static", &tree)?;
    }
    for (series, tree) in kernels {
        apt::unpack(&newest(series)?, &tree)?;
    }
    Ok(())
}

/// The tree of a series' package, unpacked.
pub fn tree(workspace: &Workspace, series: &str) -> PathBuf {
    workspace.tools().join("kernels").join(series)
}

/// The static busybox.
pub fn busybox(workspace: &Workspace) -> PathBuf {
    busybox_tree(workspace).join("bin/busybox")
}

/// The release of the kernel in an unpacked package: what `uname -r` says when it runs.
///
/// # Errors
/// When there are no modules of one release, and so no kernel package.
pub fn release(tree: &Path) -> Result<String> {
    let modules = ["lib/modules", "usr/lib/modules"].map(|dir| tree.join(dir));
    let found = modules.iter().filter_map(|dir| dir.read_dir().ok()).flatten().flatten().next();
    let name = found.and_then(|entry| entry.file_name().into_string().ok());
    name.with_context(|| format!("{} is not an unpacked kernel package: it has no modules", tree.display()))
}

fn busybox_tree(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("busybox")
}

/// How to get them without apt.
fn how(workspace: &Workspace) -> String {
    let mut text = format!("  * Debian's package busybox-static, in {}\n", busybox_tree(workspace).display());
    for series in SERIES {
        let tree = tree(workspace, series);
        text.push_str(&format!(
            "  * a package linux-image-{series}.…-cloud-amd64 of Debian's, in {}\n",
            tree.display()
        ));
    }
    text
}

/// The package of the newest cloud kernel of a series.
fn newest(series: &str) -> Result<String> {
    if let Some(name) = known(series) {
        return Ok(name);
    }
    apt::update()?;
    known(series).with_context(|| {
        format!(
            "the machine's package sources have no linux-image-{series}.…-cloud-amd64. Debian 12 has 6.1 and, among its \
             security updates, 6.12:\n\n    deb http://security.debian.org/debian-security bookworm-security main\n"
        )
    })
}

fn known(series: &str) -> Option<String> {
    let names = Cmd::new("apt-cache").args(["pkgnames", &format!("linux-image-{series}.")]).probe()?;
    let mut cloud: Vec<&str> = names.lines().filter(|name| name.ends_with("-cloud-amd64")).collect();
    cloud.sort_by_key(|name| numbers(name));
    // There are also names that are only mentioned by other packages.
    cloud.into_iter().rev().find(|name| apt::candidate(name).is_some()).map(str::to_owned)
}

/// The numbers in a name, by which versions are compared.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let mut names = ["linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64"];
        names.sort_by_key(|name| numbers(name));
        assert_eq!(names[1], "linux-image-6.1.0-56-cloud-amd64");
        assert!(numbers("linux-image-6.12.9+deb12-cloud-amd64") < numbers("linux-image-6.12.117+deb12-cloud-amd64"));
    }

    #[test]
    fn the_release_is_that_of_the_modules() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let error = release(tree.path()).expect_err("no modules");
        assert!(error.to_string().contains("no modules"), "{error}");
        std::fs::create_dir_all(tree.path().join("lib/modules/6.1.0-56-cloud-amd64")).expect("a folder");
        assert_eq!(release(tree.path()).expect("a release"), "6.1.0-56-cloud-amd64");
    }
}
