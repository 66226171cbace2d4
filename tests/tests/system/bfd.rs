//! BFD between two `nva` where it is not that of two configured neighbours on one link: over a router (RFC 5883), and
//! with members of a group that listens.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use nva_tests::daemon::{BFD_INTERVAL, Daemon, Kind, Relation, Router};
use nva_tests::wait::wait_until;
use nva_tests::wire::{Wire, address};
use serde_json::Value;

use crate::common::capture::{Capture, NOTHING, sent_by};
use crate::common::{PATIENCE, nva_json_of, nva_peer_of};

const HERE: u8 = 20;
const THERE: u8 = 30;
const ROUTER: u8 = 40;

/// Of both daemons, behind the router.
const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 129);

/// Milliseconds between packets, of which three are missed before a session ends; without BFD it takes the hold time.
const INTERVAL: u64 = BFD_INTERVAL as u64;
const DETECTION: Duration = Duration::from_millis(3 * INTERVAL);
const HOLD_TIME: u64 = 90;

/// Beyond the detection time, for a busy machine.
const BUSY: Duration = Duration::from_secs(3);

/// Two daemons on a wire.
struct Two {
    wire: Wire,
    /// The names that `here` and `there` have for each other.
    names: [String; 2],
}

impl Two {
    /// Starts both, by what their peers' tables say.
    fn start(mut wire: Wire, names: [&str; 2], here: &str, there: &str) -> Two {
        let daemons = [("here", 65001, HERE, here, names[1]), ("there", 65002, THERE, there, names[0])];
        for (machine, asn, last, peer, name) in daemons {
            // Only its name counts: the rest is in the configuration.
            let mut router = Router::new(asn, address(last)).peer(name, 65000, address(last), Relation::Router);
            router.configuration = Some(configuration(asn, last, peer));
            wire.start(machine, Kind::Nva, router).expect("started");
        }
        Two { wire, names: names.map(str::to_owned) }
    }

    fn daemon(&self, machine: &str) -> &Daemon {
        self.wire.daemon(machine).expect("a daemon")
    }

    fn wait_for<T>(&self, what: &str, look: impl FnMut() -> anyhow::Result<T>) -> T {
        let logs = || self.wire.daemons().iter().map(Daemon::logs).collect::<String>();
        wait_until(PATIENCE, what, look).unwrap_or_else(|error| panic!("{error:#}\n{}", logs()))
    }

    /// The row of `nva show bfd` of a machine about the other one.
    fn bfd(&self, machine: &str) -> anyhow::Result<Value> {
        let reply = nva_json_of(self.daemon(machine), &["show", "bfd"])?;
        let rows = reply["rows"].as_array().context("no rows")?;
        let row = rows.iter().find(|row| row["peer"] == *self.other(machine));
        row.cloned().with_context(|| format!("{machine} has none with {}: {reply}", self.other(machine)))
    }

    /// The row of `nva show peers` of a machine about the other one.
    fn peer(&self, machine: &str) -> anyhow::Result<Value> {
        nva_peer_of(self.daemon(machine), self.other(machine))
    }

    fn other(&self, machine: &str) -> &str {
        &self.names[usize::from(machine == "here")]
    }

    /// Until both have BFD and BGP up, and know each other's intervals.
    fn wait_up(&self) {
        self.wait_for("BFD and BGP", || {
            for machine in ["here", "there"] {
                let (bfd, peer) = (self.bfd(machine)?, self.peer(machine)?);
                ensure!(bfd["state"] == "Up" && bfd["remote_state"] == "Up", "{machine}: {bfd}");
                ensure!(bfd["transmit_interval"] == INTERVAL && bfd["detection_time"] == 3 * INTERVAL, "{bfd}");
                ensure!(peer["state"] == "Established", "{machine}: {peer}");
            }
            Ok(())
        });
    }

    /// `there` says nothing any more: `here` ends the session for it, and long before its hold time.
    fn silence(&self) {
        let start = Instant::now();
        self.daemon("there").signal(Signal::SIGSTOP).expect("stopped");
        let peer = self.wait_for("the end of the session", || {
            let peer = self.peer("here")?;
            ensure!(peer["state"] != "Established", "{peer}");
            Ok(peer)
        });
        let took = start.elapsed();
        self.daemon("there").signal(Signal::SIGCONT).expect("goes on");
        println!("noticed after {took:?} with a detection time of {DETECTION:?}");
        assert!(took < DETECTION + BUSY, "{took:?}");
        let error = peer["last_error"].as_str().unwrap_or_default();
        assert!(error.contains("Cease/BFD Down: BFD: detection time expired"), "{peer}");
    }
}

