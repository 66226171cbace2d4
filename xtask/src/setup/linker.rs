//! bpf-linker: turns the bitcode of the whole BPF program into one object that the kernel loads.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{LLVM_MAJOR, packages};
use crate::cmd::Cmd;
use crate::toolchain::BpfToolchain;
use crate::workspace::Workspace;

/// The version that is installed, no other.
pub const VERSION: &str = "0.13.0";

/// The pinned version, if `setup` has installed it and it runs (it needs LLVM's shared library).
pub fn find(workspace: &Workspace) -> Option<PathBuf> {
    let path = workspace.tools().join("bin/bpf-linker");
    let version = Cmd::new(&path).arg("--version").probe()?;
    (version.trim() == format!("bpf-linker {VERSION}")).then_some(path)
}

/// Builds it into `target/tools`; with the compiler that it will serve, which is new enough whatever the user's is.
///
/// # Errors
/// When it cannot be downloaded or built.
pub fn install(workspace: &Workspace, toolchain: &BpfToolchain) -> Result<PathBuf> {
    let prefix = packages::llvm_prefix().context("LLVM's development files are missing")?;
    // A folder of our own in place of a temporary one: an interrupted build goes on where it was.
    let build_dir = workspace.target().join("tools-build");
    println!("setup: building bpf-linker {VERSION}, once; a minute or two");
    toolchain
        .cargo(workspace)
        .env("LLVM_PREFIX", prefix)
        .env("CARGO_TARGET_DIR", &build_dir)
        // Its profile asks for full debug information, which nobody here reads, and which takes its time.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .args(["install", "bpf-linker", "--locked", "--force", "--version"])
        .arg(format!("={VERSION}"))
        .args(["--no-default-features", "--features"])
        .arg(format!("llvm-{LLVM_MAJOR}"))
        .arg("--root")
        .arg(workspace.tools())
        .run()?;
    fs::remove_dir_all(&build_dir).with_context(|| format!("cannot remove {}", build_dir.display()))?;
    match find(workspace) {
        Some(path) => Ok(path),
        None => bail!("bpf-linker {VERSION} was installed and does not run"),
    }
}
