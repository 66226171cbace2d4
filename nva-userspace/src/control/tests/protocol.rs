//! The JSON, key by key: others read it, so that a key may come and none may go or change its meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::{
    AggregateReply, AggregatesReply, Announcement, AuditsReply, ConnectionsReply, Explanation, FibReply, FibRoute,
    FibState, HopReply, HubsReply, HubsRow, KernelPath, LimitReply, ListenReply, PeerReply, PeersReply, RefreshesReply,
    Refusal, RefusalReply, Request, RestartReply, RouteReply, RoutesReply, RoutesRequest, Rows, Told, XdpCounter,
    XdpInterface, XdpPath, XdpPrefix, XdpReply,
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
    is(Request::Hubs, json!({ "show": "hubs" }));
    is(Request::Bfd, json!({ "show": "bfd" }));
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
        dynamic: false,
        description: Some("first instance".to_owned()),
        address: "10.0.1.4".to_owned(),
        asn: "65515".to_owned(),
        local_asn: "65000".to_owned(),
        router_id: Some("10.0.1.4".to_owned()),
        local_address: Some("10.0.0.5".to_owned()),
        role: Some("customer".to_owned()),
        peer_role: Some("provider".to_owned()),
        state: "Established".to_owned(),
        state_seconds: 61,
        disabled: None,
        overrun: None,
        drained: true,
        without_capabilities: true,
        hold_time: Some(90),
        families: vec!["ipv4-unicast".to_owned()],
        disabled_families: vec!["ipv6-unicast".to_owned()],
        received: 3,
        accepted: 2,
        best: 1,
        advertised: 4,
        withheld: 2,
        too_large: 3,
        limits: vec![LimitReply {
            limit: "receive-limit".to_owned(),
            family: "ipv4-unicast".to_owned(),
            count: 3,
            prefixes: 4,
            warn_at: 3,
            action: "shutdown".to_owned(),
            standing: "near".to_owned(),
            refused: 0,
        }],
        stale: 1,
        stale_removed: 5,
        enhanced_refresh: true,
        refreshing: vec!["ipv4-unicast".to_owned()],
        ignored_refreshes: 6,
        refreshes_in: RefreshesReply { requests: 1, begins: 2, ends: 3 },
        refreshes_out: RefreshesReply { requests: 4, begins: 5, ends: 6 },
        graceful_restart: Some(RestartReply {
            restarted: true,
            notification: false,
            time: 120,
            families: vec!["ipv4-unicast".to_owned()],
            forwarding: Vec::new(),
        }),
        messages_in: 10,
        messages_out: 11,
        stood_in: 1,
        malformed_updates: 0,
        as_set_updates: 0,
        last_error: None,
    };
    let mut expected = json!({ "rows": [{
        "name": "rs0", "group": null, "dynamic": false, "description": "first instance", "address": "10.0.1.4", "asn": "65515",
        "local_asn": "65000", "router_id": "10.0.1.4", "local_address": "10.0.0.5", "role": "customer", "peer_role": "provider",
        "state": "Established", "state_seconds": 61,
        "disabled": null, "overrun": null, "drained": true, "without_capabilities": true,
        "hold_time": 90, "families": ["ipv4-unicast"], "disabled_families": ["ipv6-unicast"], "received": 3, "accepted": 2, "best": 1, "advertised": 4,
        "withheld": 2, "limits": [{ "limit": "receive-limit", "family": "ipv4-unicast", "count": 3, "prefixes": 4,
        "warn_at": 3, "action": "shutdown", "standing": "near", "refused": 0 }], "stale": 1,
        "stale_removed": 5, "enhanced_refresh": true, "refreshing": ["ipv4-unicast"],
        "ignored_refreshes": 6, "graceful_restart": { "restarted": true, "notification": false, "time": 120,
        "families": ["ipv4-unicast"], "forwarding": [] }, "messages_in": 10, "messages_out": 11, "stood_in": 1, "malformed_updates": 0, "as_set_updates": 0, "last_error": null,
    }] });
    expected["rows"][0]["too_large"] = json!(3);
    expected["rows"][0]["refreshes_in"] = json!({ "requests": 1, "begins": 2, "ends": 3 });
    expected["rows"][0]["refreshes_out"] = json!({ "requests": 4, "begins": 5, "ends": 6 });
    is(PeersReply { rows: vec![peer] }, expected);
}

#[test]
fn hubs() {
    let row = HubsRow {
        server: "rs0".to_owned(),
        place: Some(2),
        hubs: 2,
        sharing: vec!["hub0".to_owned()],
        missing: vec!["hub2: the session is Idle".to_owned()],
        prefixes: 3,
        hidden: 1,
    };
    let expected = json!({ "rows": [{
        "server": "rs0", "place": 2, "hubs": 2, "sharing": ["hub0"], "missing": ["hub2: the session is Idle"],
        "prefixes": 3, "hidden": 1,
    }] });
    is(HubsReply { rows: vec![row] }, expected);
}

