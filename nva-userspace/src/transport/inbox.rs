//! What has come over each connection and waits to be looked at.
//!
//! Each connection has a queue of its own, of a few messages; then it is not read any further. Their owner takes one
//! from each in turn, so that a peer that floods us delays the others by its own messages and no more.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::stream::{SelectAll, Stream, StreamExt};
use tokio::sync::mpsc;

use super::TransportEvent;

/// Events of one connection that wait before reading stops.
pub const READ_AHEAD: usize = 8;

/// The queues of all connections.
#[derive(Default)]
pub struct Inboxes {
    queues: SelectAll<Inbox>,
}

/// One connection's queue; its end is not told.
struct Inbox(mpsc::Receiver<TransportEvent>);

impl Stream for Inbox {
    type Item = TransportEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TransportEvent>> {
        self.0.poll_recv(context)
    }
}

impl Inboxes {
    /// A queue for one more connection.
    pub fn open(&mut self) -> mpsc::Sender<TransportEvent> {
        let (events, told) = mpsc::channel(READ_AHEAD);
        self.queues.push(Inbox(told));
        events
    }

    /// The next event of whoever's turn it is; `None` while there are no connections.
    pub async fn next(&mut self) -> Option<TransportEvent> {
        self.queues.next().await
    }

    /// The same, if there is one already.
    pub fn try_next(&mut self) -> Option<TransportEvent> {
        // Told to wait by its scheduler, it would look as if nothing were there.
        tokio::task::coop::unconstrained(self.queues.next()).now_or_never().flatten()
    }

    /// How many connections there are, those included that are about to end.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}
