//! What hosts do through an `nva` that forwards in XDP: TCP, traceroute and mtr, path MTU discovery, fragments, ICMP errors.
//! Sender, router and receiver are real kernels.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, ensure};
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::wait::wait_until;
use serde_json::Value;

use crate::chain::{BEYOND, BEYOND_HOST, BEYOND_HOST_IPV4, BEYOND_IPV4, Chain, NEAR_HOST, NEAR_HOST_IPV4, count};
use crate::common::PATIENCE;
use crate::common::netstat::{counted_ipv4, counted_ipv6};

/// A family, and who is who in it.
struct Family {
    ipv6: bool,
    near: IpAddr,
    /// The `nva` as the near host sees it.
    gateway: &'static str,
    beyond: IpAddr,
    /// The IP header's length.
    header: u32,
}

const FAMILIES: [Family; 2] = [
    Family {
        ipv6: false,
        near: IpAddr::V4(NEAR_HOST_IPV4),
        gateway: "10.0.1.1",
        beyond: IpAddr::V4(BEYOND_HOST_IPV4),
        header: 20,
    },
    Family {
        ipv6: true,
        near: IpAddr::V6(NEAR_HOST),
        gateway: "fd00:0:0:1::1",
        beyond: IpAddr::V6(BEYOND_HOST),
        header: 40,
    },
];

/// What iperf3 sends.
const BULK: u64 = 100_000_000;
/// What is compared octet by octet, each way.
const COMPARED: usize = 16 << 20;
/// The MTU that the way out has where it is smaller than that of Ethernet.
const SMALL_MTU: u32 = 1300;
/// Where the far host listens.
const PORT: u16 = 7008;
/// TCP's header with time stamps.
const TCP_HEADER: u32 = 32;

/// The chain with static routes and an `nva` without peers, forwarding in XDP; the link to the far host carries this much,
/// and the far host asks for segments that are as large as the near host's link allows.
fn running(egress_mtu: u32) -> (Chain, Process) {
    let chain = Chain::new();
    for namespace in [&chain.nva, &chain.far] {
        // Else errors are told as often as the time that a test takes allows.
        namespace.sysctl(&[("ipv4/icmp_ratelimit", "0"), ("ipv6/icmp/ratelimit", "0")]).expect("set");
    }
    let routes = format!(
        "link set eth0 mtu {egress_mtu}\nroute add {BEYOND_IPV4} via 10.0.2.2\nroute add {BEYOND} via fd00:0:0:2::2\n"
    );
    chain.nva.ip_batch(&routes).expect("routes");
    let routes = format!(
        "link set eth0 mtu {egress_mtu}\nroute add default via 10.0.2.1 advmss 1460\n\
         route add default via fd00:0:0:2::1 advmss 1440\n"
    );
    chain.far.ip_batch(&routes).expect("routes");
    let nva = chain.start("nva", &chain.nva, "asn = 65001\nrouter-id = \"10.0.0.1\"", &chain.xdp());
    for family in &FAMILIES {
        chain.wait_for_fast_path(&nva, &family.beyond.to_string());
    }
    (chain, nva)
}

/// What XDP and the `nva`'s kernel have counted.
struct Counted {
    xdp: Value,
    kernel: u64,
}

impl Counted {
    fn of(chain: &Chain, family: &Family) -> Counted {
        let (_, xdp) = chain.redirected().expect("counters");
        let kernel = if family.ipv6 {
            counted_ipv6(&chain.nva, "Ip6OutForwDatagrams")
        } else {
            counted_ipv4(&chain.nva, "ForwDatagrams")
        };
        Counted { xdp, kernel: kernel.expect("the kernel's counters") }
    }

    /// How many more of `what` met this end in XDP.
    fn more(&self, before: &Counted, reason: &str, what: &str) -> u64 {
        count(&self.xdp, reason, what) - count(&before.xdp, reason, what)
    }

    /// How many packets the kernel forwarded meanwhile.
    fn by_the_kernel(&self, before: &Counted) -> u64 {
        self.kernel - before.kernel
    }
}

