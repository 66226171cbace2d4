//! `nva show peers`: all in a table, or some with all that is known of them.

use std::path::Path;

use anyhow::ensure;

use crate::control::{LimitReply, PeerReply, PeersReply, RefreshesReply, Request, ask};

use super::table::{self, or_dash};

/// Asks the daemon and prints its answer; all peers unless some are named.
pub fn show(socket: &Path, names: &[String], json: bool) -> anyhow::Result<()> {
    let mut reply: PeersReply = ask(socket, &Request::Peers)?;
    let is_called = |peer: &PeerReply, name: &String| peer.name == *name || peer.address == *name;
    for name in names {
        let known = reply.rows.iter().any(|peer| is_called(peer, name));
        ensure!(known, "there is no peer {name:?}: `nva show peers` lists all");
    }
    if !names.is_empty() {
        reply.rows.retain(|peer| names.iter().any(|name| is_called(peer, name)));
    }
    match (json, names) {
        (true, _) => println!("{}", serde_json::to_string_pretty(&reply)?),
        (false, []) => list(&reply.rows),
        (false, _) => reply.rows.iter().for_each(details),
    }
    Ok(())
}

fn list(peers: &[PeerReply]) {
    let limited = peers.iter().any(|peer| !peer.limits.is_empty());
    let with_roles = peers.iter().any(|peer| peer.role.is_some());
    let mut headings = vec!["Peer", "Address", "AS"];
    headings.extend(with_roles.then_some("Our role"));
    headings.extend(["State", "Since", "Received", "Accepted", "Best", "Advertised", "Withheld"]);
    headings.extend(limited.then_some("Limits"));
    headings.push("Last error");
    let mut rows = table::new(&headings);
    for peer in peers {
        let mut row = vec![peer.name.clone(), peer.address.clone(), peer.asn.clone()];
        row.extend(with_roles.then(|| or_dash(peer.role.as_ref())));
        row.extend([state(peer), table::duration(peer.state_seconds)]);
        let counts = [peer.received, peer.accepted, peer.best, peer.advertised, peer.withheld];
        row.extend(counts.map(|count| count.to_string()));
        if limited {
            let limits: Vec<String> = peer.limits.iter().map(limit).collect();
            row.push(or_dash((!limits.is_empty()).then(|| limits.join(", "))));
        }
        row.push(or_dash(peer.last_error.as_ref()));
        rows.add_row(row);
    }
    table::print(rows);
}

/// The state, and what is remarkable about it: what an operator has done or a limit, and how the session is restricted.
fn state(peer: &PeerReply) -> String {
    let disabled = peer.disabled.is_some().then_some("disabled");
    let limited = peer.overrun.is_some().then_some("limit");
    let drained = peer.drained.then_some("drained");
    let refreshing = (!peer.refreshing.is_empty()).then_some("refreshing");
    let bare = peer.without_capabilities.then_some("without capabilities");
    let notes = [disabled, limited, drained, refreshing, bare].into_iter().flatten().map(str::to_owned);
    let families = peer.disabled_families.iter().map(|family| format!("{family} disabled"));
    let notes: Vec<String> = notes.chain(families).collect();
    if notes.is_empty() { peer.state.clone() } else { format!("{} ({})", peer.state, notes.join(", ")) }
}

/// `receive 812/1000`, with what is remarkable about it; the family only where it is not IPv4 alone.
fn limit(limit: &LimitReply) -> String {
    let what = limit.limit.strip_suffix("-limit").unwrap_or(&limit.limit);
    let family = if limit.family == "ipv4-unicast" { "" } else { " ipv6" };
    let note = if limit.standing == "within" { String::new() } else { format!(" ({})", limit.standing) };
    format!("{what}{family} {}/{}{note}", limit.count, limit.prefixes)
}

/// All that is known of a peer, a line for each.
fn details(peer: &PeerReply) {
    println!("{}: {}, AS {}", peer.name, peer.address, peer.asn);
    for (what, value) in facts(peer) {
        println!("  {what:<16} {value}");
    }
    println!();
}

