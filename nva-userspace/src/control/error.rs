//! Why a running daemon cannot be asked.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The control socket, or who answers on it, failed.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Nobody answers.
    #[error("no daemon answers on {}: {source} ({})", path.display(), hint(source))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot open the control socket {}: {source}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon is there.
    #[error("another daemon answers on {}: stop it, or set [router] control-socket to another path", path.display())]
    Occupied {
        /// The socket.
        path: PathBuf,
    },
    /// The conversation broke off.
    #[error("the control connection broke: {0}")]
    Io(#[from] io::Error),
    /// What came is not what we understand.
    #[error(
        "the control connection carried something else than expected ({0}): are nva and the daemon of one version?"
    )]
    Json(#[from] serde_json::Error),
    /// The daemon says no.
    #[error("{0}")]
    Refused(String),
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "the socket is for the user that runs the daemon alone: ask as that user",
        _ => "is `nva run` running? --socket names another",
    }
}
