//! The FIB over a real kernel, with next-hop objects and without.

use nva::fib::{Fib, FibConfig, FibItem, FibOp, Wanted};
use nva::host::{HostEvent, HostState};
use nva::kernel::{MonitorConfig, RouteError, Routes};
use nva::route::NextHop;

use super::{Watch, address, hops, in_namespace, ip, prefix};

/// Carries out all that the FIB wants, as the daemon does.
async fn settle(fib: &mut Fib, routes: &mut Routes) -> Vec<FibOp> {
    let done = settle_as_far_as_possible(fib, routes).await;
    done.into_iter()
        .map(|(op, answer)| {
            assert_eq!(answer, Ok(()), "{op:?}");
            op
        })
        .collect()
}

/// The same where the kernel may refuse something.
async fn settle_as_far_as_possible(fib: &mut Fib, routes: &mut Routes) -> Vec<(FibOp, Result<(), RouteError>)> {
    let mut all = Vec::new();
    loop {
        let ops: Vec<FibOp> = std::iter::from_fn(|| fib.poll_op()).collect();
        if ops.is_empty() {
            return all;
        }
        let answers = routes.apply(&ops).await;
        for (op, answer) in ops.into_iter().zip(answers) {
            fib.acknowledge(&op, answer.clone().map_err(|error| error.to_string()));
            all.push((op, answer));
        }
    }
}

/// A FIB that knows what the kernel holds, and the socket for what it wants.
fn start(watch: &Watch) -> (Fib, Routes) {
    let mut fib = Fib::new(FibConfig::default());
    fib.adopt(&watch.host);
    (fib, Routes::open().expect("a socket"))
}

fn through(next_hops: &[&str]) -> Option<Wanted> {
    Some(Wanted::through(next_hops.iter().map(|text| NextHop::Via(address(text)))))
}

fn number_of(ops: &[FibOp], of: impl Fn(&FibOp) -> bool) -> usize {
    ops.iter().filter(|op| of(op)).count()
}

fn is_about_a_route(op: &FibOp) -> bool {
    matches!(op.item(), FibItem::Route(_))
}

#[test]
fn a_next_hop_that_moves_takes_its_routes_along_by_one_operation() {
    in_namespace(|| async {
        ip("route add 172.16.0.0/16 via 10.0.1.1 proto static");
        ip("-6 route add 2001:db8:16::/48 via 2001:db8:1::1 proto static");
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = start(&watch);
        fib.reconcile();
        let net = |number: u32| format!("100.64.{}.{}/32", number >> 8, number & 255);
        for number in 0..1000 {
            let next_hops: &[&str] = if number % 2 == 0 { &["172.16.9.9"] } else { &["172.16.9.9", "10.0.2.101"] };
            fib.want(prefix(&net(number)), through(next_hops), &watch.host);
        }
        fib.want(prefix("2001:db8:9::/48"), through(&["2001:db8:16::9"]), &watch.host);
        let ops = settle(&mut fib, &mut routes).await;
        assert_eq!(number_of(&ops, is_about_a_route), 1001);
        let (old, beside) = (watch.via("10.0.1.1", "eth0"), watch.via("10.0.2.101", "eth1"));
        watch.drive(Some(&mut fib), "all of them", |host| hops(host, "2001:db8:9::/48").is_some()).await;
        assert_eq!(hops(&watch.host, &net(998)), Some(&[old][..]));
        assert_eq!(hops(&watch.host, &net(999)), Some(&[old, beside][..]));
        watch.assert_true().await;

        ip("route replace 172.16.0.0/16 via 10.0.2.1 proto static");
        let new = watch.via("10.0.2.1", "eth1");
        let moved = |host: &HostState| host.resolve(address("172.16.9.9")).is_some_and(|way| way.hops == [new]);
        watch.drive(Some(&mut fib), "another way", moved).await;
        let ops = settle(&mut fib, &mut routes).await;
        assert_eq!(number_of(&ops, is_about_a_route), 0, "{ops:?}");
        assert_eq!(number_of(&ops, |op| matches!(op, FibOp::Replace(_))), 2, "one for each group: {ops:?}");
        let all_moved = |host: &HostState| {
            let of = |number: u32| hops(host, &net(number));
            (0..1000).all(
                |number| if number % 2 == 0 { of(number) == Some(&[new]) } else { of(number) == Some(&[new, beside]) },
            )
        };
        watch.drive(Some(&mut fib), "all of them over it", all_moved).await;
        let (first, second) = (ip("route get 100.64.0.2"), ip("route get 100.64.3.230"));
        assert!(first.contains("via 10.0.2.1 dev eth1") && second.contains("via 10.0.2.1 dev eth1"), "{first}{second}");
        assert_eq!(watch.removed, [], "none was away");
        watch.assert_true().await;

        for number in 0..1000 {
            fib.want(prefix(&net(number)), None, &watch.host);
        }
        fib.want(prefix("2001:db8:9::/48"), None, &watch.host);
        settle(&mut fib, &mut routes).await;
        assert_eq!(ip("nexthop show"), "", "nothing is left behind");
    });
}

