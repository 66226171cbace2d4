//! How many TCP segments the kernel discarded for reasons that no socket is told.

use std::fs;
use std::io;

/// The counters of this thread's network namespace.
const COUNTERS: &str = "/proc/thread-self/net/netstat";

/// Discarded segments since the network namespace came up, other programs' included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiscardedSegments {
    /// The signature was not that of our password (RFC 2385).
    pub wrong_signature: u64,
    /// There was no signature where one was expected.
    pub no_signature: u64,
    /// There was a signature where none was expected.
    pub unwanted_signature: u64,
    /// The TTL was too low (RFC 5082).
    pub low_ttl: u64,
}

impl DiscardedSegments {
    /// What the kernel has counted so far.
    pub fn read() -> io::Result<DiscardedSegments> {
        Ok(DiscardedSegments::parse(&fs::read_to_string(COUNTERS)?))
    }

    /// A line of names is followed by one of values; a counter that this kernel does not have is 0.
    fn parse(text: &str) -> DiscardedSegments {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
        let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let value = |wanted| {
            let mut pairs = names.split(' ').zip(values.split(' '));
            pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
        };
        DiscardedSegments {
            wrong_signature: value("TCPMD5Failure"),
            no_signature: value("TCPMD5NotFound"),
            unwanted_signature: value("TCPMD5Unexpected"),
            low_ttl: value("TCPMinTTLDrop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_above_their_values() {
        let text = "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop\n\
                    TcpExt: 0 1 2 3 4\nIpExt: InNoRoutes TCPMD5Failure\nIpExt: 7 9\n";
        let expected = DiscardedSegments { wrong_signature: 3, no_signature: 1, unwanted_signature: 2, low_ttl: 4 };
        assert_eq!(DiscardedSegments::parse(text), expected);
        assert_eq!(DiscardedSegments::parse("IpExt: InNoRoutes\nIpExt: 7\n"), DiscardedSegments::default());
    }

    #[test]
    fn the_kernel_is_understood() {
        let text = fs::read_to_string(COUNTERS).expect("counters");
        assert!(["TCPMD5Failure", "TCPMD5NotFound", "TCPMD5Unexpected"].iter().all(|name| text.contains(name)));
        assert!(DiscardedSegments::read().is_ok());
    }
}
