//! Model tests of the two words a call's life depends on: the call's own and the ring's entries.
//!
//! The checker runs them under all interleavings (bounded preemptions) and weak orderings. Death is modelled as what
//! it is: a participant that takes no further step after any one of its stores, whereupon a sweeper, who may
//! stop midway as well, and a second sweeper repair what it left. What must hold: every call that was submitted is
//! answered, its waiter wakes, a result is what its worker wrote, and no call is run by two workers at once.

use super::ring::CallRing;
use super::word::{CallWord, State};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::platform::model::spawn;
use crate::platform::{Scope, futex};
use loom::sync::Arc;
use loom::thread;

const REQUESTER: u32 = 1;
const VICTIM: u32 = 2;
const SURVIVOR: u32 = 3;
const SWEEPERS: [u32; 2] = [4, 5];

struct Pool {
    word: AtomicU32,
    arguments: AtomicU64,
    result: AtomicU64,
    running: AtomicU32,
    head: AtomicU64,
    tail: AtomicU64,
    slots: Vec<AtomicU64>,
}

impl Pool {
    fn new(entries: usize) -> Arc<Pool> {
        Arc::new(Pool {
            word: AtomicU32::new(0),
            arguments: AtomicU64::new(0),
            result: AtomicU64::new(0),
            running: AtomicU32::new(0),
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            slots: (0..entries).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    fn word(&self) -> CallWord<'_> {
        CallWord(&self.word)
    }

    fn ring(&self) -> CallRing<'_> {
        CallRing { head: &self.head, tail: &self.tail, slots: &self.slots }
    }

    /// A worker's way with one call, which ends after `steps` stores; `true` when nothing stopped it.
    fn work(&self, me: u32, steps: u32) -> bool {
        let Some(entry) = self.ring().peek() else { return true };
        if steps == 0 {
            return false;
        }
        let claimed = self.word().claim(me);
        if claimed {
            assert_eq!(self.running.swap(me, Ordering::Relaxed), 0, "two workers run one call");
        }
        if steps == 1 {
            return false;
        }
        self.ring().clear(entry);
        if !claimed {
            return true;
        }
        if steps == 2 {
            return false;
        }
        let arguments = self.arguments.load(Ordering::Relaxed);
        assert_eq!(arguments, 20, "arguments that nobody wrote");
        self.result.store(arguments + u64::from(me), Ordering::Relaxed);
        if steps == 3 {
            return false;
        }
        self.running.store(0, Ordering::Relaxed);
        let before = self.word().answer(me);
        if steps == 4 {
            return false;
        }
        if before.is_some_and(|before| before.has_waiter()) {
            futex::wake(&self.word, u32::MAX, Scope::Shared);
        }
        true
    }

    /// Repairs after `dead`, up to `steps` stores.
    fn sweep(&self, dead: u32, me: u32, retry: bool, steps: u32) {
        let seen = self.word().read();
        if seen.owner() == dead && seen.state() == State::Taken && retry {
            self.running.store(0, Ordering::Relaxed);
            if steps == 0 {
                return;
            }
            if self.word().requeue(dead, me) && steps > 1 {
                assert!(self.ring().push(0));
            }
            return;
        }
        if seen.owner() == dead && seen.state() == State::Pending {
            if steps > 0 {
                assert!(self.ring().push(0));
            }
            return;
        }
        if seen.owner() == dead && matches!(seen.state(), State::Taken | State::Answering) {
            if steps == 0 || !self.word().fail(seen.state(), dead, me) {
                return;
            }
            if steps == 1 {
                return;
            }
            self.result.store(99, Ordering::Relaxed);
            if steps == 2 {
                return;
            }
            let Some(_) = self.word().conclude(me, State::Died) else { return };
            if steps == 3 {
                return;
            }
        }
        // An answer whose author died before it woke anybody: waking once more is harmless.
        if self.word().read().is_answered() {
            futex::wake(&self.word, u32::MAX, Scope::Shared);
        }
    }

    fn works_until_answered(&self) {
        while !self.word().read().is_answered() {
            self.work(SURVIVOR, u32::MAX);
            thread::yield_now();
        }
    }

    fn wait(&self) -> State {
        while let Some(announced) = self.word().announce_waiter() {
            futex::wait(&self.word, announced.bits(), None, Scope::Shared);
        }
        self.word().read().state()
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Three threads with more than two would take hours.
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2).min(2));
    builder.check(model);
}

