//! `cargo xtask setup`: finds what is missing on the machine and installs it. It may be run again at any time.
//!
//! Packages come from Debian by apt; bpf-linker, BIRD 1.6.8, which Debian cannot install beside BIRD 2, and other kernels go
//! into `target/tools`. On another distribution, or without root, it says what is missing and how to get it, and stops.

mod apt;
mod bird1;
mod components;
pub mod kernels;
mod linker;
mod os;
mod packages;
mod services;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::cmd;
use crate::toolchain::BpfToolchain;
use crate::workspace::Workspace;
use os::Distribution;
use packages::Package;

/// The LLVM that bpf-linker is built with: bitcode of a newer one cannot be read.
pub const LLVM_MAJOR: u32 = 22;

/// What the machine is to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Building the BPF object and the programs
    Build,
    /// Also the lab and the demo
    Demo,
    /// Also BIRD 1.6.8, in place of `nva` in the lab
    DemoBird,
    /// Also the tests with other BGP daemons
    Test,
    /// Also booting other kernels in qemu
    Kernels,
}

/// What setting up found or made.
pub struct Ready {
    /// The compiler for the BPF object.
    pub toolchain: BpfToolchain,
    /// The linker for it.
    pub bpf_linker: PathBuf,
}

/// Makes the machine ready, or says what is to be done.
///
/// # Errors
/// When something is missing and cannot be installed: the message is the list of what to do.
pub fn run(workspace: &Workspace, level: Level) -> Result<Ready> {
    services::remove_stale_policy();
    let distribution = Distribution::detect();
    let linker_there = linker::find(workspace);
    let toolchain = install_packages(workspace, &distribution, level, linker_there.is_none())?;
    println!("setup: {toolchain}");
    let bpf_linker = match linker_there {
        Some(path) => path,
        None => linker::install(workspace, &toolchain)?,
    };
    println!("setup: bpf-linker {} with LLVM {LLVM_MAJOR}: {}", linker::VERSION, bpf_linker.display());
    if level >= Level::Test {
        components::install(workspace)?;
    }
    if level >= Level::DemoBird {
        bird1::install(workspace, &distribution)?;
        println!("setup: BIRD {}: {}", bird1::VERSION, workspace.bird1().display());
    }
    if level >= Level::Kernels {
        kernels::install(workspace, &distribution)?;
        for series in kernels::SERIES {
            println!("setup: Linux {}", kernels::release(&kernels::tree(workspace, series))?);
        }
    }
    for package in packages::PACKAGES.iter().filter(|package| package.level <= level && package.level > Level::Build) {
        println!("setup: {}: {}", package.what, package.found().unwrap_or_default());
    }
    Ok(Ready { toolchain, bpf_linker })
}

fn install_packages(
    workspace: &Workspace,
    distribution: &Distribution,
    level: Level,
    need_llvm: bool,
) -> Result<BpfToolchain> {
    let toolchain = BpfToolchain::find();
    let missing: Vec<&Package> = packages::PACKAGES
        .iter()
        .filter(|package| package.level <= level && (need_llvm || !package.for_linker) && package.found().is_none())
        .collect();
    if let Ok(toolchain) = &toolchain
        && missing.is_empty()
    {
        return Ok(toolchain.clone());
    }
    let mut names: Vec<&str> = missing.iter().map(|package| package.debian).collect();
    if let Err(reasons) = &toolchain {
        println!("setup: no compiler for BPF yet: {}", reasons.join("; "));
        names.splice(0..0, packages::BPF_COMPILER);
    }
    if !distribution.is_debian_like() {
        let mut text = other_distribution(distribution, toolchain.as_ref().err(), &missing);
        if level >= Level::DemoBird && !bird1::is_there(workspace) {
            text.push_str(&bird1::how(workspace));
        }
        bail!("{text}");
    }
    if !cmd::is_root() {
        bail!("{}", without_root(&names));
    }
    println!("setup: missing: {}", names.join(" "));
    apt::install(&names)?;
    if let Some(package) = missing.iter().find(|package| package.found().is_none()) {
        bail!("apt-get installed {}, and yet there is no {}", package.debian, package.what);
    }
    match toolchain.or_else(|_| BpfToolchain::find()) {
        Ok(toolchain) => Ok(toolchain),
        Err(reasons) => bail!("there is no compiler for BPF: {}\n\n{}", reasons.join("; "), apt::ADVICE),
    }
}

fn without_root(names: &[&str]) -> String {
    format!(
        "packages are missing and only root can install them. Run this as root, then the same command again:\n\n    \
         apt-get update && apt-get install --no-install-recommends {}\n",
        names.join(" ")
    )
}

fn other_distribution(distribution: &Distribution, reasons: Option<&Vec<String>>, missing: &[&Package]) -> String {
    let mut text =
        format!("{distribution} is not Debian or Ubuntu: please install this, then run the command again\n\n");
    if let Some(reasons) = reasons {
        text.push_str(&format!("  * a compiler for BPF ({}):\n", reasons.join("; ")));
        text.push_str("    rustup toolchain install nightly --profile minimal --component rust-src\n");
    }
    for package in missing {
        text.push_str(&format!("  * {} (Debian's package {})\n", package.what, package.debian));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_root_it_names_the_command() {
        let text = without_root(&["rustc-web", "llvm-22-dev"]);
        assert!(text.contains("apt-get install --no-install-recommends rustc-web llvm-22-dev\n"), "{text}");
    }

    #[test]
    fn elsewhere_it_names_each_thing() {
        let fedora = Distribution::parse("ID=fedora\nPRETTY_NAME=\"Fedora Linux 44\"\n");
        let missing: Vec<&Package> = packages::PACKAGES.iter().collect();
        let text = other_distribution(&fedora, Some(&vec!["rustup has no nightly toolchain".to_owned()]), &missing);
        for part in ["Fedora Linux 44 is not Debian", "no nightly toolchain", "rust-src", "LLVM 22", "tshark"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn levels_include_those_before() {
        assert!(Level::Build < Level::Demo && Level::Demo < Level::DemoBird && Level::DemoBird < Level::Test);
        assert!(Level::Test < Level::Kernels);
    }
}
