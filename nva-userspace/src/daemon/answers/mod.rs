//! The daemon's state as replies of the control protocol.

mod aggregates;
mod audit;
mod bfd;
mod capture;
mod command;
mod connections;
mod explain;
mod fib;
mod hubs;
mod peers;
mod routes;
mod xdp;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::handle::{Handle, State};
use crate::config::Config;
use crate::control::{Answer, Call, Command, Done, DoneReply, HopReply, Refusal, Request, Rows};
use crate::host::{Hop, HostState};
use crate::transport::bfd::BfdStatus;

/// Answers for a daemon that runs with a configuration file.
#[derive(Clone)]
pub struct Answers {
    handle: Handle,
    path: PathBuf,
}

impl Answers {
    /// For the daemon behind this handle, which runs with this file.
    pub fn new(handle: Handle, path: PathBuf) -> Answers {
        Answers { handle, path }
    }

    /// Answers a request, or carries out a command.
    pub async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let answer = match call {
            Call::Capture(request) => return Ok(Answer::Hold(capture::capture(&self.handle, &request).await?)),
            Call::Show(request) => self.show(request).await,
            Call::Do(Command::Reload { dry_run }) => return json(self.reload(dry_run).await?).map(Answer::Reply),
            Call::Do(Command::Audit) => self.handle.audit().await.map(|found| json(audit::found(&found))),
            Call::Do(command) => {
                self.handle.order(move |speaker, now| json(command::command(speaker, &command, now)?)).await
            }
        };
        answer.unwrap_or_else(ending).map(Answer::Reply)
    }

    async fn show(&self, request: Request) -> Option<Result<Value, Refusal>> {
        // A thread of its own knows of BFD: it is asked first.
        let bfd = if request == Request::Bfd { self.handle.bfd.status().await? } else { BfdStatus::default() };
        self.handle.ask(move |state| reply(state, &bfd, &request)).await
    }

    /// Reads the configuration file again and goes on with what it says, or says what that would change. A file with
    /// problems changes nothing.
    pub async fn reload(&self, dry_run: bool) -> Result<DoneReply, Refusal> {
        let problems = |error| refuse(format!("the running configuration stays, as the file has problems:\n{error}"));
        let config = Config::load(&self.path).or_else(problems)?;
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        let reloaded =
            self.handle.reload(config, dry_run).await.map_or_else(ending, |reloaded| reloaded.or_else(refuse))?;
        let done = |peer: Option<&str>, done: String| Done { peer: peer.unwrap_or("-").to_owned(), done };
        let changes = reloaded.changes.iter().map(|change| done(change.peer(), change.to_string()));
        let signed = "password: connections go on with the new one";
        let passwords = reloaded.passwords.iter().map(|peer| done(Some(peer), signed.to_owned()));
        let restart = reloaded.restart.iter().map(|key| done(None, format!("{key} stays as it is until a restart")));
        let warnings = warnings.into_iter().map(|text| done(None, text));
        Ok(Rows { rows: changes.chain(passwords).chain(restart).chain(warnings).collect() })
    }
}

fn ending<T>() -> Result<T, Refusal> {
    refuse("the daemon is ending")
}

fn reply(state: &State<'_>, bfd: &BfdStatus, request: &Request) -> Result<Value, Refusal> {
    match request {
        Request::Peers => json(peers::peers(state)),
        Request::Routes(which) => json(routes::routes(state, which)?),
        Request::Connections => json(connections::connections(state)),
        Request::Fib => json(fib::fib(state)),
        Request::Xdp => json(xdp::xdp(state)?),
        Request::Hubs => json(hubs::hubs(state)),
        Request::Aggregates => json(aggregates::aggregates(state)),
        Request::Bfd => json(bfd::bfd(state, bfd)),
        Request::Config => json(&state.config.text),
        Request::Explain { target } => json(explain::explain(state, target)?),
    }
}

fn json(reply: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(reply).map_err(|error| Refusal { error: error.to_string() })
}

fn refuse<T>(error: impl ToString) -> Result<T, Refusal> {
    Err(Refusal { error: error.to_string() })
}

fn hops(hops: &[Hop], host: &HostState) -> Vec<HopReply> {
    let name = |index: u32| host.link(index).map_or_else(|| format!("#{index}"), |link| link.name.clone());
    hops.iter()
        .map(|hop| HopReply {
            gateway: hop.gateway.map(|gateway| gateway.to_string()),
            interface: name(hop.link),
            weight: hop.weight,
        })
        .collect()
}
