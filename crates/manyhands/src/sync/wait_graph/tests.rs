//! Deadlocks between the threads of one process, and what must not be taken for one.

use crate::platform::until::until;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use crate::sync::Deadlock;
use crate::sync::{Blocking, Lock, RLock, RawLock, Site, Taking, WaitError};

fn deadlock(error: WaitError) -> Box<Deadlock> {
    match error {
        WaitError::Deadlock(deadlock) => deadlock,
        other => panic!("{other}"),
    }
}

#[test]
fn two_locks_in_two_orders_are_an_error_for_one_and_nothing_for_the_other() {
    for _ in 0..200 {
        let (first, second, both) = (Lock::new(1), Lock::new(2), Barrier::new(2));
        let cross = |mine: &Lock<i32>, others: &Lock<i32>| {
            let guard = mine.lock().unwrap();
            both.wait();
            let result = others.lock().map(|other| *guard + *other);
            drop(guard);
            result
        };
        let results = thread::scope(|scope| {
            let one = scope.spawn(|| cross(&first, &second));
            let other = scope.spawn(|| cross(&second, &first));
            [one.join().unwrap(), other.join().unwrap()]
        });
        let failed: Vec<_> = results.iter().filter(|result| result.is_err()).collect();
        assert_eq!(failed.len(), 1, "one of the two must give way: {results:?}");
        assert!(results.contains(&Ok(3)));
    }
}

#[test]
fn the_report_names_threads_locks_and_places() {
    let (first, second, both) = (Lock::new(()), RLock::new(()), Barrier::new(2));
    let made = line!() - 1;
    let (error, taken, wanted) = thread::scope(|scope| {
        let other = thread::Builder::new().name("other".into()).spawn_scoped(scope, || {
            let _guard = second.lock().unwrap();
            both.wait();
            first.lock().map(drop)
        });
        let other = other.unwrap();
        let mine = thread::Builder::new().name("mine".into()).spawn_scoped(scope, || {
            let guard = first.lock().unwrap();
            let taken = line!() - 1;
            both.wait();
            until("the other to wait", || first.statistics().waiters == 1);
            // Its wait is written down before it sleeps, so either this finds the cycle or the other one does.
            let result = second.lock().map(drop);
            let wanted = line!() - 1;
            drop(guard);
            (result, taken, wanted)
        });
        let (mine, taken, wanted) = mine.unwrap().join().unwrap();
        match (mine, other.join().unwrap()) {
            (Err(error), Ok(())) | (Ok(()), Err(error)) => (error, taken, wanted),
            both => panic!("{both:?}"),
        }
    });
    let report = deadlock(error);
    let mut steps = report.steps.clone();
    steps.sort_by_key(|step| step.thread.clone());
    assert_eq!(steps.len(), 2, "{report}");
    assert_eq!((steps[0].thread.as_str(), steps[0].holder.as_str()), ("mine", "other"));
    assert_eq!((steps[1].thread.as_str(), steps[1].holder.as_str()), ("other", "mine"));
    assert!(
        steps[0].object.starts_with(&format!("the re-entrant lock made at {}:{made}:", file!())),
        "{report}"
    );
    assert!(steps[1].object.starts_with(&format!("the lock made at {}:{made}:", file!())), "{report}");
    let line = |site: Site| match site {
        Site::Rust(location) if location.file() == file!() => location.line(),
        other => panic!("{other}"),
    };
    assert_eq!((line(steps[0].wanted_at), line(steps[1].taken_at)), (wanted, taken));
    assert!(report.to_string().contains("\"mine\" waits at"), "{report}");
}

#[test]
fn a_lock_taken_twice_by_one_guarded_thread_is_an_error_at_once() {
    let lock = Lock::new(0);
    let guard = lock.lock().unwrap();
    let report = deadlock(lock.lock().map(drop).unwrap_err());
    assert_eq!(report.steps.len(), 1);
    drop(guard);
    assert!(lock.try_lock().is_some(), "the one that failed has taken nothing");
}

/// As a binding's `with`, which another thread may leave.
#[test]
fn a_guarded_lock_of_a_binding_taken_twice_is_no_error() {
    let lock = RawLock::private();
    let taking = Taking { site: Site::Bound(1), guarded: true };
    let _ = lock.acquire_as(None, &Blocking, taking).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while lock.statistics().waiters == 0 {
                thread::yield_now();
            }
            lock.release().unwrap();
        });
        assert!(lock.acquire_as(None, &Blocking, taking).is_ok());
    });
}

