//! From netlink messages to what they say about the host. What we do not route by (bridges' ports, multicast routing,
//! routes for a TOS or a source prefix, cached exceptions) says nothing.

use std::net::IpAddr;
use std::num::NonZeroU32;

use netlink_packet_core::{DecodeError, NLM_F_REPLACE, Parseable, ParseableParametrized};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::next_hop::{self, NextHopAttribute, NextHopMessage};
use super::socket::{Raw, messages};
use crate::host::{
    Address, GroupMember, Hop, HostEvent, HostRoute, Link, Neighbour, NextHopKind, NextHopObject, RouteKind, Via,
};
use crate::net::Prefix;

/// What a datagram from the kernel says about the host, message by message.
///
/// # Errors
/// For each message that cannot be understood; those behind it can be.
pub fn events(datagram: &[u8]) -> impl Iterator<Item = Result<HostEvent, DecodeError>> {
    messages(datagram).filter_map(|raw| event(&raw).transpose())
}

/// What a message says; `None` for what does not concern us.
pub(super) fn event(raw: &Raw<'_>) -> Result<Option<HostEvent>, DecodeError> {
    match raw.kind {
        next_hop::NEW => return Ok(next_hop(&NextHopMessage::parse(raw.payload)?).map(HostEvent::NextHopSet)),
        next_hop::DELETED => {
            let object = next_hop(&NextHopMessage::parse(raw.payload)?);
            return Ok(object.map(|object| HostEvent::NextHopRemoved(object.id)));
        }
        libc::RTM_NEWLINK..=libc::RTM_DELNEIGH => {}
        _ => return Ok(None),
    }
    Ok(match RouteNetlinkMessage::parse_with_param(raw.payload, raw.kind)? {
        RouteNetlinkMessage::NewLink(message) => link(&message).map(HostEvent::LinkSet),
        RouteNetlinkMessage::DelLink(message) => link(&message).map(|link| HostEvent::LinkRemoved(link.index)),
        RouteNetlinkMessage::NewAddress(message) => address(&message).map(HostEvent::AddressAdded),
        RouteNetlinkMessage::DelAddress(message) => address(&message).map(HostEvent::AddressRemoved),
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(&message).map(HostEvent::NeighbourSet),
        RouteNetlinkMessage::DelNeighbour(message) => {
            neighbour(&message).map(|neighbour| HostEvent::NeighbourRemoved(neighbour.link, neighbour.address))
        }
        // A known gap: of IPv4 routes with the same prefix and metric, one that was put before the others (`ip route
        // prepend`) is taken for the last until the next dump.
        RouteNetlinkMessage::NewRoute(message) if raw.flags & NLM_F_REPLACE == 0 => {
            route(&message).map(HostEvent::RouteAdded)
        }
        RouteNetlinkMessage::NewRoute(message) => route(&message).map(HostEvent::RouteSet),
        RouteNetlinkMessage::DelRoute(message) => route(&message).map(HostEvent::RouteRemoved),
        _ => None, // Requests, which the kernel does not send, and the families of messages that we did not ask for.
    })
}

fn link(message: &LinkMessage) -> Option<Link> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None; // A bridge speaks of its ports: the end of such a one is not the end of the interface.
    }
    let flags = message.header.flags;
    let loopback = flags.contains(LinkFlags::Loopback);
    let ethernet = message.header.link_layer_type == LinkLayerType::Ether;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: None,
        mtu: 0,
        up: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        loopback,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Address(octets) if ethernet => link.mac = octets.as_slice().try_into().ok(),
            _ => (),
        }
    }
    Some(link)
}

fn address(message: &AddressMessage) -> Option<Address> {
    let (mut local, mut remote) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => remote = Some(*address),
            _ => (),
        }
    }
    // IFA_ADDRESS is the peer's if IFA_LOCAL is there and differs, or else the interface's own.
    let address = local.or(remote)?;
    let peer = remote.filter(|remote| *remote != address);
    Some(Address { link: message.header.index, address, prefix_len: message.header.prefix_len, peer })
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    if message.header.flags.contains(NeighbourFlags::Proxy) {
        return None; // One for whom we answer, not one whom we know.
    }
    let (mut address, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => address = Some(IpAddr::V4(*found)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)) => address = Some(IpAddr::V6(*found)),
            NeighbourAttribute::LinkLayerAddress(octets) => mac = octets.as_slice().try_into().ok(),
            _ => (),
        }
    }
    let stale = matches!(message.header.state, NeighbourState::Stale | NeighbourState::Delay | NeighbourState::Probe);
    let fresh =
        matches!(message.header.state, NeighbourState::Reachable | NeighbourState::Permanent | NeighbourState::Noarp);
    let mac = mac.filter(|_| stale || fresh);
    Some(Neighbour { link: message.header.ifindex, address: address?, mac, stale })
}

