//! Peers and peer groups.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::error::Problems;
use super::file::{self, AsnText, MalformedNlri, PeerTable, Text};
use super::values::{address, parse};
use super::{BGP_PORT, PeerReach, as_path, bfd, limits, listen, restart, roles, security};
use crate::fsm::{RemoteAs, SessionConfig};
use crate::net::{AfiSafi, Asn, RouterId};
use crate::policy::{Chain, Disposition, NextHopMode, Policy, Statement};
use crate::speaker::{PeerConfig, PeerKind};

/// The AS of every Azure Route Server.
const AZURE_ROUTE_SERVER_ASN: Asn = Asn(65515);

/// The hold time that we propose to a fellow hub: we take over its share of the paths when it is over.
const HUB_HOLD_TIME: u16 = 9;

/// What the whole file says that every peer needs.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) asn: Asn,
    pub(super) router_id: RouterId,
    pub(super) policies: &'a BTreeMap<String, Arc<Policy>>,
}

/// Understands all peers; a peer with problems is left out, and its problems are noted.
pub(super) fn build(
    peers: &[PeerTable],
    groups: &[PeerTable],
    own: Own<'_>,
    problems: &mut Problems<'_>,
) -> Vec<(PeerConfig, PeerReach)> {
    let by_name = group_names(groups, problems);
    let mut names: BTreeMap<&str, ()> = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    let mut built = Vec::new();
    for group in groups {
        check_group(group, own, problems);
    }
    for table in peers {
        let name = named(table, problems);
        listen::check_peer(table, problems);
        if names.insert(name, ()).is_some() {
            problems.add(table.name.span(), format_args!("a second peer is named {name:?}: names are unique"));
        }
        let merged = match &table.group {
            None => table.clone(),
            Some(group) => match by_name.get(group.get_ref().as_str()) {
                Some(defaults) => with_defaults(table, defaults),
                None => {
                    problems.add(group.span(), format_args!("there is no [[peer-group]] named {:?}", group.get_ref()));
                    continue;
                }
            },
        };
        let Some((peer, reach)) = peer(&merged, own, problems) else { continue };
        if let Some(other) = addresses.insert(peer.address, name) {
            problems.add(
                table.name.span(),
                format_args!("peers {other:?} and {name:?} have the same address {}", peer.address),
            );
        }
        built.push((peer, reach));
    }
    check_diverse(peers, groups, &built, problems);
    built
}

/// Paths are shared out towards external peers, and among hubs of which we are told.
fn check_diverse(
    peers: &[PeerTable],
    groups: &[PeerTable],
    built: &[(PeerConfig, PeerReach)],
    problems: &mut Problems<'_>,
) {
    let any_hub = peers.iter().chain(groups).any(|table| kind(table) == PeerKind::Hub);
    let internal = |table: &PeerTable| {
        let peer = built.iter().map(|(peer, _)| peer).find(|peer| peer.name == *table.name.get_ref());
        peer.is_some_and(|peer| peer.session.remote_as == RemoteAs::Exactly(peer.session.local_asn))
    };
    for table in peers.iter().chain(groups) {
        let Some(diverse) = table.diverse_paths.as_ref().filter(|diverse| *diverse.get_ref()) else { continue };
        if internal(table) {
            problems.add(diverse.span(), "diverse-paths is for route servers: this peer is internal");
        } else if !any_hub {
            let advice = "make each of the others a [[peer]] of kind = \"hub\"";
            problems.add(diverse.span(), format_args!("nobody is known to share the paths with: {advice}"));
        }
    }
}

fn group_names<'a>(groups: &'a [PeerTable], problems: &mut Problems<'_>) -> BTreeMap<&'a str, &'a PeerTable> {
    let mut by_name = BTreeMap::new();
    for group in groups {
        if by_name.insert(named(group, problems), group).is_some() {
            problems.add(group.name.span(), format_args!("a second peer-group is named {:?}", group.name.get_ref()));
        }
        if let Some(address) = &group.address {
            problems.add(address.span(), "a peer-group has no address: addresses belong to [[peer]]");
        }
        if let Some(other) = group.other_addresses.iter().flatten().next() {
            problems.add(other.span(), "a peer-group has no addresses: other-addresses belong to [[peer]]");
        }
        if let Some(nested) = &group.group {
            problems.add(nested.span(), "a peer-group is not a member of another");
        }
    }
    by_name
}

fn named<'a>(table: &'a PeerTable, problems: &mut Problems<'_>) -> &'a str {
    let name = table.name.get_ref();
    if name.trim() != name || name.is_empty() {
        problems.add(table.name.span(), format_args!("{name:?} is no name: it is empty, or has space around it"));
    }
    name
}

