//! BFD (RFC 5880, RFC 5881, RFC 5882): who falls silent is given up long before the hold time is over.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use nva_tests::daemon::{BFD_INTERVAL, Family, Kind, Options};
use serde_json::Value;

use crate::common::nva_json_of;
use crate::scene::{Cast, Scene, from_nva, prefix};

/// What `nva` and the other one originate, in the family of their session.
fn networks(over: Family) -> [&'static str; 2] {
    match over {
        Family::Ipv4 => ["198.51.100.0/25", "192.0.2.0/24"],
        Family::Ipv6 => ["2001:db8:20::/48", "2001:db8:30::/48"],
    }
}

/// Seconds: what goes in time goes because of BFD.
const HOLD_TIME: u16 = 90;

/// Beyond the detection time, for a busy machine.
const BUSY: Duration = Duration::from_secs(3);

/// Comes up, each notices in time that the other one is silent, and comes up again.
pub fn detection(kind: Kind, over: Family) {
    let mut scene = start(kind, over);
    wait_up(&scene, over);
    let detection = Duration::from_millis(u64::from(BFD_INTERVAL) * 3);
    let took = silence(&scene, over, "other", "nva");
    println!("nva notices after {took:?} that {kind} is silent, with a detection time of {detection:?}");
    assert!(took < detection + BUSY, "{took:?}");
    let peer = scene.nva_peer().expect("the peer");
    let error = peer["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("Cease/BFD Down: BFD: detection time expired"), "{peer}");
    wait_up(&scene, over);
    let bfd = row(&scene).expect("a session");
    // BIRD makes a new session of BFD for its new session of BGP: that is one more end.
    let (downs, ups) = (bfd["downs"].as_u64(), bfd["ups"].as_u64());
    assert!(downs >= Some(1) && ups == downs.map(|downs| downs + 1), "{bfd}");

    let took = silence(&scene, over, "nva", "other");
    println!("{kind} notices after {took:?} that nva is silent");
    assert!(took < detection + BUSY, "{took:?}");
    wait_up(&scene, over);
    let captured = scene.well_formed();
    let protocol = match over {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ipv6",
    };
    let packets = |filter: &str| captured.packets(&format!("{} && bfd && {filter}", from_nva()));
    assert!(!packets(protocol).is_empty(), "BFD is among what was looked at");
    assert_eq!(packets(&format!("!{protocol}")), Vec::<String>::new(), "it goes where BGP goes");
}

#[test]
fn over_ipv6_it_is_the_same() {
    detection(Kind::Nva, Family::Ipv6);
}

/// RFC 5882 §3.2: the operator of FRR takes BFD down, and only BFD.
#[test]
fn an_operator_takes_bfd_down_and_only_bfd() {
    let mut scene = start(Kind::Frr, Family::Ipv4);
    wait_up(&scene, Family::Ipv4);
    let other = scene.daemon("other");
    let sockets = other.setup.directory.display().to_string();
    let shut_down = ["vtysh", "--vty_socket", &sockets, "-d", "bfdd", "-c", "configure terminal", "-c", "bfd", "-c"];
    let shut_down = [&shut_down[..], &["profile lab", "-c", "shutdown"]].concat();
    other.setup.namespace.run(&shut_down).expect("shut down");
    scene.wait_for("the end of BFD", || {
        let bfd = row(&scene)?;
        ensure!(bfd["state"] == "Down" && bfd["remote_state"] == "AdminDown", "{bfd}");
        Ok(())
    });
    let peer = scene.nva_peer().expect("the peer");
    assert_eq!(peer["state"], "Established", "{peer}");
    assert!(installed(&scene, Family::Ipv4).expect("asked").is_some());
    scene.well_formed();
}

fn start(kind: Kind, over: Family) -> Scene {
    let options = Options { bfd: true, ..Options::default() };
    let mut cast = Cast::new(kind, over, &[over]).options(&options, &options);
    let [of_nva, of_other] = networks(over).map(prefix);
    cast.nva.networks = vec![of_nva];
    cast.other.networks = vec![of_other];
    cast.nva.hold_time = HOLD_TIME;
    cast.other.hold_time = HOLD_TIME;
    cast.start(&[])
}

/// The row of `nva show bfd`.
fn row(scene: &Scene) -> anyhow::Result<Value> {
    let reply = nva_json_of(scene.daemon("nva"), &["show", "bfd"])?;
    reply["rows"].get(0).cloned().with_context(|| format!("no row in {reply}"))
}

/// Until both sides are up and know each other's intervals, and the route is in the kernel.
fn wait_up(scene: &Scene, over: Family) {
    scene.wait_for("BFD and BGP", || {
        let bfd = row(scene)?;
        ensure!(bfd["state"] == "Up" && bfd["remote_state"] == "Up", "{bfd}");
        ensure!(bfd["transmit_interval"] == BFD_INTERVAL && bfd["detection_time"] == BFD_INTERVAL * 3, "{bfd}");
        for machine in ["nva", "other"] {
            let session = scene.session(machine)?;
            ensure!(session.established, "{machine}: {session:?}");
        }
        ensure!(installed(scene, over)?.is_some(), "no route");
        Ok(())
    });
}

/// The other one's route in the kernel of `nva`.
fn installed(scene: &Scene, over: Family) -> anyhow::Result<Option<String>> {
    let [_, of_other] = networks(over);
    let family = match over {
        Family::Ipv4 => "-4",
        Family::Ipv6 => "-6",
    };
    let text = scene.wire.namespace("nva")?.ip(&[family, "route", "show", of_other])?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// One falls silent: how long the session lives on at the other end, and where that is `nva` the route in its kernel.
fn silence(scene: &Scene, over: Family, silent: &str, at: &str) -> Duration {
    let start = Instant::now();
    scene.daemon(silent).signal(Signal::SIGSTOP).expect("stopped");
    scene.wait_for(&format!("the end of the session at {at}"), || {
        let session = scene.session(at)?;
        ensure!(!session.established, "{session:?}");
        if at == "nva" {
            let route = installed(scene, over)?;
            ensure!(route.is_none(), "{route:?}");
        }
        Ok(())
    });
    let took = start.elapsed();
    scene.daemon(silent).signal(Signal::SIGCONT).expect("goes on");
    took
}
