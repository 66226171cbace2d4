//! What a connection's tasks tell about it.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::Permit;
use tokio::sync::mpsc::error::SendError;

use super::TransportEvent;
use super::inbox::Inbox;
use crate::fsm::ConnectionId;
use crate::packet::DecodeError;
use crate::route::PeerId;

/// Of whom the two tasks speak, and to whom.
#[derive(Clone)]
pub(super) struct About {
    pub(super) peer: PeerId,
    pub(super) id: ConnectionId,
    pub(super) inbox: Inbox,
    /// Why nothing can be written any more.
    pub(super) write_error: Arc<OnceLock<String>>,
}

impl About {
    /// Fails if nobody wants to know any more.
    pub(super) async fn received(&self, frame: Result<Vec<u8>, DecodeError>) -> Result<(), SendError<TransportEvent>> {
        self.inbox.read.send(TransportEvent::Received { peer: self.peer, connection: self.id, frame }).await
    }

    /// Room to tell that something was written. Fails if nobody wants to know any more.
    pub(super) async fn room(&self) -> Result<Permit<'_, TransportEvent>, SendError<()>> {
        self.inbox.written.reserve().await
    }

    pub(super) fn writable(&self, stood_in: u32) -> TransportEvent {
        TransportEvent::Writable { peer: self.peer, connection: self.id, stood_in }
    }

    pub(super) async fn closed(&self, reason: String) {
        let reason = self.write_error.get().cloned().unwrap_or(reason);
        // A receiver that is gone means that the daemon is ending.
        let _ = self.inbox.read.send(TransportEvent::Closed { peer: self.peer, connection: self.id, reason }).await;
    }
}
