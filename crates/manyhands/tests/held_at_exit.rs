//! What a process holds when it ends by itself: through a guard, it comes back; without one, it stays and is known by
//! name.

use manyhands::arena::Handle;
use manyhands::platform::Deadline;
use manyhands::shared::{Lock, RLock, Semaphore};
use manyhands::sync::{Blocking, RawCondition, RawLock, RawRLock, RawSemaphore, Taking, WaitError, Yields};
use manyhands::{Pool, Process, Queue, sweep_the_dead};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

/// How a process ends while it holds something.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum End {
    Code(i32),
    Returns,
    FromAnotherThread,
    Aborts,
}

const ENDS: [End; 5] = [End::Code(0), End::Code(3), End::Returns, End::FromAnotherThread, End::Aborts];

fn end(how: End) {
    match how {
        End::Code(code) => std::process::exit(code),
        End::Returns => {}
        End::FromAnotherThread => std::thread::spawn(|| std::process::exit(0)).join().unwrap(),
        End::Aborts => std::process::abort(),
    }
}

/// Runs a process named "leaver", however that ends; its pid.
fn run_to_its_end<T: Serialize + DeserializeOwned>(
    part: impl Fn((T, End)) + Copy + Send + 'static,
    argument: (T, End),
) -> u32 {
    let process = Process::builder().name("leaver").spawn(part, argument).unwrap();
    let _ = process.join();
    process.pid()
}

fn in_guard((lock, how): (Lock<u32>, End)) {
    let mut guard = lock.lock().unwrap();
    *guard += 1;
    end(how);
    std::mem::forget(guard);
}

#[test]
fn a_lock_taken_by_a_guard_goes_to_the_next_who_is_told() {
    for how in ENDS {
        let lock = Lock::new(1).unwrap();
        let leaver = run_to_its_end(in_guard, (lock.clone(), how));
        let guard = lock.lock_timeout(LIMIT).unwrap();
        let owner = guard.owner_died().expect("the next is told");
        assert_eq!((owner.name.as_str(), owner.pid), ("leaver", leaver), "{how:?}");
        assert_eq!(*guard, 2);
        drop(guard);
        assert!(lock.lock_timeout(LIMIT).unwrap().owner_died().is_none(), "and only that one");
    }
}

fn thrice((rlock, how): (RLock, End)) {
    let guards = [rlock.lock().unwrap(), rlock.lock().unwrap(), rlock.lock().unwrap()];
    end(how);
    std::mem::forget(guards);
}

#[test]
fn a_re_entrant_lock_goes_to_the_next_with_all_its_holds() {
    for how in ENDS {
        let rlock = RLock::new().unwrap();
        let leaver = run_to_its_end(thrice, (rlock.clone(), how));
        let guard = rlock.lock_timeout(LIMIT).unwrap();
        assert_eq!(guard.owner_died().map(|owner| owner.pid), Some(leaver), "{how:?}");
        assert_eq!(rlock.depth(), 1);
    }
}

#[test]
fn a_wait_at_a_condition_takes_the_lock_again_as_it_was_held() {
    let wait = |condition: &RawCondition, lock: &dyn Yields| {
        let regained = condition.wait(lock, Deadline::after(SOON), &Blocking).unwrap();
        assert_eq!((regained.waited, regained.lock.is_ok()), (Err(WaitError::TimedOut), true));
    };
    for guarded in [true, false] {
        let taking = Taking { guarded, ..Taking::default() };
        for (lock, condition) in [
            (RawLock::private(), RawCondition::private()),
            (RawLock::shared().unwrap(), RawCondition::shared().unwrap()),
        ] {
            let _ = lock.acquire_as(None, &Blocking, taking).unwrap();
            wait(&condition, &lock);
            assert_eq!(lock.is_guarded(), guarded);
        }
        let (rlock, condition) = (RawRLock::shared().unwrap(), RawCondition::shared().unwrap());
        for _ in 0..2 {
            let _ = rlock.acquire_as(None, &Blocking, taking).unwrap();
        }
        wait(&condition, &rlock);
        assert_eq!((rlock.is_guarded(), rlock.depth()), (guarded, 2));
    }
}

fn with_permits((semaphore, how): (Semaphore, End)) {
    let permits = [semaphore.acquire().unwrap(), semaphore.acquire().unwrap()];
    end(how);
    std::mem::forget(permits);
}

#[test]
fn permits_come_back() {
    for how in ENDS {
        let semaphore = Semaphore::new(2).unwrap();
        run_to_its_end(with_permits, (semaphore.clone(), how));
        let permits = [semaphore.acquire_timeout(LIMIT).unwrap(), semaphore.acquire_timeout(LIMIT).unwrap()];
        assert!(semaphore.try_acquire().unwrap().is_none(), "{how:?}");
        drop(permits);
    }
}

fn exits_in_a_call((lock, semaphore): (Lock<u32>, Semaphore)) -> u32 {
    let _guard = lock.lock().unwrap();
    let _permit = semaphore.acquire().unwrap();
    std::process::exit(3)
}

