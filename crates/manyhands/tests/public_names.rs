//! What users of the crate see and other tests reach only in passing: guards as types, permits, records of what was
//! done, refusals that hand something back.

use manyhands::sync::{self, shared};
use manyhands::{
    Banker, BankerError, Condition, DeadlockStep, Lock, LockGuard, NewThread, NotPut, Pool, Process,
    PutError, Queue, QueueStatistics, RLock, RLockGuard, Semaphore, StartError, Statistics, Thread,
    ThreadState, WaitError, statistics,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One wait at a condition that nobody notifies.
fn wait_in_vain<G: sync::Guard>(condition: &Condition, guard: G) -> G {
    let (guard, was_notified) = condition.wait_timeout(guard, Duration::ZERO).unwrap();
    assert!(!was_notified);
    guard
}

fn wait_in_vain_at_shared<G: shared::Guard>(condition: &shared::Condition, guard: G) -> G {
    let (guard, was_notified) = condition.wait_timeout(guard, Duration::ZERO).unwrap();
    assert!(!was_notified);
    guard
}

#[test]
fn every_kind_of_guard_comes_back_from_a_wait() {
    let (lock, rlock, condition) = (Lock::new(1), RLock::new(2), Condition::new());
    let guard: LockGuard<'_, i32> = wait_in_vain(&condition, lock.lock().unwrap());
    let again: RLockGuard<'_, i32> = wait_in_vain(&condition, rlock.lock().unwrap());
    assert_eq!((*guard, *again), (1, 2));
    assert!(lock.statistics().holder.is_some() && rlock.statistics().holder.is_some());
    drop((guard, again));
    assert!(lock.statistics().holder.is_none() && rlock.statistics().holder.is_none());
}

#[test]
fn every_kind_of_shared_guard_comes_back_from_a_wait() {
    let (lock, rlock) = (shared::Lock::new(1_u32).unwrap(), shared::RLock::new().unwrap());
    let condition = shared::Condition::new().unwrap();
    let guard: shared::LockGuard<'_, u32> = wait_in_vain_at_shared(&condition, lock.lock().unwrap());
    let again: shared::RLockGuard<'_> = wait_in_vain_at_shared(&condition, rlock.lock().unwrap());
    assert_eq!((*guard, rlock.depth()), (1, 1));
    drop((guard, again));
    assert!(lock.statistics().holder.is_none() && rlock.statistics().holder.is_none());
}

#[test]
fn permits_come_back_unless_they_are_forgotten() {
    let semaphore = Semaphore::new(2);
    let permits: Vec<sync::Permit<'_>> = vec![semaphore.acquire(), semaphore.acquire()];
    assert_eq!(semaphore.value(), 0);
    for (number, permit) in permits.into_iter().enumerate() {
        if number == 0 { permit.forget() } else { drop(permit) }
    }
    assert_eq!(semaphore.value(), 1);
}

#[test]
fn shared_permits_come_back() {
    let semaphore = shared::Semaphore::new(2).unwrap();
    let permits: Vec<shared::Permit<'_>> =
        vec![semaphore.acquire().unwrap(), semaphore.try_acquire().unwrap().unwrap()];
    assert_eq!((semaphore.value(), semaphore.statistics().owned), (0, 2));
    drop(permits);
    assert_eq!((semaphore.value(), semaphore.statistics().owned), (2, 0));
}

#[test]
fn a_banker_says_what_could_be_claimed_and_claims_nothing() {
    let resources = [("memory", 8), ("licences", 2)];
    let (private, shared) = (Banker::new(&resources).unwrap(), shared::Banker::new(&resources).unwrap());
    for answers in [
        [private.admits("report", &[8, 2]), private.admits("greedy", &[9, 0])],
        [shared.admits("report", &[8, 2]), shared.admits("greedy", &[9, 0])],
    ] {
        let [report, greedy] = answers;
        report.unwrap();
        assert!(matches!(greedy, Err(BankerError::BeyondTotal { .. })));
    }
    assert_eq!(private.statistics().unwrap().claimants.len(), 0);
    assert_eq!(shared.statistics().unwrap().claimants.len(), 0);
}

#[test]
fn a_deadlock_of_one_thread_is_one_step() {
    let lock = Lock::new(());
    let _guard = lock.lock().unwrap();
    let Err(WaitError::Deadlock(deadlock)) = lock.lock().map(drop) else { panic!("it waits for itself") };
    let [DeadlockStep { thread, holder, taken_at, wanted_at, .. }] = &*deadlock.steps else {
        panic!("{deadlock}")
    };
    assert_eq!(thread, holder);
    assert!(taken_at.to_string().contains("public_names.rs") && taken_at != wanted_at);
}

#[test]
fn a_value_that_was_not_put_comes_back_with_the_reason() {
    let queue = Queue::bounded_in_process(1);
    queue.put("first".to_owned()).unwrap();
    let refused: NotPut<String> = queue.try_put("second".to_owned()).unwrap_err();
    assert!(matches!(refused.reason(), PutError::Full { .. }));
    assert_eq!(refused.to_string(), refused.reason().to_string());
    assert_eq!(refused.into_inner(), "second");
}

#[test]
fn a_queue_says_what_it_did() {
    let queue = Queue::bounded(2).unwrap();
    queue.put(&1).unwrap();
    queue.put(&2).unwrap();
    assert_eq!(queue.get().unwrap(), 1);
    let expected = QueueStatistics { waiting: 1, put: 2, limit: Some(2), closed: false };
    assert_eq!(queue.statistics(), expected);
}

/// Dies as often as there are lives to take.
fn die_or_answer(lives: Queue<u8>) -> u8 {
    if lives.try_get().is_ok() {
        std::process::abort();
    }
    42
}

#[test]
fn a_call_that_may_be_run_again_survives_its_worker() {
    let (pool, lives) = (Pool::new(1).unwrap(), Queue::bounded(2).unwrap());
    lives.put(&0).unwrap();
    assert!(pool.submit(die_or_answer, lives.clone()).unwrap().get().unwrap_err().worker_died().is_some());
    lives.put(&0).unwrap();
    assert_eq!(pool.submit_retrying(1, die_or_answer, lives.clone()).unwrap().get().unwrap(), 42);
}

#[test]
fn a_process_that_cannot_be_given_its_argument_is_not_started() {
    let no_text = PathBuf::from(OsString::from_vec(vec![0xff]));
    let started = Process::builder().name("heir").spawn(|_: PathBuf| (), no_text);
    let error: StartError = started.unwrap_err();
    assert!(matches!(&error, StartError::Arguments { name, .. } if name == "heir"), "{error:?}");
    assert!(error.to_string().contains("path contains invalid UTF-8 characters"), "{error}");
}

#[test]
fn a_process_knows_whether_it_is_a_daemon() {
    let [daemon, other] =
        [true, false].map(|daemon| Process::builder().daemon(daemon).spawn(|(): ()| (), ()).unwrap());
    assert_eq!((daemon.is_daemon(), other.is_daemon()), (true, false));
    daemon.join().unwrap();
    other.join().unwrap();
}

#[test]
fn a_thread_that_is_not_started_never_runs() {
    static HAS_RUN: AtomicBool = AtomicBool::new(false);
    let prepare = || -> NewThread<u32> {
        Thread::builder().name("later").prepare(|| {
            HAS_RUN.store(true, Ordering::Relaxed);
            7
        })
    };
    let new = prepare();
    assert_eq!(new.state(), ThreadState::New);
    drop(new);
    assert!(!HAS_RUN.load(Ordering::Relaxed));
    assert_eq!(prepare().start().unwrap().join().unwrap(), 7);
    assert!(HAS_RUN.load(Ordering::Relaxed));
}

#[test]
fn the_engine_counts_what_it_did() {
    let before: Statistics = statistics();
    let queue = Queue::growing().unwrap();
    (0..3_u8).for_each(|number| queue.put(&number).unwrap());
    Process::spawn(|(): ()| (), ()).unwrap().join().unwrap();
    let after = statistics();
    // Other tests of this program count as well.
    assert!(after.messages >= before.messages + 3);
    assert!(after.processes_started > before.processes_started);
}
