//! A thousand BGP speakers in one thread: just enough of the protocol to be a peer that has one route and listens.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use nva_tests::speaker::keepalive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::octets::{HEADER, Identity, KEEPALIVE, OPEN, UPDATE, Update, announcement, message_length, open};

/// The AS of the first of a crowd; the others follow.
pub const FIRST_ASN: u32 = 4_200_000_000;

/// The hold time of each member, in seconds: long, because nobody sends KEEPALIVEs after the first.
const HOLD_TIME: u16 = 240;

/// What a crowd has seen, all members together.
#[derive(Debug, Default)]
pub struct Seen {
    /// Members whose session is established.
    pub established: AtomicUsize,
    /// Routes that were announced to members.
    pub routes: AtomicUsize,
    /// Members whose connection ended.
    pub ended: AtomicUsize,
}

/// One member.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its AS.
    pub asn: u32,
    /// Its only route, a /32.
    pub route: Ipv4Addr,
}

impl Member {
    /// The member of this number.
    pub fn new(base: Ipv4Addr, number: u32) -> Member {
        let address = Ipv4Addr::from(u32::from(base) + number);
        let route = Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 64, 0, 0)) + number);
        Member { address, asn: FIRST_ASN + number, route }
    }

    /// Connects.
    pub async fn connect(self, hub: SocketAddr) -> anyhow::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((self.address, 0))).with_context(|| format!("cannot bind {}", self.address))?;
        Ok(socket.connect(hub).await?)
    }

    /// Is a peer until the connection ends.
    pub async fn speak(self, mut stream: TcpStream, seen: Arc<Seen>) -> anyhow::Result<()> {
        stream.write_all(&open(self.identity())).await?;
        let mut up = false;
        let mut message = Vec::new();
        loop {
            read_message(&mut stream, &mut message).await?;
            match message[HEADER - 1] {
                OPEN => stream.write_all(&keepalive()).await?,
                KEEPALIVE if !up => {
                    up = true;
                    seen.established.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(&announcement(&[self.asn], self.address, &[(self.route, 32)])).await?;
                }
                KEEPALIVE => {}
                UPDATE => {
                    let update = Update::read(&message[HEADER..]).context("an UPDATE that is cut off")?;
                    seen.routes.fetch_add(update.announced.len(), Ordering::Relaxed);
                }
                kind => anyhow::bail!("{}: message {kind}: {:?}", self.address, &message[HEADER..]),
            }
        }
    }

    fn identity(self) -> Identity {
        Identity { address: self.address, asn: self.asn, hold_time: HOLD_TIME, extended: false }
    }
}

async fn read_message(stream: &mut TcpStream, message: &mut Vec<u8>) -> anyhow::Result<()> {
    message.resize(HEADER, 0);
    stream.read_exact(message).await?;
    let length = message_length(message).context("no header")?;
    ensure!((HEADER..=4096).contains(&length), "a message of {length} octets");
    message.resize(length, 0);
    stream.read_exact(&mut message[HEADER..]).await?;
    Ok(())
}
