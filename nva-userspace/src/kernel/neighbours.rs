//! Neighbours that the kernel is to keep resolved.
//!
//! The fast path forwards past the kernel, which would see no use of a neighbour and let it go stale and away. A managed
//! entry (`NTF_EXT_MANAGED`, Linux 5.16) is probed by the kernel as long as it exists.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE, Parseable};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
};

use super::encode::family;
use super::requests::Requests;
use super::{KernelError, Refusal};

/// Has neighbours kept resolved.
#[derive(Debug)]
pub struct Neighbours {
    requests: Requests,
}

/// Who keeps a neighbour resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The kernel, until it is released.
    Kernel,
    /// The kernel only resolved or probed it once: it is to be asked again before the entry goes stale (within the
    /// 30 seconds that a confirmation lasts by default).
    Caller,
}

impl Neighbours {
    /// Opens a socket in this thread's network namespace.
    pub fn open() -> Result<Neighbours, KernelError> {
        Ok(Neighbours { requests: Requests::open()? })
    }

    /// Has the kernel resolve this neighbour now and keep it resolved; says whether the kernel is able to.
    pub async fn keep(&mut self, link: u32, address: IpAddr) -> Result<Keeper, KernelError> {
        const DOING: &str = "keep a neighbour resolved";
        let mut message = entry(link, address);
        message.attributes.push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
        self.set(message, NLM_F_CREATE | NLM_F_REPLACE)
            .await?
            .map_err(|source| KernelError::Refused { doing: DOING, source })?;
        // A kernel that does not know the flag ignores it, so only the entry shows.
        let mut keeper = Keeper::Caller;
        let look = |raw: super::socket::Raw<'_>| {
            let attributes = NeighbourMessage::parse(raw.payload).map(|found| found.attributes).unwrap_or_default();
            let managed = |one: &NeighbourAttribute| matches!(one, NeighbourAttribute::ExtFlags(flags) if flags.contains(NeighbourExtFlags::Managed));
            if attributes.iter().any(managed) {
                keeper = Keeper::Kernel;
            }
        };
        let mut question = entry(link, address);
        question.header.flags = NeighbourFlags::default();
        // Without the answer the caller keeps on asking, which does no harm.
        let _unknown = self.requests.get(RouteNetlinkMessage::GetNeighbour(question), look).await?;
        Ok(keeper)
    }

    /// Lets the kernel treat this neighbour like any other again. It is no error if it is gone.
    pub async fn release(&mut self, link: u32, address: IpAddr) -> Result<(), KernelError> {
        match self.set(entry(link, address), NLM_F_REPLACE).await? {
            Ok(()) => Ok(()),
            Err(refusal) if matches!(refusal.errno, libc::ENOENT | libc::ENODEV | libc::ENXIO) => Ok(()),
            Err(source) => Err(KernelError::Refused { doing: "release a neighbour", source }),
        }
    }

    async fn set(&mut self, message: NeighbourMessage, flags: u16) -> Result<Result<(), Refusal>, KernelError> {
        let answers = self.requests.run([(RouteNetlinkMessage::NewNeighbour(message), flags)]).await?;
        Ok(answers.into_iter().next().unwrap_or(Ok(())))
    }
}

/// An entry that is in use: the kernel resolves or probes it, and leaves its state alone otherwise.
fn entry(link: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = link;
    message.header.flags = NeighbourFlags::Use;
    message.attributes = vec![NeighbourAttribute::Destination(match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    })];
    message
}
