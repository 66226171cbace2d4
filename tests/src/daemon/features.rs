//! What the other daemons can do: the rows and columns of the README's table of interoperability.

use std::fmt::Write;

use super::{Family, Kind};

/// What `nva` and another daemon may do together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// IPv4 routes over IPv4.
    Ipv4Session,
    /// IPv6 routes over IPv6.
    Ipv6Session,
    /// Both over one session.
    BothFamilies,
    /// iBGP.
    InternalSession,
    /// RFC 1997.
    StandardCommunities,
    /// RFC 4360.
    ExtendedCommunities,
    /// RFC 8092.
    LargeCommunities,
    /// RFC 2918.
    RouteRefresh,
    /// RFC 7313.
    EnhancedRefresh,
    /// RFC 8654.
    ExtendedMessages,
    /// RFC 9234.
    Roles,
    /// RFC 2385.
    TcpMd5,
    /// RFC 5082.
    Gtsm,
    /// RFC 5880, RFC 5882.
    Bfd,
    /// RFC 4724, `nva` as the helper.
    RestartOfTheOther,
    /// RFC 4724, the other one as the helper.
    RestartOfNva,
}

/// Whether a daemon has a feature, in the version that Debian 12 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has.
    Yes,
    /// It has a part of it: which.
    Partly(&'static str),
    /// It has not: what is known of it.
    No(&'static str),
}

impl Feature {
    /// All of them, in the order of the table.
    pub const ALL: [Feature; 16] = [
        Feature::Ipv4Session,
        Feature::Ipv6Session,
        Feature::BothFamilies,
        Feature::InternalSession,
        Feature::StandardCommunities,
        Feature::ExtendedCommunities,
        Feature::LargeCommunities,
        Feature::RouteRefresh,
        Feature::EnhancedRefresh,
        Feature::ExtendedMessages,
        Feature::Roles,
        Feature::TcpMd5,
        Feature::Gtsm,
        Feature::Bfd,
        Feature::RestartOfTheOther,
        Feature::RestartOfNva,
    ];

    /// The name of its test.
    pub fn test(self) -> &'static str {
        match self {
            Feature::Ipv4Session => "ipv4_session",
            Feature::Ipv6Session => "ipv6_session",
            Feature::BothFamilies => "both_families",
            Feature::InternalSession => "internal_session",
            Feature::StandardCommunities => "standard_communities",
            Feature::ExtendedCommunities => "extended_communities",
            Feature::LargeCommunities => "large_communities",
            Feature::RouteRefresh => "route_refresh",
            Feature::EnhancedRefresh => "enhanced_refresh",
            Feature::ExtendedMessages => "extended_messages",
            Feature::Roles => "roles",
            Feature::TcpMd5 => "tcp_md5",
            Feature::Gtsm => "gtsm",
            Feature::Bfd => "bfd",
            Feature::RestartOfTheOther => "restart_of_the_other",
            Feature::RestartOfNva => "restart_of_nva",
        }
    }

    /// What was seen, for the table.
    fn description(self) -> &'static str {
        match self {
            Feature::Ipv4Session => "IPv4 session: routes and withdrawals both ways",
            Feature::Ipv6Session => "IPv6 session: the same (RFC 2545)",
            Feature::BothFamilies => "IPv6 routes beside IPv4 ones over an IPv4 session (RFC 4760)",
            Feature::InternalSession => {
                "iBGP session: routes from outside go in with their next hop, those from inside out, none back (RFC 4271 §9.2)"
            }
            Feature::StandardCommunities => "communities arrive and are passed on unaltered (RFC 1997)",
            Feature::ExtendedCommunities => "extended communities, the same (RFC 4360)",
            Feature::LargeCommunities => "large communities, the same (RFC 8092)",
            Feature::RouteRefresh => "route refresh: each asks, the other one announces again (RFC 2918)",
            Feature::EnhancedRefresh => {
                "enhanced route refresh: the same between two marks, and nothing is lost (RFC 7313)"
            }
            Feature::ExtendedMessages => "extended messages: an UPDATE of more than 4096 octets (RFC 8654)",
            Feature::Roles => {
                "roles: no session if they do not fit; neither side passes on what is only to customers (RFC 9234)"
            }
            Feature::TcpMd5 => "TCP MD5: both sides' segments are signed; no session with another key (RFC 2385)",
            Feature::Gtsm => "GTSM: a session if both sides have it, none if only one has (RFC 5082)",
            Feature::Bfd => "BFD: silence ends the session after the detection time, whatever the hold time (RFC 5882)",
            Feature::RestartOfTheOther => "graceful restart of the daemon: `nva` keeps its routes (RFC 4724)",
            Feature::RestartOfNva => "graceful restart of `nva`: the daemon keeps its routes",
        }
    }
}

