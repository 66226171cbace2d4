//! IP prefixes in canonical form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

use super::AfiSafi;

/// An IPv4 or IPv6 prefix whose host bits are zero, so that equal prefixes are equal values.
///
/// Ordered by family, then address, then length: a covering prefix sorts before what it covers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(IpNet);

/// Text or numbers that do not make a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrefixError {
    /// Not of the form `address/length`.
    #[error("{0:?} is not a prefix: write ADDRESS/LENGTH, such as 192.0.2.0/24 or 2001:db8::/32")]
    Syntax(String),
    /// The length is more than the family's address has bits.
    #[error("prefix length {length} is too long for {address}: at most {max}")]
    Length {
        /// The address that came with the length.
        address: IpAddr,
        /// The length given.
        length: u8,
        /// The longest that the family has.
        max: u8,
    },
    /// Bits are set behind the prefix length.
    #[error("{given} has host bits set: did you mean {canonical}?")]
    HostBits {
        /// What was written.
        given: String,
        /// The same with its host bits cleared.
        canonical: Prefix,
    },
}

impl Prefix {
    /// The prefix of this length that contains the address; bits behind the length are cleared.
    pub fn new(address: IpAddr, length: u8) -> Result<Prefix, PrefixError> {
        IpNet::new(address, length).map(|net| Prefix(net.trunc())).map_err(|_| PrefixError::Length {
            address,
            length,
            max: AfiSafi::of(address).address_bits(),
        })
    }

    /// The prefix of full length (/32 or /128) that holds this address alone.
    pub fn host(address: IpAddr) -> Prefix {
        Prefix(IpNet::from(address))
    }

    /// The default route of a family.
    pub fn default_route(family: AfiSafi) -> Prefix {
        let unspecified = match family {
            AfiSafi::Ipv4Unicast => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            AfiSafi::Ipv6Unicast => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Prefix(IpNet::new_assert(unspecified, 0))
    }

    /// The network address.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// The length in bits.
    #[expect(clippy::len_without_is_empty, reason = "a prefix length is not a count of elements")]
    pub fn len(self) -> u8 {
        self.0.prefix_len()
    }

    /// The unicast family that the prefix belongs to.
    pub fn family(self) -> AfiSafi {
        AfiSafi::of(self.address())
    }

    /// Whether the length is zero.
    pub fn is_default(self) -> bool {
        self.len() == 0
    }

    /// Whether the prefix holds exactly one address.
    pub fn is_host(self) -> bool {
        self.len() == self.family().address_bits()
    }

    /// What all addresses of the prefix are reserved for, so that no packet to one of them is forwarded (RFC 1122
    /// §3.2.1.3, RFC 1812 §5.3.7, RFC 4291 §2.5); `None` if there may be machines behind a router. IPv4's link-local
    /// addresses are not among them: Azure and others use these like any other address of a subnet.
    pub fn reserved_for(self) -> Option<&'static str> {
        match self.address() {
            IpAddr::V4(address) => match address.octets()[0] {
                // Shorter ones, such as one half of everything, begin with 0 as well.
                0 if self.len() >= 8 => Some("machines that do not know their network"),
                127 => Some("loopback"),
                224..=239 => Some("multicast"),
                240..=255 => Some("future use"),
                0..=223 => None,
            },
            IpAddr::V6(address) => {
                let first = address.segments()[0];
                match self.len() {
                    128 if address.is_loopback() => Some("loopback"),
                    128 if address.is_unspecified() => Some("machines that have no address yet"),
                    10.. if first & 0xffc0 == 0xfe80 => Some("a single link"),
                    8.. if first & 0xff00 == 0xff00 => Some("multicast"),
                    _ => None,
                }
            }
        }
    }

    /// The same for what others may be told of as ours: IPv4's link-local addresses stay on their link (RFC 3927 §7).
    pub fn untold_for(self) -> Option<&'static str> {
        let is_link_local = match self.address() {
            IpAddr::V4(address) => address.is_link_local() && self.len() >= 16,
            IpAddr::V6(_) => false,
        };
        self.reserved_for().or(is_link_local.then_some("a single link"))
    }

    /// Whether the address lies in the prefix; never across families.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether `other` is this prefix or lies inside it.
    pub fn covers(self, other: Prefix) -> bool {
        self.len() <= other.len() && self.contains(other.address())
    }

    /// The same as `ipnet`'s type, for libraries that speak it.
    pub fn net(self) -> IpNet {
        self.0
    }
}

impl From<IpNet> for Prefix {
    /// Host bits are cleared.
    fn from(net: IpNet) -> Prefix {
        Prefix(net.trunc())
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Prefix, PrefixError> {
        let net: IpNet = text.parse().map_err(|_| PrefixError::Syntax(text.to_owned()))?;
        let canonical = Prefix(net.trunc());
        if canonical.0 == net {
            Ok(canonical)
        } else {
            Err(PrefixError::HostBits { given: text.to_owned(), canonical })
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn construction_clears_host_bits_and_parsing_refuses_them() {
        let prefix = Prefix::new(IpAddr::from([10, 13, 76, 77]), 24).expect("a good length");
        assert_eq!(prefix.to_string(), "10.13.76.0/24");
        assert_eq!(
            "10.13.76.77/24".parse::<Prefix>(),
            Err(PrefixError::HostBits { given: "10.13.76.77/24".into(), canonical: prefix })
        );
    }

    #[test]
    fn prefixes_that_no_packet_is_forwarded_to() {
        for text in [
            "0.0.0.0/0",
            "0.0.0.0/1",
            "0.0.0.0/7",
            "10.0.0.0/8",
            "100.0.0.100/32",
            "192.0.0.0/2",
            "126.0.0.0/7",
            "169.254.0.0/16",
            "::/0",
            "::/96",
            "8000::/1",
            "2001:db8::/32",
        ] {
            assert_eq!(text.parse::<Prefix>().expect("a prefix").reserved_for(), None, "{text}");
        }
        for text in [
            "0.0.0.0/8",
            "0.1.2.0/24",
            "0.0.0.0/32",
            "127.0.0.0/8",
            "127.0.0.1/32",
            "224.0.0.0/4",
            "239.1.1.1/32",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "ff02::/16",
            "ff00::/8",
            "fe80::/10",
            "fe80::1/128",
            "::1/128",
            "::/128",
        ] {
            assert!(text.parse::<Prefix>().expect("a prefix").reserved_for().is_some(), "{text}");
        }
    }

    #[test]
    fn covers_means_equal_or_more_specific_in_one_family() {
        let p = |text: &str| text.parse::<Prefix>().expect(text);
        assert!(p("10.0.0.0/8").covers(p("10.0.0.0/8")));
        assert!(p("10.0.0.0/8").covers(p("10.1.0.0/16")));
        assert!(!p("10.1.0.0/16").covers(p("10.0.0.0/8")));
        assert!(!p("0.0.0.0/0").covers(p("::/0")));
    }

    #[test]
    fn a_length_beyond_the_family_is_refused() {
        assert!(matches!(Prefix::new(IpAddr::from([1, 2, 3, 4]), 33), Err(PrefixError::Length { max: 32, .. })));
    }
}
