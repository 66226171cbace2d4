//! `bfd` of a peer or of a group.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::Problems;
use super::file::{BfdValue, PeerTable};
use crate::bfd::{Hops, SessionConfig};
use crate::speaker::BfdConfig;

/// Three packets of this interval make a detection time of a bit less than a second.
const DEFAULT_INTERVAL: u32 = 300;

const DEFAULT_MULTIPLIER: u8 = 3;

/// Milliseconds. What is shorter would depend on how soon the kernel lets a thread run; what is longer is no faster than
/// hold times are.
const INTERVALS: RangeInclusive<u32> = 10..=60_000;

/// Understands the key; `None` if there is to be no BFD.
pub(super) fn build(table: &PeerTable, azure: bool, distant: bool, problems: &mut Problems<'_>) -> Option<BfdConfig> {
    let value = table.bfd.as_ref()?;
    let mut add = |message: &dyn std::fmt::Display| problems.add(value.span(), message);
    let (interval, multiplier, several, minimum_ttl) = match *value.get_ref() {
        BfdValue::Wanted(false) => return None,
        BfdValue::Wanted(true) => (None, None, None, None),
        BfdValue::Given { interval, multiplier, multihop, minimum_ttl } => {
            (interval, multiplier, multihop, minimum_ttl)
        }
    };
    if azure {
        add(&"Azure Route Server has no BFD: leave bfd out, or set it to false");
    }
    let interval = interval.unwrap_or(DEFAULT_INTERVAL);
    if !INTERVALS.contains(&interval) {
        let (first, last) = (INTERVALS.start(), INTERVALS.end());
        add(&format_args!("interval is {interval}: choose from {first} to {last} milliseconds"));
    }
    let multiplier = multiplier.unwrap_or(DEFAULT_MULTIPLIER);
    if multiplier == 0 {
        add(&"multiplier is 0: choose from 1 to 255 intervals after which a silent peer is given up");
    }
    let hops = if several.unwrap_or(distant) { Hops::Multi } else { Hops::Single };
    if hops == Hops::Single && minimum_ttl.is_some() {
        add(&"minimum-ttl is for several hops: over a single one the TTL is always 255 (RFC 5881 §5)");
    }
    let interval = Duration::from_millis(interval.into());
    let session = SessionConfig { desired_min_tx: interval, required_min_rx: interval, multiplier };
    Some(BfdConfig { session, hops, minimum_ttl: minimum_ttl.unwrap_or(1) })
}
