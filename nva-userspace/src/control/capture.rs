//! A capture's conversation. It is longer than others: the reply to the request carries the descriptor of the ring that
//! packets are copied into, and the capture runs for as long as the client keeps its side of the connection open. Then the
//! daemon says what was counted. So a client that dies ends its capture, and no packet goes through the daemon.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::{PATIENCE, in_words};
use super::{ControlError, Refusal};

/// Which packets are captured, and how much of each. What is left out does not narrow the choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureRequest {
    /// The interfaces that they come in by; none: all that XDP is attached to.
    pub interfaces: Vec<String>,
    /// What becomes of them: `forward`, `pass`, `drop`.
    pub verdicts: Vec<String>,
    /// Why, by the names that `show xdp` has.
    pub reasons: Vec<String>,
    /// Where source or destination has to be.
    pub prefix: Option<String>,
    /// Where the source has to be.
    pub source: Option<String>,
    /// Where the destination has to be.
    pub destination: Option<String>,
    /// Packets a second on each CPU; none, or 0: as many as there are.
    pub rate: Option<u32>,
    /// Octets of each frame; none: all.
    pub snap_length: Option<u32>,
}

/// The capture runs. Beside this comes the ring's descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureReply {
    /// The interfaces that packets may come in by or go out of.
    pub interfaces: Vec<CaptureInterface>,
    /// Octets of each frame.
    pub snap_length: u32,
}

/// An interface that packets are captured on, or forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureInterface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its MAC, if it has one.
    pub mac: Option<[u8; 6]>,
    /// Whether packets are captured that come in by it.
    pub captured: bool,
}

/// What was counted while the capture ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureEnd {
    /// Interface by interface.
    pub interfaces: Vec<CaptureTotals>,
}

/// What was counted on one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureTotals {
    /// Its index.
    pub index: u32,
    /// Packets that came in.
    pub seen: u64,
    /// Of these, those that were asked for.
    pub matched: u64,
    /// Of these, those that the rate limit kept out.
    pub limited: u64,
    /// Of these, those that came while the ring was full.
    pub lost: u64,
}

/// A reply that carries a descriptor, after which the connection stays open.
pub struct Held {
    /// What is said at once.
    pub reply: Value,
    /// The descriptor.
    pub descriptor: OwnedFd,
    /// What is to be done when the client ends, however it does; and what to tell it then.
    pub end: Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send>>,
}

/// A capture of ours that runs in the daemon.
#[derive(Debug)]
pub struct RunningCapture {
    /// What the daemon said.
    pub reply: CaptureReply,
    stream: UnixStream,
}

impl RunningCapture {
    /// Begins it. Returns also the ring's descriptor.
    pub fn begin(socket: &Path, request: &CaptureRequest) -> Result<(RunningCapture, OwnedFd), ControlError> {
        let stream =
            UnixStream::connect(socket).map_err(|source| ControlError::Connect { path: socket.to_owned(), source })?;
        let mut line = serde_json::to_vec(&super::Call::Capture(request.clone()))?;
        line.push(b'\n');
        let (reply, ring) = ask(&stream, &line).map_err(in_words)?;
        let reply: Result<CaptureReply, Refusal> = serde_json::from_slice(&reply)?;
        let reply = reply.map_err(|refusal| ControlError::Refused(refusal.error))?;
        let ring = ring.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the reply carried no ring"))?;
        Ok((RunningCapture { reply, stream }, ring))
    }

    /// A connection that becomes readable only when the daemon goes.
    pub fn connection(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }

    /// Ends it: from then on nothing more comes into the ring.
    pub fn end(self) -> Result<CaptureEnd, ControlError> {
        let mut reply = Vec::new();
        // Whoever waited on the connection may have made it non-blocking.
        let ended = self.stream.set_nonblocking(false).and_then(|()| self.stream.shutdown(Shutdown::Write));
        ended.and_then(|()| (&self.stream).read_to_end(&mut reply)).map_err(in_words)?;
        if reply.is_empty() {
            return Err(in_words(io::ErrorKind::UnexpectedEof.into()).into());
        }
        let end: Result<CaptureEnd, Refusal> = serde_json::from_slice(&reply)?;
        end.map_err(|refusal| ControlError::Refused(refusal.error))
    }
}

/// Sends a line and reads one, with the descriptor that comes with it.
fn ask(mut stream: &UnixStream, line: &[u8]) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    io::Write::write_all(&mut stream, line)?;
    let (mut reply, mut descriptor) = (Vec::new(), None);
    while !reply.ends_with(b"\n") {
        let (octets, received) = receive(stream)?;
        if octets.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend(octets);
        descriptor = descriptor.or(received);
    }
    Ok((reply, descriptor))
}

fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut octets = vec![0; 4096];
    let mut control = cmsg_space!([i32; 1]);
    let mut slices = [IoSliceMut::new(&mut octets)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let length = message.bytes;
    let mut descriptor = None;
    for carried in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = carried {
            // SAFETY: the kernel made these descriptors for us just now.
            descriptor = descriptors.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).next();
        }
    }
    octets.truncate(length);
    Ok((octets, descriptor))
}

/// Sends octets and with them a descriptor; says how many of the octets went.
pub(super) fn send_with(stream: &impl AsRawFd, octets: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
    let rights = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    Ok(sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(octets)], &control, flags, None)?)
}
