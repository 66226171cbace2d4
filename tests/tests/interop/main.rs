//! `nva` and each other daemon on one wire. What they negotiate and exchange is looked at from both sides, and Wireshark
//! finds nothing wrong with what `nva` says.
//!
//! Which daemon has what is in [`nva_tests::daemon::Kind::support`]; the README shows it.

mod bfd;
#[path = "../common/mod.rs"]
mod common;
mod communities;
mod exchange;
mod extended;
mod hubs;
mod internal;
mod refresh;
mod restart;
mod roles;
mod scene;
mod security;

use nva_tests::daemon::{Family, Feature, Kind, Support, table};

/// The tests of each daemon, by the features that they show.
macro_rules! matrix {
    ($($daemon:ident: $kind:ident [$($test:ident),+ $(,)?])+) => {
        $(
            mod $daemon {
                $(
                    #[test]
                    fn $test() {
                        super::$test(super::Kind::$kind);
                    }
                )+
            }
        )+

        /// What is tested: each daemon with the names of its tests.
        const TESTED: &[(Kind, &[&str])] = &[$((Kind::$kind, &[$(stringify!($test)),+])),+];
    };
}

matrix! {
    bird1: Bird1 [
        ipv4_session, ipv6_session, internal_session, standard_communities, extended_communities, large_communities,
        route_refresh, enhanced_refresh, extended_messages, tcp_md5, gtsm, bfd, restart_of_the_other, restart_of_nva
    ]
    bird2: Bird2 [
        ipv4_session, ipv6_session, both_families, internal_session, standard_communities, extended_communities,
        large_communities, route_refresh, enhanced_refresh, extended_messages, roles, tcp_md5, gtsm, bfd,
        restart_of_the_other, restart_of_nva
    ]
    frr: Frr [
        ipv4_session, ipv6_session, both_families, internal_session, standard_communities, extended_communities,
        large_communities, route_refresh, enhanced_refresh, extended_messages, roles, tcp_md5, gtsm, bfd,
        restart_of_the_other, restart_of_nva
    ]
    gobgp: Gobgp [
        ipv4_session, ipv6_session, both_families, internal_session, standard_communities, extended_communities,
        large_communities, route_refresh, tcp_md5, gtsm, restart_of_the_other, restart_of_nva
    ]
    openbgpd: Openbgpd [
        ipv4_session, ipv6_session, both_families, internal_session, standard_communities, extended_communities,
        large_communities, route_refresh, enhanced_refresh, roles, tcp_md5, gtsm, restart_of_nva
    ]
    exabgp: Exabgp [
        ipv4_session, ipv6_session, both_families, internal_session, standard_communities, extended_communities,
        large_communities, route_refresh, enhanced_refresh, extended_messages, tcp_md5, gtsm, restart_of_the_other
    ]
    nva: Nva [
        ipv4_session, ipv6_session, both_families, internal_session, route_refresh, enhanced_refresh, roles, tcp_md5,
        gtsm, bfd, restart_of_the_other, restart_of_nva
    ]
}

fn ipv4_session(kind: Kind) {
    exchange::exchange(kind, Family::Ipv4, &[Family::Ipv4]);
}

fn ipv6_session(kind: Kind) {
    exchange::exchange(kind, Family::Ipv6, &[Family::Ipv6]);
}

/// RFC 4760: IPv6 routes over a session on IPv4, beside the IPv4 routes.
fn both_families(kind: Kind) {
    exchange::exchange(kind, Family::Ipv4, &Family::ALL);
}

fn internal_session(kind: Kind) {
    internal::session(kind);
}

fn standard_communities(kind: Kind) {
    communities::standard(kind);
}

fn extended_communities(kind: Kind) {
    communities::extended(kind);
}

fn large_communities(kind: Kind) {
    communities::large(kind);
}

fn route_refresh(kind: Kind) {
    refresh::refresh(kind);
}

fn enhanced_refresh(kind: Kind) {
    refresh::enhanced(kind);
}

fn extended_messages(kind: Kind) {
    extended::messages(kind);
}

fn roles(kind: Kind) {
    roles::roles(kind);
}

fn tcp_md5(kind: Kind) {
    security::md5(kind);
}

fn gtsm(kind: Kind) {
    security::gtsm(kind);
}

fn bfd(kind: Kind) {
    bfd::detection(kind, Family::Ipv4);
}

fn restart_of_the_other(kind: Kind) {
    restart::of_the_other(kind);
}

fn restart_of_nva(kind: Kind) {
    restart::of_nva(kind);
}

/// Each feature of a daemon has a test, and no test is of a feature that it has not.
#[test]
fn every_feature_is_tested() {
    for kind in Kind::FOREIGN {
        let supported = Feature::ALL.into_iter().filter(|feature| !matches!(kind.support(*feature), Support::No(_)));
        let supported: Vec<&str> = supported.map(Feature::test).collect();
        let tested = TESTED.iter().find(|(tested, _)| *tested == kind).map(|(_, tests)| *tests).unwrap_or_default();
        assert_eq!(tested, supported, "{kind}");
    }
}

#[test]
fn the_readme_shows_the_matrix() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table()), "the README's section \"Interoperability\" should have\n\n{}", table());
}
