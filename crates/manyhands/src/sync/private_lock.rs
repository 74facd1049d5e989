//! Locks in private memory, for the threads of one process: the word, and a count of waiters for statistics.
//!
//! These are the engines inside `Lock` and `RLock`; they guard nothing by themselves. A fork copies them as they are: the
//! forking thread holds in the child what it held, what other threads held stays held there for ever, as with any lock.

use super::error::ReleaseError;
use super::holder::Holder;
use super::lock_word::LockWord;
use super::park::{Wait, WaitError, Waiting};
use super::raw::LockStatistics;
use super::thread_number::thread_number;
use crate::arena::Arena;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::{Deadline, Scope, process};

/// A lock of the threads of one process, which anybody may release.
#[derive(Debug, Default)]
pub(super) struct PrivateLock {
    word: LockWord,
    waiters: AtomicU32,
}

/// Counts a waiter, for statistics only.
struct Waiter<'a>(&'a AtomicU32);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PrivateLock {
    pub(super) const fn new() -> Self {
        PrivateLock { word: LockWord::new(), waiters: AtomicU32::new(0) }
    }

    #[inline]
    pub(super) fn try_acquire(&self) -> bool {
        self.word.try_acquire(thread_number()).is_some()
    }

    #[inline]
    pub(super) fn acquire(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        let me = thread_number();
        match self.word.try_acquire(me) {
            Some(_) => Ok(()),
            None => self.wait(me, deadline, waiting),
        }
    }

    #[cold]
    fn wait(&self, me: u32, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        if deadline.is_some_and(Deadline::is_past) {
            return Err(WaitError::TimedOut);
        }
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiters);
        if let Some(arena) = Arena::current() {
            arena.counters().lock_waits.fetch_add(1, Ordering::Relaxed);
        }
        self.word.acquire_slowly(me, &Wait::private(deadline, waiting)).map(drop)
    }

    /// Releases the lock if the calling thread holds it.
    #[inline]
    pub(super) fn release_mine(&self) -> bool {
        self.word.release_mine(thread_number(), Scope::Private)
    }

    #[inline]
    pub(super) fn release(&self) -> Result<(), ReleaseError> {
        match self.word.release_any(thread_number(), Scope::Private) {
            Some(_) => Ok(()),
            None => Err(ReleaseError::NotHeld),
        }
    }

    #[inline]
    pub(super) fn is_mine(&self) -> bool {
        self.word.seen().owner == thread_number()
    }

    pub(super) fn is_held(&self) -> bool {
        self.word.seen().owner != 0
    }

    pub(super) fn statistics(&self) -> LockStatistics {
        let owner = self.word.seen().owner;
        let holder = (owner != 0).then(|| Holder {
            pid: process::getpid(),
            process: String::new(),
            thread: owner,
            dead: false,
        });
        LockStatistics { holder, waiters: self.waiters.load(Ordering::Relaxed) as usize }
    }
}

/// A lock that its holder may take again; only its holder may release it.
#[derive(Debug, Default)]
pub(super) struct PrivateRLock {
    pub(super) lock: PrivateLock,
    /// How often the holder has taken it; nobody else touches it.
    depth: AtomicU32,
}

impl PrivateRLock {
    pub(super) const fn new() -> Self {
        PrivateRLock { lock: PrivateLock::new(), depth: AtomicU32::new(0) }
    }

    #[inline]
    pub(super) fn acquire(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        if self.lock.is_mine() {
            return super::depth::deepen(&self.depth);
        }
        self.lock.acquire(deadline, waiting)?;
        self.depth.store(1, Ordering::Relaxed);
        Ok(())
    }

    #[inline]
    pub(super) fn try_acquire(&self) -> Result<bool, WaitError> {
        if self.lock.is_mine() {
            return super::depth::deepen(&self.depth).map(|()| true);
        }
        let taken = self.lock.try_acquire();
        if taken {
            self.depth.store(1, Ordering::Relaxed);
        }
        Ok(taken)
    }

    #[inline]
    pub(super) fn release(&self) -> Result<(), ReleaseError> {
        if !self.lock.is_mine() {
            return Err(ReleaseError::not_mine(self.lock.word.seen()));
        }
        if super::depth::rise(&self.depth) {
            self.lock.release_mine();
        }
        Ok(())
    }

    /// Gives the lock up altogether, and tells how often it was held.
    pub(super) fn release_save(&self) -> Result<u32, ReleaseError> {
        if !self.lock.is_mine() {
            return Err(ReleaseError::not_mine(self.lock.word.seen()));
        }
        let held = self.depth.load(Ordering::Relaxed);
        self.lock.release_mine();
        Ok(held)
    }

    /// Takes the lock as often as it was held before.
    pub(super) fn acquire_restore(&self, held: u32, waiting: &dyn Waiting) -> Result<(), WaitError> {
        self.lock.acquire(None, waiting)?;
        self.depth.store(held, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn depth(&self) -> u32 {
        if self.lock.is_mine() { self.depth.load(Ordering::Relaxed) } else { 0 }
    }
}
