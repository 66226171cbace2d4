//! From what is written to what it means: the file's top level.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::error::Problems;
use super::file::{
    AsnText, FibTable, File, LookupValue, OriginateTable, RouterTable, SourceCheckValue, TableSizes, Text, XdpTable,
};
use super::values::own_prefix;
use super::{
    BGP_PORT, Config, DEFAULT_CONTROL_SOCKET, XdpConfig, aggregates, azure, listen, peers, policies, redistribute,
    security,
};
use crate::fib::FibConfig;
use crate::net::{Asn, RouterId};
use crate::rib::DecisionConfig;
use crate::speaker::{Originate, PeerConfig, SpeakerConfig};
use crate::xdp::{Capacity, LookupSource, SourceCheck};

/// Routes of one prefix that may be used at once, unless told otherwise.
const DEFAULT_MAX_PATHS: usize = 16;

/// The most that the data plane's next-hop groups hold.
const MOST_PATHS: usize = 64;

/// Fewer hold not even what an idle machine has; more blocks than there are /24s are never needed.
const TABLE_SIZES: RangeInclusive<u32> = 16..=1 << 24;

/// To read a million routes takes a second or two.
const SHORTEST_AUDIT_INTERVAL: u32 = 10;

/// Names longer than this no interface has (`IFNAMSIZ`).
const INTERFACE_NAME_MAX: usize = 15;

/// Longer paths no socket has (`sun_path` without its NUL, unix(7)).
const SOCKET_PATH_MAX: usize = 107;

/// Understands the file; `None`, with a problem noted, where nothing sensible could be made of it.
pub(super) fn build(file: File, text: &str, problems: &mut Problems<'_>) -> Option<Config> {
    let text = security::without_secrets(text, &file);
    let asn = asn(&file.router.asn, problems);
    let router_id = router_id(&file.router.router_id, problems);
    let listen = listen(&file.router, problems);
    let mut decision = decision(&file.router, problems);
    let sets = policies::Sets::build(&file, problems);
    let statement_lines = policies::statement_lines(&file.policy, problems);
    let policies = policies::build(&file.policy, &sets, problems);
    let originate = originate(file.originate, problems);
    let aggregates = aggregates::build(&file.aggregate, &originate, &policies, problems);
    let redistribute = redistribute::build(&file.redistribute, &policies, problems);
    let reconcile_after = Duration::from_secs(u64::from(file.fib.reconcile_after));
    let fib = fib(&file.fib, problems);
    let audit_interval = audit_interval(&file.fib, problems);
    let suppress_until_installed = suppression(&file.fib, problems);
    let xdp = xdp(file.xdp, problems);
    // Stand-ins where these could not be understood, so that the peers' problems are told in the same run.
    let own = peers::Own {
        asn: asn.unwrap_or(Asn::TRANS),
        router_id: router_id.unwrap_or(RouterId::UNSPECIFIED),
        policies: &policies,
    };
    let (peers, reach): (Vec<PeerConfig>, _) =
        peers::build(&file.peer, &file.peer_group, own, problems).into_iter().unzip();
    let vnet = azure::build(file.azure.as_ref(), &file.peer, &peers, problems);
    decision.diverse = peers.iter().any(|peer| peer.diverse_paths);
    let (ranges, members): (Vec<_>, _) = listen::build(&file.peer_group, own, problems).into_iter().unzip();
    listen::check_names(&file.peer, &peers, &ranges, problems);
    let control_socket = control_socket(file.router.control_socket, problems);
    let (asn, router_id) = (asn?, router_id?);
    Some(Config {
        speaker: SpeakerConfig {
            asn,
            router_id,
            peers,
            listen: ranges,
            decision,
            originate,
            redistribute,
            aggregates,
            vnet,
            fib,
            suppress_until_installed,
            reconcile_after,
            seed: 0,
        },
        reach,
        members,
        listen,
        control_socket,
        audit_interval,
        xdp,
        warnings: Vec::new(),
        policies,
        statement_lines,
        text,
    })
}

