//! Autonomous System numbers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::number;

/// A 4-octet AS number (RFC 6793), printed in asplain (RFC 5396).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asn(pub u32);

impl Asn {
    /// AS_TRANS, which stands in for a 4-octet number towards a 2-octet speaker (RFC 6793 §9).
    pub const TRANS: Asn = Asn(23456);

    /// The number in 2 octets, or `AS_TRANS` if it does not fit.
    pub fn to_two_octets(self) -> u16 {
        u16::try_from(self.0).unwrap_or(23456)
    }

    /// Whether this number may be the AS of a speaker: not 0 (RFC 7607) and not AS_TRANS.
    pub fn is_usable(self) -> bool {
        self.0 != 0 && self != Asn::TRANS
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is not an AS number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not an AS number: write a whole number from 0 to 4294967295")]
pub struct AsnParseError {
    text: String,
}

impl FromStr for Asn {
    type Err = AsnParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text).map(Asn).ok_or_else(|| AsnParseError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_octets_or_as_trans() {
        assert_eq!(Asn(65000).to_two_octets(), 65000);
        assert_eq!(Asn(65536).to_two_octets(), 23456);
    }

    #[test]
    fn parses_asplain_only() {
        assert_eq!("4200000000".parse(), Ok(Asn(4_200_000_000)));
        for bad in ["", "1.10", "-1", "4294967296", "AS1", "+1"] {
            assert!(bad.parse::<Asn>().is_err(), "{bad}");
        }
    }
}
