//! The life of a connection: output, back-pressure, and every way in which it can end.

use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::connection::WRITE_AHEAD;
use super::{Event, PEER, TransportEvent, keepalive, message, nothing_more, notification, pair, soon};

#[tokio::test]
async fn what_is_sent_arrives() {
    let mut pair = pair(4).await;
    assert_eq!(pair.near.peer(), PEER);
    pair.near.send(keepalive(), None);
    pair.near.reserve().expect("there is room").send(message(2, 5, 1));
    let mut octets = vec![0; 43];
    soon(pair.far.read_exact(&mut octets)).await.expect("it arrives");
    assert_eq!(octets, [keepalive(), message(2, 5, 1)].concat());
    assert_eq!(pair.event().await, Event::Writable);
    pair.ends_without_a_word().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_a_few_buffers() {
    let mut pair = pair(4).await;
    let count = pair.fill().await;
    assert!(pair.near.reserve().is_none());
    let mut octets = vec![0; usize::from(count) * 4019];
    soon(pair.far.read_exact(&mut octets)).await.expect("it arrives");
    let expected: Vec<_> = (0..count).flat_map(|fill| message(2, 4000, fill)).collect();
    assert!(octets == expected, "the updates arrive whole and in order");
    assert_eq!(pair.event().await, Event::Writable);
    assert!(pair.near.reserve().is_some());
}

#[tokio::test]
async fn urgent_messages_overtake_the_updates_that_wait() {
    let mut pair = pair(4).await;
    let count = pair.fill().await;
    pair.near.send(keepalive(), None);
    pair.near.send(notification(), None);
    let mut octets = vec![0; usize::from(count) * 4019 + 40];
    soon(pair.far.read_exact(&mut octets)).await.expect("it arrives");
    // All but those in the queue were on their way already.
    let overtaken = octets.len() - WRITE_AHEAD * 4019 - 40;
    assert!(octets[overtaken..].starts_with(&[keepalive(), notification()].concat()));
}

#[tokio::test]
async fn a_close_delivers_the_last_words_though_nobody_handles_events() {
    let mut pair = pair(1).await;
    let chatter = keepalive().repeat(20_000);
    let (mut read, mut write) = pair.far.into_split();
    // More than the event queue and the reader take, so that much of it is never read as messages. The write fails if
    // the connection is cut.
    let talking = tokio::spawn(async move { write.write_all(&chatter).await.map(|()| write) });
    assert_eq!(soon(pair.events.next()).await.map(Event::from), Some(Event::Received(Ok(keepalive()))));
    pair.near.reserve().expect("there is room").send(message(2, 5, 1));
    let mut update = vec![0; 24];
    soon(read.read_exact(&mut update)).await.expect("it arrives");
    assert_eq!(update, message(2, 5, 1));
    pair.near.reserve().expect("there is room").send(message(2, 5, 2));
    pair.near.send(notification(), None);
    let closed = pair.near.close();
    let mut last_words = Vec::new();
    soon(read.read_to_end(&mut last_words)).await.expect("no reset destroys them");
    // An update that still waited is not sent after them.
    assert!(last_words == notification() || last_words == [message(2, 5, 2), notification()].concat());
    drop(soon(talking).await.expect("no panic").expect("all of it was read"));
    soon(closed).await.expect("it ends");
    // What was told before the close is still there, but its end is not told.
    while let Some(event) = soon(pair.events.next()).await {
        let event = Event::from(event);
        assert!(matches!(event, Event::Writable) || event == Event::Received(Ok(keepalive())), "{event:?}");
    }
}

#[tokio::test]
async fn a_close_does_not_wait_for_ever() {
    let mut pair = pair(4).await;
    pair.fill().await;
    pair.near.send(notification(), None);
    soon(pair.near.close_within(Duration::from_millis(50))).await.expect("it ends though the peer reads nothing");
    nothing_more(&mut pair.events).await;
    // The same if the peer reads all and does not close.
    let mut pair = super::pair(4).await;
    let closed = pair.near.close_within(Duration::from_millis(50));
    assert_eq!(soon(pair.far.read(&mut [0])).await.expect("closed in order"), 0);
    soon(closed).await.expect("it ends");
    nothing_more(&mut pair.events).await;
}

#[tokio::test]
async fn a_dropped_connection_is_cut() {
    let mut pair = pair(4).await;
    let count = pair.fill().await;
    drop(pair.near);
    nothing_more(&mut pair.events).await;
    // What the kernel had taken over may still come, what waited in our queue does not.
    let mut rest = Vec::new();
    let end = soon(pair.far.read_to_end(&mut rest)).await;
    assert!(rest.len() <= (usize::from(count) - WRITE_AHEAD) * 4019, "{} octets came, then {end:?}", rest.len());
}

#[tokio::test]
async fn the_end_is_told_once() {
    let mut pair = pair(4).await;
    pair.far.write_all(&keepalive()[..7]).await.expect("the other end reads");
    pair.far.shutdown().await.expect("it is open");
    assert_eq!(pair.event().await, Event::Closed("closed by the peer in the middle of a message".to_owned()));
    // To somebody who only speaks no more, one can still speak.
    pair.near.send(notification(), None);
    let mut octets = vec![0; 21];
    soon(pair.far.read_exact(&mut octets)).await.expect("it arrives");
    pair.ends_without_a_word().await;
}

#[tokio::test]
async fn what_the_peer_said_last_comes_before_its_end_even_if_writing_fails_first() {
    for _ in 0..20 {
        let mut pair = pair(1).await;
        // Three events do not fit into the queue: the reader waits while the writer runs into the reset.
        pair.far.write_all(&[keepalive(), keepalive(), notification()].concat()).await.expect("the other end reads");
        socket2::SockRef::from(&pair.far).set_linger(Some(Duration::ZERO)).expect("a reset instead of an end");
        drop(pair.far);
        pair.near.send(keepalive(), None);
        pair.near.send(keepalive(), None);
        let mut told = Vec::new();
        while !matches!(told.last(), Some(Event::Closed(_))) {
            told.push(soon(pair.events.next()).await.map_or(Event::Nothing, Event::from));
        }
        let closed = told.pop();
        told.retain(|event| *event != Event::Writable);
        let said = [keepalive(), keepalive(), notification()];
        assert_eq!(told, said.map(|message| Event::Received(Ok(message))), "then {closed:?}");
        drop(pair.near);
        nothing_more(&mut pair.events).await;
    }
}

#[tokio::test]
async fn a_failure_to_write_ends_the_connection() {
    let mut pair = pair(4).await;
    pair.fill().await;
    socket2::SockRef::from(&pair.far).set_linger(Some(Duration::ZERO)).expect("a reset instead of an end");
    drop(pair.far);
    let Some(Event::Closed(reason)) = soon(pair.events.next()).await.map(Event::from) else {
        panic!("nothing but the end is told");
    };
    assert!(reason.contains("reset") || reason.contains("Broken pipe"), "{reason}");
    pair.near.send(keepalive(), None);
    soon(pair.near.close()).await.expect("it ends at once");
    nothing_more(&mut pair.events).await;
}

#[tokio::test]
async fn keepalives_go_out_while_the_owner_is_busy_and_it_is_told() {
    let mut pair = pair(4).await;
    pair.near.send(keepalive(), Some(Duration::from_millis(20)));
    let mut octets = vec![0; 4 * 19];
    soon(pair.far.read_exact(&mut octets)).await.expect("they arrive");
    assert_eq!(octets, keepalive().repeat(4));
    let mut told = 0;
    while told < 3 {
        match soon(pair.events.next()).await {
            Some(TransportEvent::Writable { stood_in, .. }) => told += stood_in,
            other => panic!("{other:?}"),
        }
    }
    // Without an interval it stops; what was on its way comes before.
    pair.near.send(notification(), None);
    let mut rest = Vec::new();
    while !rest.ends_with(&notification()) {
        soon(pair.far.read_buf(&mut rest)).await.expect("it arrives");
    }
    let closed = pair.near.close();
    assert_eq!(soon(pair.far.read_buf(&mut rest)).await.expect("closed in order"), 0, "nothing comes afterwards");
    drop(pair.far);
    soon(closed).await.expect("it ends");
}
