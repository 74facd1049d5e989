//! Barriers between the threads of one process.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::platform::atomic::{AtomicU32, Ordering};

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
fn a_barrier_of_one_holds_nobody_up() {
    let barrier = Barrier::new(1);
    assert_eq!([barrier.wait(), barrier.wait_timeout(Duration::ZERO)], [Ok(0), Ok(0)]);
}
