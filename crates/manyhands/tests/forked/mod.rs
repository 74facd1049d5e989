//! Children for tests: forks of the test process, ended by the test that made them.
//!
//! They use the engine and system calls only, since the test process has other threads, and end by a system call.
//! Nobody is killed but by the pid that a fork gave. Waiting is for conditions; the limit is there only to end a test
//! that would not.

// Each test program has its own copy and uses a part of it.
#![allow(dead_code)]

use std::sync::{Mutex, MutexGuard};

use manyhands::platform::fork::{Side, fork_plain};
use manyhands::platform::pidfd::{ExitStatus, PidFd, reap};

static TURN: Mutex<()> = Mutex::new(());

/// Forking tests take turns, so that no child copies another test's half-made state.
pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `body` in a child, which then ends with code 0, or 1 when `body` says so.
pub fn child(body: impl FnOnce() -> bool) -> u32 {
    // SAFETY: the child uses the engine and system calls only, never another thread's lock.
    match unsafe { fork_plain() }.unwrap() {
        Side::Child => {
            let good = body();
            // SAFETY: ends the process at once; no destructor or handler runs.
            unsafe { libc::_exit(i32::from(!good)) }
        }
        Side::Parent(pid) => pid,
    }
}

pub fn end_of(pid: u32) -> ExitStatus {
    PidFd::open(pid).unwrap().wait_dead(None).unwrap();
    reap(pid).unwrap().unwrap()
}

/// Waits for the end of a child whose body says that all was well.
pub fn assert_good(pid: u32) {
    assert_eq!(end_of(pid), ExitStatus::Exited(0));
}

pub fn kill(pid: u32) {
    PidFd::open(pid).unwrap().signal(libc::SIGKILL).unwrap();
    assert_eq!(end_of(pid), ExitStatus::Signaled(libc::SIGKILL));
}

pub fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}
