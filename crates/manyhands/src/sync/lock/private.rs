//! Locks in private memory, for the threads of one process: the word, and a count of waiters for statistics.
//!
//! These are the engines inside `Lock` and `RLock`; they guard nothing by themselves. A fork copies them as they are:
//! the forking thread holds in the child what it held, what other threads held stays held there for ever, as with any
//! lock.

use super::face::LockFace;
use super::holder::{Holder, LockStatistics};
use super::taking::Taking;
use super::word::{GUARDED, LockWord};
use crate::arena::{Arena, Kind};
use crate::platform::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::platform::{Deadline, Scope, process};
use crate::sync::lock::error::ReleaseError;
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::site::Site;
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for_at;
use crate::sync::wait_graph::thread_number;

/// A lock of the threads of one process, which any of them may release.
#[derive(Debug)]
pub(super) struct PrivateLock {
    face: LockFace,
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
    pub(in crate::sync) const fn new(made_at: Site, only_by_holder: bool) -> Self {
        let (word, taken_at) = (LockWord::new(), AtomicUsize::new(0));
        PrivateLock { face: LockFace { word, taken_at, made_at, only_by_holder }, waiters: AtomicU32::new(0) }
    }

    #[inline]
    pub(in crate::sync) fn try_acquire(&self, taking: Taking) -> bool {
        let taken = self.face.word.try_acquire(taking.me()).is_some();
        if taken {
            self.taken(taking);
        }
        taken
    }

    /// Notes where the lock was taken, which the calling thread holds now.
    #[inline]
    fn taken(&self, taking: Taking) {
        self.face.taken_at.store(taking.site.to_raw(), Ordering::Relaxed);
    }

    #[inline]
    pub(in crate::sync) fn acquire(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<(), WaitError> {
        if self.face.word.try_acquire(taking.me()).is_none() {
            // Not as a whole, which would be put together in memory each time, also when it is not needed.
            self.wait(deadline, waiting, taking.site.to_raw(), taking.guarded)?;
        }
        self.taken(taking);
        Ok(())
    }

    #[cold]
    fn wait(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        site: usize,
        guarded: bool,
    ) -> Result<(), WaitError> {
        if deadline.is_some_and(Deadline::is_past) {
            return Err(WaitError::TimedOut);
        }
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiters);
        if let Some(arena) = Arena::current() {
            arena.counters().lock_waits.fetch_add(1, Ordering::Relaxed);
        }
        let me = Taking { guarded, ..Taking::default() }.me();
        let kind = if self.face.only_by_holder { Kind::RLOCK } else { Kind::LOCK };
        let subject = Subject::private(kind, self);
        wait_for_at(
            subject,
            &self.face,
            deadline,
            waiting,
            || Site::from_raw(site),
            |wait| self.face.word.acquire_slowly(me, wait).map(drop),
        )
    }

    /// Releases the lock if the calling thread holds it.
    #[inline]
    pub(in crate::sync) fn release_mine(&self) -> bool {
        self.face.word.release_mine(thread_number() | GUARDED, Scope::Private)
    }

    #[inline]
    pub(in crate::sync) fn release(&self) -> Result<(), ReleaseError> {
        match self.face.word.release_any(thread_number(), Scope::Private) {
            Some(_) => Ok(()),
            None => Err(ReleaseError::NotHeld),
        }
    }

    /// As [`PrivateLock::release`], for one that was most likely taken through a guard.
    #[inline]
    pub(super) fn release_guarded(&self) -> Result<(), ReleaseError> {
        match self.face.word.release_any(thread_number() | GUARDED, Scope::Private) {
            Some(_) => Ok(()),
            None => Err(ReleaseError::NotHeld),
        }
    }

    #[inline]
    pub(super) fn is_mine(&self) -> bool {
        self.face.word.seen().owner == thread_number()
    }

