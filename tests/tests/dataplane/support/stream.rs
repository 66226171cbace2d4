//! Traffic while something happens.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::packet::Packet;
use super::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of numbered packets from one wire to another that runs until it is told to stop.
pub struct Stream {
    sent: AtomicU64,
    received: AtomicU64,
    stop: AtomicBool,
}

impl Stream {
    pub fn new() -> Stream {
        Stream { sent: AtomicU64::new(0), received: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    pub fn send(&self, wire: &Wire, template: &Packet) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            wire.send(&Packet { id: number as u16, ..template.clone() }.frame());
            // Bounded: the test is about loss, not about load.
            while self.sent.load(Ordering::Relaxed) > self.received.load(Ordering::Relaxed) + 512 {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                thread::yield_now();
            }
        }
    }

    pub fn receive(&self, wire: &Wire, source: Ipv4Addr) {
        let end = || {
            self.stop.load(Ordering::Relaxed)
                && self.received.load(Ordering::Relaxed) >= self.sent.load(Ordering::Relaxed)
        };
        let mut deadline = None;
        while !end() {
            if self.stop.load(Ordering::Relaxed)
                && *deadline.get_or_insert_with(|| Instant::now() + PATIENCE) < Instant::now()
            {
                return;
            }
            match wire.receive() {
                Some(frame) if frame.get(26..30) == Some(&source.octets()[..]) => {
                    self.received.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => {}
                None => wire.wait(Duration::from_millis(10)),
            }
        }
    }

    /// Waits until this many more packets have come through.
    pub fn more(&self, packets: u64, what: &str) {
        let (until, end) = (self.received.load(Ordering::Relaxed) + packets, Instant::now() + PATIENCE);
        while self.received.load(Ordering::Relaxed) < until {
            assert!(Instant::now() < end, "no packets {what}");
            thread::yield_now();
        }
    }

    /// Stops it when this goes, however that comes.
    pub fn stopping(&self) -> Stop<'_> {
        Stop(self)
    }
}

/// Stops a stream.
pub struct Stop<'a>(&'a Stream);

impl Stop<'_> {
    /// Stops it, waits until all of its packets have come through, and returns how many they were.
    pub fn and_count(self) -> u64 {
        let stream = self.0;
        drop(self);
        let (sent, received) = (|| stream.sent.load(Ordering::Relaxed), || stream.received.load(Ordering::Relaxed));
        let end = Instant::now() + PATIENCE;
        while received() < sent() {
            assert!(Instant::now() < end, "{} packets lost", sent() - received());
            thread::yield_now();
        }
        sent()
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}