#[test]
fn what_a_carrier_takes_away_is_brought_back_with_it() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = start(&watch);
        fib.reconcile();
        let (one, two) = (watch.via("10.0.1.100", "eth0"), watch.via("10.0.2.101", "eth1"));
        fib.want(prefix("192.0.2.0/24"), through(&["10.0.1.100", "10.0.2.101"]), &watch.host);
        fib.want(prefix("198.51.100.0/24"), through(&["10.0.2.101"]), &watch.host);
        settle(&mut fib, &mut routes).await;
        let there = |host: &HostState, net: &str| !host.routes_of(prefix(net)).is_empty();
        watch.drive(Some(&mut fib), "both routes", |host| there(host, "198.51.100.0/24")).await;
        for lost in ["eth1-far", "eth1"] {
            ip(&format!("link set {lost} down"));
            watch.drive(Some(&mut fib), "one hop", |host| hops(host, "192.0.2.0/24") == Some(&[one])).await;
            watch.drive(Some(&mut fib), "without the other", |host| !there(host, "198.51.100.0/24")).await;
            settle(&mut fib, &mut routes).await;
            assert_eq!(ip("route show 198.51.100.0/24"), "");
            ip(&format!("link set {lost} up"));
            let connected = |host: &HostState| host.is_up(two.link) && host.resolve(address("10.0.2.101")).is_some();
            watch.drive(Some(&mut fib), "the carrier", connected).await;
            settle(&mut fib, &mut routes).await;
            watch
                .drive(Some(&mut fib), "both hops again", |host| hops(host, "192.0.2.0/24") == Some(&[one, two]))
                .await;
            watch.drive(Some(&mut fib), "the other again", |host| there(host, "198.51.100.0/24")).await;
            watch.assert_true().await;
        }
        assert_eq!(settle(&mut fib, &mut routes).await, []);
    });
}

#[test]
fn what_somebody_else_takes_from_under_our_routes_is_put_back() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = start(&watch);
        fib.reconcile();
        let one = watch.via("10.0.1.100", "eth0");
        fib.want(prefix("192.0.2.0/24"), through(&["10.0.1.100"]), &watch.host);
        settle(&mut fib, &mut routes).await;
        watch.drive(Some(&mut fib), "the route", |host| hops(host, "192.0.2.0/24") == Some(&[one])).await;
        for number in watch.host.next_hop_objects().map(|object| object.id).collect::<Vec<_>>() {
            ip(&format!("nexthop del id {number}"));
            assert_eq!(ip("route show 192.0.2.0/24"), "", "the kernel takes the route away with it");
            // The kernel tells in pieces, and what is put back may be gone with the next of them.
            loop {
                watch.one_event(&mut fib).await;
                fib.retry_failed();
                settle_as_far_as_possible(&mut fib, &mut routes).await;
                if hops(&watch.host, "192.0.2.0/24") == Some(&[one]) && !ip("route show 192.0.2.0/24").is_empty() {
                    break;
                }
            }
            watch.assert_true().await;
            assert!(ip("route show 192.0.2.0/24").contains("via 10.0.1.100 dev eth0"));
        }
    });
}

