//! The pool's mechanism in one process, with threads for workers: what is put is run, answered, cancelled and freed.
//!
//! Worker processes and their deaths are in the crate's own tests; what is here needs no process and waits for
//! conditions only.

use super::slot::CallSlot;
use super::word::State;
use super::{Completions, NewCall, PoolPlan, RawAnswer, RawCall, RawPool, Worker, WorkerEnd};
use crate::arena::{Arena, Role};
use crate::executor::{CallFailure, PoolState, SubmitError};
use crate::platform::Deadline;
use crate::platform::atomic::Ordering;
use crate::platform::until::until;
use crate::sync::Blocking;
use std::num::NonZeroU32;
use std::thread::JoinHandle;
use std::time::Duration;

const PLAN: PoolPlan<'_> = PoolPlan { workers: 1, calls_per_worker: None, worker_prefix: "Worker-" };

fn pool() -> RawPool {
    RawPool::new(&PLAN).unwrap()
}

/// A worker that sends back what it gets, with the function's number before it.
fn echo(pool: &RawPool) -> JoinHandle<WorkerEnd> {
    let handle = pool.handle();
    std::thread::spawn(move || {
        Worker::enlist(handle).unwrap().work(&Blocking, &mut |request| {
            let function = request.function.to_le_bytes();
            let arguments = request.arguments().to_vec();
            request.answer(request.tag + 1, &[&function, &arguments]).unwrap();
        })
    })
}

fn limit() -> Option<Deadline> {
    Deadline::after(Duration::from_secs(60))
}

fn answer(call: RawCall) -> Result<RawAnswer, CallFailure> {
    call.wait(limit(), &Blocking).unwrap();
    call.take(String::new)
}

fn new_call<'a>(function: u64, arguments: &'a [&'a [u8]]) -> NewCall<'a> {
    NewCall { function, tag: 7, arguments, ..NewCall::default() }
}

#[test]
fn calls_of_every_size_come_back() {
    let pool = pool();
    let worker = echo(&pool);
    for size in [0, 1, 7, 8, 9, 16, 80, 88, 89, 96, 97, 256, 5000, 3 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let (first, second) = bytes.split_at(size / 3);
        let call = pool.submit(&new_call(size as u64, &[first, second])).unwrap();
        let answer = answer(call).unwrap();
        assert_eq!(answer.tag, 8);
        assert_eq!(answer.bytes[..8], (size as u64).to_le_bytes());
        assert!(answer.bytes[8..] == bytes, "{size} bytes came back changed");
    }
    pool.close();
    assert_eq!(worker.join().unwrap(), WorkerEnd::PoolEnded);
}

#[test]
fn ten_thousand_in_flight_need_more_than_the_first_tables() {
    let pool = pool();
    let calls: Vec<RawCall> =
        (0..10_000).map(|number| pool.submit(&new_call(number, &[])).unwrap()).collect();
    assert_eq!(pool.statistics().waiting, 10_000);
    let workers = [echo(&pool), echo(&pool)];
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(answer(call).unwrap().bytes[..], (number as u64).to_le_bytes());
    }
    pool.close();
    for worker in workers {
        assert_eq!(worker.join().unwrap(), WorkerEnd::PoolEnded);
    }
}

#[test]
fn a_waiting_call_is_cancelled_and_its_slot_used_again() {
    let pool = pool();
    for _ in 0..3000 {
        let call = pool.submit(&new_call(0, &[])).unwrap();
        assert!(call.cancel());
        assert!(call.is_done() && call.is_cancelled());
        assert!(matches!(call.take(String::new), Err(CallFailure::Cancelled { .. })));
    }
    let call = pool.submit(&new_call(1, &[])).unwrap();
    let worker = echo(&pool);
    call.wait(limit(), &Blocking).unwrap();
    assert!(!call.cancel(), "an answer cannot be cancelled");
    answer_and_end(&pool, call, worker);
}

/// The call is answered well, and the pool's only worker ends with the pool.
fn answer_and_end(pool: &RawPool, call: RawCall, worker: JoinHandle<WorkerEnd>) {
    assert!(answer(call).is_ok());
    pool.close();
    assert_eq!(worker.join().unwrap(), WorkerEnd::PoolEnded);
}

#[test]
fn a_dropped_call_is_run_and_its_slot_used_again() {
    let pool = pool();
    for number in 0..100 {
        drop(pool.submit(&new_call(number, &[&[0; 200]])).unwrap());
    }
    let worker = echo(&pool);
    pool.close();
    assert_eq!(worker.join().unwrap(), WorkerEnd::PoolEnded);
    assert_eq!(pool.statistics().waiting, 0);
}

