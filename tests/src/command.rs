//! What may be typed, and what is done then.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use nva_tests::daemon::{Kind, TowardsRouteServer};
use nva_tests::demo::{self, Scenario};
use nva_tests::instance::Instance;
use nva_tests::lab::{Lab, State};
use nva_tests::resources::Inventory;
use nva_tests::topology::{Choices, Topology};
use nva_tests::{az, malformed, route_server};

/// A virtual network with a route server, hubs and NVAs, in network namespaces of this machine. Needs root.
#[derive(Debug, Parser)]
#[command(name = "nva-lab", version)]
pub struct Arguments {
    /// Which lab, if there are several.
    #[arg(long, global = true, default_value = "lab")]
    name: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the article's network up and leave it up.
    Up(Network),
    /// Show sessions, the route server's peers and routes, and the effective routes of `vm`.
    Status,
    /// Run a command on a machine.
    Exec {
        /// The machine: vm, hub0, hub1, nva0 … nva9, rs0, rs1, branch0.
        machine: String,
        /// The command, after `--`.
        #[arg(required = true, last = true)]
        words: Vec<String>,
    },
    /// Remove everything.
    Down,
    /// Bring the network up, check every statement of the article, and remove it again.
    Demo {
        #[command(flatten)]
        network: Network,
        /// Leave it up.
        #[arg(long)]
        keep: bool,
    },
    /// The route server's peers, as `az network routeserver peering list` shows them.
    Peerings(Output),
    /// What a peer taught the route server, as `… list-learned-routes` shows it.
    LearnedRoutes {
        /// The peering.
        #[arg(default_value = "peer1")]
        peering: String,
        #[command(flatten)]
        output: Output,
    },
    /// The effective routes of a NIC, as `az network nic show-effective-route-table` shows them.
    EffectiveRoutes {
        /// The machine.
        #[arg(default_value = "vm")]
        machine: String,
        #[command(flatten)]
        output: Output,
    },
    /// Send malformed UPDATEs to daemons, and print docs/rfc7606.md: what each of them does, side by side.
    Malformed {
        /// Which daemons; all of them if none is named.
        daemons: Vec<Kind>,
    },
    /// Run the route server; the lab does that.
    #[command(hide = true)]
    RouteServer {
        /// Its specification.
        specification: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Network {
    /// What runs on the hubs: nva, bird (1.6.8, the article's), bird2.
    #[arg(long, default_value_t = Kind::Nva)]
    hubs: Kind,
    /// What runs on the NVAs: nva, bird, bird2.
    #[arg(long, default_value_t = Kind::Nva)]
    nvas: Kind,
    /// Show what goes wrong without the article's idea.
    #[arg(long, value_enum)]
    scenario: Option<Contrast>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Contrast {
    /// No hubs: the route server refuses the ninth NVA.
    NinthPeer,
    /// Hubs put themselves as next hop: all traffic goes to them.
    NextHopSelf,
}

#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Does it.
    pub fn run(self) -> anyhow::Result<()> {
        if let Command::RouteServer { specification } = &self.command {
            tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
            return route_server::run(specification);
        }
        ensure!(nix::unistd::geteuid().is_root(), "the lab's network namespaces need root");
        let instance = Instance::named(&self.name)?;
        match self.command {
            Command::Up(network) => up(instance, &network),
            Command::Status => status(&State::load(&instance)?),
            Command::Exec { machine, words } => exec(&State::load(&instance)?, &machine, &words),
            Command::Down => {
                Inventory::load(&instance)?.remove()?;
                println!("removed lab {}", instance.name());
                Ok(())
            }
            Command::Demo { network, keep } => demo::run(instance, &network.scenario(), network.choices(), keep),
            Command::Peerings(output) => peerings(&State::load(&instance)?, output),
            Command::LearnedRoutes { peering, output } => learned_routes(&State::load(&instance)?, &peering, output),
            Command::EffectiveRoutes { machine, output } => effective(&State::load(&instance)?, &machine, output),
            Command::Malformed { daemons } => malformed(&daemons),
            Command::RouteServer { .. } => bail!("the route server was started above"),
        }
    }
}

impl Network {
    fn scenario(&self) -> Scenario {
        match self.scenario {
            None => Scenario::Article,
            Some(Contrast::NinthPeer) => Scenario::NinthPeer,
            Some(Contrast::NextHopSelf) => Scenario::NextHopSelf,
        }
    }

    fn choices(&self) -> Choices {
        let (hubs, next_hop) = match self.scenario() {
            Scenario::Article => (Some(self.hubs), TowardsRouteServer::Keep),
            Scenario::NinthPeer => (None, TowardsRouteServer::Keep),
            Scenario::NextHopSelf => (Some(self.hubs), TowardsRouteServer::Oneself),
        };
        Choices { hubs, nvas: self.nvas, next_hop }
    }
}

fn up(instance: Instance, network: &Network) -> anyhow::Result<()> {
    let lab = Lab::up(instance, Topology::article(network.choices()))?;
    demo::wait_converged(&lab, network.scenario())?;
    let state = lab.keep()?;
    let names: Vec<&str> = state.namespaces.iter().map(|(name, _)| name.as_str()).collect();
    println!("lab {} is up: {}", state.instance.name(), names.join(", "));
    println!("look at it: nva-lab status; nva-lab exec vm -- ping 100.0.0.100; nva-lab down");
    Ok(())
}

fn status(state: &State) -> anyhow::Result<()> {
    let report = state.report()?;
    let mut rows = Vec::new();
    for daemon in &state.daemons {
        let sessions = daemon.sessions();
        let (up, all) = match &sessions {
            Ok(sessions) => (sessions.iter().filter(|session| session.established).count(), sessions.len()),
            Err(_) => (0, daemon.setup.router.peers.len()),
        };
        let note = sessions.err().map(|error| error.to_string().lines().next().unwrap_or_default().to_owned());
        let router = &daemon.setup.router;
        rows.push(vec![
            daemon.setup.machine.clone(),
            daemon.kind.to_string(),
            router.asn.to_string(),
            router.address.to_string(),
            format!("{up}/{all}"),
            note.unwrap_or_default(),
        ]);
    }
    println!("{}", az::table(&["Machine", "Daemon", "Asn", "Address", "Established", "Note"], rows.into_iter()));
    println!("{}", az::peering_list(&report));
    for refused in &report.refused {
        println!("refused: {} ({}): {}", refused.peering.name, refused.peering.address, refused.reason);
    }
    for peering in &report.peerings {
        println!("{} ({})\n{}", peering.name, peering.address, az::learned_routes(&report, 0, peering.address));
    }
    println!("vm\n{}", az::effective_route_table(&state.effective_routes("vm")?));
    Ok(())
}

fn exec(state: &State, machine: &str, words: &[String]) -> anyhow::Result<()> {
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = state.namespace(machine)?.command(program)?;
    if let Ok(daemon) = state.daemon(machine) {
        // So that `nva show …` finds this machine's daemon.
        command.env("NVA_SOCKET", daemon.setup.directory.join("nva.sock"));
    }
    Err(command.args(arguments).exec()).with_context(|| format!("cannot run {program}"))
}

fn peerings(state: &State, output: Output) -> anyhow::Result<()> {
    let report = state.report()?;
    print(output, || az::peering_list(&report), &serde_json::to_value(&report.peerings)?)
}

fn learned_routes(state: &State, peering: &str, output: Output) -> anyhow::Result<()> {
    let report = state.report()?;
    let found = report.peerings.iter().find(|found| found.name == peering);
    let peer = found.with_context(|| format!("the route server has no peering {peering}"))?.address;
    print(output, || az::learned_routes(&report, 0, peer), &report.learned_from(peer))
}

fn effective(state: &State, machine: &str, output: Output) -> anyhow::Result<()> {
    let routes = state.effective_routes(machine)?;
    print(output, || az::effective_route_table(&routes), &serde_json::json!({ "value": routes }))
}

fn malformed(daemons: &[Kind]) -> anyhow::Result<()> {
    const ALL: [Kind; 5] = [Kind::Nva, Kind::Bird2, Kind::Frr, Kind::Gobgp, Kind::Openbgpd];
    let daemons = if daemons.is_empty() { &ALL } else { daemons };
    let mut columns = Vec::new();
    for kind in daemons {
        let outcomes = malformed::run(*kind, |_| false)?.into_iter().map(|(_, _, outcome)| outcome).collect();
        columns.push(malformed::Column { name: kind.with_version()?, outcomes });
    }
    print!("{}", malformed::report(&columns));
    Ok(())
}

fn print(output: Output, table: impl FnOnce() -> String, json: &serde_json::Value) -> anyhow::Result<()> {
    if output.json {
        println!("{}", serde_json::to_string_pretty(json)?);
    } else {
        print!("{}", table());
    }
    Ok(())
}
