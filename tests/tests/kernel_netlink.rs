//! The kernel's side of routing against a real kernel: every test has a network namespace of its own, which ends with
//! the test's thread.

use std::net::IpAddr;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nva::fib::{Fib, FibConfig, FibOp, FibRoute, Wanted};
use nva::host::{Hop, HostEvent, HostRoute, HostState, RouteKind};
use nva::kernel::{Keeper, Monitor, MonitorConfig, Neighbours, RouteError, Routes};
use nva::net::Prefix;
use nva::route::NextHop;

const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a test in a network namespace of its own, with `lo` up and two interfaces that lead nowhere:
/// `eth0` (10.0.1.9/24, 2001:db8:1::9/64) and `eth1` (10.0.2.9/24, 2001:db8:2::9/64).
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = move || {
        enter_new_namespace();
        ip("link set lo up");
        for (number, name) in ["eth0", "eth1"].iter().enumerate() {
            let net = number + 1;
            add_link(name);
            ip(&format!("addr add 10.0.{net}.9/24 dev {name}"));
            ip(&format!("addr add 2001:db8:{net}::9/64 dev {name} nodad"));
            ip(&format!("link set {name} up"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test());
    };
    if let Err(panic) = thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

/// One end of a veth pair whose other end is up and silent (dummy interfaces are not in every kernel).
fn add_link(name: &str) {
    ip(&format!("link add name {name} type veth peer name {name}-far"));
    for end in [name.to_owned(), format!("{name}-far")] {
        ip(&format!("link set {end} addrgenmode none"));
    }
    ip(&format!("link set {name}-far up"));
}

fn enter_new_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).expect("these tests make network namespaces: run them as root (CAP_SYS_ADMIN)");
}

/// Runs `ip` in this thread's namespace.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("iproute2 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs many `ip` commands at once, without yielding to the runtime.
fn ip_batch(commands: impl Iterator<Item = String>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), commands.collect::<Vec<_>>().join("\n")).expect("a written file");
    ip(&format!("-batch {}", file.path().display()));
}

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect(text)
}

/// A monitor and the state that its events make.
struct Watch {
    monitor: Monitor,
    host: HostState,
    /// Our routes that were seen to go.
    removed: Vec<Prefix>,
}

impl Watch {
    async fn start(config: MonitorConfig) -> Watch {
        let mut monitor = Monitor::start(config).expect("a monitor");
        let first = monitor.next().await.expect("an event").expect("no error");
        assert!(matches!(first, HostEvent::Resync(_)), "the first event has everything: {first:?}");
        let mut host = HostState::default();
        host.apply(first);
        Watch { monitor, host, removed: Vec::new() }
    }

    /// Applies events until the state is as expected.
    async fn until(&mut self, what: &str, expected: impl Fn(&HostState) -> bool) {
        self.drive(None, what, expected).await;
    }

    /// The same, with a FIB that follows.
    async fn drive(&mut self, mut fib: Option<&mut Fib>, what: &str, expected: impl Fn(&HostState) -> bool) {
        let waiting = async {
            while !expected(&self.host) {
                let event = self.monitor.next().await.expect("an event").expect("no error");
                if let HostEvent::RouteRemoved(route) = &event
                    && FibConfig::default().is_ours(route)
                {
                    self.removed.push(route.prefix);
                }
                let delta = self.host.apply(event);
                if let Some(fib) = fib.as_deref_mut() {
                    fib.host_changed(&delta, &self.host);
                }
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(in_time.is_ok(), "{what}: not within {DEADLINE:?}; routes:\n{}", ip("route show table all"));
    }

    /// The state that events made is the one that the kernel tells a newcomer, as soon as all events have arrived.
    async fn assert_true(&mut self) {
        let mut other = Monitor::start(MonitorConfig::default()).expect("a monitor");
        let mut truth = HostState::default();
        truth.apply(other.next().await.expect("an event").expect("no error"));
        let truth = everything(&truth);
        self.until(&format!("the true state:\n{truth:#?}"), |host| everything(host) == truth).await;
    }

    fn link(&self, name: &str) -> u32 {
        self.host.link_by_name(name).unwrap_or_else(|| panic!("a link {name}")).index
    }

    fn via(&self, gateway: &str, link: &str) -> Hop {
        Hop { gateway: Some(address(gateway)), link: self.link(link), weight: 1 }
    }
}

/// All but the neighbours, whose states change with time.
fn everything(host: &HostState) -> Vec<String> {
    let links = host.links().map(|link| format!("{link:?}"));
    let addresses = host.addresses().map(|address| format!("{address:?}"));
    let next_hops = host.next_hop_objects().map(|object| format!("{object:?}"));
    links.chain(addresses).chain(next_hops).chain(host.routes().map(|route| format!("{route:?}"))).collect()
}

/// The hops of the first route that the state has for a prefix.
fn hops<'a>(host: &'a HostState, net: &str) -> Option<&'a [Hop]> {
    host.best_route(prefix(net)).map(|route| host.hops(route))
}

