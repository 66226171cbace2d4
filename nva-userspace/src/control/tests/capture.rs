//! A conversation that carries a descriptor and lasts until the client goes.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

use super::super::{
    Answer, Call, CaptureEnd, CaptureInterface, CaptureReply, CaptureRequest, CaptureTotals, ControlError, Held,
    Refusal, RunningCapture, Server,
};
use super::soon;

/// A daemon that hands over one end of a pair of sockets, with `ring` in it, and counts how many captures have ended.
struct Daemon {
    directory: TempDir,
    serving: JoinHandle<()>,
    ended: Arc<Semaphore>,
}

impl Daemon {
    fn start() -> Daemon {
        let directory = TempDir::new().expect("a directory");
        let server = Server::bind(&directory.path().join("nva.sock")).expect("nobody else is there");
        let ended = Arc::new(Semaphore::new(0));
        let counter = ended.clone();
        let serving = tokio::spawn(server.serve(move |call| {
            let counter = counter.clone();
            async move { answer(call, counter) }
        }));
        Daemon { directory, serving, ended }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("nva.sock")
    }

    async fn begin(&self, request: CaptureRequest) -> Result<(RunningCapture, OwnedFd), ControlError> {
        let socket = self.socket();
        soon(spawn_blocking(move || RunningCapture::begin(&socket, &request))).await.expect("no panic")
    }

    /// Waits until as many have ended since the last time.
    async fn wait_for_ended(&self, captures: u32) {
        soon(self.ended.acquire_many(captures)).await.expect("it is open").forget();
    }
}

fn answer(call: Call, ended: Arc<Semaphore>) -> Result<Answer, Refusal> {
    let Call::Capture(request) = call else { return Ok(json!("something else").into()) };
    if request.rate == Some(7) {
        return Err(Refusal { error: "not seven".to_owned() });
    }
    let (mut ours, theirs) = Socket::pair().expect("a pair");
    ours.write_all(b"ring").expect("there is room");
    let end = async move {
        ended.add_permits(1);
        Ok(serde_json::to_value(totals()).expect("it is JSON"))
    };
    let reply = serde_json::to_value(reply()).expect("it is JSON");
    Ok(Answer::Hold(Held { reply, descriptor: theirs.into(), end: Box::pin(end) }))
}

/// So many interfaces that the reply is not read at once.
fn reply() -> CaptureReply {
    let interface = |index| CaptureInterface { index, name: format!("eth{index}"), mac: Some([2; 6]), captured: true };
    CaptureReply { interfaces: (1..2_000).map(interface).collect(), snap_length: 96 }
}

fn totals() -> CaptureEnd {
    CaptureEnd { interfaces: vec![CaptureTotals { index: 2, seen: 9, matched: 7, limited: 3, lost: 1 }] }
}

#[tokio::test]
async fn a_client_gets_the_ring_and_what_was_counted_when_it_ends() {
    let daemon = Daemon::start();
    let (running, ring) = daemon.begin(CaptureRequest::default()).await.expect("it runs");
    assert_eq!(running.reply, reply());
    let mut octets = [0; 4];
    Socket::from(ring).read_exact(&mut octets).expect("it is the descriptor that was given");
    assert_eq!(&octets, b"ring");
    assert_eq!(daemon.ended.available_permits(), 0, "it goes on until the client ends");
    // As whoever waits on it in an event loop.
    running.connection().and_then(|connection| connection.set_nonblocking(true)).expect("non-blocking");
    let end = soon(spawn_blocking(move || running.end())).await.expect("no panic");
    assert_eq!(end.expect("an answer"), totals());
    daemon.wait_for_ended(1).await;
}

#[tokio::test]
async fn a_client_that_dies_ends_its_capture() {
    let daemon = Daemon::start();
    for _ in 0..3 {
        let running = daemon.begin(CaptureRequest::default()).await.expect("it runs");
        drop(running);
        daemon.wait_for_ended(1).await;
    }
}

#[tokio::test]
async fn a_refusal_is_no_capture() {
    let daemon = Daemon::start();
    let error = daemon.begin(CaptureRequest { rate: Some(7), ..CaptureRequest::default() }).await.expect_err("refused");
    assert!(matches!(&error, ControlError::Refused(why) if why == "not seven"), "{error:?}");
    assert_eq!(daemon.ended.available_permits(), 0);
}

#[tokio::test]
async fn a_daemon_that_goes_ends_the_conversation() {
    let daemon = Daemon::start();
    let (running, _ring) = daemon.begin(CaptureRequest::default()).await.expect("it runs");
    // The connection belongs to a task of its own, which goes with the runtime; this only stops new ones.
    daemon.serving.abort();
    let error = daemon.begin(CaptureRequest::default()).await.expect_err("nobody is there");
    assert!(matches!(error, ControlError::Connect { .. }), "{error:?}");
    let end = soon(spawn_blocking(move || running.end())).await.expect("no panic");
    assert_eq!(end.expect("its conversation goes on"), totals());
}
