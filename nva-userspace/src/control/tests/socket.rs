//! The socket file: whose it is, and what becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::super::{ControlError, Request, Server};
use super::{Daemon, ask_there, echo, soon};

#[tokio::test]
async fn the_socket_is_for_its_owner_alone_and_goes_with_the_server() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("not/there/yet.sock");
    let server = Server::bind(&path).expect("its directories are made");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    drop(server);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_server_whose_task_is_stopped_leaves_nothing() {
    let daemon = Daemon::start();
    daemon.serving.abort();
    let socket = daemon.socket();
    assert!(soon(daemon.serving).await.expect_err("it serves for ever").is_cancelled());
    assert!(!socket.exists());
}

#[tokio::test]
async fn two_daemons_do_not_share_a_socket() {
    let daemon = Daemon::start();
    let error = Server::bind(&daemon.socket()).expect_err("somebody answers");
    assert!(matches!(&error, ControlError::Occupied { path } if *path == daemon.socket()), "{error}");
    let _: Value = ask_there(&daemon.socket(), Request::Peers).await.expect("the first is as it was");
}

#[tokio::test]
async fn a_daemon_that_hangs_is_still_there() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("nva.sock");
    let hanging = Server::bind(&path).expect("nobody else is there");
    // Nobody accepts: in the end the queue is full, and whoever waits to connect would wait for ever.
    for _ in 0..1000 {
        assert!(matches!(Server::bind(&path), Err(ControlError::Occupied { .. })));
    }
    drop(hanging);
}

#[tokio::test]
async fn a_socket_that_is_left_over_is_replaced() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("nva.sock");
    // The file stays when a listener of the standard library goes, as after a crash.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    let server = Server::bind(&path).expect("nobody answers any more");
    let serving = tokio::spawn(server.serve(echo));
    let _: Value = ask_there(&path, Request::Peers).await.expect("an answer");
    serving.abort();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("precious");
    fs::write(&path, "data").expect("written");
    let error = Server::bind(&path).expect_err("not ours to remove");
    assert!(error.to_string().ends_with("there is a file that is no socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("it is still there"), "data");
    let error = Server::bind(directory.path()).expect_err("a directory");
    assert!(matches!(error, ControlError::Bind { .. }), "{error}");
}

#[tokio::test]
async fn the_socket_of_a_successor_is_left_alone() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("nva.sock");
    let first = Server::bind(&path).expect("nobody else is there");
    fs::remove_file(&path).expect("somebody cleans up");
    let second = Server::bind(&path).expect("nobody else is there");
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn nobody_there_is_told_with_advice() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("nva.sock");
    let error = ask_there::<Value>(&path, Request::Peers).await.expect_err("nobody is there");
    assert!(matches!(&error, ControlError::Connect { path: tried, .. } if *tried == path), "{error:?}");
    assert!(error.to_string().contains("is `nva run` running?"), "{error}");
    let denied = ControlError::Connect { path: path.clone(), source: std::io::ErrorKind::PermissionDenied.into() };
    assert!(denied.to_string().contains("ask as that user"), "{denied}");
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_an_error() {
    let directory = TempDir::new().expect("a directory");
    let long = directory.path().join("x".repeat(120));
    for path in [&long, Path::new("/proc/no/such")] {
        let error = Server::bind(path).expect_err("impossible");
        assert!(matches!(error, ControlError::Bind { .. }), "{error}");
    }
}
