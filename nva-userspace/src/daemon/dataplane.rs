//! The XDP data plane as the daemon runs it: attaches to the configured interfaces as they come and go, and keeps the
//! tables a mirror of the kernel's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;
use tracing::{error, info, warn};

use super::audits::XdpAudit;
use super::error::DaemonError;
use super::neighbours::NeighbourKeeper;
use crate::config::XdpConfig;
use crate::fib::mirror::{GroupId, Mirror, XdpOp};
use crate::host::{HostDelta, HostState};
use crate::net::Prefix;
use crate::xdp::{
    Applied, Capture, CaptureLoader, Dataplane, Lookup, LookupSource, Mode, Repaired, XdpError, XdpOptions, XdpStats,
};

/// How often each CPU logs a packet in debug mode.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The data plane; nothing at all where the configuration names no interface.
pub struct DataPlane {
    active: Option<Active>,
    interfaces: BTreeMap<String, Attachment>,
}

struct Active {
    plane: Dataplane,
    mirror: Mirror,
    /// As they were a second ago at most, by interface.
    ipv6_mtus: BTreeMap<u32, u32>,
    /// The tables hold what the mirror says; before that they may be those of an earlier life.
    filled: bool,
    wanted: LookupSource,
    neighbours: NeighbourKeeper,
    overflowed: usize,
    /// Somebody captures packets, or is about to.
    capture_claimed: bool,
}

/// What a capture is begun with.
pub struct Claim {
    /// What loads it.
    pub loader: CaptureLoader,
    /// The interfaces that XDP is attached to.
    pub interfaces: Vec<Port>,
}

/// An interface that XDP is attached to.
pub struct Port {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its MAC, if it has one.
    pub mac: Option<[u8; 6]>,
    /// Whether packets are to be captured that come in by it.
    pub captured: bool,
}

/// Why packets cannot be captured.
#[derive(Debug, Error)]
pub enum CaptureRefusal {
    /// There is no data plane.
    #[error("XDP is not in use, so there is nothing to capture: [xdp] interfaces names none")]
    NoXdp,
    /// Two would be in each other's way.
    #[error(
        "a capture is running already, and there can be one at a time: it ends with the `nva capture` that began it"
    )]
    Busy,
    /// The interface is not ours.
    #[error("XDP is not attached to an interface {name:?}: it is attached to {attached} (`nva show xdp`)")]
    NotAttached {
        /// What was asked for.
        name: String,
        /// What there is.
        attached: String,
    },
    /// There is no interface at all.
    #[error("XDP is not attached to any interface now: `nva show xdp` says why")]
    Nowhere,
}

/// How it stands with a configured interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The index of the device that runs our program.
    pub index: Option<u32>,
    /// How it runs.
    pub mode: Option<Mode>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

impl Attachment {
    /// Notes that the interface is not there; says what is new about that.
    fn lose(&mut self) -> Option<&'static str> {
        let old = std::mem::take(self);
        self.notes.push("there is no interface of this name".to_owned());
        match old {
            Attachment { index: Some(_), .. } => Some("the interface is gone: XDP attaches again when it is back"),
            Attachment { notes, .. } if notes.is_empty() => {
                Some("there is no interface of this name: XDP attaches when it comes")
            }
            Attachment { .. } => None,
        }
    }
}

impl DataPlane {
    /// Loads the programs, or takes over those of an earlier life; they go on forwarding by the tables that are there.
    pub fn open(config: &XdpConfig) -> Result<DataPlane, DaemonError> {
        let interfaces = config.interfaces.iter().map(|name| (name.clone(), Attachment::default())).collect();
        let mut options = XdpOptions {
            capacity: config.capacity,
            source_checks: config.source_checks.clone(),
            ..XdpOptions::default()
        };
        if let Some(directory) = &config.pin_directory {
            options.bpffs.clone_from(directory);
        }
        let pins = options.bpffs.display();
        if config.interfaces.is_empty() {
            if options.bpffs.exists() {
                warn!(%pins, "XDP programs of an earlier run may still forward: `nva xdp detach` removes them");
            }
            return Ok(DataPlane { active: None, interfaces });
        }
        options.lookup = config.lookup;
        options.debug_samples = config.debug.then_some(SAMPLE_INTERVAL);
        let mut plane = Dataplane::open(&options)?;
        info!(adopted = plane.is_adopted(), lookup = %config.lookup, %pins, "XDP data plane loaded");
        for (name, there, wanted) in plane.other_sizes(config.capacity) {
            warn!(
                table = name,
                there,
                wanted,
                "this XDP table keeps the size that an earlier run gave it: `nva xdp detach`, and \
                start again, to have another"
            );
        }
        for interface in plane.detach_except(|name| config.interfaces.iter().any(|wanted| wanted == name))? {
            info!(interface, "XDP detached: the interface is not in the configuration any more");
        }
        let neighbours = NeighbourKeeper::start()?;
        let active = Active {
            plane,
            mirror: Mirror::default(),
            ipv6_mtus: BTreeMap::new(),
            filled: false,
            wanted: config.lookup,
            neighbours,
            overflowed: 0,
            capture_claimed: false,
        };
        Ok(DataPlane { active: Some(active), interfaces })
    }