/// Finds what is wrong with a group that nobody may belong to yet.
fn check_group(group: &PeerTable, own: Own<'_>, problems: &mut Problems<'_>) {
    let azure = kind(group) == PeerKind::RouteServer;
    let remote_as = group.asn.as_ref().and_then(|_| remote_as(group, own, problems));
    if let Some(text) = &group.local_address {
        address(text, problems);
    }
    if let Some(text) = &group.next_hop {
        parse::<NextHopMode>(text, problems);
    }
    port(group, problems);
    let internal = remote_as == Some(RemoteAs::Exactly(own.asn));
    as_path::rules(group, internal, problems);
    as_path::local_as(group, remote_as.as_ref(), own, problems);
    let session = session(group, remote_as, azure, own, problems);
    limits::build(group, &session.families, problems);
    let distance = security::distance(group, azure, false, problems);
    security::password(group, azure, problems);
    bfd::build(group, azure, distance.multihop, problems);
    let import = chain(group.import.as_deref(), false, own, problems);
    refuse_outbound_modes(&import, group.import.as_deref().unwrap_or_default(), problems);
    let export = chain(group.export.as_deref(), false, own, problems);
    refuse_inbound_actions(&export, group.export.as_deref().unwrap_or_default(), problems);
}

pub(super) fn kind(table: &PeerTable) -> PeerKind {
    match table.kind.as_ref().map(Spanned::get_ref) {
        Some(file::PeerKind::AzureRouteServer) => PeerKind::RouteServer,
        Some(file::PeerKind::Hub) => PeerKind::Hub,
        Some(file::PeerKind::Router) | None => PeerKind::Router,
    }
}

/// The peer's own settings, and the group's where it has none.
fn with_defaults(peer: &PeerTable, group: &PeerTable) -> PeerTable {
    let (peer, mut group) = (peer.clone(), group.clone());
    // What says the same in two ways comes from one of the two tables.
    if peer.password.is_some() || peer.password_file.is_some() {
        (group.password, group.password_file) = (None, None);
    }
    if peer.multihop.is_some() || peer.ttl_security.is_some() {
        (group.multihop, group.ttl_security) = (None, None);
    }
    PeerTable {
        name: peer.name,
        group: peer.group,
        description: peer.description.or(group.description),
        kind: peer.kind.or(group.kind),
        address: peer.address,
        other_addresses: peer.other_addresses,
        listen: None,
        listen_limit: None,
        listen_forget: None,
        port: peer.port.or(group.port),
        asn: peer.asn.or(group.asn),
        local_as: peer.local_as.or(group.local_as),
        allow_own_as: peer.allow_own_as.or(group.allow_own_as),
        as_override: peer.as_override.or(group.as_override),
        remove_private_as: peer.remove_private_as.or(group.remove_private_as),
        local_address: peer.local_address.or(group.local_address),
        multihop: peer.multihop.or(group.multihop),
        ttl_security: peer.ttl_security.or(group.ttl_security),
        password: peer.password.or(group.password),
        password_file: peer.password_file.or(group.password_file),
        passive: peer.passive.or(group.passive),
        hold_time: peer.hold_time.or(group.hold_time),
        send_hold_time: peer.send_hold_time.or(group.send_hold_time),
        connect_retry: peer.connect_retry.or(group.connect_retry),
        bfd: peer.bfd.or(group.bfd),
        graceful_restart: peer.graceful_restart.or(group.graceful_restart),
        restart_time: peer.restart_time.or(group.restart_time),
        stale_time: peer.stale_time.or(group.stale_time),
        families: peer.families.or(group.families),
        extended_messages: peer.extended_messages.or(group.extended_messages),
        enhanced_refresh: peer.enhanced_refresh.or(group.enhanced_refresh),
        on_malformed_nlri: peer.on_malformed_nlri.or(group.on_malformed_nlri),
        role: peer.role.or(group.role),
        role_strict: peer.role_strict.or(group.role_strict),
        import: peer.import.or(group.import),
        export: peer.export.or(group.export),
        receive_limit: peer.receive_limit.or(group.receive_limit),
        import_limit: peer.import_limit.or(group.import_limit),
        export_limit: peer.export_limit.or(group.export_limit),
        next_hop: peer.next_hop.or(group.next_hop),
        diverse_paths: peer.diverse_paths.or(group.diverse_paths),
        install: peer.install.or(group.install),
        enforce_first_as: peer.enforce_first_as.or(group.enforce_first_as),
        allow_as_sets: peer.allow_as_sets.or(group.allow_as_sets),
        honour_graceful_shutdown: peer.honour_graceful_shutdown.or(group.honour_graceful_shutdown),
    }
}

