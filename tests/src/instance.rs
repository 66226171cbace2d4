//! The name of one lab: what keeps two of them on one machine apart.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::resources::Inventory;

/// Where labs keep their files, one directory for each.
pub const RUN_DIRECTORY: &str = "/run/nva-lab";

/// What the names of our namespaces begin with.
const NAMESPACE_PREFIX: &str = "nva-";

/// What the names of labs that end with their process begin with.
const PROCESS_PREFIX: &str = "p";

/// The longest name: socket paths have room for 107 octets.
const LONGEST_NAME: usize = 24;

/// A lab's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instance {
    name: String,
}

impl Instance {
    /// A lab with a name that somebody chose.
    pub fn named(name: &str) -> anyhow::Result<Instance> {
        let usable = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(usable) {
            bail!("{name:?} cannot be the name of a lab: use up to {LONGEST_NAME} letters, digits and underscores");
        }
        Ok(Instance { name: name.to_owned() })
    }

    /// A lab that ends with this process. What a killed process left behind is removed first.
    pub fn unique() -> Instance {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            remove_leftovers();
        }
        Instance { name: format!("{PROCESS_PREFIX}{}_{number}", std::process::id()) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the namespace of one of its machines.
    pub fn namespace_name(&self, machine: &str) -> String {
        format!("{NAMESPACE_PREFIX}{}-{machine}", self.name)
    }

    /// Where its files are.
    pub fn directory(&self) -> PathBuf {
        Path::new(RUN_DIRECTORY).join(&self.name)
    }

    /// Its own bpffs: unmounted, it takes every pinned program with it.
    pub fn pins(&self) -> PathBuf {
        self.directory().join("bpf")
    }
}

/// Removes labs whose process is gone: SIGKILL lets nobody clean up.
fn remove_leftovers() {
    for entry in std::fs::read_dir(RUN_DIRECTORY).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if owner(&name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Two tests may find it at once; one of them is late.
            let _ = Inventory::load(&Instance { name }).and_then(|inventory| inventory.remove());
        }
    }
}

/// The process id in `p123_0`.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PROCESS_PREFIX)?.split_once('_')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_lab_is_in_its_name() {
        assert_eq!(owner("p123_0"), Some(123));
        assert_eq!(owner("pine"), None);
        assert_eq!(owner(Instance::unique().name()), Some(std::process::id()));
    }

    #[test]
    fn names_are_safe_in_paths() {
        assert!(Instance::named("lab").is_ok());
        for name in ["", "../x", "a b", "a-b", "abcdefghijklmnopqrstuvwxyz"] {
            assert!(Instance::named(name).is_err(), "{name:?}");
        }
    }
}
