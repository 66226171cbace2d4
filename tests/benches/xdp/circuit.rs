//! The network: whoever makes the packets, a router, and whoever takes the packets out again.
//!
//! ```text
//! maker wire (10.1.0.2) ──── in (10.1.0.1) router out (10.2.0.1) ──── wire taker
//! ```
//! Two pairs of veth interfaces. Through two NICs, packets go from the maker to the taker; through one, they come back to the
//! maker. Everything runs on one CPU, in one call: a frame is made in a batch of 64, and the whole batch has come through
//! before the next is made, so that no queue ever fills up.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aya::Ebpf;
use aya::maps::{Array, DevMap, MapData, PerCpuArray};
use aya::programs::xdp::XdpLinkId;
use aya::programs::{Program, TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode};
use nix::net::if_::if_nametoindex;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use nva::net::AfiSafi;
use nva_common::header::{Ethernet, Ipv4, Ipv6, ethertype};
use nva_common::traffic::{
    DESTINATION_WORDS, DESTINATIONS, Destinations, EXPECTED, Expected, RECEIVED, Received, TARGET, TEMPLATE, Template,
};
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::resources::Resources;
use nva_tests::route_set::{GATEWAYS, RouteSet};

/// The end hosts' only interface.
const WIRE: &str = "wire";
/// The router's interfaces.
pub const IN: &str = "in";
pub const OUT: &str = "out";

const MAKER_MAC: [u8; 6] = [2, 0, 0, 0, 1, 2];
const IN_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const OUT_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];
const TAKER_MAC: [u8; 6] = [2, 0, 0, 0, 2, 2];

/// Octets of a frame without its checksum: the shortest that Ethernet allows, or the shortest with an IPv6 and a UDP header.
const FRAME_4: usize = 60;
const FRAME_6: usize = 62;
/// TTL or hop limit of a new packet.
const HOP_LIMIT: u8 = 64;
const UDP: u8 = 17;
/// Frames that are under way together.
pub const BATCH: u32 = 64;

/// Through how many interfaces of the router packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    TwoNics,
    Hairpin,
}

impl Way {
    /// The interface that packets leave the router by, the number of its network, and the MAC of everybody there.
    pub fn egress(self) -> (&'static str, u8, [u8; 6]) {
        match self {
            Way::TwoNics => (OUT, 2, TAKER_MAC),
            Way::Hairpin => (IN, 1, MAKER_MAC),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Way::TwoNics => "two NICs",
            Way::Hairpin => "hairpin",
        })
    }
}

/// Where packets are taken out of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As soon as they arrive at the router: what is left is what the benchmark itself costs.
    Router,
    /// Where the routes lead.
    Destination,
}

/// What a measurement showed.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Nanoseconds a packet.
    pub cost: f64,
    /// Packets that did not come out, or not as they should.
    pub lost: u64,
}

/// All of it. What was made goes with it.
pub struct Circuit {
    pub router: Namespace,
    way: Way,
    family: AfiSafi,
    maker: Namespace,
    taker: Namespace,
    traffic: Ebpf,
    directory: PathBuf,
    _resources: Resources,
}

impl Circuit {
    /// Builds it, with neighbours that are resolved for good, and loads the programs of this object.
    pub fn build(object: &Path, way: Way, routes: &RouteSet) -> anyhow::Result<Circuit> {
        let instance = Instance::unique();
        let resources = Resources::new(&instance)?;
        let namespace = |name: &str| resources.namespace(&instance.namespace_name(name));
        let (maker, router, taker) = (namespace("maker")?, namespace("router")?, namespace("taker")?);
        for host in [&maker, &router, &taker] {
            quieten(host)?;
        }
        link((&router, IN, IN_MAC), (&maker, MAKER_MAC))?;
        link((&router, OUT, OUT_MAC), (&taker, TAKER_MAC))?;
        let mut lines = String::new();
        for (interface, net) in [(IN, 1), (OUT, 2)] {
            lines +=
                &format!("addr add 10.{net}.0.1/24 dev {interface}\naddr add fd00:{net}::1/64 dev {interface} nodad\n");
        }
        let (egress, net, mac) = way.egress();
        for gateway in 0..GATEWAYS {
            for address in [format!("10.{net}.0.{}", gateway + 2), format!("fd00:{net}::{:x}", gateway + 2)] {
                lines += &format!("neigh add {address} lladdr {} dev {egress} nud permanent\n", text(mac));
            }
        }
        router.ip_batch(&lines)?;
        let directory = instance.directory().join("bpf");
        resources.bpffs(&directory)?;
        let traffic = Ebpf::load_file(object).with_context(|| format!("cannot load {}", object.display()))?;
        let family = routes.family;
        let mut circuit = Circuit { router, way, family, maker, taker, traffic, directory, _resources: resources };
        circuit.prepare(routes)?;
        Ok(circuit)
    }

