//! One table, one way: everybody forwards in turn.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nva::fib::mirror::{GroupId, XdpOp};
use nva::net::{AfiSafi, Prefix};
use nva::xdp::Dataplane;
use nva_tests::route_set::RouteSet;

use crate::Arguments;
use crate::circuit::{BATCH, Circuit, Measured, Way, pin_to_cpu};
use crate::contender::{Contender, NVA};
use crate::report::{Filling, Report, Row, Section, median};
use crate::tables;

/// A measurement is the median of so many short ones: a virtual machine stands still now and then, for some milliseconds,
/// and most of them are not hit.
const SHORT_ONES: usize = 5;
/// How long each of them is to take.
const SHORT: Duration = Duration::from_millis(10);
/// Packets before, which are not measured.
const WARM_UP: u32 = 1 << 14;
/// Tables of at least so many routes are also changed while packets are forwarded.
const MANY_ROUTES: usize = 1_000_000;
/// Routes that are changed together, and how many a second.
const CHANGED_TOGETHER: usize = 1_000;
const CHANGES_A_SECOND: f64 = 1e6;
/// The CPU that makes, forwards and takes packets, and the one that changes routes meanwhile.
const FORWARDING_CPU: usize = 1;
const CHANGING_CPU: usize = 0;

/// What is measured.
pub struct Run<'a> {
    pub arguments: &'a Arguments,
    pub rounds: u16,
    pub way: Way,
    pub routes: &'a RouteSet,
}

impl Run<'_> {
    /// Measures all of it.
    pub fn measure(&self, report: &mut Report) -> anyhow::Result<()> {
        let mut circuit = Circuit::build(&self.arguments.traffic_object, self.way, self.routes)?;
        let filled = tables::fill(&circuit, self.way, self.routes)?;
        let mut contenders = vec![Contender::nobody(), Contender::kernel()];
        let (nva, tables) = Contender::nva(&circuit, &filled.ops)?;
        contenders.extend(nva);
        if let Some(path) = &self.arguments.peer_object {
            contenders.extend(Contender::peers(&circuit, path)?);
        }
        let leads = self.changes_routes().then(|| self.leads(&filled.ops));
        // On a thread of its own, which alone is bound to a CPU.
        let rows = thread::scope(|scope| {
            let measuring = scope.spawn(|| {
                pin_to_cpu(FORWARDING_CPU)?;
                self.rounds(&mut circuit, &mut contenders, leads.as_deref())
            });
            measuring.join().unwrap_or_else(|panic| resume_unwind(panic))
        })?;
        let filling = Filling::new(self.routes, &filled, tables);
        report.add(Section::new(self.way, self.routes, rows), filling);
        Ok(())
    }

    fn rounds(
        &self,
        circuit: &mut Circuit,
        contenders: &mut [Contender],
        leads: Option<&[(Prefix, GroupId)]>,
    ) -> anyhow::Result<Vec<Row>> {
        let mut rows: Vec<Row> = contenders.iter().map(|contender| Row::new(&contender.name)).collect();
        let mut changing = Row::new("nva, while routes change");
        for _ in 0..self.rounds {
            for (contender, row) in contenders.iter_mut().zip(&mut rows) {
                row.add(turn(circuit, contender, |circuit, _| send(circuit))?);
                if let Some(leads) = leads.filter(|_| contender.name == NVA) {
                    let measure =
                        |circuit: &mut _, contender: &mut _| send_while_routes_change(circuit, contender, leads);
                    let (measured, changes) = turn(circuit, contender, measure)?;
                    changing.add_with_changes(measured, changes);
                }
            }
        }
        rows.extend(leads.is_some().then_some(changing));
        Ok(rows)
    }

    /// Whether it is also measured what changes cost: one way, in a table that is worth it.
    fn changes_routes(&self) -> bool {
        let is_large = self.routes.routes.len() >= MANY_ROUTES;
        self.way == Way::TwoNics && self.routes.family == AfiSafi::Ipv4Unicast && is_large
    }

    /// Where each of our routes leads.
    fn leads(&self, ops: &[XdpOp]) -> Vec<(Prefix, GroupId)> {
        let ours: HashSet<Prefix> = self.routes.routes.iter().map(|(prefix, _)| *prefix).collect();
        let all = ops.iter().filter_map(|op| match op {
            XdpOp::SetRoute { prefix, group } => Some((*prefix, *group)),
            XdpOp::SetPort { .. }
            | XdpOp::RemovePort(_)
            | XdpOp::SetGroup { .. }
            | XdpOp::RemoveRoute(_)
            | XdpOp::RemoveGroup(_) => None,
        });
        all.filter(|(prefix, _)| ours.contains(prefix)).collect()
    }
}

/// Lets one forward.
fn turn<T>(
    circuit: &mut Circuit,
    contender: &mut Contender,
    measure: impl FnOnce(&mut Circuit, &mut Contender) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    contender.plug_in(circuit).with_context(|| format!("plug in {}", contender.name))?;
    let taking = circuit.take_at(contender.end())?;
    let measured = measure(circuit, contender)?;
    circuit.take_no_more(taking)?;
    contender.pull_out(circuit).with_context(|| format!("pull out {}", contender.name))?;
    Ok(measured)
}

/// Sends packets for the time that a measurement is to take.
fn send(circuit: &mut Circuit) -> anyhow::Result<Measured> {
    let warm = circuit.send(WARM_UP)?;
    let packets = (SHORT.as_nanos() as f64 / warm.cost) as u32;
    let short_ones: anyhow::Result<Vec<Measured>> =
        (0..SHORT_ONES).map(|_| circuit.send(packets.next_multiple_of(BATCH))).collect();
    let short_ones = short_ones?;
    let costs: Vec<f64> = short_ones.iter().map(|short| short.cost).collect();
    Ok(Measured { cost: median(&costs), lost: warm.lost + short_ones.iter().map(|short| short.lost).sum::<u64>() })
}

/// Sends while another CPU gives routes to other groups; how many a second, is said as well.
fn send_while_routes_change(
    circuit: &mut Circuit,
    contender: &mut Contender,
    routes: &[(Prefix, GroupId)],
) -> anyhow::Result<(Measured, f64)> {
    let plane = contender.dataplane().context("no routes of ours")?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let changing = scope.spawn(|| {
            pin_to_cpu(CHANGING_CPU)?;
            change_routes(plane, routes, &stop)
        });
        let measured = send(circuit);
        stop.store(true, Ordering::Relaxed);
        let rate = changing.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((measured?, rate))
    })
}

/// Gives every route the group of another, again and again, at a rate that is not exceeded. Returns the rate that was
/// reached.
fn change_routes(plane: &mut Dataplane, routes: &[(Prefix, GroupId)], stop: &AtomicBool) -> anyhow::Result<f64> {
    let start = Instant::now();
    let (mut done, mut shift) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        if done % routes.len() == 0 {
            shift += 1;
        }
        let first = done % routes.len();
        let together = routes.iter().enumerate().skip(first).take(CHANGED_TOGETHER);
        let others = routes.iter().cycle().skip((first + shift) % routes.len());
        let ops: Vec<XdpOp> = together
            .zip(others)
            .map(|((_, (prefix, _)), (_, group))| XdpOp::SetRoute { prefix: *prefix, group: *group })
            .collect();
        done += ops.len();
        plane.apply(&ops)?;
        while done as f64 / start.elapsed().as_secs_f64() > CHANGES_A_SECOND && !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}
