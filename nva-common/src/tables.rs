//! The forwarding tables' entries: DIR-24-8 words, groups, next hops, ports.
//!
//! A table word is the number of a group, or the number of a block with [`GROUP_BITS`]' complement set. Word 0 means the
//! default route: it is group 0, and is never spread over the table.

/// Interface indexes are below this; PORTS and DEVICES have that many entries.
pub const MAX_IFINDEX: u32 = 1 << 16;
/// Words in [`Table24`].
pub const TABLE_24_ENTRIES: usize = 1 << 24;
/// Words in a block: one /24 by its last octet.
pub const BLOCK_ENTRIES: usize = 256;
/// Buckets of a group. A power of two.
pub const BUCKETS: usize = 64;
/// The group of the default route.
pub const DEFAULT_GROUP: u32 = 0;
/// The group that stands in where a table was full: the kernel forwards.
pub const OVERFLOW_GROUP: u32 = 1;
/// The next hop that is never resolved.
pub const UNRESOLVED_NEXT_HOP: u32 = 0;
/// The bits of a word that number a group or a block.
pub const GROUP_BITS: u32 = 0x7fff_ffff;

/// The word for each value of an address's first 24 bits.
pub type Table24 = [u32; TABLE_24_ENTRIES];
/// The word for each value of an address's last 8 bits.
pub type TableBlock = [u32; BLOCK_ENTRIES];

/// The word that leads to a block.
pub const fn block_entry(block: u32) -> u32 {
    block | !GROUP_BITS
}

/// The block that a word leads to, if it does not name a group itself.
#[inline(always)]
pub const fn entry_block(word: u32) -> Option<u32> {
    if word & !GROUP_BITS == 0 { None } else { Some(word & GROUP_BITS) }
}

/// What happens to the packets of a group. The kinds other than `Forward` and `Blackhole` go to the kernel and differ only
/// in the reason that is counted.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    /// No route. Also what an unused slot says.
    NoRoute = 0,
    /// Sent to the next hop of the flow's bucket.
    Forward = 1,
    /// Delivered here.
    Local = 2,
    /// Dropped.
    Blackhole = 3,
    /// On a link, and nobody has asked for the neighbour's MAC yet.
    Unresolved = 4,
    /// The kernel answers: unreachable or prohibited.
    Refused = 5,
    /// Broadcast or multicast.
    Broadcast = 6,
    /// Over an interface that is not ours, or by a kind of route that only the kernel knows.
    Kernel = 7,
    /// A table was full.
    Overflow = 8,
}

impl GroupKind {
    /// The kind with this number.
    pub const fn from_number(number: u32) -> Option<GroupKind> {
        Some(match number {
            0 => GroupKind::NoRoute,
            1 => GroupKind::Forward,
            2 => GroupKind::Local,
            3 => GroupKind::Blackhole,
            4 => GroupKind::Unresolved,
            5 => GroupKind::Refused,
            6 => GroupKind::Broadcast,
            7 => GroupKind::Kernel,
            8 => GroupKind::Overflow,
            _ => return None,
        })
    }

    /// Its name as operators see it.
    pub const fn name(self) -> &'static str {
        match self {
            GroupKind::NoRoute => "no-route",
            GroupKind::Forward => "forward",
            GroupKind::Local => "local",
            GroupKind::Blackhole => "blackhole",
            GroupKind::Unresolved => "unresolved",
            GroupKind::Refused => "refused",
            GroupKind::Broadcast => "broadcast",
            GroupKind::Kernel => "kernel",
            GroupKind::Overflow => "overflow",
        }
    }
}

/// A next-hop group. Every bucket is valid at any time, so each of its words may be switched by itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// A [`GroupKind`]; the slot's own while it is in use (but slot 0's follows the default route).
    pub kind: u32,
    /// 0: every flow takes bucket 0. Otherwise `BUCKETS - 1`.
    pub bucket_mask: u32,
    /// The prefix that a local group counts.
    pub prefix: [u8; 4],
    /// Its length.
    pub prefix_len: u32,
    /// Next hops; `UNRESOLVED_NEXT_HOP` sends a flow to the kernel.
    pub buckets: [u32; BUCKETS],
}

impl Group {
    /// A group of this kind without next hops.
    pub const fn of_kind(kind: GroupKind) -> Group {
        Group {
            kind: kind as u32,
            bucket_mask: 0,
            prefix: [0; 4],
            prefix_len: 0,
            buckets: [UNRESOLVED_NEXT_HOP; BUCKETS],
        }
    }
}

/// A resolved next hop; immutable while any group refers to it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The neighbour's MAC. It and the next field are what an Ethernet header begins with.
    pub destination_mac: [u8; 6],
    /// The egress interface's own MAC.
    pub source_mac: [u8; 6],
    /// The egress interface; 0 in an unused slot.
    pub ifindex: u32,
    /// The largest IP packet that may go out.
    pub mtu: u32,
    /// Zero.
    pub reserved: [u32; 3],
}

/// An interface, as one 8-octet word so that it changes as a whole.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its MAC; packets to others are not ours to forward.
    pub mac: [u8; 6],
    /// The constants of this type.
    pub flags: u16,
}

impl Port {
    /// The root program runs here.
    pub const ATTACHED: u16 = 1;
    /// It runs in the kernel's generic mode, in which any attached interface can be a target.
    pub const GENERIC: u16 = 2;
    /// Its driver takes frames that XDP redirects to it.
    pub const TRANSMITS: u16 = 4;
    /// The kernel forwards packets that arrive here (`net.ipv4.conf.*.forwarding`).
    pub const FORWARDS: u16 = 8;
}

const _: () = {
    assert!(size_of::<Group>() == 272);
    assert!(core::mem::offset_of!(Group, buckets) == 16);
    assert!(size_of::<NextHop>() == 32);
    assert!(core::mem::offset_of!(NextHop, source_mac) == 6);
    assert!(core::mem::offset_of!(NextHop, ifindex) == 12);
    assert!(size_of::<Port>() == 8);
    assert!(core::mem::offset_of!(Port, flags) == 6);
    assert!(BUCKETS.is_power_of_two());
};

// SAFETY: `repr(C)`, without padding, every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Group {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for NextHop {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Port {}