    /// Where to pin.
    pub fn pins(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Has packets taken out there from now on, which no other program may do. `dataplane`s are to be attached afterwards.
    pub fn take_at(&mut self, end: End) -> anyhow::Result<Taking> {
        let (place, interface, mac, hops) = match (end, self.way) {
            (End::Router, _) => (&self.router, IN, IN_MAC, 0),
            (End::Destination, Way::TwoNics) => (&self.taker, WIRE, TAKER_MAC, 1),
            (End::Destination, Way::Hairpin) => (&self.maker, WIRE, MAKER_MAC, 1),
        };
        let index = index(place, interface)?;
        let expected = Expected { mac: words(mac), hop_limit: (HOP_LIMIT - hops).into() };
        array::<Expected>(&mut self.traffic, EXPECTED)?.set(0, expected, 0)?;
        let program = program(&mut self.traffic, receiver(self.family))?;
        // Interface indexes are those of the thread's namespace.
        let link =
            place.enter(|| program.attach_to_if_index(index, XdpMode::Driver))?.context("attach the receiver")?;
        Ok(Taking { link })
    }

    /// The opposite.
    pub fn take_no_more(&mut self, taking: Taking) -> anyhow::Result<()> {
        program(&mut self.traffic, receiver(self.family))?.detach(taking.link).context("detach the receiver")
    }

    /// Sends so many packets and waits for them.
    pub fn send(&mut self, packets: u32) -> anyhow::Result<Measured> {
        let before = self.received()?;
        let program = program(&mut self.traffic, sender(self.family))?;
        let frame = [0; FRAME_6];
        let length = match self.family {
            AfiSafi::Ipv4Unicast => FRAME_4,
            AfiSafi::Ipv6Unicast => FRAME_6,
        };
        let options = TestRunOptions {
            data_in: frame.get(..length),
            repeat: packets,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        };
        // What the kernel measures is the time that a packet takes, without the preparations for the first, and in whole
        // nanoseconds.
        let cost = program.test_run(options).context("run the sender")?.duration;
        let after = self.received()?;
        let (right, wrong) = (after.right - before.right, after.wrong - before.wrong);
        let lost = u64::from(packets).checked_sub(right).context("more packets came than were sent")? + wrong;
        Ok(Measured { cost: cost.as_nanos() as f64, lost })
    }

    fn received(&mut self) -> anyhow::Result<Received> {
        let map = self.traffic.map_mut(RECEIVED).context(RECEIVED)?;
        let values = PerCpuArray::<_, Received>::try_from(map)?.get(&0, 0)?;
        let add =
            |sum: Received, one: &Received| Received { right: sum.right + one.right, wrong: sum.wrong + one.wrong };
        Ok(values.iter().fold(Received::default(), add))
    }

    fn prepare(&mut self, routes: &RouteSet) -> anyhow::Result<()> {
        for name in [sender(self.family), receiver(self.family)] {
            program(&mut self.traffic, name)?.load().with_context(|| format!("load {name}"))?;
        }
        array::<Template>(&mut self.traffic, TEMPLATE)?.set(0, template(self.family), 0)?;
        let destinations: Box<Destinations> =
            routes.destinations().into_boxed_slice().try_into().ok().context("not as many as there should be")?;
        array::<[u32; DESTINATION_WORDS]>(&mut self.traffic, DESTINATIONS)?.set(0, destinations, 0)?;
        let wire = index(&self.maker, WIRE)?;
        let map = self.traffic.map_mut(TARGET).context(TARGET)?;
        let mut target = DevMap::try_from(map)?;
        self.maker.enter(|| target.set(0, wire, None, 0))??;
        Ok(())
    }
}

/// The receiver's place.
pub struct Taking {
    link: XdpLinkId,
}

/// Lets only this CPU run the thread from now on.
pub fn pin_to_cpu(cpu: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot run on CPU {cpu} alone"))
}

/// One of an object's programs.
pub fn program<'a>(object: &'a mut Ebpf, name: &str) -> anyhow::Result<&'a mut Xdp> {
    match object.program_mut(name) {
        Some(Program::Xdp(program)) => Ok(program),
        Some(_) | None => bail!("the object has no XDP program {name}"),
    }
}

