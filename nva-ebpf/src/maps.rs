//! The maps. Sizes that user space chooses (blocks, nodes, groups, next hops) are set when it loads the object.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, DevMap, PerCpuArray, ProgramArray};
use nva_common::table6::{NodeBlock, Root6};
use nva_common::{
    Config, Counters, Group, MAX_IFINDEX, NextHop, Port, Reason, TABLE_24_PARTS, Table24Part, TableBlock,
};

#[map]
pub static TABLE_24: Array<Table24Part> = Array::with_max_entries(TABLE_24_PARTS, BPF_F_MMAPABLE);
#[map]
pub static TABLE_8: Array<TableBlock> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static ROOT_6: Array<Root6> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static NODES_6: Array<NodeBlock> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static GROUPS: Array<Group> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static NEXT_HOPS: Array<NextHop> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static PORTS: Array<Port> = Array::with_max_entries(MAX_IFINDEX, BPF_F_MMAPABLE);
#[map]
pub static CONFIG: Array<Config> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub static DEVICES: DevMap = DevMap::with_max_entries(MAX_IFINDEX, 0);
#[map]
pub static REASON_COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(Reason::COUNT, 0);
#[map]
pub static GROUP_COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub static SOURCE_COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub static PROGRAMS: ProgramArray = ProgramArray::with_max_entries(1, 0);
