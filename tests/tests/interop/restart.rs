//! Graceful restart (RFC 4724): who dies and comes back is missed by nobody.

use anyhow::{Context, ensure};
use nva_tests::daemon::{Daemon, Kind, Options, Relation, Route};
use serde_json::Value;

use crate::common::{nva_json_of, route};
use crate::scene::{Cast, FAR_ASN, NVA_ASN, OTHER_ASN, Scene, from_nva, next_hop_of, prefix};

const FROM_NVA: &str = "198.51.100.0/25";
const FROM_OTHER: &str = "192.0.2.0/24";
const FORGOTTEN: &str = "192.0.3.0/24";
const FROM_FAR: &str = "203.0.113.0/24";

/// Seconds: longer than a restart takes.
const RESTART_TIME: u16 = 60;

/// What a machine hears of another's prefix, over `nva` or from it.
fn told(by: &str, network: &str, as_path: &[u32], peer: &str) -> Route {
    route(network, next_hop_of(by, network), as_path, peer)
}

fn start(kind: Kind) -> Scene {
    let options = Options { graceful_restart: Some(RESTART_TIME), ..Options::default() };
    let mut cast = Cast::ipv4(kind).with_far(FROM_FAR).options(&options, &options);
    cast.nva.networks = vec![prefix(FROM_NVA)];
    cast.other.networks = vec![prefix(FROM_OTHER), prefix(FORGOTTEN)];
    // The other one waits for `nva`: two connections at once would collide, and a BIRD that loses the first session of its
    // new life to that has forgotten in the next one that it has restarted.
    for peer in &mut cast.other.peers {
        peer.relation = Relation::Leaf;
    }
    // Who sends no End-of-RIB, or says that it restarts whenever it connects, as ExaBGP does, is not waited for: what it
    // tells might come after `nva` has said that there is no more (RFC 4724 §4.1).
    cast.far_kind = Kind::Bird2;
    let beyond = cast.nva.peers.iter_mut().filter(|peer| peer.name == "far");
    for peer in beyond.chain(cast.far.iter_mut().flat_map(|far| &mut far.peers)) {
        peer.options = options.clone();
    }
    cast.start(&[])
}

/// The row of `nva show routes` about a prefix.
fn row(scene: &Scene, network: &str) -> anyhow::Result<Value> {
    let reply = nva_json_of(scene.daemon("nva"), &["show", "routes", network, "--all"])?;
    reply["rows"].get(0).cloned().with_context(|| format!("no {network} in {reply}"))
}

/// The other one dies: `nva` goes on with its routes, and gives up only what it does not tell again.
pub fn of_the_other(kind: Kind) {
    let mut scene = start(kind);
    let of_nva = told("nva", FROM_NVA, &[NVA_ASN], "nva");
    // They share a subnet: the next hop is passed on with the route (RFC 4271 §5.1.3).
    let passed_on = |network| told("other", network, &[NVA_ASN, OTHER_ASN], "nva");
    scene.wait_for_routes("far", vec![of_nva.clone(), passed_on(FROM_OTHER), passed_on(FORGOTTEN)]);
    scene.wire.daemon_mut("other").and_then(Daemon::kill).expect("killed");
    scene.wait_for("stale routes at nva", || {
        for of in [FROM_OTHER, FORGOTTEN] {
            let row = row(&scene, of)?;
            ensure!(row["stale"] == true && row["standing"] == "best", "{row}");
        }
        Ok(())
    });
    let mut router = scene.daemon("other").setup.router.clone();
    router.networks = vec![prefix(FROM_OTHER)];
    scene.wire.reconfigure("other", router).unwrap_or_else(|error| panic!("{error:#}"));
    scene.wait_for_routes("far", vec![of_nva, passed_on(FROM_OTHER)]);
    let peer = scene.nva_peer().expect("the peer");
    assert_eq!(peer["graceful_restart"]["restarted"], true, "{peer}");
    assert_eq!((&peer["stale"], &peer["accepted"]), (&0.into(), &1.into()), "{peer}");
    let captured = scene.well_formed();
    let withdrawn = |of: &str| {
        let network = of.split('/').next().unwrap_or_default();
        captured.packets(&format!("{} && bgp.withdrawn_prefix == {network}", from_nva()))
    };
    assert_eq!(withdrawn(FROM_OTHER), Vec::<String>::new(), "{FROM_OTHER} was always there");
    assert!(!withdrawn(FORGOTTEN).is_empty(), "nobody tells of {FORGOTTEN} any more");
}

/// `nva` dies: the other one keeps its routes.
pub fn of_nva(kind: Kind) {
    let mut scene = start(kind);
    let kept = [told("nva", FROM_NVA, &[NVA_ASN], "nva"), told("far", FROM_FAR, &[NVA_ASN, FAR_ASN], "nva")];
    scene.wait_for_routes("other", kept.to_vec());
    let of_others = [(FROM_OTHER, "other", OTHER_ASN), (FORGOTTEN, "other", OTHER_ASN), (FROM_FAR, "far", FAR_ASN)]
        .map(|(network, by, asn)| told(by, network, &[asn], by))
        .to_vec();
    scene.wait_for_routes("nva", of_others.clone());
    scene.wire.daemon_mut("nva").and_then(Daemon::kill).expect("killed");
    let still_has = |scene: &Scene| {
        let routes = scene.daemon("other").routes()?;
        for route in &kept {
            ensure!(routes.contains(route), "{route:?} is gone: {routes:#?}");
        }
        anyhow::Ok(())
    };
    let holds = |scene: &Scene| still_has(scene).unwrap_or_else(|error| panic!("{error:#}"));
    scene.wait_for("the end of the session", || {
        let session = scene.session("other")?;
        ensure!(!session.established, "{session:?}");
        Ok(())
    });
    holds(&scene);
    scene.wire.restart("nva").unwrap_or_else(|error| panic!("{error:#}"));
    scene.wait_for("the session", || {
        let session = scene.session("other")?;
        holds(&scene);
        ensure!(session.established, "{session:?}");
        Ok(())
    });
    // With its End-of-RIB it has said all that it has to say.
    scene.wait_for_routes("nva", of_others);
    holds(&scene);
    scene.well_formed();
}
