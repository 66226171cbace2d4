//! The two intervals that we announce, and from when on they count (RFC 5880 §6.8.2, §6.8.3).

use std::time::Duration;

use crate::net::Instant;

/// While a session is not Up, it sends no more often than this (RFC 5880 §6.8.3).
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// Shortens an interval by 0 to 25 %; by 10 to 25 % if one lost packet is enough for the peer to give us up
/// (RFC 5880 §6.8.7).
pub(super) fn jittered(interval: Duration, multiplier: u8, rng: &mut fastrand::Rng) -> Duration {
    let most = if multiplier == 1 { 0.9 } else { 1.0 };
    interval.mul_f64(0.75 + (most - 0.75) * rng.f64())
}

/// Our intervals: what the peer is told, what is in use, and whether the peer is being asked to confirm a change.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    desired_min_tx: Duration,
    required_min_rx: Duration,
    tx_in_use: Duration,
    rx_in_use: Duration,
    poll: Poll,
}

/// The Poll Sequence (RFC 5880 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    /// The peer knows the intervals, or none was changed yet.
    Idle,
    /// The peer is to confirm. What was changed meanwhile needs another sequence.
    Asking { sent: u32, again: bool },
    /// Before the next sequence: answers to the second and later polls of the last one are not answers to this one.
    Pausing { until: Instant },
}

impl Timing {
    pub fn new(desired_min_tx: Duration, required_min_rx: Duration) -> Timing {
        let (tx_in_use, rx_in_use) = (desired_min_tx, required_min_rx);
        Timing { desired_min_tx, required_min_rx, tx_in_use, rx_in_use, poll: Poll::Idle }
    }

    /// bfd.DesiredMinTxInterval.
    pub fn desired_min_tx(&self) -> Duration {
        self.desired_min_tx
    }

    /// bfd.RequiredMinRxInterval.
    pub fn required_min_rx(&self) -> Duration {
        self.required_min_rx
    }

    /// What of the former counts for sending.
    pub fn tx_in_use(&self) -> Duration {
        self.tx_in_use
    }

    /// What of the latter counts for the detection time.
    pub fn rx_in_use(&self) -> Duration {
        self.rx_in_use
    }

    /// Changes the intervals, and begins to poll if that is a change. In a session that is Up, the peer must know of a
    /// slower transmission, and must have had the time to send faster, before either counts.
    pub fn set(&mut self, desired_min_tx: Duration, required_min_rx: Duration, up: bool) {
        if (desired_min_tx, required_min_rx) == (self.desired_min_tx, self.required_min_rx) {
            return;
        }
        self.desired_min_tx = desired_min_tx;
        self.required_min_rx = required_min_rx;
        if !up || desired_min_tx < self.tx_in_use {
            self.tx_in_use = desired_min_tx;
        }
        if !up || required_min_rx > self.rx_in_use {
            self.rx_in_use = required_min_rx;
        }
        self.poll = match self.poll {
            Poll::Idle | Poll::Asking { sent: 0, .. } => Poll::Asking { sent: 0, again: false },
            Poll::Asking { sent, .. } => Poll::Asking { sent, again: true },
            Poll::Pausing { until } => Poll::Pausing { until },
        };
    }

    /// Whether a Poll Sequence is under way, or about to be.
    pub fn is_polling(&self) -> bool {
        self.poll != Poll::Idle
    }

    /// A periodic packet goes out now: whether with P.
    pub fn poll_bit(&mut self, now: Instant) -> bool {
        let sent = match self.poll {
            Poll::Idle => return false,
            Poll::Pausing { until } if now < until => return false,
            Poll::Pausing { .. } => 0,
            Poll::Asking { sent, .. } => sent,
        };
        let again = matches!(self.poll, Poll::Asking { again: true, .. });
        self.poll = Poll::Asking { sent: sent.saturating_add(1), again };
        true
    }

    /// The peer confirms.
    pub fn handle_final(&mut self, now: Instant) {
        self.poll = match self.poll {
            // It answers what was not asked.
            Poll::Idle | Poll::Pausing { .. } | Poll::Asking { sent: 0, .. } => return,
            Poll::Asking { again: false, .. } => Poll::Idle,
            Poll::Asking { sent: 1, again: true } => Poll::Asking { sent: 0, again: false },
            Poll::Asking { again: true, .. } => Poll::Pausing { until: now + self.tx_in_use },
        };
        if self.poll == Poll::Idle {
            self.tx_in_use = self.desired_min_tx;
            self.rx_in_use = self.required_min_rx;
        }
    }

    /// The peer is gone: whoever comes next is told the intervals as they are.
    pub fn forget_poll(&mut self) {
        self.poll = Poll::Idle;
        self.tx_in_use = self.desired_min_tx;
        self.rx_in_use = self.required_min_rx;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    #[test]
    fn jitter_uses_its_whole_range_and_no_more() {
        for (multiplier, most) in [(1, 900), (2, 1000), (3, 1000)] {
            let mut rng = fastrand::Rng::with_seed(7);
            let drawn: Vec<Duration> = (0..2000).map(|_| jittered(1000 * MS, multiplier, &mut rng)).collect();
            assert!(drawn.iter().all(|time| (750 * MS..=most * MS).contains(time)), "multiplier {multiplier}");
            assert!(drawn.iter().any(|time| *time < 755 * MS) && drawn.iter().any(|time| *time > (most - 5) * MS));
        }
    }

    #[test]
    fn slower_sending_and_faster_receiving_wait_for_the_peer() {
        let mut timing = Timing::new(300 * MS, 300 * MS);
        timing.set(500 * MS, 100 * MS, true);
        assert_eq!((timing.tx_in_use(), timing.rx_in_use()), (300 * MS, 300 * MS));
        timing.handle_final(at(0));
        assert_eq!(timing.tx_in_use(), 300 * MS, "an answer to nothing");
        assert!(timing.poll_bit(at(1)));
        timing.handle_final(at(2));
        assert_eq!((timing.tx_in_use(), timing.rx_in_use()), (500 * MS, 100 * MS));
        assert!(!timing.is_polling());
        timing.set(100 * MS, 700 * MS, true);
        assert_eq!((timing.tx_in_use(), timing.rx_in_use()), (100 * MS, 700 * MS), "the other way round at once");
        timing.set(900 * MS, 50 * MS, false);
        assert_eq!((timing.tx_in_use(), timing.rx_in_use()), (900 * MS, 50 * MS), "and anything while it is not Up");
    }

    #[test]
    fn a_change_while_polling_needs_an_answer_of_its_own() {
        let mut timing = Timing::new(300 * MS, 300 * MS);
        timing.set(500 * MS, 300 * MS, true);
        assert!(timing.poll_bit(at(0)) && timing.poll_bit(at(300)), "two polls of the first sequence");
        timing.set(900 * MS, 300 * MS, true);
        timing.handle_final(at(310));
        assert_eq!(timing.tx_in_use(), 300 * MS, "the peer may not know of 900 ms yet");
        assert!(!timing.poll_bit(at(400)), "the second answer is still out");
        timing.handle_final(at(410));
        assert_eq!(timing.tx_in_use(), 300 * MS, "here it is, and it answers the first sequence");
        assert!(timing.poll_bit(at(700)));
        timing.handle_final(at(710));
        assert_eq!(timing.tx_in_use(), 900 * MS);
    }

    #[test]
    fn intervals_that_do_not_change_are_not_asked_about() {
        let mut timing = Timing::new(300 * MS, 300 * MS);
        timing.set(300 * MS, 300 * MS, true);
        assert!(!timing.is_polling() && !timing.poll_bit(at(0)));
    }
}