fn peer(table: &PeerTable, own: Own<'_>, problems: &mut Problems<'_>) -> Option<(PeerConfig, PeerReach)> {
    let remote = match &table.address {
        Some(text) => address(text, problems),
        None => {
            problems.add(table.name.span(), format_args!("peer {:?} has no address", table.name.get_ref()));
            None
        }
    };
    peer_at(table, remote, own, problems)
}

/// A peer with this address, whatever stands in the table.
pub(super) fn peer_at(
    table: &PeerTable,
    remote: Option<IpAddr>,
    own: Own<'_>,
    problems: &mut Problems<'_>,
) -> Option<(PeerConfig, PeerReach)> {
    let azure = kind(table) == PeerKind::RouteServer;
    if let (true, Some(kind), AZURE_ROUTE_SERVER_ASN) = (azure, &table.kind, own.asn) {
        let advice = "give [router] asn another number, such as 65000";
        problems.add(kind.span(), format_args!("AS {} is Azure Route Server's own: {advice}", own.asn));
    }
    let remote_as = remote_as(table, own, problems);
    let internal = matches!(&remote_as, Some(RemoteAs::Exactly(asn)) if *asn == own.asn);
    let local = table.local_address.as_ref().and_then(|text| address(text, problems));
    if let (Some(remote), Some(local), Some(text)) = (remote, local, &table.local_address)
        && !remote.is_unspecified()
        && remote.is_ipv4() != local.is_ipv4()
    {
        problems.add(text.span(), format_args!("{local} and the peer's address {remote} are of different families"));
    }
    let as_path = as_path::rules(table, internal, problems);
    let local_as = as_path::local_as(table, remote_as.as_ref(), own, problems);
    let mut session = session(table, remote_as.clone(), azure, own, problems);
    if let Some(local) = local_as {
        session.local_asn = local.asn;
        session.alternative_asn = local.dual.then_some(own.asn);
    }
    let limits = limits::build(table, &session.families, problems);
    let import = chain(table.import.as_deref(), internal, own, problems);
    refuse_outbound_modes(&import, table.import.as_deref().unwrap_or_default(), problems);
    let export = chain(table.export.as_deref(), internal, own, problems);
    refuse_inbound_actions(&export, table.export.as_deref().unwrap_or_default(), problems);
    let next_hop = next_hop(table, problems);
    let port = port(table, problems);
    let distance = security::distance(table, azure, internal, problems);
    let password = security::password(table, azure, problems);
    let bfd = bfd::build(table, azure, distance.multihop, problems);
    let other_addresses = other_addresses(table, remote, problems);
    let (address, _, next_hop) = (remote?, remote_as?, next_hop?);
    let peer = PeerConfig {
        name: table.name.get_ref().clone(),
        group: table.group.as_ref().map(|group| group.get_ref().clone()),
        description: table.description.clone(),
        address,
        other_addresses,
        kind: kind(table),
        own_asn: own.asn,
        local_as,
        as_path,
        diverse_paths: table.diverse_paths.as_ref().is_some_and(|diverse| *diverse.get_ref()),
        session,
        stale_time: restart::stale_time(table, problems),
        multihop: distance.multihop,
        bfd,
        import,
        export,
        limits,
        next_hop,
        // Of a fellow hub's routes we have our own, or they are nothing to a hub's forwarding.
        install: table.install.unwrap_or(kind(table) == PeerKind::Router),
        enforce_first_as: table.enforce_first_as.unwrap_or(true),
        allow_as_sets: table.allow_as_sets.unwrap_or(false),
        honour_graceful_shutdown: table.honour_graceful_shutdown.unwrap_or(true),
    };
    let remote = SocketAddr::new(address, port);
    Some((peer, PeerReach { remote, local, ttl: distance.ttl, password }))
}

/// What the peer has besides the address of its session.
fn other_addresses(table: &PeerTable, remote: Option<IpAddr>, problems: &mut Problems<'_>) -> Vec<IpAddr> {
    let mut known = Vec::new();
    for text in table.other_addresses.iter().flatten() {
        match address(text, problems) {
            Some(other) if Some(other) == remote || known.contains(&other) => {
                problems.add(text.span(), format_args!("{other} is listed twice"));
            }
            Some(other) => known.push(other),
            None => {}
        }
    }
    known
}

fn port(table: &PeerTable, problems: &mut Problems<'_>) -> u16 {
    let Some(port) = &table.port else { return BGP_PORT };
    if *port.get_ref() == 0 {
        problems.add(port.span(), format_args!("nobody listens on port 0: leave the key out for {BGP_PORT}"));
    }
    *port.get_ref()
}

