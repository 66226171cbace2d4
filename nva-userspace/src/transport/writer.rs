//! The task that writes, and that sends KEEPALIVEs while the connection's owner is busy.

use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::about::About;

/// How late the owner's KEEPALIVE may be before one is sent in its stead.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// How long KEEPALIVEs are sent in the stead of an owner that says nothing: whoever is busy for longer has failed, and
/// its peers are to find out.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// RFC 4271 §4.4: the header alone.
const KEEPALIVE: [u8; 19] = [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

/// What goes ahead of updates.
#[derive(Debug)]
pub(super) struct Urgent {
    /// Whole messages.
    pub octets: Vec<u8>,
    /// How long the connection may be quiet afterwards.
    pub keepalive: Option<Duration>,
}

/// What is sent in the owner's stead.
#[derive(Debug, Default)]
struct StandIn {
    interval: Option<Duration>,
    /// How many KEEPALIVEs may still be sent before the owner has to speak again.
    left: u32,
    /// How many were, and the owner was not told.
    untold: u32,
}

impl StandIn {
    /// The owner has spoken.
    fn renew(&mut self) {
        // At least one: with a long hold time they are further apart than the lease is long.
        let within_lease = |interval: Duration| LEASE.as_millis().div_ceil(interval.as_millis().max(1));
        self.left = self.interval.map_or(0, |interval| u32::try_from(within_lease(interval)).unwrap_or(u32::MAX));
    }

    /// How long the connection may be quiet from now on; only of interest while some are left.
    fn patience(&self) -> Duration {
        self.interval.unwrap_or_default() + GRACE
    }
}

/// Writes, urgent messages first, until the owner closes; what it said last is still said, and waiting updates are not.
///
/// An error is left in `about` for the reader, which tells it once it has read what the peer said before: that may be
/// a NOTIFICATION, which says more than a broken pipe.
pub(super) async fn run(
    mut socket: OwnedWriteHalf,
    urgent: mpsc::UnboundedReceiver<Urgent>,
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
    mut urgent: mpsc::UnboundedReceiver<Urgent>,
    mut updates: mpsc::Receiver<Vec<u8>>,
    about: &About,
) -> io::Result<()> {
    let mut updates_open = true;
    // Whether the owner has to be told of what was written. It may be busy for long, or wait for our end: writing goes on
    // meanwhile, and after its close nobody waits for room any more.
    let mut tell = false;
    let mut stand_in = StandIn::default();
    let mut quiet = pin!(sleep(stand_in.patience()));
    loop {
        tokio::select! {
            biased;
            message = urgent.recv() => match message {
                Some(Urgent { octets, keepalive }) => {
                    socket.write_all(&octets).await?;
                    stand_in.interval = keepalive;
                    stand_in.renew();
                }
                // The owner has closed: what it said last is the last thing to be said (RFC 4271 §4.5), and updates that
                // still wait would only come after it.
                None => return Ok(()),
            },
            () = quiet.as_mut(), if stand_in.left > 0 => {
                socket.write_all(&KEEPALIVE).await?;
                stand_in.left -= 1;
                stand_in.untold += 1;
            }
            room = about.room(), if tell && updates_open => {
                if let Ok(room) = room {
                    room.send(about.writable(std::mem::take(&mut stand_in.untold)));
                }
                tell = false;
                continue;
            }
            octets = updates.recv(), if updates_open => match octets {
                Some(octets) => {
                    socket.write_all(&octets).await?;
                    stand_in.renew();
                }
                None => {
                    updates_open = false;
                    continue;
                }
            },
        }
        tell = true;
        quiet.set(sleep(stand_in.patience()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_says_nothing_is_stood_in_for_for_a_minute() {
        let left = |interval: Option<u64>| {
            let mut stand_in = StandIn { interval: interval.map(Duration::from_secs), ..StandIn::default() };
            stand_in.renew();
            stand_in.left
        };
        assert_eq!([None, Some(1), Some(3), Some(30), Some(21845)].map(left), [0, 60, 20, 2, 1]);
    }
}
