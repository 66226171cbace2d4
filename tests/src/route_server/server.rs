//! The route server's process: starts the instances, programs the fabric at every change, answers on the socket.

use std::fs;
use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::instance::Instance;
use super::{Refused, Report, Specification, peerings, selection};
use crate::fabric::{Program, Programmer};
use crate::topology::Peering;

/// Runs until SIGTERM or SIGINT.
pub fn run(specification: &Path) -> anyhow::Result<()> {
    let text = fs::read(specification).with_context(|| format!("cannot read {}", specification.display()))?;
    let specification: Specification = serde_json::from_slice(&text).context("the route server's specification")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(specification))
}

struct Server {
    peerings: Vec<Peering>,
    refused: Vec<Refused>,
    instances: Vec<Instance>,
    programmed: Mutex<Program>,
}

async fn serve(specification: Specification) -> anyhow::Result<()> {
    let (peerings, refused) = peerings::accept(&specification.peerings);
    for refused in &refused {
        warn!(peering = refused.peering.name, peer = %refused.peering.address, "refused: {}", refused.reason);
    }
    let mut instances = Vec::new();
    for (instance, namespace) in &specification.instances {
        instances.push(Instance::start(instance.clone(), namespace, &peerings, specification.fabric.vnet).await?);
    }
    let programmer = Programmer::new(&specification.fabric);
    let server = Arc::new(Server { peerings, refused, instances, programmed: Mutex::default() });
    let listener = UnixListener::bind(&specification.socket)
        .with_context(|| format!("cannot listen on {}", specification.socket.display()))?;
    info!(instances = server.instances.len(), peerings = server.peerings.len(), "the route server is up");
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        result = server.keep_programmed(programmer) => result,
        () = answer(&server, &listener) => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

impl Server {
    async fn report(&self) -> anyhow::Result<Report> {
        let mut instances = Vec::new();
        for instance in &self.instances {
            instances.push(instance.report().await?);
        }
        let programmed = self.programmed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let programmed = programmed.into_iter().map(|(prefix, next_hops)| (prefix, next_hops.into_iter().collect()));
        Ok(Report {
            peerings: self.peerings.clone(),
            refused: self.refused.clone(),
            instances,
            programmed: programmed.collect(),
        })
    }

    /// Programs the NICs whenever an instance changes; what happens meanwhile goes into the next round.
    async fn keep_programmed(&self, mut programmer: Programmer) -> anyhow::Result<()> {
        let mut changes: Vec<_> = self.instances.iter().map(Instance::changes).collect();
        loop {
            for change in &mut changes {
                change.mark_unchanged();
            }
            let report = self.report().await?;
            let wanted = selection::select(report.instances.iter().flat_map(|instance| &instance.learned));
            if let Err(error) = programmer.apply(&wanted) {
                error!("the fabric was not programmed: {error:#}");
            }
            *self.programmed.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
            any_change(&mut changes).await;
        }
    }
}

/// Ready when one of them changes; never if there is none.
async fn any_change(changes: &mut [tokio::sync::watch::Receiver<u64>]) {
    let waits = changes.iter_mut().map(|change| Box::pin(change.changed())).collect::<Vec<_>>();
    if waits.is_empty() {
        return pending().await;
    }
    // An error says that the instance has ended; the next report fails for that.
    let _ = futures::future::select_all(waits).await;
}

/// Every connection gets one report.
async fn answer(server: &Arc<Server>, listener: &UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(server);
                tokio::spawn(async move {
                    if let Err(error) = send_report(&server, stream).await {
                        warn!("cannot report: {error:#}");
                    }
                });
            }
            Err(error) => {
                error!(%error, "cannot accept a connection");
                return;
            }
        }
    }
}

async fn send_report(server: &Server, mut stream: UnixStream) -> anyhow::Result<()> {
    let report = serde_json::to_vec(&server.report().await?)?;
    stream.write_all(&report).await?;
    Ok(stream.shutdown().await?)
}
