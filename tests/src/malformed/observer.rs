//! What a daemon tells of the rows' routes, as a peer hears it. Read with code of its own, not with `nva`'s decoder,
//! which is among what is examined.

use std::collections::BTreeMap;

use nva::packet::HEADER_LEN;

/// A prefix as it stands in a message: whether it is IPv6, its length and its octets.
pub(super) type Wire = (bool, Vec<u8>);

/// The attributes of a route: types and values.
pub(super) type Attributes = Vec<(u8, Vec<u8>)>;

/// The routes that a peer has been told and that were not withdrawn.
#[derive(Debug, Default)]
pub(super) struct Heard {
    routes: BTreeMap<Wire, Attributes>,
}

impl Heard {
    /// Takes in an UPDATE, header included.
    pub(super) fn update(&mut self, message: &[u8]) {
        let Some((withdrawn, rest)) = sized(message.get(HEADER_LEN..).unwrap_or_default()) else { return };
        let Some((field, nlri)) = sized(rest) else { return };
        let attributes = attributes(field);
        let of_type = |kind: u8| attributes.iter().find(|(other, _)| *other == kind).map(|(_, value)| value.as_slice());
        for prefix in prefixes(withdrawn) {
            self.routes.remove(&(false, prefix));
        }
        if let Some([0, 2, 1, unreach @ ..]) = of_type(15) {
            for prefix in prefixes(unreach) {
                self.routes.remove(&(true, prefix));
            }
        }
        for prefix in prefixes(nlri) {
            self.routes.insert((false, prefix), attributes.clone());
        }
        if let Some([0, 2, 1, next_hop, reach @ ..]) = of_type(14) {
            for prefix in prefixes(reach.get(usize::from(*next_hop) + 1..).unwrap_or_default()) {
                self.routes.insert((true, prefix), attributes.clone());
            }
        }
    }

    /// The attributes of a route, if there is one.
    pub(super) fn route(&self, prefix: &Wire) -> Option<&Attributes> {
        self.routes.get(prefix)
    }

    /// How many routes there are.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }
}

fn sized(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn attributes(mut field: &[u8]) -> Attributes {
    let mut found = Attributes::new();
    loop {
        let (kind, length, rest) = match field {
            [flags, kind, high, low, rest @ ..] if flags & 0x10 != 0 => {
                (*kind, usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            [flags, kind, length, rest @ ..] if flags & 0x10 == 0 => (*kind, usize::from(*length), rest),
            _ => return found,
        };
        let Some((value, rest)) = rest.split_at_checked(length) else { return found };
        found.push((kind, value.to_vec()));
        field = rest;
    }
}

/// The prefixes of a field, each with its length in front.
fn prefixes(mut field: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((length, _)) = field.split_first() {
        let octets = 1 + usize::from(length.div_ceil(8));
        let Some((prefix, rest)) = field.split_at_checked(octets) else { break };
        found.push(prefix.to_vec());
        field = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_come_and_go() {
        let mut heard = Heard::default();
        let mut message = vec![0xff; HEADER_LEN];
        message.extend([0, 0, 0, 4, 0x40, 1, 1, 0, 24, 203, 0, 113]);
        heard.update(&message);
        let prefix = (false, vec![24, 203, 0, 113]);
        assert_eq!(heard.route(&prefix), Some(&vec![(1, vec![0])]));
        let mut message = vec![0xff; HEADER_LEN];
        message.extend([0, 4, 24, 203, 0, 113, 0, 0]);
        heard.update(&message);
        assert_eq!((heard.route(&prefix), heard.len()), (None, 0));
    }
}
