//! Times: jitter, the growing idle hold time, deadlines.

use std::time::Duration;

use crate::net::Instant;

/// Shortens times by a random share (RFC 4271 §10), in an order that the seed alone decides.
#[derive(Clone, Debug)]
pub(super) struct Jitter(fastrand::Rng);

impl Jitter {
    /// Nothing is ever due sooner than this, so that a time of 0 in a configuration does not become a busy loop.
    pub const SHORTEST: Duration = Duration::from_millis(1);

    pub fn with_seed(seed: u64) -> Jitter {
        Jitter(fastrand::Rng::with_seed(seed))
    }

    /// 75 to 100 % of a time, drawn anew each time that a timer is set.
    pub fn apply(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.75 + 0.25 * self.0.f64()).max(Jitter::SHORTEST)
    }
}

/// The idle hold time, doubled with every failure (DampPeerOscillations, RFC 4271 §8.1.1).
#[derive(Clone, Debug)]
pub(super) struct BackOff {
    first: Duration,
    max: Duration,
    doublings: u32,
}

impl BackOff {
    pub fn new(first: Duration, max: Duration) -> BackOff {
        BackOff { first, max, doublings: 0 }
    }

    /// The time to be idle, without jitter.
    pub fn delay(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max.max(self.first))
    }

    pub fn grow(&mut self) {
        self.doublings = (self.doublings + 1).min(31);
    }

    pub fn reset(&mut self) {
        self.doublings = 0;
    }
}

/// Whether a timer is due; if so it is stopped.
pub(super) fn take_if_due(deadline: &mut Option<Instant>, now: Instant) -> bool {
    let due = deadline.is_some_and(|at| at <= now);
    if due {
        *deadline = None;
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_between_75_and_100_percent_and_repeatable() {
        let time = Duration::from_secs(120);
        let draw = |seed| {
            let mut jitter = Jitter::with_seed(seed);
            (0..1000).map(|_| jitter.apply(time)).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        assert!(drawn.iter().all(|jittered| (Duration::from_secs(90)..=time).contains(jittered)));
        assert!(drawn.iter().any(|jittered| *jittered < Duration::from_secs(92)), "the whole range is used");
        assert!(drawn.iter().any(|jittered| *jittered > Duration::from_secs(118)), "the whole range is used");
        assert_eq!(drawn, draw(7));
        assert_ne!(drawn, draw(8));
    }

    #[test]
    fn back_off_doubles_up_to_its_maximum() {
        let mut back_off = BackOff::new(Duration::from_secs(5), Duration::from_secs(30));
        let mut delays = Vec::new();
        for _ in 0..100 {
            delays.push(back_off.delay().as_secs());
            back_off.grow();
        }
        assert_eq!(delays[..4], [5, 10, 20, 30]);
        assert_eq!(delays[99], 30);
        back_off.reset();
        assert_eq!(back_off.delay().as_secs(), 5);
    }

    #[test]
    fn a_timer_is_due_once() {
        let mut deadline = Some(Instant::ZERO);
        assert!(take_if_due(&mut deadline, Instant::ZERO));
        assert!(!take_if_due(&mut deadline, Instant::ZERO));
    }
}
