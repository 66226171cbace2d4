//! Standard communities (RFC 1997).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::net::number;

/// A standard community: an AS number and a value of 16 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Community(pub u32);

impl Community {
    /// GRACEFUL_SHUTDOWN (RFC 8326): the link goes down soon, other routes are to be preferred.
    pub const GRACEFUL_SHUTDOWN: Community = Community(0xFFFF_0000);
    /// LLGR_STALE (RFC 9494 §4.6): kept although its peer is long gone.
    pub const LLGR_STALE: Community = Community(0xFFFF_0006);
    /// NO_LLGR (RFC 9494 §4.6): not to be kept when its peer is gone.
    pub const NO_LLGR: Community = Community(0xFFFF_0007);
    /// BLACKHOLE (RFC 7999): traffic to the prefix is to be discarded.
    pub const BLACKHOLE: Community = Community(0xFFFF_029A);
    /// NO_EXPORT (RFC 1997): not to be advertised outside the AS (or confederation).
    pub const NO_EXPORT: Community = Community(0xFFFF_FF01);
    /// NO_ADVERTISE (RFC 1997): not to be advertised to any peer.
    pub const NO_ADVERTISE: Community = Community(0xFFFF_FF02);
    /// NO_EXPORT_SUBCONFED (RFC 1997): not to be advertised to any external peer.
    pub const NO_EXPORT_SUBCONFED: Community = Community(0xFFFF_FF03);
    /// NOPEER (RFC 3765): need not be advertised to peers of equal standing; which those are is for a policy to say.
    pub const NO_PEER: Community = Community(0xFFFF_FF04);

    /// Every community that IANA has registered, by its name.
    pub const WELL_KNOWN: [(Community, &str); 15] = [
        (Community::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Community(0xFFFF_0001), "accept-own"),
        (Community(0xFFFF_0002), "route-filter-translated-v4"),
        (Community(0xFFFF_0003), "route-filter-v4"),
        (Community(0xFFFF_0004), "route-filter-translated-v6"),
        (Community(0xFFFF_0005), "route-filter-v6"),
        (Community::LLGR_STALE, "llgr-stale"),
        (Community::NO_LLGR, "no-llgr"),
        (Community(0xFFFF_0008), "accept-own-nexthop"),
        (Community(0xFFFF_0009), "standby-pe"),
        (Community::BLACKHOLE, "blackhole"),
        (Community::NO_EXPORT, "no-export"),
        (Community::NO_ADVERTISE, "no-advertise"),
        (Community::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Community::NO_PEER, "no-peer"),
    ];

    /// The community `high:low`.
    pub fn new(high: u16, low: u16) -> Community {
        Community(u32::from(high) << 16 | u32::from(low))
    }

    /// The 16 bits in front, by convention an AS.
    pub fn high(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The 16 bits behind.
    pub fn low(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Community::WELL_KNOWN.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("{}:{}", self.high(), self.low())),
        }
    }
}

/// Text that is not a community.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a community: write two numbers from 0 to 65535 such as 65000:100, \
     or {}",
    names()
)]
pub struct CommunityParseError {
    text: String,
}

fn names() -> String {
    Community::WELL_KNOWN.map(|(_, name)| name).join(", ")
}

impl FromStr for Community {
    type Err = CommunityParseError;

    fn from_str(text: &str) -> Result<Community, CommunityParseError> {
        if let Some((community, _)) = Community::WELL_KNOWN.iter().find(|(_, name)| *name == text) {
            return Ok(*community);
        }
        text.split_once(':')
            .and_then(|(high, low)| Some(Community::new(number(high)?, number(low)?)))
            .ok_or_else(|| CommunityParseError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["65000:100", "0:0", "65535:65535"] {
            assert_eq!(text.parse::<Community>().expect(text).to_string(), text);
        }
        for (community, name) in Community::WELL_KNOWN {
            assert_eq!(name.parse(), Ok(community));
            assert_eq!(community.to_string(), name);
        }
        assert_eq!("65535:666".parse(), Ok(Community::BLACKHOLE));
        for bad in ["", "1", "1:", "65536:0", "1:2:3", "+1:2", "No-Export"] {
            assert!(bad.parse::<Community>().is_err(), "{bad}");
        }
    }
}
