//! Waiters, when the process that watches over all is killed: they hear of it, one makes another, and they go on. The
//! tests kill the one of their own arena, and so take turns.

mod until;
mod witness;

use manyhands::Process;
use manyhands::arena::Role;
use manyhands::shared::{Event, Lock, Semaphore};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use until::until;
use witness::{runs, signal};

const WAITERS: usize = 20;
/// The slow ticks of waiters come after five seconds: whoever goes on sooner has heard of the end.
const PROMPT: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 5;
const FUTEX_WAITV: &str = "449 ";

static TURN: Mutex<()> = Mutex::new(());

/// The tests take turns, where what they look at can be seen.
fn turn() -> Option<MutexGuard<'static, ()>> {
    can_be_seen().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn hold((lock, held): (Lock<u32>, Event)) {
    let _guard = lock.lock().unwrap();
    held.set();
    witness::sleep_for_ever();
}

fn take((lock, taken): (Lock<u32>, Semaphore)) {
    *lock.lock().unwrap() += 1;
    taken.release(1).unwrap();
}

/// Whether a thread of a process sleeps on two words, as those do that have waited for a while.
fn sleeps_beside_a_life(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().any(|thread| {
        std::fs::read_to_string(thread.path().join("syscall")).is_ok_and(|call| call.starts_with(FUTEX_WAITV))
    })
}

/// Whether this kernel lets threads sleep on two words, and says so.
fn can_be_seen() -> bool {
    let own = std::fs::read_to_string("/proc/thread-self/syscall").is_ok();
    // SAFETY: no words and no time: refused in any case.
    let refused = unsafe { libc::syscall(449, std::ptr::null::<u8>(), 0, 0, std::ptr::null::<u8>(), 0) };
    let is_there = refused == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL);
    if !own || !is_there {
        eprintln!("skipped: no futex_waitv (Linux 5.16), or no /proc/.../syscall to see it by");
    }
    own && is_there
}

fn reaper() -> u32 {
    let mut reaper = None;
    until("there is a reaper", || {
        reaper = witness::with_role(Role::Reaper);
        reaper.is_some()
    });
    reaper.unwrap()
}

fn kill(pid: u32) {
    signal(pid, libc::SIGKILL);
    until("the killed process has ended", || !runs(pid));
}

struct Scene {
    lock: Lock<u32>,
    taken: Semaphore,
    holder: Process,
    waiters: Vec<Process>,
}

impl Scene {
    /// A holder of a lock, and others asleep for it.
    fn set() -> Scene {
        let (lock, held, taken) = (Lock::new(0).unwrap(), Event::new().unwrap(), Semaphore::new(0).unwrap());
        let holder = Process::spawn(hold, (lock.clone(), held.clone())).unwrap();
        held.wait();
        let start = |_| Process::spawn(take, (lock.clone(), taken.clone())).unwrap();
        let waiters: Vec<_> = (0..WAITERS).map(start).collect();
        for waiter in &waiters {
            until("the waiter sleeps beside the reaper's life", || sleeps_beside_a_life(waiter.pid()));
        }
        Scene { lock, taken, holder, waiters }
    }

    /// Looks only: were this process to wait, its own ticks would help the waiters.
    fn eventually_taken_by(&self, count: usize) {
        until("the waiters have gone on", || self.taken.value() == count as u32);
    }
}

#[test]
fn waiters_whose_holder_is_killed_after_the_reaper_go_on_at_once() {
    let Some(_turn) = turn() else { return };
    let mut times = Vec::new();
    for _ in 0..ATTEMPTS {
        let scene = Scene::set();
        let begun = Instant::now();
        kill(reaper());
        scene.holder.kill().unwrap();
        scene.eventually_taken_by(WAITERS);
        times.push(begun.elapsed());
        assert_eq!(*scene.lock.lock().unwrap(), WAITERS as u32);
        scene.waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        if times.last().is_some_and(|time| *time < PROMPT) {
            return;
        }
    }
    panic!("each time they only went on at a slow tick: {times:?}");
}

/// Half of them at once with the reaper, so that the one which the kernel has woken may be among them.
#[test]
fn waiters_go_on_also_when_others_are_killed_with_the_reaper() {
    let Some(_turn) = turn() else { return };
    let mut scene = Scene::set();
    let left = scene.waiters.split_off(WAITERS / 2);
    let reaper = reaper();
    signal(reaper, libc::SIGKILL);
    scene.waiters.iter().for_each(|waiter| waiter.kill().unwrap());
    scene.holder.kill().unwrap();
    scene.eventually_taken_by(left.len());
    left.into_iter().for_each(|waiter| waiter.join().unwrap());
    until("the killed reaper has ended", || !runs(reaper));
}

#[test]
fn a_killed_reaper_is_replaced_while_everybody_waits() {
    let Some(_turn) = turn() else { return };
    let scene = Scene::set();
    for _ in 0..3 {
        kill(reaper());
        let next = reaper();
        for waiter in &scene.waiters {
            until("the waiter sleeps again", || sleeps_beside_a_life(waiter.pid()));
        }
        assert!(runs(next));
    }
    scene.holder.kill().unwrap();
    scene.waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
}