/// A single AS number that a speaker may have.
fn asn(text: &Spanned<AsnText>, problems: &mut Problems<'_>) -> Option<Asn> {
    let parsed = match text.get_ref() {
        AsnText::Number(number) => Ok(Asn(*number)),
        AsnText::Text(text) => text.parse::<Asn>(),
    };
    match parsed {
        Ok(asn) if asn.is_usable() => Some(asn),
        Ok(asn) => {
            problems.add(
                text.span(),
                format_args!("AS {asn} is reserved (RFC 7607, RFC 6793): use the AS assigned to you"),
            );
            None
        }
        Err(error) => {
            problems.add(text.span(), error);
            None
        }
    }
}

fn router_id(text: &Text, problems: &mut Problems<'_>) -> Option<RouterId> {
    match text.get_ref().parse::<RouterId>() {
        Ok(id) if !id.is_unspecified() => Some(id),
        Ok(_) | Err(_) => {
            problems.add(
                text.span(),
                format_args!(
                    "{:?} is not a router id: write four octets such as \"10.13.76.84\", not all zero (RFC 6286)",
                    text.get_ref()
                ),
            );
            None
        }
    }
}

fn listen(router: &RouterTable, problems: &mut Problems<'_>) -> Vec<SocketAddr> {
    let Some(listen) = &router.listen else {
        return vec![SocketAddr::from(([0, 0, 0, 0], BGP_PORT)), SocketAddr::from(([0; 16], BGP_PORT))];
    };
    let mut addresses = Vec::new();
    for text in listen {
        let written = text.get_ref();
        match written.parse().or_else(|_| written.parse().map(|address: IpAddr| SocketAddr::new(address, BGP_PORT))) {
            Ok(address) if addresses.contains(&address) => {
                problems.add(text.span(), format_args!("{address} is listened on twice"));
            }
            Ok(SocketAddr::V6(address)) if address.ip().is_unicast_link_local() && address.scope_id() == 0 => {
                let advice = "write \"[::]:179\" for all interfaces";
                let problem = format_args!("{} is on every interface, and does not say on which: {advice}", address.ip());
                problems.add(text.span(), problem);
            }
            Ok(address) => addresses.push(address),
            Err(_) => problems.add(
                text.span(),
                format_args!("{written:?} is not an address to listen on: write \"192.0.2.1\", \"192.0.2.1:179\" or \"[2001:db8::1]:179\""),
            ),
        }
    }
    addresses
}

fn decision(router: &RouterTable, problems: &mut Problems<'_>) -> DecisionConfig {
    let max_paths = router.max_paths.as_ref().map_or(DEFAULT_MAX_PATHS, |max_paths| {
        let (value, place) = (*max_paths.get_ref(), max_paths.span());
        if !(1..=MOST_PATHS).contains(&value) {
            problems.add(place, format_args!("max-paths is {value}: choose from 1 to {MOST_PATHS}"));
        }
        value
    });
    DecisionConfig {
        max_paths,
        multipath_relax: router.multipath_relax,
        always_compare_med: router.always_compare_med,
        ..DecisionConfig::default()
    }
}

fn originate(table: OriginateTable, problems: &mut Problems<'_>) -> Originate {
    let prefixes = table.prefixes.iter().filter_map(|text| own_prefix(text, problems)).collect();
    let interfaces = interface_names(table.interfaces, problems);
    let connected = interface_names(table.connected, problems);
    Originate { interfaces, connected, prefixes }
}

fn fib(table: &FibTable, problems: &mut Problems<'_>) -> Option<FibConfig> {
    let mut config = FibConfig::default();
    if let Some(number) = &table.table {
        if matches!(number.get_ref(), 0 | 255) {
            problems.add(number.span(), "tables 0 (unspecified) and 255 (local) belong to the kernel: 254 is main");
        }
        config.table = *number.get_ref();
    }
    if let Some(metric) = &table.metric {
        if *metric.get_ref() == 0 {
            problems.add(metric.span(), "metric 0 is the kernel's own for connected routes: choose another");
        }
        config.metric = *metric.get_ref();
    }
    table.install.then_some(config)
}

