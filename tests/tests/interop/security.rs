//! TCP MD5 (RFC 2385) and GTSM (RFC 5082): a session if both sides are configured for it, and none if only one is.

use anyhow::ensure;
use nva_tests::daemon::{Kind, Options, Peer};

use crate::common::netstat::{TOO_FAR, WRONG_KEY, counted};
use crate::common::route;
use crate::scene::{Cast, NVA_ASN, OTHER_ASN, Scene, from_nva, next_hop_of, prefix};

const FROM_NVA: &str = "198.51.100.0/25";
const FROM_OTHER: &str = "192.0.2.0/24";

/// Segments that a machine has thrown away until its attempts and those of its peer count as refused.
const REFUSED: u64 = 3;

/// Another key keeps both out, right lets them in.
pub fn md5(kind: Kind) {
    let keyed = |key: &str| Options { password: Some(key.to_owned()), ..Options::default() };
    let mut scene = cast(kind, &keyed("right"), &keyed("wrong")).start(&[]);
    for machine in ["nva", "other"] {
        wait_for_drops(&scene, machine, &WRONG_KEY);
        assert_down(&scene, machine);
    }
    reconfigure(&mut scene, "other", |peer| peer.options = keyed("right"));
    assert_exchange(&scene);
    let captured = scene.well_formed();
    let unsigned = captured.packets(&format!("{} && tcp && !tcp.options.md5", from_nva()));
    assert_eq!(unsigned, Vec::<String>::new());
    captured.never_down();
}

/// With GTSM at one side alone, what the other one sends is not near enough for it.
pub fn gtsm(kind: Kind) {
    let (near, anywhere) = (Options { ttl_security: true, ..Options::default() }, Options::default());
    let mut scene = cast(kind, &near, &anywhere).start(&[]);
    wait_for_drops(&scene, "nva", &TOO_FAR);
    assert_down(&scene, "nva");
    reconfigure(&mut scene, "other", |peer| peer.options = near.clone());
    assert_exchange(&scene);
    let captured = scene.well_formed();
    let too_low = captured.packets(&format!("{} && tcp.flags.reset == 0 && ip.ttl != 255", from_nva()));
    assert_eq!(too_low, Vec::<String>::new());

    if !kind.looks_at_ttl() {
        return;
    }
    reconfigure(&mut scene, "nva", |peer| peer.options = anywhere.clone());
    wait_for_drops(&scene, "other", &TOO_FAR);
    scene.wait_for("the end of the session at the other one", || {
        let session = scene.session("other")?;
        ensure!(!session.established, "{session:?}");
        Ok(())
    });
}

fn cast(kind: Kind, nva: &Options, other: &Options) -> Cast {
    let mut cast = Cast::ipv4(kind).options(nva, other);
    cast.nva.networks = vec![prefix(FROM_NVA)];
    cast.other.networks = vec![prefix(FROM_OTHER)];
    cast
}

fn reconfigure(scene: &mut Scene, machine: &str, change: impl FnMut(&mut Peer)) {
    let mut router = scene.daemon(machine).setup.router.clone();
    router.peers.iter_mut().for_each(change);
    scene.wire.reconfigure(machine, router).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Waits until a machine's kernel has thrown away what it should.
fn wait_for_drops(scene: &Scene, machine: &str, counters: &[&str]) {
    let namespace = scene.wire.namespace(machine).expect("a machine");
    let before = counted(namespace, counters).unwrap_or_else(|error| panic!("{error:#}"));
    scene.wait_for(&format!("segments that {machine} does not take"), || {
        let now = counted(namespace, counters)?;
        ensure!(now >= before + REFUSED, "{counters:?} of {machine} are {now} after {before}");
        Ok(())
    });
}

fn assert_down(scene: &Scene, machine: &str) {
    let session = scene.session(machine).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(!session.established, "{session:?}");
}

fn assert_exchange(scene: &Scene) {
    scene.wait_for_routes("nva", vec![route(FROM_OTHER, next_hop_of("other", FROM_OTHER), &[OTHER_ASN], "other")]);
    scene.wait_for_routes("other", vec![route(FROM_NVA, next_hop_of("nva", FROM_NVA), &[NVA_ASN], "nva")]);
}
