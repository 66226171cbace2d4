//! The data plane as a whole: the one owner of programs, links and tables.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Array, MapData, MapError, PerCpuArray, PerCpuValues, ProgramArray};
use aya::util::nr_cpus;
use nva_common::table6::{NodeBlock, Root6};
use nva_common::{
    CONFIG, Config, Counters, DEVICES, FIRST_GROUP, FORWARDER, GROUP_COUNTERS, GROUPS, Group, MAX_IFINDEX, NEXT_HOPS,
    NODES_6, NextHop, PORTS, PROGRAMS, REASON_COUNTERS, ROOT_6, SOURCE_COUNTERS, TABLE_8, TABLE_24, Table24Part,
    TableBlock,
};

use super::bpffs::PinDirectory;
use super::capture::{Capture, CaptureLoader};
use super::dir24::Dir24;
use super::error::XdpError;
use super::groups::GroupTable;
use super::links::{self, Attached, Links, Root};
use super::lookup_source::LookupSource;
use super::memory::{Mapping, Word};
use super::next_hops::NextHopTable;
use super::object::{self, Capacity};
use super::ports::{PortTable, SourceCheck, ipv6_mtu, setting};
use super::samples::Samples;
use super::sys;
use super::trie::Trie;
use crate::fib::mirror::{GroupId, XdpOp};
use crate::net::{AfiSafi, Prefix};

/// The program that links run.
const ROOT: &str = "root";
/// As many slots may wait for a grace period, which takes about 10 ms, before one is waited for.
const MOST_RETIRED: usize = 1024;

/// How the data plane is opened.
#[derive(Clone, Debug)]
pub struct XdpOptions {
    /// The directory in bpffs for pins. bpffs is mounted if it is not: at `/sys/fs/bpf` for what lies below it, else at the
    /// directory itself. It has to outlive the process: a mount in a private mount namespace does not.
    pub bpffs: PathBuf,
    /// Sizes of the tables that are made anew; tables of a former process keep theirs.
    pub capacity: Capacity,
    /// Where packets from some sources may not come in, by interface.
    pub source_checks: BTreeMap<String, SourceCheck>,
    /// Debug mode: at most one packet a CPU is logged in this time.
    pub debug_samples: Option<Duration>,
    /// Where routes are looked up.
    pub lookup: LookupSource,
}

impl Default for XdpOptions {
    fn default() -> XdpOptions {
        XdpOptions {
            bpffs: PathBuf::from("/sys/fs/bpf/nva"),
            capacity: Capacity::default(),
            source_checks: BTreeMap::new(),
            debug_samples: None,
            lookup: LookupSource::default(),
        }
    }
}

/// What became of operations that had no room in the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// /24s, nodes of IPv6 prefixes, groups and next hops whose packets the kernel forwards, because a table is full.
    pub overflowed: usize,
}

/// What became of tables that were compared with what they should hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Words, ports and redirect targets that held something else.
    pub entries: u64,
    /// What has no room.
    pub applied: Applied,
}

/// The data plane. Dropping it detaches nothing: see [`Dataplane::remove`].
pub struct Dataplane {
    directory: PinDirectory,
    object: Ebpf,
    links: Links,
    pub(super) ports: PortTable,
    pub(super) table: Dir24<Mapping, Mapping>,
    pub(super) table6: Trie<Mapping<u64>, Mapping<u64>>,
    pub(super) groups: GroupTable<Mapping>,
    pub(super) next_hops: NextHopTable<Mapping>,
    pub(super) reason_counters: PerCpuArray<MapData, Counters>,
    pub(super) group_counters: PerCpuArray<MapData, Counters>,
    pub(super) source_counters: PerCpuArray<MapData, Counters>,
    programs: ProgramArray<MapData>,
    programs_id: u32,
    forwarder_id: u32,
    config: Array<MapData, Config>,
    /// Where routes are to be looked up, and where they are: the tables may be yet to be filled.
    wanted: LookupSource,
    running: LookupSource,
    samples: Option<Samples>,
    /// The capture that runs.
    capture: Option<Capture>,
    adopted: bool,
}

