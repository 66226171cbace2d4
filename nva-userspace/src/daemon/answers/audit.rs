//! `nva fib audit`.

use crate::control::{AuditReply, AuditsReply, Differing, KernelAudit, MOST_NAMED, XdpAudit};
use crate::daemon::State;
use crate::daemon::audits::Audited;
use crate::net::Prefix;

pub fn found(audited: &Audited) -> AuditReply {
    let kernel = audited.fib.as_ref().map(|fib| KernelAudit {
        routes: fib.routes,
        objects: fib.objects,
        missing: differing(&fib.missing),
        different: differing(&fib.different),
        unexpected: differing(&fib.unexpected),
        strange_objects: fib.strange_objects.clone(),
    });
    let xdp = audited.xdp.clone().map(|xdp| {
        let crate::daemon::audits::XdpAudit { prefixes, repaired, problem } = xdp;
        XdpAudit { prefixes, repaired, problem }
    });
    AuditReply { seconds: audited.took.as_secs_f64(), differences: audited.differences(), kernel, xdp }
}

pub fn all(state: &State<'_>) -> AuditsReply {
    let last = state.audits.last().map(|(when, _)| (state.now - when).as_secs());
    AuditsReply { count: state.audits.count(), differences: state.audits.differences(), last }
}

fn differing(prefixes: &[Prefix]) -> Differing {
    let named = prefixes.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    Differing { count: prefixes.len(), prefixes: named }
}
