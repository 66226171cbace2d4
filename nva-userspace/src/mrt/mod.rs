//! MRT (RFC 6396): files of routing tables and of messages, as RouteViews, RIPE RIS and most daemons write them.
//!
//! Record by record, and pure: reading the file is for others. The routes are read by [`crate::packet`]. Of table dumps
//! TABLE_DUMP_V2 is read, with RFC 8050's entries that have path identifiers; of messages, BGP4MP and its form with
//! microseconds. What is in a record that is not read is said ([`Record::Skipped`]).
//!
//! GAP(RFC 8050 §3): messages of sessions with ADD-PATH are skipped.

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::attributes::PathAttributes;
use crate::net::{AfiSafi, Asn, Prefix};
use crate::packet::{self, CodecContext, DecodeError, Message, Update};

/// The octets of a record's header.
pub const HEADER_LEN: usize = 12;

/// The most octets that a record may have behind its header: more than the largest table entry of a thousand peers.
pub const MAX_RECORD: usize = 16 << 20;

/// Types and subtypes (RFC 6396 §4, RFC 8050 §4).
mod code {
    pub const TABLE_DUMP_V2: u16 = 13;
    pub const BGP4MP: u16 = 16;
    pub const BGP4MP_ET: u16 = 17;

    pub const PEER_INDEX_TABLE: u16 = 1;
    pub const RIB_IPV4_UNICAST: u16 = 2;
    pub const RIB_IPV6_UNICAST: u16 = 4;
    pub const RIB_IPV4_UNICAST_ADDPATH: u16 = 8;
    pub const RIB_IPV6_UNICAST_ADDPATH: u16 = 10;

    pub const STATE_CHANGE: u16 = 0;
    pub const MESSAGE: u16 = 1;
    pub const MESSAGE_AS4: u16 = 4;
    pub const STATE_CHANGE_AS4: u16 = 5;
    pub const MESSAGE_LOCAL: u16 = 6;
    pub const MESSAGE_AS4_LOCAL: u16 = 7;
    pub const MESSAGE_ADDPATH: u16 = 8;
    pub const MESSAGE_AS4_LOCAL_ADDPATH: u16 = 11;
}

/// A record's header (RFC 6396 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    kind: u16,
    subtype: u16,
    length: u32,
}

/// A peer as a file knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MrtPeer {
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: Asn,
}

/// What a record has.
#[derive(Debug)]
pub enum Record {
    /// The peers of the table that follows.
    Peers(usize),
    /// Routes of one prefix, or of one message.
    Routes(Vec<MrtRoute>),
    /// Nothing of interest, and why.
    Skipped(&'static str),
}

/// Routes of one peer with the same attributes, or why there is none.
#[derive(Debug)]
pub struct MrtRoute {
    /// Who announced them.
    pub peer: MrtPeer,
    /// The message, or the entry of a table as a message.
    pub update: Result<Update, DecodeError>,
}

/// A record that cannot be read; the next one can.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MrtError {
    /// The length field is out of all proportion.
    #[error("a record of {0} octets: is this an MRT file?")]
    Length(u32),
    /// The record ends before it should.
    #[error("the record ends within its {0}")]
    Cut(&'static str),
    /// A prefix is longer than an address.
    #[error("a prefix of length {0}")]
    PrefixLength(u8),
    /// An address family that there is not.
    #[error("an address family {0}")]
    Family(u16),
    /// A peer that is not in the index table.
    #[error("there is no peer {0} in the index table")]
    NoSuchPeer(u16),
}

/// Reads records one after the other; remembers the peers of a table.
#[derive(Debug, Default)]
pub struct Decoder {
    peers: Vec<MrtPeer>,
}

impl Header {
    /// Reads a header.
    pub fn decode(octets: [u8; HEADER_LEN]) -> Header {
        // The time, which is of no interest.
        let [_, _, _, _, a, b, c, d, length @ ..] = octets;
        Header {
            kind: u16::from_be_bytes([a, b]),
            subtype: u16::from_be_bytes([c, d]),
            length: u32::from_be_bytes(length),
        }
    }

