//! `nva xdp`.

use std::path::PathBuf;

use anyhow::Context;
use nix::net::if_::if_nametoindex;

use crate::xdp::{Dataplane, LookupSource, XdpOptions};

/// Loads, pins and attaches, without a daemon: every packet goes to the kernel until `nva run` fills the tables.
pub fn attach(interface: &str, pin_directory: Option<PathBuf>, kernel_lookup: bool) -> anyhow::Result<()> {
    let index = if_nametoindex(interface).with_context(|| format!("there is no interface {interface:?} here"))?;
    let lookup = if kernel_lookup { LookupSource::Kernel } else { LookupSource::Tables };
    let mut plane = Dataplane::open(&XdpOptions { lookup, ..options(pin_directory) })?;
    let attached = plane.attach(index, interface)?;
    attached.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let how = if attached.adopted { "was attached already" } else { "attached" };
    println!("{interface}: {how}, {} mode; the kernel forwards until `nva run` fills the tables", attached.mode);
    Ok(())
}

/// Detaches everywhere and removes every pin.
pub fn detach(pin_directory: Option<PathBuf>) -> anyhow::Result<()> {
    let interfaces = Dataplane::remove(&options(pin_directory).bpffs)?;
    if interfaces.is_empty() {
        println!("nothing was attached; every pin is removed");
    } else {
        println!("detached from {}; every pin is removed", interfaces.join(", "));
    }
    Ok(())
}

fn options(pin_directory: Option<PathBuf>) -> XdpOptions {
    let mut options = XdpOptions::default();
    if let Some(directory) = pin_directory {
        options.bpffs = directory;
    }
    options
}
