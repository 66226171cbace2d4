//! Roles (RFC 9234): no session if they do not fit, and no route from a provider goes to another one.
//!
//! `nva`, the other one and a third one, `far`, are each other's peers. What they are to each other changes twice, so that
//! in the end the other one had every role.

use anyhow::{Context, ensure};
use nva_tests::daemon::Role::{self, Customer, Peer, Provider, RouteServer};
use nva_tests::daemon::{Kind, Relation, Router};

use crate::common::{nva_json_of, nva_peer_of};
use crate::scene::{Cast, FAR_ASN, NVA_ASN, OTHER_ASN, Scene, from_nva, from_other, prefix};

const FROM_NVA: &str = "198.51.100.0/25";
const FROM_OTHER: &str = "192.0.2.0/24";
const FROM_FAR: &str = "203.0.113.0/24";

const MACHINES: [&str; 3] = ["nva", "other", "far"];

/// OPEN Message Error, Role Mismatch (RFC 9234 §4.2).
const MISMATCH: &str = "bgp.notify.major_error == 2 && bgp.notify.minor_error_open == 11";

/// So many attempts, and no session.
const ATTEMPTS: usize = 2;

/// Only to Customer (RFC 9234 §5).
const MARKED: &str = "bgp.update.path_attribute.type_code == 35";

/// Who is what to whom. The second one is the counterpart.
type Roles = [(&'static str, &'static str, Role)];

const WITH_OTHER_AS_CLIENT: &Roles =
    &[("other", "nva", Provider), ("far", "nva", Provider), ("far", "other", RouteServer)];
const WITH_OTHER_AS_PEER: &Roles = &[("other", "nva", Provider), ("far", "nva", Provider), ("far", "other", Peer)];
const WITH_OTHER_AS_SERVER: &Roles =
    &[("nva", "other", Provider), ("nva", "far", Provider), ("other", "far", RouteServer)];

/// Two customers find no session; then one is the customer of the other one, and the other way round. Nobody is told what
/// is not for him, and everybody is told the rest.
pub fn roles(kind: Kind) {
    let mut scene = start(kind);
    wait_for_mismatch(&scene);
    wait_for_tables(&scene, &WITH_OTHER_AS_CLIENT[1..]);

    for machine in ["other", "far"] {
        play(&mut scene, machine, WITH_OTHER_AS_PEER);
    }
    wait_for_tables(&scene, WITH_OTHER_AS_PEER);
    assert_not_told(&scene);
    for machine in MACHINES {
        play(&mut scene, machine, WITH_OTHER_AS_SERVER);
    }
    wait_for_tables(&scene, WITH_OTHER_AS_SERVER);

    let captured = scene.well_formed();
    for (sender, network) in [(from_other(), "192.0.2.0"), (from_nva(), "198.51.100.0")] {
        let marked = captured.packets(&format!("{sender} && bgp.nlri_prefix == {network} && {MARKED}"));
        assert!(!marked.is_empty(), "{sender}: {network} is not marked as only to customers");
    }
}

/// The other one takes itself for the customer of `nva`, as `nva` does of it.
fn start(kind: Kind) -> Scene {
    let mut cast = Cast::ipv4(kind).with_far(FROM_FAR);
    cast.nva.networks = vec![prefix(FROM_NVA)];
    cast.other.networks = vec![prefix(FROM_OTHER)];
    // OpenBGPD keeps to its roles only towards a peer that says its own, which ExaBGP does not.
    cast.far_kind = Kind::Nva;
    let far = cast.far.take().expect("it is there");
    cast.other = cast.other.peer("far", FAR_ASN, far.address, Relation::Router);
    let mut far = far.peer("other", OTHER_ASN, cast.other.address, Relation::Router);
    for (router, machine) in [(&mut cast.nva, "nva"), (&mut far, "far"), (&mut cast.other, "other")] {
        assign(router, machine, WITH_OTHER_AS_CLIENT);
    }
    for peer in cast.other.peers.iter_mut().filter(|peer| peer.name == "nva") {
        peer.options.role = Some(Customer);
    }
    cast.far = Some(far);
    cast.start(&[])
}

/// What one machine is to another.
fn role(roles: &Roles, machine: &str, peer: &str) -> Option<Role> {
    let said = roles.iter().find(|(a, b, _)| (*a, *b) == (machine, peer)).map(|(.., role)| *role);
    said.or_else(|| roles.iter().find(|(a, b, _)| (*a, *b) == (peer, machine)).map(|(.., role)| role.counterpart()))
}

/// Gives a machine its roles.
fn assign(router: &mut Router, machine: &str, roles: &Roles) {
    for peer in &mut router.peers {
        peer.options.role = role(roles, machine, &peer.name);
    }
}

