//! Peers and peer groups.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::error::Problems;
use super::file::{AsnText, PeerKind, PeerTable, Text};
use super::values::{address, parse};
use super::{BGP_PORT, PeerReach};
use crate::fsm::{RemoteAs, SessionConfig};
use crate::net::{AfiSafi, Asn, RouterId};
use crate::policy::{Chain, Disposition, NextHopMode, Policy};
use crate::speaker::PeerConfig;

/// The AS of every Azure Route Server.
const AZURE_ROUTE_SERVER_ASN: Asn = Asn(65515);

/// The TTL towards an Azure Route Server, which is never on our subnet; Azure asks for 2 at least.
const AZURE_ROUTE_SERVER_MULTIHOP: u8 = 8;

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
    built
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
    let azure = is_azure(group);
    let remote_as = group.asn.as_ref().and_then(|_| remote_as(group, azure, problems));
    if let Some(text) = &group.local_address {
        address(text, problems);
    }
    if let Some(text) = &group.next_hop {
        parse::<NextHopMode>(text, problems);
    }
    port(group, problems);
    session(group, remote_as, azure, own, problems);
    multihop(group, azure, false, problems);
    let import = chain(group.import.as_deref(), false, own, problems);
    refuse_outbound_modes(&import, group.import.as_deref().unwrap_or_default(), problems);
    chain(group.export.as_deref(), false, own, problems);
}

fn is_azure(table: &PeerTable) -> bool {
    table.kind.as_ref().is_some_and(|kind| *kind.get_ref() == PeerKind::AzureRouteServer)
}

/// The peer's own settings, and the group's where it has none.
fn with_defaults(peer: &PeerTable, group: &PeerTable) -> PeerTable {
    let (peer, group) = (peer.clone(), group.clone());
    PeerTable {
        name: peer.name,
        group: peer.group,
        description: peer.description.or(group.description),
        kind: peer.kind.or(group.kind),
        address: peer.address,
        port: peer.port.or(group.port),
        asn: peer.asn.or(group.asn),
        local_address: peer.local_address.or(group.local_address),
        multihop: peer.multihop.or(group.multihop),
        passive: peer.passive.or(group.passive),
        hold_time: peer.hold_time.or(group.hold_time),
        connect_retry: peer.connect_retry.or(group.connect_retry),
        families: peer.families.or(group.families),
        import: peer.import.or(group.import),
        export: peer.export.or(group.export),
        next_hop: peer.next_hop.or(group.next_hop),
        install: peer.install.or(group.install),
        enforce_first_as: peer.enforce_first_as.or(group.enforce_first_as),
    }
}

fn peer(table: &PeerTable, own: Own<'_>, problems: &mut Problems<'_>) -> Option<(PeerConfig, PeerReach)> {
    let name = table.name.get_ref();
    let azure = is_azure(table);
    if let (true, Some(kind), AZURE_ROUTE_SERVER_ASN) = (azure, &table.kind, own.asn) {
        let advice = "give [router] asn another number, such as 65000";
        problems.add(kind.span(), format_args!("AS {} is Azure Route Server's own: {advice}", own.asn));
    }
    let remote = match &table.address {
        Some(text) => address(text, problems),
        None => {
            problems.add(table.name.span(), format_args!("peer {name:?} has no address"));
            None
        }
    };
    let remote_as = remote_as(table, azure, problems);
    let internal = matches!(&remote_as, Some(RemoteAs::Exactly(asn)) if *asn == own.asn);
    let local = table.local_address.as_ref().and_then(|text| address(text, problems));
    if let (Some(remote), Some(local), Some(text)) = (remote, local, &table.local_address)
        && remote.is_ipv4() != local.is_ipv4()
    {
        problems.add(text.span(), format_args!("{local} and the peer's address {remote} are of different families"));
    }
    let session = session(table, remote_as.clone(), azure, own, problems);
    let import = chain(table.import.as_deref(), internal, own, problems);
    refuse_outbound_modes(&import, table.import.as_deref().unwrap_or_default(), problems);
    let export = chain(table.export.as_deref(), internal, own, problems);
    let next_hop = table.next_hop.as_ref().map_or(Some(NextHopMode::Auto), |text| parse(text, problems));
    let port = port(table, problems);
    let multihop = multihop(table, azure, internal, problems);
    let (address, _, next_hop) = (remote?, remote_as?, next_hop?);
    let peer = PeerConfig {
        name: name.clone(),
        group: table.group.as_ref().map(|group| group.get_ref().clone()),
        description: table.description.clone(),
        address,
        session,
        multihop,
        import,
        export,
        next_hop,
        install: table.install.unwrap_or(!azure),
        enforce_first_as: table.enforce_first_as.unwrap_or(true),
    };
    let remote = SocketAddr::new(address, port);
    Some((peer, PeerReach { remote, local }))
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
    let mut session = SessionConfig::new(own.asn, own.router_id, remote_as.unwrap_or(RemoteAs::OneOf(Vec::new())));
    if let Some(hold_time) = &table.hold_time {
        session.hold_time = *hold_time.get_ref();
        if matches!(session.hold_time, 1 | 2) {
            problems.add(hold_time.span(), "a hold time is 0 (never) or at least 3 seconds (RFC 4271 §4.2)");
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

fn multihop(table: &PeerTable, azure: bool, internal: bool, problems: &mut Problems<'_>) -> Option<u8> {
    match &table.multihop {
        Some(ttl) if *ttl.get_ref() == 0 => {
            problems.add(ttl.span(), "a TTL of 0 reaches nobody: leave multihop out for a peer on a connected subnet");
            None
        }
        Some(ttl) => Some(*ttl.get_ref()),
        None if azure => Some(AZURE_ROUTE_SERVER_MULTIHOP),
        // An internal peer may be anywhere in the AS (RFC 4271 §5.1.3 knows no one-hop internal peers).
        None if internal => Some(u8::MAX),
        None => None,
    }
}

fn remote_as(table: &PeerTable, azure: bool, problems: &mut Problems<'_>) -> Option<RemoteAs> {
    let Some(text) = &table.asn else {
        if azure {
            return Some(RemoteAs::Exactly(AZURE_ROUTE_SERVER_ASN));
        }
        problems.add(table.name.span(), format_args!("peer {:?} has no asn", table.name.get_ref()));
        return None;
    };
    let remote = match text.get_ref() {
        AsnText::Number(number) => Some(RemoteAs::Exactly(Asn(*number))),
        AsnText::Text(written) => range(written, text, problems),
    };
    match &remote {
        Some(remote) if azure && *remote != RemoteAs::Exactly(AZURE_ROUTE_SERVER_ASN) => {
            let advice = "leave asn out";
            problems.add(
                text.span(),
                format_args!("an Azure Route Server is always AS {AZURE_ROUTE_SERVER_ASN}: {advice}"),
            );
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

/// Whom a peer is told as next hop is decided on the way out: `self` in an import policy would promise what it does not
/// do.
fn refuse_outbound_modes(import: &Chain, names: &[Text], problems: &mut Problems<'_>) {
    for policy in &import.policies {
        let mut modes = policy.statements.iter().filter_map(|statement| statement.actions.next_hop);
        let place = names.iter().find(|name| *name.get_ref() == policy.name);
        if let (Some(mode), Some(place)) = (modes.find(|mode| !mode.applies_inbound()), place) {
            let advice =
                "an import policy takes peer-address or an address: say what peers are told in an export policy";
            problems.add(place.span(), format_args!("policy {:?} sets next-hop {mode}, but {advice}", policy.name));
        }
    }
}
