//! `nva run`.

use std::io::IsTerminal;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::control::Server;
use crate::daemon::answers::Answers;
use crate::daemon::{Daemon, Ending};

/// Runs the daemon.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    start_logging();
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let server = Server::bind(&config.control_socket)?;
        config.warnings.iter().for_each(|warning| warn!("{warning}"));
        info!(asn = %config.speaker.asn, router_id = %config.speaker.router_id, peers = config.speaker.peers.len(),
            version = env!("CARGO_PKG_VERSION"), "starting");
        let daemon = Daemon::open(config)?;
        let handle = daemon.handle();
        let answers = Answers::new(handle, path.to_owned());
        let hangup = tokio::spawn(reload_on_hangup(answers.clone(), signal(SignalKind::hangup())?));
        let control = tokio::spawn(server.serve(move |call| {
            let answers = answers.clone();
            async move { answers.answer(call).await }
        }));
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        daemon
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {
                        info!("SIGTERM: closing the sessions; peers with graceful-restart = true keep our routes");
                        Ending::Restart
                    }
                    _ = interrupt.recv() => {
                        info!("SIGINT: closing the sessions for good");
                        Ending::ForGood
                    }
                }
            })
            .await?;
        hangup.abort();
        control.abort();
        // Its socket file is gone once it has ended.
        let _ = control.await;
        Ok(())
    })
}

/// SIGHUP reads the configuration file again, as `nva reload` does.
async fn reload_on_hangup(answers: Answers, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        match answers.reload(false).await {
            Ok(reply) => {
                info!(changes = reply.rows.len(), "SIGHUP: configuration read again");
                reply.rows.iter().for_each(|row| info!(peer = row.peer, change = row.done, "reloaded"));
            }
            Err(refusal) => error!("SIGHUP: {}", refusal.error),
        }
    }
}

/// A thousand peers have a thousand sockets, and the usual soft limit is about as much: all that we may have, then.
fn raise_file_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!(%error, "cannot raise the limit of open files");
    }
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
