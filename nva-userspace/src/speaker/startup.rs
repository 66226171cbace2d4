//! The time after a start in which routes of an earlier run stay in the kernel although nobody has confirmed them yet,
//! so that a restart does not interrupt forwarding (compare RFC 4724 §4.1, the Selection_Deferral_Timer).

use std::time::Duration;

use crate::net::Instant;

/// Where the start-up stands.
#[derive(Debug)]
pub struct Startup {
    patience: Duration,
    deadline: Option<Instant>,
}

impl Startup {
    pub(super) fn new(patience: Duration) -> Startup {
        Startup { patience, deadline: None }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.deadline = Some(now + self.patience);
    }

    /// When the start-up ends at the latest; `None` before it began and after it ended.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the start-up ends now: true exactly once.
    pub(super) fn is_over(&mut self, all_told: impl FnOnce() -> bool, now: Instant) -> bool {
        let over = self.deadline.is_some_and(|deadline| deadline <= now || all_told());
        if over {
            self.deadline = None;
        }
        over
    }
}