#[test]
fn a_ring_of_many_is_found_by_its_last() {
    const THREADS: usize = 8;
    let (locks, all) = ([const { Lock::new(()) }; THREADS], Barrier::new(THREADS));
    let failed: Vec<_> = thread::scope(|scope| {
        let parties: Vec<_> = (0..THREADS)
            .map(|number| {
                let (locks, all) = (&locks, &all);
                scope.spawn(move || {
                    let _mine = locks[number].lock().unwrap();
                    all.wait();
                    locks[(number + 1) % THREADS].lock().map(drop)
                })
            })
            .collect();
        parties.into_iter().filter_map(|party| party.join().unwrap().err()).collect()
    });
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(deadlock(failed[0].clone()).steps.len(), THREADS);
}

#[test]
fn a_lock_as_a_signal_is_no_deadlock() {
    let lock = RawLock::private();
    let _ = lock.acquire(None, &Blocking).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            until("the holder to wait for it", || lock.statistics().waiters == 1);
            lock.release().unwrap();
        });
        let _ = lock.acquire(None, &Blocking).unwrap();
    });
}

/// Two threads that wait for one another's bare locks, which a third may release, and does.
#[test]
fn what_somebody_else_can_end_is_no_deadlock() {
    let (first, second, both) = (RawLock::private(), RawLock::private(), Barrier::new(2));
    let cross = |mine: &RawLock, others: &RawLock| {
        let _ = mine.acquire(None, &Blocking).unwrap();
        both.wait();
        let got = others.acquire(None, &Blocking).map(drop);
        let _ = others.release();
        got
    };
    thread::scope(|scope| {
        let one = scope.spawn(|| cross(&first, &second));
        let other = scope.spawn(|| cross(&second, &first));
        until("both to wait", || first.statistics().waiters + second.statistics().waiters == 2);
        first.release().unwrap();
        assert_eq!(other.join().unwrap(), Ok(()));
        second.release().unwrap();
        assert_eq!(one.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_wait_with_a_limit_is_no_deadlock() {
    let (first, second) = (Lock::new(()), Lock::new(()));
    let (told, tell) = mpsc::channel();
    let first_guard = first.lock().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _second = second.lock().unwrap();
            told.send(()).unwrap();
            assert!(first.lock().is_ok(), "it waits for one that gives up");
        });
        tell.recv().unwrap();
        until("the other to wait", || first.statistics().waiters == 1);
        let late = second.lock_timeout(Duration::from_millis(5)).map(drop);
        assert_eq!(late, Err(WaitError::TimedOut));
        drop(first_guard);
    });
}

#[test]
fn one_order_of_locks_is_never_a_deadlock_whoever_comes_first() {
    let locks = [const { Lock::new(0_u32) }; 3];
    thread::scope(|scope| {
        for seed in 0..4_u32 {
            let locks = &locks;
            scope.spawn(move || {
                let mut random = seed * 7919 + 1;
                for _ in 0..20_000 {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (low, high) = [(0, 1), (0, 2), (1, 2)][(random >> 16) as usize % 3];
                    let mut one = locks[low].lock().unwrap();
                    let mut other = locks[high].lock().unwrap();
                    (*one, *other) = (*one + 1, *other + 1);
                }
            });
        }
    });
    assert_eq!(locks.iter().map(|lock| *lock.lock().unwrap()).sum::<u32>(), 4 * 20_000 * 2);
}

#[test]
fn guarded_raw_locks_are_told_apart_from_bare_ones() {
    let (first, second, both) = (RawLock::private(), RawLock::private(), Barrier::new(2));
    let cross = |mine: &RawLock, others: &RawLock| {
        let guarded = Taking { guarded: true, ..Taking::default() };
        let _ = mine.acquire_as(None, &Blocking, guarded).unwrap();
        both.wait();
        let result = others.acquire_as(None, &Blocking, guarded).map(|_| others.release().unwrap());
        mine.release().unwrap();
        result
    };
    let failed = thread::scope(|scope| {
        let one = scope.spawn(|| cross(&first, &second));
        let other = scope.spawn(|| cross(&second, &first));
        [one.join().unwrap(), other.join().unwrap()].iter().filter(|result| result.is_err()).count()
    });
    assert_eq!(failed, 1);
    assert!(!first.is_held() && !second.is_held());
}
