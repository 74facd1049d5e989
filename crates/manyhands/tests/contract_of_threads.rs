//! The contract of the primitives for threads, with the words in private memory.
//!
//! The parties are threads of this process. What is stated is in `contract`, which is the same for processes.

#[macro_use]
mod contract;
mod until;

use std::thread;

use contract::{Backend, Party};
use manyhands::sync::{RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};

struct Threads;

impl Backend for Threads {
    const DEPOSITS: (u64, u64) = (100, 1_000);

    type Turn = ();

    fn turn() {}

    fn lock() -> RawLock {
        RawLock::private()
    }

    fn rlock() -> RawRLock {
        RawRLock::private()
    }

    fn semaphore(permits: u32, maximum: u32) -> RawSemaphore {
        RawSemaphore::private(permits, maximum)
    }

    fn event() -> RawEvent {
        RawEvent::private()
    }

    fn condition() -> RawCondition {
        RawCondition::private()
    }

    fn barrier(parties: u32) -> RawBarrier {
        RawBarrier::private(parties)
    }

    fn beside(party: impl FnOnce() -> bool + Send + 'static) -> Party {
        let running = thread::spawn(party);
        Party(Box::new(|| running.join().is_ok_and(|content| content)))
    }
}

contract!(Threads);