fn route(net: &str, hops: &[Hop]) -> FibRoute {
    let config = FibConfig::default();
    let mut hops = hops.to_vec();
    hops.sort();
    FibRoute { prefix: prefix(net), table: config.table, metric: config.metric, protocol: config.protocol, hops }
}

#[test]
fn the_monitor_tells_of_links_addresses_and_neighbours() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let a = watch.link("eth0");
        assert!(watch.host.is_up(a) && watch.host.is_own_address(address("10.0.1.9")));
        assert_eq!(watch.host.connected_link(address("2001:db8:2::77")), Some(watch.link("eth1")));

        ip("addr add 100.0.0.1/32 dev lo");
        watch.until("an address on lo", |host| host.is_own_address(address("100.0.0.1"))).await;
        ip("addr del 100.0.0.1/32 dev lo");
        watch.until("its end", |host| !host.is_own_address(address("100.0.0.1"))).await;

        ip("link set eth0 mtu 1400");
        watch.until("the MTU", |host| host.link(a).is_some_and(|link| link.mtu == 1400)).await;
        ip("neigh replace 10.0.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud reachable");
        let mac = |host: &HostState| host.neighbour(a, address("10.0.1.1")).and_then(|neighbour| neighbour.mac);
        watch.until("a neighbour", |host| mac(host) == Some([2, 0, 0, 0, 0, 1])).await;
        ip("neigh del 10.0.1.1 dev eth0");
        watch.until("its end", |host| mac(host).is_none()).await;

        add_link("eth2");
        watch.until("a new link", |host| host.link_by_name("eth2").is_some_and(|link| !link.up)).await;
        ip("link set eth2 up");
        watch.until("it is up", |host| host.link_by_name("eth2").is_some_and(|link| link.up)).await;
        ip("link del eth2");
        watch.until("it is gone", |host| host.link_by_name("eth2").is_none()).await;
        watch.assert_true().await;
    });
}

#[test]
fn the_monitor_tells_of_routes_in_all_their_ways() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (one, two) = (watch.via("10.0.1.1", "eth0"), watch.via("10.0.2.1", "eth1"));
        ip("route add 192.0.2.0/24 via 10.0.1.1");
        watch.until("a route", |host| hops(host, "192.0.2.0/24") == Some(&[one])).await;
        ip("route replace 192.0.2.0/24 nexthop via 10.0.1.1 nexthop via 10.0.2.1 weight 3");
        let weighed = Hop { weight: 3, ..two };
        watch.until("its replacement", |host| hops(host, "192.0.2.0/24") == Some(&[one, weighed])).await;
        ip("route append 192.0.2.0/24 via 10.0.2.1");
        watch.until("one beside it", |host| host.routes_of(prefix("192.0.2.0/24")).len() == 2).await;
        ip("route del 192.0.2.0/24 nexthop via 10.0.1.1 nexthop via 10.0.2.1 weight 3");
        watch.until("the first's end", |host| hops(host, "192.0.2.0/24") == Some(&[two])).await;

        ip("route add blackhole 198.51.100.0/24");
        let kind = |host: &HostState| host.best_route(prefix("198.51.100.0/24")).map(|route| route.kind);
        watch.until("a blackhole", |host| kind(host) == Some(RouteKind::Blackhole)).await;

        let (one, two) = (watch.via("2001:db8:1::1", "eth0"), watch.via("2001:db8:2::1", "eth1"));
        let three = watch.via("2001:db8:2::2", "eth1");
        ip("-6 route add 2001:db8:9::/48 via 2001:db8:1::1");
        watch.until("an IPv6 route", |host| hops(host, "2001:db8:9::/48") == Some(&[one])).await;
        ip("-6 route append 2001:db8:9::/48 via 2001:db8:2::1");
        watch.until("a second hop", |host| hops(host, "2001:db8:9::/48") == Some(&[one, two])).await;
        ip("-6 route append 2001:db8:9::/48 via 2001:db8:2::2");
        watch.until("a third hop", |host| hops(host, "2001:db8:9::/48") == Some(&[one, two, three])).await;
        ip("-6 route del 2001:db8:9::/48 via 2001:db8:2::1");
        watch.until("two hops again", |host| hops(host, "2001:db8:9::/48") == Some(&[one, three])).await;
        ip("-6 route replace 2001:db8:9::/48 nexthop via 2001:db8:2::1 nexthop via 2001:db8:2::2");
        watch.until("other hops", |host| hops(host, "2001:db8:9::/48") == Some(&[two, three])).await;
        watch.assert_true().await;
    });
}

