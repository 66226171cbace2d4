//! Extended communities (RFC 4360; the form with a 4-octet AS, RFC 5668).

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use thiserror::Error;

use crate::net::{Asn, number};

/// An extended community, as it goes over the wire: the type, mostly a sub-type, and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtendedCommunity(pub [u8; 8]);

/// Who gave an extended community its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Administrator {
    /// An AS, in 2 or 4 octets.
    As(Asn),
    /// Whoever has the address.
    Address(Ipv4Addr),
}

/// The bit of the type that says: not beyond this AS (RFC 4360 §2).
const NON_TRANSITIVE: u8 = 0x40;

/// The value is a 2-octet AS and 4 octets (RFC 4360 §3.1).
const TWO_OCTET_AS: u8 = 0x00;
/// The value is an IPv4 address and 2 octets (RFC 4360 §3.2).
const IPV4: u8 = 0x01;
/// The value is a 4-octet AS and 2 octets (RFC 5668 §2).
const FOUR_OCTET_AS: u8 = 0x02;

/// The sub-types that have a name: Route Target (RFC 4360 §4) and Route Origin (RFC 4360 §5), which operators call
/// "site of origin".
const NAMES: [(u8, &str); 2] = [(0x02, "rt"), (0x03, "soo")];

impl ExtendedCommunity {
    /// Whether it may leave the AS (RFC 4360 §2).
    pub fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & NON_TRANSITIVE == 0
    }

    /// The sub-type that goes by this name.
    pub fn sub_type(name: &str) -> Option<u8> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(sub_type, _)| *sub_type)
    }

    /// Sub-type, administrator and number of a community that is written in these, transitive ones only.
    pub fn parts(self) -> Option<(u8, Administrator, u32)> {
        let [kind, sub_type, a, b, c, d, e, f] = self.0;
        let wide = u32::from_be_bytes([a, b, c, d]);
        let local = u32::from(u16::from_be_bytes([e, f]));
        match kind {
            TWO_OCTET_AS => {
                let asn = Asn(u16::from_be_bytes([a, b]).into());
                Some((sub_type, Administrator::As(asn), u32::from_be_bytes([c, d, e, f])))
            }
            IPV4 => Some((sub_type, Administrator::Address(wide.into()), local)),
            FOUR_OCTET_AS => Some((sub_type, Administrator::As(Asn(wide)), local)),
            _ => None,
        }
    }

    fn of_as(sub_type: u8, asn: u16, local: u32) -> ExtendedCommunity {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), local.to_be_bytes());
        ExtendedCommunity([TWO_OCTET_AS, sub_type, a, b, c, d, e, f])
    }

    fn of_wide(kind: u8, sub_type: u8, administrator: u32, local: u16) -> ExtendedCommunity {
        let ([a, b, c, d], [e, f]) = (administrator.to_be_bytes(), local.to_be_bytes());
        ExtendedCommunity([kind, sub_type, a, b, c, d, e, f])
    }
}

impl fmt::Display for ExtendedCommunity {
    /// `rt:65000:100`, `rt:192.0.2.1:100`, `soo:4200000000:100`; a 4-octet AS of a number that 2 octets could hold as
    /// `rt:65000L:100`; everything else as its octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, sub_type, a, b, c, d, e, g] = self.0;
        let name = NAMES.iter().find(|(named, _)| *named == sub_type).map(|(_, name)| *name);
        let wide = u32::from_be_bytes([a, b, c, d]);
        let local = u16::from_be_bytes([e, g]);
        match (kind, name) {
            (TWO_OCTET_AS, Some(name)) => {
                let (asn, local) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g]));
                f.pad(&format!("{name}:{asn}:{local}"))
            }
            (IPV4, Some(name)) => f.pad(&format!("{name}:{}:{local}", Ipv4Addr::from(wide))),
            (FOUR_OCTET_AS, Some(name)) if u16::try_from(wide).is_ok() => f.pad(&format!("{name}:{wide}L:{local}")),
            (FOUR_OCTET_AS, Some(name)) => f.pad(&format!("{name}:{wide}:{local}")),
            _ => f.pad(&format!("{:#018x}", u64::from_be_bytes(self.0))),
        }
    }
}

