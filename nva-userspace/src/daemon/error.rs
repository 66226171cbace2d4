//! Why a daemon cannot run.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

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
    /// The XDP data plane cannot be used.
    #[error("cannot set up the XDP data plane: {0}")]
    Xdp(#[from] crate::xdp::XdpError),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another BGP daemon runs here? `ss -ltnp sport = :179` shows which)",
        io::ErrorKind::PermissionDenied => " (run as root, or give the binary CAP_NET_BIND_SERVICE)",
        io::ErrorKind::AddrNotAvailable => " (no interface has this address)",
        _ => "",
    }
}
