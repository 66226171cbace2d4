//! Very many at once: a thousand peers, and thousands of connections of one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nva_tests::netns::Namespace;
use nva_tests::wait::seen;
use tokio::sync::oneshot;

use crate::common::crowd::{Member, Seen};
use crate::common::place::{CROWD, MEMBERS, MOST_CONNECTIONS, Place, hub};
use crate::turn;

/// This many members, in a thread of their own until `stop` goes.
fn start_crowd(namespace: &Namespace, members: u32) -> (Arc<Seen>, oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, namespace) = (Arc::<Seen>::default(), namespace.clone());
    let counted = Arc::clone(&told);
    let thread = thread::spawn(move || {
        let crowd = async {
            let mut streams = Vec::new();
            for number in 0..members {
                let member = Member::new(CROWD, number);
                streams.push((member, member.connect(hub()).await.expect("the hub listens")));
            }
            // All are connected: now they speak at once.
            for (member, stream) in streams {
                let seen = Arc::clone(&counted);
                tokio::spawn(async move {
                    let ended = member.speak(stream, Arc::clone(&seen)).await;
                    eprintln!("{}: {ended:?}", member.address);
                    seen.ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            let _ = stopped.await;
        };
        let run =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(crowd);
        namespace.enter(run).expect("a namespace");
    });
    (told, stop, thread)
}

#[test]
fn a_thousand_peers_come_at_once_and_learn_each_others_routes() {
    let _turn = turn();
    let place = Place::new("");
    let start = Instant::now();
    let (told, stop, thread) = start_crowd(&place.crowd, MEMBERS);
    let all = usize::try_from(MEMBERS).expect("few");
    place.wait("every session", || {
        let up = told.established.load(Ordering::Relaxed);
        seen(up == all, || format!("{up} of {all}"))
    });
    let established = start.elapsed();
    // Each is told what the others have.
    let routes = all * (all - 1);
    place.wait("every route", || {
        let known = told.routes.load(Ordering::Relaxed);
        seen(known >= routes, || format!("{known} of {routes}"))
    });
    let converged = start.elapsed();
    println!("{all} sessions established after {established:?}, {routes} announcements after {converged:?}");
    println!("memory: {} KiB", place.memory());
    assert_eq!(told.ended.load(Ordering::Relaxed), 0);
    let reply = place.show("connections");
    assert_eq!((&reply["listen"][0]["peers"], &reply["open"]), (&MEMBERS.into(), &MEMBERS.into()), "{reply}");
    assert!(established < Duration::from_secs(30), "{established:?}");
    let _ = stop.send(());
    thread.join().expect("no panic");
}

#[test]
fn a_peer_that_connects_again_and_again_has_few_connections_at_once() {
    let _turn = turn();
    let place = Place::new("");
    let (told, stop, thread) = start_crowd(&place.crowd, 1);
    place.wait("the peer", || seen(told.established.load(Ordering::Relaxed) == 1, || "not yet"));
    let before = place.memory();
    let member = Member::new(CROWD, 0);
    let attempts = async {
        let mut open = Vec::new();
        for _ in 0..3000 {
            // Refused ones may be reset before we know of them.
            open.extend(member.connect(hub()).await.ok());
        }
        open.len()
    };
    let run =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(attempts);
    let connected = place.crowd.enter(run).expect("a namespace");
    place.wait("the refusals", || {
        let refused = place.refused("too-many-connections");
        seen(refused > 2000, || format!("{refused} of {connected}"))
    });
    let open = place.show("connections")["open"].as_u64().expect("a count");
    assert!(open <= MOST_CONNECTIONS, "{open} of {connected}");
    let after = place.memory();
    println!("{connected} connections of a peer: memory {before} KiB before, {after} KiB after");
    assert!(after < before + 8 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(told.ended.load(Ordering::Relaxed), 0, "its session goes on");
    let _ = stop.send(());
    thread.join().expect("no panic");
}
