//! Where things are in the workspace, and the cargo that builds it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cmd::Cmd;

/// The checked-out workspace.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this xtask was compiled in.
    ///
    /// # Errors
    /// When the folder has been moved or removed since.
    pub fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask is not in a workspace")?;
        let root = root.canonicalize().with_context(|| format!("the workspace {} is gone", root.display()))?;
        Ok(Self { root })
    }

    /// The folder of the workspace's Cargo.toml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Build results; always inside the workspace, so that `.cargo/config.toml` can name the BPF object.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// What `setup` puts there: bpf-linker and BIRD 1.6.8.
    pub fn tools(&self) -> PathBuf {
        self.target().join("tools")
    }

    /// The tree of Debian's `bird` package, unpacked.
    pub fn bird1(&self) -> PathBuf {
        self.tools().join("bird1")
    }

    /// The BPF object that nva-userspace embeds (`NVA_BPF_OBJECT` in `.cargo/config.toml`).
    pub fn bpf_object(&self) -> PathBuf {
        self.target().join("bpf/nva.o")
    }

    /// A program of the release build.
    pub fn release_binary(&self, name: &str) -> PathBuf {
        self.target().join("release").join(name)
    }

    /// The oldest Rust that the workspace supports: `rust-version` of its manifest, which cargo hands to us.
    pub fn oldest_rust() -> &'static str {
        env!("CARGO_PKG_RUST_VERSION")
    }

    /// The cargo that runs us, on this workspace, with the host's toolchain.
    pub fn cargo(&self) -> Cmd {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Cmd::new(cargo)
            .shown_as("cargo")
            .current_dir(&self.root)
            .clean_cargo_env()
            .env("CARGO_TARGET_DIR", self.target())
    }
}