#[test]
fn routes_of_a_life_without_objects_get_them_without_a_gap() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        // It has not looked at what the kernel has.
        let (mut fib, mut routes) = (Fib::new(FibConfig::default()), Routes::open().expect("a socket"));
        for net in ["192.0.2.0/24", "198.51.100.0/24"] {
            fib.want(prefix(net), through(&["10.0.1.100"]), &watch.host);
        }
        settle(&mut fib, &mut routes).await;
        watch.until("both", |host| hops(host, "198.51.100.0/24").is_some()).await;
        assert_eq!(ip("nexthop show"), "");

        let (mut fib, mut routes) = start(&watch);
        assert_eq!(settle(&mut fib, &mut routes).await, []);
        for net in ["192.0.2.0/24", "198.51.100.0/24"] {
            fib.want(prefix(net), through(&["10.0.1.100"]), &watch.host);
        }
        let ops = settle(&mut fib, &mut routes).await;
        let replaced = |op: &FibOp| matches!(op, FibOp::Replace(FibItem::Route(_)));
        assert_eq!((ops.len(), number_of(&ops, replaced)), (4, 2), "{ops:?}");
        let one = watch.via("10.0.1.100", "eth0");
        watch.drive(Some(&mut fib), "both", |host| hops(host, "198.51.100.0/24") == Some(&[one])).await;
        assert_eq!(watch.removed, [], "none was away");
        fib.reconcile();
        assert_eq!(settle(&mut fib, &mut routes).await, []);
    });
}

#[test]
fn a_restart_adopts_its_routes_without_a_gap() {
    in_namespace(|| async {
        ip("route add default via 10.0.1.1 proto dhcp metric 100");
        let next_hop = |text: &str| through(&[text]);
        let net = |number: u32| format!("100.64.{}.{}/32", number >> 8, number & 255);
        {
            let mut watch = Watch::start(MonitorConfig::default()).await;
            let (mut fib, mut routes) = start(&watch);
            fib.pin(address("10.13.76.4"), &watch.host);
            fib.want(prefix("10.13.76.0/24"), next_hop("10.0.2.101"), &watch.host);
            for number in 0..500u32 {
                fib.want(prefix(&net(number)), next_hop("10.0.1.100"), &watch.host);
            }
            settle(&mut fib, &mut routes).await;
            watch.until("all", |host| (0..500).all(|number| hops(host, &net(number)).is_some())).await;
            assert_eq!(hops(&watch.host, "10.13.76.4/32"), Some(&[watch.via("10.0.1.1", "eth0")][..]));
        } // The daemon is gone, its routes are not.

        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = start(&watch);
        assert_eq!(settle(&mut fib, &mut routes).await, [], "nothing happens before BGP speaks");
        fib.pin(address("10.13.76.4"), &watch.host);
        fib.want(prefix("10.13.76.0/24"), next_hop("10.0.2.101"), &watch.host);
        for number in 0..400u32 {
            let gateway = if number < 10 { "10.0.2.101" } else { "10.0.1.100" };
            fib.want(prefix(&net(number)), next_hop(gateway), &watch.host);
        }
        let ops = settle(&mut fib, &mut routes).await;
        assert!(ops.len() == 10 && ops.iter().all(|op| matches!(op, FibOp::Replace(_))), "only what differs: {ops:?}");
        fib.reconcile();
        let ops = settle(&mut fib, &mut routes).await;
        assert!(ops.len() == 100 && ops.iter().all(|op| matches!(op, FibOp::Withdraw(_))), "{ops:?}");
        let gone = |host: &HostState| (400..500).all(|number| hops(host, &net(number)).is_none());
        watch.drive(Some(&mut fib), "the end of what nobody wants", gone).await;
        assert_eq!(watch.removed.len(), 100, "no other route was ever away");
        assert_eq!(settle(&mut fib, &mut routes).await, []);

        ip("route del 100.64.0.77/32 proto bgp");
        watch.drive(Some(&mut fib), "interference", |host| hops(host, "100.64.0.77/32").is_none()).await;
        assert_eq!(settle(&mut fib, &mut routes).await.len(), 1, "it is put right");
    });
}

