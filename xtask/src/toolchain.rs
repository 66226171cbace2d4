//! Which Rust compiler builds the BPF object.
//!
//! `bpfel-unknown-none` has no prebuilt `core` at rustup. Two compilers can build for it all the same: rustup's nightly,
//! if its `rust-src` component is there (`-Z build-std=core`), and Debian's `rustc-web`, for which Debian packages a
//! prebuilt `core`. Either's LLVM may be at most as new as bpf-linker's, which reads the bitcode.

use std::path::{Path, PathBuf};

use crate::cmd::Cmd;
use crate::setup::LLVM_MAJOR;
use crate::workspace::Workspace;

/// The target of the BPF object: every machine that we run on is little-endian.
pub const BPF_TARGET: &str = "bpfel-unknown-none";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// A compiler that can build for BPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BpfToolchain {
    /// rustup's nightly with `rust-src`; `core` is built along with the object.
    Nightly {
        /// As the compiler prints it.
        version: RustcVersion,
    },
    /// A compiler of the distribution with `core` prebuilt for BPF.
    Prebuilt {
        /// As the compiler prints it.
        version: RustcVersion,
    },
}

impl BpfToolchain {
    /// The first one that will do; otherwise why each will not.
    pub fn find() -> Result<Self, Vec<String>> {
        let mut reasons = Vec::new();
        for candidate in [find_nightly, find_prebuilt] {
            match candidate() {
                Ok(toolchain) => return Ok(toolchain),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons)
    }

    /// Its cargo, without anything that would make it use another compiler, and with a target folder of its own.
    pub fn cargo(&self, workspace: &Workspace) -> Cmd {
        let cmd = match self {
            Self::Nightly { .. } => Cmd::new("rustup").args(["run", "nightly", "cargo"]).env_remove("RUSTC"),
            Self::Prebuilt { .. } => {
                // Without RUSTC, cargo would take the rustc that is first in PATH: rustup's.
                Cmd::new(DEBIAN_CARGO).env("RUSTC", DEBIAN_RUSTC)
            }
        };
        let foreign = ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"];
        let cmd = foreign.into_iter().fold(cmd.clean_cargo_env(), Cmd::env_remove);
        cmd.current_dir(workspace.root())
    }
}

impl std::fmt::Display for BpfToolchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nightly { version } => write!(f, "rustup's nightly with rust-src: {version}"),
            Self::Prebuilt { version } => write!(f, "rustc with the BPF target: {DEBIAN_RUSTC} {version}"),
        }
    }
}

/// What `rustc -vV` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RustcVersion {
    /// The first line without the word `rustc`.
    pub text: String,
    /// For example `(1, 96)`.
    pub release: (u32, u32),
    /// The major version of its LLVM.
    pub llvm: u32,
}

impl RustcVersion {
    fn parse(output: &str) -> Option<Self> {
        let text = output.lines().next()?.trim().strip_prefix("rustc ")?.to_owned();
        let field = |name: &str| output.lines().find_map(|line| line.strip_prefix(name));
        let release = parse_release(field("release: ")?)?;
        let llvm = field("LLVM version: ")?.split('.').next()?.trim().parse().ok()?;
        Some(Self { text, release, llvm })
    }

    fn check(self) -> Result<Self, String> {
        let oldest = Workspace::oldest_rust();
        if parse_release(oldest).is_some_and(|oldest| self.release < oldest) {
            return Err(format!("rustc {} is older than Rust {oldest}", self.text));
        }
        if self.llvm > LLVM_MAJOR {
            return Err(format!("rustc {} has LLVM {}, newer than bpf-linker's {LLVM_MAJOR}", self.text, self.llvm));
        }
        Ok(self)
    }
}

impl std::fmt::Display for RustcVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, LLVM {}", self.text, self.llvm)
    }
}

/// The first two numbers of a version.
pub fn parse_release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split(['.', '-', '+']).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn find_nightly() -> Result<BpfToolchain, String> {
    // `rustup run` without `--install` never downloads a toolchain.
    let rustc = || Cmd::new("rustup").args(["run", "nightly", "rustc"]).env_remove("RUSTUP_TOOLCHAIN");
    let sysroot = rustc().args(["--print", "sysroot"]).probe().ok_or("rustup has no nightly toolchain")?;
    if !Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file() {
        return Err("rustup's nightly has no rust-src component".to_owned());
    }
    let output = rustc().arg("-vV").probe().ok_or("rustup's nightly does not run")?;
    let version = RustcVersion::parse(&output).ok_or("rustup's nightly does not say its version")?;
    Ok(BpfToolchain::Nightly { version: version.check()? })
}

fn find_prebuilt() -> Result<BpfToolchain, String> {
    if !Path::new(DEBIAN_CARGO).is_file() {
        return Err(format!("there is no {DEBIAN_CARGO}"));
    }
    let rustc = || Cmd::new(DEBIAN_RUSTC);
    let libraries = rustc().args(["--print", "target-libdir", "--target", BPF_TARGET]).probe();
    let libraries = PathBuf::from(libraries.ok_or_else(|| format!("there is no {DEBIAN_RUSTC} that runs"))?.trim());
    if !has_core(&libraries) {
        return Err(format!("{DEBIAN_RUSTC} has no prebuilt core for {BPF_TARGET}"));
    }
    let output = rustc().arg("-vV").probe().ok_or_else(|| format!("{DEBIAN_RUSTC} does not run"))?;
    let version = RustcVersion::parse(&output).ok_or_else(|| format!("{DEBIAN_RUSTC} does not say its version"))?;
    Ok(BpfToolchain::Prebuilt { version: version.check()? })
}

fn has_core(libraries: &Path) -> bool {
    let Ok(entries) = libraries.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\nbinary: rustc\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8\n";

    #[test]
    fn reads_a_compilers_version() {
        let version = RustcVersion::parse(DEBIAN).expect("a complete version");
        assert_eq!((version.release, version.llvm), ((1, 96), 22));
        assert_eq!(version.to_string(), "1.96.0 (ac68faa20 2026-05-25) (built from a source tarball), LLVM 22");
        assert_eq!(RustcVersion::parse("rustc 1.96.0\n"), None);
    }

    #[test]
    fn refuses_what_is_too_old_or_too_new() {
        let version = |release, llvm| RustcVersion { text: "x".to_owned(), release, llvm };
        assert!(version((1, 96), LLVM_MAJOR).check().is_ok());
        assert!(version((1, 85), LLVM_MAJOR).check().expect_err("too old").contains("older than Rust"));
        assert!(version((1, 99), LLVM_MAJOR + 1).check().expect_err("too new").contains("newer than bpf-linker's"));
    }

    #[test]
    fn releases_compare_as_numbers() {
        assert!(parse_release("1.9") < parse_release("1.88.0-nightly"));
        assert_eq!(parse_release("one"), None);
    }
}
