//! What a lab leaves in the machine, and its removal on every way out: drop, panic, SIGINT, SIGTERM, `nva-lab down`.

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
    /// Removes all of it; goes on after an error and returns the first.
    pub fn remove(&self) -> anyhow::Result<()> {
        let stopped = process::stop_all(&self.processes);
        let deleted = self.namespaces.iter().map(Namespace::delete).fold(Ok(()), anyhow::Result::and);
        let unmounted = self.mounts.iter().map(|path| unmount(path)).fold(Ok(()), anyhow::Result::and);
        let removed = self.directories.iter().map(|path| remove_directory(path)).fold(Ok(()), anyhow::Result::and);
        stopped.and(deleted).and(unmounted).and(removed)
    }
}

/// Owns what is in its inventory until it is dropped, or [`Resources::keep`] gives it up.
#[derive(Debug)]
pub struct Resources {
    inventory: Arc<Mutex<Inventory>>,
}

impl Resources {
    /// Nothing yet. From now on SIGINT and SIGTERM remove everything that this process owns before they end it.
    pub fn new() -> Resources {
        clean_up_on_signals();
        let inventory = Arc::default();
        lock(&LIVING).push(Arc::downgrade(&inventory));
        Resources { inventory }
    }

    /// Makes a namespace.
    pub fn namespace(&self, name: &str) -> anyhow::Result<Namespace> {
        // Under the lock, so that a signal's clean-up sees it or prevents it.
        let mut inventory = lock(&self.inventory);
        let namespace = Namespace::create(name)?;
        inventory.namespaces.insert(namespace.clone());
        Ok(namespace)
    }

    /// Makes a directory, with those above it.
    pub fn directory(&self, path: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        lock(&self.inventory).directories.push(path.to_owned());
        Ok(())
    }

    /// Mounts a bpffs of its own at `path`.
    pub fn bpffs(&self, path: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut inventory = lock(&self.inventory);
        mount(Some("bpf"), path, Some("bpf"), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("cannot mount a bpffs at {}", path.display()))?;
        inventory.mounts.push(path.to_owned());
        Ok(())
    }

    /// Starts a process.
    pub fn process(&self, name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let mut inventory = lock(&self.inventory);
        let process = Process::start(name, command, log)?;
        inventory.processes.retain(Process::is_alive);
        inventory.processes.push(process.clone());
        Ok(process)
    }

    /// What is owned.
    pub fn inventory(&self) -> Inventory {
        lock(&self.inventory).clone()
    }

    /// Gives everything up: it stays when this is dropped.
    pub fn keep(self) -> Inventory {
        std::mem::take(&mut lock(&self.inventory))
    }
}

impl Default for Resources {
    fn default() -> Resources {
        Resources::new()
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        let inventory = std::mem::take(&mut *lock(&self.inventory));
        if let Err(error) = inventory.remove() {
            eprintln!("the lab was not removed completely: {error:#}");
        }
    }
}

/// Inventories of this process.
static LIVING: Mutex<Vec<Weak<Mutex<Inventory>>>> = Mutex::new(Vec::new());

/// A poisoned lock only says that a test failed meanwhile; the inventory is still right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn clean_up_on_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
            let number = runtime.block_on(async {
                let (mut interrupt, mut terminate) =
                    (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
                tokio::select! {
                    _ = interrupt.recv() => Some(libc::SIGINT),
                    _ = terminate.recv() => Some(libc::SIGTERM),
                }
            });
            let Some(number) = number else { return };
            // The locks are kept: nothing new is made while this process ends.
            let living = lock(&LIVING);
            let inventories: Vec<_> = living.iter().filter_map(Weak::upgrade).collect();
            let locked: Vec<_> = inventories.iter().map(|inventory| lock(inventory)).collect();
            for inventory in &locked {
                if let Err(error) = inventory.remove() {
                    eprintln!("the lab was not removed completely: {error:#}");
                }
            }
            std::process::exit(128 + number);
        });
    });
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
