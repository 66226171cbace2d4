//! What a hub says about routes: which rule gave the next hop that goes out, why a peer is not told, and why a route is
//! not used. The leaves' own policies make routes of every kind, and the peers see what the hub says.

use anyhow::{Context, ensure};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};
use nva_tests::wait::wait_until;
use serde_json::Value;

use crate::common::custom::Custom;
use crate::common::{PATIENCE, quiet_lab_of};

/// The first leaf announces this, and the second one with a longer path.
const PLAIN: &str = "203.0.113.1/32";
/// The first leaf announces these with the second one as next hop, to be stolen, with the hub's AS in the path, to be
/// told to leaves alone.
const OF_TWO: &str = "203.0.113.2/32";
const STOLEN: &str = "203.0.113.3/32";
const LOOP: &str = "203.0.113.4/32";
const PRIVATE: &str = "203.0.113.5/32";
/// The third leaf announces it with a next hop that leads nowhere.
const AWAY: &str = "203.0.113.6/32";
/// The hub's own.
const OWN: &str = "203.0.113.200/32";

/// Where the next hop of [`AWAY`] is.
const NOWHERE: &str = "192.0.2.0/24";

const HUB: &str = r#"
[router]
asn = 65000
router-id = "10.13.76.20"
control-socket = "SOCKET"
[[policy]]
name = "from-leaves"
statement = [
    { name = "stolen", match = { prefixes = "203.0.113.3/32" }, then = { accept = false } },
    { then = { accept = true } },
]
[[policy]]
name = "to-leaves"
statement = [
    { name = "through-us", match = { prefixes = "203.0.113.5/32" }, then = { next-hop = "self", accept = true } },
    { then = { accept = true } },
]
[[policy]]
name = "to-server"
statement = [
    { name = "private", match = { prefixes = "203.0.113.5/32" }, then = { accept = false } },
    { name = "leaves", match = { as-path = "^6510[0-9]_" }, then = { next-hop = "keep", accept = true } },
    { name = "own", match = { source = "local" }, then = { next-hop = "self", accept = true } },
]
[[peer-group]]
name = "leaves"
connect-retry = 1
import = ["from-leaves"]
export = ["to-leaves"]
[[peer]]
name = "one"
group = "leaves"
address = "10.13.76.101"
asn = 65101
[[peer]]
name = "two"
group = "leaves"
address = "10.13.76.102"
asn = 65102
[[peer]]
name = "far"
group = "leaves"
address = "10.13.76.103"
asn = 65103
multihop = 2
[[peer]]
name = "server"
kind = "azure-route-server"
address = "10.13.76.4"
connect-retry = 1
export = ["to-server"]
[originate]
prefixes = ["203.0.113.200/32"]
[fib]
install = false
"#;

/// Of a speaker that takes everything from the hub, and tells it this by these statements.
fn told_the_hub(asn: u32, last: u8, statements: &str, prefixes: &[&str]) -> String {
    format!(
        "[router]\nasn = {asn}\nrouter-id = \"10.13.76.{last}\"\ncontrol-socket = \"SOCKET\"\n\
         [[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} }}]\n\
         [[policy]]\nname = \"to-hub\"\nstatement = [{statements}]\n\
         [[peer]]\nname = \"hub\"\naddress = \"10.13.76.20\"\nasn = 65000\nconnect-retry = 1\n\
         import = [\"all\"]\nexport = [\"to-hub\"]\n\
         [originate]\nprefixes = {prefixes:?}\n[fib]\ninstall = false\n"
    )
}

/// A hub, its leaves and a route server.
struct Network {
    lab: Lab,
    hub: Custom,
    server: Custom,
    two: Custom,
    others: [Custom; 2],
}

impl Network {
    /// Everybody has been told everything.
    fn new() -> Network {
        let machines = [("hub", 20), ("server", 4), ("one", 101), ("two", 102), ("far", 103)];
        let lab = quiet_lab_of(machines.map(|(name, last)| Machine::new(name, in_vnet(last))).to_vec());
        lab.namespace("hub").and_then(|hub| hub.ip(&["route", "add", "unreachable", NOWHERE])).expect("a route");
        let rest = "{ then = { accept = true } }";
        let of_one = format!(
            "{{ match = {{ prefixes = \"{OF_TWO}\" }}, then = {{ next-hop = \"10.13.76.102\", accept = true }} }},\
             {{ match = {{ prefixes = \"{LOOP}\" }}, then = {{ prepend = {{ asn = 65000, times = 1 }}, \
             accept = true }} }},{rest}"
        );
        let of_far = "{ then = { next-hop = \"192.0.2.1\", accept = true } }";
        let of_two = "{ then = { prepend = 2, accept = true } }";
        let start = |name: &str, asn, last, statements: &str, prefixes: &[&str]| {
            Custom::start(&lab, name, &told_the_hub(asn, last, statements, prefixes))
        };
        let network = Network {
            hub: Custom::start(&lab, "hub", HUB),
            server: start("server", 65515, 4, rest, &[]),
            two: start("two", 65102, 102, of_two, &[PLAIN]),
            others: [
                start("one", 65101, 101, &of_one, &[PLAIN, OF_TWO, STOLEN, LOOP, PRIVATE]),
                start("far", 65103, 103, of_far, &[AWAY]),
            ],
            lab,
        };
        network.wait(&network.server, &[(PLAIN, 101), (OF_TWO, 102), (OWN, 20)]);
        network.wait(&network.two, &[(PLAIN, 101), (PRIVATE, 20), (OWN, 20)]);
        network.wait_for("all routes at the hub", || {
            let rows = network.rows(&["routes", "--all"])?;
            ensure!(rows.len() == 8, "{rows:#?}");
            Ok(())
        });
        network
    }