#[test]
fn closed_and_terminated_pools_say_so() {
    let closed = pool();
    let waiting = closed.submit(&new_call(0, &[])).unwrap();
    closed.close();
    assert!(matches!(closed.submit(&new_call(0, &[])), Err(SubmitError::Closed)));
    assert!(!waiting.is_done(), "what was submitted before is still to be run");
    closed.terminate();
    assert!(matches!(answer(waiting), Err(CallFailure::Terminated { number: 1 })));
    assert!(matches!(closed.submit(&new_call(0, &[])), Err(SubmitError::Terminated)));
    let broken = pool();
    let waiting = broken.submit(&new_call(0, &[])).unwrap();
    broken.give_up("the well is dry");
    let failure = answer(waiting).unwrap_err();
    assert!(failure.to_string().contains("the well is dry"), "{failure}");
    assert!(matches!(broken.submit(&new_call(0, &[])), Err(SubmitError::Broken { .. })));
}

#[test]
fn completions_come_as_they_are_answered_also_when_the_latch_overflows() {
    let pool = pool();
    let mut set = Completions::new(&pool).unwrap();
    for number in 0..2000_u64 {
        set.submit(&new_call(number, &[]), number).unwrap();
    }
    assert!(set.try_next().is_none());
    let workers = [echo(&pool), echo(&pool)];
    let mut seen = vec![false; 2000];
    while let Some((call, number)) = set.next(limit(), &Blocking).unwrap() {
        assert_eq!(call.take(String::new).unwrap().bytes[..], number.to_le_bytes());
        assert!(!std::mem::replace(&mut seen[number as usize], true), "{number} came twice");
    }
    assert!(seen.iter().all(|seen| *seen), "some never came");
    drop(set);
    pool.close();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn functions_are_found_by_number() {
    let pool = pool();
    for number in 0..200_u32 {
        let payload = vec![number as u8; number as usize];
        assert_eq!(pool.register(&payload).unwrap(), number);
    }
    let worker = Worker::enlist(pool.handle()).unwrap();
    for number in 0..200_u32 {
        assert_eq!(*worker.function(number).unwrap().unwrap(), vec![number as u8; number as usize]);
    }
    assert!(worker.function(200).unwrap().is_none());
}

#[test]
fn a_worker_ends_after_its_calls() {
    let plan = PoolPlan { calls_per_worker: NonZeroU32::new(2), ..PLAN };
    let pool = RawPool::new(&plan).unwrap();
    let calls = [1, 2, 3].map(|number| pool.submit(&new_call(number, &[])).unwrap());
    assert_eq!(echo(&pool).join().unwrap(), WorkerEnd::CallsSpent);
    assert_eq!(calls.each_ref().map(RawCall::is_done), [true, true, false]);
    assert!(calls[2].cancel());
}

#[test]
fn an_unanswered_call_says_so() {
    let pool = pool();
    let handle = pool.handle();
    let call = pool.submit(&new_call(0, &[])).unwrap();
    pool.close();
    let worker = std::thread::spawn(move || Worker::enlist(handle).unwrap().work(&Blocking, &mut |_| {}));
    assert_eq!(answer(call).unwrap().tag, u32::MAX);
    worker.join().unwrap();
}

#[test]
fn a_deadline_ends_a_wait_and_not_the_call() {
    let pool = pool();
    let call = pool.submit(&new_call(5, &[])).unwrap();
    let soon = Deadline::after(Duration::from_millis(1));
    assert!(call.wait(soon, &Blocking).is_err());
    let worker = echo(&pool);
    answer_and_end(&pool, call, worker);
}

#[test]
fn a_late_retry_of_a_terminated_pool_fails() {
    let pool = pool();
    let call = pool.submit(&NewCall { retries: 1, ..new_call(0, &[]) }).unwrap();
    let view = &pool.requester().view;
    let is_pending = |slot: &CallSlot| slot.word().read().state() == State::Pending;
    let (index, slot) = view.slots().find(|(_, slot)| is_pending(slot)).unwrap();
    let me = crate::arena::this_process().unwrap();
    // As if a worker had taken it and died: termination finds no pending call, and then the sweep makes it one.
    assert!(slot.word().claim(me.raw()));
    pool.terminate();
    assert!(!call.is_done());
    assert!(slot.word().requeue(me.raw(), me.raw()));
    super::sweep::put_or_fail(view, (index, slot), me, me);
    assert!(matches!(answer(call), Err(CallFailure::Terminated { number: 1 })));
}

#[test]
fn a_late_count_of_retries_leaves_free_slots_alone() {
    let pool = pool();
    let calls: Vec<RawCall> = (0..3).map(|_| pool.submit(&new_call(0, &[])).unwrap()).collect();
    for call in calls {
        assert!(call.cancel());
    }
    let me = crate::arena::this_process().unwrap();
    for (_, slot) in pool.requester().view.slots() {
        slot.count_retry(me);
    }
    let again: Vec<RawCall> = (0..100).map(|_| pool.submit(&new_call(0, &[])).unwrap()).collect();
    assert_eq!(pool.statistics().waiting, again.len(), "a slot was given to two calls");
}

#[test]
fn a_look_from_the_side_ends_with_its_call_and_leaves_the_next_one_alone() {
    let pool = pool();
    let call = pool.submit(&new_call(1, &[])).unwrap();
    let watch = call.watch();
    assert!(!watch.is_over() && !watch.is_started());
    let now = Deadline::after(Duration::ZERO);
    assert_eq!(watch.wait(now, &Blocking), Err(crate::sync::WaitError::TimedOut));
    let waiter = {
        let watch = watch.clone();
        std::thread::spawn(move || watch.wait(limit(), &Blocking))
    };
    let worker = echo(&pool);
    waiter.join().unwrap().unwrap();
    assert!(watch.is_over() && watch.is_started() && !watch.cancel());
    pool.close();
    assert_eq!(worker.join().unwrap(), WorkerEnd::PoolEnded);
    answer(call).unwrap();

    let pool = self::pool();
    let call = pool.submit(&new_call(1, &[])).unwrap();
    let watch = call.watch();
    assert!(watch.cancel() && watch.is_over());
    assert!(matches!(answer(call), Err(CallFailure::Cancelled { .. })));
    let next = pool.submit(&new_call(2, &[])).unwrap();
    assert!(watch.is_over() && !watch.cancel(), "it withdrew the call that has its slot now");
    watch.wait(limit(), &Blocking).unwrap();
    let another = pool.submit(&new_call(3, &[])).unwrap();
    pool.cancel_pending();
    assert!(next.is_cancelled() && another.is_cancelled());
}

#[test]
fn a_supervisor_that_cannot_be_replaced_yet_is_asked_for_until_it_can_while_somebody_waits() {
    use crate::arena::{ProcessId, this_process};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let pool = pool();
    let (asked, me) = (Arc::new(AtomicU32::new(0)), this_process().unwrap());
    let (tries, handle) = (Arc::clone(&asked), pool.handle());
    pool.replace_supervisor_by(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0..3 => Err("no process can be made now".to_owned()),
        _ => {
            // A worker comes with the supervisor.
            std::thread::spawn(move || {
                Worker::enlist(handle).unwrap().work(&Blocking, &mut |request| {
                    request.answer(0, &[]).unwrap();
                })
            });
            Ok(Some(me))
        }
    });
    // A process of long ago.
    pool.set_supervisor(ProcessId::from_raw(me.raw() ^ (1 << 23)).unwrap());
    let call = pool.submit(&new_call(1, &[])).unwrap();
    answer(call).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert_eq!(pool.state(), PoolState::Open);
    pool.close();
}

