//! Cutting the stream into messages, at whatever places the network cuts it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::about::About;
use super::super::inbox::inbox;
use super::super::reader::pass_on;
use super::{Event, ID, PEER, keepalive, message, notification, pair, soon};
use crate::packet::{DecodeError, MAX_EXTENDED_MESSAGE, MAX_MESSAGE};

/// Reads `first`, then `second`, then the end: the events, and why it ended.
async fn read_both(first: &[u8], second: &[u8]) -> (Vec<Event>, String) {
    let (inbox, mut told) = inbox(16);
    let about = About { peer: PEER, id: ID, inbox, write_error: Arc::new(OnceLock::new()) };
    let reason = soon(pass_on(&mut first.chain(second), &AtomicUsize::new(MAX_MESSAGE), &about)).await;
    drop(about);
    let mut all = Vec::new();
    while let Some(event) = told.next().await {
        all.push(event.into());
    }
    (all, reason)
}

#[tokio::test]
async fn messages_are_found_wherever_the_stream_is_cut() {
    let messages = [keepalive(), message(2, 60, 9), keepalive()];
    let stream = messages.concat();
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        let (events, reason) = read_both(first, second).await;
        let expected: Vec<_> = messages.iter().map(|message| Event::Received(Ok(message.clone()))).collect();
        assert_eq!(events, expected, "cut at {cut}");
        assert_eq!(reason, "closed by the peer");
    }
}

#[tokio::test]
async fn an_end_inside_a_message_is_told_apart() {
    let stream = [keepalive(), message(2, 4, 9)].concat();
    for end in 1..stream.len() {
        let (events, reason) = read_both(&stream[..end], &[]).await;
        assert_eq!(events.len(), usize::from(end >= 19));
        let whole = if end == 19 { "closed by the peer" } else { "closed by the peer in the middle of a message" };
        assert_eq!(reason, whole, "ended at {end}");
    }
}

#[tokio::test]
async fn octet_by_octet_over_tcp() {
    let mut pair = pair(4).await;
    let messages = [message(1, 10, 3), keepalive()];
    for octet in messages.concat() {
        pair.far.write_all(&[octet]).await.expect("the other end reads");
    }
    for message in messages {
        assert_eq!(pair.event().await, Event::Received(Ok(message)));
    }
    pair.ends_without_a_word().await;
}

#[tokio::test]
async fn more_than_one_chunk_at_once() {
    let mut pair = pair(4).await;
    let messages: Vec<_> = (0..100).map(|fill| message(2, 4000 - usize::from(fill), fill)).collect();
    let stream = messages.concat();
    let (_, mut write) = pair.far.split();
    let events = &mut pair.events;
    let (written, ()) = soon(async {
        tokio::join!(write.write_all(&stream), async {
            for message in messages {
                assert_eq!(events.next().await.map(Event::from), Some(Event::Received(Ok(message))));
            }
        })
    })
    .await;
    written.expect("the other end reads");
    pair.ends_without_a_word().await;
}

#[tokio::test]
async fn a_message_may_be_as_long_as_the_session_allows() {
    let mut pair = pair(4).await;
    let longest = message(2, MAX_EXTENDED_MESSAGE - 19, 7);
    pair.near.take_up_to(MAX_EXTENDED_MESSAGE);
    let (_, mut write) = pair.far.split();
    let events = &mut pair.events;
    for _ in 0..3 {
        let (written, event) = soon(async { tokio::join!(write.write_all(&longest), events.next()) }).await;
        written.expect("the other end reads");
        assert_eq!(event.map(Event::from), Some(Event::Received(Ok(longest.clone()))));
    }
    // Where the session allows less, the header alone is enough to say no.
    pair.near.take_up_to(MAX_MESSAGE);
    pair.far.write_all(&message(2, 4078, 0)[..19]).await.expect("the other end reads");
    let error = DecodeError::BadLength { length: 4097, kind: None };
    assert_eq!(pair.event().await, Event::Received(Err(error)));
    pair.ends_without_a_word().await;
}

#[tokio::test]
async fn nothing_is_read_after_a_header_that_cannot_be_one() {
    let mut pair = pair(4).await;
    let garbage = [b"GET / HTTP/1.1\r\n\r\n\r\n".to_vec(), keepalive()].concat();
    pair.far.write_all(&[keepalive(), garbage].concat()).await.expect("the other end reads");
    assert_eq!(pair.event().await, Event::Received(Ok(keepalive())));
    assert_eq!(pair.event().await, Event::Received(Err(DecodeError::NotSynchronized)));
    // The answer reaches the peer, whatever else it has said meanwhile.
    pair.far.write_all(&keepalive()).await.expect("the other end reads");
    pair.near.send(notification(), None);
    let closed = pair.near.close();
    let mut last_words = Vec::new();
    soon(pair.far.read_to_end(&mut last_words)).await.expect("closed in order");
    assert_eq!(last_words, notification());
    drop(pair.far);
    soon(closed).await.expect("it ends");
    assert!(soon(pair.events.next()).await.is_none());
}

#[tokio::test]
async fn the_end_after_a_bad_header_is_told_once() {
    let mut pair = pair(4).await;
    pair.far.write_all(&[0; 40]).await.expect("the other end reads");
    assert_eq!(pair.event().await, Event::Received(Err(DecodeError::NotSynchronized)));
    pair.far.shutdown().await.expect("it is open");
    assert_eq!(pair.event().await, Event::Closed("closed by the peer".to_owned()));
    pair.ends_without_a_word().await;
}