#[test]
fn routes_that_go_without_a_word_are_noticed() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig::default()).await;
        ip("route add 192.0.2.0/24 via 10.0.1.1");
        ip("route add 198.51.100.0/24 nexthop via 10.0.1.1 nexthop via 10.0.2.1");
        ip("nexthop add id 7 via 10.0.2.1 dev eth1");
        ip("route add 203.0.113.0/24 nhid 7");
        let there = |host: &HostState, net: &str| !host.routes_of(prefix(net)).is_empty();
        watch.until("the routes", |host| there(host, "203.0.113.0/24") && there(host, "192.0.2.0/24")).await;
        assert_eq!(hops(&watch.host, "203.0.113.0/24"), Some(&[watch.via("10.0.2.1", "eth1")][..]));

        ip("nexthop del id 7");
        watch.until("without the next-hop object", |host| !there(host, "203.0.113.0/24")).await;
        ip("link set eth0 down");
        watch.until("without the link", |host| !there(host, "192.0.2.0/24") && !there(host, "10.0.1.0/24")).await;
        ip("link set eth0 up");
        watch.until("connected again", |host| there(host, "10.0.1.0/24")).await;
        ip("addr del 10.0.2.9/24 dev eth1");
        watch.until("without the address", |host| !there(host, "10.0.2.0/24")).await;
        ip("link del eth1");
        watch.until("without the other link", |host| !there(host, "198.51.100.0/24")).await;
        watch.assert_true().await;
    });
}

/// Whether the kernel tells of the routes, too, when an object changes that they name, which is its default, or only of the
/// object.
fn tell_of_routes_through_objects(yes: bool) {
    let value = if yes { "1" } else { "0" };
    std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", value).expect("Linux 5.7 or newer");
}

#[test]
fn routes_through_next_hop_objects_are_followed() {
    for told in [true, false] {
        in_namespace(move || async move {
            tell_of_routes_through_objects(told);
            let mut watch = Watch::start(MonitorConfig::default()).await;
            let (one, two) = (watch.via("10.0.1.1", "eth0"), watch.via("10.0.2.1", "eth1"));
            let (six, other) = (watch.via("2001:db8:1::1", "eth0"), watch.via("10.0.2.2", "eth1"));
            ip("nexthop add id 1 via 10.0.1.1 dev eth0");
            ip("nexthop add id 2 via 10.0.2.1 dev eth1");
            ip("nexthop add id 6 via 2001:db8:1::1 dev eth0");
            ip("nexthop add id 10 group 1/2,5");
            ip("nexthop add id 16 group 6");
            ip("route add 192.0.2.0/24 nhid 10");
            ip("route add 198.51.100.0/24 nhid 16");
            ip("-6 route add 2001:db8:9::/48 nhid 16");
            let net = "192.0.2.0/24";
            let weighed = |hop| Hop { weight: 5, ..hop };
            watch.until("a group", |host| hops(host, net) == Some(&[one, weighed(two)])).await;
            watch.until("of one", |host| hops(host, "2001:db8:9::/48") == Some(&[six])).await;
            watch.until("by IPv6", |host| hops(host, "198.51.100.0/24") == Some(&[six])).await;
            watch.assert_true().await;

            ip("nexthop replace id 2 via 10.0.2.2 dev eth1");
            watch.until("another router", |host| hops(host, net) == Some(&[one, weighed(other)])).await;
            ip("nexthop replace id 10 group 2");
            watch.until("one member", |host| hops(host, net) == Some(&[other])).await;
            ip("nexthop replace id 10 group 1/2,3");
            let three = Hop { weight: 3, ..other };
            watch.until("two members again", |host| hops(host, net) == Some(&[one, three])).await;
            watch.assert_true().await;

            ip("nexthop add id 20 blackhole");
            ip("route add 203.0.113.0/24 nhid 20");
            let kind = |host: &HostState| host.best_route(prefix("203.0.113.0/24")).map(|route| host.kind(route));
            watch.until("a blackhole", |host| kind(host) == Some(RouteKind::Blackhole)).await;
            ip("nexthop del id 1");
            watch.until("without a member", |host| hops(host, net) == Some(&[other])).await;
            ip("nexthop del id 20");
            watch.until("without the blackhole", |host| kind(host).is_none()).await;
            watch.assert_true().await;
        });
    }
}

