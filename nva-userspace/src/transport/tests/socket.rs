//! Socket options, addresses, and attempts that fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::super::inbox::inbox;
use super::super::{ConnectOptions, Connection, Endpoints, Listener, Ttl, connect};
use super::{ID, PEER, loopback, soon};

const CS6: u32 = 0xC0;

fn options(remote: SocketAddr) -> ConnectOptions {
    ConnectOptions { remote, local: None, ttl: Ttl::Limited(1), password: None, timeout: Duration::from_secs(20) }
}

async fn both(listener: &Listener, options: ConnectOptions) -> [(TcpStream, Endpoints); 2] {
    let (near, far) = soon(async { tokio::join!(connect(options), listener.accept()) }).await;
    [near.expect("connected"), far.expect("accepted")]
}

/// Another descriptor of the same socket, to ask for its options.
fn second(stream: TcpStream) -> (TcpStream, Socket) {
    let stream = stream.into_std().expect("a plain socket");
    let second = stream.try_clone().expect("a second descriptor").into();
    (TcpStream::from_std(stream).expect("back again"), second)
}

#[tokio::test]
async fn ipv4_sockets_are_marked_and_limited() {
    let listener = Listener::bind(loopback(0), []).expect("listening");
    let remote = listener.local_address().expect("an address");
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let [near, far] = both(&listener, ConnectOptions { local: Some(local), ..options(remote) }).await;
    assert_eq!(near.1.remote, remote);
    assert_eq!(near.1.local.ip(), local);
    assert_eq!((far.1.local, far.1.remote), (near.1.remote, near.1.local));
    let (inbox, _told) = inbox(1);
    for ((stream, endpoints), ttl) in [(near, 1), (far, 8)] {
        let (stream, socket) = second(stream);
        let connection = Connection::start(ID, PEER, stream, endpoints, Ttl::Limited(ttl), inbox.clone());
        assert_eq!(connection.expect("started").endpoints, endpoints);
        assert_eq!(socket.ttl_v4().expect("a TTL"), u32::from(ttl));
        assert_eq!(socket.tos_v4().expect("a TOS"), CS6);
        assert!(socket.tcp_nodelay().expect("an option"));
    }
}

#[tokio::test]
async fn ipv6_sockets_are_marked_and_limited() {
    let listener = Listener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), []).expect("listening");
    let remote = listener.local_address().expect("an address");
    let [near, far] = both(&listener, ConnectOptions { ttl: Ttl::Limited(255), ..options(remote) }).await;
    assert_eq!(SockRef::from(&near.0).unicast_hops_v6().expect("a hop limit"), 255, "from the first packet on");
    let (inbox, _told) = inbox(1);
    for ((stream, endpoints), ttl) in [(near, 255), (far, 1)] {
        let (stream, socket) = second(stream);
        Connection::start(ID, PEER, stream, endpoints, Ttl::Limited(ttl), inbox.clone()).expect("started");
        assert_eq!(socket.unicast_hops_v6().expect("a hop limit"), u32::from(ttl));
        assert_eq!(socket.tclass_v6().expect("a traffic class"), CS6);
    }
}

#[tokio::test]
async fn a_mapped_address_is_an_ipv4_address() {
    // Our listeners take one family alone; a socket that another process hands over may not.
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
    socket.set_only_v6(false).expect("both families");
    socket.set_nonblocking(true).expect("an option");
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).expect("bound");
    socket.listen(1).expect("listening");
    let listener = Listener::from(TcpListener::from_std(socket.into()).expect("a listener"));
    let port = listener.local_address().expect("an address").port();
    let [near, (stream, endpoints)] = both(&listener, options(loopback(port))).await;
    assert_eq!(endpoints, Endpoints { local: loopback(port), remote: near.1.local });
    assert_eq!(endpoints.remote_address(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (stream, socket) = second(stream);
    let (inbox, _told) = inbox(1);
    Connection::start(ID, PEER, stream, endpoints, Ttl::Limited(1), inbox).expect("started");
    assert_eq!(socket.ttl_v4().expect("a TTL"), 1);
    assert_eq!(socket.tos_v4().expect("a TOS"), CS6);
}

#[tokio::test]
async fn both_families_are_listened_on_side_by_side() {
    let ipv4 = Listener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), []).expect("listening");
    let port = ipv4.local_address().expect("an address").port();
    let ipv6 = Listener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), []).expect("the same port again");
    both(&ipv4, options(loopback(port))).await;
    both(&ipv6, options(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))).await;
    let taken = Listener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), []).expect_err("it is taken");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn nobody_there_is_refused() {
    // Bound and not listening: nobody else can get the port meanwhile.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&loopback(0).into()).expect("bound");
    let remote = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let error = soon(connect(options(remote))).await.expect_err("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let foreign = ConnectOptions { local: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))), ..options(remote) };
    let error = soon(connect(foreign)).await.expect_err("that is not our address");
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
async fn no_answer_is_a_timeout() {
    // The kernel answers nobody once the queue of a listener that accepts nothing is full.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&loopback(0).into()).expect("bound");
    socket.listen(0).expect("listening");
    let remote = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let mut connected = Vec::new();
    let error = loop {
        match soon(connect(ConnectOptions { timeout: Duration::from_millis(300), ..options(remote) })).await {
            Ok(connection) => connected.push(connection),
            Err(error) => break error,
        }
        assert!(connected.len() < 10, "the queue is never full");
    };
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::TimedOut, "no answer"));
}
