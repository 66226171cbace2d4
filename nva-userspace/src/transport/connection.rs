//! One connection: its handle, and the two tasks behind it.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::about::About;
use super::{Endpoints, TransportEvent, reader, socket, writer};
use crate::fsm::ConnectionId;
use crate::route::PeerId;

/// Events of all connections together that wait to be handled before reading stops.
pub const READ_AHEAD: usize = 256;

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
    urgent: mpsc::UnboundedSender<Vec<u8>>,
    updates: mpsc::Sender<Vec<u8>>,
    /// Never sent on: the reader sees it go when the connection is closed.
    open: oneshot::Sender<()>,
    /// The reader and the writer, which end with this.
    tasks: JoinSet<()>,
}

impl Connection {
    /// Takes over a connected socket, and tells about it on `events`.
    ///
    /// Unless the handle is dropped or closed before, [`TransportEvent::Closed`] is told exactly once, after everything
    /// that the peer had sent.
    pub fn start(
        id: ConnectionId,
        peer: PeerId,
        stream: TcpStream,
        endpoints: Endpoints,
        multihop: Option<u8>,
        events: mpsc::Sender<TransportEvent>,
    ) -> io::Result<Connection> {
        socket::prepare(&(&stream).into(), endpoints.remote_address(), multihop)?;
        let (read, write) = stream.into_split();
        let (urgent, urgent_queue) = mpsc::unbounded_channel();
        let (updates, update_queue) = mpsc::channel(WRITE_AHEAD);
        let (open, closing) = oneshot::channel();
        let about = About { peer, id, events, write_error: Arc::new(OnceLock::new()) };
        let mut tasks = JoinSet::new();
        tasks.spawn(reader::run(read, closing, about.clone()));
        tasks.spawn(writer::run(write, urgent_queue, update_queue, about));
        Ok(Connection { endpoints, peer, urgent, updates, open, tasks })
    }

    /// Whose connection it is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Sends whole messages ahead of all updates that wait. There are few of these (a session's own messages), so
    /// their queue has no bound.
    pub fn send(&self, octets: Vec<u8>) {
        // Where the writer is gone TransportEvent::Closed is on its way.
        let _ = self.urgent.send(octets);
    }

    /// Room for one buffer of updates; `None` while the peer does not read: [`TransportEvent::Writable`] tells when.
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