#[test]
fn tcp_goes_through_xdp_and_arrives_intact() {
    let (chain, nva) = running(1500);
    for family in &FAMILIES {
        let before = Counted::of(&chain, family);
        let (sent, received) = iperf3(&chain, family);
        let after = Counted::of(&chain, family);
        // What is still under way when the last was sent is not counted as received.
        assert!(sent >= BULK && received > BULK / 4 * 3, "{sent} octets were sent, {received} arrived");
        let (packets, bytes) = (after.more(&before, "redirect", "packets"), after.more(&before, "redirect", "bytes"));
        println!(
            "{}: iperf3 brought {received} octets; XDP forwarded {packets} packets with {bytes} octets, the kernel {}",
            family.beyond,
            after.by_the_kernel(&before)
        );
        assert!(bytes > received && packets > received / 1500, "XDP forwarded {packets} with {bytes}: {}", after.xdp);
        assert_eq!(after.by_the_kernel(&before), 0, "{}\n{}", after.xdp, nva.log_tail());

        let before = after;
        let sender = transfer(&chain, family);
        assert_eq!(path_mtu(&sender, family), 1500);
        let after = Counted::of(&chain, family);
        let bytes = after.more(&before, "redirect", "bytes");
        assert!(bytes > 2 * COMPARED as u64, "XDP forwarded {bytes} octets: {}", after.xdp);
        assert_eq!(after.by_the_kernel(&before), 0, "{}\n{}", after.xdp, nva.log_tail());
    }
}

/// Octets that iperf3 sent from the near host to the far one, and that arrived.
fn iperf3(chain: &Chain, family: &Family) -> (u64, u64) {
    let to = family.beyond.to_string();
    let log = chain.directory.join(format!("iperf3-{}.log", family.header));
    let mut command = chain.far.command("iperf3").expect("a command");
    command.args(["--server", "--one-off", "--forceflush", "--bind", &to]);
    let server = chain.resources.process("iperf3", &mut command, &log).expect("iperf3 runs (package iperf3)");
    wait_until(PATIENCE, "iperf3 to listen", || {
        ensure!(server.log_tail().contains("Server listening"), "{}", server.log_tail());
        Ok(())
    })
    .expect("a server");
    let text = chain.near.run(&["iperf3", "--client", &to, "--bytes", &BULK.to_string(), "--json"]);
    let text = text.unwrap_or_else(|error| panic!("{error:#}\n{}", server.log_tail()));
    let report: Value = serde_json::from_str(&text).expect("a report");
    let octets = |way: &str| report["end"][way]["bytes"].as_u64().unwrap_or_else(|| panic!("no {way} in {report}"));
    (octets("sum_sent"), octets("sum_received"))
}

/// Sends different octets both ways at once over one connection, compares each with what was sent, and returns the near
/// end.
fn transfer(chain: &Chain, family: &Family) -> TcpStream {
    let far = SocketAddr::from((family.beyond, PORT));
    let listener = chain.far.enter(|| TcpListener::bind(far)).expect("a namespace").expect("listens");
    let near = chain.near.enter(|| TcpStream::connect_timeout(&far, PATIENCE)).expect("a namespace").expect("connects");
    let (far, _) = listener.accept().expect("a connection");
    thread::scope(|scope| {
        for (end, sent, expected) in [(&near, 1, 2), (&far, 2, 1)] {
            scope.spawn(move || send(end, sent));
            scope.spawn(move || receive(end, expected));
        }
    });
    near
}

/// Octets that only who knows the seed can tell from others.
fn octets(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut octets = vec![0; COMPARED];
    random.fill(&mut octets);
    octets
}

fn send(mut stream: &TcpStream, seed: u64) {
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(&octets(seed)).expect("sent");
}

fn receive(mut stream: &TcpStream, seed: u64) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut received = vec![0; COMPARED];
    stream.read_exact(&mut received).expect("received");
    assert!(received == octets(seed), "other octets arrived than were sent");
}

