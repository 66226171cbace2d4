//! Messages about next-hop objects, in the manner of netlink-packet-route, which does not have them (`linux/nexthop.h`).

use std::net::IpAddr;

use netlink_packet_core::{
    DecodeError, Emitable, ErrorContext, NetlinkSerializable, Nla, NlaBuffer, NlasIterator, Parseable, parse_ip,
    parse_u16, parse_u32,
};

/// `RTM_NEWNEXTHOP`.
pub(super) const NEW: u16 = 104;
/// `RTM_DELNEXTHOP`.
pub(super) const DELETED: u16 = 105;
/// `RTM_GETNEXTHOP`.
const GET: u16 = 106;

/// Octets of `struct nhmsg`.
const HEADER_LEN: usize = 8;
/// Octets of `struct nexthop_grp`.
const MEMBER_LEN: usize = 8;

/// `NHA_*`, those that we look at.
mod kind {
    pub const ID: u16 = 1;
    pub const GROUP: u16 = 2;
    pub const BLACKHOLE: u16 = 4;
    pub const LINK: u16 = 5;
    pub const GATEWAY: u16 = 6;
    pub const ENCAPSULATION_TYPE: u16 = 7;
    pub const BRIDGE: u16 = 11;
}

/// A next-hop object as the kernel tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NextHopMessage {
    pub(super) header: NextHopHeader,
    pub(super) attributes: Vec<NextHopAttribute>,
}

/// `struct nhmsg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NextHopHeader {
    pub(super) family: u8,
    pub(super) scope: u8,
    pub(super) protocol: u8,
    pub(super) flags: u32,
}

/// `NHA_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextHopAttribute {
    Id(u32),
    Group(Vec<Member>),
    Blackhole,
    Link(u32),
    Gateway(IpAddr),
    /// What it does to packets is not told here: it encapsulates.
    EncapsulationType(u16),
    /// It is for a bridge's forwarding database.
    Bridge,
    /// Of another kind.
    Other(u16),
}

/// `struct nexthop_grp`. The kernel counts weights from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: u32,
    pub(super) weight: u16,
}

impl NextHopMessage {
    /// About the object of this number.
    pub(super) fn of(id: u32) -> NextHopMessage {
        NextHopMessage { header: NextHopHeader::default(), attributes: vec![NextHopAttribute::Id(id)] }
    }
}

