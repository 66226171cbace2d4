//! Who is on either side of the policies that are tried, and running them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{anyhow, bail};

use super::report::Verdict;
use crate::attributes::{AsPath, PathAttributes};
use crate::cli::args::{Direction, PolicyTest};
use crate::config::Config;
use crate::fsm::RemoteAs;
use crate::mrt::MrtPeer;
use crate::net::{Asn, Prefix, RouteProtocol, RouterId};
use crate::policy::{self, Chain, Decider, Disposition, NextHopMode, Outcome, Party, Policy};
use crate::route::{NextHop, PeerId, Route, RouteText, Source, SourceKind, Teller};
use crate::speaker::{OwnAses, PeerConfig};

/// Policies, and who the routes come from or go to.
pub struct Trial<'a> {
    config: &'a Config,
    chain: Chain,
    direction: Direction,
    peer: Option<PeerConfig>,
}

impl<'a> Trial<'a> {
    /// What the command line asks for.
    pub fn new(config: &'a Config, test: &PolicyTest) -> anyhow::Result<Trial<'a>> {
        let peer = test.peer.as_deref().map(|name| peer(config, name)).transpose()?;
        let chain = match (&peer, test.direction) {
            (None, _) => Chain { policies: Vec::new(), default: Disposition::default_for(true) },
            (Some(peer), Direction::Import) => peer.import.clone(),
            (Some(peer), Direction::Export) => peer.export.clone(),
        };
        let named = test.policy.iter().map(|name| named(config, name)).collect::<anyhow::Result<Vec<_>>>()?;
        // As of an internal peer that has policies: what no statement decides about is rejected.
        let default = Disposition::default_for(true);
        let chain = if named.is_empty() { chain } else { Chain { policies: named, default } };
        Ok(Trial { config, chain, direction: test.direction, peer })
    }

    /// What becomes of a route.
    pub fn verdict(&self, text: &RouteText) -> anyhow::Result<Verdict> {
        let source = self.source(text)?;
        let next_hop = match (&source.kind, text.next_hop) {
            (SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_), _) => NextHop::Own,
            (SourceKind::Peer { .. }, Some(next_hop)) => NextHop::Via(next_hop),
            (SourceKind::Peer { address, .. }, None) => NextHop::Via(*address),
        };
        let attributes = self.taken_in(&text.attributes, &source).into();
        let route = Route { prefix: text.prefix, next_hop, attributes, source: Arc::new(source) };
        let (outcome, steps) = policy::trace(&self.chain, &route, self.to());
        Ok(Verdict::new(self, text.clone(), &route, outcome, &steps))
    }

    /// The attributes as the import policies of the peer see them: an external peer's preference is none of ours
    /// (RFC 4271 §5.1.5).
    fn taken_in(&self, attributes: &PathAttributes, source: &Source) -> PathAttributes {
        let comes_in = self.peer.is_some() && self.direction == Direction::Import;
        let local_pref = attributes.local_pref.filter(|_| !(comes_in && source.is_external()));
        PathAttributes { local_pref, ..attributes.clone() }
    }

    /// The same of a route that is one already.
    pub fn verdict_on(&self, route: &Route) -> Verdict {
        let next_hop = match route.next_hop {
            NextHop::Own => None,
            NextHop::Via(address) | NextHop::Discard(address) => Some(address),
        };
        let from = match &route.source.kind {
            SourceKind::Local => Some(Teller::Ourselves),
            SourceKind::Aggregate => Some(Teller::Aggregate),
            SourceKind::Redistributed(_) => Some(Teller::Redistributed),
            SourceKind::Peer { name, .. } => Some(name).filter(|name| !name.is_empty()).cloned().map(Teller::Peer),
        };
        let attributes = (*route.attributes).clone();
        let text = RouteText { prefix: route.prefix, next_hop, attributes, from };
        let (outcome, steps) = policy::trace(&self.chain, route, self.to());
        Verdict::new(self, text, route, outcome, &steps)
    }

    /// What becomes of it, without a word on the way.
    pub fn evaluate(&self, route: &Route) -> Outcome {
        policy::evaluate(&self.chain, route, self.to())
    }

