//! `nva explain`.

use std::path::Path;

use crate::control::{Explanation, Request, ask};

use super::{show, table};

/// Asks the daemon and prints its answer.
pub fn explain(socket: &Path, target: String, json: bool) -> anyhow::Result<()> {
    let request = Request::Explain { target };
    if json {
        let reply: serde_json::Value = ask(socket, &request)?;
        println!("{}", serde_json::to_string_pretty(&reply)?);
    } else {
        print(&ask(socket, &request)?);
    }
    Ok(())
}

fn print(explanation: &Explanation) {
    match &explanation.prefix {
        Some(prefix) => {
            println!("{} falls under {prefix}\n\nRoutes", explanation.target);
            show::routes(&explanation.routes);
        }
        None => println!("{}: no BGP route", explanation.target),
    }
    if !explanation.peers.is_empty() {
        println!("\nTold to peers");
        let mut rows = table::new(&["Peer", "Next hop", "AS path", "Why"]);
        for told in &explanation.peers {
            match &told.announcement {
                Some(sent) => rows.add_row([
                    told.peer.clone(),
                    sent.next_hop.clone(),
                    sent.as_path.clone(),
                    format!("{}; next hop: {}", told.reason, sent.next_hop_rule),
                ]),
                None => rows.add_row([told.peer.clone(), "-".into(), "-".into(), format!("not told: {}", told.reason)]),
            };
        }
        table::print(rows);
    }
    let kernel = &explanation.kernel;
    let route = kernel.prefix.as_deref().unwrap_or("no route");
    let protocol = kernel.protocol.as_ref().map(|protocol| format!(" proto {protocol}")).unwrap_or_default();
    println!("\nKernel  {} by {route}{protocol}, via {}", kernel.kind, show::hops(&kernel.hops));
    match &explanation.xdp {
        Some(path) => println!("XDP     {}, via {}", path.action, show::hops(&path.hops)),
        None => println!("XDP     not in use for this address"),
    }
}
