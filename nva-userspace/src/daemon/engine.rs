//! The event loop.

mod reload;

use std::future::Future;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, warn};

use super::admissions::Admissions;
use super::audits::{Audited, Audits};
use super::clock::Clock;
use super::dataplane::DataPlane;
use super::discarded::DiscardWatch;
use super::error::DaemonError;
use super::handle::{Handle, Question, State};
use super::listeners::Listeners;
use super::notices::Notices;
use super::sessions::{Dialled, SessionEvents, Sessions};
use crate::config::Config;
use crate::fib::{FibAudit, FibOp};
use crate::fsm::{ConnectionId, Direction};
use crate::host::HostEvent;
use crate::kernel::{KernelError, Monitor, MonitorConfig, Routes};
use crate::net::Instant;
use crate::route::PeerId;
use crate::speaker::{Input, Notice, Output, Peer, Refusal, Speaker};
use crate::transport::bfd::{Bfd, BfdEvent, Watch};
use crate::transport::{Endpoints, IoThread, READ_AHEAD, TransportEvent, first_ttl};

/// Octets of updates that are made at once for one peer.
const UPDATE_CHUNK: usize = 64 * 1024;

/// Routes that a piece of the speaker's work is about: a few milliseconds, between which everything else gets its turn.
const PIECE: usize = 1000;

/// How long messages are taken in before everything else gets its turn.
const TURN: Duration = Duration::from_millis(5);

/// Questions that wait.
const QUESTIONS: usize = 64;

/// Connections that a peer has at most, those included that have yet to end: two meet in a collision, and some more may
/// have their last words to say.
const MOST_CONNECTIONS: usize = 8;

/// How often the data plane is looked after.
const TICK: Duration = Duration::from_secs(1);

/// A timer that goes off later than this has waited for us.
const STALL: Duration = Duration::from_millis(100);

/// How long the kernel gets after a stall to take in what has come.
const KERNELS_TURN: Duration = Duration::from_millis(1);

/// Changes of the machine's network that are taken in before anything else gets its turn.
const HOST_BATCH: usize = 512;

/// A daemon that has its sockets and is about to run.
pub struct Daemon {
    config: Config,
    clock: Clock,
    speaker: Speaker,
    sessions: Sessions,
    admissions: Admissions,
    events: SessionEvents,
    listeners: Listeners,
    accepted: mpsc::Receiver<(TcpStream, Endpoints)>,
    monitor: Monitor,
    bfd: Bfd,
    bfd_events: mpsc::UnboundedReceiver<BfdEvent>,
    fib: FibWorker,
    dataplane: DataPlane,
    audits: Audits,
    /// What the audit that is being taken in found in the kernel.
    found_in_kernel: Option<FibAudit>,
    discarded: DiscardWatch,
    notices: Notices,
    questions: mpsc::Receiver<Question>,
    asker: mpsc::Sender<Question>,
    changes: watch::Sender<u64>,
}

/// The task that talks to the kernel's routing tables, so that a slow kernel never keeps a session waiting.
struct FibWorker {
    /// `None` once nothing more is to be changed.
    ops: Option<mpsc::UnboundedSender<Vec<FibOp>>>,
    done: mpsc::UnboundedReceiver<Vec<(FibOp, Result<(), String>)>>,
}

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is about to come back: peers that know graceful restart are to keep its routes.
    Restart,
    /// It does not come back soon: peers are told to forget its routes.
    ForGood,
}

/// What woke the loop.
enum Wake {
    Transport(TransportEvent),
    Dialled(Dialled),
    Accepted(TcpStream, Endpoints),
    Host(Option<Result<HostEvent, KernelError>>),
    Tick,
    Bfd(Option<BfdEvent>),
    FibDone(Vec<(FibOp, Result<(), String>)>),
    Question(Question),
    Timeout,
    Work,
    Stop(Ending),
}

