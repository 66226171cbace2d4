//! The table: every way in which an attribute, or what is around it, can be wrong.
//!
//! Octets are hexadecimal text. In it stand for well-formed parts: `P4` and `P6` for the row's own prefix, `NH4` and
//! `NH6` for the sender's address, `AS` for its AS, and `MARK` for the AS by which the malformed UPDATE's route is told
//! from the one before it (both in 4 octets). `WIDE` is an AS that needs 4 octets; `PATH2` and `AGGREGATOR2` are the
//! whole AS_PATH and AGGREGATOR of a peer with 2-octet AS numbers that have AS_TRANS in its place: the former between
//! `AS` and `MARK`.

mod as4;
mod message;
mod multiprotocol;
mod optional;
mod well_known;

use std::fmt;

/// One way of being wrong.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is about: an attribute's name, or a field of the message.
    pub subject: &'static str,
    /// What is wrong with it.
    pub fault: &'static str,
    /// The same in octets.
    pub change: Change,
    /// The sessions over which it is sent.
    pub sessions: &'static [SessionKind],
    /// What is to become of it.
    pub fate: Fate,
    /// Who says so.
    pub clause: &'static str,
}

/// How the UPDATE differs from a well-formed one.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// This attribute stands there, instead of the well-formed one of its type if there is one, as the last; or
    /// several, of which the first replaces and the last is what the row is about.
    Attribute(&'static str),
    /// These attributes follow the well-formed ones, whatever their types.
    More(&'static str),
    /// The attribute of this type is not there.
    Without(u8),
    /// The route is IPv6, and these octets are the attributes that say so.
    Multiprotocol(&'static str),
    /// The route is IPv4, and these octets are the attributes that say so, as they do for IPv6.
    MultiprotocolIpv4(&'static str),
    /// As [`Change::Attribute`], behind the MP_REACH_NLRI of an IPv6 route.
    Ipv6Attribute(&'static str),
    /// As [`Change::Without`], for an IPv6 route.
    Ipv6Without(u8),
    /// These octets follow the prefix in the NLRI field.
    Nlri(&'static str),
    /// These octets are the Withdrawn Routes field, and nothing is announced.
    Withdrawn(&'static str),
    /// There are these attributes and no route at all.
    NoRoute(&'static str),
    /// The length fields of the withdrawn routes and of the attributes say so many octets too much.
    Lengths(u16, u16),
}

/// Over what kind of session a row is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// eBGP.
    External,
    /// iBGP.
    Internal,
    /// eBGP with a peer that has 2-octet AS numbers only (RFC 6793).
    TwoOctet,
}

/// What the RFCs ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is wrong with it: the route is taken as it is.
    Accept,
    /// The route is taken without the attribute (attribute discard).
    Discard,
    /// The route is withdrawn (treat-as-withdraw).
    Withdraw,
    /// The session ends; with this subcode of UPDATE Message Error where the RFCs say which.
    Reset(u8),
    /// What the UPDATE is about is not for the session: nothing changes.
    Ignore,
    /// The routes of the address family are gone and ignored, and the session goes on; or it ends (RFC 7606 §3 j).
    DisableOrReset,
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SessionKind::External => "eBGP",
            SessionKind::Internal => "iBGP",
            SessionKind::TwoOctet => "eBGP, 2-octet AS",
        })
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Accept => f.pad("accept"),
            Fate::Discard => f.pad("discard"),
            Fate::Withdraw => f.pad("withdraw"),
            Fate::Ignore => f.pad("ignore UPDATE"),
            Fate::Reset(subcode) => write!(f, "reset 3/{subcode}"),
            Fate::DisableOrReset => f.pad("disable family or reset"),
        }
    }
}

/// The whole table.
pub fn rows() -> Vec<Row> {
    let parts = [
        well_known::ORIGIN,
        well_known::AS_PATH,
        well_known::NEXT_HOP,
        optional::MULTI_EXIT_DISC,
        well_known::LOCAL_PREF,
        well_known::ATOMIC_AGGREGATE,
        optional::AGGREGATOR,
        optional::COMMUNITIES,
        optional::WIDE_COMMUNITIES,
        optional::ONLY_TO_CUSTOMER,
        optional::REFLECTION,
        multiprotocol::REACH,
        multiprotocol::UNREACH,
        multiprotocol::IPV6,
        as4::PATH,
        as4::AGGREGATOR,
        optional::UNKNOWN,
        message::FRAMING,
        message::FIELDS,
    ];
    parts.concat()
}

const EXTERNAL: &[SessionKind] = &[SessionKind::External];
const INTERNAL: &[SessionKind] = &[SessionKind::Internal];
const TWO_OCTET: &[SessionKind] = &[SessionKind::TwoOctet];
const BOTH: &[SessionKind] = &[SessionKind::External, SessionKind::Internal];

const fn row(
    subject: &'static str,
    fault: &'static str,
    change: Change,
    sessions: &'static [SessionKind],
    fate: Fate,
    clause: &'static str,
) -> Row {
    Row { subject, fault, change, sessions, fate, clause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_stands_there_twice() {
        let rows = rows();
        let mut names: Vec<_> = rows.iter().map(|row| (row.subject, row.fault, row.sessions.len())).collect();
        names.sort_unstable();
        for (name, next) in names.iter().zip(names.iter().skip(1)) {
            assert_ne!((name.0, name.1), (next.0, next.1));
        }
    }

    #[test]
    fn every_fate_has_a_clause() {
        assert!(rows().iter().all(|row| row.clause.starts_with("RFC ") && row.clause.contains('§')));
    }
}
