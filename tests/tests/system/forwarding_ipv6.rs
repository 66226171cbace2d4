//! IPv6 traffic through an `nva`: by routes that BGP brought, forwarded by XDP, and not disturbed by what happens to the
//! daemon.

use anyhow::ensure;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::stream::Stream;
use nva_tests::wait::wait_until;

use crate::chain::{BEYOND, BEYOND_HOST, Chain, NEAR_HOST};
use crate::common::PATIENCE;

/// Starts a daemon; its peer is at the other end of `eth0`.
fn start(chain: &Chain, name: &str, namespace: &Namespace, (own, peer): (u32, u32), keys: &str) -> Process {
    let router = format!(
        "asn = {}\nrouter-id = \"10.0.0.{own}\"\nlisten = [\"fd00:0:0:2::{own}\"]\n\
         [[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} }}]\n\
         [[peer]]\nname = \"peer\"\naddress = \"fd00:0:0:2::{peer}\"\nasn = {}\nfamilies = [\"ipv6-unicast\"]\n\
         import = [\"all\"]\nexport = [\"all\"]\ngraceful-restart = true",
        65_000 + own,
        65_000 + peer,
    );
    chain.start(name, namespace, &router, keys)
}

fn start_nva(chain: &Chain) -> Process {
    start(chain, "nva", &chain.nva, (1, 2), &format!("[originate]\nconnected = [\"eth1\"]\n{}", chain.xdp()))
}

#[test]
fn what_bgp_brought_is_forwarded_by_xdp_through_kill_9_and_restart() {
    let chain = Chain::new();
    let far_keys = format!("[originate]\nprefixes = [\"{BEYOND}\"]");
    let _far = start(&chain, "far", &chain.far, (2, 1), &far_keys);
    let nva = start_nva(&chain);
    chain.wait_for_fast_path(&nva, &BEYOND_HOST.to_string());

    let explained = chain.ask(&["explain", &BEYOND_HOST.to_string()]).expect("an answer");
    assert_eq!(explained["xdp"]["action"], format!("forward by {BEYOND}"), "{explained}");
    assert_eq!(explained["xdp"]["hops"][0]["gateway"], "fd00:0:0:2::2", "{explained}");

    let (before, _) = chain.redirected().expect("counters");
    let stream = Stream::start((&chain.near, NEAR_HOST), (&chain.far, BEYOND_HOST));
    stream.wait_for_more(300);
    nva.kill().expect("killed");
    stream.wait_for_more(500);
    let nva = start_nva(&chain);
    wait_until(PATIENCE, "the routes of the new session", || {
        let routes = chain.ask(&["show", "routes", BEYOND])?;
        ensure!(routes.to_string().contains("fd00:0:0:2::2"), "{routes}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
    stream.wait_for_more(500);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}\n{}", nva.log_tail());
    // The counters go on where they were, and nothing took the way through the kernel meanwhile.
    let (after, counters) = chain.redirected().expect("counters");
    assert!(after - before >= 2 * sent, "from {before} on, for {sent}: {counters}\n{}", nva.log_tail());
}
