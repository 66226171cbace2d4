//! The fabric behaves as Azure's does, as far as a VM can see.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use nva_tests::fabric::{FABRIC_MAC, Fabric, Program, Programmer, effective_routes};
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::resources::Resources;
use nva_tests::wait::{seen, wait_until};

const A: Ipv4Addr = Ipv4Addr::new(10, 13, 76, 10);
const B: Ipv4Addr = Ipv4Addr::new(10, 13, 76, 100);

/// Two VMs, the second with 100.0.0.100/32 on its loopback.
struct TwoMachines {
    fabric: Fabric,
    a: Namespace,
    b: Namespace,
    _resources: Resources,
}

impl TwoMachines {
    fn new() -> TwoMachines {
        let instance = Instance::unique();
        let resources = Resources::new(&instance).expect("a directory");
        let vnet = "10.13.76.0/24".parse().expect("a prefix");
        let mut fabric = Fabric::create(&resources, &instance, vnet).expect("a fabric");
        let mut machine = |name: &str, address| {
            let namespace = resources.namespace(&instance.namespace_name(name)).expect("a namespace");
            fabric.connect(name, &namespace, address).expect("connected");
            namespace
        };
        let (a, b) = (machine("a", A), machine("b", B));
        b.ip(&["addr", "add", "100.0.0.100/32", "dev", "lo"]).expect("an address");
        TwoMachines { fabric, a, b, _resources: resources }
    }
}

fn prefix(text: &str) -> Ipv4Net {
    text.parse().expect("a prefix")
}

fn answers(from: &Namespace, to: Ipv4Addr) -> bool {
    from.output(&["ping", "-n", "-q", "-c", "1", "-W", "1", &to.to_string()]).expect("ping runs").status.success()
}

#[test]
fn arp_is_answered_for_any_address() {
    let two = TwoMachines::new();
    for address in [B, Ipv4Addr::new(10, 13, 76, 1), Ipv4Addr::new(10, 13, 76, 77)] {
        answers(&two.a, address);
        let neighbours = two.a.ip(&["neigh", "show", &address.to_string()]).expect("neighbours");
        assert!(neighbours.contains(FABRIC_MAC), "{address}: {neighbours}");
    }
}

#[test]
fn the_gateway_does_not_answer_pings_and_vms_do() {
    let two = TwoMachines::new();
    assert!(!answers(&two.a, two.fabric.gateway()), "the gateway is no host");
    assert!(answers(&two.a, B));
    assert!(answers(&two.b, A));
}

/// A next hop that a leaf's own system installs carries nothing that its NIC was not told of: leaf to leaf goes by the
/// effective routes, too.
#[test]
fn p9_only_programmed_prefixes_are_delivered() {
    let two = TwoMachines::new();
    let loopback = Ipv4Addr::new(100, 0, 0, 100);
    assert!(!answers(&two.a, loopback), "nobody told the NIC of this prefix");
    // A route in the VM's own system changes nothing: the NIC decides.
    two.a.ip(&["route", "add", "100.0.0.100/32", "via", &B.to_string(), "dev", "eth0"]).expect("a route");
    assert!(!answers(&two.a, loopback), "the VM's own route does not matter");

    let mut programmer = Programmer::new(&two.fabric);
    let program = Program::from([(prefix("100.0.0.100/32"), [B].into())]);
    programmer.apply(&program).expect("programmed");
    assert!(answers(&two.a, loopback));

    programmer.apply(&Program::new()).expect("removed");
    assert!(!answers(&two.a, loopback), "the prefix is gone again");
}

#[test]
fn effective_routes_are_what_azure_shows() {
    let two = TwoMachines::new();
    let mut programmer = Programmer::new(&two.fabric);
    let both = [A, B].into();
    let program = Program::from([(prefix("100.0.0.0/24"), both), (prefix("10.13.76.64/26"), [B].into())]);
    programmer.apply(&program).expect("programmed");
    two.fabric.add_user_route("a", prefix("0.0.0.0/0"), B).expect("a user-defined route");

    let shown = |machine| -> Vec<String> {
        let routes = effective_routes(&two.fabric, machine).expect("effective routes");
        let row = |route: &nva_tests::fabric::EffectiveRoute| {
            format!(
                "{} {} {:?} {} {:?}",
                route.source, route.state, route.address_prefix, route.next_hop_type, route.next_hop_ip_address
            )
        };
        routes.iter().map(row).collect()
    };
    assert_eq!(
        shown("b"),
        [
            "Default Active [10.13.76.0/24] VnetLocal []",
            "VirtualNetworkGateway Active [100.0.0.0/24] VirtualNetworkGateway [10.13.76.10, 10.13.76.100]",
            "Default Active [0.0.0.0/0] Internet []",
        ]
    );
    assert_eq!(
        shown("a")[2..],
        ["User Active [0.0.0.0/0] VirtualAppliance [10.13.76.100]", "Default Invalid [0.0.0.0/0] Internet []",]
    );
}

#[test]
fn a_prefix_with_a_next_hop_that_nobody_has_is_dropped() {
    let two = TwoMachines::new();
    let nobody = Ipv4Addr::new(10, 13, 76, 200);
    let program = Program::from([(prefix("100.0.0.100/32"), [nobody].into())]);
    Programmer::new(&two.fabric).apply(&program).expect("programmed");
    assert!(!answers(&two.a, Ipv4Addr::new(100, 0, 0, 100)));
}

#[test]
fn everything_is_removed_at_the_end() {
    let two = TwoMachines::new();
    let name = two.a.name().to_owned();
    assert_eq!(Namespace::all(&name).len(), 1);
    drop(two);
    wait_until(Duration::from_secs(5), "the namespace to go", || {
        let left = Namespace::all(&name).len();
        seen(left == 0, || format!("{left} left"))
    })
    .expect("removed");
}

#[test]
fn there_is_no_hop_between_two_vms() {
    let two = TwoMachines::new();
    let ping = ["ping", "-n", "-c", "1", "-W", "1", "-t", "1", "10.13.76.100"];
    let output = two.a.run(&ping).expect("a packet with a TTL of 1 arrives");
    assert!(output.contains("ttl=64"), "the answer's TTL is as it was sent: {output}");
}
