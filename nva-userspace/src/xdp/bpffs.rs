//! Where maps and links are pinned: a directory in bpffs, and in it one for each layout version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use nva_common::LAYOUT_VERSION;

use super::error::XdpError;

/// Where distributions mount bpffs.
const STANDARD_MOUNT: &str = "/sys/fs/bpf";
const LINK_PREFIX: &str = "link_";

/// The directory of one layout version.
#[derive(Clone, Debug)]
pub struct PinDirectory {
    base: PathBuf,
    path: PathBuf,
}

impl PinDirectory {
    /// Makes the directory of this version below `base`, and mounts bpffs if it is not there: at `/sys/fs/bpf` for what
    /// lies below it, else at `base` itself.
    pub fn create(base: &Path) -> Result<PinDirectory, XdpError> {
        if !is_bpffs(base) {
            let mount_point = if base.starts_with(STANDARD_MOUNT) { Path::new(STANDARD_MOUNT) } else { base };
            fs::create_dir_all(mount_point).map_err(at("make the directory", mount_point))?;
            mount(Some("bpf"), mount_point, Some("bpf"), MsFlags::empty(), None::<&str>)
                .map_err(io::Error::from)
                .map_err(at("mount bpffs at", mount_point))?;
        }
        let directory = PinDirectory::existing(base);
        fs::create_dir_all(&directory.path).map_err(at("make the directory", &directory.path))?;
        Ok(directory)
    }

    /// The directory of this version, whether it is there or not.
    pub fn existing(base: &Path) -> PinDirectory {
        PinDirectory { base: base.to_owned(), path: base.join(format!("v{LAYOUT_VERSION}")) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a map is pinned.
    pub fn map(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where an interface's link is pinned.
    pub fn link(&self, interface: &str) -> PathBuf {
        self.path.join(format!("{LINK_PREFIX}{interface}"))
    }

    /// The links that are pinned, of this version: interface and path.
    pub fn links(&self) -> Result<Vec<(String, PathBuf)>, XdpError> {
        links_in(&self.path)
    }

    /// Where other versions pinned links: interface and path.
    pub fn foreign_links(&self) -> Result<Vec<(String, PathBuf)>, XdpError> {
        let mut found = Vec::new();
        for version in self.versions()?.into_iter().filter(|version| *version != self.path) {
            found.append(&mut links_in(&version)?);
        }
        Ok(found)
    }

    /// Removes everything, of every version.
    pub fn remove(&self) -> Result<(), XdpError> {
        for version in self.versions()? {
            for file in entries(&version)? {
                fs::remove_file(&file).map_err(at("remove", &file))?;
            }
            fs::remove_dir(&version).map_err(at("remove", &version))?;
        }
        Ok(())
    }

    /// The directories of all versions; there may be others' files beside them.
    fn versions(&self) -> Result<Vec<PathBuf>, XdpError> {
        let is_version = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('v'));
            path.is_dir() && name.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        Ok(entries(&self.base)?.into_iter().filter(is_version).collect())
    }
}

/// Removes a pin; it is no error if it is not there.
pub fn discard(path: &Path) -> Result<(), XdpError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn links_in(directory: &Path) -> Result<Vec<(String, PathBuf)>, XdpError> {
    let interface = |path: &PathBuf| Some(path.file_name()?.to_str()?.strip_prefix(LINK_PREFIX)?.to_owned());
    Ok(entries(directory)?.into_iter().filter_map(|path| Some((interface(&path)?, path))).collect())
}

/// The paths in a directory, sorted; none if it is not there.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, XdpError> {
    let listing = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(at("list", directory))?,
    };
    let paths: Result<Vec<PathBuf>, io::Error> = listing.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(at("list", directory))?;
    paths.sort();
    Ok(paths)
}

/// Whether the path, or the nearest directory above it that exists, is in bpffs.
fn is_bpffs(path: &Path) -> bool {
    path.ancestors()
        .find_map(|ancestor| statfs(ancestor).ok())
        .is_some_and(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> XdpError {
    move |source| XdpError::BpfFs { action, path: path.to_owned(), source }
}
