//! The forwarding tables' entries: DIR-24-8 words for IPv4, groups, next hops, ports. (IPv6 has
//! [`table6`](crate::table6).)
//!
//! A table word is the number of a group, or the number of a block with [`GROUP_BITS`]' complement set. Word 0 means the
//! default route: it is group 0, and is never spread over the table.

/// Interface indexes are below this; PORTS and DEVICES have that many entries.
pub const MAX_IFINDEX: u32 = 1 << 16;
/// Parts of the table for the first 24 bits of an address: one for each first octet. In one piece it would be too large:
/// before Linux 6.0, a map's element has at most 4 MiB.
pub const TABLE_24_PARTS: u32 = 1 << 8;
/// Words in a [`Table24Part`].
pub const PART_ENTRIES: usize = 1 << 16;
/// Words in a block: one /24 by its last octet.
pub const BLOCK_ENTRIES: usize = 256;
/// Buckets of a group. A power of two.
pub const BUCKETS: usize = 64;
/// The interfaces that a group names at most.
pub const LINKS: usize = 4;
/// Stands first among a group's interfaces if they are more than [`LINKS`]: any is right.
pub const ANY_LINK: u32 = u32::MAX;
/// The group of IPv4's default route.
pub const DEFAULT_GROUP: u32 = 0;
/// The group that stands in where a table was full: the kernel forwards.
pub const OVERFLOW_GROUP: u32 = 1;
/// The group of IPv6's default route.
pub const DEFAULT_GROUP_6: u32 = 2;
/// The first group that stands for no route in particular.
pub const FIRST_GROUP: u32 = 3;
/// The next hop that is never resolved.
pub const UNRESOLVED_NEXT_HOP: u32 = 0;
/// The bits of a word that number a group or a block.
pub const GROUP_BITS: u32 = 0x7fff_ffff;

/// The word for each value of an address's second and third octet.
pub type Table24Part = [u32; PART_ENTRIES];
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
    /// A [`GroupKind`]; the slot's own while it is in use (but those of default routes follow them).
    pub kind: u32,
    /// 0: every flow takes bucket 0. Otherwise `BUCKETS - 1`.
    pub bucket_mask: u32,
    /// The octets of the prefix that a local group or one that drops counts: four and zeros for IPv4.
    pub prefix: [u8; 16],
    /// Its length.
    pub prefix_len: u32,
    /// Its family's number: 1 for IPv4, 2 for IPv6 (the AFI); 0 where there is no prefix.
    pub family: u32,
    /// The interfaces that its routes lead to, resolved or not: what comes from there may come in by these. Unused ones are 0;
    /// with none, only the kernel knows.
    pub links: [u32; LINKS],
    /// Next hops; `UNRESOLVED_NEXT_HOP` sends a flow to the kernel.
    pub buckets: [u32; BUCKETS],
}

impl Group {
    /// Its length in words.
    pub const WORDS: usize = size_of::<Group>() / 4;
    /// Where the buckets begin.
    pub const FIRST_BUCKET: usize = 8 + LINKS;

    /// The same as the words that lie in the map.
    pub fn to_words(&self) -> [u32; Group::WORDS] {
        let mut words = [0; Group::WORDS];
        words[0] = self.kind;
        words[1] = self.bucket_mask;
        let (octets, _) = self.prefix.as_chunks();
        for (word, octets) in words[2..6].iter_mut().zip(octets) {
            *word = u32::from_ne_bytes(*octets);
        }
        (words[6], words[7]) = (self.prefix_len, self.family);
        words[8..Group::FIRST_BUCKET].copy_from_slice(&self.links);
        words[Group::FIRST_BUCKET..].copy_from_slice(&self.buckets);
        words
    }

    /// The group that lies in the map as these words.
    pub fn from_words(words: &[u32; Group::WORDS]) -> Group {
        let mut buckets = [UNRESOLVED_NEXT_HOP; BUCKETS];
        buckets.copy_from_slice(&words[Group::FIRST_BUCKET..]);
        let mut prefix = [0; 16];
        for (octets, word) in prefix.as_chunks_mut().0.iter_mut().zip(&words[2..6]) {
            *octets = word.to_ne_bytes();
        }
        let mut links = [0; LINKS];
        links.copy_from_slice(&words[8..Group::FIRST_BUCKET]);
        Group { kind: words[0], bucket_mask: words[1], prefix, prefix_len: words[6], family: words[7], links, buckets }
    }

