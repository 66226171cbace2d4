//! Time as a value: the pure layers are told what time it is, and never look.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, as the monotonic time since some origin that the caller chose (the daemon's start).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant {
    since_origin: Duration,
}

impl Instant {
    /// The origin itself.
    pub const ZERO: Instant = Instant { since_origin: Duration::ZERO };

    /// The instant that lies this long after the origin.
    pub const fn from_origin(since_origin: Duration) -> Instant {
        Instant { since_origin }
    }

    /// How long after the origin this is.
    pub const fn since_origin(self) -> Duration {
        self.since_origin
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Instant) -> Duration {
        self.since_origin.saturating_sub(earlier.since_origin)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant { since_origin: self.since_origin.saturating_add(duration) }
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.since_origin.as_secs_f64())
    }
}
