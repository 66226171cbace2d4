//! The fixed IPv6 header as twenty words (RFC 8200 §3).

use super::mix;

/// An IPv6 header without its extensions.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6(pub [u16; 20]);

/// An IPv6 address as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address6 {
    /// Its first eight octets.
    pub high: u64,
    /// Its last eight octets.
    pub low: u64,
}

impl Ipv6 {
    /// Its length in octets.
    pub const LEN: usize = 40;
    /// The next header that every router has to look at.
    pub const HOP_BY_HOP: u8 = 0;

    /// 6, or it is none.
    #[inline(always)]
    pub const fn version(&self) -> u8 {
        self.0[0].to_ne_bytes()[0] >> 4
    }

    /// Octets of header and payload.
    #[inline(always)]
    pub const fn total_length(&self) -> u32 {
        Ipv6::LEN as u32 + u16::from_be(self.0[2]) as u32
    }

    /// What follows.
    #[inline(always)]
    pub const fn next_header(&self) -> u8 {
        self.0[3].to_ne_bytes()[0]
    }

    /// How many more routers it may pass.
    #[inline(always)]
    pub const fn hop_limit(&self) -> u8 {
        self.0[3].to_ne_bytes()[1]
    }

    /// The source address.
    #[inline(always)]
    pub const fn source(&self) -> Address6 {
        self.address(4)
    }

    /// The destination address.
    #[inline(always)]
    pub const fn destination(&self) -> Address6 {
        self.address(12)
    }

    /// Both addresses, for [`flow_hash`](super::flow_hash).
    #[inline(always)]
    pub const fn addresses(&self) -> u64 {
        let (source, destination) = (self.source(), self.destination());
        mix(mix(mix(mix(1, source.high), source.low), destination.high), destination.low)
    }

    /// The word 3 (next header, hop limit) of the same header with a hop limit smaller by one, which must not be 0.
    #[inline(always)]
    pub const fn with_hop_limit_decremented(&self) -> u16 {
        let [next_header, hop_limit] = self.0[3].to_ne_bytes();
        u16::from_ne_bytes([next_header, hop_limit.wrapping_sub(1)])
    }

    #[inline(always)]
    const fn address(&self, first: usize) -> Address6 {
        Address6 { high: self.half(first), low: self.half(first + 4) }
    }

    #[inline(always)]
    const fn half(&self, first: usize) -> u64 {
        let words = &self.0;
        (u16::from_be(words[first]) as u64) << 48
            | (u16::from_be(words[first + 1]) as u64) << 32
            | (u16::from_be(words[first + 2]) as u64) << 16
            | u16::from_be(words[first + 3]) as u64
    }
}

/// The kinds of addresses that are told apart (RFC 4291 §2.4).
impl Address6 {
    /// As it lies in a header.
    #[inline(always)]
    pub const fn octets(self) -> [u8; 16] {
        ((self.high as u128) << 64 | self.low as u128).to_be_bytes()
    }

    /// From its octets.
    #[inline(always)]
    pub const fn from_octets(octets: [u8; 16]) -> Address6 {
        let number = u128::from_be_bytes(octets);
        Address6 { high: (number >> 64) as u64, low: number as u64 }
    }

    /// `::`.
    #[inline(always)]
    pub const fn is_unspecified(self) -> bool {
        self.high == 0 && self.low == 0
    }

    /// `::1`.
    #[inline(always)]
    pub const fn is_loopback(self) -> bool {
        self.high == 0 && self.low == 1
    }

    /// `fe80::/10`.
    #[inline(always)]
    pub const fn is_link_local(self) -> bool {
        self.high >> 54 == 0xfe80 >> 6
    }

    /// `ff00::/8`.
    #[inline(always)]
    pub const fn is_multicast(self) -> bool {
        self.high >> 56 == 0xff
    }
}

const _: () = {
    assert!(size_of::<Ipv6>() == Ipv6::LEN);
    assert!(align_of::<Ipv6>() == 2);
};

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use super::*;

    fn header(source: &str, destination: &str) -> Ipv6 {
        let mut octets = [0u8; Ipv6::LEN];
        octets[..8].copy_from_slice(&[0x6a, 0xbc, 0xde, 0xf0, 0x05, 0x14, 17, 64]);
        for (start, address) in [(8, source), (24, destination)] {
            let address: Ipv6Addr = address.parse().expect("an address");
            octets[start..start + 16].copy_from_slice(&address.octets());
        }
        let mut words = [0u16; 20];
        for (word, pair) in words.iter_mut().zip(octets.chunks(2)) {
            *word = u16::from_ne_bytes([pair[0], pair[1]]);
        }
        Ipv6(words)
    }

    #[test]
    fn fields_are_where_rfc_8200_puts_them() {
        let header = header("2001:db8:1:2:3:4:5:6", "fd00::1:2");
        assert_eq!((header.version(), header.total_length()), (6, 40 + 0x514));
        assert_eq!((header.next_header(), header.hop_limit()), (17, 64));
        assert_eq!(header.source(), Address6 { high: 0x2001_0db8_0001_0002, low: 0x0003_0004_0005_0006 });
        assert_eq!(Address6::from_octets(header.source().octets()), header.source());
        assert_eq!(header.destination().octets()[..9], [0xfd, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(header.destination(), Address6 { high: 0xfd00_0000_0000_0000, low: 0x0001_0002 });
        assert_eq!(header.with_hop_limit_decremented().to_ne_bytes(), [17, 63]);
    }

    #[test]
    fn each_address_is_of_its_kind_up_to_the_edges() {
        type Kind = fn(Address6) -> bool;
        let kinds: [(&str, Kind, &[&str], &[&str]); 4] = [
            ("unspecified", Address6::is_unspecified, &["::"], &["::1", "1::"]),
            ("loopback", Address6::is_loopback, &["::1"], &["::", "::2", "1::1"]),
            ("link-local", Address6::is_link_local, &["fe80::", "febf:ffff::1"], &["fe7f:ffff::", "fec0::"]),
            ("multicast", Address6::is_multicast, &["ff00::", "ffff::"], &["feff:ffff::", "::ff"]),
        ];
        for (name, is, inside, outside) in kinds {
            inside.iter().for_each(|address| assert!(is(header(address, "::").source()), "{address} is {name}"));
            outside
                .iter()
                .for_each(|address| assert!(!is(header("::", address).destination()), "{address} is not {name}"));
        }
    }
}
