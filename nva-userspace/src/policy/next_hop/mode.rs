//! How to choose a next hop, as configurations and policies say it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// How to choose the next hop of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NextHopMode {
    /// As RFC 4271 §5.1.3 has it by default.
    #[default]
    Auto,
    /// Our own address on the session.
    SelfAddress,
    /// As received. Our own routes have none and get our own address.
    Keep,
    /// The router through which we ourselves reach the received next hop, where the peer can reach that router too.
    Gateway,
    /// The address of the peer that the policy is about: of use inbound, where it replaces a third-party next hop by
    /// the sender. Outbound it would tell the peer to send to itself, so such a route is withheld.
    PeerAddress,
    /// This address.
    Address(IpAddr),
}

impl NextHopMode {
    /// Whether an import policy can say this. `self` and `gateway` are about what others are told.
    pub fn applies_inbound(self) -> bool {
        match self {
            NextHopMode::Auto | NextHopMode::Keep | NextHopMode::PeerAddress | NextHopMode::Address(_) => true,
            NextHopMode::SelfAddress | NextHopMode::Gateway => false,
        }
    }

    /// Whether an export policy can say this, or a peer.
    pub fn applies_outbound(self) -> bool {
        self != NextHopMode::PeerAddress
    }
}

/// Text that is not a next-hop mode.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a next hop: write auto, self, keep, gateway, peer-address or an IP address")]
pub struct NextHopModeError {
    text: String,
}

impl FromStr for NextHopMode {
    type Err = NextHopModeError;

    fn from_str(text: &str) -> Result<NextHopMode, NextHopModeError> {
        match text {
            "auto" => Ok(NextHopMode::Auto),
            "self" => Ok(NextHopMode::SelfAddress),
            "keep" => Ok(NextHopMode::Keep),
            "gateway" => Ok(NextHopMode::Gateway),
            "peer-address" => Ok(NextHopMode::PeerAddress),
            address => match address.parse::<IpAddr>() {
                Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
                    Ok(NextHopMode::Address(address))
                }
                Ok(_) | Err(_) => Err(NextHopModeError { text: text.to_owned() }),
            },
        }
    }
}

impl fmt::Display for NextHopMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHopMode::Auto => f.pad("auto"),
            NextHopMode::SelfAddress => f.pad("self"),
            NextHopMode::Keep => f.pad("keep"),
            NextHopMode::Gateway => f.pad("gateway"),
            NextHopMode::PeerAddress => f.pad("peer-address"),
            NextHopMode::Address(address) => f.pad(&address.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["auto", "self", "keep", "gateway", "peer-address", "10.0.1.4", "2001:db8::1"] {
            assert_eq!(text.parse::<NextHopMode>().expect(text).to_string(), text);
        }
        for bad in ["", "Self", "unchanged", "10.0.1", "0.0.0.0", "::", "224.0.0.1", "10.0.1.0/24"] {
            assert!(bad.parse::<NextHopMode>().is_err(), "{bad}");
        }
    }
}
