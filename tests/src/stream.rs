//! A steady stream of numbered datagrams that are all to come back.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::ensure;

use crate::netns::Namespace;
use crate::wait::wait_until;

/// How long datagrams may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the other side echoes.
const PORT: u16 = 7007;

/// The pause between two datagrams.
const PACE: Duration = Duration::from_millis(1);

/// Datagrams under way at most, so that a machine that is busy elsewhere overflows no socket.
const MOST_UNDER_WAY: u64 = 64;

/// Datagrams from one namespace to another, which sends each of them back.
pub struct Stream {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stop_sending: AtomicBool,
    stop_receiving: AtomicBool,
    sent: AtomicU64,
    returned: AtomicU64,
}

impl Stream {
    /// Starts to send from `from` in one namespace to `to` in another.
    pub fn start<A: Into<IpAddr>>(client: (&Namespace, A), server: (&Namespace, A)) -> Stream {
        let ((client, from), (server, to)) = (client, server);
        let target = SocketAddr::from((to.into(), PORT));
        let (echo, sender) = (socket(server, target), socket(client, SocketAddr::from((from.into(), 0))));
        let state = Arc::<State>::default();
        let receiver = sender.try_clone().expect("a second handle");
        let threads = vec![
            spawn(&state, move |state| state.echo(&echo)),
            spawn(&state, move |state| state.receive(&receiver)),
            spawn(&state, move |state| state.send(&sender, target)),
        ];
        Stream { state, threads }
    }

    /// Waits until that many more have come back.
    pub fn wait_for_more(&self, count: u64) {
        let goal = self.returned() + count;
        wait_until(PATIENCE, &format!("{count} more datagrams to come back"), || {
            let returned = self.returned();
            ensure!(returned >= goal, "{returned} of {goal}");
            Ok(())
        })
        .expect("the stream flows");
    }

    /// How many came back so far.
    pub fn returned(&self) -> u64 {
        self.state.returned.load(Ordering::Relaxed)
    }

    /// Stops sending, waits for what is under way, and returns how many were sent and how many never came back.
    pub fn stop(mut self) -> (u64, u64) {
        self.state.stop_sending.store(true, Ordering::Relaxed);
        let sender = self.threads.pop().expect("the sender is the last thread");
        sender.join().expect("the sender ends");
        let sent = self.state.sent.load(Ordering::Relaxed);
        let rest = wait_until(Duration::from_secs(3), "the last datagrams", || {
            let lost = sent - self.returned();
            if lost == 0 { Ok(()) } else { Err(format!("{lost} of {sent} are missing")) }
        });
        let lost = if rest.is_ok() { 0 } else { sent - self.returned() };
        (sent, lost)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.stop_sending.store(true, Ordering::Relaxed);
        self.state.stop_receiving.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // Its own failure is shown by what it did not count.
            let _ = thread.join();
        }
    }
}

impl State {
    fn send(&self, socket: &UdpSocket, target: SocketAddr) {
        while !self.stop_sending.load(Ordering::Relaxed) {
            let sent = self.sent.load(Ordering::Relaxed);
            if sent - self.returned.load(Ordering::Relaxed) < MOST_UNDER_WAY {
                // One that the kernel refuses was lost, too.
                let _ = socket.send_to(&sent.to_be_bytes(), target);
                self.sent.store(sent + 1, Ordering::Relaxed);
            }
            thread::park_timeout(PACE);
        }
    }

    fn receive(&self, socket: &UdpSocket) {
        let mut datagram = [0; 8];
        let mut seen = BTreeSet::new();
        while !self.stop_receiving.load(Ordering::Relaxed) {
            // One that comes twice does not make up for one that is lost.
            if let Ok((8, _)) = socket.recv_from(&mut datagram)
                && seen.insert(u64::from_be_bytes(datagram))
            {
                self.returned.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn echo(&self, socket: &UdpSocket) {
        let mut datagram = [0; 8];
        while !self.stop_receiving.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut datagram) {
                let _ = socket.send_to(&datagram[..length], from);
            }
        }
    }
}

fn spawn(state: &Arc<State>, work: impl FnOnce(&State) + Send + 'static) -> JoinHandle<()> {
    let state = Arc::clone(state);
    thread::spawn(move || work(&state))
}

fn socket(namespace: &Namespace, address: SocketAddr) -> UdpSocket {
    let socket = namespace.enter(|| UdpSocket::bind(address)).expect("a namespace").expect("a socket");
    // So that the threads see when to stop.
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    socket
}