impl Daemon {
    /// Opens everything that the configuration asks for; nothing is told to anybody yet. Needs a tokio runtime; sockets
    /// and tables are those of this thread's network namespace.
    pub fn open(mut config: Config) -> Result<Daemon, DaemonError> {
        config.speaker.seed = seed();
        let dataplane = DataPlane::open(&config.xdp)?;
        let io = IoThread::start().map_err(DaemonError::IoStart)?;
        let (listeners, accepted) = Listeners::open(&config, &io)?;
        let monitor = Monitor::start(MonitorConfig::default())?;
        let fib = FibWorker::start()?;
        let clock = Clock::start();
        let (mut bfd, bfd_events) = Bfd::start(clock.origin(), seed()).map_err(DaemonError::BfdStart)?;
        for path in config.speaker.bfd_paths() {
            bfd.listen(path)?;
        }
        let (sessions, events) = Sessions::new(io);
        let (asker, questions) = mpsc::channel(QUESTIONS);
        let (changes, _) = watch::channel(0);
        Ok(Daemon {
            clock,
            bfd,
            bfd_events,
            speaker: Speaker::new(config.speaker.clone()),
            config,
            sessions,
            admissions: Admissions::default(),
            events,
            listeners,
            accepted,
            fib,
            dataplane,
            audits: Audits::default(),
            found_in_kernel: None,
            discarded: DiscardWatch::default(),
            notices: Notices::default(),
            questions,
            asker,
            changes,
            monitor,
        })
    }

    /// A way to ask this daemon while it runs.
    pub fn handle(&self) -> Handle {
        Handle { questions: self.asker.clone(), changes: self.changes.subscribe(), bfd: self.bfd.handle() }
    }

    /// Runs until `stop` is ready, then closes every session and leaves kernel routes and XDP programs as they are:
    /// they forward until the next start takes them over.
    pub async fn run(mut self, stop: impl Future<Output = Ending>) -> Result<(), DaemonError> {
        let mut stop = std::pin::pin!(stop);
        // The network has to be known before the first session asks which addresses are ours.
        let first = self.monitor.next().await;
        self.host_events(first)?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.speaker.handle_input(Input::Start, self.clock.now());
        self.carry_out();
        let result = loop {
            let wake = tokio::select! {
                () = self.clock.wait_until(self.speaker.poll_timeout()) => Wake::Timeout,
                Some(event) = self.events.transport.next(), if !self.speaker.is_congested() => Wake::Transport(event),
                Some(dialled) = self.events.dialled.recv() => Wake::Dialled(dialled),
                Some((stream, endpoints)) = self.accepted.recv() => Wake::Accepted(stream, endpoints),
                event = self.monitor.next() => Wake::Host(event),
                _ = tick.tick() => Wake::Tick,
                event = self.bfd_events.recv() => Wake::Bfd(event),
                Some(done) = self.fib.done.recv() => Wake::FibDone(done),
                Some(question) = self.questions.recv() => Wake::Question(question),
                // Not ready at once: the other tasks of this thread, and its timers and sockets, get their turn before.
                () = tokio::task::yield_now(), if self.speaker.has_work() => Wake::Work,
                ending = &mut stop => Wake::Stop(ending),
            };
            let looked_only = matches!(wake, Wake::Tick | Wake::Question(Question::Look(_) | Question::Arrange(_)));
            match wake {
                Wake::Transport(event) => self.transport_turn(event),
                Wake::Dialled(dialled) => self.dialled(dialled),
                Wake::Accepted(stream, endpoints) => self.accepted(stream, endpoints),
                Wake::Host(event) => {
                    if let Err(error) = self.host_events(event) {
                        break Err(error);
                    }
                }
                Wake::Tick => {
                    self.dataplane.tick(self.speaker.host());
                    self.discarded.tick();
                    self.notices.tick(&self.speaker, self.clock.now());
                    if self.audits.is_due(self.config.audit_interval, self.clock.now()) {
                        self.begin_audit(None);
                    }
                }
                Wake::Bfd(Some(BfdEvent { peer, event })) => {
                    self.speaker.handle_input(Input::Bfd { peer, event }, self.clock.now());
                }
                Wake::Bfd(None) => break Err(DaemonError::BfdEnded),
                Wake::FibDone(done) => self.fib_done(done),
                Wake::Question(Question::Look(look)) => look(&self.state()),
                Wake::Question(Question::Change(change)) => change(&mut self.speaker, self.clock.now()),
                Wake::Question(Question::Audit(answer)) => self.begin_audit(Some(answer)),
                Wake::Question(Question::Arrange(arrange)) => arrange(&mut self.dataplane, self.speaker.host()),
                Wake::Question(Question::Reload { config, dry_run, answer }) => {
                    // Whoever asked may have gone away meanwhile.
                    let _ = answer.send(self.reload(*config, dry_run));
                }
                Wake::Timeout => {
                    // What falls due only while messages are taken in has a turn of its own.
                    let now = self.clock.now();
                    self.catch_up(now).await;
                    self.speaker.handle_timeout(now);
                }
                Wake::Work => self.speaker.work(PIECE, self.clock.now()),
                Wake::Stop(ending) => break Ok(ending),
            }
            self.carry_out();
            // Not only what comes out of it is a change: a route may come or go, and nobody be told of it.
            if !looked_only {
                self.happened();
            }
        };
        let farewell = match &result {
            Ok(Ending::Restart) | Err(_) => Input::Restart,
            Ok(Ending::ForGood) => Input::Shutdown,
        };
        self.speaker.handle_input(farewell, self.clock.now());
        // Nobody would end it, and the program would copy packets until the next start.
        if let Err(problem) = self.dataplane.end_capture() {
            error!(%problem, "cannot end the packet capture");
        }
        // Routes stay where they are: an upgrade or a restart is not to interrupt forwarding.
        self.fib.stop();
        self.carry_out();
        self.bfd.end().await;
        self.sessions.drain().await;
        result.map(drop)
    }

