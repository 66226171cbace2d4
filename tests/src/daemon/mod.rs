//! Routing daemons as the lab runs them: `nva` and its neighbours from Debian's packages.
//!
//! A [`Router`] says in one language what a machine's BGP speaker shall do; each [`Kind`] writes it in its daemon's
//! own, starts the daemon in the machine's namespace, and reads back sessions and routes in one shape.

mod bird;
mod exabgp;
mod features;
mod frr;
mod gobgp;
mod nva;
mod openbgpd;
mod router;
mod view;

pub use features::{Feature, Support, table};
pub use nva::nva_binary;
pub use router::{BFD_INTERVAL, Community, Family, Options, Peer, Relation, Role, Router, TowardsRouteServer};
pub use view::{Route, Session};

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use ipnet::IpNet;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::netns::Namespace;
use crate::process::{Process, tail};
use crate::resources::Resources;
use crate::wait::wait_until;

/// How long a daemon may take until it answers its command line tool.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// This project's.
    Nva,
    /// BIRD 1.6, the article's.
    Bird1,
    /// BIRD 2.
    Bird2,
    /// FRR: zebra and bgpd.
    Frr,
    /// GoBGP, which routes nothing itself.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
    /// ExaBGP, which has no routing table of its own.
    Exabgp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] =
        [Kind::Nva, Kind::Bird1, Kind::Bird2, Kind::Frr, Kind::Gobgp, Kind::Openbgpd, Kind::Exabgp];

    /// Whether it originates the addresses of interfaces that it is given, and not only listed prefixes.
    pub fn follows_interfaces(self) -> bool {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 => true,
            Kind::Frr | Kind::Gobgp | Kind::Openbgpd | Kind::Exabgp => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Nva => "nva",
            Kind::Bird1 => "bird",
            Kind::Bird2 => "bird2",
            Kind::Frr => "frr",
            Kind::Gobgp => "gobgp",
            Kind::Openbgpd => "openbgpd",
            Kind::Exabgp => "exabgp",
        }
    }

    /// Its name with the version of the Debian package that it comes from; `nva` has none.
    pub fn with_version(self) -> anyhow::Result<String> {
        let package = match self {
            Kind::Nva => return Ok(self.name().to_owned()),
            Kind::Bird1 => return Ok("bird 1.6.8".to_owned()),
            Kind::Bird2 => "bird2",
            Kind::Frr => "frr",
            Kind::Gobgp => "gobgpd",
            Kind::Openbgpd => "openbgpd",
            Kind::Exabgp => "exabgp",
        };
        let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output()?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = version.split('-').next().filter(|text| !text.is_empty());
        Ok(format!("{} {}", self.name(), version.with_context(|| format!("package {package} is not installed"))?))
    }

    fn program(self) -> &'static dyn Program {
        match self {
            Kind::Nva => &nva::Nva,
            Kind::Bird1 => &bird::Bird::One,
            Kind::Bird2 => &bird::Bird::Two,
            Kind::Frr => &frr::Frr,
            Kind::Gobgp => &gobgp::Gobgp,
            Kind::Openbgpd => &openbgpd::Openbgpd,
            Kind::Exabgp => &exabgp::Exabgp,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Kind> {
        let names = Kind::ALL.map(Kind::name).join(", ");
        Kind::ALL.into_iter().find(|kind| kind.name() == text).with_context(|| format!("{text:?} is none of {names}"))
    }
}

/// Where a daemon runs and what it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The machine's name.
    pub machine: String,
    /// The machine's namespace.
    pub namespace: Namespace,
    /// Its own directory: configuration, sockets, logs.
    pub directory: PathBuf,
    /// Where it may pin XDP programs.
    pub pins: PathBuf,
    /// What it shall do.
    pub router: Router,
}

impl Setup {
    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The path as the text that goes into configurations.
    fn text_path(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = self.namespace.command(&program.display().to_string())?;
        command.args(arguments);
        Ok(command)
    }
}

/// How one kind of daemon is handled.
trait Program {
    /// Writes the configuration files.
    fn configure(&self, setup: &Setup) -> anyhow::Result<()>;
    /// The processes to start, in this order, none of which goes into the background.
    fn commands(&self, setup: &Setup, run: Run) -> anyhow::Result<Vec<Command>>;
    /// What is left to do once it answers.
    fn after_start(&self, _setup: &Setup) -> anyhow::Result<()> {
        Ok(())
    }
    /// Its sessions.
    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>>;
    /// The routes that it has from its peers, in use or not.
    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>>;
    /// Makes it stop originating a prefix; one that follows an interface loses it there.
    fn withdraw(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<()> {
        setup.namespace.ip(&["addr", "del", &prefix.to_string(), "dev", "lo"]).map(drop)
    }
    /// The communities of the route that it has for a prefix from a peer.
    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>>;
    /// Makes it ask a peer for its routes again (RFC 2918).
    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()>;
    /// The command with which an operator asks it for its sessions: as it is typed on the machine, and as the lab runs it.
    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)>;
}

/// Which of a daemon's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    First,
    /// It ran before, with this configuration or another one.
    Again,
}

