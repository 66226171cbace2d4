//! A server and its clients on a socket in a directory of their own.

mod capture;
mod protocol;
mod socket;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::server::LONGEST_REQUEST;
use super::{Call, Command, ControlError, PeerChoice, Refusal, Request, RoutesReply, RoutesRequest, Server, ask};

/// What has not come after so long never comes.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it comes in time")
}

/// A daemon that answers with the question, and refuses to explain.
struct Daemon {
    directory: TempDir,
    serving: JoinHandle<()>,
}

impl Daemon {
    fn start() -> Daemon {
        let directory = TempDir::new().expect("a directory");
        let server = Server::bind(&directory.path().join("nva.sock")).expect("nobody else is there");
        Daemon { directory, serving: tokio::spawn(server.serve(echo)) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("nva.sock")
    }

    /// What comes back for these octets.
    async fn raw(&self, request: &[u8]) -> Value {
        let mut stream = UnixStream::connect(self.socket()).await.expect("it answers");
        // It need not read all of what it refuses.
        let _ = soon(stream.write_all(request)).await;
        let _ = stream.shutdown().await;
        reply(&mut stream).await
    }
}

async fn echo(call: Call) -> Result<Value, Refusal> {
    match call {
        Call::Show(Request::Explain { target }) => Err(Refusal { error: format!("{target} cannot be explained") }),
        other => Ok(serde_json::to_value(&other).expect("a request is JSON")),
    }
}

async fn reply(stream: &mut UnixStream) -> Value {
    let mut octets = Vec::new();
    // A reset after the reply is no loss.
    let _ = soon(stream.read_to_end(&mut octets)).await;
    assert!(octets.ends_with(b"\n"), "a reply is a line: {:?}", String::from_utf8_lossy(&octets));
    serde_json::from_slice(&octets).expect("a reply is JSON")
}

async fn ask_there<T>(socket: &Path, request: Request) -> Result<T, ControlError>
where
    T: serde::de::DeserializeOwned + Send + 'static,
{
    let socket = socket.to_owned();
    soon(tokio::task::spawn_blocking(move || ask(&socket, &request))).await.expect("no panic")
}

#[tokio::test]
async fn every_request_reaches_the_daemon_and_its_reply_the_client() {
    let daemon = Daemon::start();
    let routes = RoutesRequest { all: true, prefix: Some("10.0.0.0/8".to_owned()), ..RoutesRequest::default() };
    for request in [Request::Peers, Request::Routes(routes), Request::Fib, Request::Xdp, Request::Bfd, Request::Config]
    {
        let reply: Request = ask_there(&daemon.socket(), request.clone()).await.expect("an answer");
        assert_eq!(reply, request);
    }
}

#[tokio::test]
async fn the_owner_may_command() {
    let daemon = Daemon::start();
    let peers = PeerChoice { names: vec!["nva0".to_owned()], ..PeerChoice::default() };
    let command = Command::Disable { peers, message: "until noon".to_owned() };
    let socket = daemon.socket();
    let sent = command.clone();
    let reply = soon(tokio::task::spawn_blocking(move || ask::<Command>(&socket, &sent))).await.expect("no panic");
    assert_eq!(reply.expect("an answer"), command);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let daemon = Daemon::start();
    let request = Request::Explain { target: "10.0.0.1".to_owned() };
    let error = ask_there::<Value>(&daemon.socket(), request).await.expect_err("refused");
    assert!(matches!(&error, ControlError::Refused(why) if why == "10.0.0.1 cannot be explained"), "{error:?}");
}

#[tokio::test]
async fn a_reply_of_another_kind_is_an_error() {
    let daemon = Daemon::start();
    let error = ask_there::<RoutesReply>(&daemon.socket(), Request::Peers).await.expect_err("no routes");
    assert!(error.to_string().contains("of one version?"), "{error}");
}

#[tokio::test]
async fn what_is_no_request_gets_an_error_reply() {
    let daemon = Daemon::start();
    let long = [b" ".repeat(LONGEST_REQUEST), b"{\"show\":\"peers\"}\n".to_vec()].concat();
    let cases: [(&[u8], &str); 10] = [
        (b"hello\n", "not a request: expected value"),
        (b"\n", "not a request: EOF"),
        (b"\xff\xfe\n", "not a request: "),
        (b"{\"show\":\"weather\"}\n", "unknown variant `weather`"),
        (b"{\"show\":\"routes\",\"recieved_from\":\"a\"}\n", "unknown field `recieved_from`"),
        (b"{\"show\":\"explain\"}\n", "missing field `target`"),
        (b"{\"do\":\"dance\"}\n", "unknown variant `dance`"),
        (b"{\"do\":\"enable\",\"peers\":{\"everybody\":true}}\n", "unknown field `everybody`"),
        (b"{\"do\":\"enable\",\"peers\":{},\"show\":\"peers\"}\n", "unknown field `show`"),
        (&long, "the request is longer than 65536 octets"),
    ];
    for (request, expected) in cases {
        let reply = daemon.raw(request).await;
        let error = reply["Err"]["error"].as_str().expect("an error");
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
    assert_eq!(daemon.raw(b"{\"show\":\"peers\"}\n").await, json!({ "Ok": { "show": "peers" } }), "it still answers");
}

#[tokio::test]
async fn the_longest_request_is_answered() {
    let daemon = Daemon::start();
    let mut request = b" ".repeat(LONGEST_REQUEST);
    let text = b"{\"show\":\"fib\"}\n";
    let start = request.len() - text.len();
    request[start..].copy_from_slice(text);
    assert_eq!(daemon.raw(&request).await, json!({ "Ok": { "show": "fib" } }));
    // A line feed is not missed where the request ends.
    assert_eq!(daemon.raw(b"{\"show\":\"fib\"}").await, json!({ "Ok": { "show": "fib" } }));
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting() {
    let daemon = Daemon::start();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(UnixStream::connect(daemon.socket()).await.expect("it answers"));
    }
    let half = silent.last_mut().expect("twenty");
    half.write_all(b"{\"show\":").await.expect("it reads");
    let answer: Value = ask_there(&daemon.socket(), Request::Fib).await.expect("an answer");
    assert_eq!(answer, json!({ "show": "fib" }));
    half.write_all(b"\"peers\"}\n").await.expect("it still reads");
    assert_eq!(reply(half).await, json!({ "Ok": { "show": "peers" } }));
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let daemon = Daemon::start();
    let mut silent = UnixStream::connect(daemon.socket()).await.expect("it answers");
    assert_eq!(reply(&mut silent).await, json!({ "Err": { "error": "no request within 5 seconds" } }));
}

#[tokio::test]
async fn a_daemon_that_ends_while_asked_is_told_apart() {
    let directory = TempDir::new().expect("a directory");
    let socket = directory.path().join("nva.sock");
    let listener = tokio::net::UnixListener::bind(&socket).expect("bound");
    let ending = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.expect("a request");
        stream.write_all(b"{\"Ok\":").await.expect("it reads");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let error = ask_there::<Value>(&socket, Request::Peers).await.expect_err("no answer");
    assert!(error.to_string().ends_with("the daemon ended before it had answered"), "{error}");
    assert_eq!(soon(ending).await.expect("no panic"), "{\"show\":\"peers\"}\n");
}
