//! `nva explain`.

use std::path::Path;

use crate::control::{Explanation, HopReply, KernelPath, Request, ask};

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
    println!("\nKernel  {}", in_kernel(&explanation.kernel));
    match &explanation.xdp {
        Some(path) => println!("XDP     {}{}", path.action, via(&path.hops)),
        None => println!("XDP     not in use for this address"),
    }
}

fn in_kernel(path: &KernelPath) -> String {
    let Some(prefix) = &path.prefix else { return format!("{}: there is no route", path.kind) };
    let protocol = path.protocol.as_ref().map(|protocol| format!(" proto {protocol}")).unwrap_or_default();
    format!("{} by {prefix}{protocol}{}", path.kind, via(&path.hops))
}

/// The ways out, if there are any.
fn via(hops: &[HopReply]) -> String {
    if hops.is_empty() { String::new() } else { format!(", via {}", show::hops(hops)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_in_few_words() {
        let path = |prefix: Option<&str>, kind: &str, hops: Vec<HopReply>| KernelPath {
            prefix: prefix.map(str::to_owned),
            kind: kind.to_owned(),
            protocol: prefix.map(|_| "bgp".to_owned()),
            hops,
        };
        let hop = HopReply { gateway: Some("10.0.0.1".to_owned()), interface: "eth0".to_owned(), weight: 1 };
        for (path, text) in [
            (path(None, "unreachable", Vec::new()), "unreachable: there is no route"),
            (path(Some("10.1.0.0/16"), "blackhole", Vec::new()), "blackhole by 10.1.0.0/16 proto bgp"),
            (
                path(Some("10.1.0.0/16"), "forward", vec![hop]),
                "forward by 10.1.0.0/16 proto bgp, via 10.0.0.1 dev eth0",
            ),
        ] {
            assert_eq!(in_kernel(&path), text);
        }
    }
}
