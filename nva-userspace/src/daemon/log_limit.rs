//! What others can make us say again and again is said a few times and counted from there on: a log that is written for
//! every message would fill the disk, and whoever writes it waits for it.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use crate::net::Instant;
use crate::route::PeerId;

/// Lines of one kind about one peer within [`WINDOW`].
const LINES: u32 = 20;

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// Who a line is about, if it is about a peer, and its kind.
pub type Subject = (Option<PeerId>, &'static str);

/// Lines that were written of late, and those that were not.
#[derive(Debug, Default)]
pub struct LogLimit(BTreeMap<Subject, Window>);

#[derive(Debug)]
struct Window {
    since: Instant,
    written: u32,
    left_out: u64,
}

impl LogLimit {
    /// Whether there is room for one more line.
    pub fn admits(&mut self, subject: Subject, now: Instant) -> bool {
        let window = self.0.entry(subject).or_insert(Window { since: now, written: 0, left_out: 0 });
        let admitted = window.written < LINES;
        if admitted {
            window.written += 1;
        } else {
            window.left_out += 1;
        }
        admitted
    }

    /// Forgets windows that are over, and says of which lines were left out and how many. To be called every second.
    pub fn end(&mut self, now: Instant) -> Vec<(Subject, u64)> {
        let (over, open) = mem::take(&mut self.0).into_iter().partition(|(_, window)| now - window.since >= WINDOW);
        self.0 = open;
        let counts = BTreeMap::into_iter(over).map(|(subject, window)| (subject, window.left_out));
        counts.filter(|(_, left_out)| *left_out > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_and_a_number() {
        let mut limit = LogLimit::default();
        let at = |second: u64| Instant::from_origin(Duration::from_secs(second));
        let (flood, other) = ((Some(PeerId(1)), "malformed UPDATE"), (Some(PeerId(2)), "malformed UPDATE"));
        let written = (0..1000).filter(|_| limit.admits(flood, at(0))).count();
        assert_eq!(written, 20);
        assert!(limit.admits(other, at(1)), "others have lines of their own");
        assert_eq!(limit.end(at(9)), []);
        assert_eq!(limit.end(at(10)), [(flood, 980)]);
        assert!(limit.admits(flood, at(10)), "and it begins again");
        assert_eq!(limit.end(at(60)), [], "nothing was left out");
        assert!(limit.0.is_empty(), "nothing is kept of whoever is quiet");
    }
}
