//! Bankers between processes: real forks, real kills.
//!
//! Children are forks of a test process that has other threads, so they use the engine and system calls only, and end
//! by a system call. Nobody waits for time to pass: a limit is there only to end a test that would not.

mod forked;
mod until;

use std::env;
use std::thread;
use std::time::Duration;

use manyhands::arena::Arena;
use manyhands::platform::pidfd::ExitStatus;
use manyhands::shared::{Banker, Event};
use manyhands::sync::{BankerError, Verdict, WaitError};

use forked::{child, end_of, kill, sleep_for_ever, turn};
use until::until;

const LIMIT: Duration = Duration::from_secs(60);

fn free(banker: &Banker) -> Vec<u64> {
    banker.statistics().unwrap().resources.iter().map(|resource| resource.free).collect()
}

/// Silberschatz, Galvin, Gagne, "Operating System Concepts"; the threads' banker is tested with it beside its source.
#[test]
fn the_textbooks_example() {
    let banker = Banker::new(&[("A", 10), ("B", 5), ("C", 7)]).unwrap();
    let maxima = [[7, 5, 3], [3, 2, 2], [9, 0, 2], [2, 2, 2], [4, 3, 3]];
    let held = [[0, 1, 0], [2, 0, 0], [3, 0, 2], [2, 1, 1], [0, 0, 2]];
    let claims = [0, 1, 2, 3, 4].map(|at| banker.claim(&format!("P{at}"), &maxima[at]).unwrap());
    for (claim, units) in claims.iter().zip(&held) {
        claim.try_request(units).unwrap().expect("what the example begins with is safe").keep();
    }
    assert_eq!(free(&banker), [3, 3, 2]);
    assert_eq!(banker.safe_order().unwrap().unwrap(), ["P1", "P3", "P4", "P0", "P2"]);
    claims[1].try_request(&[1, 0, 2]).unwrap().expect("safe").keep();
    assert_eq!(claims[4].foresee(&[3, 3, 0]).unwrap(), Verdict::NotFree("A".to_owned()));
    assert_eq!(claims[0].foresee(&[0, 2, 0]).unwrap(), Verdict::Unsafe);
    assert!(claims[0].try_request(&[0, 2, 0]).unwrap().is_none());
}

#[test]
fn what_a_killed_process_has_comes_back_and_a_waiter_gets_it() {
    let _turn = turn();
    let banker = Banker::new(&[("memory", 8), ("licences", 3)]).unwrap();
    let pid = child(|| {
        let claim = banker.claim("holder", &[8, 3]).unwrap();
        let _units = claim.request(&[6, 2]).unwrap();
        sleep_for_ever()
    });
    until("the child to have its units", || free(&banker) == [2, 1]);
    let holder = &banker.statistics().unwrap().claimants[0];
    assert_eq!((holder.name.as_str(), holder.pid, &holder.held[..]), ("holder", pid, &[6, 2][..]));

    let claim = banker.claim("waiter", &[8, 3]).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            until("the wait", || banker.statistics().unwrap().claimants[1].waits_for.is_some());
            kill(pid);
        });
        // No reaper was started: it is the waiter's own tick that notices.
        let waiter = claim;
        assert_eq!(waiter.request(&[8, 3]).unwrap().counts(), [8, 3]);
    });
    assert_eq!((free(&banker), banker.statistics().unwrap().claimants.len()), (vec![8, 3], 0));
}

#[test]
fn a_killed_waiter_waits_no_more_and_bars_nobody() {
    let _turn = turn();
    let banker = Banker::new(&[("memory", 8)]).unwrap();
    let claim = banker.claim("holder", &[8]).unwrap();
    let held = claim.request(&[4]).unwrap();
    let pid = child(|| {
        let claim = banker.claim("waiter", &[8]).unwrap();
        claim.request(&[8]).is_ok()
    });
    until("the child to wait", || {
        banker.statistics().unwrap().claimants.iter().any(|one| one.waits_for.is_some())
    });
    kill(pid);
    manyhands::sweep_the_dead();
    assert_eq!(banker.statistics().unwrap().claimants.len(), 1);
    drop(held);
    assert!(claim.try_request(&[8]).unwrap().is_some());
}

