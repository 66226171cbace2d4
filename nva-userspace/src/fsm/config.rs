//! What is configured of a session.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Role;
use crate::net::{AfiSafi, Asn, RouterId};
use crate::packet::GracefulRestart;

/// The configuration of one session. It does not change in a session's life: make a new [`super::Session`] instead.
/// Only what is announced of graceful restart does ([`super::Session::set_graceful_restart`]), the time between two
/// attempts to connect ([`super::Session::set_connect_retry`]), and which of two AS numbers is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Our AS, as the peer knows it.
    pub local_asn: Asn,
    /// The AS that we are in if the peer does not take the first one; it is tried in turn with that.
    pub alternative_asn: Option<Asn>,
    /// The AS that the peer must be in.
    pub remote_as: RemoteAs,
    /// Our BGP Identifier.
    pub router_id: RouterId,
    /// The hold time that we propose, in seconds: 0 for none, or at least 3 (RFC 4271 §4.2).
    pub hold_time: u16,
    /// How long nothing that we send may be taken by the peer's side, in seconds: more than the hold time, or 0 for as
    /// long as it likes. `None`: eight minutes, or twice the negotiated hold time if that is longer (RFC 9687 §6).
    pub send_hold_time: Option<u16>,
    /// ConnectRetryTime (RFC 4271 §10): between two attempts to connect.
    pub connect_retry: Duration,
    /// IdleHoldTime after a first failure (RFC 4271 §8.1.1); it doubles with every further one. That a peer restarts
    /// whose routes are kept is none.
    pub idle_hold: Duration,
    /// What the idle hold time grows to at most. A session that stayed up for this long starts again at `idle_hold`.
    pub idle_hold_max: Duration,
    /// The large hold time that is waited for the peer's OPEN (RFC 4271 §8.2.2 suggests 4 minutes).
    pub open_hold_time: Duration,
    /// Never connect, wait for the peer to do so (PassiveTcpEstablishment, RFC 4271 §8.1.1).
    pub passive: bool,
    /// The families to announce, in order of preference.
    pub families: Vec<AfiSafi>,
    /// Whether messages of up to 65535 octets are accepted (RFC 8654).
    pub extended_messages: bool,
    /// Whether enhanced route refresh is announced (RFC 7313 §3.1): not to a peer that cannot bear it.
    pub enhanced_refresh: bool,
    /// What OPENs say about graceful restart (RFC 4724 §3); `None` if nothing.
    pub graceful_restart: Option<GracefulRestart>,
    /// Whether an unreadable multiprotocol attribute disables its family, and not the session (RFC 7606 §2).
    pub disable_families: bool,
    /// What we are to the peer, if it is external (RFC 9234 §3.1); `None` says nothing, and asks for nothing.
    pub role: Option<Role>,
    /// Whether the peer has to say its role, too (RFC 9234 §4.2).
    pub role_strict: bool,
}

impl SessionConfig {
    /// A session for IPv4 unicast with the times that RFC 4271 §10 suggests, except that it connects again after 30 s
    /// and not 120: a peer that was restarted should not be without routes for two minutes.
    pub fn new(local_asn: Asn, router_id: RouterId, remote_as: RemoteAs) -> SessionConfig {
        SessionConfig {
            local_asn,
            alternative_asn: None,
            remote_as,
            router_id,
            hold_time: 90,
            send_hold_time: None,
            connect_retry: Duration::from_secs(30),
            idle_hold: Duration::from_secs(5),
            idle_hold_max: Duration::from_secs(120),
            open_hold_time: Duration::from_secs(240),
            passive: false,
            families: vec![AfiSafi::Ipv4Unicast],
            extended_messages: true,
            enhanced_refresh: true,
            graceful_restart: None,
            disable_families: true,
            role: None,
            role_strict: false,
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
