//! What a lab leaves in the machine, and its removal on every way out: drop, panic, SIGHUP, SIGINT, SIGTERM,
//! `nva-lab down`.
//!
//! A journal in the lab's directory says at any time what there is, so that even what a killed process left is removed:
//! by `nva-lab down`, or by the next test. A process that it does not know yet has the lab in its environment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use anyhow::Context;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::instance::Instance;
use crate::netns::Namespace;
use crate::process::{self, Process};

/// Everything to remove.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Processes, oldest first.
    pub processes: Vec<Process>,
    /// Network namespaces.
    pub namespaces: BTreeSet<Namespace>,
    /// Mounted file systems.
    pub mounts: Vec<PathBuf>,
    /// Directories with everything in them.
    pub directories: Vec<PathBuf>,
}

impl Inventory {
    /// Reads a lab's journal.
    pub fn load(instance: &Instance) -> anyhow::Result<Inventory> {
        let path = journal(instance);
        let text =
            fs::read(&path).with_context(|| format!("there is no lab {} ({})", instance.name(), path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not a lab's journal", path.display()))
    }

    /// Removes all of it; goes on after an error and returns the first.
    pub fn remove(&self) -> anyhow::Result<()> {
        let recorded = process::stop_all(&self.processes);
        // Whoever was killed while it started a process had not written that down yet.
        let stopped = recorded.and(process::stop_all(&process::of_labs(&self.directories)));
        let deleted = self.namespaces.iter().map(Namespace::delete).fold(Ok(()), anyhow::Result::and);
        let unmounted = self.mounts.iter().map(|path| unmount(path)).fold(Ok(()), anyhow::Result::and);
        let removed = self.directories.iter().map(|path| remove_directory(path)).fold(Ok(()), anyhow::Result::and);
        stopped.and(deleted).and(unmounted).and(removed)
    }
}

/// Owns what is in its inventory until it is dropped, or [`Resources::keep`] gives it up.
#[derive(Debug)]
pub struct Resources {
    held: Arc<Mutex<Held>>,
}

/// An inventory and where it is written down.
#[derive(Debug)]
struct Held {
    inventory: Inventory,
    journal: PathBuf,
}

impl Held {
    fn record(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&self.inventory)?;
        fs::write(&self.journal, text).with_context(|| format!("cannot write {}", self.journal.display()))
    }
}

impl Resources {
    /// The lab's directory and nothing else yet. From now on SIGHUP, SIGINT and SIGTERM remove everything that this process
    /// owns before they end it.
    pub fn new(instance: &Instance) -> anyhow::Result<Resources> {
        clean_up_on_signals();
        let directory = instance.directory();
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let inventory = Inventory { directories: vec![directory], ..Inventory::default() };
        let held = Held { inventory, journal: journal(instance) };
        held.record()?;
        let held = Arc::new(Mutex::new(held));
        lock(&LIVING).push(Arc::downgrade(&held));
        Ok(Resources { held })
    }

    /// Makes a namespace.
    pub fn namespace(&self, name: &str) -> anyhow::Result<Namespace> {
        // Under the lock, so that a signal's clean-up sees it or prevents it.
        let mut held = lock(&self.held);
        let namespace = Namespace::planned(name)?;
        // First, so that it is removed too if making it fails half way.
        held.inventory.namespaces.insert(namespace.clone());
        held.record()?;
        namespace.create()?;
        Ok(namespace)
    }

    /// Makes a directory, with those above it.
    pub fn directory(&self, path: &Path) -> anyhow::Result<()> {
        let mut held = lock(&self.held);
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        held.inventory.directories.push(path.to_owned());
        held.record()
    }

    /// Mounts a bpffs of its own at `path`.
    pub fn bpffs(&self, path: &Path) -> anyhow::Result<()> {
        let mut held = lock(&self.held);
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        held.inventory.mounts.push(path.to_owned());
        held.record()?;
        mount(Some("bpf"), path, Some("bpf"), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("cannot mount a bpffs at {}", path.display()))
    }

    /// Starts a process.
    pub fn process(&self, name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let mut held = lock(&self.held);
        command.envs(held.inventory.directories.first().map(|directory| (process::LAB, directory)));
        let process = Process::start(name, command, log)?;
        held.inventory.processes.retain(Process::is_alive);
        held.inventory.processes.push(process.clone());
        held.record()?;
        Ok(process)
    }

    /// Gives everything up: it stays when this is dropped, and the journal stays with it.
    pub fn keep(self) {
        lock(&self.held).inventory = Inventory::default();
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        let inventory = std::mem::take(&mut lock(&self.held).inventory);
        report_failure(inventory.remove());
    }
}

/// Inventories of this process.
static LIVING: Mutex<Vec<Weak<Mutex<Held>>>> = Mutex::new(Vec::new());

/// A poisoned lock only says that a test failed meanwhile; the inventory is still right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn clean_up_on_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
            let Ok(number) = runtime.block_on(ending_signal()) else { return };
            // The locks are kept: nothing new is made while this process ends.
            let living = lock(&LIVING);
            let held: Vec<_> = living.iter().filter_map(Weak::upgrade).collect();
            let locked: Vec<_> = held.iter().map(|held| lock(held)).collect();
            for held in &locked {
                report_failure(held.inventory.remove());
            }
            std::process::exit(128 + number);
        });
    });
}

/// Waits for a signal that is to end this process.
async fn ending_signal() -> std::io::Result<i32> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Who was started with nohup(1) wants to outlive the terminal.
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    Ok(tokio::select! {
        _ = interrupt.recv() => libc::SIGINT,
        _ = terminate.recv() => libc::SIGTERM,
        _ = hung_up => libc::SIGHUP,
    })
}

/// Whether SIGHUP, the lowest bit of `SigIgn` in `/proc/PID/status` (proc_pid_status(5)), is ignored.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// There is nobody left to return the error to.
fn report_failure(removed: anyhow::Result<()>) {
    if let Err(error) = removed {
        eprintln!("the lab was not removed completely: {error:#}");
    }
}

fn journal(instance: &Instance) -> PathBuf {
    instance.directory().join("inventory.json")
}

fn unmount(path: &Path) -> anyhow::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot unmount {}", path.display())),
    }
}

fn remove_directory(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::{seen, wait_until};

    #[test]
    fn a_process_that_was_not_written_down_ends_with_the_lab() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let start = |directory: &Path| {
            let mut command = Command::new("tail");
            command.args(["-f", "/dev/null"]).env(process::LAB, directory);
            Process::start("sleeper", &mut command, &log).expect("starts")
        };
        let lab = directory.path().join("lab");
        let (unrecorded, of_another) = (start(&lab), start(&directory.path().join("lab2")));
        let inventory = Inventory { directories: vec![lab], ..Inventory::default() };
        // execve(2) lets the parent go on a moment before the new program's environment can be read.
        wait_until(Duration::from_secs(5), "the environment of the new process", || {
            seen(process::of_labs(&inventory.directories).len() == 1, || "it cannot be read yet")
        })
        .expect("is seen");
        inventory.remove().expect("removed");
        assert!(!unrecorded.is_alive());
        assert!(of_another.is_alive(), "another lab's");
        of_another.kill().expect("dies");
    }
}
