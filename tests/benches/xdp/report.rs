//! What came out: tables for people, JSON for machines.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nva_tests::route_set::RouteSet;
use serde::Serialize;

use crate::circuit::{Measured, Way};
use crate::contender::{BENCHMARK, NVA};
use crate::tables::Filled;

/// Everything that was measured, and where.
#[derive(Serialize)]
pub struct Report {
    kernel: String,
    processor: String,
    /// `/proc/loadavg` before the first measurement.
    load: String,
    rounds: u16,
    forwarding: Vec<Section>,
    filling: Vec<Filling>,
}

/// All contenders in one circuit with one table.
#[derive(Serialize)]
pub struct Section {
    way: String,
    routes: String,
    contenders: Vec<Row>,
}

/// One contender.
#[derive(Serialize)]
pub struct Row {
    contender: String,
    /// Nanoseconds a packet, round by round.
    costs: Vec<f64>,
    /// Packets that did not come out, or not as they should.
    lost: u64,
    /// Routes replaced a second meanwhile, round by round.
    changes: Vec<f64>,
}

/// How long it took, in seconds, until a table was filled.
#[derive(Serialize)]
pub struct Filling {
    routes: String,
    count: usize,
    /// From the moment when all routes were wanted until they were in the kernel.
    kernel: f64,
    /// What of that was spent in asking the kernel.
    netlink: f64,
    /// Until they were known again as the kernel tells them.
    told: f64,
    /// Until it was known what the tables have to hold.
    mirrored: f64,
    /// Until they held it.
    tables: f64,
}

impl Report {
    /// Nothing yet.
    pub fn new(rounds: u16) -> anyhow::Result<Report> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let processors = read("/proc/cpuinfo")?;
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Report {
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            load: read("/proc/loadavg")?.trim().to_owned(),
            rounds,
            forwarding: Vec::new(),
            filling: Vec::new(),
        })
    }

    /// Adds what one circuit showed.
    pub fn add(&mut self, section: Section, filling: Filling) {
        self.forwarding.push(section);
        self.filling.push(filling);
    }

    /// Packets that nobody got, or not as they should.
    pub fn lost(&self) -> u64 {
        self.forwarding.iter().flat_map(|section| &section.contenders).map(|row| row.lost).sum()
    }

    /// Prints the tables.
    pub fn print(&self) {
        println!("\nLinux {}, {}, load {}, medians of {} rounds", self.kernel, self.processor, self.load, self.rounds);
        self.forwarding.iter().for_each(Section::print);
        println!(
            "\n{:<22} {:>9} {:>9} {:>10} {:>9} {:>7} {:>9} {:>7}",
            "Filling", "kernel, s", "routes/s", "netlink, s", "routes/s", "told, s", "mirror, s", "XDP, s"
        );
        for filling in &self.filling {
            let Filling { routes, count, kernel, netlink, told, mirrored, tables } = filling;
            let [rate, netlink_rate] = [kernel, netlink].map(|time| *count as f64 / time);
            print!("{routes:<22} {kernel:>9.3} {rate:>9.0} {netlink:>10.3} {netlink_rate:>9.0}");
            println!(" {told:>7.3} {mirrored:>9.3} {tables:>7.3}");
        }
    }

    /// Writes all of it as JSON.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nAll measurements are in {}", path.display());
        Ok(())
    }
}

impl Section {
    pub fn new(way: Way, routes: &RouteSet, contenders: Vec<Row>) -> Section {
        Section { way: way.to_string(), routes: routes.to_string(), contenders }
    }

    fn print(&self) {
        let title = format!("{}, {}", self.way, self.routes);
        println!(
            "\n{title:<34} {:>10} {:>6} {:>6} {:>8} {:>8} {:>10}",
            "ns/packet", "min", "max", "router", "× nva", "replaces/s"
        );
        for row in &self.contenders {
            let sorted = sorted(&row.costs);
            let (min, max) = (sorted.first().unwrap_or(&f64::NAN), sorted.last().unwrap_or(&f64::NAN));
            print!("{:<34} {:>10.0} {min:>6.0} {max:>6.0}", row.contender, median(&row.costs));
            if row.contender != BENCHMARK {
                print!(" {:>8.0} {:>8.2}", median(&self.by_router(row)), median(&self.compared(row)));
            }
            if !row.changes.is_empty() {
                print!(" {:>10.0}", median(&row.changes));
            }
            println!("{}", if row.lost > 0 { format!("   {} LOST", row.lost) } else { String::new() });
        }
    }

    /// What a packet costs without what the benchmark itself costs in the same round.
    fn by_router(&self, row: &Row) -> Vec<f64> {
        row.costs.iter().zip(self.costs(BENCHMARK)).map(|(cost, benchmark)| cost - benchmark).collect()
    }

    /// The same, divided by what it costs with `nva`: processors that change their pace change it for both.
    fn compared(&self, row: &Row) -> Vec<f64> {
        let nva = self.costs(NVA).iter().zip(self.costs(BENCHMARK)).map(|(cost, benchmark)| cost - benchmark);
        self.by_router(row).into_iter().zip(nva).map(|(cost, nva)| cost / nva).collect()
    }

    fn costs(&self, contender: &str) -> &[f64] {
        let row = self.contenders.iter().find(|row| row.contender == contender);
        row.map_or(&[], |row| row.costs.as_slice())
    }
}

impl Row {
    /// Nothing yet.
    pub fn new(contender: &str) -> Row {
        Row { contender: contender.to_owned(), costs: Vec::new(), lost: 0, changes: Vec::new() }
    }

    /// Adds a round.
    pub fn add(&mut self, measured: Measured) {
        self.costs.push(measured.cost);
        self.lost += measured.lost;
    }

    /// Adds a round in which so many routes were replaced a second.
    pub fn add_with_changes(&mut self, measured: Measured, changes: f64) {
        self.add(measured);
        self.changes.push(changes);
    }
}

impl Filling {
    pub fn new(routes: &RouteSet, filled: &Filled, tables: Duration) -> Filling {
        let Filled { kernel, netlink, told, mirrored, .. } = filled;
        let [kernel, netlink, told, mirrored] = [kernel, netlink, told, mirrored].map(Duration::as_secs_f64);
        let (name, tables) = (routes.to_string(), tables.as_secs_f64());
        Filling { routes: name, count: routes.routes.len(), kernel, netlink, told, mirrored, tables }
    }
}

/// The middle one of these values.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
