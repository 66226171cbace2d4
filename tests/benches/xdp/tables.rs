//! How long it takes to fill the kernel's table, and ours.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nva::fib::mirror::{Mirror, XdpOp};
use nva::fib::{Fib, FibConfig, Wanted};
use nva::host::HostState;
use nva::kernel::{Monitor, MonitorConfig, Routes};
use nva::net::AfiSafi;
use nva::route::NextHop;
use nva_tests::route_set::RouteSet;

use crate::circuit::{Circuit, Way};
use crate::contender;

/// How long the kernel may take to tell all of its routes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was filled, and how long each step took.
pub struct Filled {
    /// Until every route was in the kernel, from the moment when all were wanted.
    pub kernel: Duration,
    /// What of that was spent in asking the kernel.
    pub netlink: Duration,
    /// Until every route was known again as the kernel tells it.
    pub told: Duration,
    /// Until it was known what the tables have to hold.
    pub mirrored: Duration,
    /// That.
    pub ops: Vec<XdpOp>,
}

/// Installs the routes in the router's kernel as `nva` does, and works out what its tables have to hold.
pub fn fill(circuit: &Circuit, way: Way, routes: &RouteSet) -> anyhow::Result<Filled> {
    let ports = contender::ports(circuit)?;
    circuit.router.enter(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (kernel, netlink) = install(&state().await?, way, routes).await?;
            let start = Instant::now();
            let host = state().await?;
            let told = start.elapsed();
            let start = Instant::now();
            let mut mirror = Mirror::new(ports);
            mirror.rebuild(&host);
            let ops = mirror.everything();
            let mirrored = start.elapsed();
            ensure!(mirror.routes().count() > routes.routes.len(), "the kernel does not have all routes");
            Ok(Filled { kernel, netlink, told, mirrored, ops })
        })
    })?
}

async fn install(host: &HostState, way: Way, routes: &RouteSet) -> anyhow::Result<(Duration, Duration)> {
    let mut fib = Fib::new(FibConfig::default());
    fib.adopt(host);
    let mut kernel = Routes::open()?;
    let wanted: Vec<_> =
        routes.routes.iter().map(|(prefix, number)| (*prefix, gateway(way, *prefix, *number))).collect();
    let start = Instant::now();
    for (prefix, gateway) in wanted {
        fib.want(prefix, Some(Wanted::through([NextHop::Via(gateway)])), host);
    }
    let mut netlink = Duration::ZERO;
    loop {
        let ops: Vec<_> = std::iter::from_fn(|| fib.poll_op()).collect();
        if ops.is_empty() {
            return Ok((start.elapsed(), netlink));
        }
        let asked = Instant::now();
        let results = kernel.apply(&ops).await;
        netlink += asked.elapsed();
        for (op, result) in ops.iter().zip(results) {
            result.as_ref().map_err(Clone::clone).context("a route")?;
            fib.acknowledge(op, result.map_err(|error| error.to_string()));
        }
    }
}

/// The address of a neighbour on the egress.
fn gateway(way: Way, prefix: nva::net::Prefix, number: u8) -> IpAddr {
    let (_, net, _) = way.egress();
    match prefix.family() {
        AfiSafi::Ipv4Unicast => IpAddr::from([10, net, 0, number + 2]),
        AfiSafi::Ipv6Unicast => IpAddr::from([0xfd00, net.into(), 0, 0, 0, 0, 0, u16::from(number) + 2]),
    }
}

/// The network as the kernel tells it.
async fn state() -> anyhow::Result<HostState> {
    let mut monitor = Monitor::start(MonitorConfig::default())?;
    let first = tokio::time::timeout(PATIENCE, monitor.next()).await.context("the kernel takes too long")?;
    let mut host = HostState::default();
    host.apply(first.context("the monitor ended")??);
    Ok(host)
}
