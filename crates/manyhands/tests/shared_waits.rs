//! Conditions and barriers between processes: real forks, real kills.
//!
//! Children are forks of a test process that has other threads, so they use the engine and system calls only, and end
//! by a system call. Nobody waits for time to pass: a limit is there only to end a test that would not.

mod forked;
mod until;

use std::thread;
use std::time::Duration;

use manyhands::arena::Arena;
use manyhands::platform::pidfd::ExitStatus;
use manyhands::sync::BarrierError;
use manyhands::sync::shared::{Barrier, Condition, Event, Lock, RLock};

use forked::{assert_good, child, end_of, kill, sleep_for_ever, turn};
use until::until;

#[test]
fn processes_pass_a_number_to_and_fro() {
    let _turn = turn();
    let (number, changed) = (Lock::new(0_u32).unwrap(), Condition::new().unwrap());
    let play = |parity: u32| {
        while let Ok(mut number) = changed.wait_while(number.lock().unwrap(), |number| *number % 2 != parity)
        {
            if *number >= 2_000 {
                return true;
            }
            *number += 1;
            drop(number);
            changed.notify_one();
        }
        false
    };
    let pid = child(|| play(1));
    assert!(play(0));
    *number.lock().unwrap() += 1;
    changed.notify_all();
    assert_good(pid);
}

#[test]
fn a_killed_waiter_leaves_the_list_and_its_notification_goes_to_another() {
    let _turn = turn();
    let (things, put) = (Lock::new(0_u32).unwrap(), Condition::new().unwrap());
    let take = || {
        let mut things = put.wait_while(things.lock().unwrap(), |things| *things == 0).unwrap();
        *things -= 1;
        true
    };
    // The child is first in the list, and told; it cannot return, since the lock is held, and is killed then.
    let pid = child(take);
    until("the child to wait", || put.statistics().waiters == 1);
    thread::scope(|scope| {
        let survivor = scope.spawn(take);
        until("the survivor to wait", || put.statistics().waiters == 2);
        let mut guard = things.lock().unwrap();
        *guard += 1;
        assert_eq!(put.notify(1), 1);
        kill(pid);
        drop(guard);
        // No reaper was started: it is the waiter's own tick that notices.
        assert!(survivor.join().unwrap());
    });
    assert_eq!((*things.lock().unwrap(), put.statistics().waiters), (0, 0));
}

#[test]
fn waiters_of_a_killed_process_are_waiters_no_more() {
    let _turn = turn();
    let (lock, put) = (RLock::new().unwrap(), Condition::new().unwrap());
    let blocks = Arena::get().unwrap().blocks_held();
    let pid = child(|| {
        thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| drop(put.wait(lock.lock().unwrap())));
            }
        });
        true
    });
    until("all to wait", || put.statistics().waiters == 30);
    assert_eq!(Arena::get().unwrap().blocks_held(), blocks + 1, "records beyond the object's own");
    kill(pid);
    manyhands::sweep_the_dead();
    assert_eq!(put.statistics().waiters, 0);
    let outer = lock.lock().unwrap();
    let (guard, in_time) = put.wait_timeout(lock.lock().unwrap(), Duration::ZERO).unwrap();
    assert_eq!((in_time, lock.depth()), (false, 2));
    drop((guard, outer));
    drop(put);
    assert_eq!(Arena::get().unwrap().blocks_held(), blocks);
}

#[test]
fn a_wait_with_a_limit_says_whether_the_change_came() {
    let _turn = turn();
    let (number, changed) = (Lock::new(0_u32).unwrap(), Condition::new().unwrap());
    let wait = |limit| {
        let waited = changed.wait_timeout_while(number.lock().unwrap(), limit, |number| *number == 0);
        let (guard, has_changed) = waited.unwrap();
        (*guard, has_changed)
    };
    assert_eq!(wait(Duration::ZERO), (0, false));
    let pid = child(|| {
        *number.lock().unwrap() = 1;
        changed.notify_one();
        true
    });
    assert_eq!(wait(Duration::from_secs(60)), (1, true));
    assert_good(pid);
}

#[test]
fn a_condition_travels() {
    let _turn = turn();
    let (lock, condition, woken) =
        (Lock::new(0_u8).unwrap(), Condition::new().unwrap(), Event::new().unwrap());
    let bytes = serde_json::to_vec(&condition).unwrap();
    let pid = child(|| {
        let same: Condition = serde_json::from_slice(&bytes).unwrap();
        drop(same.wait(lock.lock().unwrap()).unwrap());
        woken.set();
        true
    });
    until("the child to wait", || condition.statistics().waiters == 1);
    condition.notify_all();
    woken.wait();
    assert_good(pid);
}

#[test]
fn processes_meet_at_a_barrier_round_after_round() {
    let _turn = turn();
    let (barrier, meetings) = (Barrier::new(3).unwrap(), Lock::new(0_u32).unwrap());
    let meet = || {
        for round in 1..=500 {
            *meetings.lock().unwrap() += 1;
            let all_met = barrier.wait().is_ok() && *meetings.lock().unwrap() >= 3 * round;
            if !all_met || barrier.wait().is_err() {
                return false;
            }
        }
        true
    };
    let pids = [child(meet), child(meet)];
    assert!(meet());
    assert_eq!(pids.map(end_of), [ExitStatus::Exited(0); 2]);
    assert_eq!(*meetings.lock().unwrap(), 1_500);
}

#[test]
fn a_party_that_is_killed_breaks_its_round_and_no_other() {
    let _turn = turn();
    let barrier = Barrier::new(3).unwrap();
    let pid = child(|| barrier.wait().is_ok());
    until("the child to wait", || barrier.statistics().waiters == 1);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| barrier.wait());
        until("both to wait", || barrier.statistics().waiters == 2);
        kill(pid);
        // No reaper was started: it is the waiter's own tick that notices.
        match waiter.join().unwrap() {
            Err(BarrierError::PartyDied(owner)) => assert_eq!(owner.pid, pid),
            other => panic!("{other:?}"),
        }
        barrier.reset();
        assert!(!barrier.statistics().broken);
        // One that has gone through and dies later does no harm.
        let pid = child(|| barrier.wait().is_ok() && sleep_for_ever());
        let waiter = scope.spawn(|| barrier.wait());
        barrier.wait().unwrap();
        waiter.join().unwrap().unwrap();
        kill(pid);
        manyhands::sweep_the_dead();
    });
    assert!(!barrier.statistics().broken);
}

#[test]
fn a_killed_actor_breaks_the_barrier() {
    let _turn = turn();
    let (barrier, acting) = (Barrier::new(2).unwrap(), Event::new().unwrap());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| barrier.wait());
        until("one to wait", || barrier.statistics().waiters == 1);
        let pid = child(|| {
            let same = barrier.clone();
            let acting = acting.clone();
            same.with_action(move || {
                acting.set();
                sleep_for_ever()
            })
            .wait()
            .is_ok()
        });
        acting.wait();
        kill(pid);
        assert!(matches!(waiter.join().unwrap(), Err(BarrierError::PartyDied(owner)) if owner.pid == pid));
    });
}
