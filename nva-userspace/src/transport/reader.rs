//! The task that reads: it cuts the stream into messages, and is the only one that tells the end of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;

use super::about::About;
use crate::packet::{self, DecodeError};

/// How much is read at once, in octets: at least the longest message.
const READ_CHUNK: usize = 64 * 1024;

/// How much is thrown away at once, in octets.
const DISCARD_CHUNK: usize = 16 * 1024;

/// Passes on what comes in until the connection ends, and tells why it ended.
///
/// Once `closing` is gone nothing is passed on any more, but the socket is still read: closing it over octets that
/// nobody has read would send a reset, and that destroys our last words on their way to the peer.
pub(super) async fn run(
    mut socket: impl AsyncRead + Unpin,
    closing: oneshot::Receiver<()>,
    longest: Arc<AtomicUsize>,
    about: About,
) {
    let telling = async {
        let reason = pass_on(&mut socket, &longest, &about).await;
        about.closed(reason).await;
    };
    // Telling may wait for an owner that waits for the close: that must not hold us.
    tokio::select! {
        biased;
        _ = closing => {}
        () = telling => return,
    }
    discard(&mut socket).await;
}

/// Passes on messages of at most `longest` octets until the connection ends; says why it ended.
pub(super) async fn pass_on(socket: &mut (impl AsyncRead + Unpin), longest: &AtomicUsize, about: &About) -> String {
    let mut octets = Vec::with_capacity(READ_CHUNK);
    loop {
        match socket.read_buf(&mut octets).await {
            Ok(0) if octets.is_empty() => return "closed by the peer".to_owned(),
            Ok(0) => return "closed by the peer in the middle of a message".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        let mut start = 0;
        loop {
            match first_message(octets.get(start..).unwrap_or_default(), longest.load(Ordering::Relaxed)) {
                Ok(Some(message)) => {
                    start += message.len();
                    if about.received(Ok(message.to_vec())).await.is_err() {
                        return "nobody listens".to_owned();
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    // Where the next message would begin nobody can tell.
                    return match about.received(Err(error)).await {
                        Ok(()) => discard(socket).await,
                        Err(_) => "nobody listens".to_owned(),
                    };
                }
            }
        }
        octets.drain(..start);
        octets.reserve(READ_CHUNK.saturating_sub(octets.len()));
    }
}

/// The message at the front, once it is all there.
fn first_message(octets: &[u8], longest: usize) -> Result<Option<&[u8]>, DecodeError> {
    let length = packet::frame_length(octets, longest)?;
    Ok(length.and_then(|length| octets.get(..length)))
}

/// Throws away what comes in until the connection ends; says why it ended.
async fn discard(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut octets = vec![0; DISCARD_CHUNK];
    loop {
        match socket.read(&mut octets).await {
            Ok(0) => return "closed by the peer".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}
