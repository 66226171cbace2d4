//! From what we want to netlink messages.

use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteProtocol, RouteScope,
    RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::fib::FibRoute;
use crate::host::Hop;

/// A route with its hops, to be installed.
pub(super) fn new_route(route: &FibRoute) -> RouteNetlinkMessage {
    let mut message = marks(route);
    let on_link = route.hops.iter().all(|hop| hop.gateway.is_none());
    message.header.scope = if on_link { RouteScope::Link } else { RouteScope::Universe };
    if let [only] = route.hops.as_slice() {
        message.attributes.extend(gateway(only, route));
        message.attributes.push(RouteAttribute::Oif(only.link));
        if only.gateway.is_some() {
            message.header.flags |= RouteFlags::Onlink;
        }
    } else {
        let hops = route.hops.iter().map(|hop| next_hop(hop, route)).collect();
        message.attributes.push(RouteAttribute::MultiPath(hops));
    }
    RouteNetlinkMessage::NewRoute(message)
}

/// A route to be removed, whatever its hops are now: what tells it from others' routes, and nothing more.
pub(super) fn delete_route(route: &FibRoute) -> RouteNetlinkMessage {
    let mut message = marks(route);
    message.header.scope = RouteScope::NoWhere; // Any scope.
    RouteNetlinkMessage::DelRoute(message)
}

/// The family of an address, in netlink's terms.
pub(super) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn marks(route: &FibRoute) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(route.prefix.address());
    message.header.destination_prefix_length = route.prefix.len();
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![
        RouteAttribute::Destination(route.prefix.address().into()),
        RouteAttribute::Table(route.table),
        RouteAttribute::Priority(route.metric),
    ];
    message
}

fn next_hop(hop: &Hop, route: &FibRoute) -> RouteNextHop {
    let mut next_hop = RouteNextHop::default();
    next_hop.interface_index = hop.link;
    next_hop.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    next_hop.attributes.extend(gateway(hop, route));
    if hop.gateway.is_some() {
        next_hop.flags = RouteNextHopFlags::Onlink;
    }
    next_hop
}

/// The gateway goes with the `onlink` flag: it came out of a route that the kernel uses, which may have had the flag
/// itself (Azure's and other clouds' routers outside of any subnet), and the kernel need not look for it once more.
fn gateway(hop: &Hop, route: &FibRoute) -> Option<RouteAttribute> {
    let gateway = hop.gateway?;
    let same_family = gateway.is_ipv4() == route.prefix.address().is_ipv4();
    Some(if same_family {
        RouteAttribute::Gateway(RouteAddress::from(gateway))
    } else {
        RouteAttribute::Via(RouteVia::from(gateway))
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_REPLACE, NetlinkSerializable};

    use super::super::decode;
    use super::super::socket::Raw;
    use super::*;
    use crate::host::{HostEvent, HostRoute, RouteKind};

    fn decoded(message: &RouteNetlinkMessage, flags: u16) -> Option<HostEvent> {
        let mut payload = vec![0; message.buffer_len()];
        message.serialize(&mut payload);
        let raw = Raw { kind: message.message_type(), flags, sequence: 0, payload: &payload };
        decode::event(&raw).expect("a good message")
    }

    fn hop(gateway: Option<&str>, link: u32, weight: u16) -> Hop {
        Hop { gateway: gateway.map(|text| text.parse().expect(text)), link, weight }
    }

    #[test]
    fn what_we_install_is_what_we_would_be_told() {
        let cases = [
            ("192.0.2.0/24", vec![hop(Some("10.0.1.1"), 3, 1)]),
            ("0.0.0.0/0", vec![hop(Some("10.0.1.1"), 3, 1), hop(Some("10.0.2.1"), 4, 256)]),
            ("10.13.76.4/32", vec![hop(None, 3, 1)]),
            ("192.0.2.0/24", vec![hop(None, 3, 1), hop(Some("fe80::1"), 4, 2)]),
            ("2001:db8::/32", vec![hop(Some("fe80::1"), 3, 1), hop(Some("fe80::1"), 4, 1)]),
            ("::/0", vec![hop(Some("2001:db8::1"), 70_000, 1)]),
        ];
        for (prefix, hops) in cases {
            let prefix = prefix.parse().expect(prefix);
            let route = FibRoute { prefix, table: 1000, metric: 79, protocol: 186, hops: hops.clone() };
            let told = HostRoute { table: 1000, prefix, metric: 79, protocol: 186, kind: RouteKind::Unicast, hops };
            assert_eq!(decoded(&new_route(&route), 0), Some(HostEvent::RouteAdded(told.clone())));
            assert_eq!(decoded(&new_route(&route), NLM_F_REPLACE), Some(HostEvent::RouteSet(told.clone())));
            let gone = HostEvent::RouteRemoved(HostRoute { hops: Vec::new(), ..told });
            assert_eq!(decoded(&delete_route(&route), 0), Some(gone), "a withdrawal names no hops");
        }
    }
}
