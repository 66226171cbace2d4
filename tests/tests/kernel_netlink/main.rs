//! The kernel's side of routing against a real kernel: every test has a network namespace of its own, which ends with
//! the test's thread.

mod fib;
mod neighbours;
mod routes;

use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nva::fib::{Fib, FibConfig, FibItem, FibRoute};
use nva::host::{Hop, HostEvent, HostState, RouteKind, Via};
use nva::kernel::{Monitor, MonitorConfig};
use nva::net::Prefix;

const DEADLINE: Duration = Duration::from_secs(20);
/// Without a word from the kernel for so long, everything that it said has arrived.
const QUIET: Duration = Duration::from_millis(200);

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

    /// Applies one event, which a FIB follows.
    async fn one_event(&mut self, fib: &mut Fib) {
        let next = tokio::time::timeout(DEADLINE, self.monitor.next()).await;
        let event = next.expect("an event in time").expect("an event").expect("no error");
        self.apply(event, Some(fib));
    }

    fn apply(&mut self, event: HostEvent, fib: Option<&mut Fib>) {
        if let HostEvent::RouteRemoved(route) = &event
            && FibConfig::default().is_ours(route)
        {
            self.removed.push(route.prefix);
        }
        let everything = matches!(event, HostEvent::Resync(_));
        let delta = self.host.apply(event);
        let Some(fib) = fib else { return };
        if everything {
            fib.adopt(&self.host);
        }
        fib.host_changed(&delta, &self.host);
    }

    /// The same, with a FIB that follows.
    async fn drive(&mut self, mut fib: Option<&mut Fib>, what: &str, expected: impl Fn(&HostState) -> bool) {
        let waiting = async {
            while !expected(&self.host) {
                let event = self.monitor.next().await.expect("an event").expect("no error");
                self.apply(event, fib.as_deref_mut());
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(in_time.is_ok(), "{what}: not within {DEADLINE:?}; routes:\n{}", ip("route show table all"));
    }

    /// The state that events made is the one that the kernel tells a newcomer, as soon as all events have arrived and
    /// nothing changes by itself any more, as IPv6 does for a while after a link is up.
    async fn assert_true(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut other = Monitor::start(MonitorConfig::default()).expect("a monitor");
            let mut truth = HostState::default();
            truth.apply(other.next().await.expect("an event").expect("no error"));
            let truth = everything(&truth);
            while everything(&self.host) != truth {
                match tokio::time::timeout(QUIET, self.monitor.next()).await {
                    Ok(event) => self.apply(event.expect("an event").expect("no error"), None),
                    Err(_) => break,
                }
            }
            let found = everything(&self.host);
            if found == truth {
                return;
            }
            assert!(Instant::now() < deadline, "the state is {found:#?}, the truth {truth:#?}");
        }
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

/// A route of ours with hops of its own.
fn route(net: &str, hops: &[Hop]) -> FibItem {
    let FibConfig { table, metric, protocol } = FibConfig::default();
    let mut hops = hops.to_vec();
    hops.sort();
    FibItem::Route(FibRoute { prefix: prefix(net), table, metric, protocol, via: Via::Hops(hops) })
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
