//! MRT files for tests, written by hand.

use std::net::IpAddr;

use crate::net::{AfiSafi, Prefix};

/// A record.
pub fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a small record");
    [&[0; 4][..], &kind.to_be_bytes(), &subtype.to_be_bytes(), &length.to_be_bytes(), body].concat()
}

/// A PEER_INDEX_TABLE: addresses with AS numbers.
pub fn index(peers: &[(&str, u32)]) -> Vec<u8> {
    let mut body = vec![192, 0, 2, 255, 0, 4];
    body.extend_from_slice(b"view");
    body.extend_from_slice(&count(peers.len()));
    for (address, asn) in peers {
        let address = address_octets(address);
        body.push(if address.len() == 4 { 2 } else { 3 });
        body.extend_from_slice(&[1, 1, 1, 1]);
        body.extend_from_slice(&address);
        body.extend_from_slice(&asn.to_be_bytes());
    }
    record(13, 1, &body)
}

/// The entries of a prefix: numbers of peers in the index, with the attributes' octets.
pub fn entries(prefix: &str, path_ids: bool, of: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let prefix: Prefix = prefix.parse().expect(prefix);
    let mut body = vec![0, 0, 0, 1, prefix.len()];
    let octets = address_octets(&prefix.address().to_string());
    body.extend_from_slice(&octets[..usize::from(prefix.len()).div_ceil(8)]);
    body.extend_from_slice(&count(of.len()));
    for (peer, attributes) in of {
        body.extend_from_slice(&peer.to_be_bytes());
        body.extend_from_slice(&[0; 4]);
        if path_ids {
            body.extend_from_slice(&[0, 0, 0, 7]);
        }
        body.extend_from_slice(&count(attributes.len()));
        body.extend_from_slice(attributes);
    }
    let subtype = match (prefix.family(), path_ids) {
        (AfiSafi::Ipv4Unicast, false) => 2,
        (AfiSafi::Ipv6Unicast, false) => 4,
        (AfiSafi::Ipv4Unicast, true) => 8,
        (AfiSafi::Ipv6Unicast, true) => 10,
    };
    record(13, subtype, &body)
}

/// ORIGIN IGP, an AS_PATH of 4-octet numbers and a next hop of either family.
pub fn attributes(path: &[u32], next_hop: &str) -> Vec<u8> {
    let mut octets = vec![0x40, 1, 1, 0, 0x50, 2];
    let path: Vec<u8> = path.iter().flat_map(|asn| asn.to_be_bytes()).collect();
    let segment = if path.is_empty() {
        Vec::new()
    } else {
        [&[2, u8::try_from(path.len() / 4).expect("few")][..], &path].concat()
    };
    octets.extend_from_slice(&count(segment.len()));
    octets.extend_from_slice(&segment);
    let next_hop = address_octets(next_hop);
    let length = u8::try_from(next_hop.len()).expect("an address");
    if length == 4 {
        octets.extend_from_slice(&[0x40, 3, 4]);
    } else {
        octets.extend_from_slice(&[0x80, 14, length + 1, length]);
    }
    octets.extend_from_slice(&next_hop);
    octets
}

/// A BGP4MP record of this subtype of a message from 192.0.2.1, AS 65101, to AS 65000.
pub fn message(subtype: u16, message: &[u8]) -> Vec<u8> {
    let wide = matches!(subtype, 4 | 5 | 7);
    let asn = |asn: u32| if wide { asn.to_be_bytes().to_vec() } else { asn.to_be_bytes()[2..].to_vec() };
    let body = [&asn(65101)[..], &asn(65000), &[0, 0, 0, 1], &[192, 0, 2, 1], &[192, 0, 2, 2], message];
    record(16, subtype, &body.concat())
}

fn address_octets(address: &str) -> Vec<u8> {
    match address.parse().expect(address) {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn count(count: usize) -> [u8; 2] {
    u16::try_from(count).expect("few").to_be_bytes()
}
