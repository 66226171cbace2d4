//! What is configured of a session.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::net::{AfiSafi, Asn, RouterId};

/// The configuration of one session. It does not change in a session's life: make a new [`super::Session`] instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Our AS.
    pub local_asn: Asn,
    /// The AS that the peer must be in.
    pub remote_as: RemoteAs,
    /// Our BGP Identifier.
    pub router_id: RouterId,
    /// The hold time that we propose, in seconds: 0 for none, or at least 3 (RFC 4271 §4.2).
    pub hold_time: u16,
    /// ConnectRetryTime (RFC 4271 §10): between two attempts to connect.
    pub connect_retry: Duration,
    /// IdleHoldTime after a first failure (RFC 4271 §8.1.1); it doubles with every further one.
    pub idle_hold: Duration,
    /// What the idle hold time grows to at most. A session that stayed up for this long starts again at `idle_hold`.
    pub idle_hold_max: Duration,
    /// The large hold time that is waited for the peer's OPEN (RFC 4271 §8.2.2 suggests 4 minutes).
    pub open_hold_time: Duration,
    /// Never connect, wait for the peer to do so (PassiveTcpEstablishment, RFC 4271 §8.1.1).
    pub passive: bool,
    /// The families to announce, in order of preference.
    pub families: Vec<AfiSafi>,
}

impl SessionConfig {
    /// A session for IPv4 unicast with the times that RFC 4271 §10 suggests, except that it connects again after 30 s
    /// and not 120: a peer that was restarted should not be without routes for two minutes.
    pub fn new(local_asn: Asn, router_id: RouterId, remote_as: RemoteAs) -> SessionConfig {
        SessionConfig {
            local_asn,
            remote_as,
            router_id,
            hold_time: 90,
            connect_retry: Duration::from_secs(30),
            idle_hold: Duration::from_secs(5),
            idle_hold_max: Duration::from_secs(120),
            open_hold_time: Duration::from_secs(240),
            passive: false,
            families: vec![AfiSafi::Ipv4Unicast],
        }
    }
}

/// Which AS the peer must be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteAs {
    /// This one.
    Exactly(Asn),
    /// Any in one of these ranges: for peers that are known by their address range only.
    OneOf(Vec<RangeInclusive<Asn>>),
}

impl RemoteAs {
    /// Whether a peer may be in this AS.
    pub fn accepts(&self, asn: Asn) -> bool {
        match self {
            RemoteAs::Exactly(only) => *only == asn,
            RemoteAs::OneOf(ranges) => ranges.iter().any(|range| range.contains(&asn)),
        }
    }
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteAs::Exactly(only) => only.fmt(f),
            RemoteAs::OneOf(ranges) => {
                for (index, range) in ranges.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}-{}", range.start(), range.end())?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends() {
        let leaves = RemoteAs::OneOf(vec![Asn(65100)..=Asn(65109), Asn(65200)..=Asn(65200)]);
        for (asn, accepted) in [(65099, false), (65100, true), (65109, true), (65110, false), (65200, true)] {
            assert_eq!(leaves.accepts(Asn(asn)), accepted, "{asn}");
        }
        assert_eq!(leaves.to_string(), "65100-65109, 65200-65200");
        assert!(!RemoteAs::Exactly(Asn(65515)).accepts(Asn(65516)));
    }
}