impl Dataplane {
    /// Loads the programs over the pinned maps, or over new ones, and lets the links that are already there run the new
    /// forwarder. Tables that are already there forward on as they are.
    pub fn open(options: &XdpOptions) -> Result<Dataplane, XdpError> {
        let directory = PinDirectory::create(&options.bpffs)?;
        let adopted = directory.map(TABLE_24).exists();
        let mut object = object::load(&directory, options.capacity)?;
        // Before the maps are taken out: the programs refer to their descriptors.
        let debug = options.debug_samples.is_some();
        for name in [ROOT, LookupSource::Tables.forwarder(debug), LookupSource::Kernel.forwarder(debug)] {
            object::load_program(&mut object, name)?;
        }
        let (config, tables_are_true) = configure(&mut object, options)?;
        let samples = match options.debug_samples {
            Some(_) => Some(Samples::new(&mut object)?),
            None => None,
        };
        let table = mapping(&mut object, TABLE_24, size_of::<Table24Part>())?;
        let blocks = mapping(&mut object, TABLE_8, size_of::<TableBlock>())?;
        let root = mapping(&mut object, ROOT_6, size_of::<Root6>())?;
        let nodes = mapping(&mut object, NODES_6, size_of::<NodeBlock>())?;
        let groups = mapping(&mut object, GROUPS, size_of::<Group>())?;
        let next_hops = mapping(&mut object, NEXT_HOPS, size_of::<NextHop>())?;
        let (ports, devices) = (object::take_map(&mut object, PORTS)?, object::take_map(&mut object, DEVICES)?);
        let ports = PortTable::new(ports, devices, options.source_checks.clone())?;
        let counters = |object: &mut Ebpf, name| {
            let map = object::take_map(object, name)?;
            PerCpuArray::try_from(map).map_err(|source| XdpError::Map { name, source })
        };
        let reason_counters = counters(&mut object, REASON_COUNTERS)?;
        let group_counters = counters(&mut object, GROUP_COUNTERS)?;
        let source_counters = counters(&mut object, SOURCE_COUNTERS)?;
        let failed = |source| XdpError::Map { name: PROGRAMS, source };
        let programs = ProgramArray::try_from(object::take_map(&mut object, PROGRAMS)?).map_err(failed)?;
        let programs_id = aya::maps::MapInfo::from_pin(directory.map(PROGRAMS)).map_err(failed)?.id();
        let mut dataplane = Dataplane {
            directory,
            object,
            links: Links::default(),
            ports,
            table: Dir24::new(table, blocks),
            table6: Trie::new(root, nodes),
            groups: GroupTable::new(groups),
            next_hops: NextHopTable::new(next_hops),
            reason_counters,
            group_counters,
            source_counters,
            programs,
            programs_id,
            forwarder_id: 0,
            config,
            wanted: options.lookup,
            running: options.lookup,
            samples,
            capture: None,
            adopted,
        };
        // Nobody kept the tables true while the kernel was asked: it is asked until they are filled. The switch also ends what
        // a former process began: debug mode, or a capture.
        let first = if tables_are_true { options.lookup } else { LookupSource::Kernel };
        dataplane.switch_to(first)?;
        Ok(dataplane)
    }

    /// Where routes are to be looked up from now on. The kernel is asked at once; for the tables, [`Dataplane::replace`] has
    /// to be called, which switches over when it has filled them. No packet is lost.
    pub fn look_up_in(&mut self, source: LookupSource) -> Result<(), XdpError> {
        self.wanted = source;
        match source {
            LookupSource::Kernel => self.switch_to(source),
            LookupSource::Tables => Ok(()),
        }
    }

    /// Where routes are looked up now.
    pub fn lookup_source(&self) -> LookupSource {
        self.running
    }

    /// Whether tables of a former process were found.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// The tables of a former process whose sizes are not these: name, size, what it should be.
    pub fn other_sizes(&self, wanted: Capacity) -> Vec<(&'static str, usize, usize)> {
        let usage = self.usage();
        let sizes = [
            ("ipv4-blocks", usage.blocks.1, wanted.blocks as usize),
            ("ipv6-blocks", usage.nodes.1, wanted.nodes as usize),
            ("groups", usage.groups.1 + FIRST_GROUP as usize, wanted.groups as usize),
            ("next-hops", usage.next_hops.1 + 1, wanted.next_hops as usize),
        ];
        sizes.into_iter().filter(|(_, there, wanted)| there != wanted).collect()
    }

