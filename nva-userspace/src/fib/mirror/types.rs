//! What the mirror says to the data plane.

use std::fmt;
use std::net::IpAddr;

use crate::host::Hop;
use crate::net::Prefix;

/// A next-hop group's identity for as long as the mirror lives; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// A neighbour that frames can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Adjacency {
    /// The egress interface's index.
    pub link: u32,
    /// The egress interface's MAC.
    pub own_mac: [u8; 6],
    /// The neighbour's MAC.
    pub mac: [u8; 6],
    /// The egress interface's MTU.
    pub mtu: u32,
}

/// One way out of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// As the kernel's route has it. It tells the members of a group apart.
    pub hop: Hop,
    /// Where to send; `None` sends this member's share of the flows to the kernel.
    pub adjacency: Option<Adjacency>,
}

/// A neighbour whose entry in the kernel has to be kept fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WantedNeighbour {
    /// The interface's index.
    pub link: u32,
    /// The neighbour's address.
    pub address: IpAddr,
    /// It is a router of some route, to be asked for even if it is not in the neighbour table. Otherwise it is a host that
    /// only is in the tables because its entry is there: keep that fresh, but let it go when the host does not answer.
    pub is_gateway: bool,
}

/// What happens to packets whose longest match leads to the group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// Spread over the members by flow. Never empty.
    Forward(Vec<Member>),
    /// Delivered by the kernel, and counted for this prefix.
    Local(Prefix),
    /// Dropped, and counted for this prefix; for several, if a next-hop object drops.
    Blackhole(Option<Prefix>),
    /// To the kernel, which has to resolve the destination on its link.
    Unresolved,
    /// To the kernel, which answers unreachable or prohibited.
    Refused,
    /// To the kernel: broadcast or multicast.
    Broadcast,
    /// To the kernel: the route leaves by an interface that is not ours, or is of a kind that only the kernel knows.
    Kernel,
}

/// One change to the tables. Applied in order, no packet ever meets a group that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XdpOp {
    /// An interface of ours has this MAC.
    SetPort {
        /// Its index.
        link: u32,
        /// Its MAC.
        mac: [u8; 6],
    },
    /// An interface of ours is gone, or has no MAC.
    RemovePort(u32),
    /// A group is new or changed.
    SetGroup {
        /// Which.
        id: GroupId,
        /// What it does from now on.
        state: GroupState,
        /// The interfaces that its routes lead to, by index, sorted; none if only the kernel knows.
        links: Vec<u32>,
    },
    /// A prefix leads to a group from now on.
    SetRoute {
        /// Of either family.
        prefix: Prefix,
        /// Set before.
        group: GroupId,
    },
    /// A prefix has no route any more.
    RemoveRoute(Prefix),
    /// No prefix leads to the group any more.
    RemoveGroup(GroupId),
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupState::Forward(members) => {
                for (position, member) in members.iter().enumerate() {
                    let separator = if position == 0 { "" } else { ", " };
                    match member.hop.gateway {
                        Some(gateway) => write!(f, "{separator}via {gateway} dev {}", member.hop.link)?,
                        None => write!(f, "{separator}dev {}", member.hop.link)?,
                    }
                    if member.adjacency.is_none() {
                        f.write_str(" (unresolved)")?;
                    }
                }
                Ok(())
            }
            GroupState::Local(prefix) => write!(f, "local {prefix}"),
            GroupState::Blackhole(Some(prefix)) => write!(f, "blackhole {prefix}"),
            GroupState::Blackhole(None) => f.write_str("blackhole"),
            GroupState::Unresolved => f.write_str("on link, unresolved"),
            GroupState::Refused => f.write_str("refused by the kernel"),
            GroupState::Broadcast => f.write_str("broadcast or multicast"),
            GroupState::Kernel => f.write_str("forwarded by the kernel"),
        }
    }
}
