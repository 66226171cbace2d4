//! What has come over each connection and waits to be looked at.
//!
//! Each connection has a queue of its own, of a few messages; then it is not read any further. Their owner takes one
//! from each in turn, so that a peer that floods us delays the others by its own messages and no more.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::stream::{Select, SelectAll, Stream, StreamExt, select};
use tokio::sync::mpsc;

use super::TransportEvent;

/// Messages of one connection that wait before reading stops.
pub const READ_AHEAD: usize = 8;

/// The queues of all connections.
#[derive(Default)]
pub struct Inboxes {
    connections: SelectAll<Select<Queue, Queue>>,
}

/// Where one connection's tasks tell about it. What is written takes no room from what is read: else a peer that spoke in
/// time would look silent while much is sent to it.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// What the reader tells.
    pub(super) read: mpsc::Sender<TransportEvent>,
    /// What the writer tells.
    pub(super) written: mpsc::Sender<TransportEvent>,
}

/// One queue; its end is not told.
pub(super) struct Queue(mpsc::Receiver<TransportEvent>);

impl Stream for Queue {
    type Item = TransportEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TransportEvent>> {
        self.0.poll_recv(context)
    }
}

/// An inbox for so many messages, and what comes out of it: from what is read and from what is written in turn.
pub(super) fn inbox(read_ahead: usize) -> (Inbox, Select<Queue, Queue>) {
    let (read, was_read) = mpsc::channel(read_ahead);
    let (written, was_written) = mpsc::channel(1);
    (Inbox { read, written }, select(Queue(was_read), Queue(was_written)))
}

impl Inboxes {
    /// An inbox for one more connection.
    pub fn open(&mut self) -> Inbox {
        let (inbox, told) = inbox(READ_AHEAD);
        self.connections.push(told);
        inbox
    }

    /// The next event of whoever's turn it is; `None` while there are no connections.
    pub async fn next(&mut self) -> Option<TransportEvent> {
        self.connections.next().await
    }

    /// The same, if there is one already.
    pub fn try_next(&mut self) -> Option<TransportEvent> {
        // Told to wait by its scheduler, it would look as if nothing were there.
        tokio::task::coop::unconstrained(self.connections.next()).now_or_never().flatten()
    }

    /// How many connections there are, those included that are about to end.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsm::ConnectionId;
    use crate::route::PeerId;

    #[test]
    fn what_is_written_leaves_room_for_what_is_read() {
        let (peer, connection) = (PeerId(1), ConnectionId(2));
        let mut inboxes = Inboxes::default();
        let inbox = inboxes.open();
        while inbox.written.try_send(TransportEvent::Writable { peer, connection, stood_in: 0 }).is_ok() {}
        let message = || TransportEvent::Received { peer, connection, frame: Ok(Vec::new()) };
        let messages = (0..).take_while(|_| inbox.read.try_send(message()).is_ok()).count();
        assert_eq!(messages, READ_AHEAD);
        let told: Vec<TransportEvent> = std::iter::from_fn(|| inboxes.try_next()).collect();
        let written = told.iter().position(|event| matches!(event, TransportEvent::Writable { .. }));
        // Neither waits for the end of the other.
        assert!(written.is_some_and(|at| at <= 1), "{told:?}");
        assert_eq!(told.len(), READ_AHEAD + 1);
    }
}
