//! `nva show`.

use std::path::Path;

use crate::control::{
    AggregatesReply, BfdDrop, BfdReply, ConnectionsReply, ControlError, FibReply, FibState, HopReply, HubsReply,
    Request, RouteReply, RoutesReply, RoutesRequest, ask,
};

use super::args::What;
use super::counters;
use super::peers;
use super::table::{self, or_dash};

/// Asks the daemon and prints its answer.
pub fn show(socket: &Path, what: What, json: bool) -> anyhow::Result<()> {
    if let What::Peers { names } = what {
        return peers::show(socket, &names, json);
    }
    if let What::Xdp { rate } = what {
        return counters::show(socket, rate, json);
    }
    let request = request(what);
    if json {
        let reply: serde_json::Value = ask(socket, &request)?;
        println!("{}", serde_json::to_string_pretty(&reply)?);
        return Ok(());
    }
    print(socket, &request)?;
    Ok(())
}

fn request(what: What) -> Request {
    match what {
        What::Peers { .. } => Request::Peers,
        What::Routes { prefix, all, received_from, advertised_to } => {
            Request::Routes(RoutesRequest { all, prefix, received_from, advertised_to })
        }
        What::Connections => Request::Connections,
        What::Fib => Request::Fib,
        What::Xdp { .. } => Request::Xdp,
        What::Hubs => Request::Hubs,
        What::Aggregates => Request::Aggregates,
        What::Bfd => Request::Bfd,
        What::Config => Request::Config,
    }
}

fn print(socket: &Path, request: &Request) -> Result<(), ControlError> {
    match request {
        Request::Routes(_) => {
            let reply: RoutesReply = ask(socket, request)?;
            routes(&reply.rows);
        }
        Request::Connections => connections(&ask(socket, request)?),
        Request::Fib => fib(&ask(socket, request)?),
        Request::Hubs => hubs(&ask(socket, request)?),
        Request::Aggregates => aggregates(&ask(socket, request)?),
        Request::Bfd => bfd(&ask(socket, request)?),
        Request::Config => println!("{}", ask::<String>(socket, request)?.trim_end()),
        Request::Peers | Request::Xdp | Request::Explain { .. } => {}
    }
    Ok(())
}

fn hubs(reply: &HubsReply) {
    if reply.rows.is_empty() {
        println!("no peer has diverse-paths = true: each is told the best path");
        return;
    }
    let mut rows = table::new(&["Route server", "We are", "Shared with", "Missing", "Prefixes shared", "Paths hidden"]);
    for row in &reply.rows {
        let names = |names: &[String]| or_dash((!names.is_empty()).then(|| names.join(", ")));
        let place = row.place.map(|place| format!("hub {place} of {}", row.hubs));
        rows.add_row([
            row.server.clone(),
            or_dash(place),
            names(&row.sharing),
            names(&row.missing),
            row.prefixes.to_string(),
            row.hidden.to_string(),
        ]);
    }
    table::print(rows);
}

fn aggregates(reply: &AggregatesReply) {
    let mut rows = table::new(&["Prefix", "State", "Contributors", "Summary only", "ASes not told", "Reason"]);
    for row in &reply.rows {
        let ases = row.contributing_ases.iter().filter(|_| !row.to_contributors);
        let ases: Vec<String> = ases.map(ToString::to_string).collect();
        rows.add_row([
            row.prefix.clone(),
            if row.reason.is_none() { "formed" } else { "not formed" }.to_owned(),
            row.contributors.to_string(),
            if row.summary_only { "yes" } else { "no" }.to_owned(),
            or_dash((!ases.is_empty()).then(|| ases.join(" "))),
            or_dash(row.reason.as_ref()),
        ]);
    }
    table::print(rows);
}

/// Prints routes; `*>` marks the best and `*=` what shares its traffic, as operators know it. A column that would be
/// empty is left out.
pub fn routes(routes: &[RouteReply]) {
    let reasons = routes.iter().any(|route| route.reason.is_some());
    let tagged = routes.iter().any(|route| communities(route).is_some());
    let marked = routes.iter().any(|route| route.only_to_customer.is_some());
    let mut headings = vec!["", "Prefix", "Next hop", "MED", "LocPrf", "AS path", "Origin", "Source"];
    headings.extend(tagged.then_some("Communities"));
    headings.extend(marked.then_some("Only to customers"));
    headings.extend(reasons.then_some("Standing"));
    let mut rows = table::new(&headings);
    for route in routes {
        let mark = match route.standing.as_str() {
            "best" => "*>",
            "multipath" => "*=",
            _ => "",
        };
        let mut row = vec![
            mark.to_owned(),
            route.prefix.clone(),
            if route.discard { format!("{} (discard)", route.next_hop) } else { route.next_hop.clone() },
            or_dash(route.med),
            or_dash(route.local_pref),
            route.as_path.clone(),
            route.origin.clone(),
            route.source.clone(),
        ];
        if tagged {
            row.push(or_dash(communities(route)));
        }
        if marked {
            row.push(or_dash(route.only_to_customer.as_ref()));
        }
        if reasons {
            let reason = route.reason.as_ref().map(|reason| format!("{}: {reason}", route.standing));
            row.push(reason.unwrap_or_else(|| route.standing.clone()));
        }
        rows.add_row(row);
    }
    table::print(rows);
}