    /// Waits until a peer of the hub has exactly these routes from it, with these last octets of next hops.
    fn wait(&self, peer: &Custom, expected: &[(&str, u8)]) {
        let expected: Vec<(String, String)> =
            expected.iter().map(|(prefix, last)| ((*prefix).to_owned(), in_vnet(*last).to_string())).collect();
        self.wait_for("what the hub tells", || {
            let reply = peer.ask(&["show", "routes", "--received-from", "hub"])?;
            let rows = reply["rows"].as_array().context("no rows")?;
            let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let seen: Vec<_> = rows.iter().map(|row| (word(row, "prefix"), word(row, "next_hop"))).collect();
            ensure!(seen == expected, "{seen:?} instead of {expected:?}");
            Ok(())
        });
    }

    fn wait_for<T>(&self, what: &str, look: impl FnMut() -> anyhow::Result<T>) -> T {
        let daemons = [&self.hub, &self.server, &self.two, &self.others[0], &self.others[1]];
        let logs = || daemons.map(Custom::log).concat();
        wait_until(PATIENCE, what, look).unwrap_or_else(|error| panic!("{error:#}\n{}", logs()))
    }

    /// The rows of `nva show WHAT` of the hub.
    fn rows(&self, what: &[&str]) -> anyhow::Result<Vec<Value>> {
        let reply = self.hub.ask(&[&["show"], what].concat())?;
        reply["rows"].as_array().cloned().with_context(|| format!("no rows: {reply}"))
    }

    /// The row among those about a prefix from a source.
    #[track_caller]
    fn row(&self, what: &[&str], prefix: &str, source: &str) -> Value {
        let rows = self.rows(what).expect("an answer");
        let found = rows.iter().find(|row| row["prefix"] == prefix && row["source"] == source);
        found.unwrap_or_else(|| panic!("no {prefix} from {source} in {rows:#?}")).clone()
    }

    /// What `nva explain PREFIX` says that a peer is told: the object, and the line of the table.
    #[track_caller]
    fn told(&self, prefix: &str, peer: &str) -> (Value, String) {
        let reply = self.hub.ask(&["explain", prefix]).expect("an answer");
        let told = reply["peers"].as_array().and_then(|peers| peers.iter().find(|told| told["peer"] == peer));
        let told = told.unwrap_or_else(|| panic!("no {peer} in {reply}")).clone();
        let text = self.hub.tell(&["explain", prefix]).expect("an answer");
        let (_, table) = text.split_once("Told to peers\n").unwrap_or_else(|| panic!("{text}"));
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(peer));
        (told, line.unwrap_or_else(|| panic!("no {peer} in {text}")).to_owned())
    }
}

/// The lines of a table about a prefix.
fn lines<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.split_whitespace().any(|word| word == prefix)).collect()
}

#[test]
fn the_rule_of_a_next_hop_is_named() {
    let network = Network::new();
    let third_party = "auto: third party, the peer is on the next hop's subnet (RFC 4271 §5.1.3 item 2)";
    let multihop = "auto: our own address, to a multihop peer (RFC 4271 §5.1.3 item 3)";
    let (own, kept, oneself) = ("own route: our own address", "keep: as received", "self: our own address");
    let (leaves, server) = ("accepted by policy to-leaves, statement", "accepted by policy to-server, statement");
    let cases = [
        (PLAIN, "server", 101, kept, "65000 65101", format!("{server} leaves")),
        (OF_TWO, "server", 102, kept, "65000 65101", format!("{server} leaves")),
        (OWN, "server", 20, own, "65000", format!("{server} own")),
        (OWN, "one", 20, own, "65000", format!("{leaves} 2")),
        (PLAIN, "two", 101, third_party, "65000 65101", format!("{leaves} 2")),
        (PRIVATE, "two", 20, oneself, "65000 65101", format!("{leaves} through-us")),
        (PLAIN, "far", 20, multihop, "65000 65101", format!("{leaves} 2")),
    ];
    for (prefix, peer, last, rule, as_path, reason) in cases {
        let (told, line) = network.told(prefix, peer);
        let (next_hop, sent) = (in_vnet(last).to_string(), &told["announcement"]);
        assert_eq!(sent["next_hop"], next_hop, "{told}");
        assert_eq!(sent["next_hop_rule"], rule, "{told}");
        assert_eq!(sent["as_path"], as_path, "{told}");
        assert_eq!(told["reason"], reason, "{told}");
        for part in [&next_hop, as_path, &format!("{reason}; next hop: {rule}")] {
            assert!(line.contains(part), "{part:?} in {line:?}");
        }
        let advertised = network.row(&["routes", "--advertised-to", peer, "--all"], prefix, "nva");
        assert_eq!((&advertised["standing"], &advertised["next_hop"]), (&"advertised".into(), &next_hop.into()));
        assert_eq!(advertised["reason"], Value::Null, "{advertised}");
    }
}