    /// The configured interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = (&str, &Attachment)> {
        self.interfaces.iter().map(|(name, attachment)| (name.as_str(), attachment))
    }

    /// The counters; `None` where XDP is not in use.
    pub fn stats(&self) -> Option<Result<XdpStats, XdpError>> {
        Some(self.active.as_ref()?.plane.stats())
    }

    /// What the programs would do with a packet; `None` where XDP is not in use.
    pub fn lookup(&self, address: IpAddr) -> Option<Result<Lookup, XdpError>> {
        Some(self.active.as_ref()?.plane.lookup(address))
    }

    /// Where routes are looked up; `None` where XDP is not in use.
    pub fn lookup_source(&self) -> Option<LookupSource> {
        Some(self.active.as_ref()?.plane.lookup_source())
    }

    /// Looks up routes there from now on.
    pub fn look_up_in(&mut self, source: LookupSource, host: &HostState) {
        let Some(active) = &mut self.active else { return };
        if active.wanted == source {
            return;
        }
        active.wanted = source;
        if let Err(problem) = active.plane.look_up_in(source) {
            error!(%problem, "cannot change where XDP looks up routes");
        }
        info!(lookup = %source, "XDP looks up routes elsewhere");
        // Whether the tables are to be filled or given up: everything is written anew.
        active.filled = false;
        let result = active.follow(&HostDelta::default(), host);
        active.report(result);
    }

    /// The prefixes of each group.
    pub fn prefixes_by_group(&self) -> BTreeMap<GroupId, Vec<Prefix>> {
        let mut prefixes: BTreeMap<GroupId, Vec<Prefix>> = BTreeMap::new();
        for (prefix, group) in self.active.iter().flat_map(|active| active.mirror.routes()) {
            prefixes.entry(group).or_default().push(prefix);
        }
        prefixes
    }

    /// Makes sure that nobody else begins a capture, until [`DataPlane::end_capture`]. `wanted` are names of interfaces; none
    /// means all that XDP is attached to.
    pub fn claim_capture(&mut self, wanted: &[String], host: &HostState) -> Result<Claim, CaptureRefusal> {
        let active = self.active.as_mut().ok_or(CaptureRefusal::NoXdp)?;
        if active.capture_claimed {
            return Err(CaptureRefusal::Busy);
        }
        let port = |(name, index): (&str, u32)| Port {
            index,
            name: name.to_owned(),
            mac: host.link(index).and_then(|link| link.mac),
            captured: wanted.is_empty() || wanted.iter().any(|wanted| wanted == name),
        };
        let interfaces: Vec<Port> = active.plane.attached().map(port).collect();
        if interfaces.is_empty() {
            return Err(CaptureRefusal::Nowhere);
        }
        if let Some(name) = wanted.iter().find(|name| !interfaces.iter().any(|port| port.name == **name)) {
            let attached = interfaces.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(CaptureRefusal::NotAttached { name: name.clone(), attached });
        }
        active.capture_claimed = true;
        Ok(Claim { loader: active.plane.capture_loader(), interfaces })
    }

    /// Lets a capture run that was claimed before.
    pub fn begin_capture(&mut self, capture: Capture) -> Result<(), XdpError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        active.plane.begin_capture(capture)
    }

    /// Lets the usual program forward again, and returns the capture that ran. Others may begin one from now on.
    pub fn end_capture(&mut self) -> Result<Option<Capture>, XdpError> {
        let Some(active) = &mut self.active else { return Ok(None) };
        active.capture_claimed = false;
        active.plane.end_capture()
    }

    /// Whether a capture runs.
    pub fn is_capturing(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.plane.is_capturing())
    }

    /// Follows a change of the machine's network.
    pub fn host_changed(&mut self, delta: &HostDelta, host: &HostState) {
        let Some(active) = &mut self.active else { return };
        if !delta.links.is_empty() {
            attach(active, &mut self.interfaces, host);
        }
        let result = active.follow(delta, host);
        active.report(result);
        let wanted = active.mirror.wanted_neighbours();
        active.neighbours.want(wanted.into_iter().map(|neighbour| (neighbour.link, neighbour.address)).collect());
    }

    /// Holds the tables against the machine's network as it is known, and puts right what differs; `None` where XDP is not
    /// in use, or looks up routes in the kernel's tables.
    pub fn audit(&mut self, host: &HostState) -> Option<XdpAudit> {
        let active = self.active.as_mut().filter(|active| active.wanted == LookupSource::Tables)?;
        Some(active.audit(host))
    }

    /// Looks after what changes without a notice; to be called every second or so.
    pub fn tick(&mut self, host: &HostState) {
        let Some(active) = &mut self.active else { return };
        active.plane.flush_samples();
        attach(active, &mut self.interfaces, host);
        let result = active.follow(&HostDelta::default(), host);
        active.report(result);
    }
}

