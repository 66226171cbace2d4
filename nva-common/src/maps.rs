//! The maps: their names in the BPF object and in bpffs, and the values of the small ones.

/// `Array<Table24Part>`: the first 24 bits of a destination, one element for each first octet.
pub const TABLE_24: &str = "TABLE_24";
/// `Array<TableBlock>`: the last 8 bits of a destination, for the /24s that hold longer prefixes.
pub const TABLE_8: &str = "TABLE_8";
/// `Array<Root6>`, one element: the first bits of an IPv6 destination.
pub const ROOT_6: &str = "ROOT_6";
/// `Array<NodeBlock>`: the words of the nodes below.
pub const NODES_6: &str = "NODES_6";
/// `Array<Group>`: next-hop groups.
pub const GROUPS: &str = "GROUPS";
/// `Array<NextHop>`.
pub const NEXT_HOPS: &str = "NEXT_HOPS";
/// `Array<Port>` by interface index.
pub const PORTS: &str = "PORTS";
/// `DevMap` by interface index: where to redirect to.
pub const DEVICES: &str = "DEVICES";
/// `Array<Config>`, one element.
pub const CONFIG: &str = "CONFIG";
/// `PerCpuArray<Counters>` by [`Reason`](crate::Reason).
pub const REASON_COUNTERS: &str = "REASON_COUNTERS";
/// `PerCpuArray<Counters>` by group.
pub const GROUP_COUNTERS: &str = "GROUP_COUNTERS";
/// `PerCpuArray<Counters>` by the group of the source: what may not come in there.
pub const SOURCE_COUNTERS: &str = "SOURCE_COUNTERS";
/// `ProgramArray`: what the root program calls.
pub const PROGRAMS: &str = "PROGRAMS";

/// The forwarder's slot in [`PROGRAMS`].
pub const FORWARDER: u32 = 0;

/// What holds for every packet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Debug mode: the least time between two samples of a CPU, in nanoseconds.
    pub sample_interval: u64,
    /// Mixed into the hash that spreads flows, so that routers in a row do not all choose alike.
    pub hash_seed: u32,
    /// Not 0: the kernel's FIB is asked, and nobody keeps the tables true.
    pub asks_kernel: u32,
}

/// Packets, and the octets of their frames without the FCS.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// How many.
    pub packets: u64,
    /// How long together.
    pub bytes: u64,
}

const _: () = {
    assert!(size_of::<Config>() == 16);
    assert!(size_of::<Counters>() == 16);
};

// SAFETY: `repr(C)`, without padding, every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Config {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Counters {}