    /// Attaches to an interface, or takes over the link that a former process left there. Its MAC comes by
    /// [`XdpOp::SetPort`].
    pub fn attach(&mut self, ifindex: u32, interface: &str) -> Result<Attached, XdpError> {
        if ifindex == 0 || ifindex >= MAX_IFINDEX {
            let interface = interface.to_owned();
            return Err(XdpError::InterfaceIndex { interface, index: ifindex, max: MAX_IFINDEX - 1 });
        }
        let mut warnings = Vec::new();
        let root = root(&mut self.object, self.programs_id)?;
        let adopted = self.links.adopt(&root, &self.directory, interface, ifindex)?;
        let mode = if adopted {
            self.ports.mode(ifindex)?
        } else {
            let (mode, refused) = self.links.attach(&root, &self.directory, interface, ifindex)?;
            if let Some(error) = refused {
                warnings.push(format!("{interface} has no native XDP ({error}): generic mode forwards much slower"));
            }
            mode
        };
        let forwards = setting("ipv4", interface, "forwarding") != 0;
        if !forwards {
            warnings.push(format!(
                "net.ipv4.conf.{interface}.forwarding is 0: no IPv4 packet that arrives there is forwarded"
            ));
        }
        self.ports.attached(ifindex, mode, interface)?;
        Ok(Attached { mode, adopted, warnings })
    }

    /// Detaches from an interface, whoever attached to it; the kernel forwards from then on.
    pub fn detach(&mut self, interface: &str) -> Result<(), XdpError> {
        match self.links.detach(interface)? {
            Some(ifindex) => self.ports.detached(ifindex),
            None => Ok(()),
        }
    }

    /// Detaches from every interface but these: a former process may have been told of others. Returns their names.
    pub fn detach_except(&mut self, keep: impl Fn(&str) -> bool) -> Result<Vec<String>, XdpError> {
        let detached = self.links.detach_except(&self.directory, keep)?;
        for (_, ifindex) in detached.iter().filter(|(_, ifindex)| *ifindex != 0) {
            self.ports.detached(*ifindex)?;
        }
        Ok(detached.into_iter().map(|(interface, _)| interface).collect())
    }

    /// Detaches from every interface and removes every pin below the directory; no running process is needed for it.
    /// Returns the interfaces that were attached.
    pub fn remove(bpffs: &Path) -> Result<Vec<String>, XdpError> {
        let directory = PinDirectory::existing(bpffs);
        let interfaces = links::detach_pinned(&directory)?;
        directory.remove()?;
        Ok(interfaces)
    }

    /// Whether the device that has this name now runs the program.
    pub fn is_attached(&self, interface: &str) -> bool {
        self.links.is_attached(interface)
    }

    /// The attached interfaces' names and indexes.
    pub fn attached(&self) -> impl Iterator<Item = (&str, u32)> {
        self.links.iter()
    }

    /// The IPv6 MTUs of the attached interfaces that have IPv6, in octets, by index, as the kernel has them now.
    pub fn ipv6_mtus(&self) -> BTreeMap<u32, u32> {
        self.links.iter().filter_map(|(name, index)| Some((index, ipv6_mtu(name)?))).collect()
    }

    /// Looks after what changes without a notice: lets go of devices that are gone (returns their names: attach again when
    /// they are back) and reads anew whether the kernel forwards.
    pub fn audit(&mut self) -> Result<Vec<String>, XdpError> {
        let dead = self.links.drop_dead()?;
        for (_, ifindex) in &dead {
            self.ports.detached(*ifindex)?;
        }
        let alive: Vec<(String, u32)> = self.links.iter().map(|(name, index)| (name.to_owned(), index)).collect();
        for (interface, ifindex) in alive {
            self.ports.refresh(ifindex, &interface)?;
        }
        Ok(dead.into_iter().map(|(interface, _)| interface).collect())
    }

    /// Makes the tables exactly what these operations build from nothing. To be called once after
    /// [`Dataplane::open`], as soon as everything is known; until then, tables of a former process stay as they are. What
    /// is right already is not touched, so no packet is lost.
    pub fn replace(&mut self, ops: &[XdpOp]) -> Result<Applied, XdpError> {
        self.rewrite(ops)?;
        self.settle()
    }

    /// The same as an audit: makes the tables again what they should be by what was applied before.
    pub fn repair(&mut self, ops: &[XdpOp]) -> Result<Repaired, XdpError> {
        let before = self.written();
        self.rewrite(ops)?;
        let links: Vec<u32> = self.links.iter().map(|(_, ifindex)| ifindex).collect();
        for ifindex in links {
            self.ports.check(ifindex)?;
        }
        let entries = self.written() - before;
        Ok(Repaired { entries, applied: self.settle()? })
    }

    fn written(&self) -> u64 {
        let words = self.table.written() + self.table6.written() + self.groups.written() + self.next_hops.written();
        words + self.ports.written()
    }