impl Active {
    fn follow(&mut self, delta: &HostDelta, host: &HostState) -> Result<Applied, XdpError> {
        let ports: BTreeSet<u32> = self.plane.attached().map(|(_, index)| index).collect();
        let mut ops: Vec<XdpOp> = self.mirror.set_ipv6_mtus(self.ipv6_mtus.clone(), host);
        if ports != *self.mirror.ports() {
            ops.extend(self.mirror.set_ports(ports, host));
        }
        ops.extend(self.mirror.apply(delta, host));
        // The first event is the whole of the kernel's state, so this is everything there is to know; and what an error
        // kept from being written is written with the rest by the next event.
        let result = if self.filled { self.plane.apply(&ops) } else { self.plane.replace(&self.mirror.everything()) };
        self.filled = result.is_ok();
        result
    }

    fn audit(&mut self, host: &HostState) -> XdpAudit {
        // What was told one by one has to come to what is told at once.
        let strayed = self.mirror.rebuild(host).len();
        let everything = self.mirror.everything();
        let prefixes = everything.iter().filter(|op| matches!(op, XdpOp::SetRoute { .. })).count();
        match self.plane.repair(&everything) {
            Ok(Repaired { entries, applied }) => {
                self.report(Ok(applied));
                if strayed > 0 || entries > 0 {
                    warn!(strayed, entries, "audit: the XDP tables held something else than they should: repaired");
                }
                XdpAudit { prefixes, repaired: entries, problem: None }
            }
            Err(problem) => {
                let said = problem.to_string();
                self.filled = false;
                self.report(Err(problem));
                XdpAudit { prefixes, repaired: 0, problem: Some(said) }
            }
        }
    }

    fn report(&mut self, result: Result<Applied, XdpError>) {
        match result {
            Ok(applied) => {
                if applied.overflowed > self.overflowed {
                    warn!(entries = applied.overflowed, "an XDP table is full: the kernel forwards what did not fit");
                }
                self.overflowed = applied.overflowed;
            }
            Err(problem) => error!(%problem, "cannot write the XDP tables"),
        }
    }
}

/// Attaches to every configured interface that is there and is not attached to, lets go of those that are gone, and reads
/// what the kernel does not tell of those that are there.
fn attach(active: &mut Active, interfaces: &mut BTreeMap<String, Attachment>, host: &HostState) {
    if let Err(problem) = active.plane.audit() {
        error!(%problem, "cannot audit the XDP data plane");
    }
    for (name, attachment) in interfaces {
        let Some(link) = host.link_by_name(name) else {
            if let Some(news) = attachment.lose() {
                warn!(interface = name, "{news}");
            }
            continue;
        };
        if attachment.index == Some(link.index) && active.plane.is_attached(name) {
            continue;
        }
        *attachment = match active.plane.attach(link.index, name) {
            Ok(attached) => {
                info!(interface = name, mode = %attached.mode, adopted = attached.adopted, "XDP attached");
                attached.warnings.iter().for_each(|warning| warn!(interface = name, "{warning}"));
                Attachment { index: Some(link.index), mode: Some(attached.mode), notes: attached.warnings }
            }
            Err(problem) => {
                let notes = vec![problem.to_string()];
                // Tried again every second, told once.
                if notes != attachment.notes {
                    error!(interface = name, %problem, "cannot attach XDP: the kernel forwards");
                }
                Attachment { notes, ..Attachment::default() }
            }
        };
    }
    active.ipv6_mtus = active.plane.ipv6_mtus();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_told_of_once() {
        let mut attachment = Attachment::default();
        let never = "there is no interface of this name: XDP attaches when it comes";
        assert_eq!([attachment.lose(), attachment.lose()], [Some(never), None]);
        attachment = Attachment { index: Some(2), ..Attachment::default() };
        let gone = "the interface is gone: XDP attaches again when it is back";
        assert_eq!([attachment.lose(), attachment.lose()], [Some(gone), None]);
        attachment = Attachment { notes: vec!["refused".to_owned()], ..Attachment::default() };
        assert_eq!(
            (attachment.lose(), attachment.notes),
            (None, vec!["there is no interface of this name".to_owned()])
        );
    }
}