#[test]
fn connections() {
    let reason = RefusalReply { reason: "no-peer".to_owned(), meaning: "who is that".to_owned(), count: 7 };
    let ranges = vec!["10.0.0.0/8".to_owned()];
    let group = ListenReply { group: "leaves".to_owned(), ranges, peers: 3, limit: 100 };
    let reply = ConnectionsReply {
        open: 4,
        accepted: 9,
        waiting_changes: 5,
        congestion_at: 100,
        congestions: 2,
        refused: vec![reason],
        listen: vec![group],
    };
    let expected = json!({
        "open": 4, "accepted": 9, "waiting_changes": 5, "congestion_at": 100, "congestions": 2,
        "refused": [{ "reason": "no-peer", "meaning": "who is that", "count": 7 }],
        "listen": [{ "group": "leaves", "ranges": ["10.0.0.0/8"], "peers": 3, "limit": 100 }],
    });
    is(reply, expected);
    is(Request::Connections, json!({ "show": "connections" }));
    is(Request::Aggregates, json!({ "show": "aggregates" }));
}

fn route() -> RouteReply {
    RouteReply {
        prefix: "100.0.0.0/24".to_owned(),
        next_hop: "10.0.0.6".to_owned(),
        discard: false,
        as_path: "65100 65101".to_owned(),
        origin: "IGP".to_owned(),
        med: Some(5),
        local_pref: None,
        communities: vec!["65000:1".to_owned()],
        extended_communities: vec!["rt:65000:1".to_owned()],
        large_communities: vec!["65000:1:2".to_owned()],
        only_to_customer: Some("65100".to_owned()),
        source: "nva0".to_owned(),
        standing: "lost".to_owned(),
        stale: true,
        reason: Some("longer AS path".to_owned()),
    }
}

fn route_json() -> Value {
    json!({
        "prefix": "100.0.0.0/24", "next_hop": "10.0.0.6", "discard": false, "as_path": "65100 65101", "origin": "IGP", "med": 5,
        "local_pref": null, "communities": ["65000:1"],
        "extended_communities": ["rt:65000:1"], "large_communities": ["65000:1:2"], "only_to_customer": "65100", "source": "nva0", "standing": "lost",
        "stale": true,
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
        blackhole: false,
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
        let audits = AuditsReply { count: 3, differences: 1, last: Some(40) };
        let reply = FibReply { install: true, table: 254, metric: 79, audits, rows: vec![row(state, Some("so"))] };
        let audits = json!({ "count": 3, "differences": 1, "last": 40 });
        let expected = json!({ "install": true, "table": 254, "metric": 79, "audits": audits, "rows": [{
            "prefix": "100.0.0.0/24", "hops": [hop_json()], "blackhole": false, "state": name, "reason": "so", "pin": false,
        }] });
        is(reply, expected);
    }
}

#[test]
fn aggregates() {
    let row = AggregateReply {
        prefix: "10.0.0.0/8".to_owned(),
        contributors: 2,
        contributing_ases: vec![65100],
        summary_only: true,
        to_contributors: false,
        reason: None,
    };
    let expected = json!({ "rows": [{
        "prefix": "10.0.0.0/8", "contributors": 2, "contributing_ases": [65100], "summary_only": true,
        "to_contributors": false, "reason": null,
    }] });
    is(AggregatesReply { rows: vec![row] }, expected);
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
        lookup: Some("kernel".to_owned()),
        counters: vec![XdpCounter {
            verdict: "forward".to_owned(),
            reason: "hairpin".to_owned(),
            packets: 7,
            bytes: 420,
        }],
        prefixes: vec![XdpPrefix {
            invalid_sources: 2,
            prefixes: vec!["100.0.0.0/24".to_owned()],
            prefix_count: 1,
            kind: "forward".to_owned(),
            hops: vec![hop()],
            packets: 7,
            bytes: 420,
        }],
        capturing: true,
    };
    let expected = json!({
        "capturing": true,
        "interfaces": [{ "name": "eth0", "index": 2, "mode": "generic", "reason": "the driver has no XDP" }],
        "lookup": "kernel",
        "counters": [{ "verdict": "forward", "reason": "hairpin", "packets": 7, "bytes": 420 }],
        "prefixes": [{
            "prefixes": ["100.0.0.0/24"], "prefix_count": 1, "kind": "forward", "hops": [hop_json()], "packets": 7,
            "bytes": 420, "invalid_sources": 2,
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
