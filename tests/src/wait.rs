//! Waiting for a condition: the only place of the lab that sleeps.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// The first pause between two looks; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// Looks until `look` is content, and returns what it found; `Err` is what it saw instead, which the error repeats
/// when `patience` is over.
pub fn wait_until<T, E: Display>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if start.elapsed() >= patience => {
                bail!("waited {:.1} s for {what}; last seen: {seen:#}", patience.as_secs_f32());
            }
            Err(_) => {}
        }
        thread::sleep(pause.min(patience.saturating_sub(start.elapsed())));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// `Ok` where `condition` holds, else what was seen: for [`wait_until`].
pub fn seen<S: Display>(condition: bool, seen: impl FnOnce() -> S) -> Result<(), String> {
    if condition { Ok(()) } else { Err(seen().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found_at_last() {
        let mut looks = 0;
        let found = wait_until(Duration::from_secs(5), "three looks", || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("too early") }
        });
        assert_eq!(found.expect("the third look is content"), 3);
    }

    #[test]
    fn says_what_was_seen_last() {
        let error = wait_until(Duration::ZERO, "rain", || Err::<(), _>("sun")).expect_err("nothing to find");
        assert_eq!(error.to_string(), "waited 0.0 s for rain; last seen: sun");
    }
}
