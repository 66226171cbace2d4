//! The JSON, key by key: others read it, so that a key may come and none may go or change its meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::{
    Announcement, Explanation, FibReply, FibRoute, FibState, HopReply, KernelPath, PeerReply, PeersReply, Refusal,
    Request, RouteReply, RoutesReply, RoutesRequest, Rows, Told, XdpCounter, XdpInterface, XdpPath, XdpPrefix,
    XdpReply,
};

#[track_caller]
fn is<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, json: Value) {
    assert_eq!(serde_json::to_value(&value).expect("it is JSON"), json);
    assert_eq!(serde_json::from_value::<T>(json).expect("it can be read back"), value);
}

#[test]
fn requests() {
    is(Request::Peers, json!({ "show": "peers" }));
    is(Request::Fib, json!({ "show": "fib" }));
    is(Request::Xdp, json!({ "show": "xdp" }));
    is(Request::Config, json!({ "show": "config" }));
    is(Request::Explain { target: "10.0.0.1".to_owned() }, json!({ "show": "explain", "target": "10.0.0.1" }));
    let which = RoutesRequest {
        all: true,
        prefix: Some("10.0.0.0/8".to_owned()),
        received_from: Some("nva0".to_owned()),
        advertised_to: None,
    };
    let expected = json!({
        "show": "routes", "all": true, "prefix": "10.0.0.0/8", "received_from": "nva0", "advertised_to": null,
    });
    is(Request::Routes(which), expected);
    let short: Request = serde_json::from_value(json!({ "show": "routes" })).expect("what is left out has a default");
    assert_eq!(short, Request::Routes(RoutesRequest::default()));
}

#[test]
fn outcomes() {
    is(Ok::<_, Refusal>(Rows { rows: vec![1] }), json!({ "Ok": { "rows": [1] } }));
    is(Err::<(), _>(Refusal { error: "no".to_owned() }), json!({ "Err": { "error": "no" } }));
}

#[test]
fn peers() {
    let peer = PeerReply {
        name: "rs0".to_owned(),
        group: None,
        description: Some("first instance".to_owned()),
        address: "10.0.1.4".to_owned(),
        asn: "65515".to_owned(),
        router_id: Some("10.0.1.4".to_owned()),
        local_address: Some("10.0.0.5".to_owned()),
        state: "Established".to_owned(),
        state_seconds: 61,
        hold_time: Some(90),
        families: vec!["ipv4-unicast".to_owned()],
        received: 3,
        accepted: 2,
        best: 1,
        advertised: 4,
        messages_in: 10,
        messages_out: 11,
        malformed_updates: 0,
        last_error: None,
    };
    let expected = json!({ "rows": [{
        "name": "rs0", "group": null, "description": "first instance", "address": "10.0.1.4", "asn": "65515",
        "router_id": "10.0.1.4", "local_address": "10.0.0.5", "state": "Established", "state_seconds": 61,
        "hold_time": 90, "families": ["ipv4-unicast"], "received": 3, "accepted": 2, "best": 1, "advertised": 4,
        "messages_in": 10, "messages_out": 11, "malformed_updates": 0, "last_error": null,
    }] });
    is(PeersReply { rows: vec![peer] }, expected);
}

fn route() -> RouteReply {
    RouteReply {
        prefix: "100.0.0.0/24".to_owned(),
        next_hop: "10.0.0.6".to_owned(),
        as_path: "65100 65101".to_owned(),
        origin: "IGP".to_owned(),
        med: Some(5),
        local_pref: None,
        communities: vec!["65000:1".to_owned()],
        source: "nva0".to_owned(),
        standing: "lost".to_owned(),
        reason: Some("longer AS path".to_owned()),
    }
}

fn route_json() -> Value {
    json!({
        "prefix": "100.0.0.0/24", "next_hop": "10.0.0.6", "as_path": "65100 65101", "origin": "IGP", "med": 5,
        "local_pref": null, "communities": ["65000:1"], "source": "nva0", "standing": "lost",
        "reason": "longer AS path",
    })
}

