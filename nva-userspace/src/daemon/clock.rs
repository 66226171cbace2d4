//! The one place that reads a clock for the pure layers.

use tokio::time;

use crate::net::Instant;

/// Time since the daemon's start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// A clock whose origin is now.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock for everybody below")]
    pub fn start() -> Clock {
        Clock { origin: time::Instant::now() }
    }

    /// When it was zero, for other clocks that are to show the same.
    pub fn origin(&self) -> time::Instant {
        self.origin
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    /// Waits until it is this time; for ever if there is none.
    pub async fn wait_until(&self, due: Option<Instant>) {
        match due {
            Some(due) => time::sleep_until(self.origin + due.since_origin()).await,
            None => std::future::pending().await,
        }
    }
}
