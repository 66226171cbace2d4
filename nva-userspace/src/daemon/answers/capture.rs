//! `nva capture`: packets are copied for as long as the client stays.

use std::num::NonZeroU32;

use nva_common::Reason;
use nva_common::capture::MAX_SNAP_LENGTH;
use tracing::{error, info};

use super::{ending, json, refuse};
use crate::control::{CaptureEnd, CaptureInterface, CaptureReply, CaptureRequest, CaptureTotals, Held, Refusal};
use crate::daemon::Handle;
use crate::daemon::dataplane::Claim;
use crate::net::Prefix;
use crate::xdp::{Capture, CaptureOptions};

/// Begins a capture.
pub async fn capture(handle: &Handle, request: &CaptureRequest) -> Result<Held, Refusal> {
    let mut options = options(request)?;
    let wanted = request.interfaces.clone();
    let claim = handle.arrange(move |plane, host| plane.claim_capture(&wanted, host)).await;
    let claim = claim.map_or_else(ending, |claim| claim.or_else(refuse))?;
    options.interfaces = claim.interfaces.iter().filter(|port| port.captured).map(|port| port.index).collect();
    match begin(handle, claim, options).await {
        Ok(held) => Ok(held),
        Err(refusal) => {
            handle.arrange(|plane, _| plane.end_capture().map(drop)).await;
            Err(refusal)
        }
    }
}

/// Loading takes its time, so it is not done in the daemon's task.
async fn begin(handle: &Handle, claim: Claim, options: CaptureOptions) -> Result<Held, Refusal> {
    let Claim { loader, interfaces } = claim;
    let snap_length = options.snap_length;
    let loaded = tokio::task::spawn_blocking(move || loader.load(&options)).await;
    let capture = loaded.or_else(refuse)?.or_else(refuse)?;
    let descriptor = capture.ring().or_else(refuse)?;
    let named = interfaces.iter().filter(|port| port.captured).map(|port| port.name.as_str());
    info!(interfaces = named.collect::<Vec<_>>().join(" "), "a packet capture begins");
    let begun = handle.arrange(move |plane, _| plane.begin_capture(capture)).await;
    begun.map_or_else(ending, |begun| begun.or_else(refuse))?;
    let interfaces = interfaces
        .into_iter()
        .map(|port| CaptureInterface { index: port.index, name: port.name, mac: port.mac, captured: port.captured })
        .collect();
    let reply = json(CaptureReply { interfaces, snap_length })?;
    Ok(Held { reply, descriptor, end: Box::pin(end(handle.clone())) })
}

async fn end(handle: Handle) -> Result<serde_json::Value, Refusal> {
    let ended = handle.arrange(|plane, _| plane.end_capture()).await;
    let ended = ended.map_or_else(ending, |ended| ended.or_else(refuse));
    let Some(capture) = ended.inspect_err(|refusal| error!(problem = refusal.error, "cannot end a packet capture"))?
    else {
        return ending();
    };
    let counted =
        tokio::task::spawn_blocking(move || Capture::finish(capture)).await.or_else(refuse)?.or_else(refuse)?;
    let interfaces: Vec<CaptureTotals> = counted
        .into_iter()
        .map(|count| CaptureTotals {
            index: count.interface,
            seen: count.counters.seen,
            matched: count.counters.matched,
            limited: count.counters.limited,
            lost: count.counters.lost,
        })
        .collect();
    let (matched, lost) = interfaces.iter().fold((0, 0), |sum, port| (sum.0 + port.matched, sum.1 + port.lost));
    info!(matched, lost, "the packet capture has ended");
    json(CaptureEnd { interfaces })
}

/// What was asked for, without the interfaces: those only the data plane knows.
fn options(request: &CaptureRequest) -> Result<CaptureOptions, Refusal> {
    let snap_length = request.snap_length.unwrap_or(MAX_SNAP_LENGTH);
    if snap_length == 0 || snap_length > MAX_SNAP_LENGTH {
        return refuse(format!("a snap length is from 1 to {MAX_SNAP_LENGTH}, not {snap_length}"));
    }
    Ok(CaptureOptions {
        interfaces: Vec::new(),
        reasons: reasons(&request.verdicts, &request.reasons)?,
        prefix: prefix(request.prefix.as_deref())?,
        source: prefix(request.source.as_deref())?,
        destination: prefix(request.destination.as_deref())?,
        rate: request.rate.and_then(NonZeroU32::new),
        snap_length,
    })
}

