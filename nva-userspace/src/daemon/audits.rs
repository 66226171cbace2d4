//! Audits: the kernel's tables are read anew, and they and XDP's are held against what they should be. Every so often, and
//! when an operator asks.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::fib::FibAudit;
use crate::net::Instant;

/// What an audit found, and repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// How long it took.
    pub took: Duration,
    /// In the kernel; `None` if it is kept out of it.
    pub fib: Option<FibAudit>,
    /// In the XDP tables; `None` where XDP is not in use.
    pub xdp: Option<XdpAudit>,
}

/// What an audit found in the XDP tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpAudit {
    /// How many prefixes they should hold.
    pub prefixes: usize,
    /// Words of the tables, ports and redirect targets that held something else.
    pub repaired: u64,
    /// Why it could not be finished.
    pub problem: Option<String>,
}

impl Audited {
    /// How many differences there were.
    pub fn differences(&self) -> u64 {
        let kernel = self.fib.as_ref().map_or(0, |fib| fib.differences() as u64);
        kernel + self.xdp.as_ref().map_or(0, |xdp| xdp.repaired)
    }
}

/// The audits of a daemon's life.
#[derive(Debug, Default)]
pub struct Audits {
    /// The last one that was asked for: its number, and when.
    begun: Option<(u64, Instant)>,
    /// Who waits for one with this number, or a later one.
    waiting: Vec<(u64, oneshot::Sender<Audited>)>,
    count: u64,
    differences: u64,
    last: Option<(Instant, Audited)>,
}

impl Audits {
    /// Whether the next one is due.
    pub fn is_due(&self, interval: Option<Duration>, now: Instant) -> bool {
        let begun = self.begun.map_or(Instant::ZERO, |(_, begun)| begun);
        interval.is_some_and(|interval| now.since(begun) >= interval)
    }

    /// One was asked for. Somebody may wait for what it finds.
    pub fn begin(&mut self, number: u64, now: Instant, waits: Option<oneshot::Sender<Audited>>) {
        self.begun = Some((number, now));
        self.waiting.extend(waits.map(|waits| (number, waits)));
    }

    /// The one with this number, and all before it, found this.
    pub fn end(&mut self, number: u64, fib: Option<FibAudit>, xdp: Option<XdpAudit>, now: Instant) {
        let begun = self.begun.filter(|(begun, _)| *begun == number);
        let found = Audited { took: begun.map_or(Duration::ZERO, |(_, begun)| now - begun), fib, xdp };
        self.count += 1;
        self.differences += found.differences();
        for (_, waits) in self.waiting.extract_if(.., |(waited_for, _)| *waited_for <= number) {
            // Whoever asked may have gone away meanwhile.
            let _ = waits.send(found.clone());
        }
        self.last = Some((now, found));
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many differences all of them found.
    pub fn differences(&self) -> u64 {
        self.differences
    }

    /// When the last one ended, and what it found.
    pub fn last(&self) -> Option<(Instant, &Audited)> {
        self.last.as_ref().map(|(when, found)| (*when, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn found(missing: usize) -> Option<FibAudit> {
        let prefix = "192.0.2.0/24".parse().expect("a prefix");
        Some(FibAudit { routes: 10, missing: vec![prefix; missing], ..FibAudit::default() })
    }

    #[test]
    fn they_are_due_from_one_begin_to_the_next() {
        let mut audits = Audits::default();
        let interval = Some(Duration::from_secs(60));
        assert_eq!([59, 60].map(|now| audits.is_due(interval, at(now))), [false, true]);
        audits.begin(1, at(60), None);
        assert_eq!([60, 119, 120].map(|now| audits.is_due(interval, at(now))), [false, false, true]);
        assert!(!audits.is_due(None, at(10_000)), "switched off");
    }

    #[test]
    fn who_asked_last_is_not_answered_by_an_earlier_one() {
        let mut audits = Audits::default();
        let (first, mut one) = oneshot::channel();
        let (second, mut two) = oneshot::channel();
        audits.begin(1, at(1), Some(first));
        audits.begin(2, at(2), Some(second));
        audits.end(1, found(1), None, at(3));
        assert_eq!(one.try_recv().expect("answered").differences(), 1);
        assert!(two.try_recv().is_err());
        let xdp = XdpAudit { repaired: 4, ..XdpAudit::default() };
        audits.end(2, found(0), Some(xdp), at(5));
        let answer = two.try_recv().expect("answered");
        assert_eq!((answer.differences(), answer.took), (4, Duration::from_secs(3)));
        assert_eq!((audits.count(), audits.differences(), audits.last()), (2, 5, Some((at(5), &answer))));
    }
}
