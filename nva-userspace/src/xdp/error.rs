//! What can go wrong with the data plane.

use std::io;
use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use thiserror::Error;

use crate::net::Prefix;

/// The data plane could not do something.
#[derive(Debug, Error)]
pub enum XdpError {
    /// bpffs could not be mounted, or a file in it not be handled.
    #[error("{action} {path}: {source}")]
    BpfFs {
        /// What was tried: "mount bpffs at".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A map of a former process is not what this version would make.
    #[error(
        "the pinned map {path} is {found}, and this version wants {wanted}: `nva xdp detach` removes it (forwarding falls \
         back to the kernel)"
    )]
    Layout {
        /// Where it is pinned.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// The object could not be loaded.
    #[error("load the BPF object: {0}")]
    Load(#[from] EbpfError),
    /// The object lacks something that this version needs.
    #[error("the BPF object has no {0}: it is of another version")]
    Missing(&'static str),
    /// A program was refused, by the verifier or for want of a privilege.
    #[error("load the XDP program {name}: {source}")]
    Program {
        /// Its name.
        name: &'static str,
        /// Why.
        source: ProgramError,
    },
    /// A map could not be read or written.
    #[error("map {name}: {source}")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: MapError,
    },
    /// A map could not be mapped into memory.
    #[error("map {name} into memory: {source}")]
    Mapping {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// An interface could not be attached to, neither in native nor in generic mode.
    #[error("attach XDP to {interface}: {source} (links need Linux 5.9 or later)")]
    Attach {
        /// Its name.
        interface: String,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else's XDP program is there.
    #[error(
        "attach XDP to {interface}: another XDP program is attached to it (`ip link show dev {interface}` names it)"
    )]
    Busy {
        /// The interface's name.
        interface: String,
    },
    /// The interface's index is beyond the tables.
    #[error("attach XDP to {interface}: its index {index} is not from 1 to {max}")]
    InterfaceIndex {
        /// The interface's name.
        interface: String,
        /// Its index.
        index: u32,
        /// The largest possible.
        max: u32,
    },
    /// The kernel refused a request about a link, a device or memory.
    #[error("{request}: {source}")]
    Kernel {
        /// What was asked of it.
        request: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A capture was to be loaded over maps that are not those of the programs that run.
    #[error("the pinned maps in {directory} are not those of the running programs any more: restart the daemon")]
    Unpinned {
        /// Where they should be.
        directory: PathBuf,
    },
    /// No packet can be in prefixes of both families.
    #[error("{one} and {other} are of two families: no packet has addresses of both")]
    TwoFamilies {
        /// One of them.
        one: Prefix,
        /// Another.
        other: Prefix,
    },
    /// The debug samples' ring could not be set up.
    #[error("read debug samples: {0}")]
    Samples(#[from] aya_log::Error),
}
