//! BGP octet by octet, for the speakers that the tests play themselves: just enough of the bodies of RFC 4271 §4, written
//! down here once more, independent of the library under test.

use std::net::Ipv4Addr;

use nva_tests::speaker::message;

pub const OPEN: u8 = 1;
pub const UPDATE: u8 = 2;
pub const NOTIFICATION: u8 = 3;
pub const KEEPALIVE: u8 = 4;

/// The header of every message, in octets; its last one is the type.
pub const HEADER: usize = 19;

/// How a speaker introduces itself.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub address: Ipv4Addr,
    pub asn: u32,
    /// The hold time that it proposes, in seconds.
    pub hold_time: u16,
    /// Whether it announces that it takes longer messages (RFC 8654).
    pub extended: bool,
}

/// An OPEN with IPv4 unicast and a 4-octet AS.
pub fn open(identity: Identity) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 65, 4];
    capabilities.extend_from_slice(&identity.asn.to_be_bytes());
    if identity.extended {
        capabilities.extend_from_slice(&[6, 0]);
    }
    // Version, AS_TRANS, hold time, identifier, and the capabilities as an optional parameter.
    let mut body = vec![4, 0x5b, 0xa0];
    body.extend_from_slice(&identity.hold_time.to_be_bytes());
    body.extend_from_slice(&identity.address.octets());
    let length = u8::try_from(capabilities.len()).expect("few capabilities");
    body.extend_from_slice(&[length + 2, 2, length]);
    body.extend_from_slice(&capabilities);
    message(OPEN, &body)
}

/// An UPDATE that announces these with this path.
pub fn announcement(path: &[u32], next_hop: Ipv4Addr, prefixes: &[(Ipv4Addr, u8)]) -> Vec<u8> {
    announcement_with(&[], path, next_hop, prefixes)
}

/// The same with more attributes, as they stand on the wire.
pub fn announcement_with(more: &[u8], path: &[u32], next_hop: Ipv4Addr, prefixes: &[(Ipv4Addr, u8)]) -> Vec<u8> {
    let mut segments = Vec::new();
    for segment in path.chunks(255) {
        segments.extend_from_slice(&[2, u8::try_from(segment.len()).expect("a chunk")]);
        segment.iter().for_each(|asn| segments.extend_from_slice(&asn.to_be_bytes()));
    }
    let mut attributes = vec![0x40, 1, 1, 0, 0x50, 2];
    attributes.extend_from_slice(&u16::try_from(segments.len()).expect("a path").to_be_bytes());
    attributes.extend_from_slice(&segments);
    attributes.extend_from_slice(&[0x40, 3, 4]);
    attributes.extend_from_slice(&next_hop.octets());
    attributes.extend_from_slice(more);
    update(&attributes, prefixes)
}

/// An UPDATE that announces these with these attributes, as they stand on the wire.
pub fn update(attributes: &[u8], prefixes: &[(Ipv4Addr, u8)]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).expect("attributes").to_be_bytes();
    message(UPDATE, &[&[0, 0][..], &length, attributes, &nlri(prefixes)].concat())
}

/// An UPDATE that withdraws these.
pub fn withdrawal(prefixes: &[(Ipv4Addr, u8)]) -> Vec<u8> {
    let withdrawn = nlri(prefixes);
    let mut body = u16::try_from(withdrawn.len()).expect("few prefixes").to_be_bytes().to_vec();
    body.extend_from_slice(&withdrawn);
    body.extend_from_slice(&[0, 0]);
    message(UPDATE, &body)
}

/// The /24 of this number in a table of up to four million.
pub fn numbered(number: u32) -> (Ipv4Addr, u8) {
    (Ipv4Addr::from(0x1400_0000 + (number << 8)), 24)
}

fn nlri(prefixes: &[(Ipv4Addr, u8)]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (address, length) in prefixes {
        octets.push(*length);
        octets.extend_from_slice(&address.octets()[..usize::from(length.div_ceil(8))]);
    }
    octets
}

/// What an UPDATE says of IPv4 prefixes.
#[derive(Debug)]
pub struct Update {
    pub withdrawn: Vec<(Ipv4Addr, u8)>,
    pub announced: Vec<(Ipv4Addr, u8)>,
}

impl Update {
    /// Reads one from what follows the header, if that is not cut off.
    pub fn read(body: &[u8]) -> Option<Update> {
        let (withdrawn, behind) = counted(body)?;
        let (_attributes, announced) = counted(behind)?;
        Some(Update { withdrawn: prefixes(withdrawn)?, announced: prefixes(announced)? })
    }
}

/// The length of the message that begins here, header included, once that much of it is there.
pub fn message_length(octets: &[u8]) -> Option<usize> {
    octets.get(16..18).map(length)
}

/// Octets with their length before them, and what follows.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, behind) = octets.split_at_checked(2)?;
    behind.split_at_checked(length(count))
}

fn length(octets: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([octets[0], octets[1]]))
}

fn prefixes(mut octets: &[u8]) -> Option<Vec<(Ipv4Addr, u8)>> {
    let mut prefixes = Vec::new();
    while let Some((bits, rest)) = octets.split_first() {
        let (significant, behind) = rest.split_at_checked(usize::from(bits.div_ceil(8)))?;
        let mut address = [0; 4];
        address.get_mut(..significant.len())?.copy_from_slice(significant);
        prefixes.push((address.into(), *bits));
        octets = behind;
    }
    Some(prefixes)
}
