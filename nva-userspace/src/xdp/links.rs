//! Attaching the root program to interfaces, by links that are pinned and outlive the process.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use aya::programs::ProgramInfo;
use nix::net::if_::if_nametoindex;

use super::bpffs::{self, PinDirectory};
use super::error::XdpError;
use super::sys;

/// How an interface runs the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In its driver.
    Native,
    /// In the kernel's generic receive path: every packet costs what it costs the kernel to take it in.
    Generic,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Native => "native",
            Mode::Generic => "generic",
        })
    }
}

/// What links run: the root program, and the map through which it finds the forwarder.
pub struct Root<'a> {
    /// The loaded program.
    pub program: BorrowedFd<'a>,
    /// The id of our `PROGRAMS`.
    pub programs_map: u32,
}

/// An interface was attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// How.
    pub mode: Mode,
    /// A former process had attached to it already.
    pub adopted: bool,
    /// What the operator should know, a sentence each.
    pub warnings: Vec<String>,
}

/// The pinned links, by interface name.
#[derive(Debug, Default)]
pub struct Links {
    links: BTreeMap<String, Pinned>,
}

#[derive(Debug)]
struct Pinned {
    ifindex: u32,
    path: PathBuf,
    link: OwnedFd,
}

impl Links {
    /// Whether the interface of this name has a link to the device that has this name now.
    pub fn is_attached(&self, interface: &str) -> bool {
        self.links.get(interface).is_some_and(|pinned| pinned.ifindex == index_of(interface) && pinned.is_alive())
    }

    /// Takes over the link that is pinned for the interface, if it is alive.
    ///
    /// A link that runs another root program (of another version, or of maps that are gone) runs ours from then on.
    pub fn adopt(
        &mut self,
        root: &Root<'_>,
        directory: &PinDirectory,
        interface: &str,
        ifindex: u32,
    ) -> Result<bool, XdpError> {
        let path = directory.link(interface);
        let mut candidates = vec![(interface.to_owned(), path.clone())];
        candidates.append(&mut directory.foreign_links()?);
        for (_, found) in candidates.into_iter().filter(|(name, found)| name == interface && found.exists()) {
            let link = open(&found)?;
            let (attached_to, program_id) = target(&link)?;
            if attached_to != ifindex {
                bpffs::discard(&found)?;
                continue;
            }
            if !runs_with(program_id, root.programs_map) {
                sys::update_link(link.as_fd(), root.program)
                    .map_err(|source| XdpError::Attach { interface: interface.to_owned(), source })?;
            }
            if found != path {
                pin(&link, &path)?;
                bpffs::discard(&found)?;
            }
            self.links.insert(interface.to_owned(), Pinned { ifindex, path, link });
            return Ok(true);
        }
        Ok(false)
    }

    /// Attaches to the interface and pins the link. Generic mode where the driver has no native one: then with its reason.
    pub fn attach(
        &mut self,
        root: &Root<'_>,
        directory: &PinDirectory,
        interface: &str,
        ifindex: u32,
    ) -> Result<(Mode, Option<io::Error>), XdpError> {
        let failed = |source: io::Error| match source.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => XdpError::Busy { interface: interface.to_owned() },
            _ => XdpError::Attach { interface: interface.to_owned(), source },
        };
        let (mode, link, refused) = match sys::create_link(root.program, ifindex, sys::NATIVE) {
            Ok(link) => (Mode::Native, link, None),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)) => {
                return Err(failed(error));
            }
            Err(error) => {
                let link = sys::create_link(root.program, ifindex, sys::GENERIC).map_err(failed)?;
                (Mode::Generic, link, Some(error))
            }
        };
        let path = directory.link(interface);
        pin(&link, &path)?;
        self.links.insert(interface.to_owned(), Pinned { ifindex, path, link });
        Ok((mode, refused))
    }

    /// Detaches from the interface. Returns its index, if it was attached.
    pub fn detach(&mut self, interface: &str) -> Result<Option<u32>, XdpError> {
        let Some(pinned) = self.links.remove(interface) else { return Ok(None) };
        force_detach(&pinned.link)?;
        bpffs::discard(&pinned.path)?;
        Ok(Some(pinned.ifindex))
    }

    /// Detaches from every interface that this version has a pinned link for, except some. Returns their names and indexes.
    pub fn detach_except(
        &mut self,
        directory: &PinDirectory,
        keep: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, u32)>, XdpError> {
        let mut detached = Vec::new();
        for (interface, path) in directory.links()?.into_iter().filter(|(interface, _)| !keep(interface)) {
            let link = open(&path)?;
            let (ifindex, _) = target(&link)?;
            force_detach(&link)?;
            bpffs::discard(&path)?;
            self.links.remove(&interface);
            detached.push((interface, ifindex));
        }
        Ok(detached)
    }

    /// Lets go of links whose devices are gone. Returns their names and indexes.
    pub fn drop_dead(&mut self) -> Result<Vec<(String, u32)>, XdpError> {
        let dead: Vec<(String, u32)> = self
            .links
            .iter()
            .filter(|(interface, pinned)| !pinned.is_alive() || pinned.ifindex != index_of(interface))
            .map(|(interface, pinned)| (interface.clone(), pinned.ifindex))
            .collect();
        for (interface, _) in &dead {
            self.detach(interface)?;
        }
        Ok(dead)
    }

    /// The attached interfaces' names and indexes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.links.iter().map(|(interface, pinned)| (interface.as_str(), pinned.ifindex))
    }
}

impl Pinned {
    fn is_alive(&self) -> bool {
        target(&self.link).is_ok_and(|(ifindex, _)| ifindex == self.ifindex)
    }
}

/// Detaches every link that any version has pinned below the directory, and says from which interfaces.
pub fn detach_pinned(directory: &PinDirectory) -> Result<Vec<String>, XdpError> {
    let mut links = directory.links()?;
    links.append(&mut directory.foreign_links()?);
    for (_, path) in &links {
        force_detach(&open(path)?)?;
    }
    Ok(links.into_iter().map(|(interface, _)| interface).collect())
}

/// Whether the program calls the forwarder through our map.
fn runs_with(program_id: u32, programs_map: u32) -> bool {
    let maps = aya::programs::loaded_programs()
        .filter_map(Result::ok)
        .find(|info: &ProgramInfo| info.id() == program_id)
        .and_then(|info| info.map_ids().ok().flatten());
    maps.is_some_and(|maps| maps.contains(&programs_map))
}

fn open(path: &Path) -> Result<OwnedFd, XdpError> {
    sys::open_pinned(path).map_err(|source| XdpError::BpfFs { action: "open", path: path.to_owned(), source })
}

fn pin(link: &OwnedFd, path: &Path) -> Result<(), XdpError> {
    sys::pin(link.as_fd(), path).map_err(|source| XdpError::BpfFs { action: "pin", path: path.to_owned(), source })
}

fn force_detach(link: &OwnedFd) -> Result<(), XdpError> {
    match sys::detach_link(link.as_fd()) {
        // The device is gone, and the attachment with it.
        Err(error) if error.raw_os_error() == Some(libc::ENOLINK) => Ok(()),
        result => result.map_err(|source| XdpError::Kernel { request: "detach an XDP link", source }),
    }
}

fn target(link: &OwnedFd) -> Result<(u32, u32), XdpError> {
    sys::link_target(link.as_fd())
        .map_err(|source| XdpError::Kernel { request: "ask for an XDP link's device", source })
}

fn index_of(interface: &str) -> u32 {
    if_nametoindex(interface).unwrap_or(0)
}
