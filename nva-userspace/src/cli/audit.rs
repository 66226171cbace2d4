//! `nva fib audit`.

use std::path::Path;

use anyhow::bail;

use super::table;
use crate::control::{AuditReply, Command, Differing, ask};

/// Has the tables compared with what they should hold, and prints what was found. That something was, is a failure.
pub fn audit(socket: &Path, json: bool) -> anyhow::Result<()> {
    let reply: AuditReply = ask(socket, &Command::Audit)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&reply)?);
    } else {
        print(&reply);
    }
    let problem = reply.xdp.as_ref().and_then(|xdp| xdp.problem.as_ref());
    match (problem, reply.differences) {
        (Some(problem), _) => bail!("the XDP tables could not be compared: {problem}"),
        (None, 0) => Ok(()),
        (None, 1) => bail!("1 difference was found and repaired"),
        (None, differences) => bail!("{differences} differences were found and repaired"),
    }
}

fn print(reply: &AuditReply) {
    let mut rows = table::new(&["Table", "Compared", "Missing", "Different", "Unexpected"]);
    if let Some(kernel) = &reply.kernel {
        let counts = [&kernel.missing, &kernel.different, &kernel.unexpected].map(|found| found.count.to_string());
        let [missing, different, unexpected] = counts;
        rows.add_row(["kernel routes".to_owned(), kernel.routes.to_string(), missing, different, unexpected]);
        let (dash, strange) = ("-".to_owned(), kernel.strange_objects.len().to_string());
        rows.add_row(["next-hop objects".to_owned(), kernel.objects.to_string(), dash.clone(), strange, dash]);
    }
    if let Some(xdp) = &reply.xdp {
        let (dash, repaired) = ("-".to_owned(), xdp.repaired.to_string());
        rows.add_row(["XDP prefixes".to_owned(), xdp.prefixes.to_string(), dash.clone(), repaired, dash]);
    }
    if reply.kernel.is_none() && reply.xdp.is_none() {
        println!("[fib] install = false, and no [xdp] interfaces: there are no tables to compare");
        return;
    }
    table::print(rows);
    let Some(kernel) = &reply.kernel else { return };
    for (what, found) in
        [("missing", &kernel.missing), ("different", &kernel.different), ("unexpected", &kernel.unexpected)]
    {
        name(what, found);
    }
    if !kernel.strange_objects.is_empty() {
        let numbers: Vec<String> = kernel.strange_objects.iter().map(ToString::to_string).collect();
        println!("next-hop objects: {}", numbers.join(", "));
    }
}

fn name(what: &str, found: &Differing) {
    if found.count > 0 {
        let rest = found.count - found.prefixes.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        println!("{what}: {}{more}", found.prefixes.join(", "));
    }
}
