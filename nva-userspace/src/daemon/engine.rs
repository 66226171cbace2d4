//! The event loop.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::dataplane::DataPlane;
use super::error::DaemonError;
use super::handle::{Handle, Question, State};
use super::notices;
use super::sessions::{Dialled, SessionEvents, Sessions};
use crate::config::Config;
use crate::fib::FibOp;
use crate::fsm::{ConnectionId, Direction};
use crate::host::HostEvent;
use crate::kernel::{KernelError, Monitor, MonitorConfig, Routes};
use crate::route::PeerId;
use crate::speaker::{Input, Output, Speaker};
use crate::transport::{Endpoints, Listener, READ_AHEAD, TransportEvent};

/// Octets of updates that are made at once for one peer.
const UPDATE_CHUNK: usize = 64 * 1024;

/// Questions that wait.
const QUESTIONS: usize = 64;

/// How often the data plane is looked after.
const TICK: Duration = Duration::from_secs(1);

/// A timer that goes off later than this has waited for us.
const STALL: Duration = Duration::from_millis(100);

/// How long the readers get after a stall.
const READERS_TURN: Duration = Duration::from_millis(1);

/// Changes of the machine's network that are taken in before anything else gets its turn.
const HOST_BATCH: usize = 512;

/// A daemon that has its sockets and is about to run.
pub struct Daemon {
    config: Config,
    clock: Clock,
    speaker: Speaker,
    sessions: Sessions,
    events: SessionEvents,
    accepted: mpsc::Receiver<(TcpStream, Endpoints)>,
    monitor: Monitor,
    fib: FibWorker,
    dataplane: DataPlane,
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

/// What woke the loop.
enum Wake {
    Transport(TransportEvent),
    Dialled(Dialled),
    Accepted(TcpStream, Endpoints),
    Host(Option<Result<HostEvent, KernelError>>),
    Tick,
    FibDone(Vec<(FibOp, Result<(), String>)>),
    Question(Question),
    Timeout,
    Stop,
}

impl Daemon {
    /// Opens everything that the configuration asks for; nothing is told to anybody yet. Needs a tokio runtime; sockets
    /// and tables are those of this thread's network namespace.
    pub fn open(mut config: Config) -> Result<Daemon, DaemonError> {
        config.speaker.seed = seed();
        let dataplane = DataPlane::open(&config.xdp)?;
        let accepted = listen(&config.listen)?;
        let monitor = Monitor::start(MonitorConfig::default())?;
        let fib = FibWorker::start()?;
        let (sessions, events) = Sessions::new();
        let (asker, questions) = mpsc::channel(QUESTIONS);
        let (changes, _) = watch::channel(0);
        Ok(Daemon {
            clock: Clock::start(),
            speaker: Speaker::new(config.speaker.clone()),
            config,
            sessions,
            events,
            accepted,
            fib,
            dataplane,
            questions,
            asker,
            changes,
            monitor,
        })
    }

    /// A way to ask this daemon while it runs.
    pub fn handle(&self) -> Handle {
        Handle { questions: self.asker.clone(), changes: self.changes.subscribe() }
    }

