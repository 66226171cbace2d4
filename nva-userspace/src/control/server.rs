//! Answering.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Uid;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tracing::debug;

use super::capture::{Held, send_with};
use super::{Call, ControlError, Refusal};

/// The longest request, in octets, its line feed included.
pub(super) const LONGEST_REQUEST: usize = 64 * 1024;

/// How long a client may take over its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a client may take to read its reply.
const REPLY_PATIENCE: Duration = Duration::from_secs(30);

/// Rest after an error, so that a lack of file descriptors does not make us spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients that wait for us to accept them.
const BACKLOG: i32 = 128;

/// What is answered to a request.
pub enum Answer {
    /// This, and that is all.
    Reply(Value),
    /// This, and more when the client ends.
    Hold(Held),
}

impl From<Value> for Answer {
    fn from(reply: Value) -> Answer {
        Answer::Reply(reply)
    }
}

/// The control socket of a running daemon; the file goes when this does.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
}

impl Server {
    /// Opens the socket for the owner alone. A socket file that nobody answers on any more is replaced.
    pub fn bind(path: &Path) -> Result<Server, ControlError> {
        let failed = |source: io::Error| ControlError::Bind { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        if is_answered(path).map_err(failed)? {
            return Err(ControlError::Occupied { path: path.to_owned() });
        }
        let listener = listen(path).map_err(failed)?;
        let file = FileId::of(path).map_err(failed)?;
        Ok(Server { listener, path: path.to_owned(), file })
    }

    /// Answers for ever; `answer` makes the reply to a request.
    pub async fn serve<F, A, T>(self, answer: F)
    where
        F: Fn(Call) -> A + Clone + Send + 'static,
        A: Future<Output = Result<T, Refusal>> + Send,
        T: Into<Answer> + Send,
    {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = answer.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, answer).await {
                            debug!(%error, "control connection broke");
                        }
                    });
                }
                Err(error) => {
                    debug!(%error, "cannot accept a control connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Somebody may have cleaned up already, and another daemon may have its socket there now.
        if FileId::of(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> io::Result<FileId> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(FileId { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Whether somebody answers there; if not, a socket that is left over is removed.
fn is_answered(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        // Connecting would be refused as if it were a socket without its daemon: never remove such a file.
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A daemon that hangs lets its clients wait.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?).map_err(|error| (error.kind(), error)) {
        Ok(()) | Err((io::ErrorKind::WouldBlock, _)) => Ok(true),
        Err((io::ErrorKind::ConnectionRefused, _)) => fs::remove_file(path).map(|()| false),
        Err((_, error)) => Err(error),
    }
}

/// Listens there. Nobody can connect before the file has its permissions, because only then it is listened on.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    UnixListener::from_std(OwnedFd::from(socket).into())
}

/// Whether a client may change something, and not only look: whoever the socket is opened for in the file system.
fn may_command(client: Uid) -> bool {
    client.is_root() || client == Uid::effective()
}

async fn converse<F, A, T>(mut stream: UnixStream, answer: F) -> io::Result<()>
where
    F: Fn(Call) -> A,
    A: Future<Output = Result<T, Refusal>>,
    T: Into<Answer>,
{
    let client = Uid::from_raw(stream.peer_cred()?.uid());
    let (mut read, mut write) = stream.split();
    let mut line = Vec::new();
    let mut limited = BufReader::new((&mut read).take(LONGEST_REQUEST as u64));
    let reply = match timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await {
        // Somebody only looked whether we are there.
        Ok(Ok(0)) => return Ok(()),
        Ok(Ok(_)) => match call(&line) {
            Ok(Call::Do(_)) if !may_command(client) => {
                Err(Refusal { error: "only root and the user that runs the daemon may change something".to_owned() })
            }
            Ok(Call::Capture(_)) if !may_command(client) => {
                Err(Refusal { error: "only root and the user that runs the daemon may capture packets".to_owned() })
            }
            Ok(call) => answer(call).await.map(Into::into),
            Err(refusal) => Err(refusal),
        },
        Ok(Err(error)) => return Err(error),
        Err(_) => Err(Refusal { error: format!("no request within {} seconds", PATIENCE.as_secs()) }),
    };
    match reply {
        Ok(Answer::Reply(reply)) => say(&mut write, &Ok(reply)).await,
        Err(refusal) => say(&mut write, &Err(refusal)).await,
        Ok(Answer::Hold(Held { reply, descriptor, end })) => {
            let held = match hand_over(&mut write, reply, descriptor).await {
                Ok(()) => until_the_end(limited.into_inner().into_inner()).await,
                Err(error) => Err(error),
            };
            // However the client went: what it was for ends.
            let last = end.await;
            held?;
            say(&mut write, &last).await
        }
    }
}

async fn say(write: &mut WriteHalf<'_>, reply: &Result<Value, Refusal>) -> io::Result<()> {
    timeout(REPLY_PATIENCE, write.write_all(&line(reply)?)).await?
}

fn line(reply: &Result<Value, Refusal>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    Ok(line)
}

/// Says something, and gives the client a descriptor with it.
async fn hand_over(write: &mut WriteHalf<'_>, reply: Value, descriptor: OwnedFd) -> io::Result<()> {
    let line = line(&Ok(reply))?;
    let stream: &UnixStream = write.as_ref();
    let send = stream.async_io(Interest::WRITABLE, || send_with(stream, &line, &descriptor));
    let sent = timeout(REPLY_PATIENCE, send).await??;
    timeout(REPLY_PATIENCE, write.write_all(line.get(sent..).unwrap_or_default())).await?
}

/// Waits until the client closes its side, or dies. What it says meanwhile means nothing.
async fn until_the_end(read: &mut ReadHalf<'_>) -> io::Result<()> {
    let mut ignored = [0; 64];
    while read.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn call(line: &[u8]) -> Result<Call, Refusal> {
    if line.len() >= LONGEST_REQUEST && !line.ends_with(b"\n") {
        return Err(Refusal { error: format!("the request is longer than {LONGEST_REQUEST} octets") });
    }
    serde_json::from_slice(line).map_err(|error| Refusal { error: format!("not a request: {error}") })
}