    fn state(&self) -> State<'_> {
        State {
            speaker: &self.speaker,
            dataplane: &self.dataplane,
            config: &self.config,
            admissions: &self.admissions,
            audits: &self.audits,
            connections: self.sessions.len(),
            now: self.clock.now(),
        }
    }

    /// Takes in what has come, from one connection after the other, for as long as a turn may take.
    fn transport_turn(&mut self, first: TransportEvent) {
        let end = self.clock.now() + TURN;
        self.transport_event(first);
        while self.clock.now() < end
            && !self.speaker.is_congested()
            && let Some(event) = self.events.transport.try_next()
        {
            self.carry_out();
            self.transport_event(event);
        }
    }

    fn transport_event(&mut self, event: TransportEvent) {
        let now = self.clock.now();
        match event {
            TransportEvent::Received { peer, connection, frame } if self.sessions.contains(connection) => {
                let frame = frame.as_deref().map_err(Clone::clone);
                self.speaker.handle_input(Input::Received { peer, connection, frame }, now);
            }
            TransportEvent::Writable { peer, connection, stood_in } if self.sessions.contains(connection) => {
                self.speaker.handle_input(Input::Sent { peer, connection, stood_in }, now);
                self.send_updates(peer, connection);
            }
            TransportEvent::Closed { peer, connection, reason } if self.sessions.contains(connection) => {
                self.sessions.forget(connection);
                self.speaker.handle_input(Input::ConnectionClosed { peer, connection, reason }, now);
            }
            // We closed that connection; what it still had to say no longer matters.
            TransportEvent::Received { .. } | TransportEvent::Writable { .. } | TransportEvent::Closed { .. } => {}
        }
    }

    fn dialled(&mut self, Dialled { peer, attempt, result }: Dialled) {
        if !self.sessions.attempt_ended(peer, attempt) {
            return;
        }
        match result {
            Ok((stream, endpoints)) => self.adopt(peer, stream, endpoints, Direction::Outgoing),
            Err(error) => {
                debug!(peer = self.name(peer), %error, "cannot connect");
                let reason = error.to_string();
                self.speaker.handle_input(Input::ConnectFailed { peer, reason }, self.clock.now());
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, endpoints: Endpoints) {
        let (remote, now) = (endpoints.remote_address(), self.clock.now());
        let first = first_ttl(&stream);
        // RFC 5082 §3 and `local-address`, before it can become a member of a group, perhaps in somebody else's place.
        let admitted = match self.config.ttl_of(remote) {
            Some(ttl) if !ttl.admits(first) => Err(Refusal::TooFar),
            Some(_) if !self.config.takes_at(remote, endpoints.local.ip()) => Err(Refusal::LocalAddress),
            Some(_) | None => self.speaker.admit(remote, now),
        };
        let is_full = |peer: &PeerId| self.sessions.len_of(*peer) >= MOST_CONNECTIONS;
        match admitted.and_then(|peer| if is_full(&peer) { Err(Refusal::TooMany) } else { Ok(peer) }) {
            Ok(peer) => {
                self.admissions.accepted();
                self.adopt(peer, stream, endpoints, Direction::Incoming);
            }
            // The connection ends here, and costs nothing from now on.
            Err(refusal) => self.admissions.refused(remote, refusal, now),
        }
    }

    fn adopt(&mut self, peer: PeerId, stream: TcpStream, endpoints: Endpoints, direction: Direction) {
        let now = self.clock.now();
        let Some(ttl) = self.config.ttl_of(endpoints.remote_address()) else { return };
        let signed = self.config.password_of(endpoints.remote_address()).is_some();
        match self.sessions.add(peer, stream, endpoints, ttl, signed, &mut self.events.transport) {
            Ok(connection) => {
                let local_address = endpoints.local.ip();
                let opened = Input::ConnectionOpened { peer, connection, direction, local_address };
                self.speaker.handle_input(opened, now);
                // Our OPEN is not out yet, so nothing longer can have come.
                if let Some(socket) = self.sessions.get(connection) {
                    socket.take_up_to(self.speaker.longest_message(peer, connection));
                }
            }
            Err(error) => {
                warn!(peer = self.name(peer), %error, "cannot prepare a connection");
                if direction == Direction::Outgoing {
                    let reason = error.to_string();
                    self.speaker.handle_input(Input::ConnectFailed { peer, reason }, now);
                }
            }
        }
    }

    /// Takes in a change of the machine's network and those that wait behind it, so that a thousand of them cost the
    /// data plane one look.
    fn host_events(&mut self, first: Option<Result<HostEvent, KernelError>>) -> Result<(), DaemonError> {
        let mut events = vec![first.ok_or(DaemonError::MonitorEnded)??];
        while events.len() < HOST_BATCH
            && let Some(event) = self.monitor.try_next()
        {
            events.push(event?);
        }
        let audit = events.iter().filter_map(audit_of).max();
        let delta = self.speaker.handle_host(events, self.clock.now());
        self.dataplane.host_changed(&delta, self.speaker.host());
        if let Some(number) = audit {
            // Tells what was found in the kernel.
            self.carry_out();
            let xdp = self.dataplane.audit(self.speaker.host());
            self.audits.end(number, self.found_in_kernel.take(), xdp, self.clock.now());
        }
        Ok(())
    }

    /// Reads the kernel's tables anew; what that shows is looked at when it comes.
    fn begin_audit(&mut self, waits: Option<oneshot::Sender<Audited>>) {
        self.audits.begin(self.monitor.audit(), self.clock.now(), waits);
    }

    /// A message that came in time counts, however late it is looked at: before a peer is given up for its silence,
    /// everything that waits gets its turn, in a congestion too. After a stall kernel and readers had none either, if the
    /// whole machine stood still; then whatever falls due, such as the end of stale routes, waits for what has come.
    async fn catch_up(&mut self, now: Instant) {
        let overdue = self.speaker.poll_timeout().is_some_and(|due| now - due > STALL);
        if overdue {
            tokio::time::sleep(KERNELS_TURN).await;
            self.sessions.read_turn().await;
        } else if !self.speaker.misses_a_peer(now) {
            return;
        }
        // All that was read, and what was written beside it.
        for _ in 0..(READ_AHEAD + 1) * self.events.transport.len() {
            let Some(event) = self.events.transport.try_next() else { return };
            self.transport_event(event);
            self.carry_out();
        }
    }

    fn fib_done(&mut self, done: Vec<(FibOp, Result<(), String>)>) {
        let now = self.clock.now();
        for (op, result) in done {
            if let Err(error) = &result
                && self.notices.admits((None, "refused by the kernel"), now)
            {
                warn!(?op, %error, "the kernel refused a route");
            }
            self.speaker.handle_input(Input::FibDone { op, result }, now);
        }
    }

    /// Does what the speaker asks for, until it asks for nothing more.
    fn carry_out(&mut self) {
        let mut fib_ops = Vec::new();
        while let Some(output) = self.speaker.poll_output() {
            match output {
                Output::Connect { peer } => self.dial(peer),
                Output::CancelConnect { peer } => self.sessions.cancel(peer),
                Output::Send { connection, octets, keepalive } => {
                    if let Some(connection) = self.sessions.get(connection) {
                        connection.send(octets, keepalive);
                    }
                }
                Output::Close { connection } => self.sessions.close(connection),
                Output::UpdatesPending { peer, connection } => self.send_updates(peer, connection),
                Output::Watch { peer } => self.watch(peer),
                Output::Unwatch { peer } => self.bfd.unwatch(peer),
                Output::Fib(op) => fib_ops.push(op),
                Output::Notice(notice) => {
                    let now = self.clock.now();
                    if let Notice::MadeRoom { address } = notice {
                        self.admissions.refused(address, Refusal::MadeRoom, now);
                    }
                    if let Notice::FibAudited(found) = &notice {
                        self.found_in_kernel = Some(found.clone());
                    }
                    self.notices.log(notice, &self.speaker, now);
                }
            }
        }
        if !fib_ops.is_empty() {
            self.fib.order(fib_ops);
        }
    }

    /// Lets those look again who wait for something to happen.
    fn happened(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn watch(&mut self, peer: PeerId) {
        let Some(config) = self.speaker.peer(peer).map(Peer::config) else { return };
        let (Some(bfd), Some(path)) = (config.bfd, config.bfd_path()) else { return };
        let local = self.config.local_towards(config.address);
        let watch = Watch { path, local, minimum_ttl: bfd.minimum_ttl, session: bfd.session };
        match self.bfd.listen(path) {
            Ok(()) => self.bfd.watch(peer, watch),
            Err(error) => error!(peer = self.name(peer), %error, "BFD does not watch this peer"),
        }
    }

    fn dial(&mut self, peer: PeerId) {
        let Some(known) = self.speaker.peer(peer) else { return };
        if let Some(reach) = self.config.reach_of(self.speaker.name(peer)) {
            self.sessions.dial(peer, reach, known.config().session.connect_retry);
        }
    }

    /// Sends updates for as long as the connection has room; `TransportEvent::Writable` goes on from there.
    fn send_updates(&mut self, peer: PeerId, id: ConnectionId) {
        let now = self.clock.now();
        let Some(connection) = self.sessions.get(id) else { return };
        while self.speaker.has_updates(peer) {
            let Some(room) = connection.reserve() else { return };
            let mut octets = Vec::with_capacity(UPDATE_CHUNK);
            self.speaker.poll_updates(peer, id, &mut octets, UPDATE_CHUNK, now);
            if octets.is_empty() {
                return;
            }
            room.send(octets);
        }
    }

    fn name(&self, peer: PeerId) -> &str {
        self.speaker.name(peer)
    }
}

impl FibWorker {
    fn start() -> Result<FibWorker, DaemonError> {
        let mut routes = Routes::open()?;
        let (ops, mut orders) = mpsc::unbounded_channel::<Vec<FibOp>>();
        let (answers, done) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(batch) = orders.recv().await {
                let results = routes.apply(&batch).await;
                let results = results.into_iter().map(|result| result.map_err(|error| error.to_string()));
                if answers.send(batch.into_iter().zip(results).collect()).is_err() {
                    return;
                }
            }
        });
        Ok(FibWorker { ops: Some(ops), done })
    }

    fn order(&self, batch: Vec<FibOp>) {
        if let Some(ops) = &self.ops {
            // The worker lives as long as the daemon.
            let _ = ops.send(batch);
        }
    }

    /// Changes nothing from now on.
    fn stop(&mut self) {
        self.ops = None;
    }
}

/// The number of the audit that an event answers.
fn audit_of(event: &HostEvent) -> Option<u64> {
    if let HostEvent::Resync(snapshot) = event { snapshot.audit } else { None }
}

/// Different for every start and every machine, so that two daemons do not jitter in step.
fn seed() -> u64 {
    fastrand::u64(..)
}