#[test]
fn a_link_that_goes_takes_its_routes_along_and_brings_them_back() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = (Fib::new(FibConfig::default()), Routes::open().expect("a socket"));
        fib.reconcile();
        let (one, two) = (watch.via("10.0.1.100", "eth0"), watch.via("10.0.2.101", "eth1"));
        let both = Wanted::through([one, two].map(|hop| NextHop::Via(hop.gateway.expect("a gateway"))));
        fib.want(prefix("192.0.2.0/24"), Some(both), &watch.host);
        settle(&mut fib, &mut routes).await;
        watch.drive(Some(&mut fib), "both hops", |host| hops(host, "192.0.2.0/24") == Some(&[one, two])).await;

        ip("link set eth1 down");
        watch.drive(Some(&mut fib), "the link is down", |host| !host.is_up(two.link)).await;
        settle(&mut fib, &mut routes).await;
        watch.drive(Some(&mut fib), "one hop", |host| hops(host, "192.0.2.0/24") == Some(&[one])).await;

        ip("link set eth1 up");
        let connected = |host: &HostState| host.resolve(address("10.0.2.101")).is_some();
        watch.drive(Some(&mut fib), "the subnet is back", connected).await;
        settle(&mut fib, &mut routes).await;
        watch.drive(Some(&mut fib), "both hops again", |host| hops(host, "192.0.2.0/24") == Some(&[one, two])).await;
        assert_eq!(settle(&mut fib, &mut routes).await, []);
    });
}

/// A notification that never came: the kernel lost the route, and nobody told us.
#[test]
fn an_audit_reads_the_kernel_anew() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = start(&watch);
        fib.reconcile();
        for net in ["100.64.0.1/32", "100.64.0.2/32", "2001:db8:9::/48"] {
            let gateway = if net.contains(':') { "2001:db8:1::7" } else { "10.0.1.7" };
            fib.want(prefix(net), through(&[gateway]), &watch.host);
        }
        settle(&mut fib, &mut routes).await;
        let all = |host: &HostState| hops(host, "2001:db8:9::/48").is_some() && hops(host, "100.64.0.2/32").is_some();
        watch.drive(Some(&mut fib), "the routes", all).await;

        ip("route del 100.64.0.1/32");
        ip("-6 route del 2001:db8:9::/48");
        // What is not handed on is as good as lost.
        let mut lost = 0;
        while lost < 2 {
            let event = watch.monitor.next().await.expect("an event").expect("no error");
            lost += usize::from(matches!(event, HostEvent::RouteRemoved(_)));
        }
        let number = watch.monitor.audit();
        let snapshot = loop {
            match watch.monitor.next().await.expect("an event").expect("no error") {
                HostEvent::Resync(snapshot) => break snapshot,
                event => watch.apply(event, Some(&mut fib)),
            }
        };
        assert_eq!(snapshot.audit, Some(number));
        let delta = watch.host.apply(HostEvent::Resync(snapshot));
        let found = fib.adopt(&watch.host);
        fib.host_changed(&delta, &watch.host);
        assert_eq!(found.missing, ["100.64.0.1/32", "2001:db8:9::/48"].map(prefix));
        assert_eq!((found.differences(), found.routes), (2, 3), "{found:?}");
        let ops = settle(&mut fib, &mut routes).await;
        assert_eq!(number_of(&ops, |op| matches!(op, FibOp::Install(_))), 2, "{ops:?}");
        watch
            .drive(Some(&mut fib), "the routes again", |host| all(host) && hops(host, "100.64.0.1/32").is_some())
            .await;
        assert_eq!([watch.monitor.audit(), watch.monitor.audit()], [2, 3]);
        let answered = loop {
            if let HostEvent::Resync(snapshot) = watch.monitor.next().await.expect("an event").expect("no error") {
                break snapshot.audit;
            }
        };
        assert_eq!(answered, Some(3), "one answer for both");
    });
}