fn route(message: &RouteMessage) -> Option<HostRoute> {
    let header = &message.header;
    let any_packet = header.tos == 0 && header.source_prefix_length == 0;
    if !any_packet || header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let destination = match header.address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        AddressFamily::Inet6 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let mut route = HostRoute {
        table: u32::from(header.table),
        prefix: Prefix::new(destination, 0).ok()?,
        metric: 0,
        protocol: header.protocol.into(),
        kind: kind(header.kind),
        mtu: None,
        via: Via::Hops(Vec::new()),
    };
    let (mut hops, mut object) = (Vec::new(), None);
    let mut single = Hop { gateway: gateway(&message.attributes), link: 0, weight: 1 };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                route.prefix = Prefix::new(ip(address)?, header.destination_prefix_length).ok()?;
            }
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::Metrics(metrics) => route.mtu = mtu(metrics),
            RouteAttribute::Oif(link) => single.link = *link,
            RouteAttribute::MultiPath(several) => hops.extend(several.iter().map(hop)),
            RouteAttribute::NhId(id) => object = Some(*id),
            _ => (),
        }
    }
    if single.link != 0 && hops.is_empty() {
        hops.push(single);
    }
    if is_encapsulated(message) {
        route.kind = RouteKind::Other; // Only the kernel knows what it does with the packet.
    }
    match route.kind {
        RouteKind::Unicast | RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast => (),
        // IPv6 names the loopback interface in these.
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Other => hops.clear(),
    }
    hops.sort_unstable();
    // The kernel may tell an object's hops beside its number (`nexthop_compat_mode`), as they are at this time.
    route.via = object.map_or(Via::Hops(hops), Via::Object);
    Some(route)
}

fn next_hop(message: &NextHopMessage) -> Option<NextHopObject> {
    let (mut id, mut group, mut discards, mut opaque) = (None, None, false, false);
    let mut hop = Hop { gateway: None, link: 0, weight: 1 };
    for attribute in &message.attributes {
        match attribute {
            NextHopAttribute::Id(number) => id = Some(*number),
            NextHopAttribute::Group(members) => group = Some(members),
            NextHopAttribute::Blackhole => discards = true,
            NextHopAttribute::Link(link) => hop.link = *link,
            NextHopAttribute::Gateway(address) => hop.gateway = Some(*address),
            NextHopAttribute::EncapsulationType(_) | NextHopAttribute::Bridge => opaque = true,
            NextHopAttribute::Other(_) => (),
        }
    }
    let kind = match group {
        _ if opaque => NextHopKind::Opaque,
        _ if discards => NextHopKind::Discard,
        None => NextHopKind::Hop(hop),
        Some(members) => {
            // The kernel counts weights from 0.
            let member = |one: &next_hop::Member| GroupMember { id: one.id, weight: one.weight.saturating_add(1) };
            NextHopKind::Group(members.iter().map(member).collect())
        }
    };
    Some(NextHopObject { id: id?, protocol: message.header.protocol, kind })
}

fn kind(kind: RouteType) -> RouteKind {
    match kind {
        RouteType::Unicast => RouteKind::Unicast,
        // An anycast address is delivered here like an address of our own.
        RouteType::Local | RouteType::Anycast => RouteKind::Local,
        RouteType::Broadcast => RouteKind::Broadcast,
        RouteType::Multicast => RouteKind::Multicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        _ => RouteKind::Other,
    }
}

fn hop(hop: &RouteNextHop) -> Hop {
    // The kernel counts weights from 0.
    Hop { gateway: gateway(&hop.attributes), link: hop.interface_index, weight: u16::from(hop.hops) + 1 }
}

fn mtu(metrics: &[RouteMetric]) -> Option<NonZeroU32> {
    metrics.iter().find_map(|metric| match metric {
        RouteMetric::Mtu(mtu) => NonZeroU32::new(*mtu),
        _ => None,
    })
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

fn is_encapsulated(message: &RouteMessage) -> bool {
    let by = |attributes: &[RouteAttribute]| attributes.iter().any(|one| matches!(one, RouteAttribute::EncapType(_)));
    let by_hop = |attribute: &RouteAttribute| matches!(attribute, RouteAttribute::MultiPath(hops) if hops.iter().any(|hop| by(&hop.attributes)));
    by(&message.attributes) || message.attributes.iter().any(by_hop)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}