impl Kind {
    /// The daemons of the table.
    pub const FOREIGN: [Kind; 6] = [Kind::Bird1, Kind::Bird2, Kind::Frr, Kind::Gobgp, Kind::Openbgpd, Kind::Exabgp];

    /// Its name and the version that was looked at.
    fn heading(self) -> &'static str {
        match self {
            Kind::Nva => "nva",
            Kind::Bird1 => "BIRD 1.6.8",
            Kind::Bird2 => "BIRD 2.0.12",
            Kind::Frr => "FRR 8.4.4",
            Kind::Gobgp => "GoBGP 3.10.0",
            Kind::Openbgpd => "OpenBGPD 7.7",
            Kind::Exabgp => "ExaBGP 4.2.21",
        }
    }

    /// Whether it has a feature.
    pub fn support(self, feature: Feature) -> Support {
        match feature {
            Feature::Ipv4Session
            | Feature::Ipv6Session
            | Feature::InternalSession
            | Feature::StandardCommunities
            | Feature::ExtendedCommunities
            | Feature::LargeCommunities
            | Feature::TcpMd5 => Support::Yes,
            Feature::BothFamilies => self.both_families(),
            Feature::RouteRefresh => self.route_refresh(),
            Feature::EnhancedRefresh => self.enhanced_refresh(),
            Feature::ExtendedMessages => self.extended_messages(),
            Feature::Roles => self.roles(),
            Feature::Gtsm => self.gtsm(),
            Feature::Bfd => self.bfd(),
            Feature::RestartOfTheOther => self.restart(),
            Feature::RestartOfNva => self.restart_of_nva(),
        }
    }

    fn both_families(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Exabgp => Support::Yes,
            Kind::Bird1 => Support::No("BIRD 1.6 is one daemon for each family"),
            Kind::Openbgpd => Support::Partly(
                "OpenBGPD 7.7 takes them; on Linux, it announces its own with the next hop ::1, which `nva` treats as a \
                 withdrawal (RFC 7606)",
            ),
        }
    }

    fn route_refresh(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr => Support::Yes,
            Kind::Gobgp => Support::Partly("GoBGP answers, but never asks: it keeps what it received"),
            // Where `enhanced-refresh = false` keeps enhanced route refresh from it.
            Kind::Exabgp => Support::Yes,
            Kind::Openbgpd => {
                Support::Partly("OpenBGPD 7.7 asks, but takes a request for that of a family that was not negotiated")
            }
        }
    }

    fn extended_messages(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Exabgp => Support::Yes,
            Kind::Gobgp => Support::No("GoBGP 3.10 has no extended messages"),
            Kind::Openbgpd => Support::No("OpenBGPD 7.7 has no extended messages"),
        }
    }

    fn enhanced_refresh(self) -> Support {
        match self {
            Kind::Gobgp => Support::No("GoBGP 3.10 announces no enhanced route refresh"),
            Kind::Openbgpd => Support::Partly(
                "OpenBGPD 7.7 asks, but does not answer; without graceful restart it begins a refresh with the session and \
                 never ends it",
            ),
            Kind::Exabgp => Support::Partly(
                "ExaBGP 4.2 asks, but closes the connection when it is asked by a peer with enhanced route refresh: \
                 `enhanced-refresh = false` is for it",
            ),
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr => self.route_refresh(),
        }
    }

    fn roles(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird2 | Kind::Frr => Support::Yes,
            Kind::Openbgpd => Support::Partly("OpenBGPD 7.7 keeps to its role only towards a peer that says its own"),
            Kind::Bird1 => Support::No("BIRD 1.6 has no roles"),
            Kind::Gobgp => Support::No("GoBGP 3.10 has no roles"),
            Kind::Exabgp => Support::No("ExaBGP 4.2 has no roles"),
        }
    }

    fn gtsm(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Openbgpd => Support::Yes,
            Kind::Exabgp => Support::Partly(
                "ExaBGP sends with a TTL of 255 on connections that it opens itself, and looks at nobody's TTL",
            ),
        }
    }

    fn bfd(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr => Support::Yes,
            Kind::Gobgp => Support::No("GoBGP 3.10 has no BFD"),
            Kind::Openbgpd => Support::No("OpenBGPD has no BFD"),
            Kind::Exabgp => Support::No("ExaBGP has no BFD"),
        }
    }

    fn restart(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Exabgp => Support::Yes,
            Kind::Openbgpd => Support::No("OpenBGPD asks nobody to keep its routes: it only keeps others'"),
        }
    }

    fn restart_of_nva(self) -> Support {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Openbgpd => Support::Yes,
            Kind::Exabgp => Support::No("ExaBGP keeps no routes at all"),
        }
    }

    /// Whether IPv6 routes that it announces over a session of this family have a next hop that others can use.
    pub fn tells_ipv6_over(self, family: Family) -> bool {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Exabgp => true,
            Kind::Openbgpd => family == Family::Ipv6,
        }
    }

    /// Whether it takes only packets with a TTL of 255, where it is told to.
    pub fn looks_at_ttl(self) -> bool {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp | Kind::Openbgpd => true,
            Kind::Exabgp => false,
        }
    }

    /// Whether it sends ROUTE-REFRESH when it is told to.
    pub fn asks_for_refresh(self) -> bool {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Openbgpd | Kind::Exabgp => true,
            Kind::Gobgp => false,
        }
    }

    /// Whether it announces again what a peer asks for that announces enhanced route refresh, or does not.
    pub fn answers_refresh(self, enhanced: bool) -> bool {
        match self {
            Kind::Nva | Kind::Bird1 | Kind::Bird2 | Kind::Frr | Kind::Gobgp => true,
            Kind::Exabgp => !enhanced,
            Kind::Openbgpd => false,
        }
    }
}