/// Text that is not an extended community.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not an extended community: write rt:65000:100 or soo:65000:100, with an AS (65000L to have it in \
     4 octets) or an IPv4 address, or 0x and 16 hexadecimal digits"
)]
pub struct ExtendedCommunityParseError {
    text: String,
}

impl FromStr for ExtendedCommunity {
    type Err = ExtendedCommunityParseError;

    fn from_str(text: &str) -> Result<ExtendedCommunity, ExtendedCommunityParseError> {
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => generic(digits),
            None => named(text),
        };
        parsed.ok_or_else(|| ExtendedCommunityParseError { text: text.to_owned() })
    }
}

fn generic(digits: &str) -> Option<ExtendedCommunity> {
    let sixteen = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| sixteen)?;
    Some(ExtendedCommunity(number.to_be_bytes()))
}

fn named(text: &str) -> Option<ExtendedCommunity> {
    let (name, value) = text.split_once(':')?;
    let sub_type = &ExtendedCommunity::sub_type(name)?;
    let (administrator, local) = value.split_once(':')?;
    if let Ok(address) = administrator.parse::<Ipv4Addr>() {
        return Some(ExtendedCommunity::of_wide(IPV4, *sub_type, address.into(), number(local)?));
    }
    if let Some(asn) = administrator.strip_suffix('L') {
        let asn = number(asn)?;
        return Some(ExtendedCommunity::of_wide(FOUR_OCTET_AS, *sub_type, asn, number(local)?));
    }
    let asn: u32 = number(administrator)?;
    match u16::try_from(asn) {
        Ok(asn) => Some(ExtendedCommunity::of_as(*sub_type, asn, number(local)?)),
        Err(_) => Some(ExtendedCommunity::of_wide(FOUR_OCTET_AS, *sub_type, asn, number(local)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_octets_and_back() {
        for (text, octets) in [
            ("rt:65000:100", 0x0002_fde8_0000_0064_u64),
            ("rt:65000:4294967295", 0x0002_fde8_ffff_ffff),
            ("soo:65000:100", 0x0003_fde8_0000_0064),
            ("rt:192.0.2.1:100", 0x0102_c000_0201_0064),
            ("soo:192.0.2.1:65535", 0x0103_c000_0201_ffff),
            ("rt:4200000000:100", 0x0202_fa56_ea00_0064),
            ("rt:65000L:100", 0x0202_0000_fde8_0064),
            // An opaque one, a non-transitive link bandwidth, and a Route Target in its non-transitive form.
            ("0x030b000000000064", 0x030b_0000_0000_0064),
            ("0x4004fde84b3ebc20", 0x4004_fde8_4b3e_bc20),
            ("0x4002fde800000064", 0x4002_fde8_0000_0064),
        ] {
            let community = ExtendedCommunity(octets.to_be_bytes());
            assert_eq!(text.parse(), Ok(community), "{text}");
            assert_eq!(community.to_string(), text);
            assert_eq!(community.is_transitive(), octets >> 56 & 0x40 == 0, "{text}");
        }
        assert_eq!("0x0002FDE800000064".parse(), "rt:65000:100".parse::<ExtendedCommunity>());
    }

    #[test]
    fn what_is_none() {
        for bad in [
            "",
            "65000:100",
            "rt:65000",
            "rt:65000:4294967296",
            "rt:4200000000:65536",
            "rt:192.0.2.1:65536",
            "rt:65000L:65536",
            "rt:1:2:3",
            "RT:1:2",
            "0x0002fde80000006",
            "0x+002fde800000064",
            "0x",
        ] {
            assert!(bad.parse::<ExtendedCommunity>().is_err(), "{bad}");
        }
    }
}
