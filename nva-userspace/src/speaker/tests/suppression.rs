//! Only what the kernel has taken is told (`suppress-until-installed`).

use std::time::Duration;

use super::sim::{Sim, loopback_added};
use super::{OPEN, SOON, established, path, speaker};
use crate::fib::FibOp;
use crate::host::HostEvent;

const HUB: usize = 0;
const ONE: usize = 1;
const TWO: usize = 2;
const PREFIX: &str = "100.64.0.0/24";
const OTHER: &str = "100.65.0.0/24";

const SUPPRESS: &str = "[fib]\nsuppress-until-installed = true";

fn configs(fib: &str, one: &str) -> Vec<String> {
    let leaf = |asn, last| speaker(asn, last, "", "", &[(10, 65000, "")]);
    let one = format!("{OPEN}\n{one}");
    let hub = speaker(65000, 10, "", fib, &[(101, 65101, &one), (102, 65102, OPEN)]);
    vec![hub, leaf(65101, 101), leaf(65102, 102)]
}

/// The prefixes that the second leaf has from the hub.
fn told(sim: &Sim) -> Vec<String> {
    sim.learned(TWO, HUB).into_iter().map(|(prefix, ..)| prefix).collect()
}

fn announce(sim: &mut Sim, prefix: &str) {
    sim.announce(ONE, HUB, prefix, "10.13.76.101", &path(&[65101]));
}

/// Why the second leaf is not told of [`PREFIX`].
fn reason(sim: &Sim) -> String {
    sim.exported(HUB, TWO, PREFIX).expect_err("held back")
}

#[test]
fn a_route_is_told_when_the_kernel_has_taken_it() {
    let mut sim = established(Sim::new(1, &configs(SUPPRESS, "")));
    sim.refusing.insert(HUB);
    announce(&mut sim, PREFIX);
    sim.run_for(Duration::from_secs(2));
    assert_eq!(
        (told(&sim), reason(&sim)),
        (vec![], "not in the kernel (suppress-until-installed): no buffer space".to_owned())
    );
    sim.host(HUB, loopback_added([100, 0, 0, 1]));
    sim.run_until("the hub's own route", SOON, |sim| told(sim) == ["100.0.0.1/32"]);
    sim.refusing.clear();
    sim.run_until("the next try", Duration::from_secs(6), |sim| told(sim).contains(&PREFIX.to_owned()));
    sim.withdraw(ONE, HUB, PREFIX);
    sim.run_until("its end", SOON, |sim| told(sim) == ["100.0.0.1/32"]);
}

#[test]
fn a_route_is_withdrawn_when_the_kernel_has_lost_it() {
    let mut sim = established(Sim::new(1, &configs(SUPPRESS, "")));
    announce(&mut sim, PREFIX);
    sim.run_until("the route", SOON, |sim| told(sim) == [PREFIX]);
    sim.refusing.insert(HUB);
    let prefix = PREFIX.parse().expect("a prefix");
    let ours = sim.speakers[HUB].host().routes_of(prefix)[0].clone();
    let asked = sim.fib_ops.len();
    sim.host(HUB, HostEvent::RouteRemoved(ours.clone()));
    assert!(matches!(sim.fib_ops[asked..], [(HUB, FibOp::Install(_))]), "put back, in vain");
    sim.run_until("the withdrawal", SOON, |sim| told(sim).is_empty());
    sim.refusing.clear();
    sim.run_until("the next try", Duration::from_secs(6), |sim| told(sim) == [PREFIX]);
}

/// What is not meant for the kernel waits for nothing.
#[test]
fn routes_that_are_not_to_be_installed_are_told() {
    let mut sim = established(Sim::new(1, &configs(SUPPRESS, "install = false")));
    sim.refusing.insert(HUB);
    announce(&mut sim, PREFIX);
    sim.run_until("the route", SOON, |sim| told(sim) == [PREFIX]);
    let changes = sim.reload(HUB, &configs(SUPPRESS, "install = true")[HUB]);
    assert_eq!(changes, ["p101: kernel routes follow install"]);
    sim.run_until("its end", SOON, |sim| told(sim).is_empty());
    sim.reload(HUB, &configs(SUPPRESS, "install = false")[HUB]);
    sim.run_until("the route again", SOON, |sim| told(sim) == [PREFIX]);
}

#[test]
fn the_switch_is_followed_without_a_restart() {
    let mut sim = established(Sim::new(1, &configs("", "")));
    announce(&mut sim, OTHER);
    sim.refusing.insert(HUB);
    announce(&mut sim, PREFIX);
    sim.run_until("both routes", SOON, |sim| told(sim) == [PREFIX, OTHER]);
    let changes = sim.reload(HUB, &configs(SUPPRESS, "")[HUB]);
    assert_eq!(changes, ["peers are told what is another now, as suppress-until-installed says"]);
    sim.run_until("the end of one", SOON, |sim| told(sim) == [OTHER]);
    sim.reload(HUB, &configs("", "")[HUB]);
    sim.run_until("both routes again", SOON, |sim| told(sim) == [PREFIX, OTHER]);
    assert_eq!(sim.established(HUB), 2);
}
