//! Network namespaces: made and removed with iproute2, entered by threads and by commands.
//!
//! Commands enter with setns(2) alone and not through `ip netns exec`, which would give each of them its own `/sys`
//! and so hide the bpffs in which `nva` pins its programs.

mod enter;
mod ip;

pub use enter::enter;
pub use ip::{ip, ip_batch};

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Where iproute2 keeps the names of namespaces.
const DIRECTORY: &str = "/run/netns";

/// A network namespace by its name; a copy is the same namespace, and none of them owns it: see
/// [`crate::resources::Resources`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A namespace that is still to be made. A name that is taken is an error, so that nobody comes to own, and then to
    /// remove, what another made.
    pub fn planned(name: &str) -> anyhow::Result<Namespace> {
        let namespace = Namespace { name: name.to_owned() };
        if namespace.path().exists() {
            bail!("there is a namespace {name} already");
        }
        Ok(namespace)
    }

    /// Makes it, with its loopback up and without IPv6, which would only send noise. After an error it may be there.
    pub fn create(&self) -> anyhow::Result<()> {
        ip(&["netns", "add", &self.name])?;
        self.sysctl(&[("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1")])?;
        self.ip(&["link", "set", "lo", "up"]).map(drop)
    }

    /// Every namespace whose name begins with `prefix`.
    pub fn all(prefix: &str) -> Vec<Namespace> {
        let Ok(entries) = std::fs::read_dir(DIRECTORY) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.starts_with(prefix)).map(|name| Namespace { name }).collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Removes it with every interface in it; nothing happens if it is gone.
    pub fn delete(&self) -> anyhow::Result<()> {
        if !self.path().exists() {
            return Ok(());
        }
        ip(&["netns", "delete", &self.name]).map(drop)
    }

    /// Runs `ip` in it and returns what it prints.
    pub fn ip(&self, arguments: &[&str]) -> anyhow::Result<String> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Runs many `ip` commands in it, one a line, in one process.
    pub fn ip_batch(&self, lines: &str) -> anyhow::Result<()> {
        ip_batch(Some(&self.name), lines)
    }

    /// Sets kernel parameters below `net/`, in the form `ipv4/ip_forward`.
    pub fn sysctl(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        self.enter(|| {
            for (key, value) in settings {
                std::fs::write(format!("/proc/sys/net/{key}"), value)
                    .with_context(|| format!("cannot set net/{key} to {value} in {}", self.name))?;
            }
            Ok(())
        })?
    }

    /// Runs `work` on a thread that is in this namespace: sockets made there stay in it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let file = self.open()?;
        enter::on_thread(&file, work).with_context(|| format!("cannot enter namespace {}", self.name))
    }

    /// A command that will run in this namespace.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(program);
        enter::before_exec(&mut command, self.open()?);
        Ok(command)
    }

    /// Runs a command in it and returns its standard output; an exit code other than 0 is an error.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.output(words)?;
        if !output.status.success() {
            bail!(
                "`{}` in {} failed ({}): {}{}",
                words.join(" "),
                self.name,
                output.status,
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&output.stdout)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command in it to its end, whatever that is.
    pub fn output(&self, words: &[&str]) -> anyhow::Result<Output> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut command = self.command(program)?;
        command.args(arguments).output().with_context(|| format!("cannot run {program} in {}", self.name))
    }

    fn open(&self) -> anyhow::Result<File> {
        File::open(self.path()).with_context(|| format!("there is no namespace {}", self.name))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(DIRECTORY).join(&self.name)
    }
}