/// A daemon on its machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Daemon {
    /// Which.
    pub kind: Kind,
    /// Where and what for.
    pub setup: Setup,
    /// Its processes; none while it is stopped.
    pub processes: Vec<Process>,
}

impl Daemon {
    /// Writes the configuration and starts the daemon; does not wait for it.
    pub fn start(kind: Kind, setup: Setup, resources: &Resources) -> anyhow::Result<Daemon> {
        resources.directory(&setup.directory)?;
        kind.program().configure(&setup)?;
        let mut daemon = Daemon { kind, setup, processes: Vec::new() };
        daemon.launch(Run::First, resources)?;
        Ok(daemon)
    }

    /// Starts it again with the configuration that it had.
    pub fn restart(&mut self, resources: &Resources) -> anyhow::Result<()> {
        self.stop()?;
        self.launch(Run::Again, resources)?;
        self.wait_ready()
    }

    /// Starts it again with another configuration.
    pub fn reconfigure(&mut self, router: Router, resources: &Resources) -> anyhow::Result<()> {
        self.stop()?;
        self.setup.router = router;
        self.kind.program().configure(&self.setup)?;
        self.launch(Run::Again, resources)?;
        self.wait_ready()
    }

    /// Waits until it answers, and does what is left to do then.
    pub fn wait_ready(&self) -> anyhow::Result<()> {
        wait_until(START_PATIENCE, &format!("{} of {} to answer", self.kind, self.setup.machine), || self.sessions())?;
        self.kind.program().after_start(&self.setup)
    }

    /// SIGTERM.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.processes.drain(..).rev().try_for_each(|process| process.stop())
    }

    /// SIGKILL: nothing is said to anybody.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.processes.drain(..).rev().try_for_each(|process| process.kill())
    }

    /// Sends a signal to each of its processes.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(|process| process.signal(signal))
    }

    /// Its sessions.
    pub fn sessions(&self) -> anyhow::Result<Vec<Session>> {
        self.check_alive()?;
        self.kind.program().sessions(&self.setup)
    }

    /// The routes that it has from its peers, in use or not, in the order of their prefixes.
    pub fn routes(&self) -> anyhow::Result<Vec<Route>> {
        self.check_alive()?;
        let mut routes = self.kind.program().routes(&self.setup)?;
        routes.sort();
        Ok(routes)
    }

    /// The communities of the route that it has for a prefix from a peer, in order.
    pub fn communities(&self, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let mut communities = self.kind.program().communities(&self.setup, prefix)?;
        communities.sort();
        Ok(communities)
    }

    /// Makes it ask a peer for its routes again (RFC 2918).
    pub fn ask_again(&self, peer: &str) -> anyhow::Result<()> {
        self.kind.program().ask_again(&self.setup, self.setup.router.peer_named(peer)?)
    }

    /// Makes it stop originating a prefix: one that is listed, or an address on the loopback if it follows interfaces.
    pub fn withdraw(&self, prefix: IpNet) -> anyhow::Result<()> {
        self.kind.program().withdraw(&self.setup, prefix)
    }

    /// What its own command line tool prints of its sessions, with the command before it.
    pub fn show_sessions(&self) -> anyhow::Result<String> {
        let (typed, words) = self.kind.program().session_command(&self.setup)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.setup.namespace.run(&words)?;
        Ok(format!("{}$ {typed}\n{output}", self.setup.machine))
    }

    /// `nva show WHAT`, as it prints it.
    pub fn show(&self, what: &[&str]) -> anyhow::Result<String> {
        nva::show_text(&self.setup, what)
    }

    /// Waits until each of its sessions is up.
    pub fn wait_established(&self, patience: Duration) -> anyhow::Result<()> {
        wait_until(patience, &format!("all sessions of {}", self.setup.machine), || {
            let sessions = self.sessions()?;
            let up = sessions.iter().filter(|session| session.established).count();
            if sessions.is_empty() || up < sessions.len() {
                let down = sessions.iter().filter(|session| !session.established);
                let down: Vec<String> = down.map(|session| format!("{} {}", session.peer, session.state)).collect();
                bail!("{up} of {} are up; {}", sessions.len(), down.join(", "));
            }
            Ok(())
        })
    }

    fn launch(&mut self, run: Run, resources: &Resources) -> anyhow::Result<()> {
        for (number, mut command) in self.kind.program().commands(&self.setup, run)?.into_iter().enumerate() {
            let log = self.setup.path(&format!("{}-{number}.log", self.kind));
            let name = format!("{} of {}", self.kind, self.setup.machine);
            self.processes.push(resources.process(&name, &mut command, &log)?);
        }
        Ok(())
    }

    /// The ends of its logs: of what its processes print, and of those that some write themselves.
    pub fn logs(&self) -> String {
        let entries = fs::read_dir(&self.setup.directory).into_iter().flatten().flatten();
        let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
        let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_log).collect();
        logs.sort();
        let name = |path: &PathBuf| path.file_name().map(|name| name.display().to_string()).unwrap_or_default();
        let shown = |path: &PathBuf| format!("-- {} of {}:\n{}\n", name(path), self.setup.machine, tail(path));
        logs.iter().map(shown).collect()
    }

    fn check_alive(&self) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(Process::check_alive)
    }
}