    /// The line of the file at which the statement that decided begins.
    pub fn line(&self, decided_by: &Decider) -> Option<usize> {
        match decided_by {
            Decider::Statement { policy, statement } => self.line_of(policy, *statement),
            Decider::Default(_) => None,
        }
    }

    /// The line of the file at which a statement begins.
    pub fn line_of(&self, policy: &Policy, statement: usize) -> Option<usize> {
        self.config.statement_lines.get(&policy.name)?.get(statement).copied()
    }

    /// Which next hop the policies ask for, towards the peer or from it; `None` if they leave it as it is.
    pub fn next_hop(&self, mode: Option<NextHopMode>, route: &Route) -> Option<String> {
        let usual = match self.direction {
            Direction::Import => None,
            Direction::Export => self.peer.as_ref().map(|peer| peer.next_hop),
        };
        let mode = mode.or(usual)?;
        let received = match route.next_hop {
            NextHop::Own => return Some(format!("{mode}: our own address on the session, since the route is ours")),
            NextHop::Via(address) | NextHop::Discard(address) => address,
        };
        let sender = match &route.source.kind {
            SourceKind::Peer { address, .. } => *address,
            SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => received,
        };
        let known = match (mode, self.direction) {
            (NextHopMode::Address(address), _) => address,
            (NextHopMode::PeerAddress, Direction::Import) => sender,
            (NextHopMode::Keep, Direction::Export) => received,
            (
                NextHopMode::Auto | NextHopMode::SelfAddress | NextHopMode::Keep | NextHopMode::Gateway,
                Direction::Import,
            ) => {
                return None;
            }
            (NextHopMode::SelfAddress, Direction::Export) => {
                return Some("self: our own address on the session".to_owned());
            }
            (NextHopMode::Gateway, Direction::Export) => {
                return Some(format!("gateway: the router on this machine's way to {received}"));
            }
            (NextHopMode::Auto, Direction::Export) => {
                return Some(format!(
                    "auto: {received} or our own address, by this machine's subnets (RFC 4271 §5.1.3)"
                ));
            }
            (NextHopMode::PeerAddress, Direction::Export) => match &self.peer {
                Some(peer) => peer.address,
                None => return Some("peer-address: the receiving peer itself, so that it is not told".to_owned()),
            },
        };
        let is_receiver = |peer: &PeerConfig| peer.address == known || peer.other_addresses.contains(&known);
        let withheld = self.direction == Direction::Export && self.peer.as_ref().is_some_and(is_receiver);
        let note = if withheld { ", the receiving peer itself: withheld (RFC 4271 §5.1.3)" } else { "" };
        Some(match mode {
            NextHopMode::Address(_) => format!("{known}{note}"),
            mode => format!("{mode}: {known}{note}"),
        })
    }

    /// Whom routes go to.
    fn to(&self) -> Option<Party<'_>> {
        let peer = self.peer.as_ref().filter(|_| self.direction == Direction::Export)?;
        let asn = asn_of(peer, None);
        Some(Party {
            name: &peer.name,
            group: peer.group.as_deref(),
            asn,
            own_asn: OwnAses { router: peer.own_asn, local: peer.local_as }.in_paths(),
            address: peer.address,
            external: asn != self.config.speaker.asn,
        })
    }

    /// Who told us of a route: whom it names, else the peer that routes come from, else somebody without a name in the
    /// path's first AS.
    fn source(&self, text: &RouteText) -> anyhow::Result<Source> {
        let path = &text.attributes.as_path;
        let sender = self.peer.as_ref().filter(|_| self.direction == Direction::Import);
        let kind = match (&text.from, sender) {
            (Some(Teller::Ourselves), None) => SourceKind::Local,
            (Some(Teller::Aggregate), None) => SourceKind::Aggregate,
            // No condition tells one protocol from another.
            (Some(Teller::Redistributed), None) => SourceKind::Redistributed(RouteProtocol::KERNEL),
            (Some(Teller::Ourselves | Teller::Aggregate | Teller::Redistributed), Some(_)) => {
                bail!("a route of our own comes from no peer")
            }
            (Some(Teller::Peer(name)), Some(peer)) if *name != peer.name => {
                bail!("`peer {name}` is not the peer that the routes come from: leave it out, or --peer {}", peer.name)
            }
            (Some(Teller::Peer(name)), None) => source_of(&peer(self.config, name)?, path),
            (Some(Teller::Peer(_)) | None, Some(peer)) => source_of(peer, path),
            (None, None) => {
                let asn = path.neighbour_as().unwrap_or(self.config.speaker.asn);
                unnamed(asn, text.next_hop.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
            }
        };
        Ok(Source { kind, local_asn: self.config.speaker.asn })
    }
}