/// The communities of all three kinds in one line.
fn communities(route: &RouteReply) -> Option<String> {
    let all = [&route.communities, &route.large_communities, &route.extended_communities].map(|kind| kind.join(" "));
    let some: Vec<&str> = all.iter().map(String::as_str).filter(|kind| !kind.is_empty()).collect();
    (!some.is_empty()).then(|| some.join(" "))
}

fn connections(reply: &ConnectionsReply) {
    let ConnectionsReply { open, accepted, waiting_changes, congestion_at, congestions, .. } = reply;
    println!("{open} open, {accepted} incoming ones of peers since the start");
    println!(
        "{waiting_changes} changes of routes wait to be told; messages have waited {congestions} times, because there were \
         more than {congestion_at}\n"
    );
    let mut rows = table::new(&["Refused", "Reason", "Meaning"]);
    for refused in &reply.refused {
        rows.add_row([refused.count.to_string(), refused.reason.clone(), refused.meaning.clone()]);
    }
    table::print(rows);
    if !reply.listen.is_empty() {
        println!();
        let mut rows = table::new(&["Group", "Listens for", "Peers", "Limit"]);
        for group in &reply.listen {
            let (peers, limit) = (group.peers.to_string(), group.limit.to_string());
            rows.add_row([group.group.clone(), group.ranges.join(", "), peers, limit]);
        }
        table::print(rows);
    }
}

fn fib(reply: &FibReply) {
    if !reply.install {
        println!("[fib] install = false: no routes go into the kernel");
        return;
    }
    let audits = reply.audits;
    let last = audits.last.map_or_else(String::new, |ago| format!(" (the last {} ago)", table::duration(ago)));
    println!("table {}, metric {}, protocol bgp", reply.table, reply.metric);
    println!("audits: {}{last}, differences found: {}", audits.count, audits.differences);
    let mut rows = table::new(&["Prefix", "Via", "State", "Reason"]);
    for route in &reply.rows {
        let state = match route.state {
            FibState::Installed if route.pin => "pinned",
            FibState::Installed => "installed",
            FibState::Pending => "pending",
            FibState::Failed => "failed",
            FibState::Unresolved => "unresolved",
            FibState::Stale => "stale",
        };
        let via = if route.blackhole { "blackhole".to_owned() } else { hops(&route.hops) };
        rows.add_row([route.prefix.clone(), via, state.to_owned(), or_dash(route.reason.as_ref())]);
    }
    table::print(rows);
}

/// Ways out in one line.
pub fn hops(hops: &[HopReply]) -> String {
    let one = |hop: &HopReply| match &hop.gateway {
        Some(gateway) => format!("{gateway} dev {}", hop.interface),
        None => format!("dev {}", hop.interface),
    };
    if hops.is_empty() { "-".to_owned() } else { hops.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn bfd(reply: &BfdReply) {
    let mut rows = table::new(&[
        "Peer",
        "Address",
        "State",
        "Since",
        "Diagnostic",
        "Peer's state",
        "Peer's diagnostic",
        "Interval",
        "Detection",
        "In",
        "Out",
        "Dropped",
        "Note",
    ]);
    let millis = |time: Option<u64>| or_dash(time.map(|time| format!("{time}ms")));
    for session in &reply.rows {
        let hops = session.multihop.then(|| "multihop".to_owned());
        let error = session.send_error.as_ref().map(|error| format!("cannot send: {error}"));
        let notes: Vec<String> = hops.into_iter().chain(error).collect();
        rows.add_row([
            session.peer.clone(),
            session.address.clone(),
            session.state.clone(),
            table::duration(session.state_seconds),
            session.diagnostic.clone(),
            session.remote_state.clone(),
            session.remote_diagnostic.clone(),
            millis(session.transmit_interval),
            millis(session.detection_time),
            session.packets_in.to_string(),
            session.packets_out.to_string(),
            session.drops.iter().map(|drop| drop.packets).sum::<u64>().to_string(),
            or_dash((!notes.is_empty()).then(|| notes.join(", "))),
        ]);
    }
    table::print(rows);
    if !reply.drops.is_empty() {
        println!();
        let mut rows = table::new(&["Dropped for", "Packets"]);
        for BfdDrop { reason, packets } in &reply.drops {
            rows.add_row([reason.clone(), packets.to_string()]);
        }
        table::print(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn communities_of_every_kind_stand_in_one_line() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let route = |standard: &[&str], large: &[&str], extended: &[&str]| RouteReply {
            prefix: "10.0.0.0/8".to_owned(),
            next_hop: "self".to_owned(),
            discard: false,
            as_path: String::new(),
            origin: "igp".to_owned(),
            med: None,
            local_pref: None,
            communities: texts(standard),
            extended_communities: texts(extended),
            large_communities: texts(large),
            only_to_customer: None,
            source: "local".to_owned(),
            standing: "best".to_owned(),
            stale: false,
            reason: None,
        };
        assert_eq!(communities(&route(&[], &[], &[])), None);
        let all = route(&["65000:1", "no-export"], &["65000:1:2"], &["rt:65000:1"]);
        assert_eq!(communities(&all).as_deref(), Some("65000:1 no-export 65000:1:2 rt:65000:1"));
        assert_eq!(communities(&route(&[], &[], &["rt:65000:1"])).as_deref(), Some("rt:65000:1"));
    }
}
