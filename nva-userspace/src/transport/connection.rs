//! One connection: a task that reads and frames, a task that writes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Endpoints, TransportEvent};
use crate::fsm::ConnectionId;
use crate::packet;
use crate::route::PeerId;

/// Events of all connections together that wait to be handled before reading stops.
pub const READ_AHEAD: usize = 256;

/// Buffers of updates that wait for the socket.
const WRITE_AHEAD: usize = 4;

/// How much is read at once, in octets.
const READ_CHUNK: usize = 64 * 1024;

/// How long the last words (a NOTIFICATION) may take before the connection is cut.
const LINGER: Duration = Duration::from_secs(5);

/// The handle of a connection; dropping it cuts the connection at once.
#[derive(Debug)]
pub struct Connection {
    /// The two ends.
    pub endpoints: Endpoints,
    peer: PeerId,
    urgent: Option<mpsc::UnboundedSender<Vec<u8>>>,
    updates: Option<mpsc::Sender<Vec<u8>>>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Connection {
    /// Takes over a connected socket, and tells about it on `events`.
    pub fn start(
        id: ConnectionId,
        peer: PeerId,
        stream: TcpStream,
        endpoints: Endpoints,
        multihop: Option<u8>,
        events: mpsc::Sender<TransportEvent>,
    ) -> io::Result<Connection> {
        super::socket::prepare(&stream, endpoints.remote_address(), multihop)?;
        let (read, write) = stream.into_split();
        let (urgent, urgent_queue) = mpsc::unbounded_channel();
        let (updates, update_queue) = mpsc::channel(WRITE_AHEAD);
        let about = About { peer, id, events };
        let reader = tokio::spawn(read_messages(read, about.clone()));
        let writer = tokio::spawn(write_messages(write, urgent_queue, update_queue, about));
        Ok(Connection { endpoints, peer, urgent: Some(urgent), updates: Some(updates), reader, writer })
    }

    /// Whose connection it is.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Sends whole messages ahead of all updates that wait. There are few of these (a session's own messages), so
    /// their queue has no bound.
    pub fn send(&self, octets: Vec<u8>) {
        if let Some(urgent) = &self.urgent {
            // A writer that is gone has told so by TransportEvent::Closed.
            let _ = urgent.send(octets);
        }
    }

    /// Room for one buffer of updates; `None` while the peer does not read: `TransportEvent::Writable` tells when.
    pub fn reserve(&self) -> Option<mpsc::Permit<'_, Vec<u8>>> {
        self.updates.as_ref()?.try_reserve().ok()
    }

    /// Ends the connection once what was sent is out, and says no more about it. The task ends when that is done.
    pub fn close(mut self) -> JoinHandle<()> {
        self.reader.abort();
        self.urgent = None;
        self.updates = None;
        let writer = std::mem::replace(&mut self.writer, tokio::spawn(async {}));
        tokio::spawn(async move {
            let abort = writer.abort_handle();
            if tokio::time::timeout(LINGER, writer).await.is_err() {
                abort.abort();
            }
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Who is spoken of, and to whom.
#[derive(Clone)]
struct About {
    peer: PeerId,
    id: ConnectionId,
    events: mpsc::Sender<TransportEvent>,
}

impl About {
    /// A receiver that is gone means that the daemon is ending.
    async fn tell(&self, event: TransportEvent) {
        let _ = self.events.send(event).await;
    }

    async fn closed(&self, reason: String) {
        self.tell(TransportEvent::Closed { peer: self.peer, connection: self.id, reason }).await;
    }
}

async fn read_messages(mut socket: OwnedReadHalf, about: About) {
    let mut octets = Vec::with_capacity(READ_CHUNK);
    loop {
        match socket.read_buf(&mut octets).await {
            Ok(0) if octets.is_empty() => return about.closed("closed by the peer".to_owned()).await,
            Ok(0) => return about.closed("closed by the peer in the middle of a message".to_owned()).await,
            Ok(_) => {}
            Err(error) => return about.closed(error.to_string()).await,
        }
        if !pass_on_messages(&mut octets, &about).await {
            return;
        }
        octets.reserve(READ_CHUNK.saturating_sub(octets.len()));
    }
}

/// Passes on the whole messages at the front; false if no further one can be found.
async fn pass_on_messages(octets: &mut Vec<u8>, about: &About) -> bool {
    let mut start = 0;
    let go_on = loop {
        let rest = octets.get(start..).unwrap_or_default();
        let frame = match packet::frame_length(rest, packet::MAX_MESSAGE) {
            Ok(Some(length)) => match rest.get(..length) {
                Some(message) => Ok(message.to_vec()),
                None => break true,
            },
            Ok(None) => break true,
            Err(error) => Err(error),
        };
        let broken = frame.is_err();
        start += frame.as_ref().map_or(0, Vec::len);
        about.tell(TransportEvent::Received { peer: about.peer, connection: about.id, frame }).await;
        if broken {
            break false;
        }
    };
    octets.drain(..start);
    go_on
}

/// Writes until both queues are closed and empty.
async fn write_messages(
    mut socket: OwnedWriteHalf,
    mut urgent: mpsc::UnboundedReceiver<Vec<u8>>,
    mut updates: mpsc::Receiver<Vec<u8>>,
    about: About,
) {
    loop {
        let (octets, was_updates) = tokio::select! {
            biased;
            Some(octets) = urgent.recv() => (octets, false),
            Some(octets) = updates.recv() => (octets, true),
            else => break,
        };
        if let Err(error) = socket.write_all(&octets).await {
            return about.closed(error.to_string()).await;
        }
        // After its close nobody waits for room any more.
        if was_updates && !updates.is_closed() {
            about.tell(TransportEvent::Writable { peer: about.peer, connection: about.id }).await;
        }
    }
    // The other side has gone away already if this fails.
    let _ = socket.shutdown().await;
}