    /// How many octets follow the header.
    ///
    /// # Errors
    /// If they are more than any record has.
    pub fn body_len(&self) -> Result<usize, MrtError> {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        if length <= MAX_RECORD { Ok(length) } else { Err(MrtError::Length(self.length)) }
    }
}

impl Decoder {
    /// Reads the octets behind a header.
    ///
    /// # Errors
    /// If they are not what the header says. What is wrong with a route alone is in its [`MrtRoute`].
    pub fn decode(&mut self, header: Header, body: &[u8]) -> Result<Record, MrtError> {
        let mut body = Body(body);
        match (header.kind, header.subtype) {
            (code::TABLE_DUMP_V2, code::PEER_INDEX_TABLE) => self.index(body),
            (code::TABLE_DUMP_V2, code::RIB_IPV4_UNICAST) => self.entries(AfiSafi::Ipv4Unicast, false, body),
            (code::TABLE_DUMP_V2, code::RIB_IPV6_UNICAST) => self.entries(AfiSafi::Ipv6Unicast, false, body),
            (code::TABLE_DUMP_V2, code::RIB_IPV4_UNICAST_ADDPATH) => self.entries(AfiSafi::Ipv4Unicast, true, body),
            (code::TABLE_DUMP_V2, code::RIB_IPV6_UNICAST_ADDPATH) => self.entries(AfiSafi::Ipv6Unicast, true, body),
            (code::TABLE_DUMP_V2, _) => Ok(Record::Skipped("another table than of unicast routes")),
            (code::BGP4MP, subtype) => message(subtype, body),
            (code::BGP4MP_ET, subtype) => {
                body.take::<4>("microseconds")?;
                message(subtype, body)
            }
            _ => Ok(Record::Skipped("another type than TABLE_DUMP_V2 and BGP4MP")),
        }
    }

    /// RFC 6396 §4.3.1.
    fn index(&mut self, mut body: Body<'_>) -> Result<Record, MrtError> {
        const WHAT: &str = "index table";
        const IPV6: u8 = 1;
        const FOUR_OCTET_AS: u8 = 2;
        body.take::<4>(WHAT)?;
        let name = body.u16(WHAT)?;
        body.field(usize::from(name), WHAT)?;
        let count = body.u16(WHAT)?;
        self.peers.clear();
        for _ in 0..count {
            let [kind] = body.take(WHAT)?;
            body.take::<4>(WHAT)?;
            let family = if kind & IPV6 == 0 { AfiSafi::Ipv4Unicast } else { AfiSafi::Ipv6Unicast };
            let address = body.address(family, WHAT)?;
            let asn = body.asn(kind & FOUR_OCTET_AS != 0, WHAT)?;
            self.peers.push(MrtPeer { address, asn });
        }
        Ok(Record::Peers(self.peers.len()))
    }

