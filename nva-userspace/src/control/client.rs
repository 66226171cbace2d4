//! Asking a running daemon.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{ControlError, Refusal, Request};

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a request and waits for the reply to it.
pub fn ask<T: DeserializeOwned>(socket: &Path, request: &Request) -> Result<T, ControlError> {
    let stream =
        UnixStream::connect(socket).map_err(|source| ControlError::Connect { path: socket.to_owned(), source })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut reply = String::new();
    BufReader::new(&stream).read_line(&mut reply)?;
    let reply: Result<T, Refusal> = serde_json::from_str(&reply)?;
    reply.map_err(|refusal| ControlError::Refused(refusal.error))
}