/// Those that fit both, if both are asked for.
fn reasons(verdicts: &[String], names: &[String]) -> Result<Vec<Reason>, Refusal> {
    let all = || Reason::ALL.iter().copied();
    for verdict in verdicts {
        if !all().any(|reason| reason.verdict().name() == verdict) {
            return refuse(format!("there is no verdict {verdict:?}: there are forward, pass and drop"));
        }
    }
    for name in names {
        if !all().any(|reason| reason.name() == name) {
            let known: Vec<&str> = all().map(Reason::name).collect();
            return refuse(format!("there is no reason {name:?}: there are {}", known.join(", ")));
        }
    }
    let has = |wanted: &[String], name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let fits = |reason: &Reason| has(verdicts, reason.verdict().name()) && has(names, reason.name());
    let chosen: Vec<Reason> = all().filter(fits).collect();
    if chosen.is_empty() {
        return refuse(format!("none of these reasons leads to the verdict {}", verdicts.join(" or ")));
    }
    Ok(chosen)
}

/// An address stands for itself alone.
fn prefix(text: Option<&str>) -> Result<Option<Prefix>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let parsed = match text.parse() {
        Ok(address) => Ok(Prefix::host(address)),
        Err(_) => text.parse::<Prefix>(),
    };
    parsed.map(Some).or_else(|error| refuse(format!("{text:?} is neither an address nor a prefix: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn chosen(verdicts: &[&str], names: &[&str]) -> Result<Vec<Reason>, String> {
        reasons(&texts(verdicts), &texts(names)).map_err(|refusal| refusal.error)
    }

    #[test]
    fn reasons_are_chosen_by_verdict_and_name() {
        assert_eq!(chosen(&[], &[]), Ok(Reason::ALL.to_vec()));
        assert_eq!(chosen(&["forward"], &[]), Ok(vec![Reason::Hairpin, Reason::Redirect]));
        assert_eq!(chosen(&[], &["arp", "blackhole"]), Ok(vec![Reason::Arp, Reason::Blackhole]));
        assert_eq!(chosen(&["drop"], &["arp", "blackhole"]), Ok(vec![Reason::Blackhole]));
        let none = chosen(&["drop"], &["arp"]).expect_err("nothing fits");
        assert_eq!(none, "none of these reasons leads to the verdict drop");
        let unknown = chosen(&[], &["black-hole"]).expect_err("no such reason");
        assert!(unknown.starts_with("there is no reason \"black-hole\": there are hairpin, redirect,"), "{unknown}");
        let unknown = chosen(&["accept"], &[]).expect_err("no such verdict");
        assert_eq!(unknown, "there is no verdict \"accept\": there are forward, pass and drop");
    }

    #[test]
    fn an_address_is_a_prefix_of_one() {
        let read = |text| prefix(Some(text)).map(|prefix| prefix.map(|prefix| prefix.to_string()));
        assert_eq!(read("10.1.2.3").expect("an address").as_deref(), Some("10.1.2.3/32"));
        assert_eq!(read("2001:db8::/32").expect("a prefix").as_deref(), Some("2001:db8::/32"));
        let error = read("10.0.0.0/40").expect_err("too long").error;
        assert!(error.starts_with("\"10.0.0.0/40\" is neither an address nor a prefix: "), "{error}");
    }

    #[test]
    fn a_snap_length_is_one_that_fits() {
        let with = |snap_length| options(&CaptureRequest { snap_length, ..CaptureRequest::default() });
        assert_eq!(with(None).expect("the default").snap_length, MAX_SNAP_LENGTH);
        assert_eq!(with(Some(96)).expect("short").snap_length, 96);
        for wrong in [0, MAX_SNAP_LENGTH + 1] {
            let error = with(Some(wrong)).expect_err("refused").error;
            assert_eq!(error, format!("a snap length is from 1 to 65536, not {wrong}"));
        }
    }
}
