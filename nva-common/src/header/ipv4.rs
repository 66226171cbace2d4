//! The IPv4 header without options as ten words, and the arithmetic on it: ones' complement sums do not mind the order of
//! octets (RFC 1071 §2).

/// An IPv4 header without options.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4(pub [u16; 10]);

impl Ipv4 {
    /// Its length in octets.
    pub const LEN: usize = 20;
    /// The first octet of a header that this type describes: version 4, five 32-bit words.
    pub const VERSION_AND_LENGTH: u8 = 0x45;

    /// The first octet.
    #[inline(always)]
    pub const fn version_and_length(&self) -> u8 {
        self.0[0].to_ne_bytes()[0]
    }

    /// Octets of header and payload.
    #[inline(always)]
    pub const fn total_length(&self) -> u16 {
        u16::from_be(self.0[1])
    }

    /// Whether this is a fragment, the first one included: of those only addresses and protocol tell the flow.
    #[inline(always)]
    pub const fn is_fragment(&self) -> bool {
        u16::from_be(self.0[3]) & 0x3fff != 0
    }

    /// How many more routers it may pass.
    #[inline(always)]
    pub const fn ttl(&self) -> u8 {
        self.0[4].to_ne_bytes()[0]
    }

    /// The payload's protocol.
    #[inline(always)]
    pub const fn protocol(&self) -> u8 {
        self.0[4].to_ne_bytes()[1]
    }

    /// The source address as a number.
    #[inline(always)]
    pub const fn source(&self) -> u32 {
        number(self.0[6], self.0[7])
    }

    /// The destination address as a number.
    #[inline(always)]
    pub const fn destination(&self) -> u32 {
        number(self.0[8], self.0[9])
    }

    /// Both addresses, for [`flow_hash`](super::flow_hash).
    #[inline(always)]
    pub const fn addresses(&self) -> u64 {
        (self.source() as u64) << 32 | self.destination() as u64
    }

    /// Whether the header checksum is right (RFC 791 §3.1).
    #[inline(always)]
    pub const fn checksum_is_valid(&self) -> bool {
        let words = &self.0;
        let sum = words[0] as u32
            + words[1] as u32
            + words[2] as u32
            + words[3] as u32
            + words[4] as u32
            + words[5] as u32
            + words[6] as u32
            + words[7] as u32
            + words[8] as u32
            + words[9] as u32;
        fold(sum) == 0xffff
    }

    /// The words 4 (TTL, protocol) and 5 (checksum) of the same header with a TTL smaller by one, which must not be 0: the
    /// checksum by RFC 1624 §3, equation 3.
    #[inline(always)]
    pub const fn with_ttl_decremented(&self) -> (u16, u16) {
        let (old, checksum) = (self.0[4], self.0[5]);
        let [ttl, protocol] = old.to_ne_bytes();
        let new = u16::from_ne_bytes([ttl.wrapping_sub(1), protocol]);
        let sum = !checksum as u32 + !old as u32 + new as u32;
        (new, !fold(sum))
    }
}

#[inline(always)]
const fn number(high: u16, low: u16) -> u32 {
    (u16::from_be(high) as u32) << 16 | u16::from_be(low) as u32
}

/// Two folds are enough for a sum of at most 2¹⁶ words.
#[inline(always)]
const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

const _: () = {
    assert!(size_of::<Ipv4>() == Ipv4::LEN);
    assert!(align_of::<Ipv4>() == 2);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ttl: u8, protocol: u8, rest: u16) -> Ipv4 {
        let octets = [0x45, 0, 0, 84, 0x12, 0x34, 0x40, 0, ttl, protocol, 0, 0, 10, 1, 2, 3, 192, 0, 2, 0];
        let mut words = [0u16; 10];
        for (word, pair) in words.iter_mut().zip(octets.chunks(2)) {
            *word = u16::from_ne_bytes([pair[0], pair[1]]);
        }
        words[2] = rest;
        let sum = words.iter().map(|word| u32::from(*word)).sum();
        words[5] = !fold(sum);
        Ipv4(words)
    }

    #[test]
    fn fields_are_where_rfc_791_puts_them() {
        let header = header(64, 17, 0);
        assert_eq!(header.version_and_length(), 0x45);
        assert_eq!(header.total_length(), 84);
        assert_eq!((header.ttl(), header.protocol()), (64, 17));
        assert_eq!(header.source(), 0x0a01_0203);
        assert_eq!(header.destination(), 0xc000_0200);
        assert!(!header.is_fragment());
        assert!(header.checksum_is_valid());
    }

    #[test]
    fn the_updated_checksum_is_the_recomputed_one_for_every_checksum() {
        for ttl in [2, 64, 128, 255] {
            for rest in 0..=u16::MAX {
                let before = header(ttl, 6, rest);
                let (word, checksum) = before.with_ttl_decremented();
                let after = header(ttl - 1, 6, rest);
                assert_eq!((word, checksum), (after.0[4], after.0[5]), "ttl {ttl}, id {rest:#06x}");
            }
        }
    }

    #[test]
    fn any_single_changed_word_breaks_the_checksum() {
        for position in 0..10 {
            let mut header = header(64, 6, 7);
            header.0[position] ^= 0x0100;
            assert!(!header.checksum_is_valid(), "word {position}");
        }
    }
}
