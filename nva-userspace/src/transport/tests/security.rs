//! Signatures and TTLs between real sockets: what should get through does, and what should not never arrives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::inbox::inbox;
use super::super::{ConnectOptions, Connection, Listener, Password, PasswordError, Signed, Ttl, connect, first_ttl};
use super::{Event, ID, PEER, keepalive, soon};
use crate::net::Prefix;

/// The listener's passwords are those of these two; 127.0.0.4 has none.
const SIGNED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const UNSIGNED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

fn password(text: &str) -> Password {
    Password::new(text).expect("a password")
}

fn options(remote: SocketAddr, local: IpAddr, password: Option<Password>, patience: Duration) -> ConnectOptions {
    ConnectOptions { remote, local: Some(local), ttl: Ttl::Limited(1), password, timeout: patience }
}

#[tokio::test]
async fn only_the_right_password_gets_an_answer() {
    let longest = "x".repeat(Password::MAX);
    let (one, two) = (password("one"), password(&longest));
    let passwords = [(Prefix::host(SIGNED.into()), &one), (Prefix::host(OTHER.into()), &two)];
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), passwords).expect("listening");
    let remote = listener.local_address().expect("an address");
    for (local, given, answered) in [
        (SIGNED, Some("one"), true),
        (OTHER, Some(longest.as_str()), true),
        (UNSIGNED, None, true),
        (SIGNED, Some("two"), false),
        (SIGNED, None, false),
        (OTHER, Some("one"), false),
        (UNSIGNED, Some("one"), false),
    ] {
        // Who gets an answer gets it at once, and a kernel that would answer late would be found by the first three.
        let patience = if answered { Duration::from_secs(20) } else { Duration::from_millis(500) };
        let options = options(remote, local.into(), given.map(password), patience);
        let result = soon(connect(options)).await;
        assert_eq!(result.is_ok(), answered, "{local} {given:?}: {result:?}");
        if let Err(error) = result {
            let hint = "no answer: is the peer down, or has it another password, or none?";
            assert_eq!(error.to_string(), if given.is_some() { hint } else { "no answer" });
        }
    }
}

#[tokio::test]
async fn a_signed_connection_carries_what_is_sent() {
    let secret = password("secret");
    for (listen, local) in [
        (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), IpAddr::from(SIGNED)),
        (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), IpAddr::from(Ipv6Addr::LOCALHOST)),
    ] {
        let listener = Listener::bind(listen, [(Prefix::host(local), &secret)]).expect("listening");
        let remote = listener.local_address().expect("an address");
        let options = options(remote, local, Some(secret.clone()), Duration::from_secs(20));
        let (near, far) = soon(async { tokio::join!(connect(options), listener.accept()) }).await;
        let ((mut near, _), (mut far, _)) = (near.expect("connected"), far.expect("accepted"));
        near.write_all(b"signed").await.expect("sent");
        let mut octets = [0; 6];
        soon(far.read_exact(&mut octets)).await.expect("received");
        assert_eq!(&octets, b"signed");
    }
}

#[tokio::test]
async fn passwords_of_a_range_and_of_one_in_it_come_and_go() {
    let (range, one) = (password("range"), password("one"));
    let all = Prefix::new(SIGNED.into(), 8).expect("a prefix");
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), [(all, &range)]).expect("listening");
    let remote = listener.local_address().expect("an address");
    let answered = async |local: Ipv4Addr, given: Option<&Password>, expected: bool| {
        let patience = if expected { Duration::from_secs(20) } else { Duration::from_millis(500) };
        let result = soon(connect(options(remote, local.into(), given.cloned(), patience))).await;
        assert_eq!(result.is_ok(), expected, "{local} {given:?}: {result:?}");
    };
    answered(SIGNED, Some(&range), true).await;
    answered(OTHER, None, false).await;
    listener.set_password(Prefix::host(OTHER.into()), Some(&one)).expect("set");
    answered(OTHER, Some(&one), true).await;
    answered(OTHER, Some(&range), false).await;
    answered(SIGNED, Some(&range), true).await;
    listener.set_password(all, None).expect("taken away");
    listener.set_password(all, None).expect("nothing to be taken away is no error");
    answered(SIGNED, None, true).await;
    answered(OTHER, Some(&one), true).await;
}