/// A worker dies after its store number `worker_steps`, and the first who sweeps after it after `sweeper_steps`.
fn a_death(worker_steps: u32, sweeper_steps: u32, retry: bool) {
    check(move || {
        let pool = Pool::new(4);
        let victim = spawn(&pool, move |pool| {
            if pool.work(VICTIM, worker_steps) {
                return;
            }
            // Dead is certain, so a sweep begins after the last store and sees it.
            pool.sweep(VICTIM, SWEEPERS[0], retry, sweeper_steps);
            if sweeper_steps != u32::MAX {
                pool.sweep(SWEEPERS[0], SWEEPERS[1], retry, u32::MAX);
                pool.sweep(VICTIM, SWEEPERS[1], retry, u32::MAX);
            }
        });
        let survivor = spawn(&pool, Pool::works_until_answered);
        pool.arguments.store(20, Ordering::Relaxed);
        pool.word().submit(REQUESTER);
        assert!(pool.ring().push(0));
        let state = pool.wait();
        let result = pool.result.load(Ordering::Relaxed);
        match state {
            State::Done => assert!(result == 22 || result == 23, "a result that no worker wrote"),
            State::Died => assert!(!retry && result == 99, "no answer was called for"),
            _ => panic!("woken without an answer"),
        }
        victim.join().unwrap();
        survivor.join().unwrap();
    });
}

#[test]
fn a_killed_worker_s_call_fails_once() {
    for worker_steps in 0..5 {
        a_death(worker_steps, u32::MAX, false);
    }
}

#[test]
fn a_killed_worker_s_call_runs_again() {
    for worker_steps in 0..5 {
        a_death(worker_steps, u32::MAX, true);
    }
}

#[test]
fn a_sweeper_that_stops_midway_is_taken_over_from() {
    for sweeper_steps in 0..4 {
        a_death(3, sweeper_steps, false);
    }
    for sweeper_steps in 0..2 {
        a_death(3, sweeper_steps, true);
    }
}

/// The requester stops between writing the call and putting it into the ring: its sweep does it.
#[test]
fn a_promise_to_put_into_the_ring_is_kept_by_the_sweep() {
    check(|| {
        let pool = Pool::new(4);
        let worker = spawn(&pool, Pool::works_until_answered);
        pool.arguments.store(20, Ordering::Relaxed);
        pool.word().submit(REQUESTER);
        pool.sweep(REQUESTER, SWEEPERS[0], true, u32::MAX);
        assert_eq!(pool.wait(), State::Done);
        worker.join().unwrap();
    });
}

/// Withdrawing and claiming exclude each other.
#[test]
fn a_call_is_withdrawn_or_taken_never_both() {
    check(|| {
        let pool = Pool::new(4);
        pool.arguments.store(20, Ordering::Relaxed);
        pool.word().submit(REQUESTER);
        assert!(pool.ring().push(0));
        let worker = spawn(&pool, |pool| pool.work(SURVIVOR, u32::MAX));
        let withdrawn = pool.word().fail(State::Pending, REQUESTER, REQUESTER)
            && pool.word().conclude(REQUESTER, State::Cancelled).is_some();
        worker.join().unwrap();
        let result = pool.result.load(Ordering::Relaxed);
        assert_eq!(withdrawn, result == 0);
        assert_eq!(pool.word().read().state(), if withdrawn { State::Cancelled } else { State::Done });
        assert!(pool.ring().is_empty(), "the entry of a withdrawn call stays for ever");
    });
}

/// Entries of two producers come out once each, also when the ring is full in between.
#[test]
fn the_ring_loses_nothing_and_repeats_nothing() {
    check(|| {
        let pool = Pool::new(2);
        let producer = spawn(&pool, |pool| {
            while !pool.ring().push(1) {
                thread::yield_now();
            }
        });
        for index in [2, 3] {
            while !pool.ring().push(index) {
                let entry = pool.ring().peek().expect("full is not empty");
                pool.result.fetch_add(1 << (8 * entry.index()), Ordering::Relaxed);
                pool.ring().clear(entry);
            }
        }
        while pool.result.load(Ordering::Relaxed) != 0x0101_0100 {
            match pool.ring().peek() {
                Some(entry) => {
                    pool.result.fetch_add(1 << (8 * entry.index()), Ordering::Relaxed);
                    pool.ring().clear(entry);
                }
                None => thread::yield_now(),
            }
        }
        producer.join().unwrap();
        assert!(pool.ring().is_empty());
    });
}

/// Whoever waits for an answer hears also that the supervisor is lost, however far it is on its way to sleep; and the
/// answer wakes it afterwards all the same.
#[test]
fn a_waiter_that_is_roused_looks_again() {
    check(|| {
        let pool = Pool::new(1);
        let is_lost = Arc::new(AtomicU32::new(0));
        pool.word().submit(REQUESTER);
        let sweeper = spawn(&pool, {
            let is_lost = Arc::clone(&is_lost);
            move |pool| {
                is_lost.store(1, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                if pool.word().rouse() {
                    futex::wake(&pool.word, u32::MAX, Scope::Shared);
                }
            }
        });
        let mut has_heard = false;
        while let Some(announced) = pool.word().announce_waiter() {
            fence(Ordering::SeqCst);
            if is_lost.load(Ordering::Relaxed) != 0 {
                has_heard = true;
                break;
            }
            futex::wait(&pool.word, announced.bits(), None, Scope::Shared);
        }
        assert!(has_heard, "there was no answer");
        sweeper.join().unwrap();
        let before = pool.word().read();
        assert!(pool.word().claim(SURVIVOR) && before.has_waiter());
        assert!(pool.word().answer(SURVIVOR).is_some_and(|seen| seen.has_waiter()));
    });
}
