//! Segments that a machine's kernel has thrown away.

use anyhow::ensure;
use nva_tests::netns::Namespace;

/// The counters of segments with another signature (RFC 2385), also of those where none is wanted.
pub const WRONG_KEY: [&str; 2] = ["TCPMD5Failure", "TCPMD5Unexpected"];

/// And of those whose TTL is too low (RFC 5082).
pub const TOO_FAR: [&str; 1] = ["TCPMinTTLDrop"];

/// The sum of counters of `/proc/net/netstat`, which has a line of names above one of numbers for each group.
pub fn counted(namespace: &Namespace, counters: &[&str]) -> anyhow::Result<u64> {
    let text = namespace.run(&["cat", "/proc/net/netstat"])?;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let (groups, _) = lines.as_chunks();
    let columns = groups.iter().flat_map(|[names, numbers]| names.iter().zip(numbers));
    let found: Vec<&str> = columns.filter(|(name, _)| counters.contains(name)).map(|(_, number)| *number).collect();
    ensure!(found.len() == counters.len(), "not all of {counters:?} are in {text}");
    found.into_iter().map(|number| Ok(number.parse::<u64>()?)).sum()
}