fn facts(peer: &PeerReply) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |what: &str, value: Option<String>| facts.extend(value.map(|value| (what.to_owned(), value)));
    add("description", peer.description.clone());
    add("group", peer.group.clone().map(|group| if peer.dynamic { format!("{group} (dynamic)") } else { group }));
    add("state", Some(format!("{} for {}", state(peer), table::duration(peer.state_seconds))));
    add("disabled", peer.disabled.as_ref().map(|message| format!("by an operator: {message:?}")));
    add("limit", peer.overrun.clone());
    add("last error", peer.last_error.clone());
    add("router id", peer.router_id.clone());
    add("our AS", Some(peer.local_asn.clone()));
    add("our address", peer.local_address.clone());
    add("hold time", peer.hold_time.map(|seconds| format!("{seconds}s")));
    let theirs = peer.peer_role.as_deref().unwrap_or("not said");
    add("role", peer.role.as_ref().map(|ours| format!("{ours}; the peer's: {theirs} (RFC 9234)")));
    add("families", (!peer.families.is_empty()).then(|| peer.families.join(", ")));
    let stale = if peer.stale > 0 { format!(", {} stale", peer.stale) } else { String::new() };
    add("received", Some(format!("{}, {} accepted, {} best{stale}", peer.received, peer.accepted, peer.best)));
    let too_large =
        if peer.too_large > 0 { format!(", {} too large to be sent", peer.too_large) } else { String::new() };
    let withheld = format!("{} withheld for their next hop", peer.withheld);
    add("advertised", Some(format!("{}, {withheld}{too_large}", peer.advertised)));
    for limit in &peer.limits {
        let refused = if limit.refused > 0 { format!(", {} refused", limit.refused) } else { String::new() };
        let LimitReply { family, count, prefixes, warn_at, action, standing, .. } = limit;
        let value = format!("{family}: {count} of {prefixes}, {standing}{refused}; warns at {warn_at}, then {action}");
        add(&limit.limit, Some(value));
    }
    add("refreshing", (!peer.refreshing.is_empty()).then(|| peer.refreshing.join(", ")));
    let enhanced = peer.enhanced_refresh.then(|| "what is not sent again is found and goes (RFC 7313)".to_owned());
    add("route refresh", enhanced);
    for (direction, counts) in [("in", peer.refreshes_in), ("out", peer.refreshes_out)] {
        add(&format!("refreshes {direction}"), refreshes(counts));
    }
    let removed = peer.stale_removed;
    add("unconfirmed", (removed > 0).then(|| format!("{removed} routes went since it did not send them again")));
    let ignored = peer.ignored_refreshes;
    add("ROUTE-REFRESH", (ignored > 0).then(|| format!("{ignored} ignored; the log says why")));
    add("messages", Some(format!("{} in, {} out", peer.messages_in, peer.messages_out)));
    let survived = peer.malformed_updates;
    add("malformed", (survived > 0).then(|| format!("{survived} UPDATEs survived (RFC 7606)")));
    let sets = peer.as_set_updates;
    add("AS_SETs", (sets > 0).then(|| format!("{sets} UPDATEs whose routes were not used for it (RFC 9774)")));
    facts
}

/// How often it was asked for routes, and how often they were sent again between marks; nothing if never.
fn refreshes(counts: RefreshesReply) -> Option<String> {
    let RefreshesReply { requests, begins, ends } = counts;
    (counts != RefreshesReply::default()).then(|| format!("{requests} requests, {begins} begun, {ends} ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_in_few_words() {
        let reply = |family: &str, standing: &str| LimitReply {
            limit: "receive-limit".to_owned(),
            family: family.to_owned(),
            count: 812,
            prefixes: 1000,
            warn_at: 750,
            action: "block".to_owned(),
            standing: standing.to_owned(),
            refused: 0,
        };
        assert_eq!(limit(&reply("ipv4-unicast", "within")), "receive 812/1000");
        assert_eq!(limit(&reply("ipv6-unicast", "near")), "receive ipv6 812/1000 (near)");
    }

    #[test]
    fn refreshes_in_few_words() {
        let counts = RefreshesReply { requests: 3, begins: 2, ends: 1 };
        assert_eq!(refreshes(counts).as_deref(), Some("3 requests, 2 begun, 1 ended"));
        assert_eq!(refreshes(RefreshesReply::default()), None);
    }
}