/// The table, in Markdown.
pub fn table() -> String {
    let mut text = String::from("| `nva` with |");
    for kind in Kind::FOREIGN {
        // Writing to a String cannot fail.
        let _ = write!(text, " {} |", kind.heading());
    }
    text += "\n|---|";
    text += &"---|".repeat(Kind::FOREIGN.len());
    text += "\n";
    let mut notes: Vec<&str> = Vec::new();
    for feature in Feature::ALL {
        let _ = write!(text, "| {} |", feature.description());
        for kind in Kind::FOREIGN {
            let (mark, note) = match kind.support(feature) {
                Support::Yes => ("✓", None),
                Support::Partly(note) => ("(✓)", Some(note)),
                Support::No(note) => ("—", Some(note)),
            };
            let _ = match note {
                None => write!(text, " {mark} |"),
                Some(note) => write!(text, " {mark} {} |", number(&mut notes, note)),
            };
        }
        text += "\n";
    }
    for (number, note) in (1..).zip(notes) {
        let _ = write!(text, "\n{number}. {note}");
    }
    text + "\n"
}

/// The number of a note, from 1.
fn number(notes: &mut Vec<&'static str>, note: &'static str) -> usize {
    if let Some(position) = notes.iter().position(|known| *known == note) {
        return position + 1;
    }
    notes.push(note);
    notes.len()
}