fn session(
    table: &PeerTable,
    remote_as: Option<RemoteAs>,
    azure: bool,
    own: Own<'_>,
    problems: &mut Problems<'_>,
) -> SessionConfig {
    let (role, role_strict) = roles::build(table, remote_as.as_ref(), own.asn, problems);
    let mut session = SessionConfig::new(own.asn, own.router_id, remote_as.unwrap_or(RemoteAs::OneOf(Vec::new())));
    (session.role, session.role_strict) = (role, role_strict);
    if kind(table) == PeerKind::Hub {
        session.hold_time = HUB_HOLD_TIME;
    }
    if let Some(hold_time) = &table.hold_time {
        session.hold_time = *hold_time.get_ref();
        if matches!(session.hold_time, 1 | 2) {
            problems.add(hold_time.span(), "a hold time is 0 (never) or at least 3 seconds (RFC 4271 §4.2)");
        }
    }
    if let Some(send_hold_time) = &table.send_hold_time {
        let seconds = *send_hold_time.get_ref();
        session.send_hold_time = Some(seconds);
        if seconds != 0 && seconds <= session.hold_time {
            let hold_time = session.hold_time;
            problems.add(
                send_hold_time.span(),
                format_args!(
                    "send-hold-time is 0 (never) or longer than the hold time of {hold_time} s (RFC 9687 §4.4)"
                ),
            );
        }
    }
    if let Some(retry) = &table.connect_retry {
        session.connect_retry = Duration::from_secs(u64::from(*retry.get_ref()));
        if *retry.get_ref() == 0 {
            problems.add(retry.span(), "connect-retry is at least 1 second");
        }
    }
    session.passive = table.passive.unwrap_or(false);
    session.families = families(table, azure, problems);
    session.graceful_restart = restart::announced(table, azure, &session.families, problems);
    session.extended_messages = table.extended_messages.unwrap_or(true);
    session.enhanced_refresh = table.enhanced_refresh.unwrap_or(true);
    let on_malformed = table.on_malformed_nlri.as_ref().map_or(MalformedNlri::DisableFamily, |value| *value.get_ref());
    session.disable_families = on_malformed == MalformedNlri::DisableFamily;
    session
}

fn families(table: &PeerTable, azure: bool, problems: &mut Problems<'_>) -> Vec<AfiSafi> {
    let Some(texts) = &table.families else {
        // Azure Route Server offers IPv6 and routes none of it.
        return if azure { vec![AfiSafi::Ipv4Unicast] } else { AfiSafi::ALL.to_vec() };
    };
    let mut families = Vec::new();
    for text in texts.get_ref() {
        match AfiSafi::ALL.into_iter().find(|family| family.to_string() == *text.get_ref()) {
            Some(family) if families.contains(&family) => {
                problems.add(text.span(), format_args!("{family} is listed twice"));
            }
            Some(family) => families.push(family),
            None => problems.add(
                text.span(),
                format_args!("{:?} is not a family: choose from \"ipv4-unicast\" and \"ipv6-unicast\"", text.get_ref()),
            ),
        }
    }
    if texts.get_ref().is_empty() {
        problems.add(texts.span(), "a session needs at least one family: leave the key out for both");
    }
    families
}

fn remote_as(table: &PeerTable, own: Own<'_>, problems: &mut Problems<'_>) -> Option<RemoteAs> {
    // What its kind says already.
    let known = match kind(table) {
        PeerKind::Router => None,
        PeerKind::RouteServer => Some((RemoteAs::Exactly(AZURE_ROUTE_SERVER_ASN), "an Azure Route Server is always")),
        PeerKind::Hub => Some((RemoteAs::Exactly(own.asn), "a fellow hub is in our own")),
    };
    let Some(text) = &table.asn else {
        if known.is_none() {
            problems.add(table.name.span(), format_args!("peer {:?} has no asn", table.name.get_ref()));
        }
        return known.map(|(remote, _)| remote);
    };
    let remote = match text.get_ref() {
        AsnText::Number(number) => Some(RemoteAs::Exactly(Asn(*number))),
        AsnText::Text(written) => range(written, text, problems),
    };
    match &remote {
        Some(remote) if known.as_ref().is_some_and(|(known, _)| known != remote) => {
            if let Some((RemoteAs::Exactly(asn), what)) = known {
                problems.add(text.span(), format_args!("{what} AS {asn}: leave asn out"));
            }
        }
        Some(RemoteAs::Exactly(asn)) if !asn.is_usable() => {
            problems.add(text.span(), format_args!("no peer can have AS {asn} (RFC 7607, RFC 6793)"));
        }
        Some(RemoteAs::Exactly(_) | RemoteAs::OneOf(_)) | None => {}
    }
    remote
}

