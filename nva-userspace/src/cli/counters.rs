//! `nva show xdp`: packets so far, or a second.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::show::hops;
use super::table::{self, or_dash};
use crate::control::{HopReply, Request, XdpInterface, XdpReply, ask};

/// Asks the daemon and prints its answer; with a time in seconds, asks twice and prints the rates in between.
pub fn show(socket: &Path, rate: Option<u16>, json: bool) -> anyhow::Result<()> {
    let Some(seconds) = rate else {
        if json {
            let reply: serde_json::Value = ask(socket, &Request::Xdp)?;
            println!("{}", serde_json::to_string_pretty(&reply)?);
        } else {
            totals(&ask(socket, &Request::Xdp)?);
        }
        return Ok(());
    };
    let (before, after, elapsed) = twice(socket, Duration::from_secs(u64::from(seconds)))?;
    let rates = Rates::between(&before, after, elapsed);
    if json {
        println!("{}", serde_json::to_string_pretty(&rates)?);
    } else {
        rates.print();
    }
    Ok(())
}

/// Two replies, about so long apart, and the time between them.
#[expect(clippy::disallowed_methods, reason = "a command that is to measure for a time; nothing else waits for it")]
fn twice(socket: &Path, apart: Duration) -> anyhow::Result<(XdpReply, XdpReply, Duration)> {
    let before = ask(socket, &Request::Xdp)?;
    let start = Instant::now();
    thread::sleep(apart);
    let after = ask(socket, &Request::Xdp)?;
    Ok((before, after, start.elapsed()))
}

/// What was counted between two replies.
#[derive(Debug, Serialize)]
struct Rates {
    seconds: f64,
    interfaces: Vec<XdpInterface>,
    lookup: Option<String>,
    counters: Vec<CounterRate>,
    prefixes: Vec<PrefixRate>,
}

/// How much went by in a second; neither is known of what was not counted before, or was counted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Rate {
    packets_per_second: Option<f64>,
    bits_per_second: Option<f64>,
}

#[derive(Debug, Serialize)]
struct CounterRate {
    verdict: String,
    reason: String,
    #[serde(flatten)]
    rate: Rate,
}

#[derive(Debug, Serialize)]
struct PrefixRate {
    prefixes: Vec<String>,
    prefix_count: usize,
    kind: String,
    hops: Vec<HopReply>,
    #[serde(flatten)]
    rate: Rate,
}

impl Rates {
    fn between(before: &XdpReply, after: XdpReply, elapsed: Duration) -> Rates {
        let counters = after.counters.into_iter().map(|row| {
            // A reason for which nothing was counted yet is not in a reply.
            let same = before.counters.iter().find(|old| (&old.verdict, &old.reason) == (&row.verdict, &row.reason));
            let old = same.map_or((0, 0), |old| (old.packets, old.bytes));
            let rate = Rate::between(old, (row.packets, row.bytes), elapsed);
            CounterRate { verdict: row.verdict, reason: row.reason, rate }
        });
        let counters = counters.collect();
        let prefixes = after.prefixes.into_iter().map(|row| {
            let same = before
                .prefixes
                .iter()
                .find(|old| (&old.kind, &old.prefixes, &old.hops) == (&row.kind, &row.prefixes, &row.hops));
            let rate = same.map_or_else(Rate::default, |old| {
                Rate::between((old.packets, old.bytes), (row.packets, row.bytes), elapsed)
            });
            PrefixRate { prefixes: row.prefixes, prefix_count: row.prefix_count, kind: row.kind, hops: row.hops, rate }
        });
        let (interfaces, lookup) = (after.interfaces, after.lookup);
        Rates { seconds: elapsed.as_secs_f64(), prefixes: prefixes.collect(), interfaces, lookup, counters }
    }

    fn print(&self) {
        let counts = |rate: &Rate| [whole(rate.packets_per_second), whole(rate.bits_per_second)];
        let counters = self.counters.iter().map(|row| (&*row.verdict, &*row.reason, counts(&row.rate)));
        let prefixes = self.prefixes.iter();
        let prefixes = prefixes
            .map(|row| (&*row.kind, names(&row.prefixes, row.prefix_count), hops(&row.hops), counts(&row.rate)));
        print((&self.interfaces, self.lookup.as_deref()), ["Packets/s", "Bits/s"], counters, prefixes);
    }
}

impl Rate {
    /// From packets and octets before and after.
    fn between(before: (u64, u64), after: (u64, u64), elapsed: Duration) -> Rate {
        let seconds = elapsed.as_secs_f64();
        let per_second = |before: u64, after: u64| Some(after.checked_sub(before)? as f64 / seconds);
        Rate {
            packets_per_second: per_second(before.0, after.0),
            bits_per_second: per_second(before.1, after.1).map(|octets| octets * 8.0),
        }
    }
}

fn whole(rate: Option<f64>) -> String {
    or_dash(rate.map(|rate| format!("{rate:.0}")))
}

