//! What an audit of the tables found.

use serde::{Deserialize, Serialize};

/// How many prefixes of a kind a reply names at most.
pub const MOST_NAMED: usize = 100;

/// What an audit found; all of it was repaired.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditReply {
    /// How many seconds it took.
    pub seconds: f64,
    /// How many differences there were.
    pub differences: u64,
    /// In the kernel; none if `[fib] install = false` keeps routes out of it.
    pub kernel: Option<KernelAudit>,
    /// In the XDP tables; none where XDP is not in use.
    pub xdp: Option<XdpAudit>,
}

/// What was compared in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelAudit {
    /// Routes of ours.
    pub routes: usize,
    /// Next-hop objects of ours.
    pub objects: usize,
    /// Routes that were gone.
    pub missing: Differing,
    /// Routes that led elsewhere.
    pub different: Differing,
    /// Routes that look like ours and were not.
    pub unexpected: Differing,
    /// Next-hop objects that were gone, led elsewhere, or look like ours and were not, by number.
    pub strange_objects: Vec<u32>,
}

/// Some prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// How many they are.
    pub count: usize,
    /// The first of them: 100 at most.
    pub prefixes: Vec<String>,
}

/// What was compared in the XDP tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpAudit {
    /// The prefixes that they should hold.
    pub prefixes: usize,
    /// Words of the tables, ports and redirect targets that held something else.
    pub repaired: u64,
    /// Why they could not be compared to the end.
    pub problem: Option<String>,
}

/// All audits since the daemon began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditsReply {
    /// How many there were.
    pub count: u64,
    /// How many differences they found.
    pub differences: u64,
    /// How many seconds ago the last one ended.
    pub last: Option<u64>,
}
