//! One row on one session: its addresses, its routes, and its octets.

use std::net::{Ipv4Addr, Ipv6Addr};

use nva::packet::iana::message_type;

use super::observer::Wire;
use super::{Change, Row, SessionKind, rows};
use crate::speaker::{Identity, message};

/// The daemon's AS.
pub(super) const DAEMON_ASN: u32 = 65001;

/// The AS of the external peers that send rows.
pub(super) const SENDER_ASN: u32 = 65002;

/// The AS in the path of what an internal sender announces.
const DISTANT_ASN: u32 = 65011;

/// The AS behind the sender's in the malformed UPDATE's path, so that its route is told from the one before.
const MARK: u32 = 65099;

/// What stands for an AS that needs 4 octets where there are 2 (RFC 6793 §9).
const AS_TRANS: u16 = 23456;

/// An AS that needs 4 octets.
const WIDE: u32 = 100_001;

/// A row that a peer of its own sends.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) row: Row,
    pub(super) session: SessionKind,
    /// Tells its peer and its prefixes from the others'.
    number: u16,
}

/// The routes of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Announced before, and not spoken of again.
    Before,
    /// Announced before, and what the malformed UPDATE is about.
    Subject,
    /// Announced right after.
    After,
}

impl Trial {
    pub(super) fn new(row: Row, session: SessionKind, number: u16) -> Trial {
        Trial { row, session, number }
    }

    /// The sender's name.
    pub(super) fn peer(&self) -> String {
        format!("peer{}", self.number)
    }

    /// Who sends it.
    pub(super) fn identity(&self) -> Identity {
        let (asn, four_octet_as) = match self.session {
            SessionKind::External => (SENDER_ASN, true),
            SessionKind::TwoOctet => (SENDER_ASN, false),
            SessionKind::Internal => (DAEMON_ASN, true),
        };
        Identity { address: self.address(), asn, four_octet_as, hold_time: 600 }
    }