#[test]
fn what_goes_with_a_carrier_is_noticed() {
    for told in [true, false] {
        in_namespace(move || async move {
            tell_of_routes_through_objects(told);
            let mut watch = Watch::start(MonitorConfig::default()).await;
            let (one, two) = (watch.via("10.0.1.1", "eth0"), watch.via("10.0.2.1", "eth1"));
            ip("nexthop add id 1 via 10.0.1.1 dev eth0");
            ip("nexthop add id 2 via 10.0.2.1 dev eth1");
            ip("nexthop add id 10 group 1/2");
            ip("nexthop add id 11 group 1");
            ip("route add 192.0.2.0/24 nhid 10");
            ip("route add 198.51.100.0/24 nhid 11");
            ip("route add 203.0.113.0/24 via 10.0.1.1");
            let of = |host: &HostState, net: &str| host.routes_of(prefix(net)).len();
            watch.until("the routes", |host| of(host, "203.0.113.0/24") == 1).await;
            assert_eq!(hops(&watch.host, "192.0.2.0/24"), Some(&[one, two][..]));

            ip("link set eth0-far down");
            watch.until("without the object", |host| of(host, "198.51.100.0/24") == 0).await;
            assert_eq!(hops(&watch.host, "192.0.2.0/24"), Some(&[two][..]));
            assert_eq!(of(&watch.host, "203.0.113.0/24"), 1, "a route of its own waits for the carrier");
            watch.assert_true().await;
            ip("link set eth0-far up");
            watch.until("the carrier", |host| host.link_by_name("eth0").is_some_and(|link| link.up)).await;
            watch.assert_true().await;
            ip("link set eth1 down");
            watch.until("without the last member", |host| of(host, "192.0.2.0/24") == 0).await;
            watch.assert_true().await;
        });
    }
}

#[test]
fn a_flood_beyond_the_buffer_ends_in_the_true_state() {
    in_namespace(|| async {
        let mut watch = Watch::start(MonitorConfig { receive_buffer: 4096 }).await;
        let net = |number: u32| format!("100.64.{}.{}/32", number >> 8, number & 255);
        ip_batch((0..4000).map(|number| format!("route add {} via 10.0.1.1", net(number))));
        ip_batch((0..4000).filter(|number| number % 3 == 0).map(|number| format!("route del {}", net(number))));
        ip("route add 192.0.2.0/24 via 10.0.2.1");
        watch.until("the last change", |host| hops(host, "192.0.2.0/24").is_some()).await;
        assert!(watch.monitor.counters().overruns > 0, "{:?}", watch.monitor.counters());
        let found = watch.host.routes().filter(|route| prefix("100.64.0.0/10").covers(route.prefix)).count();
        assert_eq!(found, 2666);
        watch.assert_true().await;
    });
}

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
                let kind = wanted.kind();
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
            assert_eq!(routes.apply(&[FibOp::Withdraw(op.route().clone())]).await, [Ok(())]);
        }
        let installed = ip("route show proto bgp").lines().count();
        assert_eq!(installed, answers.iter().filter(|answer| answer.is_ok()).count());
    });
}

/// Carries out all that the FIB wants, as the daemon does.
async fn settle(fib: &mut Fib, routes: &mut Routes) -> Vec<FibOp> {
    let mut all = Vec::new();
    loop {
        let ops: Vec<FibOp> = std::iter::from_fn(|| fib.poll_op()).collect();
        if ops.is_empty() {
            return all;
        }
        let answers = routes.apply(&ops).await;
        for (op, answer) in ops.iter().zip(answers) {
            assert_eq!(answer, Ok(()), "{op:?}");
            fib.acknowledge(op, Ok(()));
        }
        all.extend(ops);
    }
}

