//! What the programs counted, and how full the tables are.

use aya::maps::{MapData, MapError, PerCpuArray};
use nva_common::{
    Counters, DEFAULT_GROUP, DEFAULT_GROUP_6, GROUP_COUNTERS, OVERFLOW_GROUP, REASON_COUNTERS, Reason, SOURCE_COUNTERS,
};

use super::dataplane::Dataplane;
use super::error::XdpError;
use crate::fib::mirror::{GroupId, GroupState};

/// Counters since the maps were made, and the tables' usage now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpStats {
    /// Every reason, in order of their numbers.
    pub reasons: Vec<ReasonStats>,
    /// Every group that the mirror has.
    pub groups: Vec<GroupStats>,
    /// Packets that followed a default route (whose group may count others beside).
    pub default_routes: Counters,
    /// Packets for which a table was full.
    pub overflow: Counters,
    /// How full the tables are.
    pub usage: TableUsage,
}

/// How many packets met a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonStats {
    /// Why; it tells the verdict.
    pub reason: Reason,
    /// How many, on all CPUs.
    pub counters: Counters,
}

/// How many packets a group had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStats {
    /// The mirror's name for it.
    pub id: GroupId,
    /// Its slot in the map.
    pub slot: u32,
    /// What it does.
    pub state: GroupState,
    /// How many, on all CPUs.
    pub counters: Counters,
    /// How many came from there where they may not come in, and were dropped.
    pub invalid_sources: Counters,
}

/// Entries in use (or waiting for a grace period), and how many there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableUsage {
    /// Prefixes. There can be any number.
    pub routes: usize,
    /// /24s with longer prefixes.
    pub blocks: (usize, usize),
    /// Blocks of nodes of IPv6 prefixes.
    pub nodes: (usize, usize),
    /// Groups.
    pub groups: (usize, usize),
    /// Next hops.
    pub next_hops: (usize, usize),
    /// /24s that the kernel forwards for want of a block.
    pub overflowed_blocks: usize,
    /// Nodes of IPv6 prefixes below which the kernel forwards for want of a block.
    pub overflowed_nodes: usize,
    /// Groups whose packets the kernel forwards for want of a slot.
    pub overflowed_groups: usize,
    /// Next hops that did not get a slot: their flows are the kernel's.
    pub overflowed_next_hops: usize,
}

impl Dataplane {
    /// Reads every counter.
    pub fn stats(&self) -> Result<XdpStats, XdpError> {
        let reasons: Result<Vec<ReasonStats>, XdpError> = Reason::ALL
            .iter()
            .map(|reason| Ok(ReasonStats { reason: *reason, counters: self.reason(*reason)? }))
            .collect();
        let groups: Result<Vec<GroupStats>, XdpError> = self
            .groups
            .entries()
            .map(|(id, entry)| {
                let counters = self.group(entry.slot)?;
                let invalid_sources = sum(&self.source_counters, entry.slot)
                    .map_err(|source| XdpError::Map { name: SOURCE_COUNTERS, source })?;
                Ok(GroupStats { id, slot: entry.slot, state: entry.state.clone(), counters, invalid_sources })
            })
            .collect();
        Ok(XdpStats {
            reasons: reasons?,
            groups: groups?,
            default_routes: added(self.group(DEFAULT_GROUP)?, self.group(DEFAULT_GROUP_6)?),
            overflow: self.group(OVERFLOW_GROUP)?,
            usage: self.usage(),
        })
    }

    /// How full the tables are.
    pub fn usage(&self) -> TableUsage {
        let (overflowed_groups, overflowed_next_hops) = self.groups.overflowed();
        TableUsage {
            routes: self.table.prefixes() + self.table6.prefixes() + self.groups.default_routes(),
            blocks: self.table.block_usage(),
            nodes: self.table6.block_usage(),
            groups: self.groups.usage(),
            next_hops: self.next_hops.usage(),
            overflowed_blocks: self.table.overflowed(),
            overflowed_nodes: self.table6.overflowed(),
            overflowed_groups,
            overflowed_next_hops,
        }
    }

    fn reason(&self, reason: Reason) -> Result<Counters, XdpError> {
        sum(&self.reason_counters, reason as u32).map_err(|source| XdpError::Map { name: REASON_COUNTERS, source })
    }

    pub(super) fn group(&self, slot: u32) -> Result<Counters, XdpError> {
        sum(&self.group_counters, slot).map_err(|source| XdpError::Map { name: GROUP_COUNTERS, source })
    }
}

/// The sum of all CPUs' counters.
fn sum(map: &PerCpuArray<MapData, Counters>, index: u32) -> Result<Counters, MapError> {
    let mut total = Counters::default();
    for counters in map.get(&index, 0)?.iter() {
        total = added(total, *counters);
    }
    Ok(total)
}

fn added(one: Counters, other: Counters) -> Counters {
    Counters { packets: one.packets + other.packets, bytes: one.bytes + other.bytes }
}
