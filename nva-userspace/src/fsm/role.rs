//! What the two sides of an external session are to each other (RFC 9234 §3.1).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::packet::iana::role;

/// A BGP Role: what one side is to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sells transit: tells all, is told what its customer and whoever is behind it has.
    Provider,
    /// A route server.
    RouteServer,
    /// A client of a route server.
    RouteServerClient,
    /// Buys transit.
    Customer,
    /// Neither buys from the other.
    Peer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::Provider, Role::RouteServer, Role::RouteServerClient, Role::Customer, Role::Peer];

    /// The value in the capability (RFC 9234 §4.1).
    pub fn code(self) -> u8 {
        match self {
            Role::Provider => role::PROVIDER,
            Role::RouteServer => role::ROUTE_SERVER,
            Role::RouteServerClient => role::ROUTE_SERVER_CLIENT,
            Role::Customer => role::CUSTOMER,
            Role::Peer => role::PEER,
        }
    }

    /// The role that has this value.
    pub fn from_code(code: u8) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.code() == code)
    }

    /// What the other side has to be (RFC 9234 §4.2).
    pub fn counterpart(self) -> Role {
        match self {
            Role::Provider => Role::Customer,
            Role::Customer => Role::Provider,
            Role::RouteServer => Role::RouteServerClient,
            Role::RouteServerClient => Role::RouteServer,
            Role::Peer => Role::Peer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Provider => "provider",
            Role::RouteServer => "rs",
            Role::RouteServerClient => "rs-client",
            Role::Customer => "customer",
            Role::Peer => "peer",
        })
    }
}

/// Text that is not a role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no role: write \"provider\", \"customer\", \"rs\", \"rs-client\" or \"peer\"")]
pub struct RoleParseError {
    text: String,
}

impl FromStr for Role {
    type Err = RoleParseError;

    fn from_str(text: &str) -> Result<Role, RoleParseError> {
        let known = Role::ALL.into_iter().find(|role| role.to_string() == text);
        known.ok_or_else(|| RoleParseError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back_to_the_role() {
        for (code, name, counterpart) in
            [(0, "provider", 3), (1, "rs", 2), (2, "rs-client", 1), (3, "customer", 0), (4, "peer", 4)]
        {
            let role = Role::from_code(code).expect(name);
            assert_eq!((role.code(), role.to_string().as_str(), role.counterpart().code()), (code, name, counterpart));
            assert_eq!(name.parse(), Ok(role));
        }
        assert_eq!(Role::from_code(5), None);
        assert!("Provider".parse::<Role>().is_err());
    }
}
