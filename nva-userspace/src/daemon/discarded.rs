//! Tells the operator of segments that the kernel discards for their signature or TTL: nobody else says a word of them, and
//! all that the two sides see is a connection that does not come about.

use tracing::{debug, warn};

use crate::kernel::DiscardedSegments;

/// Between two looks, in ticks.
const LOOK_EVERY: u32 = 10;

/// What was there at the last look.
#[derive(Debug, Default)]
pub struct DiscardWatch {
    ticks: u32,
    seen: Option<DiscardedSegments>,
}

impl DiscardWatch {
    /// To be called every second.
    pub fn tick(&mut self) {
        if self.ticks.is_multiple_of(LOOK_EVERY) {
            match DiscardedSegments::read() {
                Ok(now) => self.compare(now),
                Err(error) => debug!(%error, "cannot read the kernel's TCP counters"),
            }
        }
        self.ticks = self.ticks.wrapping_add(1);
    }

    fn compare(&mut self, now: DiscardedSegments) {
        let Some(before) = self.seen.replace(now) else { return };
        let news = [
            (now.wrong_signature, before.wrong_signature, "a wrong MD5 signature: a peer has another password"),
            (
                now.no_signature,
                before.no_signature,
                "no MD5 signature: a peer that has a password here has none itself",
            ),
            (
                now.unwanted_signature,
                before.unwanted_signature,
                "an MD5 signature: a peer has a password that it has not here",
            ),
            (now.low_ttl, before.low_ttl, "too low a TTL: a peer is further away than ttl-security allows"),
        ];
        for (now, before, what) in news.into_iter().filter(|(now, before, _)| now > before) {
            warn!(segments = now - before, "TCP segments were discarded that had {what}");
        }
    }
}