#[test]
fn a_restart_adopts_its_routes_without_a_gap() {
    in_namespace(|| async {
        ip("route add default via 10.0.1.1 proto dhcp metric 100");
        let next_hop = |text: &str| Some(Wanted::through([NextHop::Via(address(text))]));
        {
            let mut watch = Watch::start(MonitorConfig::default()).await;
            let (mut fib, mut routes) = (Fib::new(FibConfig::default()), Routes::open().expect("a socket"));
            fib.pin(address("10.13.76.4"), &watch.host);
            fib.want(prefix("10.13.76.0/24"), next_hop("10.0.2.101"), &watch.host);
            for number in 0..500u32 {
                let net = format!("100.64.{}.{}/32", number >> 8, number & 255);
                fib.want(prefix(&net), next_hop("10.0.1.100"), &watch.host);
            }
            settle(&mut fib, &mut routes).await;
            watch.until("all", |host| hops(host, "100.64.1.243/32").is_some()).await;
            assert_eq!(hops(&watch.host, "10.13.76.4/32"), Some(&[watch.via("10.0.1.1", "eth0")][..]));
        } // The daemon is gone, its routes are not.

        let mut watch = Watch::start(MonitorConfig::default()).await;
        let (mut fib, mut routes) = (Fib::new(FibConfig::default()), Routes::open().expect("a socket"));
        fib.adopt(&watch.host);
        assert_eq!(settle(&mut fib, &mut routes).await, [], "nothing happens before BGP speaks");
        fib.pin(address("10.13.76.4"), &watch.host);
        fib.want(prefix("10.13.76.0/24"), next_hop("10.0.2.101"), &watch.host);
        for number in 0..400u32 {
            let gateway = if number < 10 { "10.0.2.101" } else { "10.0.1.100" };
            let net = format!("100.64.{}.{}/32", number >> 8, number & 255);
            fib.want(prefix(&net), next_hop(gateway), &watch.host);
        }
        let ops = settle(&mut fib, &mut routes).await;
        assert!(ops.len() == 10 && ops.iter().all(|op| matches!(op, FibOp::Replace(_))), "only what differs: {ops:?}");
        fib.reconcile();
        let ops = settle(&mut fib, &mut routes).await;
        assert!(ops.len() == 100 && ops.iter().all(|op| matches!(op, FibOp::Withdraw(_))), "{ops:?}");
        watch.drive(Some(&mut fib), "the last one's end", |host| hops(host, "100.64.1.243/32").is_none()).await;
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

fn kernel_version() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a version");
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().expect("a number"));
    (numbers.next().expect("a major version"), numbers.next().expect("a minor version"))
}

/// A second namespace at the other end of a veth pair: it lives as long as this does.
struct Neighbourhood {
    end: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Neighbourhood {
    /// `v` (10.0.3.9/24) here, `w` (10.0.3.1/24, 02:00:00:00:00:77) there.
    fn new() -> Neighbourhood {
        let (ready, is_ready) = mpsc::channel();
        let (configure, may_configure) = mpsc::channel();
        let (end, may_end) = mpsc::channel();
        let body = move || {
            enter_new_namespace();
            ready.send(nix::unistd::gettid()).expect("a listener");
            may_configure.recv().expect("a word");
            ip("addr add 10.0.3.1/24 dev w");
            ip("link set w up");
            ready.send(nix::unistd::gettid()).expect("a listener");
            may_end.recv().unwrap_or_default();
        };
        let thread = thread::spawn(body);
        let there = is_ready.recv().expect("a namespace");
        let path = format!("/proc/{}/task/{there}/ns/net", std::process::id());
        ip("link add v type veth peer name w address 02:00:00:00:00:77");
        ip(&format!("link set w netns {path}"));
        ip("addr add 10.0.3.9/24 dev v");
        ip("link set v up");
        configure.send(()).expect("a listener");
        is_ready.recv().expect("a configured end");
        Neighbourhood { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Neighbourhood {
    fn drop(&mut self) {
        drop(self.end.take());
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

#[test]
fn a_neighbour_is_resolved_without_traffic_and_kept_until_released() {
    in_namespace(|| async {
        let _there = Neighbourhood::new();
        let mut watch = Watch::start(MonitorConfig::default()).await;
        watch.until("a carrier", |host| host.link_by_name("v").is_some_and(|link| link.up)).await;
        let (link, gateway) = (watch.link("v"), address("10.0.3.1"));
        let mut neighbours = Neighbours::open().expect("a socket");

        let keeper = neighbours.keep(link, gateway).await.expect("a kept neighbour");
        let mac = |host: &HostState| host.neighbour(link, gateway).and_then(|neighbour| neighbour.mac);
        watch.until("its address", |host| mac(host) == Some([2, 0, 0, 0, 0, 0x77])).await;
        let managed = ip("neigh show 10.0.3.1 dev v").contains("managed");
        assert_eq!(keeper, if managed { Keeper::Kernel } else { Keeper::Caller });
        assert_eq!(managed, kernel_version() >= (5, 16), "that is when the kernel learned it");
        assert_eq!(neighbours.keep(link, gateway).await.expect("again"), keeper);

        neighbours.release(link, gateway).await.expect("a released neighbour");
        assert!(!ip("neigh show 10.0.3.1 dev v").contains("managed"));
        assert!(mac(&watch.host).is_some(), "it is still known, but nobody cares");
        ip("neigh del 10.0.3.1 dev v");
        neighbours.release(link, gateway).await.expect("it is no error that it is gone");
    });
}
