//! Large communities (RFC 8092).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::net::number;

/// A large community: the AS that gave it a meaning, and two numbers of that meaning, of 32 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LargeCommunity {
    /// The Global Administrator.
    pub global: u32,
    /// Local Data Part 1.
    pub local1: u32,
    /// Local Data Part 2.
    pub local2: u32,
}

impl LargeCommunity {
    /// The community `global:local1:local2`.
    pub fn new(global: u32, local1: u32, local2: u32) -> LargeCommunity {
        LargeCommunity { global, local1, local2 }
    }

    /// As it goes over the wire.
    pub fn octets(self) -> [u8; 12] {
        let mut octets = [0; 12];
        for (place, number) in octets.as_chunks_mut::<4>().0.iter_mut().zip([self.global, self.local1, self.local2]) {
            *place = number.to_be_bytes();
        }
        octets
    }

    /// From how it goes over the wire.
    pub fn from_octets(octets: [u8; 12]) -> LargeCommunity {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = octets;
        LargeCommunity {
            global: u32::from_be_bytes([a, b, c, d]),
            local1: u32::from_be_bytes([e, f, g, h]),
            local2: u32::from_be_bytes([i, j, k, l]),
        }
    }
}

impl fmt::Display for LargeCommunity {
    /// The canonical form of RFC 8092 §5.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}:{}", self.global, self.local1, self.local2))
    }
}

/// Text that is not a large community.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a large community: write three numbers from 0 to 4294967295 such as 65000:1:2")]
pub struct LargeCommunityParseError {
    text: String,
}

impl FromStr for LargeCommunity {
    type Err = LargeCommunityParseError;

    fn from_str(text: &str) -> Result<LargeCommunity, LargeCommunityParseError> {
        let mut numbers = text.split(':').map(number);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Some(global)), Some(Some(local1)), Some(Some(local2)), None) => {
                Ok(LargeCommunity { global, local1, local2 })
            }
            _ => Err(LargeCommunityParseError { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_and_back() {
        for text in ["65000:1:2", "0:0:0", "4294967295:4294967295:4294967295"] {
            let community: LargeCommunity = text.parse().expect(text);
            assert_eq!(community.to_string(), text);
            assert_eq!(LargeCommunity::from_octets(community.octets()), community);
        }
        assert_eq!(LargeCommunity::new(1, 2, 3).octets(), [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
        for bad in ["", "1:2", "1:2:", "1:2:3:4", "1:2:4294967296", "1:2:+3", "1:2:-3"] {
            assert!(bad.parse::<LargeCommunity>().is_err(), "{bad}");
        }
    }
}