    /// RFC 6396 §4.3.2 and §4.3.4, RFC 8050 §4.
    fn entries(&self, family: AfiSafi, path_ids: bool, mut body: Body<'_>) -> Result<Record, MrtError> {
        const WHAT: &str = "table entries";
        body.take::<4>(WHAT)?;
        let prefix = body.prefix(family)?;
        let count = body.u16(WHAT)?;
        let mut routes = Vec::new();
        for _ in 0..count {
            let index = body.u16(WHAT)?;
            body.take::<4>(WHAT)?;
            if path_ids {
                body.take::<4>(WHAT)?;
            }
            let length = body.u16(WHAT)?;
            let attributes = body.field(usize::from(length), WHAT)?;
            let peer = *self.peers.get(usize::from(index)).ok_or(MrtError::NoSuchPeer(index))?;
            routes.push(MrtRoute { peer, update: packet::decode_table_entry(prefix, attributes) });
        }
        Ok(Record::Routes(routes))
    }
}

/// RFC 6396 §4.4.
fn message(subtype: u16, mut body: Body<'_>) -> Result<Record, MrtError> {
    const WHAT: &str = "message";
    let four_octet_as = match subtype {
        code::MESSAGE | code::MESSAGE_LOCAL => false,
        code::MESSAGE_AS4 | code::MESSAGE_AS4_LOCAL => true,
        code::STATE_CHANGE | code::STATE_CHANGE_AS4 => return Ok(Record::Skipped("a change of a session's state")),
        code::MESSAGE_ADDPATH..=code::MESSAGE_AS4_LOCAL_ADDPATH => {
            return Ok(Record::Skipped("a message of a session with ADD-PATH"));
        }
        _ => return Ok(Record::Skipped("another type of BGP4MP record than messages")),
    };
    let asn = body.asn(four_octet_as, WHAT)?;
    let local_asn = body.asn(four_octet_as, WHAT)?;
    body.take::<2>(WHAT)?;
    let family = match body.u16(WHAT)? {
        1 => AfiSafi::Ipv4Unicast,
        2 => AfiSafi::Ipv6Unicast,
        other => return Err(MrtError::Family(other)),
    };
    let address = body.address(family, WHAT)?;
    body.address(family, WHAT)?;
    let context = CodecContext::of_record(four_octet_as, asn == local_asn);
    let update = match packet::decode(body.0, &context) {
        Ok(Message::Update(update)) => Ok(*update),
        Ok(Message::Open(_) | Message::Notification(_) | Message::Keepalive | Message::RouteRefresh(_)) => {
            return Ok(Record::Skipped("a message that is no UPDATE"));
        }
        Err(error) => Err(error),
    };
    Ok(Record::Routes(vec![MrtRoute { peer: MrtPeer { address, asn }, update }]))
}

impl MrtRoute {
    /// Every route by itself: prefix, next hop and attributes.
    pub fn announced(&self) -> impl Iterator<Item = (Prefix, IpAddr, &PathAttributes)> {
        self.update.iter().flat_map(|update| {
            update.announced.iter().flat_map(move |announced| {
                let next_hop = announced.next_hop.address;
                announced.prefixes.iter().map(move |prefix| (*prefix, next_hop, &update.attributes))
            })
        })
    }
}

/// What is left of a record.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], MrtError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(MrtError::Cut(what))?;
        self.0 = tail;
        Ok(*head)
    }

    fn field(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], MrtError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(MrtError::Cut(what))?;
        self.0 = tail;
        Ok(head)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, MrtError> {
        self.take(what).map(u16::from_be_bytes)
    }

    fn asn(&mut self, four_octets: bool, what: &'static str) -> Result<Asn, MrtError> {
        if four_octets {
            self.take(what).map(|octets| Asn(u32::from_be_bytes(octets)))
        } else {
            self.u16(what).map(|asn| Asn(asn.into()))
        }
    }

    fn address(&mut self, family: AfiSafi, what: &'static str) -> Result<IpAddr, MrtError> {
        match family {
            AfiSafi::Ipv4Unicast => self.take::<4>(what).map(|octets| Ipv4Addr::from(octets).into()),
            AfiSafi::Ipv6Unicast => self.take::<16>(what).map(|octets| Ipv6Addr::from(octets).into()),
        }
    }

    fn prefix(&mut self, family: AfiSafi) -> Result<Prefix, MrtError> {
        const WHAT: &str = "prefix";
        let [length] = self.take(WHAT)?;
        let significant = self.field(usize::from(length).div_ceil(8), WHAT)?;
        let mut octets = [0; 16];
        for (to, from) in octets.iter_mut().zip(significant) {
            *to = *from;
        }
        let [a, b, c, d, ..] = octets;
        let address = match family {
            AfiSafi::Ipv4Unicast => IpAddr::from([a, b, c, d]),
            AfiSafi::Ipv6Unicast => IpAddr::from(octets),
        };
        Prefix::new(address, length).map_err(|_| MrtError::PrefixLength(length))
    }
}