    pub(in crate::sync) fn is_held(&self) -> bool {
        self.face.word.seen().owner != 0
    }

    pub(in crate::sync) fn is_guarded(&self) -> bool {
        self.face.word.seen().guarded
    }

    pub(in crate::sync) fn statistics(&self) -> LockStatistics {
        let owner = self.face.word.seen().owner;
        let holder = (owner != 0).then(|| Holder {
            pid: process::getpid(),
            process: String::new(),
            thread: owner,
            dead: false,
            has_ended: false,
        });
        LockStatistics { holder, waiters: self.waiters.load(Ordering::Relaxed) as usize }
    }
}

/// A lock that its holder may take again; only its holder may release it.
#[derive(Debug)]
pub(super) struct PrivateRLock {
    pub(in crate::sync) lock: PrivateLock,
    /// How often the holder has taken it. Only the holder writes it, and it says nothing while the lock is free.
    depth: AtomicU32,
}

impl PrivateRLock {
    pub(in crate::sync) const fn new(made_at: Site) -> Self {
        PrivateRLock { lock: PrivateLock::new(made_at, true), depth: AtomicU32::new(0) }
    }

    #[inline]
    pub(in crate::sync) fn acquire(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        site: Site,
    ) -> Result<(), WaitError> {
        // Free, most of the time; to look first costs more than to look again.
        if self.take(site) {
            return Ok(());
        }
        if self.lock.is_mine() {
            return super::depth::deepen(&self.depth);
        }
        self.lock.wait(deadline, waiting, site.to_raw(), true)?;
        self.taken(site);
        Ok(())
    }

    /// Takes the lock if it is free.
    #[inline]
    fn take(&self, site: Site) -> bool {
        let taken = self.lock.face.word.try_acquire(thread_number() | GUARDED).is_some();
        if taken {
            self.taken(site);
        }
        taken
    }

    #[inline]
    fn taken(&self, site: Site) {
        self.lock.taken(Taking { site, guarded: true });
        self.depth.store(1, Ordering::Relaxed);
    }

    #[inline]
    pub(in crate::sync) fn try_acquire(&self, site: Site) -> Result<bool, WaitError> {
        if self.take(site) {
            return Ok(true);
        }
        if self.lock.is_mine() { super::depth::deepen(&self.depth).map(|()| true) } else { Ok(false) }
    }

    #[inline]
    pub(in crate::sync) fn release(&self) -> Result<(), ReleaseError> {
        // Another holder's depth says nothing, but then the word says no.
        if self.depth.load(Ordering::Relaxed) == 1 && self.lock.release_mine() {
            return Ok(());
        }
        if !self.lock.is_mine() {
            return Err(ReleaseError::not_mine(self.lock.face.word.seen()));
        }
        if super::depth::rise(&self.depth) {
            self.lock.release_mine();
        }
        Ok(())
    }

    /// Gives the lock up altogether, and returns how often it was held.
    pub(super) fn release_all(&self) -> Result<u32, ReleaseError> {
        if !self.lock.is_mine() {
            return Err(ReleaseError::not_mine(self.lock.face.word.seen()));
        }
        let held = self.depth.load(Ordering::Relaxed);
        self.lock.release_mine();
        Ok(held)
    }

    /// Makes the lock free, whichever thread holds it.
    pub(in crate::sync) fn free(&self) {
        let _ = self.lock.release();
    }

    /// Takes the lock as often as it was held before.
    pub(super) fn acquire_again(
        &self,
        held: u32,
        waiting: &dyn Waiting,
        site: Site,
    ) -> Result<(), WaitError> {
        self.lock.acquire(None, waiting, Taking { site, guarded: true })?;
        self.depth.store(held, Ordering::Relaxed);
        Ok(())
    }

    pub(in crate::sync) fn depth(&self) -> u32 {
        if self.lock.is_mine() { self.depth.load(Ordering::Relaxed) } else { 0 }
    }
}