#[test]
fn a_peer_that_is_not_told_has_a_reason() {
    let network = Network::new();
    let cases = [
        (PLAIN, "one", "one", "learned from this peer"),
        (OF_TWO, "two", "one", "the next hop 10.13.76.102 is the receiving peer itself (RFC 4271 §5.1.3)"),
        (PRIVATE, "server", "one", "export policy: policy to-server, statement private"),
    ];
    for (prefix, peer, source, reason) in cases {
        let (told, line) = network.told(prefix, peer);
        assert_eq!((&told["announcement"], &told["reason"]), (&Value::Null, &reason.into()), "{told}");
        assert!(line.ends_with(&format!("not told: {reason}")), "{line}");
        let what = ["routes", "--advertised-to", peer, "--all"];
        let row = network.row(&what, prefix, source);
        assert_eq!((&row["standing"], &row["reason"]), (&"withheld".into(), &reason.into()), "{row}");
        let text = network.hub.tell(&[&["show"], &what[..]].concat()).expect("an answer");
        let lines = lines(&text, prefix);
        assert!(matches!(lines[..], [line] if line.ends_with(&format!("withheld: {reason}"))), "{text}");
        // Without --all only what is told is shown.
        let rows = network.rows(&["routes", "--advertised-to", peer]).expect("an answer");
        assert!(rows.iter().all(|row| row["prefix"] != prefix && row["standing"] == "advertised"), "{rows:#?}");
    }
    let (told, line) = network.told(AWAY, "two");
    assert_eq!(told["reason"], "no route is in use", "{told}");
    assert!(line.ends_with("not told: no route is in use"), "{line}");
    let withheld = network.hub.peer("two").expect("a peer")["withheld"].clone();
    assert_eq!(withheld, 1, "what the second leaf would send to itself is counted");
}

#[test]
fn a_route_that_is_not_used_has_a_reason() {
    let network = Network::new();
    let cases = [
        (STOLEN, "one", "rejected", "policy from-leaves, statement stolen"),
        (LOOP, "one", "rejected", "our own AS 65000 is in the AS path"),
        (AWAY, "far", "ineligible", "next hop 192.0.2.1 is unreachable"),
        (PLAIN, "two", "lost", "one is better: shorter AS path"),
    ];
    let all = network.hub.tell(&["show", "routes", "--all"]).expect("an answer");
    let in_use = network.rows(&["routes"]).expect("an answer");
    for (prefix, source, standing, reason) in cases {
        let row = network.row(&["routes", "--all"], prefix, source);
        assert_eq!((&row["standing"], &row["reason"]), (&standing.into(), &reason.into()), "{row}");
        let explained = network.hub.ask(&["explain", prefix]).expect("an answer");
        let routes = explained["routes"].as_array().expect("routes");
        assert!(routes.contains(&row), "{row} in {explained}");
        let text = network.hub.tell(&["explain", prefix]).expect("an answer");
        for text in [&all, &text] {
            let expected = format!("{standing}: {reason}");
            assert!(lines(text, prefix).iter().any(|line| line.ends_with(&expected)), "{expected} in {text}");
        }
        assert!(in_use.iter().all(|row| row["prefix"] != prefix || row["source"] != source), "{in_use:#?}");
    }
    let row = network.row(&["routes", "--all"], LOOP, "one");
    assert_eq!(row["as_path"], "65101 65000", "as it came: {row}");

    // As soon as the next hop can be reached, the route is used and told.
    network.lab.namespace("hub").and_then(|hub| hub.ip(&["route", "del", "unreachable", NOWHERE])).expect("deleted");
    network.wait_for("the route that was ineligible", || {
        let row = network.rows(&["routes", "--all"])?.into_iter().find(|row| row["prefix"] == AWAY);
        let row = row.context("it is gone")?;
        ensure!((&row["standing"], &row["reason"]) == (&"best".into(), &Value::Null), "{row}");
        Ok(())
    });
    let (told, _) = network.told(AWAY, "server");
    assert_eq!(told["announcement"]["next_hop"], "192.0.2.1", "{told}");
}
