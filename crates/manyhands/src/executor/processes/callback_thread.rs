//! The thread that runs a pool's callbacks, as the pool's private part keeps it.
//!
//! Threads that register and the thread itself share a list. What the thread does with it stands in
//! [`callbacks`](super::callbacks): it alone knows calls and their answers.

use super::latch::AtLatch;
use super::slot::CallSlot;
use crate::platform::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What is to be done when the call in a slot has its answer. It holds the call, so the slot stays the call's.
pub(super) struct OnAnswer {
    slot: &'static CallSlot,
    index: u32,
    run: Box<dyn FnOnce() + Send>,
}

impl OnAnswer {
    pub(super) fn new(slot: &'static CallSlot, index: u32, run: impl FnOnce() + Send + 'static) -> OnAnswer {
        OnAnswer { slot, index, run: Box::new(run) }
    }

    pub(super) fn run(self) {
        (self.run)();
    }
}

impl AtLatch for OnAnswer {
    fn index(&self) -> u32 {
        self.index
    }

    fn is_done(&self) -> bool {
        self.slot.word().read().is_answered()
    }

    fn notify_latch(&self, latch: u32) {
        self.slot.latch.store(latch, Ordering::SeqCst);
    }

    fn give_up(&self) {
        // The thread ends with its last call; whatever ends it before leaves the calls to themselves.
    }
}

/// The thread that runs a pool's callbacks.
pub(super) struct CallbackThread {
    desk: Arc<Desk>,
    latch: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What registering threads and the callback thread share.
#[derive(Default)]
pub(super) struct Desk(Mutex<Registered>);

#[derive(Default)]
struct Registered {
    calls: Vec<OnAnswer>,
    /// No more will be registered.
    ends: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was registered since the last look, and whether no more will be.
    pub(super) fn take(&self) -> (Vec<OnAnswer>, bool) {
        let mut registered = self.lock();
        (std::mem::take(&mut registered.calls), registered.ends)
    }
}

impl CallbackThread {
    /// The thread that serves this desk, and the latch at which it sleeps.
    pub(super) fn new(desk: Arc<Desk>, latch: usize, thread: JoinHandle<()>) -> CallbackThread {
        CallbackThread { desk, latch, thread: Mutex::new(Some(thread)) }
    }

    /// The latch at which the thread sleeps; a registration wakes it.
    pub(super) fn latch(&self) -> usize {
        self.latch
    }

    /// Registers what is made of `call`; gives that back when the thread has ended.
    pub(super) fn register<C>(&self, call: C, make: impl FnOnce(C) -> OnAnswer) -> Result<(), C> {
        let mut registered = self.desk.lock();
        if registered.ends {
            return Err(call);
        }
        registered.calls.push(make(call));
        Ok(())
    }

    /// Has the thread end when all callbacks have run. It is to be woken after this, and then joined.
    pub(super) fn finish(&self) {
        self.desk.lock().ends = true;
    }

    /// Waits until the thread has ended. A callback that does this cannot wait for itself.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}
