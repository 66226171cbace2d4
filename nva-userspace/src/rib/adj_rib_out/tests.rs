//! Adj-RIB-Out by example, and against a receiver that applies what it is sent.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::attributes::PathAttributes;

type Received = BTreeMap<Prefix, Outbound>;

fn prefix(number: u32) -> Prefix {
    Prefix::host(IpAddr::from(number.to_be_bytes()))
}

fn outbound(med: u32, next_hop: u8) -> Outbound {
    let attributes = Attributes::from(PathAttributes { med: Some(med), ..PathAttributes::default() });
    Outbound { attributes, next_hop: IpAddr::from([10, 0, 0, next_hop]) }
}

fn apply(batch: Batch, received: &mut Received) {
    match batch {
        Batch::Withdraw(prefixes) => prefixes.iter().for_each(|prefix| {
            received.remove(prefix);
        }),
        Batch::Announce { attributes, next_hop, prefixes } => {
            let route = Outbound { attributes, next_hop };
            received.extend(prefixes.into_iter().map(|prefix| (prefix, route.clone())));
        }
        Batch::EndOfRib(_) | Batch::BeginOfRefresh(_) | Batch::EndOfRefresh(_) => {}
    }
}

fn drain(out: &mut AdjRibOut) -> Vec<Batch> {
    std::iter::from_fn(|| out.poll_update()).collect()
}

/// One that has told its peer all of this already.
fn told(routes: impl IntoIterator<Item = (u32, Outbound)>) -> AdjRibOut {
    let mut out = AdjRibOut::new(AfiSafi::Ipv4Unicast);
    for (number, route) in routes {
        out.set(prefix(number), Some(route));
    }
    drain(&mut out);
    out
}

fn announce(route: &Outbound, numbers: &[u32]) -> Batch {
    let prefixes = numbers.iter().copied().map(prefix).collect();
    Batch::Announce { attributes: route.attributes.clone(), next_hop: route.next_hop, prefixes }
}

#[test]
fn packs_by_attributes_and_next_hop_and_ends_the_dump_once() {
    let mut out = AdjRibOut::new(AfiSafi::Ipv4Unicast);
    let (a, b, c) = (outbound(1, 1), outbound(2, 1), outbound(1, 2));
    for (number, route) in [(5, &a), (4, &b), (3, &a), (2, &c), (1, &b)] {
        // Allocations of their own: equal sets are one, interned or not.
        let route = Outbound { attributes: PathAttributes::clone(&route.attributes).into(), ..route.clone() };
        out.set(prefix(number), Some(route));
    }
    assert_eq!(out.pending(), 5);
    let expected =
        [announce(&a, &[3, 5]), announce(&b, &[1, 4]), announce(&c, &[2]), Batch::EndOfRib(AfiSafi::Ipv4Unicast)];
    assert_eq!(drain(&mut out), expected);
    assert!(!out.has_pending());
    out.set(prefix(5), Some(c.clone()));
    assert_eq!(drain(&mut out), [announce(&c, &[5])], "a next hop alone is a change; the marker comes once");
}

#[test]
fn an_empty_table_ends_at_once() {
    let mut out = AdjRibOut::new(AfiSafi::Ipv6Unicast);
    assert!(out.has_pending());
    assert_eq!(drain(&mut out), [Batch::EndOfRib(AfiSafi::Ipv6Unicast)]);
    out.resend_all(false);
    assert!(!out.has_pending());
    assert_eq!(out.poll_update(), None);
}

#[test]
fn a_marked_refresh_waits_for_the_end_of_the_first_dump() {
    let family = AfiSafi::Ipv4Unicast;
    let (end_of_rib, begin, end) =
        (Batch::EndOfRib(family), Batch::BeginOfRefresh(family), Batch::EndOfRefresh(family));
    let mut out = AdjRibOut::new(family);
    let route = outbound(1, 1);
    out.set(prefix(1), Some(route.clone()));
    out.resend_all(true);
    let expected = [announce(&route, &[1]), end_of_rib.clone(), begin.clone(), announce(&route, &[1]), end.clone()];
    assert_eq!(drain(&mut out), expected);
    // Asked for once more in between: it begins anew, and ends once.
    out.resend_all(true);
    assert_eq!(out.poll_update(), Some(begin.clone()));
    out.resend_all(true);
    assert_eq!(drain(&mut out), [begin.clone(), announce(&route, &[1]), end.clone()]);
    out.set(prefix(1), None);
    out.resend_all(true);
    assert_eq!(drain(&mut out), [Batch::Withdraw(vec![prefix(1)]), begin.clone(), end.clone()]);
    out.resend_all(true);
    assert_eq!(drain(&mut out), [begin, end], "nothing is there to be told, and that is worth saying");
    out.resend_all(true);
    out.resend_all(false);
    assert_eq!(drain(&mut out), []);
}

