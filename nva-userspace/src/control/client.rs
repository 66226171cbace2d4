//! Asking a running daemon.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ControlError, Refusal};

/// How long a daemon may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a [`Request`](super::Request) or a [`Command`](super::Command), and waits for the reply to it.
pub fn ask<T: DeserializeOwned>(socket: &Path, request: &impl Serialize) -> Result<T, ControlError> {
    let stream =
        UnixStream::connect(socket).map_err(|source| ControlError::Connect { path: socket.to_owned(), source })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    let reply = converse(&stream, &line).map_err(in_words)?;
    let reply: Result<T, Refusal> = serde_json::from_slice(&reply)?;
    reply.map_err(|refusal| ControlError::Refused(refusal.error))
}

fn converse(mut stream: &UnixStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut reply = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut reply)?;
    // A reply is an object and its line feed: what lacks its end was cut off.
    if reply.ends_with(b"\n") { Ok(reply) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// What these errors of a socket mean here.
pub(super) fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} seconds", PATIENCE.as_secs()))
        }
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "the daemon ended before it had answered"),
        _ => error,
    }
}