    /// Writes what these operations come to from nothing, where it is not there.
    fn rewrite(&mut self, ops: &[XdpOp]) -> Result<(), XdpError> {
        self.table.forget();
        self.table6.forget();
        self.groups.forget();
        self.next_hops.forget();
        for op in ops {
            self.apply_one(op)?;
        }
        if self.wanted == LookupSource::Kernel {
            return Ok(());
        }
        for family in AfiSafi::ALL {
            if self.groups.default_group(family).is_none() {
                self.groups.set_default(family, None);
            }
        }
        self.table.synchronise();
        self.table6.synchronise();
        self.groups.drop_unused();
        self.next_hops.drop_unused();
        if self.running != self.wanted {
            self.switch_to(self.wanted)?;
        }
        Ok(())
    }

    /// Applies changes, in order; where the kernel is asked for routes, those of ports only.
    pub fn apply(&mut self, ops: &[XdpOp]) -> Result<Applied, XdpError> {
        for op in ops {
            self.apply_one(op)?;
        }
        self.settle()
    }

    /// Debug mode: logs the samples that have come since the last call.
    pub fn flush_samples(&mut self) {
        if let Some(samples) = &mut self.samples {
            samples.flush();
        }
    }

    /// What a capture is loaded by.
    pub fn capture_loader(&self) -> CaptureLoader {
        CaptureLoader::new(self.directory.clone(), self.programs_id)
    }

    /// Lets every root call the capture's forwarder from now on, in place of the usual one (that of debug mode included).
    pub fn begin_capture(&mut self, capture: Capture) -> Result<(), XdpError> {
        self.capture = Some(capture);
        self.call_forwarder()
    }

    /// Lets every root call the usual forwarder again, and returns the capture that ran. Programs that run at this moment may
    /// capture one more packet each: see [`Capture::finish`].
    pub fn end_capture(&mut self) -> Result<Option<Capture>, XdpError> {
        let ended = self.capture.take();
        if ended.is_some() {
            self.call_forwarder()?;
        }
        Ok(ended)
    }

    /// Whether a capture runs.
    pub fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    /// The kernel's id of the forwarder that runs.
    pub fn forwarder_id(&self) -> u32 {
        self.forwarder_id
    }

    fn apply_one(&mut self, op: &XdpOp) -> Result<(), XdpError> {
        match op {
            XdpOp::SetPort { link, mac } if *link < MAX_IFINDEX => self.ports.set_mac(*link, *mac)?,
            XdpOp::RemovePort(link) if *link < MAX_IFINDEX => self.ports.set_mac(*link, [0; 6])?,
            XdpOp::SetPort { .. } | XdpOp::RemovePort(_) => {}
            XdpOp::SetGroup { .. } | XdpOp::SetRoute { .. } | XdpOp::RemoveRoute(_) | XdpOp::RemoveGroup(_)
                if self.wanted == LookupSource::Kernel => {}
            XdpOp::SetGroup { id, state, links } => {
                self.make_room()?;
                if let Some(slot) = self.groups.set(*id, state.clone(), links, &mut self.next_hops) {
                    self.clear_counters(slot)?;
                }
            }
            XdpOp::SetRoute { prefix, group } => self.set_route(*prefix, Some(*group)),
            XdpOp::RemoveRoute(prefix) => self.set_route(*prefix, None),
            XdpOp::RemoveGroup(id) => self.groups.remove(*id, &mut self.next_hops),
        }
        Ok(())
    }

    /// What does not fit the tables is the kernel's: they count it.
    fn set_route(&mut self, prefix: Prefix, group: Option<GroupId>) {
        if prefix.is_default() {
            return self.groups.set_default(prefix.family(), group);
        }
        let (length, slot) = (prefix.len(), group.map(|group| self.groups.slot(group)));
        match (prefix.address(), slot) {
            (IpAddr::V4(address), Some(slot)) => self.table.insert(address.into(), length, slot).unwrap_or_default(),
            (IpAddr::V4(address), None) => self.table.remove(address.into(), length).unwrap_or_default(),
            (IpAddr::V6(address), Some(slot)) => self.table6.insert(address.into(), length, slot),
            (IpAddr::V6(address), None) => self.table6.remove(address.into(), length),
        }
    }

    /// Waits for retired slots if a group could not be placed otherwise.
    fn make_room(&mut self) -> Result<(), XdpError> {
        let lacking = (self.groups.is_full() && self.groups.retired() > 0)
            || (self.next_hops.is_full() && self.next_hops.retired() > 0);
        if lacking { self.wait_for_readers() } else { Ok(()) }
    }

