//! The things a kernel tells, as values.

use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::net::Prefix;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address; `None` where it has none (loopback counts as none).
    pub mac: Option<[u8; 6]>,
    /// The largest IP packet that it carries, in octets.
    pub mtu: u32,
    /// Administratively up and with carrier.
    pub up: bool,
    /// It is a loopback interface.
    pub loopback: bool,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The interface's index.
    pub link: u32,
    /// The address itself.
    pub address: IpAddr,
    /// The length of its subnet prefix in bits.
    pub prefix_len: u8,
    /// The peer's address of a point-to-point interface: then the subnet prefix is that of the peer.
    pub peer: Option<IpAddr>,
}

/// An entry of the neighbour table (ARP, ND).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface's index.
    pub link: u32,
    /// The neighbour's address.
    pub address: IpAddr,
    /// Its Ethernet address, while the entry is valid (not incomplete, not failed).
    pub mac: Option<[u8; 6]>,
    /// The kernel itself considers it in need of confirmation (stale, delay, probe).
    pub stale: bool,
}

/// What the kernel does with packets for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// Forwards them.
    Unicast,
    /// Delivers them here.
    Local,
    /// Delivers and sends them as broadcast.
    Broadcast,
    /// Multicast routing.
    Multicast,
    /// Drops them silently.
    Blackhole,
    /// Drops them and sends ICMP unreachable.
    Unreachable,
    /// Drops them and sends ICMP administratively prohibited.
    Prohibit,
    /// Goes on with the next routing rule (`throw`), or is of a kind that we do not know.
    Other,
}

/// One way out of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// The router; `None` where the destination is on the link itself.
    pub gateway: Option<IpAddr>,
    /// The interface's index.
    pub link: u32,
    /// The share of flows relative to the other hops of the route, at least 1.
    pub weight: u16,
}

/// A route in the kernel. The kernel tells routes apart by table, prefix and metric (and TOS, which we leave alone);
/// of several with the same, it uses the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// The routing table: 254 is main, 255 local.
    pub table: u32,
    /// The destination.
    pub prefix: Prefix,
    /// `RTA_PRIORITY`; the smallest of a prefix wins. 0 where none is given.
    pub metric: u32,
    /// Who installed it: `RTPROT_*`, 186 for BGP.
    pub protocol: u8,
    /// What it does; if it names an object, what that does (see [`HostState::kind`](super::HostState::kind)).
    pub kind: RouteKind,
    /// The MTU that it has of its own (`RTAX_MTU`), locked or not: packets may be no larger, whatever its link carries.
    pub mtu: Option<NonZeroU32>,
    /// Where it leads.
    pub via: Via,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Ways out of its own, sorted; none for the kinds that do not forward.
    Hops(Vec<Hop>),
    /// A next-hop object, by its number: it is shared by all routes that name it, and changes for all of them at once.
    Object(u32),
}

/// A next-hop object of the kernel's (`ip nexthop`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHopObject {
    /// Its number.
    pub id: u32,
    /// Who made it: `RTPROT_*`.
    pub protocol: u8,
    /// What it does.
    pub kind: NextHopKind,
}

/// What a next-hop object does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHopKind {
    /// It is one way out.
    Hop(Hop),
    /// It drops packets.
    Discard,
    /// It spreads flows over others.
    Group(Vec<GroupMember>),
    /// It encapsulates, or belongs to a bridge: only the kernel knows what it does with a packet.
    Opaque,
}

/// A member of a group of next-hop objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its number.
    pub id: u32,
    /// Its share of flows relative to the other members, at least 1.
    pub weight: u16,
}

/// Something about the machine's network changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// An interface appeared or changed.
    LinkSet(Link),
    /// An interface is gone; its addresses, neighbours and hops go with it.
    LinkRemoved(u32),
    /// An address appeared.
    AddressAdded(Address),
    /// An address is gone.
    AddressRemoved(Address),
    /// A neighbour entry appeared or changed.
    NeighbourSet(Neighbour),
    /// A neighbour entry is gone: interface index and address.
    NeighbourRemoved(u32, IpAddr),
    /// A route appeared, in place of the first one of the same table, prefix and metric if there is one.
    RouteSet(HostRoute),
    /// A route appeared beside those of the same table, prefix and metric: two interfaces in one subnet, the link-local
    /// prefix of every interface. IPv6 routes through gateways merge into one multipath route instead, and the event
    /// has all of its hops.
    RouteAdded(HostRoute),
    /// A route is gone, or some hops of an IPv6 multipath route are.
    RouteRemoved(HostRoute),
    /// A next-hop object appeared or changed, and with it where the routes lead that name it.
    NextHopSet(NextHopObject),
    /// A next-hop object is gone, by its number, and with it the routes that name it.
    NextHopRemoved(u32),
    /// Everything anew, at the start and after events were lost.
    Resync(Box<Snapshot>),
}

/// The whole state of the machine's network at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The interfaces.
    pub links: Vec<Link>,
    /// The addresses.
    pub addresses: Vec<Address>,
    /// The neighbour entries.
    pub neighbours: Vec<Neighbour>,
    /// The next-hop objects; `None` if the kernel has no such things.
    pub next_hops: Option<Vec<NextHopObject>>,
    /// The routes of every table.
    pub routes: Vec<HostRoute>,
    /// The last request for an audit that was made before all this was read, by its number; `None` if it was read for
    /// another reason.
    pub audit: Option<u64>,
}
