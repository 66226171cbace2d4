//! Which prefixes stand in an UPDATE, read a second time by code that shares nothing with the decoder.

use std::collections::BTreeSet;
use std::net::IpAddr;

use nva::net::{AfiSafi, Prefix};
use nva::packet::CodecContext;

/// The prefixes of a message, withdrawn or announced.
#[derive(Debug, PartialEq, Eq)]
pub struct Mentioned(BTreeSet<Prefix>);

impl Mentioned {
    /// These.
    pub fn of(prefixes: impl Iterator<Item = Prefix>) -> Mentioned {
        Mentioned(prefixes.collect())
    }

    /// Those of an UPDATE that was accepted, of the families that the session has.
    ///
    /// # Panics
    /// If the message cannot be read: then it should not have been accepted.
    pub fn in_update(frame: &[u8], context: &CodecContext) -> Mentioned {
        let (withdrawn, rest) = sized(&frame[19..]);
        let (attributes, nlri) = sized(rest);
        let mut found = Mentioned(BTreeSet::new());
        found.add(withdrawn, AfiSafi::Ipv4Unicast, context);
        found.add(nlri, AfiSafi::Ipv4Unicast, context);
        for (kind, value) in whole_attributes(attributes) {
            let family = match (kind, value) {
                (14 | 15, [0, 1, 1, ..]) => AfiSafi::Ipv4Unicast,
                (14 | 15, [0, 2, 1, ..]) => AfiSafi::Ipv6Unicast,
                _ => continue,
            };
            // What the session does not carry may be anything.
            if context.families.contains(&family) {
                let field = if kind == 15 { &value[3..] } else { &value[5 + usize::from(value[3])..] };
                found.add(field, family, context);
            }
        }
        found
    }

    fn add(&mut self, mut field: &[u8], family: AfiSafi, context: &CodecContext) {
        if !context.families.contains(&family) {
            return;
        }
        while let [length, rest @ ..] = field {
            let octets = usize::from(length.div_ceil(8));
            let mut address = [0; 16];
            address[..octets].copy_from_slice(&rest[..octets]);
            let address: IpAddr = match family {
                AfiSafi::Ipv4Unicast => [address[0], address[1], address[2], address[3]].into(),
                AfiSafi::Ipv6Unicast => address.into(),
            };
            self.0.insert(Prefix::new(address, *length).expect("a length that the family has"));
            field = &rest[octets..];
        }
    }
}

/// The attributes up to the first that is not there as a whole.
fn whole_attributes(mut field: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    loop {
        let (kind, length, rest) = match field {
            [flags, kind, high, low, rest @ ..] if flags & 0x10 != 0 => {
                (*kind, usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            [flags, kind, length, rest @ ..] if flags & 0x10 == 0 => (*kind, usize::from(*length), rest),
            _ => return found,
        };
        let Some((value, rest)) = rest.split_at_checked(length) else { return found };
        found.push((kind, value));
        field = rest;
    }
}

/// A field behind its length in 2 octets, and what follows it.
fn sized(octets: &[u8]) -> (&[u8], &[u8]) {
    let length = usize::from(u16::from_be_bytes([octets[0], octets[1]]));
    octets[2..].split_at(length)
}
