//! `receive-limit`, `import-limit` and `export-limit` of a peer or of a group.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use super::error::Problems;
use super::file::{LimitValue, PeerTable};
use crate::net::AfiSafi;
use crate::speaker::{Limit, LimitAction, LimitKind, Limits};

/// The percentage of a limit from which on the operator is warned: what FRR and Cisco have, too.
const DEFAULT_WARN_AT: u8 = 75;

/// Seconds that a session rests which a limit has ended, unless told otherwise.
const DEFAULT_RESTART_AFTER: u16 = 300;

/// A limit with the parts that it can have.
struct Written<'a> {
    prefixes: Option<u32>,
    by_family: [(AfiSafi, Option<u32>); 2],
    warn_at: Option<u8>,
    action: Option<&'a str>,
    restart_after: Option<u16>,
}

/// Understands the three keys.
pub(super) fn build(table: &PeerTable, families: &[AfiSafi], problems: &mut Problems<'_>) -> Limits {
    let mut limits = BTreeMap::new();
    let keys = [&table.receive_limit, &table.import_limit, &table.export_limit];
    for (kind, value) in LimitKind::ALL.into_iter().zip(keys) {
        let Some(value) = value else { continue };
        for (family, limit) in limits_of(kind, value, families, problems) {
            limits.insert((kind, family), limit);
        }
    }
    Limits(limits)
}

fn limits_of(
    kind: LimitKind,
    value: &Spanned<LimitValue>,
    families: &[AfiSafi],
    problems: &mut Problems<'_>,
) -> Vec<(AfiSafi, Limit)> {
    let Some(written) = written(value, problems) else { return Vec::new() };
    let warn_at = written.warn_at.unwrap_or(DEFAULT_WARN_AT);
    if !(1..=100).contains(&warn_at) {
        problems.add(value.span(), format_args!("warn-at is {warn_at}: choose from 1 to 100 percent of {kind}"));
    }
    let action = action(kind, &written, value, problems);
    let mut limits = Vec::new();
    for (family, own) in written.by_family {
        let Some(prefixes) = own.or(written.prefixes) else { continue };
        if families.contains(&family) {
            limits.push((family, limit(prefixes, warn_at, action)));
        } else if own.is_some() {
            let advice = "leave this limit out, or add the family to families";
            problems.add(value.span(), format_args!("{kind} is for {family}, which this peer does not have: {advice}"));
        }
    }
    if written.prefixes.is_none() && written.by_family.iter().all(|(_, own)| own.is_none()) {
        let advice = "write prefixes = 1000 for each family, or ipv4-unicast = 1000 for one";
        problems.add(value.span(), format_args!("{kind} has no number: {advice}"));
    }
    limits
}

/// What stands there; `None` if there is to be no limit.
fn written<'a>(value: &'a Spanned<LimitValue>, problems: &mut Problems<'_>) -> Option<Written<'a>> {
    let no_family = AfiSafi::ALL.map(|family| (family, None));
    match value.get_ref() {
        LimitValue::Wanted(false) => None,
        LimitValue::Wanted(true) => {
            problems.add(value.span(), "how many prefixes? Write a number, or false for no limit");
            None
        }
        LimitValue::Prefixes(prefixes) => {
            let prefixes = Some(*prefixes);
            Some(Written { prefixes, by_family: no_family, warn_at: None, action: None, restart_after: None })
        }
        LimitValue::Given { prefixes, ipv4_unicast, ipv6_unicast, warn_at, action, restart_after } => {
            let own = |family| match family {
                AfiSafi::Ipv4Unicast => *ipv4_unicast,
                AfiSafi::Ipv6Unicast => *ipv6_unicast,
            };
            Some(Written {
                prefixes: *prefixes,
                by_family: AfiSafi::ALL.map(|family| (family, own(family))),
                warn_at: *warn_at,
                action: action.as_deref(),
                restart_after: *restart_after,
            })
        }
    }
}

fn action(
    kind: LimitKind,
    written: &Written<'_>,
    value: &Spanned<LimitValue>,
    problems: &mut Problems<'_>,
) -> LimitAction {
    let seconds = written.restart_after.unwrap_or(DEFAULT_RESTART_AFTER);
    if seconds == 0 {
        problems.add(value.span(), "restart-after is at least 1 second");
    }
    let action = match written.action {
        None | Some("shutdown") => LimitAction::Shutdown,
        Some("warn") => LimitAction::Warn,
        Some("block") => LimitAction::Block,
        Some("restart") => LimitAction::Restart(Duration::from_secs(u64::from(seconds))),
        Some(other) => {
            let choice = "choose from \"warn\", \"block\", \"restart\" and \"shutdown\"";
            problems.add(value.span(), format_args!("{other:?} is nothing that {kind} can do: {choice}"));
            LimitAction::Shutdown
        }
    };
    if written.restart_after.is_some() && !matches!(action, LimitAction::Restart(_)) {
        problems.add(value.span(), "restart-after is for action = \"restart\"");
    }
    action
}

fn limit(prefixes: u32, warn_at: u8, action: LimitAction) -> Limit {
    let prefixes = usize::try_from(prefixes).unwrap_or(usize::MAX);
    // A warning is about something that is there.
    let warn_at = prefixes.saturating_mul(usize::from(warn_at)).div_ceil(100).max(1);
    Limit { prefixes, warn_at, action }
}
