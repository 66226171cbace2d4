//! What there is and what changes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netlink_packet_core::NetlinkSerializable;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use super::KernelError;
use super::decode;
use super::next_hop::{self, NextHopMessage, NextHopRequest};
use super::requests::Requests;
use super::socket::{Netlink, Raw, is_overrun, messages, u32_at};
use crate::host::{HostEvent, Snapshot};

/// `RTNLGRP_*`: links, neighbours, IPv4 addresses and routes, IPv6 addresses and routes, next-hop objects.
const GROUPS: [u32; 7] = [1, 3, 5, 7, 9, 11, 32];
/// How long after a change that removes routes unannounced they are looked up: several usually come together.
const SETTLING: Duration = Duration::from_millis(20);
/// How long to wait before the next try when the state changed while it was being listed.
const RETRY: Duration = Duration::from_millis(5);
/// Events that wait for the reader; more wait in the socket.
const QUEUE: usize = 4096;

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub struct MonitorConfig {
    /// Octets of notifications that the kernel keeps for us. Beyond that they are lost, and everything is read anew.
    pub receive_buffer: usize,
}

impl Default for MonitorConfig {
    fn default() -> MonitorConfig {
        MonitorConfig { receive_buffer: 32 * 1024 * 1024 }
    }
}

/// How the watching went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonitorCounters {
    /// Times that everything was read, the first included.
    pub resyncs: u64,
    /// Times that notifications were lost.
    pub overruns: u64,
    /// Messages that could not be understood, and were left out.
    pub undecodable: u64,
}

/// Watches this network namespace: a task that subscribes, reads everything, and then reports each change.
///
/// The first event is a `Resync`. Another follows whenever the kernel lost notifications for want of room, or may have
/// dropped routes without a word, which it does when an interface, a carrier or an address goes; and for each audit that
/// is asked for. No state is guessed.
#[derive(Debug)]
pub struct Monitor {
    events: mpsc::Receiver<Result<HostEvent, KernelError>>,
    counters: Arc<Counters>,
    audits: Arc<Audits>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    resyncs: AtomicU64,
    overruns: AtomicU64,
    undecodable: AtomicU64,
}

/// Requests to read everything anew although nothing seems to be amiss.
#[derive(Debug, Default)]
struct Audits {
    asked: AtomicU64,
    wake: Notify,
}

impl Monitor {
    /// Starts watching the network namespace of this thread. Needs a tokio runtime.
    pub fn start(config: MonitorConfig) -> Result<Monitor, KernelError> {
        let (sender, events) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let netlink = Netlink::open(config.receive_buffer)?;
        for group in GROUPS {
            netlink.subscribe(group)?;
        }
        let audits = Arc::new(Audits::default());
        let mut watcher = Watcher {
            audits: Arc::clone(&audits),
            netlink,
            requests: Requests::open()?,
            buffer: Vec::new(),
            unannounced: Unannounced::default(),
            settling: None,
            events: sender,
            counters: Arc::clone(&counters),
            audited: 0,
        };
        let task = tokio::spawn(async move {
            if let Err(Stopped::Failed(error)) = watcher.run().await {
                // Nobody reads any more if this fails.
                let _ = watcher.events.send(Err(error)).await;
            }
        });
        Ok(Monitor { events, counters, audits, task })
    }

    /// The next event. After an error, nothing follows. Nothing is lost if this is dropped while waiting.
    pub async fn next(&mut self) -> Option<Result<HostEvent, KernelError>> {
        self.events.recv().await
    }

    /// The next event if there is one already, for readers that work in batches.
    pub fn try_next(&mut self) -> Option<Result<HostEvent, KernelError>> {
        self.events.try_recv().ok()
    }

    /// Reads everything anew, and says so in a `Resync` whose `audit` is this number, or a higher one.
    pub fn audit(&self) -> u64 {
        let number = self.audits.asked.fetch_add(1, Ordering::Relaxed) + 1;
        self.audits.wake.notify_one();
        number
    }