#[test]
fn traceroute_and_mtr_show_the_nva_as_a_hop() {
    let (chain, _nva) = running(1500);
    for family in &FAMILIES {
        let beyond = family.beyond.to_string();
        let expected = [family.gateway, beyond.as_str()];
        let before = Counted::of(&chain, family);
        // UDP to ports that nobody listens on, echo requests, TCP.
        for method in [&[][..], &["-I"], &["-T"]] {
            let words = [&["traceroute", "-n", "-q", "1", "-m", "4"], method, &[beyond.as_str()]].concat();
            let text = chain.near.run(&words).expect("traceroute (package traceroute)");
            let hops: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
            assert_eq!(hops, expected, "{text}");
        }
        let words = ["mtr", "--no-dns", "--json", "--report-cycles", "3", "--interval", "0.1", beyond.as_str()];
        let text = chain.near.run(&words).expect("mtr (package mtr-tiny)");
        let report: Value = serde_json::from_str(&text).expect("a report");
        let hubs = report["report"]["hubs"].as_array().unwrap_or_else(|| panic!("{report}"));
        let hops: Vec<&str> = hubs.iter().filter_map(|hub| hub["host"].as_str()).collect();
        assert_eq!(hops, expected, "{report}");
        assert!(hubs.iter().all(|hub| hub["Loss%"] == 0.0 && hub["Snt"] == 3), "{report}");

        // The kernel answered what ended here, and XDP forwarded what did not.
        let after = Counted::of(&chain, family);
        assert_eq!(after.more(&before, "ttl-expired", "packets"), 6, "{}", after.xdp);
        assert!(after.more(&before, "redirect", "packets") >= 12, "{}", after.xdp);
        assert_eq!(after.by_the_kernel(&before), 0, "{}", after.xdp);
    }
}

