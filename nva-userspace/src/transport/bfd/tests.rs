//! Real sockets on the loopback; the thread as a whole is tested in namespaces, where its ports are free.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::sender::Sender;
use super::*;
use crate::bfd::{CONTROL_LEN, ControlPacket};

const MS: Duration = Duration::from_millis(1);

fn loopbacks() -> [IpAddr; 2] {
    [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
}

fn watch(peer: IpAddr, local: Option<IpAddr>) -> Watch {
    let session = SessionConfig { desired_min_tx: 100 * MS, required_min_rx: 100 * MS, multiplier: 3 };
    Watch { path: Path { peer, hops: Hops::Single }, local, minimum_ttl: 1, session }
}

#[expect(clippy::disallowed_methods, reason = "no clock is shared with anybody")]
fn start() -> (Bfd, mpsc::UnboundedReceiver<BfdEvent>) {
    Bfd::start(tokio::time::Instant::now(), 1).expect("started")
}

/// What came: the sender, its TTL, the octets.
type Came = Vec<(IpAddr, Option<u8>, Vec<u8>)>;

/// Waits until something has come.
async fn receive(receiving: &receiver::Receiving) -> Came {
    let mut came = Vec::new();
    while came.is_empty() {
        tokio::time::timeout(20_000 * MS, std::future::poll_fn(|context| receiving.poll_ready(context)))
            .await
            .expect("it comes in time");
        let take =
            |datagram: crate::bfd::Datagram<'_>| came.push((datagram.source, datagram.ttl, datagram.octets.to_vec()));
        receiving.read(take).expect("read");
    }
    came
}

fn listening(address: IpAddr) -> (receiver::Receiving, u16) {
    let receiver = Receiver::bind(SocketAddr::new(address, 0), Hops::Single).expect("bound");
    let port = receiver.local_address().expect("it has an address").port();
    (receiver.start().expect("in a runtime"), port)
}

#[tokio::test]
async fn packets_arrive_with_the_ttl_that_they_were_sent_with() {
    for address in loopbacks() {
        let (receiving, port) = listening(address);
        for local in [None, Some(address)] {
            let mut sender = Sender::new(&watch(address, local), port, 7);
            assert!(!sender.send(b"hello"), "no news");
            assert_eq!(receive(&receiving).await, [(address, Some(255), b"hello".to_vec())]);
        }
        let other = std::net::UdpSocket::bind(SocketAddr::new(address, 0)).expect("bound");
        other.send_to(&[7; 500], SocketAddr::new(address, port)).expect("sent");
        let came = receive(&receiving).await;
        let [(_, Some(ttl), octets)] = &came[..] else { panic!("{came:?}") };
        assert!(*ttl < 255, "another program's packets have the system's TTL");
        assert!(octets.len() >= CONTROL_LEN && octets.len() < 500, "as much as is looked at");
        assert!(ControlPacket::decode(octets).is_err());
    }
}

#[tokio::test]
async fn every_session_has_a_port_of_its_own_in_the_range() {
    let mut ports = Vec::new();
    let mut senders = Vec::new();
    for first in [0, 0, 0, u16::MAX, u16::MAX] {
        let sender = Sender::new(&watch(Ipv4Addr::LOCALHOST.into(), None), 9, first);
        ports.push(sender.local_port());
        senders.push(sender);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 5, "{ports:?}");
    assert!(ports.iter().all(|port| *port >= 49152), "{ports:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_once_and_tried_again() {
    // No machine has this address.
    let nowhere = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    let mut sender = Sender::new(&watch(Ipv4Addr::LOCALHOST.into(), nowhere), 9, 0);
    assert!(sender.send(b"hello"), "news");
    assert!(!sender.send(b"hello"), "no news");
    assert_eq!(sender.unsent, 2);
    assert!(sender.error.is_some());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (_receiving, port) = listening(Ipv4Addr::LOCALHOST.into());
    let (mut bfd, _events) = start();
    let taken = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let error = bfd.listen_on(taken, Hops::Single).expect_err("another socket is there");
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on UDP {taken} for BFD: ")), "{error}");
    bfd.end().await;
}

#[tokio::test]
async fn a_thread_that_ends_says_so_to_whoever_waits_or_asks() {
    let (bfd, mut events) = start();
    let handle = bfd.handle();
    let status = handle.status().await.expect("it runs");
    assert!(status.sessions.is_empty());
    bfd.end().await;
    assert!(events.recv().await.is_none());
    assert!(handle.status().await.is_none());
}
