//! Who forwards the packets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aya::Ebpf;
use aya::maps::DevMapHash;
use aya::programs::XdpMode;
use aya::programs::xdp::XdpLinkId;
use nva::fib::mirror::XdpOp;
use nva::xdp::{CaptureOptions, Dataplane, LookupSource, SourceCheck, XdpOptions};
use nva_common::Reason;
use nva_common::capture::MAX_SNAP_LENGTH;

use crate::circuit::{Circuit, End, IN, OUT, index, program};

/// One that forwards, while it is plugged in.
pub struct Contender {
    pub name: String,
    kind: Kind,
}

enum Kind {
    Nobody,
    Kernel,
    Nva(Box<Dataplane>),
    /// A program of xdp-tools' xdp-forward.
    Peer {
        object: Box<Ebpf>,
        name: &'static str,
        link: Option<XdpLinkId>,
    },
}

/// What is subtracted from all others.
pub const BENCHMARK: &str = "the benchmark itself";
/// What the others are compared with.
pub const NVA: &str = "nva";

/// It captures packets that the benchmark does not send.
const CAPTURING: &str = "nva, capture of other packets";

/// The programs of xdp-forward, and where it looks up where to redirect to.
const PEERS: [&str; 2] = ["xdp_fwd_fib_full", "xdp_fwd_fib_direct"];
const PEERS_DEVICES: &str = "xdp_tx_ports";

impl Contender {
    /// Nobody: packets are taken out where they arrive.
    pub fn nobody() -> Contender {
        Contender { name: BENCHMARK.to_owned(), kind: Kind::Nobody }
    }

    /// The kernel by itself.
    pub fn kernel() -> Contender {
        Contender { name: "kernel".to_owned(), kind: Kind::Kernel }
    }

    /// `nva` in all the ways that are compared, filled by these operations; and how long that took with the first.
    pub fn nva(circuit: &Circuit, ops: &[XdpOp]) -> anyhow::Result<(Vec<Contender>, Duration)> {
        let strict = BTreeMap::from([(IN.to_owned(), SourceCheck::Strict)]);
        let variants = [
            (NVA, LookupSource::Tables, BTreeMap::new()),
            ("nva, source-check strict", LookupSource::Tables, strict),
            (CAPTURING, LookupSource::Tables, BTreeMap::new()),
            ("nva, lookup = kernel", LookupSource::Kernel, BTreeMap::new()),
        ];
        let (mut contenders, mut first) = (Vec::new(), None);
        for (number, (name, lookup, source_checks)) in variants.into_iter().enumerate() {
            let bpffs = circuit.pins(&format!("nva{number}"));
            let options = XdpOptions { bpffs, lookup, source_checks, ..XdpOptions::default() };
            let mut plane = circuit.router.enter(|| Dataplane::open(&options))??;
            let start = Instant::now();
            let applied = plane.replace(ops)?;
            first.get_or_insert_with(|| start.elapsed());
            ensure!(applied.overflowed == 0, "the tables are too small: {applied:?}");
            if name == CAPTURING {
                let capture = plane.capture_loader().load(&other_packets(circuit)?)?;
                plane.begin_capture(capture)?;
            }
            contenders.push(Contender { name: name.to_owned(), kind: Kind::Nva(Box::new(plane)) });
        }
        Ok((contenders, first.unwrap_or_default()))
    }

    /// The programs of xdp-forward.
    pub fn peers(circuit: &Circuit, path: &Path) -> anyhow::Result<Vec<Contender>> {
        let make = |name: &'static str| {
            let mut object = Ebpf::load_file(path)?;
            let devices = object.map_mut(PEERS_DEVICES).with_context(|| format!("there is no map {PEERS_DEVICES}"))?;
            let mut devices = DevMapHash::try_from(devices)?;
            for interface in [IN, OUT] {
                let index = index(&circuit.router, interface)?;
                circuit.router.enter(|| devices.insert(index, index, None, 0))??;
            }
            program(&mut object, name)?.load()?;
            Ok(Contender { name: name.to_owned(), kind: Kind::Peer { object: Box::new(object), name, link: None } })
        };
        let peers: anyhow::Result<_> = PEERS.into_iter().map(make).collect();
        peers.with_context(|| format!("{} is no object of xdp-forward's", path.display()))
    }

    /// Where packets are to be taken out.
    pub fn end(&self) -> End {
        match self.kind {
            Kind::Nobody => End::Router,
            Kind::Kernel | Kind::Nva(_) | Kind::Peer { .. } => End::Destination,
        }
    }

    /// Lets it forward.
    pub fn plug_in(&mut self, circuit: &Circuit) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Nobody | Kind::Kernel => Ok(()),
            Kind::Nva(plane) => attach(circuit, plane),
            Kind::Peer { object, name, link } => {
                let (index, program) = (index(&circuit.router, IN)?, program(object, name)?);
                *link = Some(circuit.router.enter(|| program.attach_to_if_index(index, XdpMode::Driver))??);
                Ok(())
            }
        }
    }

    /// The opposite.
    pub fn pull_out(&mut self, circuit: &Circuit) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Nobody | Kind::Kernel => Ok(()),
            Kind::Nva(plane) => circuit
                .router
                .enter(|| [IN, OUT].into_iter().try_for_each(|name| plane.detach(name)))?
                .context("detach"),
            Kind::Peer { object, name, link } => {
                let program = program(object, name)?;
                link.take().map_or(Ok(()), |link| program.detach(link)).context("detach")
            }
        }
    }

    /// The data plane, if it is `nva`.
    pub fn dataplane(&mut self) -> Option<&mut Dataplane> {
        match &mut self.kind {
            Kind::Nva(plane) => Some(plane),
            Kind::Nobody | Kind::Kernel | Kind::Peer { .. } => None,
        }
    }
}

/// The router's interfaces by index, as the mirror wants to know them.
pub fn ports(circuit: &Circuit) -> anyhow::Result<BTreeSet<u32>> {
    [IN, OUT].into_iter().map(|interface| index(&circuit.router, interface)).collect()
}

fn attach(circuit: &Circuit, plane: &mut Dataplane) -> anyhow::Result<()> {
    for interface in [IN, OUT] {
        let index = index(&circuit.router, interface)?;
        circuit.router.enter(|| plane.attach(index, interface))??;
    }
    Ok(())
}

/// A filter that the benchmark's packets do not pass.
fn other_packets(circuit: &Circuit) -> anyhow::Result<CaptureOptions> {
    Ok(CaptureOptions {
        interfaces: ports(circuit)?.into_iter().collect(),
        reasons: Reason::ALL.to_vec(),
        prefix: Some("10.99.0.0/16".parse()?),
        source: None,
        destination: None,
        rate: None,
        snap_length: MAX_SNAP_LENGTH,
    })
}
