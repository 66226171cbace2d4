//! Attaching, letting go, and what a new process makes of what a former one left.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nva::fib::mirror::{GroupState, Mirror};
use nva::xdp::{Capacity, Dataplane, Mode, XdpError, XdpOptions};
use nva_common::Reason;

use crate::machine::{INTERFACES, MACS, Machine, kernel_state};
use crate::support::netns::{BpfFs, NetNs};
use crate::support::packet::{Packet, Packet6};
use crate::support::stream::Stream;

const PATIENCE: Duration = Duration::from_secs(20);

pub fn count(dataplane: &Dataplane, reason: Reason) -> u64 {
    let stats = dataplane.stats().expect("counters");
    stats.reasons.iter().find(|found| found.reason == reason).expect("every reason").counters.packets
}

fn options(bpffs: &Path) -> XdpOptions {
    XdpOptions {
        bpffs: bpffs.to_owned(),
        capacity: Capacity { blocks: 16, nodes: 32, groups: 64, next_hops: 64 },
        ..XdpOptions::default()
    }
}

#[test]
fn a_restart_loses_no_packet() {
    let machine = Machine::new();
    let bpffs = BpfFs::new();
    machine.router.ip("route add 192.0.2.0/24 via 10.2.0.2");
    machine.router.ip("route add 192.0.2.7/32 via 10.2.0.3");
    let template = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [192, 0, 2, 7].into());
    let stream = Stream::new();
    thread::scope(|scope| {
        let stop = stream.stopping();
        let (first, mirror) = machine.router.run(|| Machine::dataplane(bpffs.path()));
        scope.spawn(|| stream.send(&machine.wires[0], &template));
        scope.spawn(|| stream.receive(&machine.wires[1], template.source));
        stream.more(500, "with the first process");
        // What happens to a killed process, as far as the kernel can tell: its descriptors and mappings go.
        drop((first, mirror));
        stream.more(500, "without a process");
        machine.router.ip("neighbour change 10.2.0.3 lladdr 02:00:00:0a:0a:0a nud permanent dev out1");
        machine.router.run(|| {
            let mut second = Dataplane::open(&options(bpffs.path())).expect("open again");
            assert!(second.is_adopted());
            stream.more(500, "before the second process knows anything");
            for interface in INTERFACES {
                let index = nix::net::if_::if_nametoindex(interface).expect(interface);
                let attached = second.attach(index, interface).expect("attach again");
                assert!(attached.adopted && attached.mode == Mode::Native);
            }
            let mut mirror = Mirror::new(second.attached().map(|(_, index)| index).collect());
            mirror.rebuild(&kernel_state());
            second.replace(&mirror.everything()).expect("fill again");
            stream.more(500, "with the second process");
            let hops = second.lookup([192, 0, 2, 7].into()).expect("a lookup").hops;
            assert_eq!(
                hops[0].next_hop.map(|hop| hop.destination_mac),
                Some([2, 0, 0, 10, 10, 10]),
                "learnt after all"
            );
            let sent = stop.and_count();
            // The kernel has the same route: so it has to be shown that it did not need it.
            assert_eq!(count(&second, Reason::Redirect), sent, "all went the fast path");
        });
    });
    let interfaces = Dataplane::remove(bpffs.path()).expect("remove");
    assert_eq!(interfaces, INTERFACES);
}

#[test]
fn what_is_the_same_keeps_its_slots_and_counters() {
    let machine = Machine::new();
    let bpffs = BpfFs::new();
    machine.router.ip("route add 192.0.2.0/24 via 10.2.0.2");
    machine.router.ip("route add 2001:db8:7::/48 via fd00:2::2");
    machine.router.ip("route add default via fd00:3::2");
    machine.router.run(|| {
        let (first, _) = Machine::dataplane(bpffs.path());
        let usage = first.usage();
        assert!(usage.nodes.0 > 0, "there are IPv6 routes: {usage:?}");
        machine.wires[0].send(&Packet::udp(MACS[0], [11, 0, 0, 1].into(), [10, 1, 0, 1].into()).frame());
        let (source, destination) = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], [0xfd00, 1, 0, 0, 0, 0, 0, 1]);
        machine.wires[0].send(&Packet6::udp(MACS[0], source.into(), destination.into()).frame());
        let local = ["10.1.0.1/32", "fd00:1::1/128"].map(|own| GroupState::Local(own.parse().expect(own)));
        let counted = |dataplane: &Dataplane| {
            let groups = dataplane.stats().expect("counters").groups;
            let group = |state: &GroupState| groups.iter().find(|group| group.state == *state).expect("a local group");
            local.each_ref().map(|state| (group(state).slot, group(state).counters))
        };
        let end = Instant::now() + PATIENCE;
        while counted(&first).iter().any(|(_, counters)| counters.packets == 0) {
            assert!(Instant::now() < end, "not both packets were counted");
            thread::yield_now();
        }
        let before = counted(&first);
        drop(first);
        let (mut second, mirror) = Machine::dataplane(bpffs.path());
        assert_eq!(counted(&second), before);
        assert_eq!(second.usage(), usage, "nothing was allocated anew");
        second.replace(&mirror.everything()).expect("an audit");
        assert_eq!(second.usage(), usage, "nor by doing it again");
    });
}

