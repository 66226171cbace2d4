//! The task that writes.

use std::io;
use std::net::Shutdown;

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::about::About;

/// Writes, urgent messages first, until the owner closes; what it said last is still said, and waiting updates are not.
///
/// An error is left in `about` for the reader, which tells it once it has read what the peer said before: that may be
/// a NOTIFICATION, which says more than a broken pipe.
pub(super) async fn run(
    mut socket: OwnedWriteHalf,
    urgent: mpsc::UnboundedReceiver<Vec<u8>>,
    updates: mpsc::Receiver<Vec<u8>>,
    about: About,
) {
    let ended = match write_queues(&mut socket, urgent, updates, &about).await {
        Ok(()) => socket.shutdown().await,
        Err(error) => {
            // Set here alone, so that it is empty.
            let _ = about.write_error.set(error.to_string());
            SockRef::from(socket.as_ref()).shutdown(Shutdown::Both)
        }
    };
    // It fails where the connection is over already.
    drop(ended);
}

async fn write_queues(
    socket: &mut OwnedWriteHalf,
    mut urgent: mpsc::UnboundedReceiver<Vec<u8>>,
    mut updates: mpsc::Receiver<Vec<u8>>,
    about: &About,
) -> io::Result<()> {
    let mut updates_open = true;
    // Whether the owner has to be told of room. It may be busy for long, or wait for our end: writing goes on
    // meanwhile, and after its close nobody waits for room any more.
    let mut tell = false;
    loop {
        tokio::select! {
            biased;
            octets = urgent.recv() => match octets {
                Some(octets) => socket.write_all(&octets).await?,
                // The owner has closed: what it said last is the last thing to be said (RFC 4271 §4.5), and updates that
                // still wait would only come after it.
                None => return Ok(()),
            },
            room = about.events.reserve(), if tell && updates_open => {
                if let Ok(room) = room {
                    room.send(about.writable());
                }
                tell = false;
            }
            octets = updates.recv(), if updates_open => match octets {
                Some(octets) => {
                    socket.write_all(&octets).await?;
                    tell = true;
                }
                None => updates_open = false,
            },
        }
    }
}
