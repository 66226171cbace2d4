//! What the project needs of the distribution, what it is called in Debian, and how to tell that it is there.
//!
//! A thing is looked for by its files, so that it may come from anywhere, and so that looking costs no process.

use std::path::{Path, PathBuf};

use super::{LLVM_MAJOR, Level};
use crate::cmd;

/// Debian's compiler with `core` prebuilt for BPF, for when rustup's nightly has no `rust-src`.
pub const BPF_COMPILER: [&str; 3] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];

/// One thing that is needed.
pub struct Package {
    /// The name of Debian's package.
    pub debian: &'static str,
    /// What it is, for a person on another distribution.
    pub what: &'static str,
    /// From which level on it is needed.
    pub level: Level,
    /// Only needed as long as bpf-linker is not built.
    pub for_linker: bool,
    probe: Probe,
}

enum Probe {
    /// A program in `PATH` or in the administrator's folders.
    Program(&'static str),
    /// A file.
    File(&'static str),
    /// The development files of the LLVM that bpf-linker links.
    Llvm,
}

/// Everything, in the order in which it is installed.
pub const PACKAGES: &[Package] = &[
    for_linker(
        "llvm-22-dev",
        "LLVM 22 with its development files, in /usr/lib/llvm-22 or where LLVM_PREFIX says",
        Probe::Llvm,
    ),
    for_linker("g++", "a C++ compiler and its standard library", Probe::Program("c++")),
    package("iproute2", "ip and tc", Level::Demo, Probe::Program("ip")),
    package("iputils-ping", "ping", Level::Demo, Probe::Program("ping")),
    package("ethtool", "ethtool", Level::Demo, Probe::Program("ethtool")),
    package("bird2", "BIRD 2", Level::Test, Probe::File("/usr/sbin/bird")),
    package("frr", "FRR", Level::Test, Probe::File("/usr/lib/frr/bgpd")),
    package("gobgpd", "GoBGP", Level::Test, Probe::Program("gobgpd")),
    package("openbgpd", "OpenBGPD", Level::Test, Probe::Program("bgpctl")),
    package("exabgp", "ExaBGP", Level::Test, Probe::Program("exabgp")),
    package("tshark", "tshark", Level::Test, Probe::Program("tshark")),
    package("iperf3", "iperf3", Level::Test, Probe::Program("iperf3")),
    package("traceroute", "traceroute", Level::Test, Probe::Program("traceroute")),
    package("mtr-tiny", "mtr", Level::Test, Probe::Program("mtr")),
    package("tcpdump", "tcpdump", Level::Test, Probe::Program("tcpdump")),
    package("qemu-system-x86", "qemu for x86", Level::Kernels, Probe::Program("qemu-system-x86_64")),
];

impl Package {
    /// Where it is, if it is there.
    pub fn found(&self) -> Option<String> {
        let path = match self.probe {
            Probe::Program(name) => cmd::find_program(name),
            Probe::File(path) => Path::new(path).is_file().then(|| PathBuf::from(path)),
            Probe::Llvm => llvm_prefix(),
        };
        path.map(|path| path.display().to_string())
    }
}

/// The folder with `bin/llvm-config` of the right LLVM: `LLVM_PREFIX` if set, or Debian's.
pub fn llvm_prefix() -> Option<PathBuf> {
    let given = std::env::var_os("LLVM_PREFIX").map(PathBuf::from);
    let prefix = given.unwrap_or_else(|| PathBuf::from(format!("/usr/lib/llvm-{LLVM_MAJOR}")));
    let headers = prefix.join("include/llvm-c/Core.h");
    (prefix.join("bin/llvm-config").is_file() && headers.is_file()).then_some(prefix)
}

const fn package(debian: &'static str, what: &'static str, level: Level, probe: Probe) -> Package {
    Package { debian, what, level, for_linker: false, probe }
}

const fn for_linker(debian: &'static str, what: &'static str, probe: Probe) -> Package {
    Package { debian, what, level: Level::Build, for_linker: true, probe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_packages_name_agrees_with_the_version() {
        assert!(PACKAGES.iter().any(|package| package.debian == format!("llvm-{LLVM_MAJOR}-dev")));
    }

    #[test]
    fn a_program_is_found_by_its_path() {
        let shell = package("dash", "a shell", Level::Build, Probe::Program("sh"));
        assert!(shell.found().is_some_and(|path| path.ends_with("/sh")));
        let none = package("none", "nothing", Level::Build, Probe::File("/nonexistent/nothing"));
        assert_eq!(none.found(), None);
    }
}
