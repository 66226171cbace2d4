//! Two systems, a link between them, and one virtual clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::*;

/// Datagrams under way, by when they arrive: the receiver, and the octets.
type Wire = BTreeMap<(Instant, u64), (usize, [u8; CONTROL_LEN])>;

pub struct World {
    pub now: Instant,
    /// `None` is dead.
    pub systems: [Option<Sessions>; 2],
    pub ids: [Discriminator; 2],
    pub link: Link,
    pub log: Vec<(usize, Event)>,
    wire: Wire,
    number: u64,
    rng: fastrand::Rng,
}

#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The share of datagrams that never arrive.
    pub loss: f64,
    pub latency: Duration,
    /// The most that is added to it: what is sent later may arrive earlier.
    pub spread: Duration,
    /// Of what this system sends nothing arrives.
    pub mute: Option<usize>,
}

pub const GOOD: Link = Link { loss: 0.0, latency: Duration::from_millis(1), spread: Duration::ZERO, mute: None };

fn path(peer: usize) -> Path {
    Path { peer: address(peer), hops: Hops::Single }
}

fn address(system: usize) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, if system == 0 { 1 } else { 2 }).into()
}

impl World {
    pub fn new(seed: u64, configs: [SessionConfig; 2], link: Link) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = Instant::ZERO;
        let mut systems = [Sessions::new(rng.u64(..)), Sessions::new(rng.u64(..))];
        let ids = [0, 1].map(|system| systems[system].add(path(1 - system), 255, configs[system], now));
        let mut world =
            World { now, systems: systems.map(Some), ids, link, log: Vec::new(), wire: Wire::new(), number: 0, rng };
        world.carry();
        world
    }

    pub fn session(&self, system: usize) -> &Session {
        self.systems[system].as_ref().and_then(|sessions| sessions.get(self.ids[system])).expect("alive").0
    }

    pub fn states(&self) -> [State; 2] {
        [0, 1].map(|system| self.session(system).state())
    }

    pub fn reconfigure(&mut self, system: usize, config: SessionConfig) {
        let now = self.now;
        if let Some(sessions) = &mut self.systems[system] {
            sessions.add(path(1 - system), 255, config, now);
        }
        self.carry();
    }

    /// It says goodbye in good order.
    pub fn remove(&mut self, system: usize) {
        let (now, id) = (self.now, self.ids[system]);
        if let Some(sessions) = &mut self.systems[system] {
            sessions.remove(id, now);
        }
        self.carry();
    }

    /// It is dead from now on; what it has sent still arrives.
    pub fn kill(&mut self, system: usize) {
        self.systems[system] = None;
    }

    /// A new life, under another number.
    pub fn revive(&mut self, system: usize, config: SessionConfig) {
        let mut sessions = Sessions::new(self.rng.u64(..));
        self.ids[system] = sessions.add(path(1 - system), 255, config, self.now);
        self.systems[system] = Some(sessions);
        self.carry();
    }

    /// Runs until then, or until `done` says so; whether it did.
    pub fn run_until(&mut self, end: Instant, mut done: impl FnMut(&World) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let timers = self.systems.iter().flatten().filter_map(Sessions::poll_timeout);
            let arrival = self.wire.keys().next().map(|(due, _)| *due);
            let Some(next) = timers.chain(arrival).min().filter(|next| *next <= end) else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            // What arrives in the same moment counts before the timers do.
            if arrival == Some(next) {
                self.deliver();
            } else {
                for sessions in self.systems.iter_mut().flatten() {
                    sessions.handle_timeout(self.now);
                }
            }
            self.carry();
        }
    }

    pub fn run(&mut self, time: Duration) {
        self.run_until(self.now + time, |_| false);
    }

    fn deliver(&mut self) {
        let Some((_, (system, octets))) = self.wire.pop_first() else { return };
        if let Some(sessions) = &mut self.systems[system] {
            let datagram =
                Datagram { source: address(1 - system), hops: Hops::Single, ttl: Some(255), octets: &octets };
            // A datagram for a former life is dropped, and counted.
            let _ = sessions.handle_datagram(datagram, self.now);
        }
    }

    fn carry(&mut self) {
        for system in 0..2 {
            let Some(sessions) = &mut self.systems[system] else { continue };
            while let Some((_, event)) = sessions.poll_event() {
                self.log.push((system, event));
            }
            while let Some(outgoing) = sessions.poll_transmit() {
                if self.rng.f64() >= self.link.loss && self.link.mute != Some(system) {
                    let arrival = self.now + self.link.latency + self.link.spread.mul_f64(self.rng.f64());
                    self.number += 1;
                    self.wire.insert((arrival, self.number), (1 - system, outgoing.octets));
                }
            }
        }
    }
}