/// The peer of this name, or what a member of the listening group of this name would be.
fn peer(config: &Config, name: &str) -> anyhow::Result<PeerConfig> {
    let groups = config.speaker.listen.iter().map(|group| &group.template);
    let mut all = config.speaker.peers.iter().chain(groups);
    all.clone().find(|peer| peer.name == name).cloned().ok_or_else(|| {
        let known: Vec<&str> = all.by_ref().map(|peer| peer.name.as_str()).collect();
        anyhow!("the configuration has no peer named {name:?}: there {}", list(&known))
    })
}

fn named(config: &Config, name: &str) -> anyhow::Result<Arc<Policy>> {
    config.policies.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = config.policies.keys().map(String::as_str).collect();
        anyhow!("the configuration has no policy named {name:?}: there {}", list(&known))
    })
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "is none".to_owned(),
        [name] => format!("is {name}"),
        names => format!("are {}", names.join(", ")),
    }
}

fn source_of(peer: &PeerConfig, path: &AsPath) -> SourceKind {
    SourceKind::Peer {
        id: NOBODY,
        name: peer.name.clone(),
        group: peer.group.clone(),
        asn: asn_of(peer, path.neighbour_as()),
        router_id: RouterId::UNSPECIFIED,
        address: peer.address,
    }
}

fn unnamed(asn: Asn, address: IpAddr) -> SourceKind {
    SourceKind::Peer { id: NOBODY, name: String::new(), group: None, asn, router_id: RouterId::UNSPECIFIED, address }
}

/// The number of peers here: no policy asks for it.
const NOBODY: PeerId = PeerId(u32::MAX);

/// The peer's AS; if it may be one of several, that one if it is, else the first.
fn asn_of(peer: &PeerConfig, likely: Option<Asn>) -> Asn {
    match &peer.session.remote_as {
        RemoteAs::Exactly(asn) => *asn,
        RemoteAs::OneOf(ranges) => likely
            .filter(|asn| ranges.iter().any(|range| range.contains(asn)))
            .or_else(|| ranges.first().map(|range| *range.start()))
            .unwrap_or(Asn::TRANS),
    }
}

/// The sources of a file's routes, each made once.
pub struct Sources<'a> {
    trial: &'a Trial<'a>,
    known: BTreeMap<MrtPeer, Arc<Source>>,
}

impl<'a> Sources<'a> {
    pub fn new(trial: &'a Trial<'a>) -> Sources<'a> {
        Sources { trial, known: BTreeMap::new() }
    }

    /// A route as the file has it: from the peer that routes come from, else from the configured one of that address.
    pub fn route(&mut self, peer: MrtPeer, prefix: Prefix, next_hop: IpAddr, attributes: &PathAttributes) -> Route {
        let trial = self.trial;
        let source = self.known.entry(peer).or_insert_with(|| {
            let sender = trial.peer.as_ref().filter(|_| trial.direction == Direction::Import);
            let configured = || trial.config.speaker.peers.iter().find(|other| other.address == peer.address);
            let kind = match sender.or_else(configured) {
                Some(peer) => source_of(peer, &attributes.as_path),
                None => unnamed(peer.asn, peer.address),
            };
            Arc::new(Source { kind, local_asn: trial.config.speaker.asn })
        });
        let source = Arc::clone(source);
        let attributes = trial.taken_in(attributes, &source).into();
        Route { prefix, next_hop: NextHop::Via(next_hop), attributes, source }
    }
}
