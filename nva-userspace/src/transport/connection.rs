//! One connection: its handle, and the two tasks behind it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::about::About;
use super::inbox::Inbox;
use super::writer::Urgent;
use super::{Endpoints, Ttl, reader, socket, writer};
use crate::fsm::ConnectionId;
use crate::packet::MAX_MESSAGE;
use crate::route::PeerId;

/// Buffers of updates that wait for the socket.
pub(super) const WRITE_AHEAD: usize = 4;

/// How long a closed connection may take over its last words (a NOTIFICATION), until the peer has closed, too.
const LINGER: Duration = Duration::from_secs(3);

/// The handle of a connection; dropping it cuts the connection at once.
#[derive(Debug)]
pub struct Connection {
    /// The two ends.
    pub endpoints: Endpoints,
    peer: PeerId,
    urgent: mpsc::UnboundedSender<Urgent>,
    updates: mpsc::Sender<Vec<u8>>,
    /// The longest message that is taken for one.
    longest: Arc<AtomicUsize>,
    /// Never sent on: the reader sees it go when the connection is closed.
    open: oneshot::Sender<()>,
    /// The reader and the writer, which end with this.
    tasks: JoinSet<()>,
}

impl Connection {
    /// Takes over a connected socket, and tells about it in `inbox`.
    ///
    /// Unless the handle is dropped or closed before, [`TransportEvent::Closed`](super::TransportEvent::Closed) is told exactly once, after everything
    /// that the peer had sent.
    pub fn start(
        id: ConnectionId,
        peer: PeerId,
        stream: TcpStream,
        endpoints: Endpoints,
        ttl: Ttl,
        inbox: Inbox,
    ) -> io::Result<Connection> {
        socket::prepare(&(&stream).into(), endpoints.remote_address(), ttl)?;
        let (read, write) = stream.into_split();
        let (urgent, urgent_queue) = mpsc::unbounded_channel();
        let (updates, update_queue) = mpsc::channel(WRITE_AHEAD);
        let (open, closing) = oneshot::channel();
        let about = About { peer, id, inbox, write_error: Arc::new(OnceLock::new()) };
        let longest = Arc::new(AtomicUsize::new(MAX_MESSAGE));
        let mut tasks = JoinSet::new();
        tasks.spawn(reader::run(read, closing, Arc::clone(&longest), about.clone()));
        tasks.spawn(writer::run(write, urgent_queue, update_queue, about));
        Ok(Connection { endpoints, peer, urgent, updates, longest, open, tasks })
    }

    /// Whose connection it is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Messages of up to so many octets are taken from now on: 4096 before the first call. To be set before the peer
    /// is told that it may send them.
    pub fn take_up_to(&self, octets: usize) {
        self.longest.store(octets, Ordering::Relaxed);
    }

    /// Sends whole messages ahead of all updates that wait. There are few of these (a session's own messages), so
    /// their queue has no bound.
    ///
    /// From now on, and until the next call or update, a KEEPALIVE is sent whenever nothing else was for a little more than
    /// `keepalive`; for a minute at most, so that an owner who will never speak again does not live on in the eyes of
    /// the peer.
    pub fn send(&self, octets: Vec<u8>, keepalive: Option<Duration>) {
        // Where the writer is gone TransportEvent::Closed is on its way.
        let _ = self.urgent.send(Urgent { octets, keepalive });
    }

    /// Room for one buffer of updates; `None` while the peer does not read: [`TransportEvent::Writable`](super::TransportEvent::Writable) tells when.
    pub fn reserve(&self) -> Option<mpsc::Permit<'_, Vec<u8>>> {
        self.updates.try_reserve().ok()
    }

    /// Ends the connection once what was sent is out and the peer has closed, too, and says no more about it than was
    /// on its way already. The task ends when that is done, or took too long.
    pub fn close(self) -> JoinHandle<()> {
        self.close_within(LINGER)
    }

    pub(super) fn close_within(self, linger: Duration) -> JoinHandle<()> {
        let Connection { urgent, updates, open, mut tasks, .. } = self;
        drop((urgent, updates, open));
        tokio::spawn(async move {
            let ended = async { while tasks.join_next().await.is_some() {} };
            // The tasks that are left end with their set.
            let _ = tokio::time::timeout(linger, ended).await;
        })
    }
}