/// From now on a machine has these roles.
fn play(scene: &mut Scene, machine: &str, roles: &Roles) {
    let mut router = scene.daemon(machine).setup.router.clone();
    assign(&mut router, machine, roles);
    scene.wire.reconfigure(machine, router).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Until they have tried several times; they have never told each other any routes.
fn wait_for_mismatch(scene: &Scene) {
    let [nva, other] = ["nva", "other"].map(|machine| scene.daemon(machine).setup.router.address);
    let session = format!("ip.addr == {nva} && ip.addr == {other}");
    scene.wait_for("attempts that fail for the roles", || {
        let failed = scene.capture().count_now(&format!("{session} && {MISMATCH}"))?;
        ensure!(failed >= ATTEMPTS, "{failed} attempts");
        let peer = scene.nva_peer()?;
        let error = peer["last_error"].as_str().unwrap_or_default();
        ensure!(error.contains("Role Mismatch"), "{peer}");
        for machine in ["nva", "other"] {
            let session = scene.session(machine)?;
            ensure!(!session.established, "{machine}: {session:?}");
        }
        Ok(())
    });
    let told = scene.capture().count_now(&format!("{session} && bgp.type == 2")).expect("counted");
    assert_eq!(told, 0, "UPDATEs of a session that must not be");
}

/// Until everybody has what it is to have, and nothing else, and has heard what the others are to it.
fn wait_for_tables(scene: &Scene, roles: &Roles) {
    for machine in MACHINES {
        wait_for_paths(scene, machine, &told(roles, machine));
    }
    for (machine, peer) in [("nva", "other"), ("far", "other")] {
        let Some(ours) = role(roles, machine, peer) else { continue };
        let row = nva_peer_of(scene.daemon(machine), peer).expect("a row");
        assert_eq!(
            (&row["role"], &row["peer_role"]),
            (&ours.name().into(), &ours.counterpart().name().into()),
            "{row}"
        );
    }
}

/// What a machine is told, where only these have sessions: prefix, peer and AS path. Whatever is from a provider, a lateral
/// peer or a route server goes on to customers and clients only (RFC 9234 §5).
fn told(roles: &Roles, machine: &str) -> Vec<(&'static str, &'static str, Vec<u32>)> {
    let mut told = Vec::new();
    for teller in MACHINES {
        let Some(to_machine) = role(roles, teller, machine) else { continue };
        let (network, asn) = origin(teller);
        told.push((network, teller, vec![asn]));
        for third in MACHINES.into_iter().filter(|third| *third != machine) {
            let Some(to_teller) = role(roles, third, teller) else { continue };
            let marked = matches!(to_teller, Provider | Peer | RouteServer);
            if !marked || matches!(to_machine, Provider | RouteServer) {
                let (network, first) = origin(third);
                told.push((network, teller, vec![asn, first]));
            }
        }
    }
    told
}

/// What a machine originates, and its AS.
fn origin(machine: &str) -> (&'static str, u32) {
    match machine {
        "nva" => (FROM_NVA, NVA_ASN),
        "other" => (FROM_OTHER, OTHER_ASN),
        _ => (FROM_FAR, FAR_ASN),
    }
}

/// Waits until a machine has exactly these routes: prefix, peer and AS path. What it originated itself does not count.
fn wait_for_paths(scene: &Scene, machine: &str, expected: &[(&str, &str, Vec<u32>)]) {
    let told =
        |(network, peer, as_path): &(&str, &str, Vec<u32>)| (prefix(network), (*peer).to_owned(), as_path.clone());
    let mut expected: Vec<_> = expected.iter().map(told).collect();
    expected.sort();
    scene.wait_for(&format!("the routes of {machine}"), || {
        let daemon = scene.daemon(machine);
        let mut routes = daemon.routes()?;
        routes.retain(|route| !route.as_path.contains(&daemon.setup.router.asn));
        let mut paths: Vec<_> = routes.into_iter().map(|route| (route.prefix, route.peer, route.as_path)).collect();
        paths.sort();
        ensure!(paths == expected, "{paths:#?}\ninstead of {expected:#?}");
        Ok(())
    });
}

/// `nva` says why `far` is not told of what the other one, a provider, told.
fn assert_not_told(scene: &Scene) {
    let show = ["show", "routes", "--advertised-to", "far", "--all"];
    let reply = nva_json_of(scene.daemon("nva"), &show).expect("routes");
    let row = reply["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == FROM_OTHER));
    let row = row.with_context(|| format!("no {FROM_OTHER} in {reply}")).expect("a row");
    let reason = format!("AS {OTHER_ASN} marked it as only to customers (RFC 9234)");
    assert_eq!((&row["standing"], &row["reason"]), (&"withheld".into(), &reason.into()), "{row}");
    assert_eq!(row["only_to_customer"], OTHER_ASN.to_string(), "{row}");
}
