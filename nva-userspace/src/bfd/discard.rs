//! Why a datagram was dropped, and how often.

use std::collections::BTreeMap;
use std::fmt;

/// Why a datagram was dropped, in the order in which RFC 5880 §6.8.6 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Discard {
    /// The version is not 1.
    Version,
    /// The Length field is smaller than the mandatory section, and the authentication section if there is one.
    Length,
    /// There are fewer octets than the Length field says.
    Truncated,
    /// Detect Mult is 0.
    ZeroMultiplier,
    /// The Multipoint bit is set.
    Multipoint,
    /// My Discriminator is 0.
    ZeroDiscriminator,
    /// No session has this Your Discriminator.
    UnknownDiscriminator,
    /// Your Discriminator is 0, in a state in which the peer must know ours.
    StateWithoutDiscriminator,
    /// Your Discriminator is 0, and there is no session with a peer at this address.
    UnknownPeer,
    /// Sent to the port of single-hop sessions for a multihop session, or the other way round (RFC 5883 §5).
    Port,
    /// The session is with another address: not asked for by the RFCs, but nobody else has a say in it.
    Source,
    /// The TTL or hop limit is not the one that a neighbour's packet has (RFC 5881 §5), or lower than configured.
    Ttl,
    /// The Authentication bit is set, and no authentication is in use.
    Authentication,
    /// The session is administratively down.
    AdminDown,
}

impl Discard {
    /// Its name, as `nva show bfd` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Discard::Version => "version",
            Discard::Length => "length",
            Discard::Truncated => "truncated",
            Discard::ZeroMultiplier => "zero-multiplier",
            Discard::Multipoint => "multipoint",
            Discard::ZeroDiscriminator => "zero-discriminator",
            Discard::UnknownDiscriminator => "unknown-discriminator",
            Discard::StateWithoutDiscriminator => "state-without-discriminator",
            Discard::UnknownPeer => "unknown-peer",
            Discard::Port => "port",
            Discard::Source => "source",
            Discard::Ttl => "ttl",
            Discard::Authentication => "authentication",
            Discard::AdminDown => "admin-down",
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Datagrams that were dropped, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discards(BTreeMap<Discard, u64>);

impl Discards {
    pub(super) fn count(&mut self, reason: Discard) {
        let counter = self.0.entry(reason).or_default();
        *counter = counter.saturating_add(1);
    }

    /// How many for this reason.
    pub fn of(&self, reason: Discard) -> u64 {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// The reasons that there were.
    pub fn iter(&self) -> impl Iterator<Item = (Discard, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }
}
