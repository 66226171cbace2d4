//! BFD over UDP, on a thread of its own (RFC 5881 §4, RFC 5883 §5).
//!
//! Whoever decides about routes may be busy for longer than a detection time: with a policy over a full table, or with
//! the kernel. A session that answered only when that is over would go down although the path is fine. So sockets,
//! timers and state machines live on a thread that does nothing else and shares nothing, no lock either: it is given
//! orders and hands out [`BfdEvent`]s.

mod receiver;
mod sender;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::bfd::{Discards, Event, Hops, Path, Session, SessionConfig};
use crate::route::PeerId;

use receiver::Receiver;
use task::Task;

/// The port of sessions over a single hop (RFC 5881 §4).
const SINGLE_HOP_PORT: u16 = 3784;

/// The port of sessions over several hops (RFC 5883 §5).
const MULTIHOP_PORT: u16 = 4784;

/// What is to be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The peer's address, and how far away it is.
    pub path: Path,
    /// Our address; the kernel chooses where there is none.
    pub local: Option<IpAddr>,
    /// The least TTL that a packet over several hops may arrive with.
    pub minimum_ttl: u8,
    /// Intervals and multiplier.
    pub session: SessionConfig,
}

/// A change of a session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BfdEvent {
    /// The peer.
    pub peer: PeerId,
    /// What changed.
    pub event: Event,
}

/// All sessions as they are at one moment.
#[derive(Clone, Debug, Default)]
pub struct BfdStatus {
    /// Those that are watched.
    pub sessions: Vec<SessionStatus>,
    /// Packets that were dropped, for whatever session or for none.
    pub discards: Discards,
}

/// One session at one moment.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The peer.
    pub peer: PeerId,
    /// What is watched.
    pub watch: Watch,
    /// The state machine.
    pub session: Session,
    /// The port that it sends from.
    pub local_port: u16,
    /// Packets that could not be sent.
    pub unsent: u64,
    /// Why the last one could not be, if it could not.
    pub send_error: Option<String>,
}

/// What the thread is told.
enum Order {
    Listen(Receiver),
    Watch { peer: PeerId, watch: Watch },
    Unwatch { peer: PeerId },
    Status(oneshot::Sender<BfdStatus>),
    End,
}

/// The way to the thread; it ends with this, and says goodbye to the peers.
#[derive(Debug)]
pub struct Bfd {
    orders: mpsc::UnboundedSender<Order>,
    /// The sockets that it listens on, by what they are for.
    listening: BTreeMap<(Hops, bool), SocketAddr>,
    ended: oneshot::Receiver<()>,
}

/// A way to ask the thread.
#[derive(Clone, Debug)]
pub struct BfdHandle(mpsc::UnboundedSender<Order>);

impl Bfd {
    /// Starts the thread, in this thread's network namespace. Its times count from `origin`; the seed decides
    /// discriminators, ports and jitter. The end of the events is the end of the thread.
    pub fn start(origin: tokio::time::Instant, seed: u64) -> io::Result<(Bfd, mpsc::UnboundedReceiver<BfdEvent>)> {
        let (orders, obeyed) = mpsc::unbounded_channel();
        let (events, told) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        thread::Builder::new().name("nva-bfd".to_owned()).spawn(move || {
            runtime.block_on(Task::new(origin, seed, obeyed, events).run());
            // Whoever waits for it may have gone.
            let _ = end.send(());
        })?;
        Ok((Bfd { orders, listening: BTreeMap::new(), ended }, told))
    }

    /// Listens for packets of sessions like this one, if it does not yet: on every address, as they come from all
    /// peers.
    pub fn listen(&mut self, path: Path) -> Result<(), ListenError> {
        let key = (path.hops, path.peer.is_ipv4());
        if self.listening.contains_key(&key) {
            return Ok(());
        }
        let port = port(path.hops);
        let unspecified: IpAddr = if path.peer.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
        self.listen_on(SocketAddr::new(unspecified, port), path.hops)
    }

    fn listen_on(&mut self, address: SocketAddr, hops: Hops) -> Result<(), ListenError> {
        let problem = |source| ListenError { address, source };
        let receiver = Receiver::bind(address, hops).map_err(problem)?;
        self.listening.insert((hops, address.is_ipv4()), receiver.local_address().map_err(problem)?);
        self.order(Order::Listen(receiver));
        Ok(())
    }

    /// Begins to watch the way to a peer, or changes how; `listen` must have been called for it.
    pub fn watch(&self, peer: PeerId, watch: Watch) {
        self.order(Order::Watch { peer, watch });
    }

    /// Stops that. The peer is told that this is no failure.
    pub fn unwatch(&self, peer: PeerId) {
        self.order(Order::Unwatch { peer });
    }

    /// A way to ask for the state of the sessions.
    pub fn handle(&self) -> BfdHandle {
        BfdHandle(self.orders.clone())
    }

    /// Ends the thread once it has done what it was told.
    pub async fn end(self) {
        self.order(Order::End);
        // An error says that it has ended, too.
        let _ = self.ended.await;
    }

    fn order(&self, order: Order) {
        // The end of the thread is told by the end of its events.
        let _ = self.orders.send(order);
    }
}

impl BfdHandle {
    /// All sessions; `None` if the thread has ended.
    pub async fn status(&self) -> Option<BfdStatus> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Order::Status(answer)).ok()?;
        answered.await.ok()
    }
}

/// Packets of BFD cannot be received.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on UDP {address} for BFD: {source}{}", advice(.source))]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another BFD daemon runs here? `ss -lunp` shows which)",
        _ => "",
    }
}

fn port(hops: Hops) -> u16 {
    match hops {
        Hops::Single => SINGLE_HOP_PORT,
        Hops::Multi => MULTIHOP_PORT,
    }
}
