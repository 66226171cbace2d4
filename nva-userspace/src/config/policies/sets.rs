//! Named sets: defined once, used by name in any list of their kind as `set NAME`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::config::error::Problems;
use crate::config::file::{File, SetTable};
use crate::config::values::parse_all;
use crate::net::Prefix;
use crate::policy::{AsPathRegex, CommunityPattern, PeerMatch, PrefixList, PrefixMatch};

/// Every set of the configuration, and the names that conditions on peers may have.
pub(in crate::config) struct Sets {
    pub(super) prefixes: BTreeMap<String, Arc<PrefixList>>,
    pub(super) as_paths: BTreeMap<String, Vec<AsPathRegex>>,
    pub(super) communities: BTreeMap<String, Arc<Vec<CommunityPattern>>>,
    pub(super) next_hops: BTreeMap<String, Vec<Prefix>>,
    pub(super) peers: BTreeMap<String, Vec<PeerMatch>>,
    pub(super) known_peers: BTreeSet<String>,
    pub(super) known_groups: BTreeSet<String>,
    /// What the names of members begin with that are not configured themselves.
    pub(super) listening: Vec<String>,
}

/// A prefix, or an address that stands for itself.
pub(super) struct HostOrPrefix(pub(super) Prefix);

impl FromStr for HostOrPrefix {
    type Err = <Prefix as FromStr>::Err;

    fn from_str(text: &str) -> Result<HostOrPrefix, Self::Err> {
        match text.parse() {
            Ok(address) => Ok(HostOrPrefix(Prefix::host(address))),
            Err(_) => text.parse().map(HostOrPrefix),
        }
    }
}

impl Sets {
    /// Understands all sets.
    pub(in crate::config) fn build(file: &File, problems: &mut Problems<'_>) -> Sets {
        let known = |tables: &[crate::config::file::PeerTable]| {
            tables.iter().map(|table| table.name.get_ref().clone()).collect::<BTreeSet<_>>()
        };
        let listening = file.peer_group.iter().filter(|group| group.listen.is_some());
        let mut sets = Sets {
            prefixes: build(&file.prefix_set, "prefix-set", problems, |members: Vec<PrefixMatch>| {
                Arc::new(PrefixList::new(members))
            }),
            as_paths: build(&file.as_path_set, "as-path-set", problems, |members| members),
            communities: build(&file.community_set, "community-set", problems, Arc::new),
            next_hops: build(&file.next_hop_set, "next-hop-set", problems, |members: Vec<HostOrPrefix>| {
                members.into_iter().map(|member| member.0).collect()
            }),
            peers: BTreeMap::new(),
            known_peers: known(&file.peer),
            known_groups: known(&file.peer_group),
            listening: listening.map(|group| format!("{}-", group.name.get_ref())).collect(),
        };
        sets.peers = build(&file.peer_set, "peer-set", problems, |members| members);
        for member in file.peer_set.iter().flat_map(|table| table.members.get_ref()) {
            if let Ok(peer) = member.get_ref().parse() {
                sets.check_peer(&peer, member.span(), problems);
            }
        }
        sets
    }

    /// Whether a peer may ever have this name.
    fn is_peer(&self, name: &str) -> bool {
        let is_member = |start: &String| name.strip_prefix(start).is_some_and(|rest| rest.parse::<IpAddr>().is_ok());
        self.known_peers.contains(name) || self.listening.iter().any(is_member)
    }

    /// Notes a peer or a group that does not exist.
    pub(super) fn check_peer(&self, peer: &PeerMatch, place: std::ops::Range<usize>, problems: &mut Problems<'_>) {
        let missing = match peer {
            PeerMatch::Peer(name) => (!self.is_peer(name)).then_some("[[peer]]"),
            PeerMatch::Group(name) => (!self.known_groups.contains(name)).then_some("[[peer-group]]"),
            PeerMatch::Local
            | PeerMatch::Aggregate
            | PeerMatch::Redistributed
            | PeerMatch::Internal
            | PeerMatch::External
            | PeerMatch::Asn(_)
            | PeerMatch::Address(_) => None,
        };
        if let Some(kind) = missing {
            problems.add(place, format_args!("{:?} names no {kind} of this configuration", peer.to_string()));
        }
    }
}

fn build<T, S>(
    tables: &[SetTable],
    kind: &str,
    problems: &mut Problems<'_>,
    set: impl Fn(Vec<T>) -> S,
) -> BTreeMap<String, S>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let mut by_name = BTreeMap::new();
    for table in tables {
        let name = table.name.get_ref();
        if table.members.get_ref().is_empty() {
            problems.add(table.members.span(), format_args!("{kind} {name:?} is empty, and so matches no route"));
        }
        let members = set(parse_all(table.members.get_ref(), problems));
        if by_name.insert(name.clone(), members).is_some() {
            problems.add(table.name.span(), format_args!("a second {kind} is named {name:?}: names are unique"));
        }
    }
    by_name
}
