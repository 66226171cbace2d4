//! From what we want to netlink messages.

use std::fmt::Display;
use std::net::IpAddr;

use netlink_packet_route::route::{RouteAttribute, RouteNextHop, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{RouteMessageBuilder, RouteNextHopBuilder};

use super::next_hop::{Member, NextHopAttribute, NextHopMessage};
use crate::fib::FibRoute;
use crate::host::{GroupMember, Hop, NextHopKind, NextHopObject, RouteKind, Via};

/// `RTNH_F_ONLINK`.
const ON_LINK: u32 = 4;

/// There are no such routes; what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Impossible(pub(super) String);

/// A route with its hops, or one that drops packets, to be installed. Fails if the kernel has no such routes: IPv6 through an IPv4 gateway.
///
/// A gateway goes with the `onlink` flag: it came out of a route that the kernel uses, which may have had the flag
/// itself (Azure's and other clouds' routers outside of any subnet), and the kernel need not look for it once more.
pub(super) fn new_route(route: &FibRoute) -> Result<RouteNetlinkMessage, Impossible> {
    if route.kind() == RouteKind::Blackhole {
        return Ok(RouteNetlinkMessage::NewRoute(marks(route)?.kind(RouteType::BlackHole).build()));
    }
    let hops = match &route.via {
        Via::Hops(hops) => hops.as_slice(),
        Via::Object(id) => {
            let mut message = marks(route)?.scope(RouteScope::Universe).build();
            message.attributes.push(RouteAttribute::NhId(*id));
            return Ok(RouteNetlinkMessage::NewRoute(message));
        }
    };
    let on_link = hops.iter().all(|hop| hop.gateway.is_none());
    let mut message = marks(route)?.scope(if on_link { RouteScope::Link } else { RouteScope::Universe });
    if let [only] = hops {
        if let Some(gateway) = only.gateway {
            message = message.gateway(gateway).map_err(impossible)?.onlink();
        }
        message = message.output_interface(only.link);
    } else {
        let family = family(route.prefix.address());
        let hops: Result<_, _> = hops.iter().map(|hop| next_hop(hop, family)).collect();
        message = message.multipath(hops?);
    }
    Ok(RouteNetlinkMessage::NewRoute(message.build()))
}

/// A next-hop object to be installed.
///
/// A gateway goes with the `onlink` flag, for the same reason as that of a route.
pub(super) fn new_next_hop(object: &NextHopObject) -> NextHopMessage {
    let mut message = NextHopMessage::of(object.id);
    message.header.protocol = object.protocol;
    match &object.kind {
        NextHopKind::Hop(hop) => {
            message.attributes.push(NextHopAttribute::Link(hop.link));
            if let Some(gateway) = hop.gateway {
                message.header.family = family(gateway).into();
                message.header.flags = ON_LINK;
                message.attributes.push(NextHopAttribute::Gateway(gateway));
            }
        }
        NextHopKind::Group(members) => {
            // The kernel counts weights from 0, and in 8 bits before Linux 6.12.
            let weight = |weight: u16| weight.saturating_sub(1).min(u16::from(u8::MAX));
            let member = |one: &GroupMember| Member { id: one.id, weight: weight(one.weight) };
            message.attributes.push(NextHopAttribute::Group(members.iter().map(member).collect()));
        }
        NextHopKind::Discard => message.attributes.push(NextHopAttribute::Blackhole),
        NextHopKind::Opaque => {}
    }
    message
}

/// A route to be removed, whatever its hops or its kind are now: what tells it from others' routes, and nothing more.
pub(super) fn delete_route(route: &FibRoute) -> Result<RouteNetlinkMessage, Impossible> {
    let message = marks(route)?.scope(RouteScope::NoWhere).kind(RouteType::Unspec); // Any scope and any kind.
    Ok(RouteNetlinkMessage::DelRoute(message.build()))
}

/// The family of an address, in netlink's terms.
pub(super) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn marks(route: &FibRoute) -> Result<RouteMessageBuilder, Impossible> {
    let message = RouteMessageBuilder::<IpAddr>::new();
    let message = message.destination_prefix(route.prefix.address(), route.prefix.len()).map_err(impossible)?;
    let message = message.table_id(route.table).priority(route.metric);
    Ok(message.protocol(RouteProtocol::from(route.protocol)))
}

fn next_hop(hop: &Hop, family: AddressFamily) -> Result<RouteNextHop, Impossible> {
    let mut next_hop = RouteNextHopBuilder::new(family).interface(hop.link);
    if let Some(gateway) = hop.gateway {
        next_hop = next_hop.via(gateway).map_err(impossible)?.onlink();
    }
    // The kernel counts weights from 0.
    Ok(next_hop.weight(u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX)).build())
}

/// `rtnetlink` does not export its error.
fn impossible(problem: impl Display) -> Impossible {
    Impossible(problem.to_string())
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_REPLACE, NetlinkSerializable};

    use super::super::decode;
    use super::super::socket::Raw;
    use super::*;
    use crate::host::{HostEvent, HostRoute, Via};

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
            ("203.0.113.66/32", vec![]),
            ("2001:db8::66/128", vec![]),
        ];
        for ((prefix, hops), table) in cases.into_iter().zip([254, 1000].into_iter().cycle()) {
            let prefix = prefix.parse().expect(prefix);
            let route = FibRoute { prefix, table, metric: 79, protocol: 186, via: Via::Hops(hops.clone()) };
            let told = HostRoute {
                table,
                prefix,
                metric: 79,
                protocol: 186,
                kind: route.kind(),
                mtu: None,
                via: Via::Hops(hops),
            };
            let new = new_route(&route).expect("a possible route");
            assert_eq!(decoded(&new, 0), Some(HostEvent::RouteAdded(told.clone())));
            assert_eq!(decoded(&new, NLM_F_REPLACE), Some(HostEvent::RouteSet(told.clone())));
            let gone =
                HostEvent::RouteRemoved(HostRoute { via: Via::Hops(Vec::new()), kind: RouteKind::Other, ..told });
            let delete = delete_route(&route).expect("a possible route");
            assert_eq!(decoded(&delete, 0), Some(gone), "a withdrawal names neither hops nor kind");
        }
    }

    #[test]
    fn ipv6_does_not_go_through_an_ipv4_gateway() {
        let (bad, good) = (hop(Some("10.0.1.1"), 3, 1), hop(Some("fe80::1"), 4, 1));
        for hops in [vec![bad], vec![bad, good]] {
            let prefix = "2001:db8::/32".parse().expect("a prefix");
            let route = FibRoute { prefix, table: 254, metric: 79, protocol: 186, via: Via::Hops(hops) };
            assert_eq!(new_route(&route), Err(Impossible("invalid address family Inet6".to_owned())));
        }
    }
}
