//! What somebody else does to what is ours in the kernel, and what is mistaken for it: notifications that come late, or
//! never.

use super::*;

#[test]
fn what_somebody_else_takes_away_or_changes_is_put_right() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    bench.run();
    bench.tell(HostEvent::RouteRemoved(ours("100.0.0.1/32", &[via("10.0.1.100", 1)])));
    assert_eq!(bench.run(), ["install 100.0.0.1/32"]);
    bench.tell(HostEvent::RouteSet(ours("100.0.0.1/32", &[via("10.0.1.7", 1)])));
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"]);

    bench.fib.reconcile();
    bench.tell(HostEvent::RouteAdded(ours("100.0.0.2/32", &[via("10.0.1.7", 1)])));
    assert_eq!(bench.run(), ["withdraw 100.0.0.2/32"], "with our marks, but nobody wants it");
}

#[test]
fn late_notifications_are_not_mistaken_for_interference() {
    let mut bench = Bench::new();
    let (first, second) =
        (ours("100.0.0.1/32", &[via("10.0.1.100", 1)]), ours("100.0.0.1/32", &[via("10.0.1.101", 1)]));
    // Two operations are acknowledged before the notification of the first arrives.
    for gateway in ["10.0.1.100", "10.0.1.101"] {
        bench.want("100.0.0.1/32", &[gateway]);
        let op = bench.fib.poll_op().expect("an operation");
        bench.fib.acknowledge(&op, Ok(()));
    }
    bench.tell(HostEvent::RouteSet(first.clone()));
    assert_eq!(bench.run(), Vec::<String>::new());
    bench.tell(HostEvent::RouteSet(second));
    bench.tell(HostEvent::RouteSet(first));
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"], "from now on it is interference");

    // A notification that never comes is noticed by the second audit.
    bench.want("100.0.0.2/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.fib.acknowledge(&op, Ok(()));
    bench.fib.adopt(&bench.host);
    assert_eq!(bench.run(), Vec::<String>::new());
    bench.fib.adopt(&bench.host);
    assert_eq!(bench.run(), ["install 100.0.0.2/32"]);
}

#[test]
fn what_the_kernel_loses_before_its_answer_comes_is_installed_again() {
    let mut bench = Bench::new();
    let route = ours("100.0.0.1/32", &[via("10.0.1.100", 1)]);
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.tell(HostEvent::RouteSet(route.clone()));
    bench.tell(HostEvent::RouteRemoved(route));
    bench.fib.acknowledge(&op, Ok(()));
    assert_eq!(bench.run(), ["install 100.0.0.1/32"]);
}

#[test]
fn a_route_that_is_gone_is_installed_and_not_replaced() {
    let mut bench = Bench::new();
    let route = ours("100.0.0.1/32", &[via("10.0.1.100", 1)]);
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.fib.acknowledge(&op, Ok(()));
    bench.tell(HostEvent::RouteSet(route.clone()));
    bench.want("100.0.0.1/32", &["10.0.1.101"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.tell(HostEvent::RouteRemoved(route));
    bench.fib.acknowledge(&op, Err("No such file or directory".to_owned()));
    bench.fib.retry_failed();
    assert_eq!(bench.run(), ["install 100.0.0.1/32"]);
}

/// The kernel's state changes without a word to us; then it is read anew.
fn audit(bench: &mut Bench, change: impl FnOnce(&mut Vec<HostRoute>, &mut Vec<NextHopObject>)) -> FibAudit {
    let mut snapshot = bench.snapshot();
    change(&mut snapshot.routes, snapshot.next_hops.get_or_insert_default());
    let delta = bench.host.apply(HostEvent::Resync(Box::new(snapshot)));
    let found = bench.fib.adopt(&bench.host);
    bench.fib.host_changed(&delta, &bench.host);
    found
}

#[test]
fn an_audit_finds_and_repairs_what_nobody_told_us() {
    let mut bench = Bench::with_objects();
    bench.fib.reconcile();
    for last in 1..=5 {
        bench.want(&format!("100.0.0.{last}/32"), &["10.0.1.100"]);
    }
    bench.discard("100.0.1.0/24");
    bench.run();
    let untouched = audit(&mut bench, |_, _| {});
    assert_eq!(untouched, FibAudit { routes: 6, objects: 2, ..FibAudit::default() });

    let objects = bench.host.next_hop_objects();
    let way_out = objects.filter(|object| matches!(object.kind, NextHopKind::Hop(_))).map(|object| object.id).next();
    let way_out = way_out.expect("a way out");
    let found = audit(&mut bench, |routes, objects| {
        routes.retain(|route| route.prefix != prefix("100.0.0.2/32"));
        for route in routes.iter_mut().filter(|route| route.prefix == prefix("100.0.0.3/32")) {
            route.via = Via::Hops(vec![via("10.0.1.7", 1)]);
        }
        routes.push(ours("100.0.0.9/32", &[via("10.0.1.7", 1)]));
        routes.push(HostRoute { metric: 20, ..ours("100.0.0.10/32", &[via("10.0.1.7", 1)]) });
        objects.iter_mut().find(|object| object.id == way_out).expect("it is there").kind =
            NextHopKind::Hop(via("10.0.1.7", 1));
    });
    let expected = FibAudit {
        routes: 7,
        objects: 2,
        missing: vec![prefix("100.0.0.2/32")],
        different: vec![prefix("100.0.0.3/32")],
        unexpected: vec![prefix("100.0.0.9/32")],
        strange_objects: vec![way_out],
    };
    assert_eq!((found.differences(), &found), (4, &expected));
    let mut done = bench.run();
    done.sort();
    assert_eq!(done, ["install 100.0.0.2/32", "replace 100.0.0.3/32", "replace a way out", "withdraw 100.0.0.9/32"]);
    for last in 1..=5 {
        assert_eq!(bench.held(prefix(&format!("100.0.0.{last}/32"))), Some(vec![via("10.0.1.100", 1)]));
    }
    assert_eq!(audit(&mut bench, |_, _| {}).differences(), 0);
}

/// What is under way is as the kernel had it at some time, and no difference.
#[test]
fn an_audit_does_not_judge_what_is_under_way() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    let route = ours("100.0.0.1/32", &[via("10.0.1.100", 1)]);
    let asked = audit(&mut bench, |_, _| {});
    let done = audit(&mut bench, |routes, _| routes.push(route));
    bench.fib.acknowledge(&op, Ok(()));
    let answered = audit(&mut bench, |_, _| {});
    assert_eq!([asked.differences(), done.differences(), answered.differences()], [0; 3]);
}
