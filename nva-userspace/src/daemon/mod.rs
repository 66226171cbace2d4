//! The daemon: one task that owns the speaker, the connections and the data plane, and carries events between them.
//!
//! Everything that the speaker decides happens in this one task; the tasks around it only wait for sockets. Others
//! (the control socket, the lab's route server) look at its state through a [`Handle`].

mod admissions;
pub mod answers;
mod audits;
mod clock;
mod dataplane;
mod discarded;
mod engine;
mod error;
mod handle;
mod listeners;
mod log_limit;
mod neighbours;
mod notices;
mod sessions;

pub use engine::{Daemon, Ending};
pub use error::DaemonError;
pub use handle::{Handle, Reloaded, State};