impl Parseable<[u8]> for NextHopMessage {
    fn parse(octets: &[u8]) -> Result<NextHopMessage, DecodeError> {
        let (Some(header), Some(attributes)) = (octets.get(..HEADER_LEN), octets.get(HEADER_LEN..)) else {
            return Err(DecodeError::from("a next-hop message without its header"));
        };
        let [family, scope, protocol, _reserved, flags @ ..] = header else {
            return Err(DecodeError::from("a next-hop message without its header"));
        };
        let header = NextHopHeader { family: *family, scope: *scope, protocol: *protocol, flags: parse_u32(flags)? };
        let attributes = NlasIterator::new(attributes).map(|one| NextHopAttribute::parse(&one?));
        Ok(NextHopMessage { header, attributes: attributes.collect::<Result<_, _>>()? })
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for NextHopAttribute {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<NextHopAttribute, DecodeError> {
        let value = attribute.value();
        Ok(match attribute.kind() {
            kind::ID => NextHopAttribute::Id(parse_u32(value).context("NHA_ID")?),
            kind::GROUP => NextHopAttribute::Group(members(value)?),
            kind::BLACKHOLE => NextHopAttribute::Blackhole,
            kind::LINK => NextHopAttribute::Link(parse_u32(value).context("NHA_OIF")?),
            kind::GATEWAY => NextHopAttribute::Gateway(parse_ip(value).context("NHA_GATEWAY")?),
            kind::ENCAPSULATION_TYPE => {
                NextHopAttribute::EncapsulationType(parse_u16(value).context("NHA_ENCAP_TYPE")?)
            }
            kind::BRIDGE => NextHopAttribute::Bridge,
            other => NextHopAttribute::Other(other),
        })
    }
}

fn members(value: &[u8]) -> Result<Vec<Member>, DecodeError> {
    let (members, rest) = value.as_chunks::<MEMBER_LEN>();
    if !rest.is_empty() {
        return Err(DecodeError::from(format!("NHA_GROUP of {} octets", value.len())));
    }
    // Since Linux 6.12 a weight has 16 bits, the upper ones in what was reserved and zero before.
    let member = |[a, b, c, d, low, high, _, _]: &[u8; MEMBER_LEN]| Member {
        id: u32::from_ne_bytes([*a, *b, *c, *d]),
        weight: u16::from(*low) | u16::from(*high) << 8,
    };
    Ok(members.iter().map(member).collect())
}

impl Nla for NextHopAttribute {
    fn kind(&self) -> u16 {
        match self {
            NextHopAttribute::Id(_) => kind::ID,
            NextHopAttribute::Group(_) => kind::GROUP,
            NextHopAttribute::Blackhole => kind::BLACKHOLE,
            NextHopAttribute::Link(_) => kind::LINK,
            NextHopAttribute::Gateway(_) => kind::GATEWAY,
            NextHopAttribute::EncapsulationType(_) => kind::ENCAPSULATION_TYPE,
            NextHopAttribute::Bridge => kind::BRIDGE,
            NextHopAttribute::Other(other) => *other,
        }
    }

    fn value_len(&self) -> usize {
        match self {
            NextHopAttribute::Id(_) | NextHopAttribute::Link(_) => 4,
            NextHopAttribute::Group(members) => members.len() * MEMBER_LEN,
            NextHopAttribute::Gateway(IpAddr::V4(_)) => 4,
            NextHopAttribute::Gateway(IpAddr::V6(_)) => 16,
            NextHopAttribute::EncapsulationType(_) => 2,
            NextHopAttribute::Blackhole | NextHopAttribute::Bridge | NextHopAttribute::Other(_) => 0,
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            NextHopAttribute::Id(number) | NextHopAttribute::Link(number) => {
                buffer.copy_from_slice(&number.to_ne_bytes());
            }
            NextHopAttribute::Group(members) => {
                for (octets, member) in buffer.chunks_exact_mut(MEMBER_LEN).zip(members) {
                    let [a, b, c, d] = member.id.to_ne_bytes();
                    let [high, low] = member.weight.to_be_bytes();
                    octets.copy_from_slice(&[a, b, c, d, low, high, 0, 0]);
                }
            }
            NextHopAttribute::Gateway(IpAddr::V4(address)) => buffer.copy_from_slice(&address.octets()),
            NextHopAttribute::Gateway(IpAddr::V6(address)) => buffer.copy_from_slice(&address.octets()),
            NextHopAttribute::EncapsulationType(kind) => buffer.copy_from_slice(&kind.to_ne_bytes()),
            NextHopAttribute::Blackhole | NextHopAttribute::Bridge | NextHopAttribute::Other(_) => {}
        }
    }
}

impl Emitable for NextHopMessage {
    fn buffer_len(&self) -> usize {
        HEADER_LEN + self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        let NextHopHeader { family, scope, protocol, flags } = self.header;
        let [a, b, c, d] = flags.to_ne_bytes();
        if let Some((header, attributes)) = buffer.split_at_mut_checked(HEADER_LEN) {
            header.copy_from_slice(&[family, scope, protocol, 0, a, b, c, d]);
            self.attributes.as_slice().emit(attributes);
        }
    }
}

/// What the kernel is asked about next-hop objects.
#[derive(Clone, Debug)]
pub(super) enum NextHopRequest {
    /// To have one.
    New(NextHopMessage),
    /// To have one no more.
    Delete(NextHopMessage),
    /// To tell of them.
    Get(NextHopMessage),
}

impl NextHopRequest {
    fn message(&self) -> &NextHopMessage {
        match self {
            NextHopRequest::New(message) | NextHopRequest::Delete(message) | NextHopRequest::Get(message) => message,
        }
    }
}

impl NetlinkSerializable for NextHopRequest {
    fn message_type(&self) -> u16 {
        match self {
            NextHopRequest::New(_) => NEW,
            NextHopRequest::Delete(_) => DELETED,
            NextHopRequest::Get(_) => GET,
        }
    }

    fn buffer_len(&self) -> usize {
        self.message().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.message().emit(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id 10 group 1/2,5` as Linux 6.18 tells it, with a group type and operation flags, and a weight of 16 bits.
    fn group() -> Vec<u8> {
        let mut octets = vec![0, 0, 186, 0, 0, 0, 0, 0];
        octets.extend([8, 0, 1, 0, 10, 0, 0, 0]);
        octets.extend([20, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 1, 0, 0]);
        octets.extend([6, 0, 3, 0, 0, 0, 0, 0]);
        octets
    }

    #[test]
    fn a_group_is_read() {
        let message = NextHopMessage::parse(&group()[..]).expect("well formed");
        assert_eq!(message.header, NextHopHeader { protocol: 186, ..NextHopHeader::default() });
        let members = vec![Member { id: 1, weight: 0 }, Member { id: 2, weight: 0x104 }];
        let attributes = [NextHopAttribute::Id(10), NextHopAttribute::Group(members), NextHopAttribute::Other(3)];
        assert_eq!(message.attributes, attributes);
    }

    #[test]
    fn what_is_cut_short_is_an_error_or_shorter() {
        let whole = group();
        for length in 0..whole.len() {
            let cut = NextHopMessage::parse(whole.get(..length).expect("shorter"));
            let at_an_end = [8, 16, 36].contains(&length);
            // The padding of the last attribute may be missing.
            assert_eq!(cut.is_ok(), at_an_end || length > 41, "{length}: {cut:?}");
        }
        let mut odd = whole;
        if let Some(length) = odd.get_mut(16) {
            *length = 19;
        }
        assert!(NextHopMessage::parse(&odd[..]).is_err(), "a member and a half");
    }
}