#[test]
fn withdrawals_go_first() {
    let mut out = told([(1, outbound(1, 1)), (2, outbound(1, 1))]);
    out.set(prefix(3), Some(outbound(1, 1)));
    out.set(prefix(2), None);
    out.set(prefix(1), None);
    let expected = [Batch::Withdraw(vec![prefix(1), prefix(2)]), announce(&outbound(1, 1), &[3])];
    assert_eq!(drain(&mut out), expected);
}

#[test]
fn what_comes_to_nothing_is_never_sent() {
    let mut out = told([(1, outbound(1, 1)), (2, outbound(1, 1))]);
    let changes = [
        (3, vec![Some(outbound(1, 1)), None]), // announced and withdrawn again
        (1, vec![None, Some(outbound(1, 1))]), // withdrawn and announced again
        (2, vec![Some(outbound(2, 1)), None, Some(outbound(1, 1))]), // changed and changed back
        (4, vec![None]),                       // never there
    ];
    for (number, routes) in changes {
        for route in routes {
            out.set(prefix(number), route);
        }
    }
    assert!(!out.has_pending());
    assert_eq!(drain(&mut out), []);
    assert!(out.announcements.groups.is_empty() && out.announcements.numbers.is_empty(), "groups are left over");
}

#[test]
fn batches_have_a_bound() {
    let count = 2 * AdjRibOut::BATCH as u32 + 1;
    let mut out = AdjRibOut::new(AfiSafi::Ipv4Unicast);
    for number in 0..count {
        out.set(prefix(number), Some(outbound(1, 1)));
    }
    let sizes = |batches: Vec<Batch>| -> Vec<usize> {
        batches
            .iter()
            .map(|batch| match batch {
                Batch::Withdraw(prefixes) | Batch::Announce { prefixes, .. } => prefixes.len(),
                Batch::EndOfRib(_) | Batch::BeginOfRefresh(_) | Batch::EndOfRefresh(_) => 0,
            })
            .collect()
    };
    assert_eq!(sizes(drain(&mut out)), [AdjRibOut::BATCH, AdjRibOut::BATCH, 1, 0]);
    out.resend_all(false);
    assert_eq!(sizes(drain(&mut out)), [AdjRibOut::BATCH, AdjRibOut::BATCH, 1]);
    for number in 0..count {
        out.set(prefix(number), None);
    }
    assert_eq!(sizes(drain(&mut out)), [AdjRibOut::BATCH, AdjRibOut::BATCH, 1]);
    assert!(out.is_empty());
}

#[test]
fn telling_again_takes_little_memory_and_lets_changes_through() {
    let count = 2 * AdjRibOut::REPEAT_WINDOW as u32;
    let mut out = told((0..count).map(|number| (number, outbound(number % 2, 1))));
    out.resend_all(false);
    let mut received = Received::new();
    apply(out.poll_update().expect("something to repeat"), &mut received);
    assert!(out.repeating.len() <= AdjRibOut::REPEAT_WINDOW / AdjRibOut::BATCH + 2);
    out.set(prefix(0), None);
    out.set(prefix(count - 1), Some(outbound(7, 1)));
    let batches = drain(&mut out);
    let withdrawn = batches.iter().position(|batch| matches!(batch, Batch::Withdraw(_))).expect("a withdrawal");
    assert!(withdrawn < batches.len() / 2 + 1, "a change waits for one window at most");
    batches.into_iter().for_each(|batch| apply(batch, &mut received));
    assert_eq!(received, out.sent);
    assert_eq!(received.len(), count as usize - 1);
}