fn totals(reply: &XdpReply) {
    let counts = |packets: u64, bytes: u64| [packets.to_string(), bytes.to_string()];
    let counters = reply.counters.iter().map(|row| (&*row.verdict, &*row.reason, counts(row.packets, row.bytes)));
    let prefixes = reply.prefixes.iter().map(|row| {
        (&*row.kind, names(&row.prefixes, row.prefix_count), hops(&row.hops), counts(row.packets, row.bytes))
    });
    print((&reply.interfaces, reply.lookup.as_deref()), ["Packets", "Bytes"], counters, prefixes);
    invalid_sources(reply);
    if reply.capturing {
        println!("\nA packet capture runs (`nva capture`).");
    }
}

/// From where packets were dropped that may not come in where they did; nothing if there were none.
fn invalid_sources(reply: &XdpReply) {
    let mut rows = table::new(&["Invalid sources in", "Packets dropped"]);
    for row in reply.prefixes.iter().filter(|row| row.invalid_sources > 0) {
        rows.add_row([names(&row.prefixes, row.prefix_count), row.invalid_sources.to_string()]);
    }
    if !rows.is_empty() {
        println!();
        table::print(rows);
    }
}

/// Three tables: the interfaces, and where routes are looked up; packets and octets, or how many a second, by reason; the same by prefix.
fn print<'a>(
    (interfaces, lookup): (&[XdpInterface], Option<&str>),
    units: [&str; 2],
    counters: impl Iterator<Item = (&'a str, &'a str, [String; 2])>,
    prefixes: impl Iterator<Item = (&'a str, String, String, [String; 2])>,
) {
    let mut rows = table::new(&["Interface", "Index", "Mode", "Note"]);
    for interface in interfaces {
        rows.add_row([
            interface.name.clone(),
            or_dash(interface.index),
            interface.mode.clone(),
            or_dash(interface.reason.as_ref()),
        ]);
    }
    table::print(rows);
    if let Some(lookup) = lookup {
        println!("routes are looked up in: {lookup}");
    }
    println!();
    let [packets, octets] = units;
    let mut rows = table::new(&["Verdict", "Reason", packets, octets]);
    for (verdict, reason, [packets, octets]) in counters {
        rows.add_row([verdict.to_owned(), reason.to_owned(), packets, octets]);
    }
    table::print(rows);
    println!();
    let mut rows = table::new(&["Kind", "Prefixes", "Via", packets, octets]);
    for (kind, names, hops, [packets, octets]) in prefixes {
        rows.add_row([kind.to_owned(), names, hops, packets, octets]);
    }
    table::print(rows);
}

/// The prefixes that are named, and how many more there are.
fn names(named: &[String], count: usize) -> String {
    let mut names = named.join(", ");
    let more = count.saturating_sub(named.len());
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{XdpCounter, XdpPrefix};

    fn reply(forwarded: u64, group: u64, prefix: &str) -> XdpReply {
        let counter = |reason: &str, packets| XdpCounter {
            verdict: "forward".to_owned(),
            reason: reason.to_owned(),
            packets,
            bytes: packets * 100,
        };
        let prefixes = vec![XdpPrefix {
            prefixes: vec![prefix.to_owned()],
            prefix_count: 1,
            kind: "forward".to_owned(),
            hops: Vec::new(),
            packets: group,
            bytes: group * 100,
            invalid_sources: 0,
        }];
        let counters = vec![counter("redirect", forwarded)];
        let lookup = Some("tables".to_owned());
        XdpReply { interfaces: Vec::new(), lookup, counters, prefixes, capturing: false }
    }

    fn rate(packets: f64) -> Rate {
        Rate { packets_per_second: Some(packets), bits_per_second: Some(packets * 800.0) }
    }

    #[test]
    fn rates_are_what_was_added_by_the_time() {
        let net = "192.0.2.0/24";
        let rates = Rates::between(&reply(1000, 500, net), reply(1300, 500, net), Duration::from_millis(1500));
        assert_eq!(rates.counters[0].rate, rate(200.0));
        assert_eq!(rates.prefixes[0].rate, rate(0.0));
        let first = Rates::between(&XdpReply::default(), reply(30, 30, net), Duration::from_secs(1));
        assert_eq!(first.counters[0].rate, rate(30.0), "what is not there was not counted yet");
        assert_eq!(first.prefixes[0].rate, Rate::default(), "what is new may have been counted before");
    }

    #[test]
    fn what_was_counted_anew_has_no_rate() {
        let net = "192.0.2.0/24";
        let rates = Rates::between(&reply(1000, 500, net), reply(7, 3, net), Duration::from_secs(1));
        assert_eq!((rates.counters[0].rate, rates.prefixes[0].rate), (Rate::default(), Rate::default()));
        assert_eq!(whole(rates.counters[0].rate.packets_per_second), "-");
    }
}