fn audit_interval(table: &FibTable, problems: &mut Problems<'_>) -> Option<Duration> {
    let seconds = *table.audit_interval.get_ref();
    if (1..SHORTEST_AUDIT_INTERVAL).contains(&seconds) {
        let advice =
            format_args!("audit-interval is {seconds}: choose at least {SHORTEST_AUDIT_INTERVAL}, or 0 for never");
        problems.add(table.audit_interval.span(), advice);
    }
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

fn suppression(table: &FibTable, problems: &mut Problems<'_>) -> bool {
    let Some(wanted) = table.suppress_until_installed.as_ref().filter(|wanted| *wanted.get_ref()) else { return false };
    if !table.install {
        problems.add(wanted.span(), "with install = false nothing gets into the kernel: leave one of the two out");
    }
    true
}

fn xdp(table: XdpTable, problems: &mut Problems<'_>) -> XdpConfig {
    let interfaces = interface_names(table.interfaces, problems);
    for name in table.source_check.keys().filter(|name| !interfaces.contains(name.get_ref())) {
        let name_of = name.get_ref();
        problems.add(name.span(), format_args!("{name_of:?} is not among the interfaces on which XDP forwards"));
    }
    if let (LookupValue::Kernel, Some(name)) = (table.lookup, table.source_check.keys().next()) {
        problems.add(name.span(), "sources are checked by our own tables only: leave this or lookup = \"kernel\" out");
    }
    let checks = table.source_check.into_iter().map(|(name, value)| match value {
        SourceCheckValue::Loose => (name.into_inner(), SourceCheck::Loose),
        SourceCheckValue::Strict => (name.into_inner(), SourceCheck::Strict),
    });
    XdpConfig {
        source_checks: checks.collect(),
        capacity: capacity(&table.table_sizes, problems),
        interfaces,
        pin_directory: table.pin_directory.map(PathBuf::from),
        debug: table.debug,
        lookup: match table.lookup {
            LookupValue::Tables => LookupSource::Tables,
            LookupValue::Kernel => LookupSource::Kernel,
        },
    }
}

fn capacity(sizes: &TableSizes, problems: &mut Problems<'_>) -> Capacity {
    let usual = Capacity::default();
    let mut size = |written: &Option<Spanned<u32>>, usual: u32| {
        let Some(written) = written else { return usual };
        if !TABLE_SIZES.contains(written.get_ref()) {
            let (least, most) = (TABLE_SIZES.start(), TABLE_SIZES.end());
            problems
                .add(written.span(), format_args!("a table has {least} to {most} entries, not {}", written.get_ref()));
        }
        *written.get_ref()
    };
    Capacity {
        blocks: size(&sizes.ipv4_blocks, usual.blocks),
        nodes: size(&sizes.ipv6_blocks, usual.nodes),
        groups: size(&sizes.groups, usual.groups),
        next_hops: size(&sizes.next_hops, usual.next_hops),
    }
}

fn control_socket(path: Option<Text>, problems: &mut Problems<'_>) -> PathBuf {
    let Some(path) = path else { return PathBuf::from(DEFAULT_CONTROL_SOCKET) };
    match path.get_ref().len() {
        0 => {
            let problem = format_args!("the path is empty: leave the key out for {DEFAULT_CONTROL_SOCKET:?}");
            problems.add(path.span(), problem);
        }
        1..=SOCKET_PATH_MAX => {}
        length => {
            let most = SOCKET_PATH_MAX;
            problems.add(path.span(), format_args!("the path of a socket has at most {most} octets, not {length}"));
        }
    }
    PathBuf::from(path.into_inner())
}

fn interface_names(names: Vec<Text>, problems: &mut Problems<'_>) -> Vec<String> {
    let mut known = Vec::new();
    for name in names {
        let (place, name) = (name.span(), name.into_inner());
        let odd = |c: char| c.is_whitespace() || matches!(c, '/' | ':');
        if name.is_empty() || name.len() > INTERFACE_NAME_MAX || name.contains(odd) {
            problems.add(place, format_args!("{name:?} cannot be the name of an interface"));
        } else if known.contains(&name) {
            problems.add(place, format_args!("interface {name:?} is listed twice"));
        } else {
            known.push(name);
        }
    }
    known
}
