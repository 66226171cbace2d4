//! Graceful restart (RFC 4724, RFC 8538) as it is written.

use std::time::Duration;

use super::error::Problems;
use super::file::{GracefulRestartValue, PeerTable};
use crate::net::AfiSafi;
use crate::packet::{GracefulRestart, RestartFamily};

/// Seconds that a restart of ours takes at most: what other daemons say, too.
const DEFAULT_RESTART_TIME: u16 = 120;

/// Seconds that a peer's routes stay at most: time to come back, and to send a whole table.
const DEFAULT_STALE_TIME: u16 = 300;

/// The most that the capability can say (RFC 4724 §3: 12 bits).
const LONGEST_RESTART_TIME: u16 = 4095;

/// What OPENs say; `None`: nothing.
pub(super) fn announced(
    table: &PeerTable,
    azure: bool,
    families: &[AfiSafi],
    problems: &mut Problems<'_>,
) -> Option<GracefulRestart> {
    let time = table.restart_time.as_ref().map_or(DEFAULT_RESTART_TIME, |time| {
        if !(1..=LONGEST_RESTART_TIME).contains(time.get_ref()) {
            let advice = format_args!("choose from 1 to {LONGEST_RESTART_TIME} seconds (RFC 4724 §3)");
            problems.add(time.span(), format_args!("restart-time is {}: {advice}", time.get_ref()));
        }
        *time.get_ref()
    });
    let restarts = match table.graceful_restart.as_ref().map(|value| (value.span(), value.get_ref())) {
        // Azure Route Server is not known to take this capability.
        None if azure => return None,
        None => false,
        Some((_, GracefulRestartValue::Switch(false))) => return None,
        Some((_, GracefulRestartValue::Switch(true))) => true,
        Some((place, GracefulRestartValue::Text(text))) => {
            if text != "helper" {
                problems.add(place, format_args!("{text:?} is no role: write true, false or \"helper\""));
            }
            false
        }
    };
    let family = |family: &AfiSafi| RestartFamily::new(*family, true);
    let families = if restarts { families.iter().map(family).collect() } else { Vec::new() };
    Some(GracefulRestart { restarted: false, notification: true, time, families })
}

/// How long the peer's routes stay at most.
pub(super) fn stale_time(table: &PeerTable, problems: &mut Problems<'_>) -> Duration {
    let seconds = table.stale_time.as_ref().map_or(DEFAULT_STALE_TIME, |time| {
        if *time.get_ref() == 0 {
            problems.add(time.span(), "stale-time is at least 1 second: graceful-restart = false keeps no routes");
        }
        *time.get_ref()
    });
    Duration::from_secs(u64::from(seconds))
}