#[test]
fn a_worker_that_exits_in_its_call_leaves_nothing_taken() {
    let pool = Pool::new(1).unwrap();
    let (lock, semaphore) = (Lock::new(1).unwrap(), Semaphore::new(1).unwrap());
    let call = pool.submit(exits_in_a_call, (lock.clone(), semaphore.clone())).unwrap();
    assert!(call.get().unwrap_err().worker_died().is_some());
    assert!(lock.lock_timeout(LIMIT).unwrap().owner_died().is_some());
    drop(semaphore.acquire_timeout(LIMIT).unwrap());
}

fn holds_for_its_child((lock, begun, told): (Lock<u32>, Queue<bool>, Queue<bool>)) {
    std::mem::forget(lock.lock().unwrap());
    let _child = Process::spawn(waits_for_its_parents, (lock.clone(), begun.clone(), told)).unwrap();
    begun.get().unwrap();
    // SAFETY: ends this process without waiting for its child.
    unsafe { libc::_exit(0) }
}

fn waits_for_its_parents((lock, begun, told): (Lock<u32>, Queue<bool>, Queue<bool>)) {
    begun.put(&true).unwrap();
    let is_told = lock.lock_timeout(LIMIT).is_ok_and(|guard| guard.owner_died().is_some());
    told.put(&is_told).unwrap();
}

#[test]
fn a_child_that_waits_gets_what_its_parent_left() {
    let lock = Lock::new(1).unwrap();
    let (begun, told) = (Queue::bounded(1).unwrap(), Queue::bounded(1).unwrap());
    let process = Process::spawn(holds_for_its_child, (lock, begun, told.clone())).unwrap();
    process.join().unwrap();
    assert!(told.get_timeout(LIMIT).unwrap());
}

fn bare((lock, rlock, semaphore): (Handle, Handle, Handle)) {
    let lock = RawLock::attach(lock).unwrap();
    let _ = lock.acquire(None, &Blocking).unwrap();
    let rlock = RawRLock::attach(rlock).unwrap();
    let _ = rlock.acquire(None, &Blocking).unwrap();
    let semaphore = RawSemaphore::attach(semaphore).unwrap();
    semaphore.acquire(None, &Blocking).unwrap();
    std::process::exit(0)
}

#[test]
fn what_was_taken_without_a_guard_stays_and_is_known_by_name() {
    let (lock, rlock) = (RawLock::shared().unwrap(), RawRLock::shared().unwrap());
    let semaphore = RawSemaphore::shared(1, 1).unwrap();
    let handles = (lock.handle().unwrap(), rlock.handle().unwrap(), semaphore.handle().unwrap());
    let process = Process::builder().name("careless").spawn(bare, handles).unwrap();
    process.join().unwrap();
    sweep_the_dead();
    for seen in [lock.statistics(), rlock.statistics()] {
        let holder = seen.holder.unwrap();
        assert_eq!((holder.process.as_str(), holder.pid), ("careless", process.pid()));
        assert!(holder.has_ended && !holder.dead);
    }
    let deadline = || manyhands::platform::Deadline::after(SOON);
    assert_eq!(lock.acquire(deadline(), &Blocking), Err(WaitError::TimedOut));
    assert_eq!(rlock.acquire(deadline(), &Blocking), Err(WaitError::TimedOut));
    assert_eq!(semaphore.value(), 0);
    lock.release().unwrap();
    assert!(lock.acquire(deadline(), &Blocking).unwrap().owner_died.is_none());
    assert!(!lock.statistics().holder.unwrap().has_ended);
}

#[test]
fn a_thread_that_takes_a_lock_twice_is_told_so() {
    let lock = Lock::new(1_u64).unwrap();
    let same = lock.clone();
    let again = Lock::<u64>::attach(lock.handle()).unwrap();
    let guard = lock.lock().unwrap();
    for handle in [&lock, &same, &again] {
        let Err(WaitError::Deadlock(deadlock)) = handle.lock() else { panic!("it waits for itself") };
        let [step] = &*deadlock.steps else { panic!("{deadlock}") };
        let text = deadlock.to_string();
        assert_eq!(step.thread, step.holder);
        assert!(
            text.contains("held_at_exit.rs") && text.contains(&lock.handle().index().to_string()),
            "{text}"
        );
        assert!(handle.try_lock().unwrap().is_none());
        assert!(matches!(handle.lock_timeout(SOON), Err(WaitError::TimedOut)));
    }
    // Another thread waits, which is no mistake.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| *same.lock().unwrap());
        while lock.statistics().waiters == 0 {
            std::thread::yield_now();
        }
        drop(guard);
        assert_eq!(other.join().unwrap(), 1);
    });
    drop(lock.lock().unwrap());
    std::mem::forget(lock.lock().unwrap());
    assert!(matches!(lock.lock(), Err(WaitError::Deadlock(_))), "a guard that is forgotten is held");
}
