//! Starting the route server's process, and asking it.

use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Report, Specification};
use crate::process::Process;
use crate::resources::Resources;
use crate::wait::wait_until;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A route server's process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteServer {
    socket: PathBuf,
    process: Process,
}

impl RouteServer {
    /// Starts it with its files in `directory`; does not wait for it.
    pub fn start(
        specification: &Specification,
        directory: &Path,
        resources: &Resources,
    ) -> anyhow::Result<RouteServer> {
        resources.directory(directory)?;
        let file = directory.join("specification.json");
        fs::write(&file, serde_json::to_vec_pretty(specification)?)?;
        let mut command = Command::new(lab_program()?);
        command.arg("route-server").arg(&file).env("NO_COLOR", "1");
        let process = resources.process("the route server", &mut command, &directory.join("route-server.log"))?;
        Ok(RouteServer { socket: specification.socket.clone(), process })
    }

    /// What it knows now.
    pub fn report(&self) -> anyhow::Result<Report> {
        self.process.check_alive()?;
        ask(&self.socket)
    }

    /// Waits until it answers.
    pub fn wait_ready(&self) -> anyhow::Result<()> {
        wait_until(PATIENCE, "the route server to answer", || self.report()).map(drop)
    }
}

/// Asks the route server that listens on a socket.
pub fn ask(socket: &Path) -> anyhow::Result<Report> {
    let mut stream =
        UnixStream::connect(socket).with_context(|| format!("no route server answers on {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    serde_json::from_str(&text).context("the route server's report")
}

/// The program `nva-lab`: this one, or the one beside this test's directory.
fn lab_program() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("where this program is")?;
    let beside = own.ancestors().skip(1).map(|directory| directory.join("nva-lab")).find(|path| path.is_file());
    beside.with_context(|| format!("nva-lab is not beside {}", own.display()))
}
