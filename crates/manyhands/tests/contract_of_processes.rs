//! The contract of the primitives for processes, with the words in the arena.
//!
//! The parties are forks of this process, which use the engine and system calls only and end by a system call. What is
//! stated is in `contract`, which is the same for threads.

#[macro_use]
mod contract;
mod until;

use std::sync::{Mutex, MutexGuard};

use contract::{Backend, Party};
use manyhands::platform::fork::{Side, fork_plain};
use manyhands::platform::pidfd::{ExitStatus, PidFd, reap};
use manyhands::sync::{RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};

static TURN: Mutex<()> = Mutex::new(());

struct Processes;

impl Backend for Processes {
    const DEPOSITS: (u64, u64) = (8, 1_000);

    type Turn = MutexGuard<'static, ()>;

    /// Forking tests take turns, so that no child copies another test's half-made state.
    fn turn() -> Self::Turn {
        TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lock() -> RawLock {
        RawLock::shared().unwrap()
    }

    fn rlock() -> RawRLock {
        RawRLock::shared().unwrap()
    }

    fn semaphore(permits: u32, maximum: u32) -> RawSemaphore {
        RawSemaphore::shared(permits, maximum).unwrap()
    }

    fn event() -> RawEvent {
        RawEvent::shared().unwrap()
    }

    fn condition() -> RawCondition {
        RawCondition::shared().unwrap()
    }

    fn barrier(parties: u32) -> RawBarrier {
        RawBarrier::shared(parties).unwrap()
    }

    fn beside(party: impl FnOnce() -> bool + Send + 'static) -> Party {
        // SAFETY: the child uses the engine and system calls only, never another thread's lock.
        match unsafe { fork_plain() }.unwrap() {
            Side::Child => {
                let content = party();
                // SAFETY: ends the process at once; no destructor or handler runs.
                unsafe { libc::_exit(i32::from(!content)) }
            }
            Side::Parent(pid) => Party(Box::new(move || {
                PidFd::open(pid).unwrap().wait_dead(None).unwrap();
                reap(pid).unwrap().unwrap() == ExitStatus::Exited(0)
            })),
        }
    }
}

contract!(Processes);
