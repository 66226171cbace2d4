//! The thread on which connections are opened, read and written.
//!
//! Whoever decides about routes may be busy for a while. Octets that have come are read meanwhile, as far as there is room
//! for them, and KEEPALIVEs are sent.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread; it and its tasks end soon after this.
#[derive(Debug)]
pub struct IoThread {
    runtime: Handle,
    /// Never sent on: the thread sees it go.
    _alive: oneshot::Sender<()>,
}

impl IoThread {
    /// Starts it, in this thread's network namespace.
    pub fn start() -> io::Result<IoThread> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (alive, end) = oneshot::channel::<()>();
        thread::Builder::new().name("nva-io".to_owned()).spawn(move || {
            // An error says that it has gone, and that is what is waited for.
            let _ = runtime.block_on(end);
        })?;
        Ok(IoThread { runtime: handle, _alive: alive })
    }

    /// Where to spawn tasks. What is spawned, and each socket that is made, while it is entered belongs to the thread.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Waits until every connection that has something to read had its turn.
    pub async fn turn(&self) {
        // The sockets are looked at between two turns of a task that yields, and what they woke runs before its next one;
        // that this is the order within the first is not promised.
        let turn = self.runtime.spawn(async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        });
        // It fails if the thread has gone, and then nothing is read any more.
        let _ = turn.await;
    }
}