/// `"65100"` or `"65100-65109"`.
fn range(written: &str, text: &Spanned<AsnText>, problems: &mut Problems<'_>) -> Option<RemoteAs> {
    let parsed = match written.split_once('-') {
        None => written.parse().map(RemoteAs::Exactly),
        Some((first, last)) => first.trim().parse().and_then(|first: Asn| {
            let range: RangeInclusive<Asn> = first..=last.trim().parse()?;
            Ok(RemoteAs::OneOf(vec![range]))
        }),
    };
    match parsed {
        Ok(RemoteAs::OneOf(ranges)) if ranges.iter().all(RangeInclusive::is_empty) => {
            problems.add(text.span(), format_args!("{written:?} is an empty range: write the smaller number first"));
            None
        }
        Ok(RemoteAs::OneOf(ranges)) if ranges.iter().any(|range| !range.start().is_usable()) => {
            problems.add(text.span(), format_args!("{written:?}: no peer can have its first AS (RFC 7607, RFC 6793)"));
            None
        }
        Ok(remote) => Some(remote),
        Err(error) => {
            problems.add(text.span(), format_args!("{error}, or a range such as \"65100-65109\""));
            None
        }
    }
}

fn chain(names: Option<&[Text]>, internal: bool, own: Own<'_>, problems: &mut Problems<'_>) -> Chain {
    // RFC 8212: without a policy nothing passes to or from an external peer.
    let default = Disposition::default_for(!internal || names.is_some());
    let mut policies = Vec::new();
    for name in names.unwrap_or_default() {
        match own.policies.get(name.get_ref()) {
            Some(policy) => policies.push(Arc::clone(policy)),
            None => problems.add(name.span(), format_args!("there is no [[policy]] named {:?}", name.get_ref())),
        }
    }
    Chain { policies, default }
}

/// What a peer is told is decided on the way out: `self` and `to` in an import policy would promise what they do not do.
fn refuse_outbound_modes(import: &Chain, names: &[Text], problems: &mut Problems<'_>) {
    for policy in &import.policies {
        let Some(place) = names.iter().find(|name| *name.get_ref() == policy.name) else { continue };
        let outbound = |statement: &Statement| statement.actions.next_hop.filter(|mode| !mode.applies_inbound());
        if let Some(mode) = policy.find_in_statements(&outbound) {
            let advice =
                "an import policy takes peer-address or an address: say what peers are told in an export policy";
            problems.add(place.span(), format_args!("policy {:?} sets next-hop {mode}, but {advice}", policy.name));
        }
        let asks = |statement: &Statement| statement.matches.asks_where_to().then_some(());
        if policy.find_in_statements(&asks).is_some() {
            let advice = "in an import policy no route goes anywhere: ask for its `source`";
            problems.add(place.span(), format_args!("policy {:?} has a condition on `to`, but {advice}", policy.name));
        }
    }
}

/// The next hop of what a peer is told by default.
fn next_hop(table: &PeerTable, problems: &mut Problems<'_>) -> Option<NextHopMode> {
    let Some(text) = &table.next_hop else { return Some(NextHopMode::Auto) };
    let mode: NextHopMode = parse(text, problems)?;
    if !mode.applies_outbound() {
        problems.add(text.span(), format_args!("{ONESELF}: write it into an import policy, or `self` here"));
    }
    Some(mode)
}

/// Why nobody is told peer-address.
const ONESELF: &str = "next-hop peer-address would tell a peer to send to itself (RFC 4271 §5.1.3)";

/// What is done with packets is decided on the way in, and so is that the sender is the next hop.
fn refuse_inbound_actions(export: &Chain, names: &[Text], problems: &mut Problems<'_>) {
    for policy in &export.policies {
        let Some(place) = names.iter().find(|name| *name.get_ref() == policy.name) else { continue };
        let drops = |statement: &Statement| statement.actions.honour_blackhole.then_some(());
        if policy.find_in_statements(&drops).is_some() {
            let advice = "packets are dropped by what an import policy says";
            problems.add(place.span(), format_args!("policy {:?} has honour-blackhole, but {advice}", policy.name));
        }
        let inbound = |statement: &Statement| statement.actions.next_hop.filter(|mode| !mode.applies_outbound());
        if policy.find_in_statements(&inbound).is_some() {
            problems.add(place.span(), format_args!("policy {:?}: {ONESELF}", policy.name));
        }
    }
}
