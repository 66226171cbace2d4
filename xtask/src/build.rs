//! `cargo xtask build`: the BPF object, then the programs; nothing is built again that has not changed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::setup::{self, Level};
use crate::toolchain::{BPF_TARGET, BpfToolchain};
use crate::workspace::Workspace;

/// Sets up what building needs, and builds everything in the release profile.
///
/// # Errors
/// The first command that fails.
pub fn run(workspace: &Workspace) -> Result<()> {
    let ready = setup::run(workspace, Level::Build)?;
    all(workspace, &ready)
}

/// Builds everything with a toolchain that is there already.
///
/// # Errors
/// The first command that fails.
pub fn all(workspace: &Workspace, ready: &setup::Ready) -> Result<()> {
    bpf_object(workspace, &ready.toolchain, &ready.bpf_linker)?;
    // One command, so that both share one build of the library and of every dependency.
    workspace.cargo().args(["build", "--release", "--package", "nva-userspace", "--package", "nva-tests"]).run()
}

fn bpf_object(workspace: &Workspace, toolchain: &BpfToolchain, linker: &Path) -> Result<()> {
    let build_dir = workspace.target().join("bpf-build");
    // No BTF: the prebuilt core's memory functions come without types, and the kernel refuses BTF with a hole in it.
    let linker = format!("-Clinker={}", linker.display());
    let cargo = toolchain.cargo(workspace).env("CARGO_ENCODED_RUSTFLAGS", linker);
    let cargo = match toolchain {
        BpfToolchain::Nightly { .. } => cargo.args(["build", "-Zbuild-std=core"]),
        // aya-ebpf needs unstable features: assembly for an experimental architecture, among others.
        BpfToolchain::Prebuilt { .. } => cargo.env("RUSTC_BOOTSTRAP", "1").arg("build"),
    };
    cargo.args(["--package", "nva-ebpf", "--release", "--target", BPF_TARGET, "--target-dir"]).arg(&build_dir).run()?;
    copy_if_changed(&build_dir.join(BPF_TARGET).join("release/nva-ebpf"), &workspace.bpf_object())
}

/// Leaves the time of the file alone if the content is the same: `nva` is built again only for a new object.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read the BPF object {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let dir = to.parent().context("the BPF object has no folder")?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(to, new).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_object_keeps_its_time() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (dir.path().join("built"), dir.path().join("bpf/nva.o"));
        fs::write(&from, "one").expect("write");
        copy_if_changed(&from, &to).expect("the first copy");
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs::File::open(&to).and_then(|file| file.set_modified(long_ago)).expect("set the time");

        copy_if_changed(&from, &to).expect("nothing to copy");
        assert_eq!(fs::metadata(&to).and_then(|m| m.modified()).expect("a time"), long_ago);

        fs::write(&from, "two").expect("write");
        copy_if_changed(&from, &to).expect("a new object");
        assert_eq!(fs::read(&to).expect("the copy"), b"two");
        assert_ne!(fs::metadata(&to).and_then(|m| m.modified()).expect("a time"), long_ago);
    }
}