    /// A group of this kind without next hops.
    pub const fn of_kind(kind: GroupKind) -> Group {
        Group {
            kind: kind as u32,
            bucket_mask: 0,
            prefix: [0; 16],
            prefix_len: 0,
            family: 0,
            links: [0; LINKS],
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

impl NextHop {
    /// Its length in words.
    pub const WORDS: usize = size_of::<NextHop>() / 4;

    /// The same as the words that lie in the map.
    pub fn to_words(&self) -> [u32; NextHop::WORDS] {
        let [a, b, c, d, e, f] = self.destination_mac;
        let [g, h, i, j, k, l] = self.source_mac;
        let [x, y, z] = self.reserved;
        let word = u32::from_ne_bytes;
        [word([a, b, c, d]), word([e, f, g, h]), word([i, j, k, l]), self.ifindex, self.mtu, x, y, z]
    }

    /// The next hop that lies in the map as these words.
    pub fn from_words(words: &[u32; NextHop::WORDS]) -> NextHop {
        let [first, second, third, ifindex, mtu, x, y, z] = *words;
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) =
            (first.to_ne_bytes(), second.to_ne_bytes(), third.to_ne_bytes());
        NextHop {
            destination_mac: [a, b, c, d, e, f],
            source_mac: [g, h, i, j, k, l],
            ifindex,
            mtu,
            reserved: [x, y, z],
        }
    }
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
    /// The kernel forwards IPv4 packets that arrive here (`net.ipv4.conf.*.forwarding`).
    pub const FORWARDS: u16 = 8;
    /// The kernel forwards IPv6 packets that arrive here (`net.ipv6.conf.all.forwarding`).
    pub const FORWARDS_6: u16 = 16;
    /// IPv4 packets come in only from where packets back would go out (RFC 3704 §2.2).
    pub const STRICT: u16 = 32;
    /// IPv4 packets come in only from where there is a route to (RFC 3704 §2.4).
    pub const LOOSE: u16 = 64;
    /// The same as [`Port::STRICT`] for IPv6.
    pub const STRICT_6: u16 = 128;
    /// The same as [`Port::LOOSE`] for IPv6.
    pub const LOOSE_6: u16 = 256;
}

const _: () = {
    assert!(size_of::<Group>() == 304);
    assert!(core::mem::offset_of!(Group, links) == 32);
    assert!(core::mem::offset_of!(Group, buckets) == 48);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_layout() {
        let mut group = Group::of_kind(GroupKind::Local);
        (group.bucket_mask, group.prefix_len, group.family) = (63, 24, 1);
        group.prefix = core::array::from_fn(|octet| octet as u8);
        group.links = [2, 3, 4, 6];
        (group.buckets[0], group.buckets[BUCKETS - 1]) = (5, 9);
        // SAFETY: a group is `Group::WORDS` words without padding.
        let layout = unsafe { core::mem::transmute::<Group, [u32; Group::WORDS]>(group) };
        assert_eq!(group.to_words(), layout);
        assert_eq!(Group::from_words(&layout), group);

        let next_hop = NextHop {
            destination_mac: [1, 2, 3, 4, 5, 6],
            source_mac: [7, 8, 9, 10, 11, 12],
            ifindex: 13,
            mtu: 14,
            reserved: [0; 3],
        };
        // SAFETY: a next hop is `NextHop::WORDS` words without padding.
        let layout = unsafe { core::mem::transmute::<NextHop, [u32; NextHop::WORDS]>(next_hop) };
        assert_eq!(next_hop.to_words(), layout);
        assert_eq!(NextHop::from_words(&layout), next_hop);
    }

    #[test]
    fn a_word_names_either_a_group_or_a_block() {
        assert_eq!(entry_block(7), None);
        assert_eq!(entry_block(block_entry(7)), Some(7));
        assert_eq!(entry_block(block_entry(0)), Some(0));
    }

    #[test]
    fn kinds_are_their_numbers() {
        for number in 0..9 {
            assert_eq!(GroupKind::from_number(number).map(|kind| kind as u32), Some(number));
        }
        assert_eq!(GroupKind::from_number(9), None);
    }
}
