//! The counters of an NVA's fast path.

use std::net::Ipv4Addr;

use anyhow::Context;
use serde::Deserialize;

use crate::daemon::Daemon;

/// Counters at one moment, from `nva show xdp --json`.
#[derive(Debug, Deserialize)]
pub(super) struct Counters {
    counters: Vec<Counter>,
    prefixes: Vec<PrefixCounter>,
}

#[derive(Debug, Deserialize)]
struct Counter {
    verdict: String,
    packets: u64,
}

#[derive(Debug, Deserialize)]
struct PrefixCounter {
    prefixes: Vec<String>,
    kind: String,
    packets: u64,
}

impl Counters {
    pub(super) fn of(daemon: &Daemon) -> anyhow::Result<Counters> {
        let text = daemon.show(&["xdp", "--json"])?;
        serde_json::from_str(&text).with_context(|| format!("`nva show xdp --json` printed {text}"))
    }

    /// Packets that left in XDP, through the same NIC or another.
    pub(super) fn forwarded_since(&self, before: &Counters) -> u64 {
        self.forwarded().saturating_sub(before.forwarded())
    }

    /// Packets given to the kernel because they are for an address of this machine.
    pub(super) fn delivered_to(&self, address: Ipv4Addr) -> u64 {
        let prefix = format!("{address}/32");
        let of_prefix = self.prefixes.iter().filter(|row| row.kind == "local" && row.prefixes.contains(&prefix));
        of_prefix.map(|row| row.packets).sum()
    }

    fn forwarded(&self) -> u64 {
        let left = self.counters.iter().filter(|counter| counter.verdict == "forward");
        left.map(|counter| counter.packets).sum()
    }
}