    /// How it went so far.
    pub fn counters(&self) -> MonitorCounters {
        MonitorCounters {
            resyncs: self.counters.resyncs.load(Ordering::Relaxed),
            overruns: self.counters.overruns.load(Ordering::Relaxed),
            undecodable: self.counters.undecodable.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why the task ends.
enum Stopped {
    /// Nobody listens any more.
    Unread,
    Failed(KernelError),
}

impl From<KernelError> for Stopped {
    fn from(error: KernelError) -> Stopped {
        Stopped::Failed(error)
    }
}

struct Watcher {
    audits: Arc<Audits>,
    netlink: Netlink,
    requests: Requests,
    buffer: Vec<u8>,
    unannounced: Unannounced,
    /// After this, everything is to be read anew.
    settling: Option<Pin<Box<Sleep>>>,
    events: mpsc::Sender<Result<HostEvent, KernelError>>,
    counters: Arc<Counters>,
    /// The last audit that was answered.
    audited: u64,
}

impl Watcher {
    async fn run(&mut self) -> Result<(), Stopped> {
        self.resync().await?;
        loop {
            let received = tokio::select! {
                received = self.netlink.receive(&mut self.buffer) => received,
                () = settled(&mut self.settling) => {
                    self.catch_up().await?;
                    continue;
                }
                () = self.audits.wake.notified() => {
                    self.catch_up().await?;
                    continue;
                }
            };
            match received {
                Ok(()) => self.report().await?,
                Err(error) if is_overrun(&error) => self.start_over().await?,
                Err(error) => return Err(KernelError::socket("receive notifications")(error).into()),
            }
        }
    }

    /// Reads everything anew, after what was announced before: whatever is read is then at least as new.
    async fn catch_up(&mut self) -> Result<(), Stopped> {
        loop {
            match self.netlink.try_receive(&mut self.buffer) {
                Ok(true) => self.report().await?,
                Ok(false) => break,
                Err(error) if is_overrun(&error) => return self.start_over().await,
                Err(error) => return Err(KernelError::socket("receive notifications")(error).into()),
            }
        }
        self.resync().await
    }

    /// Notifications were lost. Those that are left are older than the loss, so they would undo what is read now.
    async fn start_over(&mut self) -> Result<(), Stopped> {
        self.counters.overruns.fetch_add(1, Ordering::Relaxed);
        loop {
            match self.netlink.try_receive(&mut self.buffer) {
                Ok(true) => (),
                Ok(false) => break,
                Err(error) if is_overrun(&error) => (),
                Err(error) => return Err(KernelError::socket("receive notifications")(error).into()),
            }
        }
        self.resync().await
    }

    async fn resync(&mut self) -> Result<(), Stopped> {
        self.settling = None;
        self.counters.resyncs.fetch_add(1, Ordering::Relaxed);
        let asked = self.audits.asked.load(Ordering::Relaxed);
        let audit = (asked > self.audited).then_some(asked);
        let mut snapshot = Snapshot { audit, ..Snapshot::default() };
        let mut lists = Vec::new();
        for request in dumps() {
            lists.push(self.dump(request).await?);
        }
        // After the routes: they name no object then that is not there, unless it is announced to be gone.
        let next_hops = self.next_hops().await?;
        snapshot.next_hops = next_hops.is_some().then(Vec::new);
        lists.extend(next_hops);
        for events in lists {
            for event in events {
                match event {
                    HostEvent::LinkSet(link) => snapshot.links.push(link),
                    HostEvent::AddressAdded(address) => snapshot.addresses.push(address),
                    HostEvent::NeighbourSet(neighbour) => snapshot.neighbours.push(neighbour),
                    HostEvent::NextHopSet(object) => snapshot.next_hops.get_or_insert_default().push(object),
                    HostEvent::RouteAdded(route) | HostEvent::RouteSet(route) => snapshot.routes.push(route),
                    HostEvent::LinkRemoved(_)
                    | HostEvent::AddressRemoved(_)
                    | HostEvent::NeighbourRemoved(..)
                    | HostEvent::RouteRemoved(_)
                    | HostEvent::NextHopRemoved(_)
                    | HostEvent::Resync(_) => (), // Lists have no removals in them.
                }
            }
        }
        self.audited = asked;
        self.send(HostEvent::Resync(Box::new(snapshot))).await
    }

    /// The next-hop objects; `None` before Linux 5.3, which does not know the question.
    async fn next_hops(&mut self) -> Result<Option<Vec<HostEvent>>, KernelError> {
        match self.dump(NextHopRequest::Get(NextHopMessage::default())).await {
            Err(KernelError::Refused { source, .. }) if source.errno == libc::EOPNOTSUPP => Ok(None),
            other => other.map(Some),
        }
    }

    /// Everything of one kind, from one time: an inconsistent list may lack what was there all along.
    async fn dump(&mut self, request: impl NetlinkSerializable + Clone) -> Result<Vec<HostEvent>, KernelError> {
        loop {
            let mut events = Vec::new();
            let mut undecodable = 0;
            let (unannounced, visit) = (&mut self.unannounced, &mut events);
            let consistent = self
                .requests
                .dump(request.clone(), |raw| {
                    unannounced.follow(&raw);
                    match decode::event(&raw) {
                        Ok(event) => visit.extend(event),
                        Err(_) => undecodable += 1,
                    }
                })
                .await?;
            if consistent {
                self.counters.undecodable.fetch_add(undecodable, Ordering::Relaxed);
                return Ok(events);
            }
            sleep(RETRY).await;
        }
    }

    /// Passes on what the datagram in the buffer says.
    async fn report(&mut self) -> Result<(), Stopped> {
        let buffer = std::mem::take(&mut self.buffer);
        for raw in messages(&buffer) {
            if self.unannounced.follow(&raw) {
                self.settling.get_or_insert_with(|| Box::pin(sleep(SETTLING)));
            }
            match decode::event(&raw) {
                Ok(Some(event)) => self.send(event).await?,
                Ok(None) => (),
                Err(error) => {
                    tracing::warn!(kind = raw.kind, %error, "a netlink message cannot be understood");
                    self.counters.undecodable.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    async fn send(&self, event: HostEvent) -> Result<(), Stopped> {
        self.events.send(Ok(event)).await.map_err(|_| Stopped::Unread)
    }
}

/// Waits for the end of a settling time; for ever if there is none.
async fn settled(settling: &mut Option<Pin<Box<Sleep>>>) {
    match settling {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

/// The requests for everything.
fn dumps() -> [RouteNetlinkMessage; 5] {
    let routes = |family| {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        RouteNetlinkMessage::GetRoute(message)
    };
    [
        RouteNetlinkMessage::GetLink(LinkMessage::default()),
        RouteNetlinkMessage::GetAddress(AddressMessage::default()),
        RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()),
        routes(AddressFamily::Inet),
        routes(AddressFamily::Inet6),
    ]
}

/// What has to be known to tell when the kernel removes routes without telling of each.
#[derive(Debug, Default)]
struct Unannounced {
    /// The flags of interfaces.
    flags: BTreeMap<u32, u32>,
    /// There are next-hop objects, or were.
    objects: bool,
}

/// An interface without any of these has no carrier (`nh_netdev_event`).
const CARRIER: u32 = (libc::IFF_RUNNING | libc::IFF_LOWER_UP).cast_unsigned();

impl Unannounced {
    /// Whether the kernel removes routes together with what this message says: IPv4 routes with an interface that goes
    /// down or away, an IPv4 address that goes; and with a carrier next-hop objects, and the routes that name them. Of an
    /// object that is removed it tells, and that its routes go with it is certain.
    fn follow(&mut self, raw: &Raw<'_>) -> bool {
        let family = raw.payload.first().copied().map(i32::from);
        match raw.kind {
            libc::RTM_NEWLINK if family == Some(libc::AF_UNSPEC) => {
                // struct ifinfomsg: family, type, index, flags.
                let (Some(index), Some(new)) = (u32_at(raw.payload, 4), u32_at(raw.payload, 8)) else { return false };
                let old = self.flags.insert(index, new).unwrap_or_default();
                let lost = |bits: u32| old & bits != 0 && new & bits == 0;
                lost(libc::IFF_UP.cast_unsigned()) || self.objects && lost(CARRIER)
            }
            libc::RTM_DELLINK if family == Some(libc::AF_UNSPEC) => {
                if let Some(index) = u32_at(raw.payload, 4) {
                    self.flags.remove(&index);
                }
                true
            }
            libc::RTM_DELADDR => family == Some(libc::AF_INET),
            next_hop::NEW => {
                self.objects = true;
                false
            }
            _ => false,
        }
    }
}
