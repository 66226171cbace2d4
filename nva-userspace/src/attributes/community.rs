//! Standard communities (RFC 1997).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A standard community: an AS number and a value of 16 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Community(pub u32);

impl Community {
    /// NO_EXPORT (RFC 1997): not to be advertised outside the AS (or confederation).
    pub const NO_EXPORT: Community = Community(0xFFFF_FF01);
    /// NO_ADVERTISE (RFC 1997): not to be advertised to any peer.
    pub const NO_ADVERTISE: Community = Community(0xFFFF_FF02);
    /// NO_EXPORT_SUBCONFED (RFC 1997): not to be advertised to any external peer.
    pub const NO_EXPORT_SUBCONFED: Community = Community(0xFFFF_FF03);

    const NAMES: [(Community, &str); 3] = [
        (Community::NO_EXPORT, "no-export"),
        (Community::NO_ADVERTISE, "no-advertise"),
        (Community::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
    ];

    /// The community `high:low`.
    pub fn new(high: u16, low: u16) -> Community {
        Community(u32::from(high) << 16 | u32::from(low))
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Community::NAMES.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("{}:{}", self.0 >> 16, self.0 & 0xFFFF)),
        }
    }
}

/// Text that is not a community.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a community: write two numbers from 0 to 65535 such as 65000:100, \
     or no-export, no-advertise, no-export-subconfed"
)]
pub struct CommunityParseError {
    text: String,
}

impl FromStr for Community {
    type Err = CommunityParseError;

    fn from_str(text: &str) -> Result<Community, CommunityParseError> {
        if let Some((community, _)) = Community::NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*community);
        }
        text.split_once(':')
            .and_then(|(high, low)| Some(Community::new(high.parse().ok()?, low.parse().ok()?)))
            .ok_or_else(|| CommunityParseError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["65000:100", "0:0", "no-export", "no-advertise", "no-export-subconfed"] {
            assert_eq!(text.parse::<Community>().expect(text).to_string(), text);
        }
        for bad in ["", "1", "1:", "65536:0", "1:2:3"] {
            assert!(bad.parse::<Community>().is_err(), "{bad}");
        }
    }
}
