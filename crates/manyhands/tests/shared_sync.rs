//! Locks, semaphores and events between processes: real forks, real kills.
//!
//! Children are forks of a test process that has other threads, so they use the engine and system calls only, and end
//! by a system call. Nobody waits for time to pass: a limit is there only to end a test that would not.

mod forked;
mod until;

use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

use manyhands::arena::{Arena, ArenaError, this_process};
use manyhands::platform::pidfd::ExitStatus;
use manyhands::sync::shared::{Event, Lock, RLock, Semaphore};
use manyhands::sync::{Blocking, RawLock, RawRLock, RawSemaphore, ReleaseError, WaitError};

use forked::{assert_good, child, end_of, kill, sleep_for_ever, turn};
use until::until;

#[test]
fn two_processes_take_turns() {
    let _turn = turn();
    let total = Lock::new([0_u64; 2]).unwrap();
    let add = || {
        for _ in 0..20_000 {
            let mut total = total.lock().unwrap();
            total[0] += 1;
            total[1] += 1;
        }
        true
    };
    let pid = child(add);
    add();
    assert_good(pid);
    assert_eq!(*total.lock().unwrap(), [40_000; 2]);
}

#[test]
fn a_killed_holders_lock_goes_to_the_waiter_who_is_told() {
    let _turn = turn();
    let lock = Lock::new(0_u32).unwrap();
    let held = Event::new().unwrap();
    let pid = child(|| {
        *lock.lock().unwrap() = 1;
        let _guard = ManuallyDrop::new(lock.lock().unwrap());
        held.set();
        sleep_for_ever()
    });
    held.wait();
    assert_eq!(lock.statistics().holder.unwrap().pid, pid);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let guard = lock.lock().unwrap();
            (*guard, guard.owner_died().map(|owner| owner.pid))
        });
        until("the waiter to wait", || lock.statistics().waiters == 1);
        let killed = Instant::now();
        kill(pid);
        // No reaper was started: it is the waiter's own tick that notices.
        assert_eq!(waiter.join().unwrap(), (1, Some(pid)));
        assert!(killed.elapsed() < Duration::from_secs(30));
    });
    assert!(lock.lock().unwrap().owner_died().is_none(), "told once");
    assert!(Arena::get().unwrap().counters().lock_waits.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

#[test]
fn a_killed_holders_lock_can_be_asked_for_or_released_by_anybody() {
    let _turn = turn();
    let (asked, released) = (RawLock::shared().unwrap(), RawLock::shared().unwrap());
    let again = RawRLock::shared().unwrap();
    let held = Event::new().unwrap();
    let pid = child(|| {
        let _ = (asked.acquire(None, &Blocking), released.acquire(None, &Blocking));
        let _ = (again.acquire(None, &Blocking), again.acquire(None, &Blocking));
        held.set();
        sleep_for_ever()
    });
    held.wait();
    assert_eq!(asked.try_acquire().unwrap(), None);
    assert_eq!(again.release(), Err(ReleaseError::NotMine));
    kill(pid);
    manyhands::sweep_the_dead();
    assert!(asked.statistics().holder.is_some_and(|holder| holder.dead && holder.pid == pid));
    let acquired = asked.try_acquire().unwrap().expect("the holder is dead");
    assert_eq!(acquired.owner_died.unwrap().pid, pid);
    released.release().unwrap();
    assert!(released.try_acquire().unwrap().unwrap().owner_died.is_none(), "it was released, so it is free");
    assert!(again.try_acquire().unwrap().unwrap().owner_died.is_some());
    assert_eq!(again.depth(), 1, "the dead one's holds are not the heir's");
}

#[test]
fn a_process_that_ends_in_good_order_leaves_taken_what_anybody_may_release() {
    let _turn = turn();
    let lock = RawLock::shared().unwrap();
    let semaphore = RawSemaphore::shared(3, 3).unwrap();
    let pid = child(|| {
        let taken = lock.acquire(None, &Blocking).is_ok()
            && semaphore.acquire(None, &Blocking).is_ok()
            && semaphore.acquire_owned(None, &Blocking).is_ok();
        let me = this_process().unwrap();
        Arena::get().unwrap().process(me).set_clean();
        taken
    });
    assert_good(pid);
    manyhands::sweep_the_dead();
    assert_eq!(lock.try_acquire().unwrap(), None);
    assert_eq!(semaphore.value(), 2, "what is owned comes back");
    lock.release().unwrap();
    assert!(lock.try_acquire().unwrap().unwrap().owner_died.is_none());
}

#[test]
fn a_guard_copied_by_fork_releases_nothing() {
    let _turn = turn();
    let lock = Lock::new(0_u8).unwrap();
    let semaphore = Semaphore::bounded(1).unwrap();
    let mut guards = ManuallyDrop::new((lock.lock().unwrap(), semaphore.acquire().unwrap()));
    let pid = child(|| {
        // SAFETY: dropped once in this process, and used no more.
        unsafe { ManuallyDrop::drop(&mut guards) };
        lock.try_lock().unwrap().is_none() && semaphore.value() == 0
    });
    assert_eq!(end_of(pid), ExitStatus::Exited(0), "the child's drops released what the parent holds");
    assert!(lock.try_lock().unwrap().is_none());
    // SAFETY: dropped once in this process, and used no more.
    unsafe { ManuallyDrop::drop(&mut guards) };
    assert!(lock.try_lock().unwrap().is_some());
    assert_eq!(semaphore.value(), 1);
}

#[test]
fn owned_permits_of_a_killed_process_come_back() {
    let _turn = turn();
    for permits in [3, 100] {
        let semaphore = RawSemaphore::shared(permits, permits).unwrap();
        let held = Event::new().unwrap();
        let pid = child(|| {
            for _ in 0..permits - 1 {
                let _ = semaphore.acquire_owned(None, &Blocking);
            }
            let _ = semaphore.acquire(None, &Blocking);
            held.set();
            sleep_for_ever()
        });
        held.wait();
        assert_eq!((semaphore.value(), semaphore.statistics().owned), (0, permits as usize - 1));
        thread::scope(|scope| {
            let waiter = scope.spawn(|| semaphore.acquire(None, &Blocking));
            until("the waiter to wait", || semaphore.statistics().waiters == 1);
            kill(pid);
            waiter.join().unwrap().unwrap();
        });
        // All but the one taken without an owner, and the waiter's.
        assert_eq!((semaphore.value(), semaphore.statistics().owned), (permits - 2, 0));
    }
}

#[test]
fn an_event_reaches_other_processes() {
    let _turn = turn();
    let (go, gone) = (Event::new().unwrap(), Event::new().unwrap());
    let pid = child(|| {
        go.wait();
        gone.set();
        true
    });
    until("the child to wait", || go.statistics().waiters == 1);
    assert_eq!(gone.wait_timeout(Duration::ZERO), Err(WaitError::TimedOut));
    go.set();
    gone.wait();
    assert_good(pid);
}

#[test]
fn references_travel_and_stale_ones_are_refused() {
    let _turn = turn();
    let lock = Lock::new(7_u64).unwrap();
    let bytes = serde_json::to_vec(&lock).unwrap();
    let same: Lock<u64> = serde_json::from_slice(&bytes).unwrap();
    *same.lock().unwrap() += 1;
    assert_eq!(*lock.lock().unwrap(), 8);
    assert!(matches!(Lock::<u32>::attach(lock.handle()), Err(ArenaError::WrongValue { .. })));
    assert!(
        matches!(Lock::<f64>::attach(lock.handle()), Err(ArenaError::WrongValue { .. })),
        "as large, but another"
    );
    assert!(Lock::<u64>::attach(lock.handle()).is_ok());
    assert!(matches!(RLock::attach(lock.handle()), Err(ArenaError::WrongKind { .. })));
    let bare = RawLock::attach(lock.handle());
    assert!(
        matches!(bare, Err(ArenaError::WrongValue { .. })),
        "its guard could be released behind its back"
    );
    assert!(Lock::<u64>::attach(RawLock::shared().unwrap().handle().unwrap()).is_err());
    drop((lock, same));
    assert!(serde_json::from_slice::<Lock<u64>>(&bytes).is_err(), "the lock is gone");
}

#[test]
fn a_large_value_stands_in_a_block_that_goes_with_the_lock() {
    let _turn = turn();
    let arena = Arena::get().unwrap();
    let before = arena.blocks_held();
    let lock = Lock::new([1_u64; 1000]).unwrap();
    assert_eq!(arena.blocks_held(), before + 1);
    let pid = child(|| {
        lock.lock().unwrap()[999] = 2;
        true
    });
    assert_good(pid);
    manyhands::sweep_the_dead();
    assert_eq!(lock.lock().unwrap()[998..], [1, 2]);
    drop(lock);
    assert_eq!(arena.blocks_held(), before);
}