fn configuration(asn: u32, last: u8, peer: &str) -> String {
    format!(
        "[router]\nasn = {asn}\nrouter-id = \"{}\"\n\
         [[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} }}]\n\
         {peer}\nhold-time = {HOLD_TIME}\nconnect-retry = 1\nimport = [\"all\"]\nexport = [\"all\"]\n\
         [originate]\nprefixes = [\"198.51.100.{last}/32\"]\n[fib]\ninstall = false\n",
        address(last)
    )
}

/// A wire on which the two have only a router in common: their addresses are in networks of their own.
fn with_router() -> Wire {
    let wire = Wire::new(&[("here", HERE), ("there", THERE), ("router", ROUTER)]).expect("a wire");
    let machine = |name: &str| wire.namespace(name).expect("a machine").clone();
    machine("router").sysctl(&[("ipv4/ip_forward", "1"), ("ipv4/conf/all/send_redirects", "0")]).expect("a router");
    machine("router").sysctl(&[("ipv4/conf/eth0/send_redirects", "0")]).expect("that takes detours");
    let [near, far] = ["192.0.2.126", "192.0.2.254"];
    let lines = format!("addr add {near}/25 dev eth0\naddr add {far}/25 dev eth0\n");
    machine("router").ip_batch(&lines).expect("addresses");
    for (name, own, gateway, beyond) in [("here", NEAR, near, "192.0.2.128/25"), ("there", FAR, far, "192.0.2.0/25")] {
        let lines = format!("addr add {own}/25 dev eth0\nroute add {beyond} via {gateway}\n");
        machine(name).ip_batch(&lines).expect("a way to the other one");
    }
    wire
}

#[test]
fn over_several_hops_it_has_a_port_of_its_own() {
    let wire = with_router();
    let capture = Capture::start(wire.resources(), wire.namespace("here").expect("here"), &wire.directory("here"));
    let peer = |name: &str, asn: u32, own: Ipv4Addr, other: Ipv4Addr, more: &str| {
        format!(
            "[[peer]]\nname = \"{name}\"\naddress = \"{other}\"\nlocal-address = \"{own}\"\nasn = {asn}\nmultihop = 2\n\
             bfd = {{ interval = {INTERVAL}{more} }}"
        )
    };
    // One router takes one.
    let here = peer("there", 65002, NEAR, FAR, ", minimum-ttl = 254");
    let two = Two::start(wire, ["here", "there"], &here, &peer("here", 65001, FAR, NEAR, ""));
    two.wait_up();
    let row = two.bfd("here").expect("a session");
    assert_eq!((&row["multihop"], &row["address"]), (&true.into(), &FAR.to_string().into()), "{row}");
    assert_eq!((&row["local_address"], &row["drops"]), (&NEAR.to_string().into(), &Value::Array(vec![])), "{row}");
    two.silence();
    two.wait_up();

    let captured = capture.stop();
    let [near, far] = [NEAR, FAR].map(|address| sent_by(&[address.into()]));
    captured.well_formed(&near, NOTHING);
    // From us as RFC 5883 §5 has it, and from them with what the router left of it.
    for (sender, ttl) in [(near, 255), (far, 254)] {
        let packets = captured.packets(&format!("{sender} && bfd && udp.dstport == 4784 && ip.ttl == {ttl}"));
        assert!(!packets.is_empty(), "nothing of {sender} to port 4784");
        let others = captured.packets(&format!("{sender} && udp && !(udp.dstport == 4784 && ip.ttl == {ttl})"));
        assert_eq!(others, Vec::<String>::new());
    }
    assert_eq!(captured.packets("udp.port == 3784"), Vec::<String>::new(), "that is for a single hop");
}

#[test]
fn a_member_of_a_group_is_watched_for_as_long_as_it_is_one() {
    let wire = Wire::new(&[("here", HERE), ("there", THERE)]).expect("a wire");
    let group = format!(
        "[[peer-group]]\nname = \"leaves\"\nlisten = [\"10.13.76.24/29\"]\nlisten-forget = 1\nasn = 65002\n\
         bfd = {{ interval = {INTERVAL} }}"
    );
    let leaf = format!(
        "[[peer]]\nname = \"hub\"\naddress = \"10.13.76.{HERE}\"\nasn = 65001\nbfd = {{ interval = {INTERVAL} }}"
    );
    let mut two = Two::start(wire, ["hub", "leaves-10.13.76.30"], &group, &leaf);
    two.wait_up();
    let row = two.bfd("here").expect("a session");
    assert_eq!((&row["multihop"], &row["address"]), (&false.into(), &"10.13.76.30".into()), "{row}");
    two.silence();
    two.wait_up();

    two.wire.daemon_mut("there").and_then(Daemon::stop).expect("ended");
    two.wait_for("the end of BFD with the member", || {
        let reply = nva_json_of(two.daemon("here"), &["show", "bfd"])?;
        ensure!(reply["rows"].as_array().is_some_and(Vec::is_empty), "{reply}");
        Ok(())
    });
}
