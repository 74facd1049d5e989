//! Barriers between the threads of one process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::*;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::WaitError;

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Deadline::after(Duration::from_secs(60)).unwrap();
    while !condition() {
        assert!(!limit.is_past(), "waited a minute for {what}");
        thread::yield_now();
    }
}

#[test]
fn everybody_waits_for_everybody_in_each_round_and_one_acts() {
    const PARTIES: u32 = 4;
    const ROUNDS: u32 = 2_000;
    let acted = Arc::new(AtomicU32::new(0));
    let barrier = Barrier::with_action(PARTIES, {
        let acted = acted.clone();
        move || {
            acted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let indices = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..PARTIES {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    indices.fetch_add(barrier.wait().unwrap(), Ordering::Relaxed);
                    let acted = acted.load(Ordering::Relaxed);
                    assert!(acted == round || acted == round + 1, "{acted} actions in round {round}");
                }
            });
        }
    });
    assert_eq!(acted.load(Ordering::Relaxed), ROUNDS);
    assert_eq!(indices.load(Ordering::Relaxed), ROUNDS * (1 + 2 + 3));
}

#[test]
fn more_threads_than_parties_pass_in_turns() {
    let (barrier, tickets) = (Barrier::new(2), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                // An even number, of which nobody holds two at a time: so nobody waits alone.
                while tickets.fetch_add(1, Ordering::Relaxed) < 6_000 {
                    barrier.wait().unwrap();
                }
            });
        }
    });
    assert_eq!(barrier.statistics().waiters, 0);
}

#[test]
fn who_comes_too_late_breaks_the_barrier_for_all_until_it_is_reset() {
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        let patient = scope.spawn(|| barrier.wait());
        until("a waiter", || barrier.statistics().waiters == 1);
        let late = barrier.wait_timeout(Duration::from_millis(5));
        assert_eq!(late, Err(BarrierError::Wait(WaitError::TimedOut)));
        assert_eq!(patient.join().unwrap(), Err(BarrierError::Broken));
    });
    assert_eq!(barrier.wait(), Err(BarrierError::Broken));
    assert!(barrier.statistics().broken);
    barrier.reset();
    let whole = BarrierStatistics { parties: 3, waiters: 0, broken: false };
    assert_eq!(barrier.statistics(), whole);
}

#[test]
fn abort_and_reset_fail_those_who_wait() {
    for end in [Barrier::abort, Barrier::reset] {
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            let waiters = [(); 2].map(|()| scope.spawn(|| barrier.wait()));
            until("two waiters", || barrier.statistics().waiters == 2);
            end(&barrier);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Err(BarrierError::Broken));
            }
        });
    }
}

#[test]
fn an_action_that_panics_breaks_the_barrier() {
    let barrier = Barrier::with_action(2, || panic!("on purpose"));
    thread::scope(|scope| {
        let first = scope.spawn(|| barrier.wait());
        until("a waiter", || barrier.statistics().waiters == 1);
        assert!(catch_unwind(AssertUnwindSafe(|| barrier.wait())).is_err());
        assert_eq!(first.join().unwrap(), Err(BarrierError::Broken));
    });
}

#[test]
fn a_barrier_of_none_is_refused() {
    assert!(catch_unwind(|| Barrier::new(0)).is_err());
    assert!(catch_unwind(|| Barrier::new(65_536)).is_err());
    assert_eq!(Barrier::new(1).wait(), Ok(0));
}