#[test]
fn generic_mode_is_a_warning_and_a_foreign_program_an_error() {
    let router = NetNs::new();
    router.ip("link add name taken type veth peer name other");
    let (bpffs, foreign) = (BpfFs::new(), BpfFs::new());
    let (loopback, taken) = (router.index("lo"), router.index("taken"));
    router.run(|| {
        let mut dataplane = Dataplane::open(&options(bpffs.path())).expect("open");
        let attached = dataplane.attach(loopback, "lo").expect("attach");
        assert_eq!(attached.mode, Mode::Generic);
        assert!(attached.warnings.iter().any(|warning| warning.contains("generic")), "{attached:?}");
        let mut other = Dataplane::open(&options(foreign.path())).expect("open another");
        other.attach(taken, "taken").expect("attach");
        assert!(matches!(dataplane.attach(taken, "taken"), Err(XdpError::Busy { .. })));
        other.detach("taken").expect("detach");
        assert!(!other.is_attached("taken"));
        assert_eq!(dataplane.attach(taken, "taken").expect("attach").mode, Mode::Native);
        assert!(matches!(dataplane.attach(1 << 16, "far"), Err(XdpError::InterfaceIndex { .. })));
        drop(dataplane);
        let mut again = Dataplane::open(&options(bpffs.path())).expect("open again");
        assert_eq!(again.attach(loopback, "lo").expect("attach").mode, Mode::Generic, "remembered");
        assert_eq!(
            again.detach_except(|name| name == "lo").expect("detach"),
            ["taken"],
            "which this process never had"
        );
        assert!(again.is_attached("lo"));
        other.attach(taken, "taken").expect("it is free");
    });
}

#[test]
fn a_device_that_came_back_is_attached_to_anew() {
    let router = NetNs::new();
    let bpffs = BpfFs::new();
    let make = || router.ip("link add name v0 type veth peer name v1");
    make();
    router.run(|| {
        let mut first = Dataplane::open(&options(bpffs.path())).expect("open");
        first.attach(router.index("v0"), "v0").expect("attach");
        router.ip("link del dev v0");
        make();
        assert!(!first.is_attached("v0"));
        assert_eq!(first.audit().expect("audit"), ["v0"]);
        assert!(!first.attach(router.index("v0"), "v0").expect("attach").adopted);
        assert!(first.is_attached("v0"));
        drop(first);
        router.ip("link del dev v0");
        make();
        let mut second = Dataplane::open(&options(bpffs.path())).expect("open again");
        assert!(!second.attach(router.index("v0"), "v0").expect("attach").adopted, "the old link was dead");
        assert!(second.is_attached("v0"));
    });
}

#[test]
fn maps_of_another_layout_are_refused() {
    let router = NetNs::new();
    let bpffs = BpfFs::new();
    router.run(|| {
        drop(Dataplane::open(&options(bpffs.path())).expect("open"));
        let version = bpffs.path().join(format!("v{}", nva_common::LAYOUT_VERSION));
        std::fs::remove_file(version.join(nva_common::GROUPS)).expect("unpin");
        std::fs::rename(version.join(nva_common::CONFIG), version.join(nva_common::GROUPS)).expect("another map there");
        let error = Dataplane::open(&options(bpffs.path())).err().expect("refused");
        assert!(matches!(error, XdpError::Layout { .. }), "{error}");
        assert!(error.to_string().contains("nva xdp detach"), "{error}");
    });
}

#[test]
fn sizes_of_a_former_process_are_kept() {
    let router = NetNs::new();
    let bpffs = BpfFs::new();
    router.run(|| {
        drop(Dataplane::open(&options(bpffs.path())).expect("open"));
        let larger = XdpOptions { capacity: Capacity::default(), ..options(bpffs.path()) };
        let usage = Dataplane::open(&larger).expect("open again").usage();
        assert_eq!((usage.blocks, usage.nodes), ((0, 16), (0, 32)));
    });
}

#[test]
fn a_link_of_another_version_runs_the_new_program_without_a_gap() {
    let machine = Machine::new();
    let bpffs = BpfFs::new();
    machine.router.run(|| {
        drop(Machine::dataplane(bpffs.path()));
        let ours = bpffs.path().join(format!("v{}", nva_common::LAYOUT_VERSION));
        let older = bpffs.path().join("v0");
        std::fs::rename(&ours, &older).expect("as if another version had made it");
        let mut dataplane = Dataplane::open(&options(bpffs.path())).expect("open");
        assert!(!dataplane.is_adopted(), "its maps are not ours to read");
        let index = nix::net::if_::if_nametoindex("in").expect("in");
        assert!(dataplane.attach(index, "in").expect("attach").adopted);
        assert!(ours.join("link_in").exists() && !older.join("link_in").exists());
        let end = Instant::now() + PATIENCE;
        machine.wires[0].send(&Packet::udp(MACS[0], [11, 0, 0, 1].into(), [10, 1, 0, 1].into()).frame());
        // Nobody told the MAC yet.
        while count(&dataplane, Reason::NotOurMac) == 0 {
            assert!(Instant::now() < end, "the link runs the old program");
            thread::yield_now();
        }
        drop(dataplane);
        let mut interfaces = Dataplane::remove(bpffs.path()).expect("remove");
        interfaces.sort();
        assert_eq!(interfaces, INTERFACES, "of every version");
        assert!(!ours.exists() && !older.exists());
        assert_eq!(Dataplane::remove(bpffs.path()).expect("nothing left"), [""; 0]);
    });
}
