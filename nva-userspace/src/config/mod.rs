//! The configuration: one TOML file, checked as a whole before anything runs.
//!
//! `file` is what may be written, `build` what it means. docs/configuration.md is the reference.

mod aggregates;
mod as_path;
mod azure;
mod bfd;
mod build;
mod error;
mod file;
mod limits;
mod listen;
mod peers;
mod policies;
mod redistribute;
mod restart;
mod roles;
mod security;
#[cfg(test)]
mod tests;
mod values;
mod wording;

pub use error::{ConfigError, Problem};

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::net::Prefix;
use crate::policy::Policy;
use crate::speaker::SpeakerConfig;
use crate::transport::{Password, Ttl};
use crate::xdp::{Capacity, LookupSource, SourceCheck};

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
    /// What holds for those who connect from a group's ranges, in the order of `speaker.listen`.
    pub members: Vec<MemberReach>,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The control socket.
    pub control_socket: PathBuf,
    /// The time between audits of the kernel's and XDP's tables; `None`: there are none.
    pub audit_interval: Option<Duration>,
    /// The XDP data plane.
    pub xdp: XdpConfig,
    /// What is worth a second look, though it can be meant.
    pub warnings: Vec<Problem>,
    /// The policies by name, whether a peer has them or not.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// The line at which each statement of a policy begins, by the policy's name. Kept beside the policies: where one
    /// stands is no part of what it is.
    pub statement_lines: BTreeMap<String, Vec<usize>>,
    /// The file's text with its secrets blotted out.
    pub text: String,
}

/// How to connect to a peer, and what its segments must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReach {
    /// Where it listens.
    pub remote: SocketAddr,
    /// Our address.
    pub local: Option<IpAddr>,
    /// The TTL of both sides' segments.
    pub ttl: Ttl,
    /// What segments are signed with (RFC 2385).
    pub password: Option<Password>,
}

/// What the segments of a listening group's members must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReach {
    /// The group.
    pub group: String,
    /// Where its members may be.
    pub prefixes: Vec<Prefix>,
    /// Our address.
    pub local: Option<IpAddr>,
    /// The TTL of both sides' segments.
    pub ttl: Ttl,
    /// What segments are signed with (RFC 2385).
    pub password: Option<Password>,
}

/// The XDP data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpConfig {
    /// Interfaces on which packets are forwarded in XDP; none: the kernel does it all.
    pub interfaces: Vec<String>,
    /// Which sources packets may have that come in by an interface.
    pub source_checks: BTreeMap<String, SourceCheck>,
    /// How large the tables are that are made anew.
    pub capacity: Capacity,
    /// Where maps and links are pinned; `None` for the usual place.
    pub pin_directory: Option<PathBuf>,
    /// Whether samples of packets are logged.
    pub debug: bool,
    /// Where routes are looked up. A reload may change it.
    pub lookup: LookupSource,
}

impl Config {
    /// How a peer is reached; `None` for those that come by themselves.
    pub fn reach_of(&self, name: &str) -> Option<&PeerReach> {
        let position = self.speaker.peers.iter().position(|peer| peer.name == name)?;
        self.reach.get(position)
    }

    /// Whose segments are signed with what: the addresses of peers, and the ranges of groups that listen.
    pub fn passwords(&self) -> BTreeMap<Prefix, &Password> {
        self.signed().collect()
    }

    fn signed(&self) -> impl Iterator<Item = (Prefix, &Password)> {
        let peers =
            self.reach.iter().filter_map(|reach| Some((Prefix::host(reach.remote.ip()), reach.password.as_ref()?)));
        let members = self.members.iter().filter_map(|members| Some((&members.prefixes, members.password.as_ref()?)));
        peers.chain(members.flat_map(|(prefixes, password)| prefixes.iter().map(move |prefix| (*prefix, password))))
    }

    /// What segments to and from this address are signed with: of several ranges the longest counts.
    pub fn password_of(&self, address: IpAddr) -> Option<&Password> {
        let passwords = self.signed().filter(|(peers, _)| peers.contains(address));
        passwords.max_by_key(|(peers, _)| peers.len()).map(|(_, password)| password)
    }

    /// The TTL of segments to and from this address: that of the peer there, else that of the group with the longest
    /// range around it; `None`: nobody is expected there.
    pub fn ttl_of(&self, address: IpAddr) -> Option<Ttl> {
        self.peer_at(address).map(|peer| peer.ttl).or_else(|| self.members_at(address).map(|members| members.ttl))
    }

    /// Our address towards this one, by the same rule; `None`: the kernel chooses.
    pub fn local_towards(&self, address: IpAddr) -> Option<IpAddr> {
        match self.peer_at(address) {
            Some(peer) => peer.local,
            None => self.members_at(address)?.local,
        }
    }

    /// Whether a connection from this address may come to that one of ours: where `local-address` is set, to no other.
    pub fn takes_at(&self, remote: IpAddr, local: IpAddr) -> bool {
        self.local_towards(remote).is_none_or(|wanted| wanted == local)
    }

    fn peer_at(&self, address: IpAddr) -> Option<&PeerReach> {
        self.reach.iter().find(|reach| reach.remote.ip() == address)
    }

    fn members_at(&self, address: IpAddr) -> Option<&MemberReach> {
        let ranges = self.members.iter().flat_map(|members| members.prefixes.iter().map(move |range| (range, members)));
        let around = ranges.filter(|(range, _)| range.contains(address));
        around.max_by_key(|(range, _)| range.len()).map(|(_, members)| members)
    }

    /// The peers that a new configuration reaches in another way, whatever their passwords.
    pub fn moved(&self, new: &Config) -> BTreeSet<String> {
        let unsigned = |reach: &PeerReach| PeerReach { password: None, ..reach.clone() };
        let peers = self.speaker.peers.iter().filter(|peer| {
            let (old, new) = (self.reach_of(&peer.name), new.reach_of(&peer.name));
            new.is_some() && old.map(unsigned) != new.map(unsigned)
        });
        peers.map(|peer| peer.name.clone()).collect()
    }

    /// What a new configuration has that takes a restart.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let keys = [
            ("[router] listen", self.listen != new.listen),
            ("[router] control-socket", self.control_socket != new.control_socket),
            ("[xdp]", self.xdp != XdpConfig { lookup: self.xdp.lookup, ..new.xdp.clone() }),
            ("[fib] reconcile-after", self.speaker.reconcile_after != new.speaker.reconcile_after),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// What holds after a reload: the new configuration, and what takes a restart as it was.
    pub fn followed_by(&self, new: Config) -> Config {
        let speaker = SpeakerConfig { reconcile_after: self.speaker.reconcile_after, ..new.speaker };
        let (listen, control_socket) = (self.listen.clone(), self.control_socket.clone());
        let xdp = XdpConfig { lookup: new.xdp.lookup, ..self.xdp.clone() };
        Config { speaker, listen, xdp, control_socket, ..new }
    }

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
            Ok(file) => build::build(file, text, &mut problems),
            Err(error) => {
                let place = error.span().unwrap_or(0..0);
                let message = wording::in_words(error.message(), text.get(place.clone()).unwrap_or_default());
                problems.add(place, message);
                None
            }
        };
        let warnings = problems.take_warnings();
        problems.into_result(config.map(|config| Config { warnings, ..config }))
    }
}
