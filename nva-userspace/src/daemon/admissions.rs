//! Connections that were let in and those that were refused: counted, and told without letting whoever knocks fill the
//! log.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tracing::info;

use crate::net::Instant;
use crate::speaker::Refusal;

/// Between two lines of the log about refusals for the same reason.
const QUIET: Duration = Duration::from_secs(10);

/// What became of incoming connections since the start.
#[derive(Debug, Default)]
pub struct Admissions {
    accepted: u64,
    refused: BTreeMap<Refusal, Refused>,
}

#[derive(Debug, Default)]
struct Refused {
    count: u64,
    /// How many of them were in the log, or counted there.
    told: u64,
    told_at: Option<Instant>,
}

impl Admissions {
    /// How many were let in.
    pub fn len_accepted(&self) -> u64 {
        self.accepted
    }

    /// How many were refused for this reason.
    pub fn len_refused(&self, refusal: Refusal) -> u64 {
        self.refused.get(&refusal).map_or(0, |refused| refused.count)
    }

    pub(super) fn accepted(&mut self) {
        self.accepted += 1;
    }

    pub(super) fn refused(&mut self, remote: IpAddr, refusal: Refusal, now: Instant) {
        let refused = self.refused.entry(refusal).or_default();
        refused.count += 1;
        if refused.told_at.is_some_and(|at| now - at < QUIET) {
            return;
        }
        let others = refused.count - refused.told - 1;
        refused.told = refused.count;
        refused.told_at = Some(now);
        info!(%remote, reason = refusal.name(), others, "refused a connection: {refusal}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_counts_and_few_are_told() {
        let mut admissions = Admissions::default();
        let remote = IpAddr::from([192, 0, 2, 1]);
        for millisecond in 0..25_000 {
            let now = Instant::from_origin(Duration::from_millis(millisecond));
            admissions.refused(remote, Refusal::NoPeer, now);
        }
        assert_eq!(admissions.len_refused(Refusal::NoPeer), 25_000);
        assert_eq!(admissions.len_refused(Refusal::Disabled), 0);
        let refused = &admissions.refused[&Refusal::NoPeer];
        assert_eq!((refused.told, refused.told_at), (20_001, Some(Instant::from_origin(Duration::from_secs(20)))));
    }
}
