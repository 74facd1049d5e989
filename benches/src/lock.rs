//! Locking and unlocking, alone (nanoseconds a pair) and with two contenders (millions of pairs a second).
//!
//! A re-entrant lock is measured alone and not taken twice. Every subject guards a number that is added to, so that no
//! loop is empty. Two contenders are two threads.

use std::cell::Cell;
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
            let seconds = both(placement, |_| timed(count, || *lock.lock().expect("no deadlock") += 1));
            assert_eq!(*lock.lock().expect("no deadlock"), 2 * count);
            seconds
        }
        "std" => {
            let lock = std::sync::Mutex::new(0_u64);
            let seconds = both(placement, |_| timed(count, || *lock.lock().expect("nobody panicked") += 1));
            assert_eq!(*lock.lock().expect("nobody panicked"), 2 * count);
            seconds
        }
        "parking_lot" => {
            let lock = parking_lot::Mutex::new(0_u64);
            let seconds = both(placement, |_| timed(count, || *lock.lock() += 1));
            assert_eq!(*lock.lock(), 2 * count);
            seconds
        }
        _ => return None,
    };
    Some(2.0 * count as f64 / seconds / 1e6)
}

/// Locks and unlocks a re-entrant lock `count` times, with nobody else there.
pub fn free_re_entrant(subject: &str, count: u64) -> Option<f64> {
    let one_more = |number: &Cell<u64>| number.set(number.get() + 1);
    let seconds = match subject {
        "manyhands" => {
            let lock = manyhands::RLock::new(Cell::new(0_u64));
            timed(count, || one_more(&lock.lock().expect("no deadlock")))
        }
        "parking_lot" => {
            let lock = parking_lot::ReentrantMutex::new(Cell::new(0_u64));
            timed(count, || one_more(&lock.lock()))
        }
        _ => return None,
    };
    Some(seconds * 1e9 / count as f64)
}

/// How many seconds `count` steps take.
pub fn timed(count: u64, mut step: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..count {
        step();
        black_box(());
    }
    begun.elapsed().as_secs_f64()
}

/// The longer of the seconds that two threads say `contend` took them; it gets which of them it is.
pub fn both(placement: Placement, contend: impl Fn(u64) -> f64 + Sync) -> f64 {
    let start = Barrier::new(2);
    let contender = |end: u64| {
        placement.settle(end as usize);
        start.wait();
        contend(end)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| contender(1));
        let own = contender(0);
        own.max(other.join().expect("the other contender ends well"))
    })
}
