//! What a machine's kernel counts: segments that it has thrown away, and what it did with IP packets.

use anyhow::{Context, ensure};
use nva_tests::netns::Namespace;

/// The counters of segments with another signature (RFC 2385), also of those where none is wanted.
pub const WRONG_KEY: [&str; 2] = ["TCPMD5Failure", "TCPMD5Unexpected"];

/// And of those whose TTL is too low (RFC 5082).
pub const TOO_FAR: [&str; 1] = ["TCPMinTTLDrop"];

/// The sum of counters of `/proc/net/netstat`.
pub fn counted(namespace: &Namespace, counters: &[&str]) -> anyhow::Result<u64> {
    sum(&namespace.run(&["cat", "/proc/net/netstat"])?, counters)
}

/// A counter of IPv4 or ICMP (`/proc/net/snmp`), such as `ForwDatagrams`.
pub fn counted_ipv4(namespace: &Namespace, counter: &str) -> anyhow::Result<u64> {
    sum(&namespace.run(&["cat", "/proc/net/snmp"])?, &[counter])
}

/// A counter of IPv6 or ICMPv6 (`/proc/net/snmp6`, a counter a line), such as `Ip6OutForwDatagrams`.
pub fn counted_ipv6(namespace: &Namespace, counter: &str) -> anyhow::Result<u64> {
    let text = namespace.run(&["cat", "/proc/net/snmp6"])?;
    let mut lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let (_, number) = lines.find(|(name, _)| *name == counter).with_context(|| format!("no {counter} in {text}"))?;
    Ok(number.trim().parse()?)
}

/// The sum of counters in a text with a line of names above one of numbers for each group.
fn sum(text: &str, counters: &[&str]) -> anyhow::Result<u64> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let (groups, _) = lines.as_chunks();
    let columns = groups.iter().flat_map(|[names, numbers]| names.iter().zip(numbers));
    let found: Vec<&str> = columns.filter(|(name, _)| counters.contains(name)).map(|(_, number)| *number).collect();
    ensure!(found.len() == counters.len(), "not all of {counters:?} are in {text}");
    found.into_iter().map(|number| Ok(number.parse::<u64>()?)).sum()
}
