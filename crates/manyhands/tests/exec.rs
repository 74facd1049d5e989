//! A process that executes another program has ended for everybody who shares memory with it, though its number and its
//! pidfd live on; and nothing else that a process does to itself makes it look so.
//!
//! Children are started through the zygote, so they have one thread and may do as they like. What they execute sleeps
//! until it is killed by the test that started it.

mod until;
mod witness;

use manyhands::arena::Arena;
use manyhands::platform::pidfd::PidFd;
use manyhands::shared::{Event, Lock, Semaphore};
use manyhands::spawn::{Process, StartMethod};
use manyhands::{Pool, sweep_the_dead};
use std::mem::ManuallyDrop;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use until::until;
use witness::Witness;

/// Becomes a program that does nothing until it is killed.
fn execute_another_program() -> ! {
    let error = Command::new("sleep").arg("1000000").exec();
    panic!("sleep was not executed: {error}")
}

fn hold_and_execute((lock, held): (Lock<u32>, Event)) {
    let _guard = ManuallyDrop::new(lock.lock().unwrap());
    held.set();
    execute_another_program()
}

#[test]
fn a_lock_held_at_an_exec_goes_to_the_waiter_who_is_told() {
    let (lock, held) = (Lock::new(0_u32).unwrap(), Event::new().unwrap());
    let child = Process::spawn(hold_and_execute, (lock.clone(), held.clone())).unwrap();
    held.wait();
    let guard = lock.lock_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(guard.owner_died().map(|owner| owner.pid), Some(child.pid()));
    drop(guard);
    assert!(child.is_alive(), "the other program runs on, as the same child");
    let arena = Arena::get().unwrap();
    until("its slot is free", || arena.processes().all(|(_, slot)| slot.pid() != child.pid()));
    child.kill().unwrap();
    child.join().unwrap_err();
}

/// Without anybody who waits it is the reaper that looks.
#[test]
fn the_slot_of_a_process_that_executed_another_program_is_swept() {
    let (lock, held) = (Lock::new(0_u32).unwrap(), Event::new().unwrap());
    let child = Process::spawn(hold_and_execute, (lock.clone(), held.clone())).unwrap();
    held.wait();
    let is_told = || lock.try_lock().unwrap().is_some_and(|guard| guard.owner_died().is_some());
    until("the lock is a dead owner's", is_told);
    let arena = Arena::get().unwrap();
    until("its slot is free", || arena.processes().all(|(_, slot)| slot.pid() != child.pid()));
    child.kill().unwrap();
    child.join().unwrap_err();
}

fn execute_in_a_call(marker: String) -> u32 {
    witness::write(&marker, &std::process::id().to_string());
    execute_another_program()
}

#[test]
fn a_call_whose_worker_executes_another_program_fails_and_the_pool_goes_on() {
    let pool = Pool::new(1).unwrap();
    let marker = Witness::new();
    let lost = pool.submit(execute_in_a_call, marker.path()).unwrap();
    let other = pool.submit(|number: u64| number * 2, 21).unwrap();
    let error = lost.get().unwrap_err();
    let died = error.worker_died().unwrap();
    let program = PidFd::open(died.pid).unwrap();
    assert_eq!((marker.read(), died.ending), (died.pid.to_string(), None));
    assert!(error.to_string().contains("replaced itself by another program (exec)"), "{error}");
    assert_eq!(other.get().unwrap(), 42, "another worker takes its place while the program runs");
    drop(pool);
    assert!(!program.is_dead(), "a pool's end is not the program's");
    program.signal(libc::SIGKILL).unwrap();
}

/// What a process may do to itself while it holds a lock.
#[derive(serde::Serialize, serde::Deserialize, Clone, Copy, Debug)]
enum Oddity {
    FirstThreadEnds,
    PartOfTheMemoryIsTreatedDifferently,
    AllDescriptorsAreClosed,
    MayNotBeLookedAt,
}

fn hold_oddly((lock, held, done, oddity): (Lock<u32>, Event, Event, Oddity)) {
    let hold = move || {
        let guard = lock.lock().unwrap();
        held.set();
        done.wait();
        drop(guard);
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) }
    };
    match oddity {
        Oddity::FirstThreadEnds => {
            std::thread::spawn(hold);
            // SAFETY: ends this thread, on whose stack nobody depends; the other one has all it needs.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
        Oddity::PartOfTheMemoryIsTreatedDifferently => {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let line = maps.lines().find(|line| line.contains("/memfd:manyhands")).unwrap();
            let start = usize::from_str_radix(line.split_once('-').unwrap().0, 16).unwrap();
            // SAFETY: advice on two pages of the arena, which changes nothing of what stands there.
            let code = unsafe { libc::madvise((start + 8192) as *mut _, 8192, libc::MADV_DONTDUMP) };
            assert_eq!(code, 0);
            hold()
        }
        Oddity::AllDescriptorsAreClosed => {
            // SAFETY: this process uses none of them any more.
            unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
            hold()
        }
        Oddity::MayNotBeLookedAt => {
            // SAFETY: changes an attribute of this process and no memory.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
            hold()
        }
    }
}

#[test]
fn nothing_else_looks_like_an_exec() {
    let oddities = [
        Oddity::FirstThreadEnds,
        Oddity::PartOfTheMemoryIsTreatedDifferently,
        Oddity::AllDescriptorsAreClosed,
        Oddity::MayNotBeLookedAt,
    ];
    for oddity in oddities {
        let lock = Lock::new(0_u32).unwrap();
        let (held, done) = (Event::new().unwrap(), Event::new().unwrap());
        let child = Process::spawn(hold_oddly, (lock.clone(), held.clone(), done.clone(), oddity)).unwrap();
        held.wait();
        for _ in 0..100 {
            sweep_the_dead();
        }
        assert!(lock.try_lock().unwrap().is_none(), "{oddity:?}: its holder lives");
        done.set();
        child.join().unwrap();
    }
}

#[test]
fn a_program_that_is_executed_as_a_process_is_not_dead_before_it_has_begun() {
    for _ in 0..20 {
        let semaphore = Semaphore::new(0).unwrap();
        let child = Process::builder()
            .method(StartMethod::Exec)
            .spawn(|semaphore: Semaphore| semaphore.release(1).unwrap(), semaphore.clone())
            .unwrap();
        while child.is_alive() {
            sweep_the_dead();
        }
        child.join().unwrap();
        assert_eq!(semaphore.value(), 1);
    }
}