    /// The sender's address.
    pub(super) fn address(&self) -> Ipv4Addr {
        let [high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(10, 99, 1 + high, low)
    }

    /// The sender's address in IPv6, for next hops.
    pub(super) fn address6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 1, self.number)
    }

    /// Whether the row is about IPv6 routes.
    pub(super) fn is_ipv6(&self) -> bool {
        matches!(self.row.change, Change::Multiprotocol(_) | Change::Ipv6Attribute(_) | Change::Ipv6Without(_))
    }

    /// One of its prefixes.
    pub(super) fn prefix(&self, place: Place, ipv6: bool) -> Wire {
        let place = match place {
            Place::Before => 64,
            Place::Subject => 68,
            Place::After => 72,
        };
        let [high, low] = self.number.to_be_bytes();
        let octets =
            if ipv6 { vec![64, 0x20, 0x01, 0x0d, 0xb8, 0, place, high, low] } else { vec![24, 100, place + high, low] };
        (ipv6, octets)
    }

    /// Well-formed routes to these places, in both families.
    pub(super) fn announcement(&self, places: &[Place]) -> Vec<u8> {
        let field = |ipv6| places.iter().flat_map(|place| self.prefix(*place, ipv6).1).collect::<Vec<u8>>();
        let classic = update(&[], &self.attributes(&[], false), &field(false), (0, 0));
        let attributes = self.attributes(&[3], false);
        [classic, update(&[], &[self.reach(&field(true)), attributes].concat(), &[], (0, 0))].concat()
    }

    /// MP_REACH_NLRI of these IPv6 prefixes, well formed.
    fn reach(&self, prefixes: &[u8]) -> Vec<u8> {
        let value = [&[0, 2, 1, 16][..], &self.address6().octets(), &[0], prefixes].concat();
        [&[0x90, 14][..], &length(&value), &value].concat()
    }

    /// The malformed UPDATE.
    ///
    /// # Panics
    /// If the row's text is not octets.
    pub(super) fn malformed(&self) -> Vec<u8> {
        let subject = self.prefix(Place::Subject, false).1;
        let marked = |without: &[u8]| self.attributes(without, true);
        let ipv6 = |without: &[u8], more: Vec<u8>| {
            // In front: what breaks the list off behind it leaves the route to be found.
            let reach = self.reach(&self.prefix(Place::Subject, true).1);
            update(&[], &[reach, self.attributes(without, true), more].concat(), &[], (0, 0))
        };
        match self.row.change {
            Change::Attribute(text) => {
                let octets = self.octets(text);
                update(&[], &[marked(&octets[1..2]), octets].concat(), &subject, (0, 0))
            }
            Change::More(text) => update(&[], &[marked(&[]), self.octets(text)].concat(), &subject, (0, 0)),
            Change::Without(kind) => update(&[], &marked(&[kind]), &subject, (0, 0)),
            Change::Multiprotocol(text) | Change::MultiprotocolIpv4(text) => {
                update(&[], &[marked(&[3]), self.octets(text)].concat(), &[], (0, 0))
            }
            Change::Ipv6Attribute(text) => {
                let octets = self.octets(text);
                ipv6(&[3, octets[1]], octets)
            }
            Change::Ipv6Without(kind) => ipv6(&[3, kind], Vec::new()),
            Change::Nlri(text) => update(&[], &marked(&[]), &[subject, self.octets(text)].concat(), (0, 0)),
            Change::Withdrawn(text) => update(&self.octets(text), &[], &[], (0, 0)),
            Change::NoRoute(text) => update(&[], &self.octets(text), &[], (0, 0)),
            Change::Lengths(withdrawn, attributes) => update(&[], &marked(&[]), &subject, (withdrawn, attributes)),
        }
    }

    /// Type and value of the attribute that the row adds; the last one of several.
    pub(super) fn attribute(&self) -> Option<(u8, Vec<u8>)> {
        let (Change::Attribute(text) | Change::More(text) | Change::Ipv6Attribute(text)) = self.row.change else {
            return None;
        };
        let octets = self.octets(text);
        let mut field = octets.as_slice();
        let mut found = None;
        while let [flags, kind, rest @ ..] = field {
            let (length, rest) = match rest {
                [high, low, rest @ ..] if flags & 0x10 != 0 => (usize::from(u16::from_be_bytes([*high, *low])), rest),
                [length, rest @ ..] if flags & 0x10 == 0 => (usize::from(*length), rest),
                _ => break,
            };
            let (value, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            found = Some((*kind, value.to_vec()));
            field = rest;
        }
        found
    }

    /// Whether these attributes are of the malformed UPDATE's route.
    pub(super) fn is_marked(attributes: &[(u8, Vec<u8>)]) -> bool {
        let path = attributes.iter().find(|(kind, _)| *kind == 2);
        path.is_some_and(|(_, value)| value.windows(4).any(|octets| octets == MARK.to_be_bytes()))
    }

    /// The well-formed attributes that the session asks for, but for these types.
    fn attributes(&self, without: &[u8], marked: bool) -> Vec<u8> {
        let mut asns = vec![self.first_asn()];
        asns.extend(marked.then_some(MARK));
        let count = u8::try_from(asns.len()).unwrap_or(u8::MAX);
        let numbers = asns.into_iter().flat_map(|asn| match self.session {
            SessionKind::External | SessionKind::Internal => asn.to_be_bytes().to_vec(),
            SessionKind::TwoOctet => asn.to_be_bytes()[2..].to_vec(),
        });
        let path: Vec<u8> = [2, count].into_iter().chain(numbers).collect();
        let all = [
            (0x40, 1, vec![0]),
            (0x40, 2, path),
            (0x40, 3, self.address().octets().to_vec()),
            (0x40, 5, 100_u32.to_be_bytes().to_vec()),
        ];
        let wanted = |kind: u8| !without.contains(&kind) && (kind != 5 || self.session == SessionKind::Internal);
        let chosen = all.into_iter().filter(|(_, kind, _)| wanted(*kind));
        chosen
            .flat_map(|(flags, kind, value)| {
                [vec![flags, kind, u8::try_from(value.len()).unwrap_or(u8::MAX)], value].concat()
            })
            .collect()
    }

    fn first_asn(&self) -> u32 {
        match self.session {
            SessionKind::External | SessionKind::TwoOctet => SENDER_ASN,
            SessionKind::Internal => DISTANT_ASN,
        }
    }

    /// The octets of a row's text, with the trial's own parts in it.
    fn octets(&self, text: &str) -> Vec<u8> {
        let part = |word: &str| match word {
            "P4" => self.prefix(Place::Subject, false).1,
            "P6" => self.prefix(Place::Subject, true).1,
            "NH4" => self.address().octets().to_vec(),
            "NH6" => self.address6().octets().to_vec(),
            "AS" => self.first_asn().to_be_bytes().to_vec(),
            "MARK" => MARK.to_be_bytes().to_vec(),
            "WIDE" => WIDE.to_be_bytes().to_vec(),
            "PATH2" => {
                let [.., high, low] = self.first_asn().to_be_bytes();
                let [.., mark_high, mark_low] = MARK.to_be_bytes();
                let [trans_high, trans_low] = AS_TRANS.to_be_bytes();
                vec![0x40, 2, 8, 2, 3, high, low, trans_high, trans_low, mark_high, mark_low]
            }
            "AGGREGATOR2" => [&[0xc0, 7, 6][..], &AS_TRANS.to_be_bytes(), &[192, 0, 2, 1]].concat(),
            digits => (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or("half"), 16).expect("octets"))
                .collect(),
        };
        text.split_whitespace().flat_map(part).collect()
    }
}

/// Each row on each of its sessions with the malformed UPDATE, as [`super::run`] sends it.
pub fn updates() -> Vec<(Row, SessionKind, Vec<u8>)> {
    let sessions = rows().into_iter().flat_map(|row| row.sessions.iter().map(move |session| (row, *session)));
    sessions
        .zip(1..)
        .map(|((row, session), number)| (row, session, Trial::new(row, session, number).malformed()))
        .collect()
}

/// An UPDATE of these fields, whose lengths say so much more than there is.
fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8], excess: (u16, u16)) -> Vec<u8> {
    let longer = |field: &[u8], excess: u16| (u16::from_be_bytes(length(field)) + excess).to_be_bytes();
    let body = [&longer(withdrawn, excess.0)[..], withdrawn, &longer(attributes, excess.1), attributes, nlri].concat();
    message(message_type::UPDATE, &body)
}

fn length(field: &[u8]) -> [u8; 2] {
    u16::try_from(field.len()).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether there is an attribute of which type and length can be told.
    fn has_whole_head(trial: &Trial) -> bool {
        let (Change::Attribute(text) | Change::More(text) | Change::Ipv6Attribute(text)) = trial.row.change else {
            return false;
        };
        match trial.octets(text).as_slice() {
            [flags, _, length @ ..] if flags & 0x10 != 0 => length.len() >= 2,
            [_, _, length @ ..] => !length.is_empty(),
            [_] | [] => false,
        }
    }

    #[test]
    fn every_row_is_octets() {
        for row in rows() {
            for session in row.sessions {
                let trial = Trial::new(row, *session, 7);
                let message = trial.malformed();
                assert_eq!(usize::from(u16::from_be_bytes([message[16], message[17]])), message.len(), "{row:?}");
                assert_eq!(trial.attribute().is_some(), has_whole_head(&trial), "{row:?}");
            }
        }
    }
}
