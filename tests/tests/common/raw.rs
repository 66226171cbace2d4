//! One BGP speaker, made by hand: a test says octet for octet what it sends. What it is told, and how long it had to wait
//! for it, is written down by a thread of its own, which also keeps the session alive.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nva_tests::netns::Namespace;
use nva_tests::speaker::{connect, keepalive};

use super::octets::{HEADER, Identity, KEEPALIVE, NOTIFICATION, OPEN, UPDATE, Update, message_length, open};

/// How long the thread waits for octets before it looks whether a KEEPALIVE is due.
const TURN: Duration = Duration::from_millis(100);

/// A peer whose session is looked after.
pub struct Raw {
    pub identity: Identity,
    stream: TcpStream,
    /// Messages must not get into each other.
    writing: Arc<Mutex<TcpStream>>,
    log: Arc<Mutex<Log>>,
    behaviour: Arc<Behaviour>,
    thread: Option<JoinHandle<()>>,
}

/// What a peer leaves undone.
#[derive(Debug, Default)]
struct Behaviour {
    reads_nothing: AtomicBool,
    sends_no_keepalives: AtomicBool,
}

/// What a peer was told.
#[derive(Debug, Default)]
pub struct Log {
    pub established: bool,
    /// IPv4 prefixes that it has been told of and that were not withdrawn.
    pub routes: BTreeSet<(Ipv4Addr, u8)>,
    /// How many prefixes were announced, those included that were announced before.
    pub announced: usize,
    /// How the connection ended: a NOTIFICATION's code and subcode, or what the socket said.
    pub ended: Option<String>,
    /// When the last message came.
    last: Option<Instant>,
    longest_gap: Duration,
}

impl Raw {
    /// Connects, and is a peer from then on.
    pub fn start(namespace: &Namespace, identity: Identity, hub: Ipv4Addr) -> Raw {
        let stream = connect(namespace, identity.address, hub).expect("the hub listens");
        stream.set_read_timeout(Some(TURN)).expect("a timeout");
        // A hub that holds it back is what some tests are about.
        stream.set_write_timeout(None).expect("no timeout");
        let (reading, writing) = (stream.try_clone(), stream.try_clone());
        let writing = Arc::new(Mutex::new(writing.expect("a second handle")));
        let log = Arc::<Mutex<Log>>::default();
        let behaviour = Arc::<Behaviour>::default();
        let speaker = Reading {
            identity,
            stream: reading.expect("a third"),
            writing: writing.clone(),
            log: log.clone(),
            behaviour: behaviour.clone(),
        };
        let thread = Some(thread::spawn(move || speaker.run()));
        Raw { identity, stream, writing, log, behaviour, thread }
    }

    /// What it has been told so far.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Sends octets, whatever they mean. An error says that the hub has closed the connection.
    pub fn send(&self, octets: &[u8]) -> io::Result<()> {
        lock(&self.writing).write_all(octets)
    }

    /// It reads nothing from now on, and goes on with everything else.
    pub fn read_nothing(&self) {
        self.behaviour.reads_nothing.store(true, Ordering::Relaxed);
    }

    /// It sends no KEEPALIVEs from now on.
    pub fn send_no_keepalives(&self) {
        self.behaviour.sends_no_keepalives.store(true, Ordering::Relaxed);
    }

    /// The longest time without a message that ended since the last call, or that still lasts.
    pub fn take_longest_gap(&self) -> Duration {
        let mut log = self.log();
        let lasting = log.last.map_or(Duration::ZERO, |last| last.elapsed());
        std::mem::take(&mut log.longest_gap).max(lasting)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It fails where the connection is over already.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Log {
    fn take_in(&mut self, update: &Update) {
        for prefix in &update.withdrawn {
            self.routes.remove(prefix);
        }
        self.routes.extend(&update.announced);
        self.announced += update.announced.len();
    }

    /// A message came.
    fn note_gap(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest_gap = self.longest_gap.max(now - last);
        }
    }
}

/// The thread's side.
struct Reading {
    identity: Identity,
    stream: TcpStream,
    writing: Arc<Mutex<TcpStream>>,
    log: Arc<Mutex<Log>>,
    behaviour: Arc<Behaviour>,
}

impl Reading {
    fn run(mut self) {
        let ended = self.speak().unwrap_or_else(|error| error.to_string());
        lock(&self.log).ended = Some(ended);
    }

    fn speak(&mut self) -> io::Result<String> {
        self.write(&open(self.identity))?;
        let interval = Duration::from_secs(u64::from(self.identity.hold_time)) / 3;
        let mut next_keepalive = Instant::now() + interval;
        let mut octets = Vec::new();
        loop {
            let silent = self.behaviour.sends_no_keepalives.load(Ordering::Relaxed);
            if Instant::now() >= next_keepalive && !silent {
                self.write(&keepalive())?;
                next_keepalive = Instant::now() + interval;
            }
            if self.behaviour.reads_nothing.load(Ordering::Relaxed) {
                thread::park_timeout(TURN);
                continue;
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok("closed by the hub".to_owned()),
                Ok(length) => octets.extend_from_slice(&chunk[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            while let Some(length) = message_length(&octets).filter(|length| *length <= octets.len()) {
                let message: Vec<u8> = octets.drain(..length).collect();
                if let Some(end) = self.hear(&message)? {
                    return Ok(end);
                }
            }
        }
    }

    fn hear(&self, message: &[u8]) -> io::Result<Option<String>> {
        let body = &message[HEADER..];
        if message[HEADER - 1] == OPEN {
            self.write(&keepalive())?;
        }
        let mut log = lock(&self.log);
        match message[HEADER - 1] {
            KEEPALIVE => log.established = true,
            UPDATE => log.take_in(&Update::read(body).ok_or_else(|| io::Error::other("an UPDATE that is cut off"))?),
            NOTIFICATION => return Ok(Some(format!("notification {}/{}", body[0], body[1]))),
            _ => {}
        }
        if log.established {
            log.note_gap();
        }
        Ok(None)
    }

    fn write(&self, octets: &[u8]) -> io::Result<()> {
        lock(&self.writing).write_all(octets)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
