//! `nva show fib`.

use super::{audit, hops};
use crate::control::{FibReply, FibRoute, FibState};
use crate::daemon::State;
use crate::fib::{FibConfig, FibEntry};
use crate::host::{Hop, HostState, Via};

pub fn fib(state: &State<'_>) -> FibReply {
    let fib = state.speaker.fib();
    let config = fib.map_or_else(FibConfig::default, |fib| *fib.config());
    let rows = fib.map_or_else(Vec::new, |fib| fib.entries().map(|entry| row(entry, state.speaker.host())).collect());
    let audits = audit::all(state);
    FibReply { install: fib.is_some(), table: config.table, metric: config.metric, audits, rows }
}

fn row(entry: FibEntry<'_>, host: &HostState) -> FibRoute {
    let (state, reason) = match (entry.withheld, entry.failure) {
        (Some(withheld), _) => (FibState::Unresolved, Some(withheld.to_string())),
        (None, Some(failure)) => {
            (FibState::Failed, Some(format!("{} (tried {} times)", failure.reason, failure.attempts)))
        }
        (None, None) if entry.adopted => (FibState::Stale, Some("left by an earlier run".to_owned())),
        (None, None) if entry.pending => (FibState::Pending, None),
        (None, None) => (FibState::Installed, None),
    };
    let installed = entry.installed.map(|via| match via {
        Via::Hops(hops) => hops.as_slice(),
        Via::Object(id) => host.hops_through(*id),
    });
    let shown = installed.or(entry.desired);
    FibRoute {
        prefix: entry.prefix.to_string(),
        hops: hops(shown.unwrap_or_default(), host),
        blackhole: shown.is_some_and(<[Hop]>::is_empty),
        state,
        reason,
        pin: entry.pinned,
    }
}
