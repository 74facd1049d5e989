//! Locking and unlocking, alone (nanoseconds a pair) and with two contenders (millions of pairs a second).
//!
//! Every subject guards a number that is added to, so that no loop is empty. Two contenders are two threads.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use crate::placement::Placement;

/// Locks and unlocks `count` times, with nobody else there.
pub fn free(subject: &str, count: u64) -> Option<f64> {
    let seconds = match subject {
        "manyhands" => {
            let lock = manyhands::Lock::new(0_u64);
            timed(count, || *lock.lock().expect("no deadlock") += 1)
        }
        "std" => {
            let lock = std::sync::Mutex::new(0_u64);
            timed(count, || *lock.lock().expect("nobody panicked") += 1)
        }
        "parking_lot" => {
            let lock = parking_lot::Mutex::new(0_u64);
            timed(count, || *lock.lock() += 1)
        }
        _ => return None,
    };
    Some(seconds * 1e9 / count as f64)
}

/// Two threads lock and unlock `count` times each.
pub fn contended(subject: &str, count: u64, placement: Placement) -> Option<f64> {
    let seconds = match subject {
        "manyhands" => {
            let lock = manyhands::Lock::new(0_u64);
            let seconds = both(count, placement, || *lock.lock().expect("no deadlock") += 1);
            assert_eq!(*lock.lock().expect("no deadlock"), 2 * count);
            seconds
        }
        "std" => {
            let lock = std::sync::Mutex::new(0_u64);
            let seconds = both(count, placement, || *lock.lock().expect("nobody panicked") += 1);
            assert_eq!(*lock.lock().expect("nobody panicked"), 2 * count);
            seconds
        }
        "parking_lot" => {
            let lock = parking_lot::Mutex::new(0_u64);
            let seconds = both(count, placement, || *lock.lock() += 1);
            assert_eq!(*lock.lock(), 2 * count);
            seconds
        }
        _ => return None,
    };
    Some(2.0 * count as f64 / seconds / 1e6)
}

fn timed(count: u64, mut step: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..count {
        step();
        black_box(());
    }
    begun.elapsed().as_secs_f64()
}

fn both(count: u64, placement: Placement, step: impl Fn() + Sync) -> f64 {
    let start = Barrier::new(2);
    let contender = |end| {
        placement.settle(end);
        start.wait();
        timed(count, &step)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| contender(1));
        let own = contender(0);
        own.max(other.join().expect("the other contender ends well"))
    })
}
