//! `[[redistribute]]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Problems;
use super::file::{RedistributeTable, Text};
use super::policies::chain_of_our_own;
use crate::host::TABLE_MAIN;
use crate::net::RouteProtocol;
use crate::policy::{Chain, Disposition, Policy};
use crate::speaker::{RedistributeConfig, RedistributeFrom};

/// Understands all of them; one with problems is left out, and its problems are noted.
pub(super) fn build(
    tables: &[RedistributeTable],
    policies: &BTreeMap<String, Arc<Policy>>,
    problems: &mut Problems<'_>,
) -> Vec<RedistributeConfig> {
    let mut built: Vec<RedistributeConfig> = Vec::new();
    for table in tables {
        let policy = match &table.policy {
            Some(names) => chain_of_our_own(names, "a route of the kernel's", policies, problems),
            None => Chain { policies: Vec::new(), default: Disposition::Accept },
        };
        let number = table.table.as_ref().map_or(TABLE_MAIN, |number| *number.get_ref());
        if let Some(place) = table.table.as_ref().filter(|number| matches!(number.get_ref(), 0 | 255)) {
            problems.add(place.span(), "tables 0 (unspecified) and 255 (local) have no routes to tell of: 254 is main");
        }
        let Some(from) = from(&table.protocol, problems) else { continue };
        if built.iter().any(|other| (other.from, other.table) == (from, number)) {
            let what = table.protocol.get_ref();
            problems.add(table.protocol.span(), format_args!("{what:?} of table {number} is redistributed twice"));
        }
        built.push(RedistributeConfig { from, table: number, policy });
    }
    built
}

fn from(text: &Text, problems: &mut Problems<'_>) -> Option<RedistributeFrom> {
    if text.get_ref() == "connected" {
        return Some(RedistributeFrom::Connected);
    }
    match text.get_ref().parse() {
        Ok(RouteProtocol::BGP) => {
            problems.add(text.span(), "routes of BGP daemons are not redistributed: be their peer");
            None
        }
        Ok(protocol) => Some(RedistributeFrom::Protocol(protocol)),
        Err(error) => {
            problems.add(text.span(), format_args!("{error}, or \"connected\" for the subnets of interfaces"));
            None
        }
    }
}
