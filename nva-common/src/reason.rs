//! What became of a packet, and why.

/// What the XDP program told the kernel to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Out of an interface, rewritten.
    Forward,
    /// On to the kernel, untouched.
    Pass,
    /// Away.
    Drop,
}

impl Verdict {
    /// Its name as operators see it.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Forward => "forward",
            Verdict::Pass => "pass",
            Verdict::Drop => "drop",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $verdict:ident, $name:literal;)+) => {
        /// Why a packet met its [`Verdict`]; each reason has exactly one.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $variant = $number,)+
        }

        impl Reason {
            /// Every reason, by number.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),+];

            /// What it leads to.
            #[inline(always)]
            pub const fn verdict(self) -> Verdict {
                match self {
                    $(Reason::$variant => Verdict::$verdict,)+
                }
            }

            /// Its name as operators see it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reason::$variant => $name,)+
                }
            }
        }
    };
}

reasons! {
    /// Sent out of the interface that it came in by.
    Hairpin = 0, Forward, "hairpin";
    /// Sent out of another interface.
    Redirect = 1, Forward, "redirect";
    /// Neither IPv4, IPv6, ARP nor VLAN.
    OtherProtocol = 2, Pass, "other-protocol";
    /// ARP.
    Arp = 3, Pass, "arp";
    /// IPv6 from or to a link-local address, or the unspecified one: never forwarded (RFC 4291 §2.5.2, §2.5.6).
    LinkScope = 4, Pass, "link-scope-address";
    /// A VLAN tag.
    Vlan = 5, Pass, "vlan";
    /// To another station's MAC.
    NotOurMac = 6, Pass, "not-our-mac";
    /// To a group MAC.
    GroupMac = 7, Pass, "group-mac";
    /// Shorter than the headers.
    Truncated = 8, Pass, "truncated";
    /// An IP version that is not the Ethertype's, or an IPv4 header length below 5.
    BadVersion = 9, Pass, "bad-version";
    /// IPv4 options, or a hop-by-hop options header.
    Options = 10, Pass, "ip-options";
    /// A length shorter than the header or longer than the frame.
    BadLength = 11, Pass, "bad-length";
    /// TTL or hop limit 1 or 0: the kernel sends time exceeded.
    TtlExpired = 12, Pass, "ttl-expired";
    /// Larger than the egress MTU, be it by what pads the frame: the kernel cuts that off, fragments, or says so to the sender.
    TooBig = 13, Pass, "too-big";
    /// To this machine.
    Local = 14, Pass, "local";
    /// To or from 127.0.0.0/8, which the kernel accepts only with `route_localnet`.
    Loopback = 15, Pass, "loopback-address";
    /// To a broadcast or multicast address.
    GroupAddress = 16, Pass, "group-address";
    /// No route: the kernel sends unreachable.
    NoRoute = 17, Pass, "no-route";
    /// An unreachable or prohibit route: the kernel answers.
    Refused = 18, Pass, "refused-by-route";
    /// The neighbour's MAC is not known: the kernel asks for it.
    Unresolved = 19, Pass, "unresolved-neighbour";
    /// The route leaves by an interface without XDP, or is of a kind that only the kernel knows.
    KernelRoute = 20, Pass, "kernel-route";
    /// The route did not fit the tables.
    Overflow = 21, Pass, "table-overflow";
    /// The egress interface cannot take frames from XDP.
    CannotTransmit = 22, Pass, "egress-cannot-transmit";
    /// Forwarding is switched off for the ingress interface.
    ForwardingOff = 23, Pass, "forwarding-off";
    /// The ingress interface, a group or a next hop is not in the maps.
    NotConfigured = 24, Pass, "not-configured";
    /// Sources are checked, and only the kernel knows about this one.
    SourceToKernel = 25, Pass, "source-to-kernel";
    /// The IPv4 header checksum is wrong.
    BadChecksum = 26, Drop, "bad-checksum";
    /// From an address that no host can send from.
    MartianSource = 27, Drop, "martian-source";
    /// To an address that no host can have.
    MartianDestination = 28, Drop, "martian-destination";
    /// A blackhole route.
    Blackhole = 29, Drop, "blackhole";
    /// From where no route leads, or not by the interface that it came in by (RFC 3704, BCP 84).
    InvalidSource = 30, Drop, "invalid-source";
    /// Where the kernel's FIB is asked: not by a route that forwards. It is local, broadcast or without a route; which of
    /// them, the kernel does not say.
    NotForwarded = 31, Pass, "not-forwarded";
}

impl Reason {
    /// How many reasons there are; their numbers are below it.
    pub const COUNT: u32 = Reason::ALL.len() as u32;

    /// The reason with this number.
    pub fn from_number(number: u32) -> Option<Reason> {
        Reason::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_names_are_unique() {
        for (position, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, position);
            assert_eq!(Reason::from_number(*reason as u32), Some(*reason));
            assert!(Reason::ALL.iter().all(|other| other == reason || other.name() != reason.name()));
        }
        assert_eq!(Reason::from_number(Reason::COUNT), None);
    }
}
