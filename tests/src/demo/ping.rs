//! Pings as the article sends them.

use std::net::Ipv4Addr;
use std::thread;

use anyhow::{Context, anyhow};

use crate::netns::Namespace;

/// The result of one `ping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pings {
    /// To whom.
    pub target: Ipv4Addr,
    /// Packets sent.
    pub sent: u32,
    /// Answers.
    pub received: u32,
    /// What ping printed in the end.
    pub summary: String,
}

/// Pings every target at once, `count` times each.
pub fn ping_all(from: &Namespace, targets: &[Ipv4Addr], count: u32, interval: &str) -> anyhow::Result<Vec<Pings>> {
    thread::scope(|scope| {
        let pings: Vec<_> =
            targets.iter().map(|target| scope.spawn(move || ping(from, *target, count, interval))).collect();
        pings.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a ping's thread panicked"))?).collect()
    })
}

fn ping(from: &Namespace, target: Ipv4Addr, count: u32, interval: &str) -> anyhow::Result<Pings> {
    let (count, address) = (count.to_string(), target.to_string());
    let words = ["ping", "-n", "-q", "-c", &count, "-i", interval, "-W", "1", &address];
    // Its exit code is 1 without an answer, which may be what is expected.
    let output = from.output(&words)?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(target, &text).with_context(|| format!("ping printed {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// `10 packets transmitted, 10 received, 0% packet loss, time 9012ms`, perhaps with `+3 errors` in between.
fn parse(target: Ipv4Addr, text: &str) -> Option<Pings> {
    let summary = text.lines().find(|line| line.contains("packets transmitted"))?;
    let number = |what: &str| {
        let part = summary.split(", ").find(|part| part.contains(what))?;
        part.split(' ').next()?.parse().ok()
    };
    let (sent, received) = (number("packets transmitted")?, number(" received")?);
    Some(Pings { target, sent, received, summary: summary.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_understood() {
        let target = Ipv4Addr::new(100, 0, 0, 100);
        for (line, received) in [
            ("10 packets transmitted, 10 received, 0% packet loss, time 9012ms", 10),
            ("10 packets transmitted, 7 received, +3 errors, 30% packet loss, time 9012ms", 7),
        ] {
            let pings = parse(target, &format!("PING …\n\n--- 100.0.0.100 ping statistics ---\n{line}\n"));
            assert_eq!(pings, Some(Pings { target, sent: 10, received, summary: line.to_owned() }));
        }
    }
}
