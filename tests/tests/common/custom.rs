//! `nva` with a configuration of a test's own, on a machine of a lab.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use nix::sys::signal::Signal;
use nva_tests::daemon::nva_binary;
use nva_tests::lab::Lab;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use serde_json::Value;

/// A daemon; it ends with its lab.
pub struct Custom {
    machine: String,
    namespace: Namespace,
    directory: PathBuf,
    process: Process,
}

impl Custom {
    /// Starts `nva` on a machine without a daemon; `text` is its configuration, in which SOCKET stands for its control
    /// socket.
    pub fn start(lab: &Lab, machine: &str, text: &str) -> Custom {
        let namespace = lab.namespace(machine).expect("a machine").clone();
        let directory = lab.machine_directory(machine);
        lab.resources().directory(&directory).expect("a directory");
        write(&directory, text);
        let process = run(lab, machine, &namespace, &directory);
        Custom { machine: machine.to_owned(), namespace, directory, process }
    }

    /// Starts it again after [`Custom::kill`] or [`Custom::terminate`], by the same file.
    pub fn restart(&mut self, lab: &Lab) {
        self.process = run(lab, &self.machine, &self.namespace, &self.directory);
    }

    /// Goes on with another configuration; what `nva reload` says about it.
    pub fn reload(&self, text: &str) -> anyhow::Result<String> {
        write(&self.directory, text);
        self.tell(&["reload"])
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.process.kill().expect("killed");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal).expect("signalled");
    }

    /// SIGTERM, and waits until it is gone.
    pub fn terminate(&self) {
        self.process.stop().expect("ended");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.process.log).unwrap_or_default()
    }

    /// `nva ARGUMENTS --json`.
    pub fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.process.check_alive()?;
        let text = self.tell(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("nva {} printed {text}", arguments.join(" ")))
    }

    /// `nva ARGUMENTS`.
    pub fn tell(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (binary, socket) = (nva_binary()?.display().to_string(), self.directory.join("nva.sock"));
        let socket = socket.display().to_string();
        self.namespace.run(&[&[binary.as_str(), "--socket", &socket], arguments].concat())
    }

    /// The row of `nva show peers` about a peer.
    pub fn peer(&self, name: &str) -> anyhow::Result<Value> {
        let reply = self.ask(&["show", "peers"])?;
        let row = reply["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == name));
        row.cloned().with_context(|| format!("{} has no peer {name}: {reply}", self.machine))
    }
}

fn write(directory: &std::path::Path, text: &str) {
    let socket = directory.join("nva.sock").display().to_string();
    fs::write(directory.join("nva.toml"), text.replace("SOCKET", &socket)).expect("written");
}

fn run(lab: &Lab, machine: &str, namespace: &Namespace, directory: &std::path::Path) -> Process {
    let binary = nva_binary().expect("nva").display().to_string();
    let mut command = namespace.command(&binary).expect("a command");
    command.args(["run", "-c"]).arg(directory.join("nva.toml")).env("RUST_BACKTRACE", "1");
    let log = directory.join("nva.log");
    lab.resources().process(&format!("nva on {machine}"), &mut command, &log).expect("started")
}
