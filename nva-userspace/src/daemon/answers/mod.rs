//! The daemon's state as replies of the control protocol.

mod explain;
mod fib;
mod peers;
mod routes;
mod xdp;

use serde::Serialize;
use serde_json::Value;

use super::handle::{Handle, State};
use crate::control::{HopReply, Refusal, Request};
use crate::host::{Hop, HostState};

/// Answers a request; `config` is the text of the configuration that runs.
pub async fn answer(handle: Handle, config: String, request: Request) -> Result<Value, Refusal> {
    handle
        .ask(move |state| reply(state, &config, &request))
        .await
        .unwrap_or_else(|| Err(Refusal { error: "the daemon is ending".to_owned() }))
}

fn reply(state: &State<'_>, config: &str, request: &Request) -> Result<Value, Refusal> {
    match request {
        Request::Peers => json(peers::peers(state)),
        Request::Routes(which) => json(routes::routes(state, which)?),
        Request::Fib => json(fib::fib(state)),
        Request::Xdp => json(xdp::xdp(state)?),
        Request::Config => json(config),
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
