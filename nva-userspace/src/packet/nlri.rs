//! Prefixes as they stand in withdrawn routes, NLRI and the multiprotocol attributes (RFC 4271 §4.3), either family.

use std::net::IpAddr;

use super::error::AttributeProblem;
use super::reader::Reader;
use crate::net::{AfiSafi, Prefix};

/// Reads prefixes to the end of the field. What stands behind a prefix' length in its last octet does not matter
/// (RFC 4271 §4.3). The error comes with its offset in the message (RFC 7606 §5.3).
pub(super) fn decode(
    mut field: Reader<'_>,
    family: AfiSafi,
    into: &mut Vec<Prefix>,
) -> Result<(), (usize, AttributeProblem)> {
    // Four octets is the commonest size; the estimate bounds what a message makes us reserve.
    into.reserve(field.len().div_ceil(4));
    while !field.is_empty() {
        let offset = field.offset();
        let prefix = read(&mut field, family).map_err(|problem| (offset, problem))?;
        into.push(prefix);
    }
    Ok(())
}

/// Appends one prefix: its length in bits and as many octets as those need.
pub(super) fn encode(prefix: Prefix, out: &mut Vec<u8>) {
    out.push(prefix.len());
    let octets = address_octets(prefix.len());
    match prefix.address() {
        IpAddr::V4(address) => out.extend(address.octets().into_iter().take(octets)),
        IpAddr::V6(address) => out.extend(address.octets().into_iter().take(octets)),
    }
}

/// How many of the leading `prefixes` are of the `family` and fit into `room` octets, and the octets that they take.
pub(super) fn fitting(prefixes: &[Prefix], family: AfiSafi, room: usize) -> (usize, usize) {
    let mut taken = (0usize, 0usize);
    for prefix in prefixes.iter().take_while(|prefix| prefix.family() == family) {
        let size = taken.1.saturating_add(1).saturating_add(address_octets(prefix.len()));
        if size > room {
            break;
        }
        taken = (taken.0.saturating_add(1), size);
    }
    taken
}

fn read(field: &mut Reader<'_>, family: AfiSafi) -> Result<Prefix, AttributeProblem> {
    let length = field.u8().ok_or(AttributeProblem::PrefixOverrun)?;
    if length > family.address_bits() {
        return Err(AttributeProblem::PrefixLength { family, length });
    }
    let significant = field.field(address_octets(length)).ok_or(AttributeProblem::PrefixOverrun)?.rest();
    let address = match family {
        AfiSafi::Ipv4Unicast => IpAddr::from(padded::<4>(significant)),
        AfiSafi::Ipv6Unicast => IpAddr::from(padded::<16>(significant)),
    };
    Prefix::new(address, length).map_err(|_| AttributeProblem::PrefixLength { family, length })
}

/// The octets that a prefix of this length needs.
fn address_octets(length: u8) -> usize {
    usize::from(length).div_ceil(8)
}

/// The octets with zeros behind them.
fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut address = [0; N];
    for (to, from) in address.iter_mut().zip(octets) {
        *to = *from;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().expect("a prefix")).collect()
    }

    #[test]
    fn both_families_in_both_directions() {
        let table: [(AfiSafi, &[&str], &[u8]); 2] = [
            (
                AfiSafi::Ipv4Unicast,
                &["0.0.0.0/0", "10.0.0.0/8", "10.128.0.0/9", "192.0.2.0/24", "192.0.2.1/32"],
                &[0, 8, 10, 9, 10, 128, 24, 192, 0, 2, 32, 192, 0, 2, 1],
            ),
            (
                AfiSafi::Ipv6Unicast,
                &["::/0", "2001:db8::/32", "2001:db8:8000::/33"],
                &[0, 32, 0x20, 0x01, 0x0d, 0xb8, 33, 0x20, 0x01, 0x0d, 0xb8, 0x80],
            ),
        ];
        for (family, texts, octets) in table {
            let mut read = Vec::new();
            decode(Reader::new(octets, 0), family, &mut read).expect("well formed");
            assert_eq!(read, prefixes(texts));
            let mut written = Vec::new();
            read.iter().for_each(|prefix| encode(*prefix, &mut written));
            assert_eq!(written, octets);
            assert_eq!(fitting(&read, family, usize::MAX), (texts.len(), octets.len()));
            assert_eq!(fitting(&read, family, octets.len() - 1).0, texts.len() - 1);
        }
    }

    #[test]
    fn trailing_bits_do_not_matter() {
        let mut read = Vec::new();
        decode(Reader::new(&[9, 10, 0xff], 0), AfiSafi::Ipv4Unicast, &mut read).expect("well formed");
        assert_eq!(read, prefixes(&["10.128.0.0/9"]));
    }

    #[test]
    fn errors_say_where() {
        let decode = |octets: &[u8]| decode(Reader::new(octets, 100), AfiSafi::Ipv4Unicast, &mut Vec::new());
        let too_long = AttributeProblem::PrefixLength { family: AfiSafi::Ipv4Unicast, length: 33 };
        assert_eq!(decode(&[8, 10, 33, 1, 2, 3, 4, 5]), Err((102, too_long)));
        assert_eq!(decode(&[24, 10, 0]), Err((100, AttributeProblem::PrefixOverrun)));
    }
}
