//! Routes with hops of their own: what we ask for is what comes about, and nobody else's is touched.

use std::num::NonZeroU32;

use nva::fib::{FibConfig, FibOp};
use nva::host::{Hop, HostRoute, HostState, RouteKind};
use nva::kernel::{MonitorConfig, RouteError, Routes};

use super::{Watch, hops, in_namespace, ip, prefix, route};

#[test]
fn routes_of_both_families_are_installed_replaced_and_withdrawn() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let mut routes = Routes::open().expect("a socket");
        for (net, one, two) in
            [("192.0.2.0/24", "10.0.1.1", "10.0.2.1"), ("2001:db8:9::/48", "2001:db8:1::1", "2001:db8:2::1")]
        {
            let (one, two) = (watch.via(one, "eth0"), watch.via(two, "eth1"));
            let on_link = Hop { gateway: None, ..one };
            let mut first = true;
            for set in [&[one][..], &[one, two], &[two], &[on_link], &[one, Hop { weight: 7, ..two }], &[on_link]] {
                let wanted = route(net, set);
                let op = if first { FibOp::Install(wanted) } else { FibOp::Replace(wanted) };
                first = false;
                assert_eq!(routes.apply(&[op]).await, [Ok(())], "{net} {set:?}");
                watch.until("the route", |host| hops(host, net) == Some(set)).await;
                assert_eq!(watch.host.routes_of(prefix(net)).len(), 1);
                assert!(FibConfig::default().is_ours(&watch.host.routes_of(prefix(net))[0]));
            }
            assert_eq!(routes.apply(&[FibOp::Replace(route(net, &[one, two]))]).await, [Ok(())]);
            let withdraw = FibOp::Withdraw(route(net, &[one]));
            assert_eq!(routes.apply(std::slice::from_ref(&withdraw)).await, [Ok(())], "whatever hops it has now");
            watch.until("its end", |host| hops(host, net).is_none()).await;
            assert_eq!(routes.apply(&[withdraw]).await, [Ok(())], "it is gone, which is what was wanted");
        }
        watch.assert_true().await;
    });
}

#[test]
fn routes_that_drop_packets_take_the_place_of_others_and_give_it_back() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let mut routes = Routes::open().expect("a socket");
        for (net, one, two) in
            [("192.0.2.66/32", "10.0.1.1", "10.0.2.1"), ("2001:db8:9::66/128", "2001:db8:1::1", "2001:db8:2::1")]
        {
            let (one, two) = (watch.via(one, "eth0"), watch.via(two, "eth1"));
            let mut first = true;
            for set in [&[][..], &[one], &[], &[one, two], &[]] {
                let wanted = route(net, set);
                let kind = if set.is_empty() { RouteKind::Blackhole } else { RouteKind::Unicast };
                let op = if first { FibOp::Install(wanted) } else { FibOp::Replace(wanted) };
                first = false;
                assert_eq!(routes.apply(&[op]).await, [Ok(())], "{net} {set:?}");
                let is = |host: &HostState| {
                    host.best_route(prefix(net)).map(|route| (host.kind(route), host.hops(route).to_vec()))
                };
                watch.until("the route", |host| is(host) == Some((kind, set.to_vec()))).await;
                assert_eq!(watch.host.routes_of(prefix(net)).len(), 1);
                assert!(FibConfig::default().is_ours(&watch.host.routes_of(prefix(net))[0]));
            }
            let withdraw = FibOp::Withdraw(route(net, &[one]));
            assert_eq!(routes.apply(&[withdraw]).await, [Ok(())], "whatever it does now");
            watch.until("its end", |host| hops(host, net).is_none()).await;
        }
        watch.assert_true().await;
    });
}

#[test]
fn gateways_outside_of_every_subnet_and_of_the_other_family_are_taken() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let mut routes = Routes::open().expect("a socket");
        let cases = [
            ("192.0.2.0/24", watch.via("169.254.1.1", "eth0")),
            ("198.51.100.0/24", watch.via("fe80::1", "eth1")),
            ("2001:db8:9::/48", watch.via("fe80::1", "eth0")),
        ];
        for (net, hop) in cases {
            assert_eq!(routes.apply(&[FibOp::Install(route(net, &[hop]))]).await, [Ok(())], "{net}");
            watch.until("the route", |host| hops(host, net) == Some(&[hop])).await;
        }
    });
}

#[test]
fn mtus_of_routes_are_understood() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let mtu = |host: &HostState, net| host.routes_of(prefix(net)).iter().map(|route| route.mtu).collect::<Vec<_>>();
        for (family, net, gateway) in [("-4", "192.0.2.0/24", "10.0.1.1"), ("-6", "2001:db8:9::/48", "2001:db8:1::1")] {
            for (words, expected) in
                [("mtu 1300", 1300), ("mtu lock 1400", 1400), ("advmss 1200", 0), ("mtu 1350", 1350)]
            {
                ip(&format!("{family} route replace {net} via {gateway} {words}"));
                watch.until(words, |host| mtu(host, net) == [NonZeroU32::new(expected)]).await;
            }
            watch.assert_true().await;
            ip(&format!("{family} route del {net} via {gateway}"));
            watch.until("its end", |host| mtu(host, net).is_empty()).await;
        }
        // Lowered with the interface's, without a word about the route.
        ip("-6 route add 2001:db8:9::/48 via 2001:db8:1::1 mtu 1450");
        watch.until("the route", |host| mtu(host, "2001:db8:9::/48") == [NonZeroU32::new(1450)]).await;
        ip("link set eth0 mtu 1400");
        ip("-6 route del 2001:db8:9::/48 via 2001:db8:1::1");
        watch.until("its end", |host| mtu(host, "2001:db8:9::/48").is_empty()).await;
    });
}

