//! Why a daemon cannot run, or not with another configuration.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::net::Prefix;
use crate::speaker::NeedsRestart;

/// The daemon cannot start, or cannot go on.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}{}", advice(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The kernel's routing cannot be followed.
    #[error("cannot follow the kernel's routing by netlink: {0}")]
    Kernel(#[from] crate::kernel::KernelError),
    /// Nobody follows the kernel's routing any more.
    #[error("the task that follows the kernel's routing ended without a word: restart the daemon")]
    MonitorEnded,
    /// Packets of BFD cannot be received.
    #[error(transparent)]
    BfdListen(#[from] crate::transport::bfd::ListenError),
    /// BFD cannot run.
    #[error("cannot start the thread for BFD: {0}")]
    BfdStart(io::Error),
    /// Sockets cannot be read and written.
    #[error("cannot start the thread for connections: {0}")]
    IoStart(io::Error),
    /// Nobody watches the ways to peers any more.
    #[error("the thread that runs BFD ended without a word: restart the daemon")]
    BfdEnded,
    /// The XDP data plane cannot be used.
    #[error("cannot set up the XDP data plane: {0}")]
    Xdp(#[from] crate::xdp::XdpError),
}

/// A configuration that the daemon cannot go on with; it goes on with the one that it has.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// It takes a restart.
    #[error(transparent)]
    NeedsRestart(#[from] NeedsRestart),
    /// The kernel does not take a password.
    #[error("the kernel refuses the password for {peers}: {source}{}: nothing was changed", advice(.source))]
    Password {
        /// Whose.
        peers: Prefix,
        /// Why.
        source: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another BGP daemon runs here? `ss -ltnp sport = :179` shows which)",
        io::ErrorKind::PermissionDenied => " (run as root, or give the binary CAP_NET_BIND_SERVICE)",
        io::ErrorKind::AddrNotAvailable => " (no interface has this address)",
        io::ErrorKind::OutOfMemory => {
            " (more passwords than one socket may hold? raise the sysctl net.core.optmem_max)"
        }
        _ => "",
    }
}
