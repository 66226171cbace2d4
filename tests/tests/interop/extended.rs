//! Extended messages (RFC 8654): a route whose attributes alone have more than 4096 octets comes from ExaBGP and is
//! passed on.

use anyhow::ensure;
use nva_tests::daemon::{Community, Kind, Options};

use crate::scene::{Cast, from_nva, prefix};

const FROM_FAR: &str = "203.0.113.0/24";

/// Communities that do not fit into a message without the extension: 4 octets each.
const COMMUNITIES: u16 = 1100;

/// As many are shown at least.
const SHOWN: usize = 40;

pub fn messages(kind: Kind) {
    let options = Options { extended_messages: true, ..Options::default() };
    let mut cast = Cast::ipv4(kind).with_far(FROM_FAR).options(&options, &options);
    let communities: Vec<Community> = (1..=COMMUNITIES).map(|number| Community::Standard(65010, number)).collect();
    if let Some(far) = &mut cast.far {
        far.communities = communities.clone();
        far.peers.iter_mut().for_each(|peer| peer.options = options.clone());
    }
    cast.nva.peers.iter_mut().for_each(|peer| peer.options = options.clone());
    let mut scene = cast.start(&[]);
    scene.wait_established();
    // The tools of BIRD and FRR show only the first of so many.
    for (machine, least) in [("nva", communities.len()), ("other", SHOWN)] {
        scene.wait_for(&format!("the communities at {machine}"), || {
            let found = scene.daemon(machine).communities(prefix(FROM_FAR))?;
            ensure!(found.len() >= least && communities.starts_with(&found), "{} of {COMMUNITIES}", found.len());
            Ok(())
        });
    }
    // Wireshark 4.0 does not know the extension.
    let long = "(tcp.len > 4096 || tcp.reassembled.length > 4096)";
    let captured = scene.well_formed_but(&format!("bgp.length.invalid && {long}"));
    let long = captured.packets(&format!("{} && bgp && {long}", from_nva()));
    assert!(!long.is_empty(), "no long UPDATE among {:#?}", captured.packets(&from_nva()));
    captured.never_down();
}
