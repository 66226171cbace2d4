//! An audit of the tables: what somebody else wrote into the maps is found and written over.

use std::path::{Path, PathBuf};

use aya::Pod;
use aya::maps::{Array, DevMap, Map, MapData};
use nva::xdp::{Dataplane, Repaired};
use nva_common::table6::NODE_WORDS;
use nva_common::{
    BLOCK_ENTRIES, DEVICES, GROUPS, Group, GroupKind, LAYOUT_VERSION, NEXT_HOPS, NODES_6, NextHop, PORTS, Port, TABLE_8,
};

use crate::machine::{MACS, Machine};
use crate::support::bpf::Program;
use crate::support::netns::BpfFs;
use crate::support::packet::{Packet, Packet6};

const XDP_REDIRECT: u32 = 4;

fn pinned(bpffs: &Path, name: &str) -> Map {
    let path: PathBuf = bpffs.join(format!("v{LAYOUT_VERSION}")).join(name);
    let data = MapData::from_pin(path).expect(name);
    if name == DEVICES { Map::DevMap(data) } else { Map::Array(data) }
}

/// Writes over the first element of an array of which `is_meant` holds.
fn write<T: Pod>(bpffs: &Path, name: &str, is_meant: impl Fn(&T) -> bool, other: impl Fn(T) -> T) {
    let mut array: Array<MapData, T> = pinned(bpffs, name).try_into().expect(name);
    let found = (0..array.len()).find_map(|index| {
        let value = array.get(&index, 0).expect(name);
        is_meant(&value).then_some((index, value))
    });
    let (index, value) = found.unwrap_or_else(|| panic!("no such element in {name}"));
    array.set(index, other(value), 0).expect(name);
}

/// What an audit finds, and that the next one finds nothing.
#[track_caller]
fn repaired(dataplane: &mut Dataplane, ops: &[nva::fib::mirror::XdpOp]) -> u64 {
    let found = dataplane.repair(ops).expect("an audit");
    assert_eq!(dataplane.repair(ops).expect("another"), Repaired { entries: 0, applied: found.applied });
    found.entries
}

#[test]
fn what_others_wrote_into_the_maps_is_written_over() {
    let machine = Machine::new();
    let bpffs = BpfFs::new();
    machine.router.ip("route add 192.0.2.0/24 via 10.2.0.2");
    machine.router.ip("route add 192.0.2.7/32 via 10.2.0.3");
    machine.router.ip("route add 2001:db8:7::/48 via fd00:2::2");
    // Two groups that are alike: nobody has asked for these neighbours.
    machine.router.ip("route add 198.51.100.0/25 via 10.2.0.101");
    machine.router.ip("route add 198.51.100.128/25 via 10.2.0.102");
    let (ingress, egress) = (machine.router.index("in"), machine.router.index("out1"));
    machine.router.run(|| {
        let (mut dataplane, mirror) = Machine::dataplane(bpffs.path());
        let ops = mirror.everything();
        let forwarder = Program::by_id(dataplane.forwarder_id());
        let to_host = Packet::udp(MACS[0], [11, 0, 0, 1].into(), [192, 0, 2, 7].into());
        let (from, to) = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], [0x2001, 0xdb8, 7, 0, 0, 0, 0, 1]);
        let to_net6 = Packet6::udp(MACS[0], from.into(), to.into());
        let forwarded = [
            to_host.forwarded([2, 0, 0, 1, 2, 3], MACS[1]).frame(),
            to_net6.forwarded([2, 0, 0, 1, 2, 2], MACS[1]).frame(),
        ];
        let run = |frame: Vec<u8>| forwarder.run(&frame, ingress);
        let both = || [run(to_host.frame()), run(to_net6.frame())];
        let right = forwarded.map(|frame| (XDP_REDIRECT, frame));
        assert_eq!(both(), right);
        assert_eq!(repaired(&mut dataplane, &ops), 0, "nobody wrote anything yet");

        let path = bpffs.path();
        let cases: [(&str, u64, &dyn Fn()); 6] = [
            (GROUPS, 1, &|| {
                let forwards = |group: &Group| group.kind == GroupKind::Forward as u32;
                write(path, GROUPS, forwards, |group| Group { kind: GroupKind::Blackhole as u32, ..group });
            }),
            (NEXT_HOPS, 1, &|| {
                let is_meant = |hop: &NextHop| hop.destination_mac == [2, 0, 0, 1, 2, 3];
                write(path, NEXT_HOPS, is_meant, |hop| NextHop { mtu: 1, ..hop });
            }),
            (PORTS, 1, &|| {
                let is_meant = |port: &Port| port.mac == MACS[0];
                write(path, PORTS, is_meant, |port| Port { mac: [9; 6], ..port });
            }),
            (TABLE_8, BLOCK_ENTRIES as u64, &|| {
                let used = |block: &[u32; BLOCK_ENTRIES]| block.iter().any(|word| *word != 0);
                write(path, TABLE_8, used, |_| [1; BLOCK_ENTRIES]);
            }),
            // A word of a block that leads nowhere is nobody's: only those of nodes count.
            (NODES_6, 2, &|| {
                let used = |block: &[u64; NODE_WORDS]| block.iter().any(|word| *word != 0);
                write(path, NODES_6, used, |_| [1; NODE_WORDS]);
            }),
            (DEVICES, 1, &|| {
                let mut devices: DevMap<MapData> = pinned(path, DEVICES).try_into().expect(DEVICES);
                devices.set(egress, ingress, None, 0).expect("another device");
            }),
        ];
        for (name, least, spoil) in cases {
            spoil();
            let (found, now) = (repaired(&mut dataplane, &ops), both());
            assert!(found >= least, "{name}: {found} repaired");
            assert_eq!(now, right, "{name}");
        }
    });
}
