//! The sockets on which peers reach us.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tracing::warn;

use super::error::{DaemonError, ReloadError};
use crate::config::Config;
use crate::net::Prefix;
use crate::transport::{Endpoints, IoThread, Listener, Password};

/// How long a listener rests after an error, so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that were accepted and wait to be looked at; more wait in the kernel.
const ACCEPT_AHEAD: usize = 64;

/// The sockets that listen; each has a task that accepts.
pub struct Listeners {
    sockets: Vec<Arc<Listener>>,
}

impl Listeners {
    /// Listens on every address of the configuration; who accepts runs on the thread for sockets.
    pub fn open(
        config: &Config,
        io: &IoThread,
    ) -> Result<(Listeners, mpsc::Receiver<(TcpStream, Endpoints)>), DaemonError> {
        let _io = io.runtime().enter();
        let (connections, accepted) = mpsc::channel(ACCEPT_AHEAD);
        let mut sockets = Vec::new();
        for address in &config.listen {
            if let Some(listener) = bind(*address, config)?.map(Arc::new) {
                tokio::spawn(accept(Arc::clone(&listener), connections.clone()));
                sockets.push(listener);
            }
        }
        Ok((Listeners { sockets }, accepted))
    }

    /// Changes whose connections are signed with what, from now on. If the kernel refuses that, all is as it was.
    pub fn sign(
        &self,
        old: &BTreeMap<Prefix, &Password>,
        new: &BTreeMap<Prefix, &Password>,
    ) -> Result<(), ReloadError> {
        let differs = |peers: &&Prefix| old.get(*peers) != new.get(*peers);
        let changed: BTreeSet<Prefix> = old.keys().chain(new.keys()).filter(differs).copied().collect();
        let set = |peers: Prefix, password: Option<&&Password>| {
            self.sockets.iter().try_for_each(|socket| socket.set_password(peers, password.copied()))
        };
        for peers in &changed {
            if let Err(source) = set(*peers, new.get(peers)) {
                for peers in changed.range(..=*peers) {
                    // There was room for it before.
                    let _ = set(*peers, old.get(peers));
                }
                return Err(ReloadError::Password { peers: *peers, source });
            }
        }
        Ok(())
    }
}

fn bind(address: SocketAddr, config: &Config) -> Result<Option<Listener>, DaemonError> {
    match Listener::bind(address, config.passwords()) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if address.ip().is_unspecified() && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            warn!(%address, "not listening there: the kernel has this address family switched off");
            Ok(None)
        }
        Err(source) => Err(DaemonError::Listen { address, source }),
    }
}

async fn accept(listener: Arc<Listener>, connections: mpsc::Sender<(TcpStream, Endpoints)>) {
    loop {
        match listener.accept().await {
            Ok(connection) => {
                if connections.send(connection).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of file descriptors, or the other side gave up already: neither is for ever.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
