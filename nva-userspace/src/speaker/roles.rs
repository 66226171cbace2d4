//! Route leaks, by the roles of an external session's two sides and the Only to Customer attribute (RFC 9234 §5): once
//! a route went to a customer, a lateral peer or the client of a route server, it goes to customers only.
//!
//! All families that nva routes are IPv4 or IPv6 unicast, which these procedures are for. Policies neither set nor
//! remove the attribute, though they may ask for it: nobody is to switch this off for single routes.

use crate::attributes::PathAttributes;
use crate::fsm::Role;
use crate::net::Asn;

/// Marks what the peer sends; `role` is ours, and `remote` the peer's AS.
pub fn mark_received(attributes: &mut PathAttributes, role: Role, remote: Asn) {
    match role {
        // From a provider, a lateral peer or a route server.
        Role::Customer | Role::Peer | Role::RouteServerClient => {
            attributes.only_to_customer.get_or_insert(remote);
        }
        Role::Provider | Role::RouteServer => {}
    }
}

/// The mark by which a route that the peer sends is a leak; `None` if it is none.
pub fn leak(attributes: &PathAttributes, role: Role, remote: Asn) -> Option<Asn> {
    match role {
        // From a customer or a client.
        Role::Provider | Role::RouteServer => attributes.only_to_customer,
        Role::Peer => attributes.only_to_customer.filter(|marked| *marked != remote),
        Role::Customer | Role::RouteServerClient => None,
    }
}

/// The mark for which a route must not go to the peer; `None` if it may.
pub fn forbids(attributes: &PathAttributes, role: Role) -> Option<Asn> {
    match role {
        // To a provider, a lateral peer or a route server.
        Role::Customer | Role::Peer | Role::RouteServerClient => attributes.only_to_customer,
        Role::Provider | Role::RouteServer => None,
    }
}

/// Marks what the peer is told; `local` is our AS as the peer knows it, which it compares the mark with.
pub fn mark_sent(attributes: &mut PathAttributes, role: Role, local: Asn) {
    match role {
        // To a customer, a lateral peer or a client.
        Role::Provider | Role::Peer | Role::RouteServer => {
            attributes.only_to_customer.get_or_insert(local);
        }
        Role::Customer | Role::RouteServerClient => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Asn = Asn(65000);
    const REMOTE: Asn = Asn(65001);
    const OTHER: Asn = Asn(65009);

    fn with(mark: Option<Asn>) -> PathAttributes {
        PathAttributes { only_to_customer: mark, ..PathAttributes::default() }
    }

    /// RFC 9234 §5, both procedures: our role, the mark that a route has, whether it is a leak, what it is marked with
    /// when it comes in, whether it may go out, and with what.
    #[test]
    fn ingress_and_egress() {
        use Role::{Customer, Peer, Provider, RouteServer, RouteServerClient};
        let table = [
            (Provider, None, false, None, true, Some(LOCAL)),
            (Provider, Some(OTHER), true, Some(OTHER), true, Some(OTHER)),
            (Provider, Some(REMOTE), true, Some(REMOTE), true, Some(REMOTE)),
            (RouteServer, None, false, None, true, Some(LOCAL)),
            (RouteServer, Some(OTHER), true, Some(OTHER), true, Some(OTHER)),
            (Customer, None, false, Some(REMOTE), true, None),
            (Customer, Some(OTHER), false, Some(OTHER), false, Some(OTHER)),
            (RouteServerClient, None, false, Some(REMOTE), true, None),
            (RouteServerClient, Some(OTHER), false, Some(OTHER), false, Some(OTHER)),
            (Peer, None, false, Some(REMOTE), true, Some(LOCAL)),
            (Peer, Some(REMOTE), false, Some(REMOTE), false, Some(REMOTE)),
            (Peer, Some(OTHER), true, Some(OTHER), false, Some(OTHER)),
        ];
        for (role, mark, leaks, received, may_go, sent) in table {
            let row = format!("{role} {mark:?}");
            assert_eq!(leak(&with(mark), role, REMOTE), mark.filter(|_| leaks), "{row}");
            let mut attributes = with(mark);
            mark_received(&mut attributes, role, REMOTE);
            assert_eq!(attributes.only_to_customer, received, "{row}");
            assert_eq!(leak(&attributes, role, REMOTE).is_some(), leaks, "{row}: our own mark is no leak");
            assert_eq!(forbids(&with(mark), role), mark.filter(|_| !may_go), "{row}");
            let mut attributes = with(mark);
            mark_sent(&mut attributes, role, LOCAL);
            assert_eq!(attributes.only_to_customer, sent, "{row}");
        }
    }
}