#[test]
fn path_mtu_discovery_works_through_xdp() {
    let (chain, nva) = running(SMALL_MTU);
    for family in &FAMILIES {
        let beyond = family.beyond.to_string();
        assert_eq!(known_path_mtu(&chain, family).expect("a route"), None);
        let before = Counted::of(&chain, family);
        // 1400 octets and the header of ICMP and IP: the kernel says from which address it is how much.
        let ping = ["ping", "-n", "-M", "do", "-c", "1", "-W", "2", "-s", "1400", &beyond];
        let output = chain.near.output(&ping).expect("ping runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = if family.ipv6 { "Packet too big: mtu=" } else { "Frag needed and DF set (mtu = " };
        let says = |line: &str| line.starts_with(&format!("From {} ", family.gateway)) && line.contains(told);
        assert!(text.lines().any(|line| says(line) && line.contains(&SMALL_MTU.to_string())), "{text}");
        assert_eq!(known_path_mtu(&chain, family).expect("a route"), Some(SMALL_MTU));
        let after = Counted::of(&chain, family);
        assert_eq!(after.more(&before, "too-big", "packets"), 1, "{}", after.xdp);
        // What fits exactly is XDP's again.
        let fits = (SMALL_MTU - family.header - 8).to_string();
        chain.near.run(&["ping", "-n", "-M", "do", "-c", "1", "-W", "2", "-s", &fits, &beyond]).expect("an answer");
        assert_eq!(Counted::of(&chain, family).more(&after, "redirect", "packets"), 2);

        // TCP, which knows nothing of it yet, finds out by itself.
        let ip = if family.ipv6 { "-6" } else { "-4" };
        chain.near.ip(&[ip, "route", "flush", "cache"]).expect("forgotten");
        assert_eq!(known_path_mtu(&chain, family).expect("a route"), None);
        let before = Counted::of(&chain, family);
        let sender = transfer(&chain, family);
        let after = Counted::of(&chain, family);
        assert_eq!(path_mtu(&sender, family), SMALL_MTU);
        assert_eq!(segment(&sender), SMALL_MTU - family.header - TCP_HEADER);
        assert_eq!(known_path_mtu(&chain, family).expect("a route"), Some(SMALL_MTU));
        let (too_big, forwarded) =
            (after.more(&before, "too-big", "packets"), after.more(&before, "redirect", "packets"));
        println!("{beyond}: {too_big} segments were too big, {forwarded} packets were forwarded by XDP");
        assert!(0 < too_big && too_big < 100, "{too_big} segments were too big: {}", after.xdp);
        assert!(forwarded > COMPARED as u64 / u64::from(SMALL_MTU), "{}", after.xdp);
        // Since Linux 6.6, it counts what is too big for forwarding, too.
        assert!(after.by_the_kernel(&before) <= too_big, "{}\n{}", after.xdp, nva.log_tail());
    }
}

/// What the near host has learned of the path.
fn known_path_mtu(chain: &Chain, family: &Family) -> anyhow::Result<Option<u32>> {
    let text = chain.near.ip(&["-json", "route", "get", &family.beyond.to_string()])?;
    let routes: Value = serde_json::from_str(&text)?;
    let metrics = routes[0]["metrics"].as_array().cloned().unwrap_or_default();
    let mtu = metrics.iter().find_map(|metric| metric["mtu"].as_u64());
    mtu.map(|mtu| u32::try_from(mtu).context("an MTU")).transpose()
}

/// The MTU of a connected socket's path, as its kernel knows it.
fn path_mtu(socket: &impl AsRawFd, family: &Family) -> u32 {
    if family.ipv6 {
        option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU)
    } else {
        option(socket, libc::IPPROTO_IP, libc::IP_MTU)
    }
}

/// The octets of data in a segment that a connection sends.
fn segment(socket: &TcpStream) -> u32 {
    option(socket, libc::IPPROTO_TCP, libc::TCP_MAXSEG)
}

fn option(socket: &impl AsRawFd, level: i32, name: i32) -> u32 {
    let mut value = 0u32;
    let mut length = size_of::<u32>() as u32;
    // SAFETY: the buffer is of the length that is said.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length) };
    assert_eq!(result, 0, "getsockopt: {}", std::io::Error::last_os_error());
    value
}

fn set_option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) {
    // SAFETY: the buffer is of the length that is said.
    let result = unsafe {
        let length = size_of::<i32>() as u32;
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    assert_eq!(result, 0, "setsockopt: {}", std::io::Error::last_os_error());
}

#[test]
fn mtus_of_routes_and_of_ipv6_are_kept_to() {
    let (chain, nva) = running(1500);
    let set = |narrow: &str| {
        let way = if narrow.starts_with("ipv6/") {
            chain.nva.sysctl(&[("ipv6/conf/eth0/mtu", "1300")])
        } else {
            chain.nva.ip_batch(&format!("route replace {narrow}\n"))
        };
        way.expect("set");
    };
    let ipv4 = format!("{BEYOND_IPV4} via 10.0.2.2");
    let ipv6 = format!("{BEYOND} via fd00:0:0:2::2");
    for (family, narrow) in [
        (&FAMILIES[0], format!("{ipv4} mtu 1300")),
        (&FAMILIES[0], format!("{ipv4} mtu lock 1300")),
        (&FAMILIES[1], format!("{ipv6} mtu 1300")),
        (&FAMILIES[1], format!("{ipv6} mtu lock 1300")),
        (&FAMILIES[1], "ipv6/conf/eth0/mtu".to_owned()),
    ] {
        // Forwarded in XDP, then told of as too big, and forwarded again.
        wait_until(PATIENCE, "large packets to pass", || full_pings(&chain, family, 1500)).expect("the fast path");
        set(&narrow);
        wait_until(PATIENCE, &format!("{narrow}: the limit of 1300"), || full_pings(&chain, family, SMALL_MTU))
            .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
        let wide = if family.ipv6 { &ipv6 } else { &ipv4 };
        chain.nva.ip_batch(&format!("route replace {wide}\n")).expect("set");
        chain.nva.sysctl(&[("ipv6/conf/eth0/mtu", "1500")]).expect("set");
    }
}

/// Makes sure that a packet of `mtu` octets is forwarded in XDP, and that of one octet more, if the link carries that, the
/// kernel says how much it may be.
fn full_pings(chain: &Chain, family: &Family, mtu: u32) -> anyhow::Result<()> {
    let ip = if family.ipv6 { "-6" } else { "-4" };
    chain.near.ip(&[ip, "route", "flush", "cache"])?;
    let beyond = family.beyond.to_string();
    let ping = |octets: u32| {
        let data = (octets - family.header - 8).to_string();
        chain.near.output(&["ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s", &data, &beyond])
    };
    let (before, _) = chain.redirected()?;
    ensure!(ping(mtu)?.status.success(), "no answer to {mtu} octets");
    let (after, counters) = chain.redirected()?;
    ensure!(after == before + 2, "{mtu} octets took another way: {counters}");
    ensure!(known_path_mtu(chain, family)?.is_none(), "{mtu} octets are too much");
    if mtu == 1500 {
        return Ok(());
    }
    ensure!(!ping(mtu + 1)?.status.success(), "{} octets pass", mtu + 1);
    let known = known_path_mtu(chain, family)?;
    ensure!(known == Some(mtu), "the path is known to carry {known:?}");
    let (last, counters) = chain.redirected()?;
    ensure!(last == after, "{} octets were forwarded: {counters}", mtu + 1);
    Ok(())
}

#[test]
fn what_may_be_fragmented_is_by_the_kernel_and_fragments_are_forwarded_by_xdp() {
    let (chain, nva) = running(SMALL_MTU);
    let ipv4 = &FAMILIES[0];
    let echo = Echo::start(&chain, ipv4);
    let socket = udp(&chain.near, ipv4.near);
    set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT);
    socket.connect(echo.address).expect("connected");

    let before = Counted::of(&chain, ipv4);
    let made = counted_ipv4(&chain.nva, "FragCreates").expect("a counter");
    for number in 0..50 {
        exchange(&socket, 1400, number);
    }
    let after = Counted::of(&chain, ipv4);
    assert_eq!(after.more(&before, "too-big", "packets"), 50, "{}\n{}", after.xdp, nva.log_tail());
    assert_eq!(counted_ipv4(&chain.nva, "FragCreates").expect("a counter") - made, 100);
    // Back come the fragments that the far host makes.
    assert_eq!(after.more(&before, "redirect", "packets"), 100, "{}", after.xdp);
    assert_eq!(path_mtu(&socket, ipv4), 1500, "nobody said anything of the path");
    drop((echo, chain));

    // What the sender has fragmented itself: three packets there, and three back, for each of 4000 octets.
    let (chain, nva) = running(1500);
    for family in &FAMILIES {
        let echo = Echo::start(&chain, family);
        let socket = udp(&chain.near, family.near);
        socket.connect(echo.address).expect("connected");
        let before = Counted::of(&chain, family);
        for number in 0..50 {
            exchange(&socket, 4000, number);
        }
        let after = Counted::of(&chain, family);
        assert_eq!(after.more(&before, "redirect", "packets"), 50 * 6, "{}\n{}", after.xdp, nva.log_tail());
        assert_eq!(after.by_the_kernel(&before), 0, "{}", after.xdp);
    }
}

