//! Answering.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tracing::debug;

use super::{ControlError, Refusal, Request};

/// The longest request, in octets.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// How long a client may take over its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rest after an error, so that a lack of file descriptors does not make us spin.
const PAUSE: Duration = Duration::from_millis(100);

/// The control socket of a running daemon; the file goes when this does.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Opens the socket for the owner alone. A socket file that nobody answers on any more is replaced.
    pub fn bind(path: &Path) -> Result<Server, ControlError> {
        let failed = |source: io::Error| ControlError::Bind { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(ControlError::Occupied { path: path.to_owned() });
        }
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Server { listener, path: path.to_owned() })
    }

    /// Answers for ever; `answer` makes the reply to a request.
    pub async fn serve<F, A>(self, answer: F)
    where
        F: Fn(Request) -> A + Clone + Send + 'static,
        A: Future<Output = Result<serde_json::Value, Refusal>> + Send,
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
        // Somebody may have cleaned up already.
        let _ = fs::remove_file(&self.path);
    }
}

async fn converse<F, A>(mut stream: UnixStream, answer: F) -> Result<(), ControlError>
where
    F: Fn(Request) -> A,
    A: Future<Output = Result<serde_json::Value, Refusal>>,
{
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut request = BufReader::new(read.take(LONGEST_REQUEST));
    tokio::time::timeout(PATIENCE, request.read_line(&mut line)).await.map_err(io::Error::from)??;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => answer(request).await,
        Err(error) => Err(Refusal { error: format!("not a request: {error}") }),
    };
    let mut reply = serde_json::to_vec(&reply)?;
    reply.push(b'\n');
    write.write_all(&reply).await?;
    Ok(())
}
