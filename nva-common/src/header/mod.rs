//! Headers as words as they lie in memory (network order), and the arithmetic on them that both sides must agree on.

mod ipv4;
mod ipv6;

pub use ipv4::Ipv4;
pub use ipv6::{Address6, Ipv6};

/// The Ethertypes that are told apart, as they lie in memory.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800_u16.to_be();
    /// ARP.
    pub const ARP: u16 = 0x0806_u16.to_be();
    /// IPv6.
    pub const IPV6: u16 = 0x86dd_u16.to_be();
    /// A VLAN tag (IEEE 802.1Q).
    pub const VLAN: u16 = 0x8100_u16.to_be();
    /// A service VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: u16 = 0x88a8_u16.to_be();
}

/// An Ethernet header in words of its alignment.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// The destination MAC.
    pub destination: [u16; 3],
    /// The source MAC.
    pub source: [u16; 3],
    /// One of [`ethertype`], or another.
    pub ethertype: u16,
}

/// Whether `protocol` has ports in its first four octets: TCP, UDP, DCCP, SCTP, UDP-Lite.
#[inline(always)]
pub const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// The hash that chooses a flow's bucket, from both addresses in a word ([`Ipv4::addresses`], [`Ipv6::addresses`]). Both
/// directions of a flow may differ.
#[inline(always)]
pub const fn flow_hash(seed: u32, addresses: u64, ports: u32, protocol: u8) -> u32 {
    let rest = (ports as u64) << 32 | (protocol as u64) << 24 ^ seed as u64;
    let mut hash = mix(0x9e37_79b9_7f4a_7c15, addresses);
    hash = (hash ^ rest).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 32) as u32
}

/// Multiply and shift: each bit of both reaches the low bits, which choose the bucket.
#[inline(always)]
const fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 32
}

const _: () = {
    assert!(size_of::<Ethernet>() == 14);
    assert!(align_of::<Ethernet>() == 2);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(addresses: impl Fn(u32) -> u64) -> [u32; crate::BUCKETS] {
        let mut counts = [0u32; crate::BUCKETS];
        for flow in 0..64_000u32 {
            let hash = flow_hash(1, addresses(flow), 0x0050 | flow << 16, 6);
            counts[hash as usize & (crate::BUCKETS - 1)] += 1;
        }
        counts
    }

    #[test]
    fn flows_spread_over_all_buckets_evenly() {
        let ipv4 = spread(|flow| u64::from(0x0a00_0000 + flow % 250) << 32 | 0x6400_0064);
        assert!(ipv4.iter().all(|count| (800..1200).contains(count)), "{ipv4:?}");
        let ipv6 = spread(|flow| {
            let mut words = [0u16; 20];
            (words[4], words[11], words[19]) = (0xfd00_u16.to_be(), (flow as u16 % 250).to_be(), 100_u16.to_be());
            Ipv6(words).addresses()
        });
        assert!(ipv6.iter().all(|count| (800..1200).contains(count)), "{ipv6:?}");
    }
}