/// A far host that sends each datagram back, until it is told to end by an empty one.
struct Echo {
    address: SocketAddr,
    socket: UdpSocket,
    thread: Option<thread::JoinHandle<()>>,
}

impl Echo {
    fn start(chain: &Chain, family: &Family) -> Echo {
        let socket = udp(&chain.far, family.beyond);
        let (address, echo) = (socket.local_addr().expect("bound"), socket.try_clone().expect("a second handle"));
        let thread = thread::spawn(move || {
            let mut datagram = [0; 8192];
            // The end: nothing came for long, or the sign.
            while let Ok((1.., from)) = echo.peek_from(&mut datagram) {
                let (length, _) = echo.recv_from(&mut datagram).expect("it is there");
                echo.send_to(&datagram[..length], from).expect("sent back");
            }
        });
        Echo { address, socket, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // To itself, over its own loopback interface.
        let told = self.socket.send_to(&[], self.address);
        if let Some(thread) = self.thread.take() {
            // Its own failure is seen by who waits for the answer.
            let _ = thread.join();
        }
        told.expect("the sign to end");
    }
}

fn udp(namespace: &Namespace, address: IpAddr) -> UdpSocket {
    let socket = namespace.enter(|| UdpSocket::bind((address, 0))).expect("a namespace").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// A datagram there and back.
fn exchange(socket: &UdpSocket, length: usize, number: u64) {
    let mut random = fastrand::Rng::with_seed(number);
    let (mut sent, mut received) = (vec![0; length], vec![0; 8192]);
    random.fill(&mut sent);
    socket.send(&sent).expect("sent");
    let length = socket.recv(&mut received).expect("it came back");
    assert!(received[..length] == sent, "datagram {number} came back with {length} octets, or others");
}

#[test]
fn icmp_errors_from_behind_come_back_through_xdp() {
    let (chain, nva) = running(1500);
    let refuse = "link add narrow mtu 1300 type veth peer name other\nlink set narrow up\nlink set other up\n\
                  route add unreachable 10.61.0.0/24\nroute add unreachable 2001:db8:61::/48\n\
                  route add 10.62.0.0/24 dev narrow\nroute add 2001:db8:62::/48 dev narrow\n";
    chain.far.ip_batch(refuse).expect("routes");
    let lead = "route add 10.61.0.0/24 via 10.0.2.2\nroute add 2001:db8:61::/48 via fd00:0:0:2::2\n\
                route add 10.62.0.0/24 via 10.0.2.2\nroute add 2001:db8:62::/48 via fd00:0:0:2::2\n";
    chain.nva.ip_batch(lead).expect("routes");
    for (family, refused, narrow) in
        [(&FAMILIES[0], "10.61.0.1", "10.62.0.1"), (&FAMILIES[1], "2001:db8:61::1", "2001:db8:62::1")]
    {
        for host in [refused, narrow] {
            wait_until(PATIENCE, "XDP to have the route", || {
                let explained = chain.ask(&["explain", host])?;
                let action = explained["xdp"]["action"].as_str().unwrap_or_default();
                ensure!(action.starts_with("forward by"), "{explained}");
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
        }
        let before = Counted::of(&chain, family);
        // A router beyond has no way: host unreachable, or no route. First, for that is limited in rate whatever the settings.
        let refused: IpAddr = refused.parse().expect("an address");
        let error = answer(&chain, family, (refused, PORT).into(), 100);
        assert!(matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable), "{error}");
        // Nobody listens there: port unreachable.
        let error = answer(&chain, family, (family.beyond, PORT).into(), 100);
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        // A router beyond has a way that is too narrow.
        let narrow: IpAddr = narrow.parse().expect("an address");
        let error = answer(&chain, family, (narrow, PORT).into(), 1400);
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE), "{error}");
        let learned = known_path_mtu(&chain, &Family { beyond: narrow, ..*family });
        assert_eq!(learned.expect("a route"), Some(SMALL_MTU));

        // Each, and the error about it.
        let after = Counted::of(&chain, family);
        assert_eq!(after.more(&before, "redirect", "packets"), 6, "{}\n{}", after.xdp, nva.log_tail());
        assert_eq!(after.by_the_kernel(&before), 0, "{}", after.xdp);
    }
}

/// The error that a datagram of this length, which must not be fragmented, meets.
fn answer(chain: &Chain, family: &Family, to: SocketAddr, length: usize) -> std::io::Error {
    let socket = udp(&chain.near, family.near);
    let (level, name, recverr) = if family.ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_RECVERR)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_RECVERR)
    };
    set_option(&socket, level, name, libc::IP_PMTUDISC_DO);
    set_option(&socket, level, recverr, 1);
    socket.connect(to).expect("connected");
    socket.send(&vec![7; length]).expect("sent");
    socket.recv(&mut [0; 8]).expect_err("an error instead of an answer")
}
