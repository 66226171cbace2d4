//! How fast packets are forwarded: `cargo xtask bench xdp`.
//!
//! In a closed circuit of network namespaces one CPU makes packets, has them forwarded, and takes them out again, so that
//! what a packet costs is the time divided by the number. Everything is measured in turn, round after round, and what a
//! [`circuit`] costs without a router is subtracted.

mod circuit;
mod contender;
mod forwarding;
mod report;
mod tables;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;
use nva::net::AfiSafi;
use nva_tests::route_set::RouteSet;

use circuit::Way;
use report::Report;

/// How fast XDP, the kernel and others forward packets.
#[derive(Parser)]
struct Arguments {
    /// Only small tables and few rounds: to see that everything works, not to quote
    #[arg(long)]
    quick: bool,
    /// How often each is measured
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Also measure the programs of this object of xdp-tools' xdp-forward
    #[arg(long, value_name = "FILE")]
    peer_object: Option<PathBuf>,
    /// Where to write all measurements as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The object with the programs that make and take packets
    #[arg(long, value_name = "FILE", env = "NVA_TRAFFIC_OBJECT")]
    traffic_object: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// How many routes of which family there are.
const TABLES: [(AfiSafi, usize); 4] = [
    (AfiSafi::Ipv4Unicast, 10),
    (AfiSafi::Ipv4Unicast, 100_000),
    (AfiSafi::Ipv4Unicast, 1_000_000),
    (AfiSafi::Ipv6Unicast, 200_000),
];
/// The same for a quick run.
const QUICK_TABLES: [(AfiSafi, usize); 2] = [(AfiSafi::Ipv4Unicast, 10), (AfiSafi::Ipv6Unicast, 10_000)];
/// Rounds of a quick run.
const QUICK_ROUNDS: u16 = 3;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (tables, rounds) =
        if arguments.quick { (QUICK_TABLES.as_slice(), QUICK_ROUNDS) } else { (TABLES.as_slice(), arguments.rounds) };
    let mut report = Report::new(rounds)?;
    for way in [Way::TwoNics, Way::Hairpin] {
        for (family, count) in tables {
            println!("{way}, {count} routes of {family}");
            let routes = RouteSet::new(*family, *count);
            let run = forwarding::Run { arguments: &arguments, rounds, way, routes: &routes };
            run.measure(&mut report).with_context(|| format!("{way}, {routes}"))?;
        }
    }
    report.print();
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    ensure!(report.lost() == 0, "{} packets were lost or came out wrong", report.lost());
    Ok(())
}
