//! `cargo xtask build`: the BPF object, then the programs; nothing is built again that has not changed.

use std::fs;
use std::path::{Path, PathBuf};

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
    bpf_object(workspace, ready)?;
    // One command, so that both share one build of the library and of every dependency.
    workspace.cargo().args(["build", "--release", "--package", "nva-userspace", "--package", "nva-tests"]).run()
}

/// Builds the object of the XDP programs, which `nva` embeds.
fn bpf_object(workspace: &Workspace, ready: &setup::Ready) -> Result<()> {
    let object = bpf_program(workspace, ready, "nva-ebpf")?;
    copy_if_changed(&object, &workspace.bpf_object())
}

/// Builds one of the BPF crate's objects, and says where it is.
///
/// # Errors
/// When it cannot be built.
pub fn bpf_program(workspace: &Workspace, ready: &setup::Ready, name: &str) -> Result<PathBuf> {
    let build_dir = workspace.target().join("bpf-build");
    // No BTF: the prebuilt core's memory functions come without types, and the kernel refuses BTF with a hole in it.
    let linker = format!("-Clinker={}", ready.bpf_linker.display());
    let cargo = ready.toolchain.cargo(workspace).env("CARGO_ENCODED_RUSTFLAGS", linker);
    let cargo = match ready.toolchain {
        BpfToolchain::Nightly { .. } => cargo.args(["build", "-Zbuild-std=core"]),
        // aya-ebpf needs unstable features: assembly for an experimental architecture, among others.
        BpfToolchain::Prebuilt { .. } => cargo.env("RUSTC_BOOTSTRAP", "1").arg("build"),
    };
    let cargo = cargo.args(["--package", "nva-ebpf", "--bin", name, "--release", "--target", BPF_TARGET]);
    cargo.arg("--target-dir").arg(&build_dir).run()?;
    Ok(build_dir.join(BPF_TARGET).join("release").join(name))
}

/// Builds a program of tests or benchmarks, `kind`, by these arguments of cargo's, and says where it is.
///
/// # Errors
/// When it cannot be built.
pub fn program_of(workspace: &Workspace, args: &[&str], kind: &str) -> Result<PathBuf> {
    let build = || workspace.cargo().args(args).arg("--no-run");
    build().run()?;
    let messages = build().arg("--message-format=json").probe().context("cargo does not say what it has built")?;
    executable(&messages, kind).with_context(|| format!("`cargo {}` has built no program", args.join(" ")))
}

/// The one program of this kind in cargo's messages, which are lines of JSON.
fn executable(messages: &str, kind: &str) -> Option<PathBuf> {
    let kind = format!("\"kind\":[\"{kind}\"]");
    let programs = messages.lines().filter(|line| line.contains(&kind));
    let mut paths = programs.filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    paths.next().map(|(path, _)| PathBuf::from(path))
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

    #[test]
    fn the_program_is_found_in_cargos_messages() {
        let library =
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"nva_tests"},"executable":null}"#;
        let program = r#"{"target":{"kind":["bin"],"name":"nva-lab"},"executable":"/t/release/nva-lab"}"#;
        let tests = r#"{"target":{"kind":["test"],"name":"dataplane"},"executable":"/t/release/deps/dataplane-1f"}"#;
        let messages = [library, program, tests].join("\n");
        assert_eq!(executable(&messages, "test"), Some(PathBuf::from("/t/release/deps/dataplane-1f")));
        assert_eq!(executable(&messages, "bench"), None);
        assert_eq!(executable(library, "lib"), None);
    }
}
