//! `nva` and its peer on one wire, and what went over it.

use std::net::IpAddr;

use anyhow::{Context, bail};
use ipnet::IpNet;
use nva_tests::daemon::{Daemon, Family, Kind, Options, Peer, Relation, Route, Router, Session};
use nva_tests::wait::wait_until;
use nva_tests::wire::{Wire, address, address6};
use serde_json::Value;

use crate::common::capture::{Capture, Captured, NOTHING, sent_by};
use crate::common::{PATIENCE, nva_peer_of};

pub const NVA_ASN: u32 = 65001;
pub const OTHER_ASN: u32 = 4_200_000_002;
pub const FAR_ASN: u32 = 65003;

/// The last octets of their addresses.
const NVA: u8 = 20;
const OTHER: u8 = 30;
const FAR: u8 = 40;

/// Both speakers, to be told more before they start.
pub struct Cast {
    kind: Kind,
    pub nva: Router,
    pub other: Router,
    /// One more peer of `nva`, to which routes are passed on.
    pub far: Option<Router>,
    /// What it is: ExaBGP, which can send and shows whatever there is, unless it is to do more.
    pub far_kind: Kind,
}

impl Cast {
    /// Two routers that are each other's peers, over a session on `over`, for `families`.
    pub fn new(kind: Kind, over: Family, families: &[Family]) -> Cast {
        let router = |asn, own, peer: &str, peer_asn, peers| {
            let mut router = Router::new(asn, address(own));
            router.address6 = Some(address6(own));
            let address = machine_address(over, peers);
            let (name, families) = (peer.to_owned(), families.to_vec());
            let (relation, options) = (Relation::Router, Options::default());
            router.with(Peer { name, asn: peer_asn, address, relation, families, options })
        };
        let nva = router(NVA_ASN, NVA, "other", OTHER_ASN, OTHER);
        Cast { kind, nva, other: router(OTHER_ASN, OTHER, "nva", NVA_ASN, NVA), far: None, far_kind: Kind::Exabgp }
    }

    /// The same over IPv4 for IPv4.
    pub fn ipv4(kind: Kind) -> Cast {
        Cast::new(kind, Family::Ipv4, &[Family::Ipv4])
    }

    /// The same within one AS.
    pub fn internal(kind: Kind) -> Cast {
        let mut cast = Cast::ipv4(kind);
        cast.other.asn = NVA_ASN;
        for peer in &mut cast.nva.peers {
            peer.asn = NVA_ASN;
        }
        cast
    }

    /// With a third one beyond `nva`, which originates `network`.
    pub fn with_far(mut self, network: &str) -> Cast {
        self.nva = self.nva.peer("far", FAR_ASN, address(FAR), Relation::Router);
        let mut far = Router::new(FAR_ASN, address(FAR)).peer("nva", NVA_ASN, address(NVA), Relation::Router);
        far.networks = vec![network.parse().expect("a prefix")];
        self.far = Some(far);
        self
    }

    /// Sets the options of the session between `nva` and the other one, at each end.
    pub fn options(mut self, nva: &Options, other: &Options) -> Cast {
        for (router, name, options) in [(&mut self.nva, "other", nva), (&mut self.other, "nva", other)] {
            for peer in router.peers.iter_mut().filter(|peer| peer.name == name) {
                peer.options = options.clone();
            }
        }
        self
    }

    /// Lets a machine originate a prefix that can be withdrawn: an address on its loopback if the daemon follows those.
    fn originate(&mut self, wire: &Wire, machine: &str, prefix: &str) {
        let (kind, router) = if machine == "nva" { (Kind::Nva, &mut self.nva) } else { (self.kind, &mut self.other) };
        if kind.follows_interfaces() {
            router.loopbacks = vec!["lo".to_owned()];
            wire.namespace(machine)
                .and_then(|machine| machine.ip(&["addr", "add", prefix, "dev", "lo"]))
                .expect("added");
        } else {
            router.networks.push(prefix.parse().expect("a prefix"));
        }
    }

    /// Everybody starts; `withdrawable` are machines and prefixes that they originate, too.
    pub fn start(mut self, withdrawable: &[(&str, &str)]) -> Scene {
        let mut wire = Wire::new(&[("nva", NVA), ("other", OTHER), ("far", FAR)]).expect("a wire");
        for (machine, prefix) in withdrawable {
            self.originate(&wire, machine, prefix);
        }
        let capture = Capture::start(wire.resources(), wire.namespace("nva").expect("nva"), &wire.directory("nva"));
        let Cast { kind, nva, other, far, far_kind } = self;
        if let Some(far) = far {
            wire.start("far", far_kind, far).expect("started");
        }
        wire.start("other", kind, other).expect("started");
        wire.start("nva", Kind::Nva, nva).expect("started");
        let scene = Scene { wire, capture: Some(capture) };
        for daemon in scene.wire.daemons() {
            scene.ready(daemon);
        }
        scene
    }
}