#[derive(Clone, Debug)]
enum Op {
    Set(u32, Option<Outbound>),
    Poll(usize),
    Drain,
    ResendAll { marked: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let route = (0..3_u32, 0..2_u8).prop_map(|(med, next_hop)| outbound(med, next_hop));
    prop_oneof![
        12 => (0..12_u32, prop::option::weighted(0.7, route)).prop_map(|(number, route)| Op::Set(number, route)),
        3 => (1..4_usize).prop_map(Op::Poll),
        1 => Just(Op::Drain),
        1 => any::<bool>().prop_map(|marked| Op::ResendAll { marked }),
    ]
}

/// A peer, what it should know, and a second one that forgot everything when it asked for a refresh.
struct Trial {
    out: AdjRibOut,
    desired: Received,
    received: Received,
    refreshed: Received,
    repeated: bool,
    end_of_rib: usize,
    /// Which mark of a refresh comes next.
    marks: Option<Marks>,
    /// What the peer had when the refresh began and was not told since: it goes at the refresh's end.
    unconfirmed: Received,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Marks {
    BeginDue,
    EndDue,
}

impl Trial {
    /// Polls once; whether there was something.
    fn poll(&mut self) -> Result<bool, TestCaseError> {
        let pending = self.out.has_pending();
        let batch = self.out.poll_update();
        prop_assert_eq!(pending, batch.is_some(), "has_pending and poll_update disagree");
        let Some(batch) = batch else { return Ok(false) };
        match &batch {
            Batch::Withdraw(prefixes) => {
                prop_assert!(!prefixes.is_empty());
                prop_assert!(prefixes.iter().all(|prefix| self.received.contains_key(prefix)), "not there: {batch:?}");
            }
            Batch::Announce { attributes, next_hop, prefixes } => {
                prop_assert!(!prefixes.is_empty() && prefixes.is_sorted());
                let route = Outbound { attributes: attributes.clone(), next_hop: *next_hop };
                let news = prefixes.iter().all(|prefix| self.received.get(prefix) != Some(&route));
                prop_assert!(news || self.repeated, "the peer knew: {batch:?}");
            }
            Batch::EndOfRib(_) => {
                prop_assert_eq!(&self.received, &self.desired, "the end came early");
                self.end_of_rib += 1;
            }
            Batch::BeginOfRefresh(_) => {
                prop_assert_eq!(self.marks.replace(Marks::EndDue), Some(Marks::BeginDue));
                prop_assert_eq!(self.end_of_rib, 1, "RFC 7313 §4: not before End-of-RIB");
                self.unconfirmed = self.received.clone();
            }
            Batch::EndOfRefresh(_) => {
                prop_assert_eq!(self.marks.take(), Some(Marks::EndDue));
                let wrong: Vec<_> =
                    self.unconfirmed.keys().filter(|prefix| self.received.contains_key(prefix)).collect();
                prop_assert!(wrong.is_empty(), "the peer would drop {wrong:?}");
            }
        }
        if let Batch::Announce { prefixes, .. } | Batch::Withdraw(prefixes) = &batch {
            prefixes.iter().for_each(|prefix| drop(self.unconfirmed.remove(prefix)));
        }
        apply(batch.clone(), &mut self.received);
        apply(batch, &mut self.refreshed);
        prop_assert_eq!(&self.received, &self.out.sent, "what was advertised is not what was received");
        Ok(true)
    }

    fn drain(&mut self) -> Result<(), TestCaseError> {
        while self.poll()? {}
        prop_assert_eq!(&self.received, &self.desired);
        prop_assert_eq!(&self.refreshed, &self.desired, "the refresh left something out");
        prop_assert_eq!(self.end_of_rib, 1);
        prop_assert_eq!(self.marks, None, "a refresh that does not end");
        prop_assert!(self.out.announcements.groups.is_empty() && self.out.announcements.numbers.is_empty());
        self.repeated = false;
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_receiver_ends_up_with_what_was_wanted(ops in prop::collection::vec(op(), 1..120)) {
        let mut trial = Trial {
            out: AdjRibOut::new(AfiSafi::Ipv4Unicast),
            desired: Received::new(),
            received: Received::new(),
            refreshed: Received::new(),
            repeated: false,
            end_of_rib: 0,
            marks: None,
            unconfirmed: Received::new(),
        };
        for op in ops {
            match op {
                Op::Set(number, route) => {
                    match &route {
                        Some(route) => trial.desired.insert(prefix(number), route.clone()),
                        None => trial.desired.remove(&prefix(number)),
                    };
                    trial.out.set(prefix(number), route);
                }
                Op::Poll(times) => {
                    for _ in 0..times {
                        trial.poll()?;
                    }
                }
                Op::Drain => trial.drain()?,
                Op::ResendAll { marked } => {
                    trial.out.resend_all(marked);
                    trial.refreshed.clear();
                    trial.repeated = true;
                    trial.marks = marked.then_some(Marks::BeginDue);
                }
            }
        }
        trial.drain()?;
    }
}
