//! The configuration: one TOML file, checked as a whole before anything runs.
//!
//! `file` is what may be written, `build` what it means. docs/configuration.md is the reference.

mod build;
mod error;
mod file;
mod peers;
mod policies;
#[cfg(test)]
mod tests;
mod values;
mod wording;

pub use error::{ConfigError, Problem};

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::speaker::SpeakerConfig;

/// Where the daemon answers `nva show`, unless told otherwise.
pub const DEFAULT_CONTROL_SOCKET: &str = "/run/nva/nva.sock";

/// The TCP port of BGP (RFC 4271 §8.2.1).
pub const BGP_PORT: u16 = 179;

/// A configuration that was understood whole.
#[derive(Clone, Debug)]
pub struct Config {
    /// The BGP speaker.
    pub speaker: SpeakerConfig,
    /// How each peer is reached, in the order of `speaker.peers`.
    pub reach: Vec<PeerReach>,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The control socket.
    pub control_socket: PathBuf,
    /// The XDP data plane.
    pub xdp: XdpConfig,
}

/// How to connect to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerReach {
    /// Where it listens.
    pub remote: SocketAddr,
    /// Our address.
    pub local: Option<IpAddr>,
}

/// The XDP data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpConfig {
    /// Interfaces on which packets are forwarded in XDP; none: the kernel does it all.
    pub interfaces: Vec<String>,
    /// Where maps and links are pinned; `None` for the usual place.
    pub pin_directory: Option<PathBuf>,
    /// Whether samples of packets are logged.
    pub debug: bool,
}

impl Config {
    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Config::parse(&path.display().to_string(), &text)
    }

    /// Understands a configuration; `name` is what its problems call the file.
    pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
        let mut problems = error::Problems::new(name, text);
        let config = match toml::from_str::<file::File>(text) {
            Ok(file) => build::build(file, &mut problems),
            Err(error) => {
                let place = error.span().unwrap_or(0..0);
                let message = wording::in_words(error.message(), text.get(place.clone()).unwrap_or_default());
                problems.add(place, message);
                None
            }
        };
        problems.into_result(config)
    }
}
