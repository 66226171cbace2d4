//! The BPF object: which maps it has, and how it is loaded over maps that are already there.

use std::fs;
use std::io;
use std::path::Path;

use aya::maps::{Map, MapData, MapInfo, MapType};
use aya::programs::{Program, ProgramError, Xdp};
use aya::{Ebpf, EbpfLoader};
use nix::sys::signal::{SigSet, SigmaskHow};
use nva_common::table6::{NodeBlock, Root6};
use nva_common::{
    CONFIG, Config, Counters, DEVICES, GROUP_COUNTERS, GROUPS, Group, MAX_IFINDEX, NEXT_HOPS, NODES_6, NextHop, PORTS,
    PROGRAMS, Port, REASON_COUNTERS, ROOT_6, Reason, SOURCE_COUNTERS, TABLE_8, TABLE_24, TABLE_24_PARTS, Table24Part,
    TableBlock,
};

use super::bpffs::PinDirectory;
use super::error::XdpError;

static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NVA_BPF_OBJECT_PATH"));

/// How many entries the tables have whose size can be chosen. Tables of a former process keep their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// /24s that can hold prefixes longer than /24; 1 KiB each.
    pub blocks: u32,
    /// Blocks of the nodes that hold IPv6 prefixes longer than /18; 256 octets each. A whole Internet table (derived from a
    /// RIS peer's of May 2026: 246,175 prefixes) needs 19,500.
    pub nodes: u32,
    /// Next-hop groups, among them one for each prefix that is local or dropped; 304 octets each, and 32 for each CPU.
    pub groups: u32,
    /// Next hops; 32 octets each.
    pub next_hops: u32,
}

impl Default for Capacity {
    fn default() -> Capacity {
        Capacity { blocks: 1 << 14, nodes: 1 << 16, groups: 1 << 13, next_hops: 1 << 12 }
    }
}

/// What a map must be.
struct Spec {
    name: &'static str,
    kind: MapType,
    value_size: u32,
    entries: u32,
    /// A former process may have chosen otherwise.
    any_size: bool,
}

/// Loads the object, with the maps that are pinned in the directory or else new ones, which are pinned there.
pub fn load(directory: &PinDirectory, capacity: Capacity) -> Result<Ebpf, XdpError> {
    load_with(directory, capacity, &[])
}

/// The same, with so many entries in some maps that are never pinned.
pub fn load_with(directory: &PinDirectory, capacity: Capacity, own: &[(&str, u32)]) -> Result<Ebpf, XdpError> {
    let mut specs = specs(capacity);
    for spec in &mut specs {
        adopt_size(spec, &directory.map(spec.name))?;
    }
    let mut loader = EbpfLoader::new();
    for spec in &specs {
        loader.map_pin_path(spec.name, directory.map(spec.name));
        loader.map_max_entries(spec.name, spec.entries);
    }
    for (name, entries) in own {
        loader.map_max_entries(name, *entries);
    }
    Ok(loader.load(OBJECT)?)
}

/// One of the object's programs.
pub fn program<'a>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Xdp, XdpError> {
    match object.program_mut(name) {
        Some(Program::Xdp(program)) => Ok(program),
        Some(_) | None => Err(XdpError::Missing(name)),
    }
}

/// Loads one of the object's programs into the kernel.
///
/// The verifier gives up with `EAGAIN` when a signal is pending for the thread (Linux 4.20), be it one that is ignored, and
/// aya asks it twice only. So signals wait, or go to another thread.
pub fn load_program(object: &mut Ebpf, name: &'static str) -> Result<(), XdpError> {
    let program = program(object, name)?;
    let mut load = || -> Result<(), ProgramError> {
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(io::Error::from)?;
        let loaded = program.load();
        before.thread_set_mask().map_err(io::Error::from)?;
        loaded
    };
    load().map_err(|source| XdpError::Program { name, source })
}

/// Takes a map of the object's.
pub fn take_map(object: &mut Ebpf, name: &'static str) -> Result<Map, XdpError> {
    object.take_map(name).ok_or(XdpError::Missing(name))
}

/// Takes an array map of the object's, with the length of its elements together in octets.
pub fn take_array(object: &mut Ebpf, name: &'static str, value_size: usize) -> Result<(MapData, usize), XdpError> {
    let Map::Array(data) = take_map(object, name)? else { return Err(XdpError::Missing(name)) };
    let entries = data.info().map_err(|source| XdpError::Map { name, source })?.max_entries();
    Ok((data, value_size * entries as usize))
}

fn specs(capacity: Capacity) -> Vec<Spec> {
    let spec = |name, kind, value_size: usize, entries| {
        let any_size = matches!(name, TABLE_8 | NODES_6 | GROUPS | NEXT_HOPS | GROUP_COUNTERS | SOURCE_COUNTERS);
        Spec { name, kind, value_size: value_size as u32, entries, any_size }
    };
    vec![
        spec(TABLE_24, MapType::Array, size_of::<Table24Part>(), TABLE_24_PARTS),
        spec(TABLE_8, MapType::Array, size_of::<TableBlock>(), capacity.blocks),
        spec(ROOT_6, MapType::Array, size_of::<Root6>(), 1),
        spec(NODES_6, MapType::Array, size_of::<NodeBlock>(), capacity.nodes),
        spec(GROUPS, MapType::Array, size_of::<Group>(), capacity.groups),
        spec(NEXT_HOPS, MapType::Array, size_of::<NextHop>(), capacity.next_hops),
        spec(PORTS, MapType::Array, size_of::<Port>(), MAX_IFINDEX),
        spec(DEVICES, MapType::DevMap, 8, MAX_IFINDEX),
        spec(CONFIG, MapType::Array, size_of::<Config>(), 1),
        spec(REASON_COUNTERS, MapType::PerCpuArray, size_of::<Counters>(), Reason::COUNT),
        spec(GROUP_COUNTERS, MapType::PerCpuArray, size_of::<Counters>(), capacity.groups),
        spec(SOURCE_COUNTERS, MapType::PerCpuArray, size_of::<Counters>(), capacity.groups),
        spec(PROGRAMS, MapType::ProgramArray, 4, 1),
    ]
}

/// Makes sure that a pinned map is what we want (aya would take it as it is), and takes over its size.
fn adopt_size(spec: &mut Spec, path: &Path) -> Result<(), XdpError> {
    if !fs::exists(path).unwrap_or(false) {
        return Ok(());
    }
    let failed = |source| XdpError::Map { name: spec.name, source };
    let info = MapInfo::from_pin(path).map_err(failed)?;
    let kind = info.map_type().map_err(failed)?;
    let same_layout = kind == spec.kind && info.key_size() == 4 && info.value_size() == spec.value_size;
    if same_layout && (spec.any_size || info.max_entries() == spec.entries) {
        spec.entries = info.max_entries();
        return Ok(());
    }
    let describe = |kind, value_size, entries| format!("{kind:?} of {entries} × {value_size} octets");
    Err(XdpError::Layout {
        path: path.to_owned(),
        found: describe(kind, info.value_size(), info.max_entries()),
        wanted: describe(spec.kind, spec.value_size, spec.entries),
    })
}
