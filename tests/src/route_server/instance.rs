//! One instance: a whole `nva` speaker on a thread that is in the instance's namespace.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::thread;

use anyhow::{Context, anyhow};
use ipnet::Ipv4Net;
use nva::config::Config;
use nva::daemon::{Daemon, Ending, Handle, State};
use nva::route::NextHop;
use tokio::sync::oneshot;

use super::report::LEARNED_WEIGHT;
use super::{AdvertisedRoute, InstanceReport, LearnedRoute, PeerReport};
use crate::netns::Namespace;
use crate::topology::{Peering, ROUTE_SERVER_ASN, RouteServerInstance};

/// A running instance.
pub(super) struct Instance {
    pub(super) specification: RouteServerInstance,
    handle: Handle,
    /// Dropped, it stops the speaker.
    _stop: oneshot::Sender<()>,
}

impl Instance {
    /// Starts a speaker that waits for the peers to connect.
    pub(super) async fn start(
        specification: RouteServerInstance,
        namespace: &Namespace,
        peerings: &[Peering],
        vnet: Ipv4Net,
    ) -> anyhow::Result<Instance> {
        let text = configuration(&specification, peerings, vnet);
        let config = Config::parse(&specification.name, &text).context("the route server's own configuration")?;
        let (started, wait_started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (name, namespace) = (specification.name.clone(), namespace.clone());
        thread::Builder::new().name(name.clone()).spawn(move || {
            // Only this thread is in the namespace: whatever the speaker opens, it opens there.
            if let Err(error) = namespace.enter(|| speak(config, started, stopped)).and_then(|result| result) {
                tracing::error!(instance = name, "ended: {error:#}");
            }
        })?;
        let handle = wait_started.await.with_context(|| format!("{} did not start", specification.name))?;
        Ok(Instance { specification, handle, _stop: stop })
    }

    /// Ready when something changed since the last time.
    pub(super) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.handle.changes()
    }

    /// What it knows now.
    pub(super) async fn report(&self) -> anyhow::Result<InstanceReport> {
        let specification = self.specification.clone();
        let report = self.handle.ask(move |state| report(&specification, state)).await;
        report.ok_or_else(|| anyhow!("{} has ended", self.specification.name))
    }
}

fn speak(config: Config, started: oneshot::Sender<Handle>, stopped: oneshot::Receiver<()>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let daemon = Daemon::open(config)?;
        // Whoever waits for the handle may have given up.
        let _ = started.send(daemon.handle());
        daemon
            .run(async {
                drop(stopped.await);
                Ending::ForGood
            })
            .await?;
        Ok(())
    })
}

/// Accepts everything, tells the VNet's prefix, and keeps the kernel out of it. Offers IPv6, as Azure does.
fn configuration(instance: &RouteServerInstance, peerings: &[Peering], vnet: Ipv4Net) -> String {
    let RouteServerInstance { name, address } = instance;
    let mut text = format!(
        r#"[router]
asn = {ROUTE_SERVER_ASN}
router-id = "{address}"
listen = ["{address}"]
control-socket = "/nonexistent/{name}"

[fib]
install = false

[originate]
prefixes = ["{vnet}"]

[[policy]]
name = "learn"
statement = [{{ then = {{ accept = true }} }}]

[[policy]]
name = "tell"
statement = [{{ match = {{ source = "local" }}, then = {{ next-hop = "self", accept = true }} }}]
"#
    );
    for Peering { name, asn, address: peer } in peerings {
        text += &format!(
            r#"
[[peer]]
name = "{name}"
asn = {asn}
address = "{peer}"
local-address = "{address}"
multihop = 8
passive = true
hold-time = 180
import = ["learn"]
export = ["tell"]
"#
        );
    }
    text
}

fn report(instance: &RouteServerInstance, state: &State<'_>) -> InstanceReport {
    let (mut peers, mut learned, mut advertised) = (Vec::new(), Vec::new(), Vec::new());
    for peer in state.speaker.peers() {
        let IpAddr::V4(address) = peer.config().address else { continue };
        peers.push(PeerReport {
            name: peer.config().name.clone(),
            address,
            state: peer.session().state().to_string(),
            established: peer.established().is_some(),
        });
        learned.extend(learned_from(instance, state, peer.id(), address));
        for (_, routes) in peer.established().into_iter().flat_map(|established| established.adj_ribs_out()) {
            advertised.extend(routes.iter().filter_map(|(prefix, route)| {
                Some(AdvertisedRoute {
                    network: prefix.to_string().parse().ok()?,
                    as_path: dashed(&route.attributes.as_path.to_string()),
                    local_address: instance.address,
                    next_hop: v4(route.next_hop)?,
                    origin: "Igp".to_owned(),
                    weight: 0,
                })
            }));
        }
    }
    learned.sort();
    InstanceReport { name: instance.name.clone(), address: instance.address, peers, learned, advertised }
}

/// Accepted IPv4 routes of a peer. The import drops paths with our own AS, and none with AS 0 gets past the decoder.
fn learned_from(
    instance: &RouteServerInstance,
    state: &State<'_>,
    peer: nva::route::PeerId,
    address: Ipv4Addr,
) -> Vec<LearnedRoute> {
    let accepted = state.speaker.rib().routes_of(peer).filter_map(|received| received.import.ok());
    let learned = accepted.filter_map(|route| {
        let NextHop::Via(next_hop) = route.next_hop else { return None };
        Some(LearnedRoute {
            network: route.prefix.to_string().parse().ok()?,
            source_peer: address,
            as_path: dashed(&route.attributes.as_path.to_string()),
            local_address: instance.address,
            next_hop: v4(next_hop)?,
            origin: "EBgp".to_owned(),
            weight: LEARNED_WEIGHT,
        })
    });
    learned.collect()
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// An AS path as Azure writes it.
fn dashed(path: &str) -> String {
    path.replace(' ', "-")
}