    /// Runs until `stop` is ready, then closes every session and leaves kernel routes and XDP programs as they are:
    /// they forward until the next start takes them over.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
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
                Some(event) = self.events.transport.recv() => Wake::Transport(event),
                Some(dialled) = self.events.dialled.recv() => Wake::Dialled(dialled),
                Some((stream, endpoints)) = self.accepted.recv() => Wake::Accepted(stream, endpoints),
                event = self.monitor.next() => Wake::Host(event),
                _ = tick.tick() => Wake::Tick,
                Some(done) = self.fib.done.recv() => Wake::FibDone(done),
                Some(question) = self.questions.recv() => Wake::Question(question),
                () = &mut stop => Wake::Stop,
            };
            match wake {
                Wake::Transport(event) => self.transport_event(event),
                Wake::Dialled(dialled) => self.dialled(dialled),
                Wake::Accepted(stream, endpoints) => self.accepted(stream, endpoints),
                Wake::Host(event) => {
                    if let Err(error) = self.host_events(event) {
                        break Err(error);
                    }
                }
                Wake::Tick => self.dataplane.tick(self.speaker.host()),
                Wake::FibDone(done) => self.fib_done(done),
                Wake::Question(question) => question(&self.state()),
                Wake::Timeout => {
                    self.catch_up().await;
                    self.speaker.handle_timeout(self.clock.now());
                }
                Wake::Stop => break Ok(()),
            }
            self.carry_out();
        };
        self.speaker.handle_input(Input::Shutdown, self.clock.now());
        // Routes stay where they are: an upgrade or a restart is not to interrupt forwarding.
        self.fib.stop();
        self.carry_out();
        self.sessions.drain().await;
        result
    }

    fn state(&self) -> State<'_> {
        State { speaker: &self.speaker, dataplane: &self.dataplane, config: &self.config, now: self.clock.now() }
    }

    fn transport_event(&mut self, event: TransportEvent) {
        let now = self.clock.now();
        match event {
            TransportEvent::Received { peer, connection, frame } if self.sessions.contains(connection) => {
                let frame = frame.as_deref().map_err(Clone::clone);
                self.speaker.handle_input(Input::Received { peer, connection, frame }, now);
            }
            TransportEvent::Writable { peer, connection } => self.send_updates(peer, connection),
            TransportEvent::Closed { peer, connection, reason } if self.sessions.contains(connection) => {
                self.sessions.forget(connection);
                self.speaker.handle_input(Input::ConnectionClosed { peer, connection, reason }, now);
            }
            // We closed that connection; what it still had to say no longer matters.
            TransportEvent::Received { .. } | TransportEvent::Closed { .. } => {}
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
        match self.speaker.peer_of_address(endpoints.remote_address()) {
            Some(peer) => self.adopt(peer, stream, endpoints, Direction::Incoming),
            None => info!(remote = %endpoints.remote, "refused a connection: no peer has this address"),
        }
    }

    fn adopt(&mut self, peer: PeerId, stream: TcpStream, endpoints: Endpoints, direction: Direction) {
        let now = self.clock.now();
        let multihop = self.speaker.peer(peer).and_then(|peer| peer.config().multihop);
        match self.sessions.add(peer, stream, endpoints, multihop) {
            Ok(connection) => {
                let local_address = endpoints.local.ip();
                let opened = Input::ConnectionOpened { peer, connection, direction, local_address };
                self.speaker.handle_input(opened, now);
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
        let delta = self.speaker.handle_host(events, self.clock.now());
        self.dataplane.host_changed(&delta, self.speaker.host());
        Ok(())
    }

    /// A message that came in time counts, however late it is read: after a stall the readers get their turn before
    /// the timers do.
    async fn catch_up(&mut self) {
        let overdue = self.speaker.poll_timeout().is_some_and(|due| self.clock.now() - due > STALL);
        if !overdue {
            return;
        }
        tokio::time::sleep(READERS_TURN).await;
        for _ in 0..READ_AHEAD {
            let Ok(event) = self.events.transport.try_recv() else { return };
            self.transport_event(event);
            self.carry_out();
        }
    }

    fn fib_done(&mut self, done: Vec<(FibOp, Result<(), String>)>) {
        let now = self.clock.now();
        for (op, result) in done {
            if let Err(error) = &result {
                warn!(?op, %error, "the kernel refused a route");
            }
            self.speaker.handle_input(Input::FibDone { op, result }, now);
        }
    }

    /// Does what the speaker asks for, until it asks for nothing more.
    fn carry_out(&mut self) {
        let mut fib_ops = Vec::new();
        let mut happened = false;
        while let Some(output) = self.speaker.poll_output() {
            happened = true;
            match output {
                Output::Connect { peer } => self.dial(peer),
                Output::CancelConnect { peer } => self.sessions.cancel(peer),
                Output::Send { connection, octets } => {
                    if let Some(connection) = self.sessions.get(connection) {
                        connection.send(octets);
                    }
                }
                Output::Close { connection } => self.sessions.close(connection),
                Output::UpdatesPending { peer, connection } => self.send_updates(peer, connection),
                Output::Fib(op) => fib_ops.push(op),
                Output::Notice(notice) => notices::log(&notice, &self.speaker),
            }
        }
        if !fib_ops.is_empty() {
            self.fib.order(fib_ops);
        }
        if happened {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn dial(&mut self, peer: PeerId) {
        let reach = self.config.reach.get(peer.0 as usize);
        let multihop = self.speaker.peer(peer).and_then(|peer| peer.config().multihop);
        if let Some(reach) = reach {
            self.sessions.dial(peer, *reach, multihop);
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
        self.speaker.peer(peer).map_or("?", |peer| peer.config().name.as_str())
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

/// Listens on every address; each has a task that accepts.
fn listen(addresses: &[SocketAddr]) -> Result<mpsc::Receiver<(TcpStream, Endpoints)>, DaemonError> {
    let (connections, accepted) = mpsc::channel(1);
    for address in addresses {
        let listener = match Listener::bind(*address) {
            Ok(listener) => listener,
            Err(error) if address.ip().is_unspecified() && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                warn!(%address, "not listening there: the kernel has this address family switched off");
                continue;
            }
            Err(source) => return Err(DaemonError::Listen { address: *address, source }),
        };
        let connections = connections.clone();
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok(connection) => {
                        if connections.send(connection).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        // Out of file descriptors, or the other side gave up already: neither is for ever.
                        warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }
    Ok(accepted)
}

/// How long a listener rests after an error, so that it does not spin.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Different for every start and every machine, so that two daemons do not jitter in step.
fn seed() -> u64 {
    fastrand::u64(..)
}
