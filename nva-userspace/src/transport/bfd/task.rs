//! What the thread does: orders, packets and timers.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::receiver::Receiving;
use super::sender::Sender;
use super::{BfdEvent, BfdStatus, Order, SessionStatus, Watch, port};
use crate::bfd::{Discriminator, Sessions};
use crate::net::Instant;
use crate::route::PeerId;

pub(super) struct Task {
    origin: tokio::time::Instant,
    orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::UnboundedSender<BfdEvent>,
    receivers: Vec<Receiving>,
    sessions: Sessions,
    /// By our discriminator; also sessions that nobody watches any more, until they are over.
    lines: BTreeMap<Discriminator, Line>,
    rng: fastrand::Rng,
}

/// What belongs to a session outside of its state machine.
struct Line {
    peer: PeerId,
    watch: Watch,
    watched: bool,
    sender: Sender,
}

impl Task {
    pub fn new(
        origin: tokio::time::Instant,
        seed: u64,
        orders: mpsc::UnboundedReceiver<Order>,
        events: mpsc::UnboundedSender<BfdEvent>,
    ) -> Task {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sessions = Sessions::new(rng.u64(..));
        Task { origin, orders, events, receivers: Vec::new(), sessions, lines: BTreeMap::new(), rng }
    }

    /// Runs until nobody can give orders any more.
    pub async fn run(mut self) {
        loop {
            let due = self.sessions.poll_timeout();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::End) | None => break,
                    Some(order) => self.obey(order),
                },
                () = readable(&self.receivers) => self.read(),
                () = wait_until(self.origin, due) => {
                    // What came in time counts, however late the thread gets to run.
                    self.read();
                    self.sessions.handle_timeout(self.now());
                }
            }
            self.carry_out();
        }
        // GAP(RFC 5880 §6.8.16): the goodbye is sent once, and not for a detection time: a daemon ends when it is told to.
        let now = self.now();
        self.lines.keys().for_each(|id| self.sessions.remove(*id, now));
        self.carry_out();
    }

    fn now(&self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Listen(receiver) => match receiver.start() {
                Ok(receiving) => self.receivers.push(receiving),
                Err(error) => warn!(%error, "cannot read packets of BFD"),
            },
            Order::Watch { peer, watch } => self.watch(peer, watch),
            Order::Unwatch { peer } => self.unwatch(peer, None),
            Order::Status(answer) => {
                // Whoever asked may have gone away meanwhile.
                let _ = answer.send(self.status());
            }
            // The loop has ended.
            Order::End => {}
        }
    }

    fn watch(&mut self, peer: PeerId, watch: Watch) {
        let id = self.sessions.add(watch.path, watch.minimum_ttl, watch.session, self.now());
        // A peer whose address was changed is watched there only.
        self.unwatch(peer, Some(id));
        let same_way = self.lines.get(&id).is_some_and(|line| line.watch.local == watch.local);
        let sender = self.lines.remove(&id).filter(|_| same_way).map(|line| line.sender);
        let sender = sender.unwrap_or_else(|| Sender::new(&watch, port(watch.path.hops), self.rng.u16(..)));
        self.lines.insert(id, Line { peer, watch, watched: true, sender });
    }

    /// Ends the sessions with a peer but for one.
    fn unwatch(&mut self, peer: PeerId, but: Option<Discriminator>) {
        let now = self.now();
        let ended = self.lines.iter_mut().filter(|(id, line)| line.watched && line.peer == peer && Some(**id) != but);
        for (id, line) in ended {
            line.watched = false;
            self.sessions.remove(*id, now);
        }
    }

    /// Takes in everything that has come.
    fn read(&mut self) {
        let now = self.now();
        for receiver in &self.receivers {
            let read = receiver.read(|datagram| {
                // What is dropped is counted there.
                let _ = self.sessions.handle_datagram(datagram, now);
            });
            if let Err(error) = read {
                warn!(%error, "cannot receive packets of BFD");
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(outgoing) = self.sessions.poll_transmit() {
            let Some(line) = self.lines.get_mut(&outgoing.session) else { continue };
            if line.sender.send(&outgoing.octets) {
                let peer = line.watch.path.peer;
                match &line.sender.error {
                    Some(error) => warn!(%peer, error, "cannot send packets of BFD"),
                    None => info!(%peer, "packets of BFD can be sent again"),
                }
            }
        }
        while let Some((id, event)) = self.sessions.poll_event() {
            if let Some(line) = self.lines.get(&id) {
                // Nobody listens any more only when the daemon ends.
                let _ = self.events.send(BfdEvent { peer: line.peer, event });
            }
        }
        self.lines.retain(|id, line| line.watched || self.sessions.get(*id).is_some());
    }

    fn status(&self) -> BfdStatus {
        let watched = self.lines.iter().filter(|(_, line)| line.watched);
        let sessions = watched.filter_map(|(id, line)| {
            let (session, _) = self.sessions.get(*id)?;
            Some(SessionStatus {
                peer: line.peer,
                watch: line.watch,
                session: session.clone(),
                local_port: line.sender.local_port(),
                unsent: line.sender.unsent,
                send_error: line.sender.error.clone(),
            })
        });
        BfdStatus { sessions: sessions.collect(), discards: self.sessions.discards().clone() }
    }
}

/// Waits until something has come on one of the sockets; for ever if there are none.
async fn readable(receivers: &[Receiving]) {
    poll_fn(|context| {
        let ready = receivers.iter().any(|receiver| receiver.poll_ready(context).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn wait_until(origin: tokio::time::Instant, due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(origin + due.since_origin()).await,
        None => std::future::pending().await,
    }
}
