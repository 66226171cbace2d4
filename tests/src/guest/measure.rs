//! Traffic through the router, and who has forwarded it.

use std::fs;
use std::net::IpAddr;

use anyhow::{Context, ensure};
use nva_tests::netns::Namespace;
use nva_tests::stream::Stream;
use nva_tests::wait::wait_until;

use crate::appliance::Appliance;
use crate::place::{PATIENCE, Place};

/// How many datagrams go there and back.
const DATAGRAMS: u64 = 500;

/// A way through the router, and the family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ipv4,
    Ipv6,
    HairpinIpv4,
    HairpinIpv6,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Ipv4, Kind::Ipv6, Kind::HairpinIpv4, Kind::HairpinIpv6];

    fn is_ipv6(self) -> bool {
        matches!(self, Kind::Ipv6 | Kind::HairpinIpv6)
    }

    /// What XDP counts such a packet as.
    fn reason(self) -> &'static str {
        match self {
            Kind::Ipv4 | Kind::Ipv6 => "redirect",
            Kind::HairpinIpv4 | Kind::HairpinIpv6 => "hairpin",
        }
    }

    /// From whom to whom.
    fn ends(self, place: &Place) -> anyhow::Result<[(&Namespace, IpAddr); 2]> {
        let address = |net: u8| {
            let text = if self.is_ipv6() { format!("fd00:0:0:{net}::2") } else { format!("10.{net}.0.2") };
            text.parse::<IpAddr>().with_context(|| format!("{text} is no address"))
        };
        let far = match self {
            Kind::Ipv4 | Kind::Ipv6 => (&place.right, address(2)?),
            Kind::HairpinIpv4 | Kind::HairpinIpv6 => (&place.other, address(3)?),
        };
        Ok([(&place.left, address(1)?), far])
    }
}

/// Without `nva`, the kernel forwards, and counts what it forwards: later its counter is to stand still.
pub fn by_kernel(place: &Place, kind: Kind) -> anyhow::Result<()> {
    wait_until(PATIENCE, "the kernel to forward both ways", || {
        let before = forwarded_by_kernel(place, kind)?;
        ping(place, kind)?;
        let after = forwarded_by_kernel(place, kind)?;
        ensure!(after >= before + 2, "the kernel forwarded {before} packets before, {after} after");
        Ok(())
    })
}

/// With `nva`, XDP forwards every packet, and none is lost. Returns how many it has forwarded.
pub fn by_xdp(place: &Place, appliance: &Appliance<'_>, kind: Kind) -> anyhow::Result<u64> {
    let reason = kind.reason();
    wait_until(PATIENCE, &format!("XDP to take both ways ({reason})"), || {
        let before = appliance.packets(reason)?;
        ping(place, kind)?;
        let after = appliance.packets(reason)?;
        ensure!(after >= before + 2, "{before} before, {after} after: {}", appliance.log());
        Ok(())
    })?;
    let before = (appliance.packets(reason)?, forwarded_by_kernel(place, kind)?);
    let [near, far] = kind.ends(place)?;
    let stream = Stream::start(near, far);
    stream.wait_for_more(DATAGRAMS);
    let (sent, lost) = stream.stop();
    let after = (appliance.packets(reason)?, forwarded_by_kernel(place, kind)?);
    ensure!(lost == 0, "{lost} of {sent} datagrams were lost: {}", appliance.log());
    let forwarded = after.0 - before.0;
    ensure!(forwarded == 2 * sent, "{forwarded} packets count as {reason}, for {sent} there and back");
    ensure!(after.1 == before.1, "the kernel forwarded {} packets, too", after.1 - before.1);
    Ok(forwarded)
}

fn ping(place: &Place, kind: Kind) -> anyhow::Result<()> {
    let [(near, _), (_, address)] = kind.ends(place)?;
    near.run(&["ping", "-n", "-q", "-c", "1", "-W", "1", &address.to_string()]).map(drop)
}

/// The router's own counter of packets that its kernel has forwarded.
fn forwarded_by_kernel(place: &Place, kind: Kind) -> anyhow::Result<u64> {
    let file = if kind.is_ipv6() { "/proc/thread-self/net/snmp6" } else { "/proc/thread-self/net/snmp" };
    let text = place.router.enter(|| fs::read_to_string(file))?.with_context(|| format!("cannot read {file}"))?;
    let number =
        if kind.is_ipv6() { in_rows(&text, "Ip6OutForwDatagrams") } else { in_columns(&text, "ForwDatagrams") };
    number.with_context(|| format!("no counter of forwarded packets in {text}"))
}

/// A name and a number in each line.
fn in_rows(text: &str, name: &str) -> Option<u64> {
    let mut rows = text.lines().map(str::split_whitespace);
    rows.find_map(|mut row| (row.next() == Some(name)).then(|| row.next()?.parse().ok())?)
}

/// A line of names, and below it one of numbers.
fn in_columns(text: &str, name: &str) -> Option<u64> {
    let (names, numbers) = text.lines().zip(text.lines().skip(1)).find(|(names, _)| has(names, name))?;
    let mut columns = names.split_whitespace().zip(numbers.split_whitespace());
    columns.find_map(|(column, number)| (column == name).then(|| number.parse().ok())?)
}

fn has(line: &str, word: &str) -> bool {
    line.split_whitespace().any(|one| one == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_in_both_forms() {
        let snmp = "Ip: Forwarding InReceives ForwDatagrams\nIp: 1 20 7\nIcmp: InMsgs\nIcmp: 3\n";
        assert_eq!(in_columns(snmp, "ForwDatagrams"), Some(7));
        assert_eq!(in_columns(snmp, "InMsgs"), Some(3));
        assert_eq!(in_columns(snmp, "OutMsgs"), None);
        let snmp6 = "Ip6InReceives                   \t20\nIp6OutForwDatagrams             \t9\n";
        assert_eq!(in_rows(snmp6, "Ip6OutForwDatagrams"), Some(9));
        assert_eq!(in_rows(snmp6, "Ip6OutRequests"), None);
    }
}