/// The index of an interface.
pub fn index(namespace: &Namespace, interface: &str) -> anyhow::Result<u32> {
    namespace.enter(|| if_nametoindex(interface))?.with_context(|| format!("no {interface} in {}", namespace.name()))
}

fn array<'a, T: aya::Pod>(object: &'a mut Ebpf, name: &str) -> anyhow::Result<Array<&'a mut MapData, T>> {
    let map = object.map_mut(name).with_context(|| format!("the object has no map {name}"))?;
    Array::try_from(map).with_context(|| format!("{name} is no array"))
}

fn sender(family: AfiSafi) -> &'static str {
    match family {
        AfiSafi::Ipv4Unicast => "send_ipv4",
        AfiSafi::Ipv6Unicast => "send_ipv6",
    }
}

fn receiver(family: AfiSafi) -> &'static str {
    match family {
        AfiSafi::Ipv4Unicast => "receive_ipv4",
        AfiSafi::Ipv6Unicast => "receive_ipv6",
    }
}

/// What every packet begins with: UDP from 10.1.0.2 or fd00:1::2.
fn template(family: AfiSafi) -> Template {
    let ethertype = match family {
        AfiSafi::Ipv4Unicast => ethertype::IPV4,
        AfiSafi::Ipv6Unicast => ethertype::IPV6,
    };
    let mut ipv4 = [0u16; 10];
    let length = (FRAME_4 - size_of::<Ethernet>()) as u16;
    (ipv4[0], ipv4[1]) = (0x4500_u16.to_be(), length.to_be());
    ipv4[4] = u16::from_ne_bytes([HOP_LIMIT, UDP]);
    (ipv4[6], ipv4[7]) = (0x0a01_u16.to_be(), 2_u16.to_be());
    let sum: u32 = ipv4.iter().map(|word| u32::from(*word)).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ipv4[5] = !((sum & 0xffff) + (sum >> 16)) as u16;
    let mut ipv6 = [0u16; 20];
    let length = (FRAME_6 - size_of::<Ethernet>() - Ipv6::LEN) as u16;
    (ipv6[0], ipv6[2]) = (0x6000_u16.to_be(), length.to_be());
    ipv6[3] = u16::from_ne_bytes([UDP, HOP_LIMIT]);
    (ipv6[4], ipv6[5], ipv6[11]) = (0xfd00_u16.to_be(), 1_u16.to_be(), 2_u16.to_be());
    let ethernet = Ethernet { destination: words(IN_MAC), source: words(MAKER_MAC), ethertype };
    Template { ethernet, ipv4: Ipv4(ipv4), ipv6: Ipv6(ipv6) }
}

fn words([a, b, c, d, e, f]: [u8; 6]) -> [u16; 3] {
    [[a, b], [c, d], [e, f]].map(u16::from_ne_bytes)
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// No packet is sent that the benchmark does not make, and none is refused for where it comes from.
fn quieten(host: &Namespace) -> anyhow::Result<()> {
    host.sysctl(&[
        ("ipv4/ip_forward", "1"),
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/default/rp_filter", "0"),
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/default/send_redirects", "0"),
        ("ipv6/conf/all/disable_ipv6", "0"),
        ("ipv6/conf/default/disable_ipv6", "0"),
        ("ipv6/conf/all/forwarding", "1"),
        ("ipv6/conf/default/accept_dad", "0"),
        ("ipv6/conf/default/accept_ra", "0"),
        ("ipv6/conf/default/router_solicitations", "0"),
    ])
}

/// A pair of interfaces that take redirected frames: the receiving end of a veth pair does so with GRO, or with a program.
fn link(router: (&Namespace, &str, [u8; 6]), host: (&Namespace, [u8; 6])) -> anyhow::Result<()> {
    let ((router, interface, mac), (host, host_mac)) = (router, host);
    router.ip_batch(&format!(
        "link add {interface} address {} type veth peer name {WIRE} address {} netns {}\n",
        text(mac),
        text(host_mac),
        host.name()
    ))?;
    for (namespace, interface) in [(router, interface), (host, WIRE)] {
        namespace.run(&["ethtool", "-K", interface, "gro", "on"])?;
        namespace.ip(&["link", "set", "dev", interface, "up"])?;
    }
    Ok(())
}
