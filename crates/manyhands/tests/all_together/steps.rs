//! What a worker does: one random thing after another, with private or shared objects.
//!
//! Locks are taken in one order only, and nobody waits for news while it holds something, so no deadlock is possible.
//! The first worker of each process never waits for news without a limit: it brings them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, Taking, WaitError};

use super::objects::{LOCKS, Ledger, Objects};
use super::{DOES, STEPS};

pub const NAMES: [&str; 10] = [
    "between two steps",
    "takes one lock or two",
    "takes a re-entrant lock",
    "takes a permit",
    "waits at a condition",
    "waits for an event",
    "waits at a barrier",
    "waits for a signal",
    "brings news",
    "takes a lock if it comes free in time",
];

/// What the first worker gives the others to meet it at a barrier.
const SHORT: Duration = Duration::from_millis(2);

pub struct Worker {
    number: usize,
    places: [&'static Objects; 2],
    random: u64,
    /// Whether it is counted among those that may wait.
    counted: bool,
}

fn deposit(balance: &AtomicU64, counted: &AtomicU64, slowly: bool) {
    let seen = balance.load(Ordering::Relaxed);
    if slowly {
        std::thread::yield_now();
    }
    balance.store(seen + 1, Ordering::Relaxed);
    counted.fetch_add(1, Ordering::Relaxed);
}

/// A deadlock, or anything else that ends a wait without a limit, is a failure.
fn must<T>(what: &str, result: Result<T, WaitError>) -> Option<T> {
    result
        .inspect_err(|error| {
            eprintln!("{what}: {error}");
            Ledger::get().failures.fetch_add(1, Ordering::AcqRel);
        })
        .ok()
}

impl Worker {
    pub fn new(number: usize, places: [&'static Objects; 2], seed: u64) -> Worker {
        let counted = number != 0;
        Ledger::get().waiters.fetch_add(u64::from(counted), Ordering::AcqRel);
        Worker { number, places, random: seed | 1, counted }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % limit
    }

    /// Whether it has stopped: those that wait first, so that somebody is left to wake them.
    pub fn is_over(&mut self) -> bool {
        let ledger = Ledger::get();
        if ledger.stop.load(Ordering::Acquire) == 0 {
            return false;
        }
        if std::mem::replace(&mut self.counted, false) {
            ledger.waiters.fetch_sub(1, Ordering::AcqRel);
        }
        self.number != 0 || ledger.waiters.load(Ordering::Acquire) == 0
    }

    /// So many steps, unless it is over before.
    pub fn stretch(mut self, steps: u64) -> Worker {
        for _ in 0..steps {
            if self.is_over() {
                break;
            }
            let brings = self.number == 0;
            let step = match self.below(if brings { 12 } else { 16 }) {
                0..3 => 1,
                3..5 => 2,
                5..7 => 3,
                7 => 9,
                _ if brings => 8,
                8..10 => 4,
                10..12 => 5,
                12..14 => 6,
                _ => 7,
            };
            let objects = self.places[self.below(2) as usize];
            DOES[self.number].store(step, Ordering::Release);
            self.step(step, objects);
            DOES[self.number].store(0, Ordering::Release);
            STEPS[self.number].fetch_add(1, Ordering::AcqRel);
        }
        self
    }

    fn step(&mut self, step: u64, objects: &Objects) {
        let numbers = objects.numbers;
        match step {
            1 => self.locks(objects),
            2 => {
                let depth = 1 + self.below(3);
                for _ in 0..depth {
                    must("a re-entrant lock", objects.rlock.acquire(None, &Blocking));
                }
                deposit(&numbers.deposits[LOCKS], &numbers.counted[LOCKS], self.below(32) == 0);
                (0..depth).for_each(|_| objects.rlock.release().expect("it is held"));
            }
            3 => self.permit(objects),
            4 => {
                let seen = numbers.round.load(Ordering::Acquire);
                must("a round's lock", objects.round_lock.acquire(None, &Blocking));
                while numbers.round.load(Ordering::Relaxed) == seen {
                    let regained = objects.condition.wait(&objects.round_lock, None, &Blocking);
                    let regained = regained.expect("the lock is held");
                    must("a wait at a condition", regained.waited);
                    must("the lock after it", regained.lock);
                }
                numbers.heard.fetch_add(1, Ordering::Relaxed);
                objects.round_lock.release().expect("it is held");
            }
            5 => {
                must("an event", objects.event.wait(None, &Blocking));
                numbers.passed.fetch_add(1, Ordering::Relaxed);
            }
            6 => {
                let met = objects.barrier.wait(None, &Blocking, || true).is_ok();
                numbers.met.fetch_add(u64::from(met), Ordering::Relaxed);
            }
            7 => {
                must("a signal", objects.signal.acquire(None, &Blocking));
                numbers.signals_got.fetch_add(1, Ordering::AcqRel);
            }
            8 => self.bring(objects),
            _ => {
                let limit = Deadline::after(Duration::from_micros(self.below(500)));
                let number = self.below(LOCKS as u64) as usize;
                if objects.locks[number].acquire(limit, &Blocking).is_ok() {
                    deposit(&numbers.deposits[number], &numbers.counted[number], false);
                    objects.locks[number].release().expect("it is held");
                }
            }
        }
    }

    fn locks(&mut self, objects: &Objects) {
        let numbers = objects.numbers;
        let first = self.below(LOCKS as u64) as usize;
        let last = first + self.below((LOCKS - first) as u64) as usize;
        let guarded = self.below(2) == 0;
        for number in first..=last {
            let taking = Taking { guarded, ..Taking::default() };
            must("a lock", objects.locks[number].acquire_as(None, &Blocking, taking));
            deposit(&numbers.deposits[number], &numbers.counted[number], self.below(32) == 0);
        }
        for number in (first..=last).rev() {
            objects.locks[number].release().expect("it is held");
        }
    }

    fn permit(&mut self, objects: &Objects) {
        let numbers = objects.numbers;
        must("a permit", objects.semaphore.acquire(None, &Blocking));
        let inside = numbers.inside.fetch_add(1, Ordering::AcqRel) + 1;
        numbers.most_inside.fetch_max(inside, Ordering::AcqRel);
        if self.below(32) == 0 {
            std::thread::yield_now();
        }
        numbers.inside.fetch_sub(1, Ordering::AcqRel);
        objects.semaphore.release(1).expect("it was taken");
    }

    /// Something for each kind of waiter.
    fn bring(&mut self, objects: &Objects) {
        let numbers = objects.numbers;
        must("a round's lock", objects.round_lock.acquire(None, &Blocking));
        numbers.round.fetch_add(1, Ordering::Relaxed);
        let told = 1 + self.below(3) as u32;
        objects.condition.notify(if told == 3 { u32::MAX } else { told });
        objects.round_lock.release().expect("it is held");
        objects.event.set();
        objects.event.clear();
        // Not held only when nobody has taken the last signal yet.
        numbers.signals_sent.fetch_add(1, Ordering::AcqRel);
        let _ = objects.signal.release();
        let seen = objects.barrier.statistics();
        if seen.broken {
            objects.barrier.reset();
        } else if seen.waiters > 0 {
            // Breaks it when the one that waited has found another one meanwhile.
            let _ = objects.barrier.wait(Deadline::after(SHORT), &Blocking, || true);
        }
    }
}
