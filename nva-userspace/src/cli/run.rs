//! `nva run`.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::control::Server;
use crate::daemon::{Daemon, answers};

/// Runs the daemon.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    start_logging();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let server = Server::bind(&config.control_socket)?;
        info!(asn = %config.speaker.asn, router_id = %config.speaker.router_id, peers = config.speaker.peers.len(),
            version = env!("CARGO_PKG_VERSION"), "starting");
        let daemon = Daemon::open(config)?;
        let handle = daemon.handle();
        let control = tokio::spawn(server.serve(move |request| answers::answer(handle.clone(), text.clone(), request)));
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        daemon
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => info!("SIGTERM: closing the sessions"),
                    _ = interrupt.recv() => info!("SIGINT: closing the sessions"),
                }
            })
            .await?;
        control.abort();
        // Its socket file is gone once it has ended.
        let _ = control.await;
        Ok(())
    })
}

/// Logs to standard error, for journald; `RUST_LOG` chooses what.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