#[test]
fn a_clean_end_gives_back_as_well() {
    let _turn = turn();
    let banker = Banker::new(&[("memory", 8)]).unwrap();
    let pid = child(|| {
        let claim = banker.claim("child", &[8]).unwrap();
        claim.request(&[5]).unwrap().keep();
        std::mem::forget(claim);
        manyhands::arena::this_process().map(|me| Arena::get().unwrap().process(me).set_clean()).is_ok()
    });
    assert_eq!(end_of(pid), ExitStatus::Exited(0));
    assert_eq!(free(&banker), [3], "nobody has looked yet");
    manyhands::sweep_the_dead();
    assert_eq!(free(&banker), [8]);
}

#[test]
fn a_forks_copy_of_a_claim_gives_nothing_back_and_the_child_makes_its_own() {
    let _turn = turn();
    let banker = Banker::new(&[("memory", 8)]).unwrap();
    let mut claim = Some(banker.claim("parent", &[8]).unwrap());
    claim.as_ref().unwrap().request(&[3]).unwrap().keep();
    let done = Event::new().unwrap();
    let pid = child(|| {
        let copy = claim.take().unwrap();
        let refused = matches!(copy.request(&[1]), Err(BankerError::Closed { .. }));
        drop(copy);
        let own = banker.claim("child", &[5]).unwrap();
        let _own = own.request(&[5]).unwrap();
        done.set();
        if !refused {
            return false;
        }
        sleep_for_ever()
    });
    done.wait();
    assert_eq!((free(&banker), banker.statistics().unwrap().claimants.len()), (vec![0], 2));
    kill(pid);
    manyhands::sweep_the_dead();
    assert_eq!((claim.as_ref().unwrap().held().unwrap(), free(&banker)), (vec![3], vec![5]));
    drop(claim);
    assert_eq!(free(&banker), [8]);
}

/// One child's life: it takes one unit after the other, in an order of its own, and gives all back, until it is killed.
fn live(banker: &Banker, number: usize) -> bool {
    let claim = banker.claim("child", &[1, 1, 1]).unwrap();
    loop {
        for step in 0..3 {
            let units: [u64; 3] = std::array::from_fn(|at| u64::from(at == (number + step) % 3));
            match claim.request_timeout(&units, LIMIT) {
                Ok(units) => units.keep(),
                Err(_) => return false,
            }
        }
        if claim.release(&[1, 1, 1]).is_err() {
            return false;
        }
    }
}

#[test]
fn random_kills_lose_no_unit_and_hang_nobody() {
    let _turn = turn();
    let kills = env::var("MANYHANDS_BANKER_KILLS").map_or(25, |text| text.parse().unwrap());
    let banker = Banker::new(&[("a", 2), ("b", 2), ("c", 1)]).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut children: Vec<u32> = (0..4).map(|number| child(|| live(&banker, number))).collect();
    for number in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // A random moment of a child's life: after so many rounds of somebody who takes part.
        let claim = banker.claim("parent", &[1, 1, 1]).unwrap();
        for _ in 0..random % 32 {
            match claim.request_timeout(&[1, 1, 1], LIMIT) {
                Ok(units) => drop(units),
                Err(BankerError::Wait(WaitError::TimedOut)) => {
                    panic!("nobody gets anything after {number} kills")
                }
                Err(error) => panic!("{error}"),
            }
        }
        let victim = (random >> 32) as usize % children.len();
        kill(children[victim]);
        children[victim] = child(|| live(&banker, number));
    }
    children.into_iter().for_each(kill);
    manyhands::sweep_the_dead();
    let statistics = banker.statistics().unwrap();
    assert_eq!((free(&banker), statistics.claimants.len()), (vec![2, 2, 1], 0));
}

#[test]
fn a_banker_travels_and_its_memory_comes_back() {
    let _turn = turn();
    let blocks = Arena::get().unwrap().blocks_held();
    let banker = Banker::new(&[("memory", 8), ("a name of thirty-two bytes here.", 3)]).unwrap();
    let same = Banker::attach(banker.handle()).unwrap();
    assert_eq!((same.resources(), same.totals()), (banker.resources(), vec![8, 3]));
    let handle = banker.handle();
    drop((banker, same));
    assert!(Banker::attach(handle).is_err());
    assert_eq!(Arena::get().unwrap().blocks_held(), blocks, "the block was freed");
}
