//! Communities of every kind arrive as they were sent, at `nva`, and beyond it at either side.

use anyhow::ensure;
use nva_tests::daemon::{Community, Kind};

use crate::scene::{Cast, Scene, prefix};

const FROM_OTHER: &str = "192.0.2.0/24";
const FROM_FAR: &str = "203.0.113.0/24";

/// RFC 1997.
pub fn standard(kind: Kind) {
    pass_through(kind, [Community::Standard(65010, 1), Community::Standard(65010, 65535)]);
}

/// RFC 4360.
pub fn extended(kind: Kind) {
    pass_through(kind, [Community::RouteTarget(65010, 7), Community::RouteTarget(1, u32::MAX)]);
}

/// RFC 8092.
pub fn large(kind: Kind) {
    pass_through(kind, [Community::Large(4_200_000_010, 0, 7), Community::Large(65010, u32::MAX, 2)]);
}

fn pass_through(kind: Kind, mut communities: [Community; 2]) {
    communities.sort();
    let mut cast = Cast::ipv4(kind).with_far(FROM_FAR);
    cast.other.networks = vec![prefix(FROM_OTHER)];
    for router in [Some(&mut cast.other), cast.far.as_mut()].into_iter().flatten() {
        router.communities = communities.to_vec();
    }
    let mut scene = cast.start(&[]);
    let has = |scene: &Scene, machine: &str, of: &str| {
        scene.wait_for(&format!("the communities of {of} at {machine}"), || {
            let found = scene.daemon(machine).communities(prefix(of))?;
            ensure!(found == communities, "{found:?} instead of {communities:?}");
            Ok(())
        });
    };
    has(&scene, "nva", FROM_OTHER);
    has(&scene, "far", FROM_OTHER);
    has(&scene, "nva", FROM_FAR);
    has(&scene, "other", FROM_FAR);
    scene.well_formed();
}