#[test]
fn nobody_elses_route_is_touched() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let mut routes = Routes::open().expect("a socket");
        let metric = FibConfig::METRIC;
        for (family, net, gateway) in [("-4", "192.0.2.0/24", "10.0.1.1"), ("-6", "2001:db8:9::/48", "2001:db8:1::1")] {
            let ours = |gateway: Hop| route(net, &[gateway]);
            let hop = watch.via(gateway, "eth0");
            ip(&format!("{family} route add {net} via {gateway} metric {metric} proto static"));
            ip(&format!("{family} route add {net} via {gateway} metric 20 proto bgp"));
            watch.until("both", |host| host.routes_of(prefix(net)).len() == 2).await;
            let before: Vec<HostRoute> = watch.host.routes_of(prefix(net)).to_vec();

            let occupied = RouteError::Occupied { prefix: prefix(net), metric };
            let other = Hop { gateway: None, ..hop };
            assert_eq!(routes.apply(&[FibOp::Install(ours(other))]).await, [Err(occupied)]);
            assert_eq!(routes.apply(&[FibOp::Withdraw(ours(hop))]).await, [Ok(())]);
            watch.assert_true().await;
            assert_eq!(watch.host.routes_of(prefix(net)), before);
        }
    });
}

#[test]
fn each_of_many_operations_gets_its_own_answer() {
    in_namespace(|| async {
        let watch = Watch::start(MonitorConfig::default()).await;
        let mut routes = Routes::open().expect("a socket");
        let good = watch.via("10.0.1.1", "eth0");
        let bad = Hop { link: 4711, ..good };
        let ops: Vec<FibOp> = (0..3000u32)
            .map(|number| {
                let net = format!("100.64.{}.{}/32", number >> 8, number & 255);
                FibOp::Install(route(&net, &[if number % 7 == 3 { bad } else { good }]))
            })
            .collect();
        let answers = routes.apply(&ops).await;
        assert_eq!(answers.len(), ops.len());
        for (number, answer) in answers.iter().enumerate() {
            let refused = matches!(answer, Err(RouteError::Refused { source, .. }) if source.errno == libc::ENODEV);
            assert_eq!(refused, number % 7 == 3, "{number}: {answer:?}");
            assert_eq!(answer.is_ok(), !refused);
        }
        let text = answers[3].as_ref().expect_err("refused").to_string();
        assert!(text.starts_with("the kernel refused the route to 100.64.0.3/32: No such device"), "{text}");
        let ops = ["192.0.2.0/24", "2001:db8:9::/48", "198.51.100.0/24"].map(|net| FibOp::Install(route(net, &[good])));
        let unsent = RouteError::Impossible {
            prefix: prefix("2001:db8:9::/48"),
            problem: "invalid address family Inet6".to_owned(),
        };
        assert_eq!(routes.apply(&ops).await, [Ok(()), Err(unsent), Ok(())], "IPv6 through IPv4 is not even asked for");
        for op in [&ops[0], &ops[2]] {
            assert_eq!(routes.apply(&[FibOp::Withdraw(op.item().clone())]).await, [Ok(())]);
        }
        let installed = ip("route show proto bgp").lines().count();
        assert_eq!(installed, answers.iter().filter(|answer| answer.is_ok()).count());
    });
}

/// What goes is announced without its weight.
#[test]
fn members_of_weighted_ipv6_routes_come_and_go() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let net = "2001:db8:77::/48";
        let [one, two, three] = [1, 2, 3].map(|last| format!("nexthop via 2001:db8:1::{last}"));
        ip(&format!("-6 route add {net} {one} weight 2 {two} weight 3 {three} weight 4"));
        watch.until("three hops", |host| hops(host, net).is_some_and(|hops| hops.len() == 3)).await;
        watch.assert_true().await;
        for (gateway, left) in [(1, 2), (2, 1)] {
            ip(&format!("-6 route del {net} via 2001:db8:1::{gateway}"));
            watch.until("one less", |host| hops(host, net).is_some_and(|hops| hops.len() == left)).await;
            watch.assert_true().await;
        }
        ip(&format!("-6 route del {net}"));
        watch.until("none", |host| hops(host, net).is_none()).await;
        ip(&format!("-6 route add {net} {one} weight 2 {two} weight 3"));
        ip(&format!("-6 route replace {net} {two} weight 9 {three} weight 3"));
        ip(&format!("-6 route del {net} {three}"));
        watch.assert_true().await;
    });
}
