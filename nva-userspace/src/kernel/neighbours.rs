//! Neighbours that the kernel is to keep resolved.
//!
//! The fast path forwards past the kernel, which would see no use of a neighbour and let it go stale and away. A managed
//! entry (`NTF_EXT_MANAGED`, Linux 5.16) is probed by the kernel as long as it exists.

use std::io;
use std::net::IpAddr;

use futures::StreamExt;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_sys::AsyncSocket;
use rtnetlink::{Error, Handle};

use super::encode::family;
use super::{KernelError, Refusal};

/// Has neighbours kept resolved.
#[derive(Debug)]
pub struct Neighbours {
    handle: Handle,
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
    /// Opens a socket in this thread's network namespace. Needs a tokio runtime.
    pub fn open() -> Result<Neighbours, KernelError> {
        let (mut connection, handle, _) = rtnetlink::new_connection().map_err(KernelError::socket("open a socket"))?;
        let socket = connection.socket_mut().socket_mut();
        socket.set_cap_ack(true).map_err(KernelError::socket("configure the socket"))?;
        socket.set_ext_ack(true).map_err(KernelError::socket("configure the socket"))?;
        tokio::spawn(connection); // It ends with the handle.
        Ok(Neighbours { handle })
    }

    /// Has the kernel resolve this neighbour now and keep it resolved; says whether the kernel is able to.
    pub async fn keep(&mut self, link: u32, address: IpAddr) -> Result<Keeper, KernelError> {
        const DOING: &str = "keep a neighbour resolved";
        let add = self.handle.neighbours().add(link, address).replace();
        let mut add = add.state(NeighbourState::None).flags(NeighbourFlags::Use);
        add.message_mut().attributes.push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
        add.execute().await.map_err(|error| failure(DOING, error))?;
        // A kernel that does not know the flag ignores it, so only the entry shows.
        let mut question = entry(link, address);
        question.header.flags = NeighbourFlags::default();
        match self.ask(RouteNetlinkMessage::GetNeighbour(question), 0).await {
            Ok(Some(RouteNetlinkMessage::NewNeighbour(found))) if is_managed(&found) => Ok(Keeper::Kernel),
            // Without a good answer the caller keeps on asking, which does no harm.
            Ok(_) | Err(Error::NetlinkError(_)) => Ok(Keeper::Caller),
            Err(error) => Err(failure(DOING, error)),
        }
    }

    /// Lets the kernel treat this neighbour like any other again. It is no error if it is gone.
    pub async fn release(&mut self, link: u32, address: IpAddr) -> Result<(), KernelError> {
        // Not `neighbours().add(…)`, which always has the kernel make an entry that is gone.
        match self.ask(RouteNetlinkMessage::NewNeighbour(entry(link, address)), NLM_F_REPLACE).await {
            Ok(_) => Ok(()),
            Err(Error::NetlinkError(answer))
                if matches!(-answer.raw_code(), libc::ENOENT | libc::ENODEV | libc::ENXIO) =>
            {
                Ok(())
            }
            Err(error) => Err(failure("release a neighbour", error)),
        }
    }

    /// Sends one request; what the kernel says first, if it is more than that the request was carried out.
    async fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<Option<RouteNetlinkMessage>, Error> {
        let mut request = NetlinkMessage::from(message);
        // With the acknowledgement the stream ends even if what comes before cannot be understood.
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut answers = self.handle.request(request)?;
        match answers.next().await.map(|answer| answer.payload) {
            Some(NetlinkPayload::InnerMessage(message)) => Ok(Some(message)),
            Some(NetlinkPayload::Error(error)) => Err(Error::NetlinkError(error)),
            Some(_) | None => Ok(None),
        }
    }
}

fn failure(doing: &'static str, error: Error) -> KernelError {
    match error {
        Error::NetlinkError(answer) => KernelError::Refused { doing, source: Refusal::from(&answer) },
        other => KernelError::Socket { doing, source: io::Error::other(other) },
    }
}

fn is_managed(neighbour: &NeighbourMessage) -> bool {
    let managed = |one: &NeighbourAttribute| matches!(one, NeighbourAttribute::ExtFlags(flags) if flags.contains(NeighbourExtFlags::Managed));
    neighbour.attributes.iter().any(managed)
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