/// What was sent before the other side has the new password, too, arrives when it has.
#[tokio::test]
async fn a_connection_outlives_a_change_of_its_password() {
    let (old, new) = (password("old"), password("new"));
    for (listen, local) in [
        (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), IpAddr::from(SIGNED)),
        (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), IpAddr::from(Ipv6Addr::LOCALHOST)),
    ] {
        let listener = Listener::bind(listen, [(Prefix::host(local), &old)]).expect("listening");
        let remote = listener.local_address().expect("an address");
        let options = options(remote, local, Some(old.clone()), Duration::from_secs(20));
        let (near, far) = soon(async { tokio::join!(connect(options), listener.accept()) }).await;
        let ((mut near, _), (mut far, endpoints)) = (near.expect("connected"), far.expect("accepted"));
        let (near_end, far_end) = (Signed::of(&near).expect("a socket"), Signed::of(&far).expect("a socket"));
        far_end.sign(endpoints.remote_address(), &new).expect("signed anew");
        near.write_all(b"old").await.expect("in the buffer");
        let mut octets = [0; 3];
        let early = tokio::time::timeout(Duration::from_millis(300), far.read_exact(&mut octets)).await;
        assert!(early.is_err(), "{early:?}: it is not signed as it should be");
        near_end.sign(remote.ip(), &new).expect("signed anew");
        soon(far.read_exact(&mut octets)).await.expect("received");
        assert_eq!(&octets, b"old");
        far.write_all(b"and back").await.expect("sent");
        let mut octets = [0; 8];
        soon(near.read_exact(&mut octets)).await.expect("received");
        assert_eq!(&octets, b"and back");
    }
}

#[tokio::test]
async fn a_connection_is_known_by_how_near_it_began() {
    for listen in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        let listener = Listener::bind(listen, []).expect("listening");
        let remote = listener.local_address().expect("an address");
        for (sent, least, admitted) in
            [(1, 0, true), (254, 255, false), (255, 255, true), (64, 64, true), (63, 64, false)]
        {
            let ttl = if sent == u8::MAX { Ttl::AtLeast(1) } else { Ttl::Limited(sent) };
            let options = ConnectOptions { remote, local: None, ttl, password: None, timeout: Duration::from_secs(20) };
            let (near, far) = soon(async { tokio::join!(connect(options), listener.accept()) }).await;
            let ((_near, _), (far, _)) = (near.expect("connected"), far.expect("accepted"));
            let first = first_ttl(&far);
            assert_eq!(first, Some(sent));
            let wanted = if least == 0 { Ttl::Limited(1) } else { Ttl::AtLeast(least) };
            assert_eq!(wanted.admits(first), admitted, "{sent} for {least}");
            assert_eq!(first_ttl(&far), None, "it is forgotten once it is known");
            assert!(wanted.admits(None));
        }
    }
}

#[tokio::test]
async fn who_sends_from_too_far_away_is_not_heard() {
    for (listen, wanted) in [
        (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Ttl::AtLeast(255)),
        (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), Ttl::AtLeast(253)),
    ] {
        let Ttl::AtLeast(least) = wanted else { panic!("GTSM") };
        let listener = Listener::bind(listen, []).expect("listening");
        let remote = listener.local_address().expect("an address");
        let options =
            ConnectOptions { remote, local: None, ttl: wanted, password: None, timeout: Duration::from_secs(20) };
        // The listener answers with 255, else this would find nobody.
        let (near, far) = soon(async { tokio::join!(connect(options), listener.accept()) }).await;
        let ((mut near, _), (far, endpoints)) = (near.expect("connected"), far.expect("accepted"));
        let (inbox, mut told) = inbox(8);
        let _far = Connection::start(ID, PEER, far, endpoints, wanted, inbox).expect("started");
        let send_with = |near: &TcpStream, ttl: u8| match endpoints.remote_address() {
            IpAddr::V4(_) => SockRef::from(near).set_ttl_v4(ttl.into()),
            IpAddr::V6(_) => SockRef::from(near).set_unicast_hops_v6(ttl.into()),
        };
        send_with(&near, least - 1).expect("a TTL");
        near.write_all(&keepalive()).await.expect("in the buffer");
        let early = tokio::time::timeout(Duration::from_millis(300), told.next()).await;
        assert!(early.is_err(), "{early:?}");
        // The retransmission is near enough.
        send_with(&near, least).expect("a TTL");
        let event = soon(told.next()).await.map_or(Event::Nothing, Event::from);
        assert_eq!(event, Event::Received(Ok(keepalive())));
    }
}

#[test]
fn passwords_have_a_length_and_show_nothing() {
    assert_eq!(Password::new(""), Err(PasswordError::Empty));
    assert_eq!(Password::new(&"x".repeat(81)), Err(PasswordError::TooLong { length: 81 }));
    assert_eq!(format!("{:?}", password("hunter2")), "Password(…)");
}
