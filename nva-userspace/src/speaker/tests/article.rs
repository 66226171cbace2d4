//! The article's network: two route server instances, two hubs, ten NVAs.

use std::time::Duration;

use super::sim::{Sim, loopback_added, loopback_removed};

const RS: [usize; 2] = [0, 1];
const HUBS: [usize; 2] = [2, 3];
const FIRST_NVA: usize = 4;
const MINUTE: Duration = Duration::from_secs(60);

fn peer(name: &str, address: &str, asn: u32, more: &str) -> String {
    format!("[[peer]]\nname = \"{name}\"\naddress = \"{address}\"\nasn = {asn}\nhold-time = 9\n{more}\n")
}

const ALL: &str = "[[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = { accept = true }\n";

fn route_server(last: u8) -> String {
    let hubs = [84, 85].map(|hub| {
        let policies = "import = [\"all\"]\nexport = [\"all\"]\nmultihop = 8";
        peer(&format!("hub{hub}"), &format!("10.13.76.{hub}"), 65000, policies)
    });
    format!("[router]\nasn = 65515\nrouter-id = \"10.13.76.{last}\"\n{ALL}{}", hubs.concat())
}

fn hub(last: u8, leaves_next_hop: &str) -> String {
    let policy = format!(
        "[[policy]]\nname = \"to-ars\"\n\
         [[policy.statement]]\nmatch = {{ as-path = \"^6510[0-9]\" }}\n\
         then = {{ next-hop = \"{leaves_next_hop}\", accept = true }}\n\
         [[policy.statement]]\nmatch = {{ source = \"local\" }}\nthen = {{ next-hop = \"self\", accept = true }}\n"
    );
    let servers = [4, 5].map(|rs| {
        peer(
            &format!("rs{rs}"),
            &format!("10.13.76.{rs}"),
            65515,
            "kind = \"azure-route-server\"\nexport = [\"to-ars\"]",
        )
    });
    let nvas = (0..10)
        .map(|nva| peer(&format!("nva{nva}"), &format!("10.13.76.{}", 100 + nva), 65100 + nva, "import = [\"all\"]"));
    format!(
        "[router]\nasn = 65000\nrouter-id = \"10.13.76.{last}\"\n{ALL}{policy}{}{}[originate]\nprefixes = [\"100.0.0.200/32\"]\n",
        servers.concat(),
        nvas.collect::<String>()
    )
}

fn nva(index: u8) -> String {
    let hubs = [84, 85].map(|hub| peer(&format!("hub{hub}"), &format!("10.13.76.{hub}"), 65000, "export = [\"all\"]"));
    let asn = 65100 + u32::from(index);
    format!(
        "[router]\nasn = {asn}\nrouter-id = \"10.13.76.{}\"\n{ALL}{}[originate]\ninterfaces = [\"lo\"]\n",
        100 + index,
        hubs.concat()
    )
}

/// Everything up and converged; every NVA has its prefix on its loopback interface.
fn article(seed: u64, leaves_next_hop: &str) -> Sim {
    let mut configs = vec![route_server(4), route_server(5), hub(84, leaves_next_hop), hub(85, leaves_next_hop)];
    configs.extend((0..10).map(nva));
    let mut sim = Sim::new(seed, &configs);
    for index in 0..10 {
        sim.host(FIRST_NVA + usize::from(index), loopback_added([100, 0, 0, 100 + index]));
    }
    sim.run_until("12 sessions on each hub and 11 routes at each instance", MINUTE, |sim| {
        HUBS.iter().all(|hub| sim.established(*hub) == 12)
            && RS.iter().all(|rs| HUBS.iter().all(|hub| sim.learned(*rs, *hub).len() == 11))
    });
    sim
}

#[test]
fn leaves_keep_their_next_hop_and_the_hub_is_its_own() {
    let sim = article(1, "keep");
    for rs in RS {
        for (hub, hub_address) in HUBS.into_iter().zip(["10.13.76.84", "10.13.76.85"]) {
            let mut expected: Vec<(String, String, String)> = (0..10)
                .map(|nva| {
                    let prefix = format!("100.0.0.{}/32", 100 + nva);
                    (prefix, format!("10.13.76.{}", 100 + nva), format!("65000 {}", 65100 + nva))
                })
                .collect();
            expected.push(("100.0.0.200/32".into(), hub_address.into(), "65000".into()));
            assert_eq!(sim.learned(rs, hub), expected);
        }
    }
}

#[test]
fn without_keep_all_traffic_would_go_to_the_hub() {
    let sim = article(2, "self");
    let next_hops: Vec<String> = sim.learned(RS[0], HUBS[0]).into_iter().map(|(_, next_hop, _)| next_hop).collect();
    assert_eq!(next_hops, vec!["10.13.76.84"; 11]);
}

#[test]
fn without_an_export_policy_nothing_leaks_to_the_leaves() {
    let sim = article(3, "keep");
    for nva in FIRST_NVA..FIRST_NVA + 10 {
        for hub in HUBS {
            assert_eq!(sim.learned(nva, hub), [], "RFC 8212");
        }
    }
}

#[test]
fn loopback_addresses_are_followed() {
    let mut sim = article(4, "keep");
    let told = |sim: &Sim| sim.learned(RS[0], HUBS[0]).iter().any(|(prefix, ..)| prefix == "100.0.9.9/32");
    sim.host(FIRST_NVA, loopback_added([100, 0, 9, 9]));
    sim.run_until("the new prefix at the route server", Duration::from_secs(1), told);
    sim.host(FIRST_NVA, loopback_removed([100, 0, 9, 9]));
    sim.run_until("the prefix gone again", Duration::from_secs(1), |sim| !told(sim));
}

#[test]
fn a_silent_leaf_is_gone_within_its_hold_time_and_returns() {
    let mut sim = article(5, "keep");
    for hub in HUBS {
        sim.cut(FIRST_NVA, hub);
    }
    let routes = |sim: &Sim| RS.map(|rs| HUBS.map(|hub| sim.learned(rs, hub).len()));
    sim.run_until("its prefix withdrawn everywhere", Duration::from_secs(10), |sim| routes(sim) == [[10; 2]; 2]);
    for hub in HUBS {
        sim.mend(FIRST_NVA, hub);
    }
    sim.run_until("its prefix back", 2 * MINUTE, |sim| routes(sim) == [[11; 2]; 2]);
}
