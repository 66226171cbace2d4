//! `nva show`.

use std::path::Path;

use crate::control::{
    ControlError, FibReply, FibState, HopReply, PeersReply, Request, RouteReply, RoutesReply, RoutesRequest, XdpReply,
    ask,
};

use super::args::What;
use super::table::{self, or_dash};

/// Asks the daemon and prints its answer.
pub fn show(socket: &Path, what: What, json: bool) -> anyhow::Result<()> {
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
        What::Peers => Request::Peers,
        What::Routes { prefix, all, received_from, advertised_to } => {
            Request::Routes(RoutesRequest { all, prefix, received_from, advertised_to })
        }
        What::Fib => Request::Fib,
        What::Xdp => Request::Xdp,
        What::Config => Request::Config,
    }
}

fn print(socket: &Path, request: &Request) -> Result<(), ControlError> {
    match request {
        Request::Peers => peers(&ask(socket, request)?),
        Request::Routes(_) => {
            let reply: RoutesReply = ask(socket, request)?;
            routes(&reply.rows);
        }
        Request::Fib => fib(&ask(socket, request)?),
        Request::Xdp => xdp(&ask(socket, request)?),
        Request::Config => println!("{}", ask::<String>(socket, request)?.trim_end()),
        Request::Explain { .. } => {}
    }
    Ok(())
}

fn peers(reply: &PeersReply) {
    let mut rows = table::new(&[
        "Peer",
        "Address",
        "AS",
        "State",
        "Since",
        "Received",
        "Accepted",
        "Best",
        "Advertised",
        "Last error",
    ]);
    for peer in &reply.rows {
        rows.add_row([
            peer.name.clone(),
            peer.address.clone(),
            peer.asn.clone(),
            peer.state.clone(),
            table::duration(peer.state_seconds),
            peer.received.to_string(),
            peer.accepted.to_string(),
            peer.best.to_string(),
            peer.advertised.to_string(),
            or_dash(peer.last_error.as_ref()),
        ]);
    }
    table::print(rows);
}

/// Prints routes; `*>` marks the best and `*=` what shares its traffic, as operators know it.
pub fn routes(routes: &[RouteReply]) {
    let reasons = routes.iter().any(|route| route.reason.is_some());
    let mut headings = vec!["", "Prefix", "Next hop", "MED", "LocPrf", "AS path", "Origin", "Source"];
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
            route.next_hop.clone(),
            or_dash(route.med),
            or_dash(route.local_pref),
            route.as_path.clone(),
            route.origin.clone(),
            route.source.clone(),
        ];
        if reasons {
            let reason = route.reason.as_ref().map(|reason| format!("{}: {reason}", route.standing));
            row.push(reason.unwrap_or_else(|| route.standing.clone()));
        }
        rows.add_row(row);
    }
    table::print(rows);
}

fn fib(reply: &FibReply) {
    if !reply.install {
        println!("[fib] install = false: no routes go into the kernel");
        return;
    }
    println!("table {}, metric {}, protocol bgp", reply.table, reply.metric);
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
        rows.add_row([route.prefix.clone(), hops(&route.hops), state.to_owned(), or_dash(route.reason.as_ref())]);
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

fn xdp(reply: &XdpReply) {
    let mut rows = table::new(&["Interface", "Index", "Mode", "Note"]);
    for interface in &reply.interfaces {
        rows.add_row([
            interface.name.clone(),
            or_dash(interface.index),
            interface.mode.clone(),
            or_dash(interface.reason.as_ref()),
        ]);
    }
    table::print(rows);
    println!();
    let mut rows = table::new(&["Verdict", "Reason", "Packets", "Bytes"]);
    for counter in &reply.counters {
        rows.add_row([
            counter.verdict.clone(),
            counter.reason.clone(),
            counter.packets.to_string(),
            counter.bytes.to_string(),
        ]);
    }
    table::print(rows);
    println!();
    let mut rows = table::new(&["Kind", "Prefixes", "Via", "Packets", "Bytes"]);
    for prefix in &reply.prefixes {
        let more = prefix.prefix_count.saturating_sub(prefix.prefixes.len());
        let mut names = prefix.prefixes.join(", ");
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        rows.add_row([
            prefix.kind.clone(),
            names,
            hops(&prefix.hops),
            prefix.packets.to_string(),
            prefix.bytes.to_string(),
        ]);
    }
    table::print(rows);
}