#[test]
fn who_sleeps_replaces_a_supervisor_that_is_lost_meanwhile_once_nobody_else_is_at_it() {
    use crate::arena::{ProcessId, this_process};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let pool = pool();
    let me = this_process().unwrap();
    let gone = ProcessId::from_raw(me.raw() ^ (1 << 23)).unwrap();
    let (replaced, handle) = (Arc::new(AtomicU32::new(0)), pool.handle());
    let count = Arc::clone(&replaced);
    pool.replace_supervisor_by(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Some(me))
    });
    pool.set_supervisor(me);
    let call = pool.submit(&new_call(1, &[])).unwrap();
    let watch = call.watch();
    let waiting = std::thread::spawn(move || answer(call));
    let watching = std::thread::spawn(move || watch.wait(limit(), &Blocking));
    let turn = pool.turn().unwrap();
    assert!(pool.turn().is_none(), "two threads have the turn");
    for _ in 0..3 {
        pool.set_supervisor(gone);
        (0..100).for_each(|_| std::thread::yield_now());
    }
    assert_eq!(replaced.load(Ordering::Relaxed), 0, "replaced during another's turn");
    drop(turn);
    while replaced.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    let worker = std::thread::spawn(move || {
        Worker::enlist(handle).unwrap().work(&Blocking, &mut |request| request.answer(0, &[]).unwrap())
    });
    waiting.join().unwrap().unwrap();
    watching.join().unwrap().unwrap();
    assert_eq!(replaced.load(Ordering::Relaxed), 1);
    pool.close();
    worker.join().unwrap();
}

#[test]
fn a_closed_pool_whose_supervisor_is_gone_without_a_word_breaks_so_that_its_workers_leave() {
    let pool = pool();
    let arena = Arena::get().unwrap();
    let supervisor = arena.claim_process("supervisor", Role::Supervisor).unwrap();
    let worker = arena.claim_process("worker", Role::Worker).unwrap();
    let requester = pool.requester();
    requester.set_supervisor(supervisor);
    requester.view.worker(worker).process.store(worker.raw(), Ordering::Release);
    // Something writes over the record, so the sweep does not find the supervisor there.
    requester.view.record.supervisor.store(worker.raw(), Ordering::SeqCst);
    arena.abandon_slot(supervisor);
    until("the supervisor's slot to be swept", || arena.process_state(supervisor).is_none());
    assert_eq!(pool.state(), PoolState::Open);
    pool.close();
    pool.join(limit(), &Blocking).unwrap();
    assert_eq!(pool.state(), PoolState::Broken);
    assert!(pool.reason().contains("nobody is left to end its workers"));
    arena.abandon_slot(worker);
}