/// The address of a machine on a session.
fn machine_address(over: Family, last: u8) -> IpAddr {
    match over {
        Family::Ipv4 => address(last).into(),
        Family::Ipv6 => address6(last).into(),
    }
}

/// The next hop of what a machine originates.
pub fn next_hop_of(machine: &str, prefix: &str) -> IpAddr {
    machine_address(if prefix.contains(':') { Family::Ipv6 } else { Family::Ipv4 }, last_octet(machine))
}

/// The last octet of a machine's addresses.
fn last_octet(machine: &str) -> u8 {
    match machine {
        "nva" => NVA,
        "far" => FAR,
        _ => OTHER,
    }
}

pub struct Scene {
    pub wire: Wire,
    capture: Option<Capture>,
}

impl Scene {
    pub fn daemon(&self, machine: &str) -> &Daemon {
        self.wire.daemon(machine).expect("a daemon")
    }

    fn ready(&self, daemon: &Daemon) {
        daemon.wait_ready().unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()));
    }

    /// Waits until `look` is content; fails with what it saw last and the ends of all logs.
    pub fn wait_for<T>(&self, what: &str, look: impl FnMut() -> anyhow::Result<T>) -> T {
        wait_until(PATIENCE, what, look).unwrap_or_else(|error| panic!("{error}\n{}", self.logs()))
    }

    /// Waits until a daemon has exactly these routes from its peer, in any order. Its own routes that the peer tells it
    /// again do not count: no daemon uses them (RFC 4271 §9.1.2), and only some show them.
    pub fn wait_for_routes(&self, machine: &str, mut expected: Vec<Route>) {
        expected.sort();
        self.wait_for(&format!("the routes of {machine}"), || {
            let daemon = self.daemon(machine);
            let mut routes = daemon.routes()?;
            routes.retain(|route| !route.as_path.contains(&daemon.setup.router.asn));
            if routes != expected {
                bail!("{routes:#?}\ninstead of {expected:#?}");
            }
            Ok(())
        });
    }

    /// The capture, as long as it runs.
    pub fn capture(&self) -> &Capture {
        self.capture.as_ref().expect("it runs")
    }

    /// Waits until all sessions of both are up.
    pub fn wait_established(&self) {
        for machine in ["nva", "other"] {
            let up = self.daemon(machine).wait_established(PATIENCE);
            up.unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()));
        }
    }

    /// The row of `nva show peers` about the other one.
    pub fn nva_peer(&self) -> anyhow::Result<Value> {
        nva_peer_of(self.daemon("nva"), "other")
    }

    /// The session between `nva` and the other one, as the daemon of a machine sees it.
    pub fn session(&self, machine: &str) -> anyhow::Result<Session> {
        let peer = if machine == "nva" { "other" } else { "nva" };
        let found = self.daemon(machine).sessions()?.into_iter().find(|session| session.peer == peer);
        found.with_context(|| format!("{machine} has no session with {peer}"))
    }

    /// The ends of the logs of everything that runs.
    fn logs(&self) -> String {
        self.wire.daemons().iter().map(Daemon::logs).collect()
    }

    /// Ends the capture and looks at what `nva` sent: it is dissected without any complaint.
    pub fn well_formed(&mut self) -> Captured {
        self.well_formed_but(NOTHING)
    }

    /// The same but for what another filter shows, about which Wireshark is mistaken.
    pub fn well_formed_but(&mut self, mistaken: &str) -> Captured {
        let captured = self.capture.take().expect("one capture").stop();
        captured.well_formed(&from_nva(), mistaken);
        captured
    }
}

/// A prefix.
pub fn prefix(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

/// A display filter for what the other one sent.
pub fn from_other() -> String {
    sent_by(&[address(OTHER).into(), address6(OTHER).into()])
}

/// A display filter for what `nva` sent.
pub fn from_nva() -> String {
    sent_by(&[address(NVA).into(), address6(NVA).into()])
}

/// A display filter for what a machine is sent over IPv4.
pub fn to(machine: &str) -> String {
    format!("ip.dst == {}", address(last_octet(machine)))
}