fn hop() -> HopReply {
    HopReply { gateway: Some("10.0.0.1".to_owned()), interface: "eth0".to_owned(), weight: 1 }
}

fn hop_json() -> Value {
    json!({ "gateway": "10.0.0.1", "interface": "eth0", "weight": 1 })
}

#[test]
fn routes() {
    is(RoutesReply { rows: vec![route()] }, json!({ "rows": [route_json()] }));
}

#[test]
fn fib() {
    let row = |state, reason: Option<&str>| FibRoute {
        prefix: "100.0.0.0/24".to_owned(),
        hops: vec![hop()],
        state,
        reason: reason.map(str::to_owned),
        pin: false,
    };
    let states = [
        (FibState::Installed, "installed"),
        (FibState::Pending, "pending"),
        (FibState::Failed, "failed"),
        (FibState::Unresolved, "unresolved"),
        (FibState::Stale, "stale"),
    ];
    for (state, name) in states {
        let reply = FibReply { install: true, table: 254, metric: 79, rows: vec![row(state, Some("so"))] };
        let expected = json!({ "install": true, "table": 254, "metric": 79, "rows": [{
            "prefix": "100.0.0.0/24", "hops": [hop_json()], "state": name, "reason": "so", "pin": false,
        }] });
        is(reply, expected);
    }
}

#[test]
fn xdp() {
    let reply = XdpReply {
        interfaces: vec![XdpInterface {
            name: "eth0".to_owned(),
            index: Some(2),
            mode: "generic".to_owned(),
            reason: Some("the driver has no XDP".to_owned()),
        }],
        counters: vec![XdpCounter {
            verdict: "forward".to_owned(),
            reason: "hairpin".to_owned(),
            packets: 7,
            bytes: 420,
        }],
        prefixes: vec![XdpPrefix {
            prefixes: vec!["100.0.0.0/24".to_owned()],
            prefix_count: 1,
            kind: "forward".to_owned(),
            hops: vec![hop()],
            packets: 7,
            bytes: 420,
        }],
    };
    let expected = json!({
        "interfaces": [{ "name": "eth0", "index": 2, "mode": "generic", "reason": "the driver has no XDP" }],
        "counters": [{ "verdict": "forward", "reason": "hairpin", "packets": 7, "bytes": 420 }],
        "prefixes": [{
            "prefixes": ["100.0.0.0/24"], "prefix_count": 1, "kind": "forward", "hops": [hop_json()], "packets": 7,
            "bytes": 420,
        }],
    });
    is(reply, expected);
}

#[test]
fn explanations() {
    let told = |announcement| Told { peer: "rs0".to_owned(), announcement, reason: "policy to-ars".to_owned() };
    let announcement = Announcement {
        next_hop: "10.0.0.6".to_owned(),
        next_hop_rule: "keep".to_owned(),
        as_path: "65000 65100".to_owned(),
    };
    let explanation = Explanation {
        target: "100.0.0.9".to_owned(),
        prefix: Some("100.0.0.0/24".to_owned()),
        routes: vec![route()],
        peers: vec![told(Some(announcement)), told(None)],
        kernel: KernelPath {
            prefix: Some("0.0.0.0/0".to_owned()),
            kind: "forward".to_owned(),
            protocol: Some("dhcp".to_owned()),
            hops: vec![hop()],
        },
        xdp: Some(XdpPath { action: "forward".to_owned(), hops: vec![hop()] }),
    };
    let expected = json!({
        "target": "100.0.0.9",
        "prefix": "100.0.0.0/24",
        "routes": [route_json()],
        "peers": [
            {
                "peer": "rs0",
                "announcement": { "next_hop": "10.0.0.6", "next_hop_rule": "keep", "as_path": "65000 65100" },
                "reason": "policy to-ars",
            },
            { "peer": "rs0", "announcement": null, "reason": "policy to-ars" },
        ],
        "kernel": { "prefix": "0.0.0.0/0", "kind": "forward", "protocol": "dhcp", "hops": [hop_json()] },
        "xdp": { "action": "forward", "hops": [hop_json()] },
    });
    is(explanation, expected);
}