    /// Gives what overflowed another chance, and does not let too much wait for a grace period.
    fn settle(&mut self) -> Result<Applied, XdpError> {
        let retired = self.table.retired() + self.table6.retired() + self.groups.retired() + self.next_hops.retired();
        let lacks_blocks = (self.table.overflowed() > 0 && self.table.retired() > 0)
            || (self.table6.overflowed() > 0 && self.table6.retired() > 0);
        if retired > MOST_RETIRED || lacks_blocks {
            self.wait_for_readers()?;
        }
        let (groups, next_hops) = self.groups.overflowed();
        Ok(Applied { overflowed: self.table.overflowed() + self.table6.overflowed() + groups + next_hops })
    }

    fn wait_for_readers(&mut self) -> Result<(), XdpError> {
        // Until then, what a former process left may lead to slots that are retired already.
        if !self.table.is_synchronised() || !self.table6.is_synchronised() {
            return Ok(());
        }
        sys::wait_for_readers().map_err(|source| XdpError::Kernel { request: "wait for BPF programs", source })?;
        self.table.grace_period_passed();
        self.table6.grace_period_passed();
        self.groups.grace_period_passed();
        self.next_hops.grace_period_passed();
        Ok(())
    }

    fn clear_counters(&mut self, slot: u32) -> Result<(), XdpError> {
        let maps = [(GROUP_COUNTERS, &mut self.group_counters), (SOURCE_COUNTERS, &mut self.source_counters)];
        for (name, map) in maps {
            let failed = |source| XdpError::Map { name, source };
            let cpus = nr_cpus().map_err(|(_, source)| failed(MapError::IoError(source)))?;
            let zero = PerCpuValues::try_from(vec![Counters::default(); cpus])
                .map_err(|source| failed(MapError::IoError(source)))?;
            map.set(slot, zero, 0).map_err(failed)?;
        }
        Ok(())
    }

    /// Lets every root call the forwarder that looks up routes there from now on. Whether the tables are kept true is
    /// written while the kernel is asked: whoever comes after a crash in between must not trust them.
    fn switch_to(&mut self, source: LookupSource) -> Result<(), XdpError> {
        if source == LookupSource::Kernel {
            self.note_source(source)?;
        }
        self.running = source;
        self.call_forwarder()?;
        if source == LookupSource::Tables { self.note_source(source) } else { Ok(()) }
    }

    /// Lets every root call the forwarder that is to run now, so that no packet meets none.
    fn call_forwarder(&mut self) -> Result<(), XdpError> {
        let name = self.running.forwarder(self.samples.is_some());
        let program = match &self.capture {
            Some(capture) => capture.program(self.running)?,
            None => object::program(&mut self.object, name)?,
        };
        let failed = |source| XdpError::Program { name, source };
        self.forwarder_id = program.info().map_err(failed)?.id();
        let fd = program.fd().map_err(failed)?;
        self.programs.set(FORWARDER, fd, 0).map_err(|source| XdpError::Map { name: PROGRAMS, source })
    }

    fn note_source(&mut self, source: LookupSource) -> Result<(), XdpError> {
        let failed = |source| XdpError::Map { name: CONFIG, source };
        let mut config = self.config.get(&0, 0).map_err(failed)?;
        config.asks_kernel = u32::from(source == LookupSource::Kernel);
        self.config.set(0, config, 0).map_err(failed)
    }
}

/// Sets what holds for every packet, and says whether a former process kept the tables true; its seed stays, so that flows
/// keep their paths.
fn configure(object: &mut Ebpf, options: &XdpOptions) -> Result<(Array<MapData, Config>, bool), XdpError> {
    let failed = |source| XdpError::Map { name: CONFIG, source };
    let mut map: Array<MapData, Config> = Array::try_from(object::take_map(object, CONFIG)?).map_err(failed)?;
    let mut config = map.get(&0, 0).map_err(failed)?;
    if config.hash_seed == 0 {
        config.hash_seed = fastrand::u32(1..);
    }
    let interval = options.debug_samples.unwrap_or_default();
    config.sample_interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    map.set(0, config, 0).map_err(failed)?;
    Ok((map, config.asks_kernel == 0))
}

/// A table of the object's, memory-mapped.
fn mapping<W: Word>(object: &mut Ebpf, name: &'static str, value_size: usize) -> Result<Mapping<W>, XdpError> {
    let (map, bytes) = object::take_array(object, name, value_size)?;
    Mapping::new(map.fd().as_fd(), bytes).map_err(|source| XdpError::Mapping { name, source })
}

fn root(object: &mut Ebpf, programs_map: u32) -> Result<Root<'_>, XdpError> {
    let program = object::program(object, ROOT)?.fd().map_err(|source| XdpError::Program { name: ROOT, source })?;
    Ok(Root { program: program.as_fd(), programs_map })
}
