//! Semaphores whose place is chosen when they are made, and which hand out permits without guards.
//!
//! A permit taken by [`RawSemaphore::acquire`] has no owner: any thread may give it back, and when its taker is killed
//! it is gone. One taken by [`RawSemaphore::acquire_owned`] from a semaphore in the arena comes back when the process
//! that took it is killed. That holds for the first 20 at one time always, or for as many as the semaphore was made
//! with, but no more than 255.

use super::word::{MOST_RECORDS, Permits, TakenFor};
use crate::arena::{Arena, ArenaError, BODY, Dead, Handle, Kind, Object, ProcessId, Shared, this_process};
use crate::arena::{KeptBlock, keep};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::platform::{Deadline, Scope};
use crate::sync::semaphore::error::TooManyPermits;
use crate::sync::wait::gate::Gate;
use crate::sync::wait::park::{Wait, WaitError, Waiting};
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for;

/// The most permits a semaphore can have: 2,147,483,647, as with POSIX semaphores.
pub const MOST_PERMITS: u32 = i32::MAX as u32;

/// What is known of a semaphore at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreStatistics {
    /// How many permits are free.
    pub free: u32,
    /// The most it may have.
    pub maximum: u32,
    /// How many are taken by guards that give them back when their process is killed.
    pub owned: usize,
    /// How many threads wait for a permit.
    pub waiters: usize,
}

/// A permit that was taken, as [`RawSemaphore::give_back`] needs it.
#[derive(Clone, Copy, Debug)]
#[must_use = "a permit that is not given back is lost to everybody"]
pub struct OwnedPermit {
    taken: TakenFor,
    owner: u32,
}

/// The beginning and the whole of a semaphore's body in the arena.
#[repr(C)]
pub(in crate::sync) struct SemaphoreBody {
    state: AtomicU64,
    maximum: AtomicU32,
    /// How many records stand in the block; 0 = those in the body.
    in_block: AtomicU32,
    block: KeptBlock,
    gate: Gate,
    records: [AtomicU64; INLINE_RECORDS],
}

const INLINE_RECORDS: usize = (BODY - 32) / 8;

// SAFETY: repr(C), atomics only.
unsafe impl Shared for SemaphoreBody {}

impl SemaphoreBody {
    fn permits(&'static self, arena: &Arena) -> Result<Permits<'static>, ArenaError> {
        let in_block = self.in_block.load(Ordering::Relaxed) as usize;
        let records = match self.block.records(arena, in_block)? {
            [] => &self.records[..],
            records => records,
        };
        Ok(Permits { state: &self.state, records, maximum: self.maximum.load(Ordering::Relaxed) })
    }

    /// Whether the dead process may have held permits of it, or been about to.
    pub(in crate::sync) fn concerns(&self, dead: &Dead) -> bool {
        let is_its = |record: &AtomicU64| Permits::owner_of(record) == dead.process.raw();
        self.in_block.load(Ordering::Relaxed) != 0 || self.records.iter().any(is_its)
    }

    /// A sweep's part for one semaphore.
    pub(in crate::sync) fn sweep(&'static self, arena: &Arena, dead: &Dead) -> Result<(), ArenaError> {
        self.permits(arena)?.recover(dead.process.raw());
        self.gate.recover(Scope::Shared);
        Ok(())
    }

    pub(in crate::sync) fn block(&self) -> &KeptBlock {
        &self.block
    }
}

/// A semaphore whose place, private memory or the arena, is chosen when it is made.
pub struct RawSemaphore(Place);

enum Place {
    Private { state: AtomicU64, maximum: u32, gate: Gate, waiters: AtomicU32 },
    Arena { object: Object, permits: Permits<'static>, gate: &'static Gate },
}

impl RawSemaphore {
    /// A semaphore with `permits` free ones for the threads of this process, which never has more than `maximum`.
    pub const fn private(permits: u32, maximum: u32) -> Self {
        let (state, waiters) = (AtomicU64::new(permits as u64), AtomicU32::new(0));
        RawSemaphore(Place::Private { state, maximum, gate: Gate::new(), waiters })
    }

    /// A semaphore with `permits` free ones for all processes of the arena, which never has more than `maximum`.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn shared(permits: u32, maximum: u32) -> Result<Self, ArenaError> {
        let arena = Arena::get()?;
        let in_block = match permits as usize {
            0..=INLINE_RECORDS => 0,
            many => many.min(MOST_RECORDS),
        };
        let mut block = None;
        if in_block > 0 {
            let mut claimed = arena.claim_structure(in_block * size_of::<AtomicU64>())?;
            claimed.fill(0);
            block = Some(claimed);
        }
        let object = Object::create::<SemaphoreBody>(Kind::SEMAPHORE, |_, body| {
            body.state.store(u64::from(permits), Ordering::Relaxed);
            body.maximum.store(maximum, Ordering::Relaxed);
            body.in_block.store(in_block as u32, Ordering::Relaxed);
            body.block.name(block.as_ref());
            Ok(())
        })?;
        keep(arena, block)?;
        Self::from_object(arena, object)
    }

    /// The semaphore in the arena that a handle names.
    ///
    /// # Errors
    /// When it is gone or no semaphore, or this process has no address space left for it.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        Self::from_object(Arena::get()?, Object::attach(handle, Kind::SEMAPHORE)?)
    }

    fn from_object(arena: &Arena, object: Object) -> Result<Self, ArenaError> {
        let body: &'static SemaphoreBody = object.body();
        Ok(RawSemaphore(Place::Arena { object, permits: body.permits(arena)?, gate: &body.gate }))
    }

    /// Another reference to the same semaphore; `None` for a private one.
    pub fn clone_shared(&self) -> Option<Self> {
        match &self.0 {
            Place::Private { .. } => None,
            Place::Arena { object, permits, gate } => {
                Some(RawSemaphore(Place::Arena { object: object.clone(), permits: *permits, gate }))
            }
        }
    }

    /// What names the semaphore to other processes; `None` for a private one.
    pub fn handle(&self) -> Option<Handle> {
        match &self.0 {
            Place::Private { .. } => None,
            Place::Arena { object, .. } => Some(object.handle()),
        }
    }

    #[inline]
    fn permits(&self) -> Permits<'_> {
        match &self.0 {
            Place::Private { state, maximum, .. } => Permits { state, records: &[], maximum: *maximum },
            Place::Arena { permits, .. } => *permits,
        }
    }

    /// Takes a permit, asleep until one is free.
    ///
    /// # Errors
    /// When the deadline passes first, or a signal handler ends the wait.
    #[inline]
    pub fn acquire(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        if self.permits().take() {
            return Ok(());
        }
        self.wait(deadline, waiting, || self.permits().take().then_some(()))
    }

    /// Takes a permit if one is free.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.permits().take()
    }

    /// Takes a permit that comes back when the calling process is killed, asleep until one is free.
    ///
    /// # Errors
    /// When the deadline passes first, a signal handler ends the wait, or the process can own nothing in the arena.
    pub fn acquire_owned(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<OwnedPermit, WaitError> {
        let owner = self.owner()?;
        let take = || self.permits().take_for(owner).map(|taken| OwnedPermit { taken, owner });
        take().map_or_else(|| self.wait(deadline, waiting, take), Ok)
    }

    /// Takes a permit that comes back when the calling process is killed, if one is free.
    ///
    /// # Errors
    /// When the process can own nothing in the arena.
    pub fn try_acquire_owned(&self) -> Result<Option<OwnedPermit>, WaitError> {
        let owner = self.owner()?;
        Ok(self.permits().take_for(owner).map(|taken| OwnedPermit { taken, owner }))
    }

    fn owner(&self) -> Result<u32, WaitError> {
        match &self.0 {
            Place::Private { .. } => Ok(0),
            Place::Arena { .. } => this_process().map(ProcessId::raw).map_err(|_| WaitError::NoOwner),
        }
    }

    // Its frame is large, and would be the fast path's if it were part of that.
    #[cold]
    #[inline(never)]
    fn wait<R>(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        take: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        let more = || self.permits().count() > 0;
        match &self.0 {
            Place::Private { gate, waiters, .. } => {
                waiters.fetch_add(1, Ordering::Relaxed);
                let subject = Subject::private(Kind::SEMAPHORE, gate);
                let wait = |wait: &Wait<'_>| gate.wait_until(wait, take, more);
                let result = wait_for(subject, &more, deadline, waiting, wait);
                waiters.fetch_sub(1, Ordering::Relaxed);
                result
            }
            Place::Arena { object, gate, .. } => {
                let subject = Subject::shared(Kind::SEMAPHORE, object.handle());
                let wait = |wait: &Wait<'_>| gate.wait_until(wait, take, more);
                wait_for(subject, &more, deadline, waiting, wait)
            }
        }
    }

    fn notify(&self) {
        match &self.0 {
            Place::Private { gate, .. } => gate.notify_one(Scope::Private),
            Place::Arena { gate, .. } => gate.notify_one(Scope::Shared),
        }
    }

    /// Gives `count` permits back, or adds as many.
    ///
    /// # Errors
    /// When there would be more than the maximum; none is given then.
    #[inline]
    pub fn release(&self, count: u32) -> Result<(), TooManyPermits> {
        let permits = self.permits();
        if !permits.give(count) {
            return Err(TooManyPermits { maximum: permits.maximum });
        }
        self.notify();
        Ok(())
    }

    /// Gives an owned permit back; does nothing in a fork's child with a copy of its parent's.
    pub fn give_back(&self, permit: OwnedPermit) {
        if self.owner() != Ok(permit.owner) {
            return;
        }
        let given = match permit.taken {
            TakenFor::Record(index) => self.permits().give_back(index, permit.owner),
            TakenFor::Nobody => self.permits().give(1),
        };
        if given {
            self.notify();
        }
    }

    /// Gives back one permit that the calling process owns, whichever; when it owns none, as [`RawSemaphore::release`].
    ///
    /// # Errors
    /// When there would be more than the maximum.
    pub fn release_owned(&self) -> Result<(), TooManyPermits> {
        let owner = self.owner().unwrap_or(0);
        let index = if owner == 0 { None } else { self.permits().held_by(owner) };
        match index {
            Some(index) if self.permits().give_back(index, owner) => {
                self.notify();
                Ok(())
            }
            _ => self.release(1),
        }
    }

    /// How many permits are free.
    pub fn value(&self) -> u32 {
        self.permits().count()
    }

    /// How many permits are free, and how many wait for one.
    pub fn statistics(&self) -> SemaphoreStatistics {
        let permits = self.permits();
        let waiters = match &self.0 {
            Place::Private { waiters, .. } => waiters.load(Ordering::Relaxed) as usize,
            Place::Arena { object, .. } => Arena::current()
                .expect("the semaphore stands in it")
                .threads_waiting_for(Subject::shared(Kind::SEMAPHORE, object.handle()).to_word()),
        };
        SemaphoreStatistics {
            free: permits.count(),
            maximum: permits.maximum,
            owned: permits.held(),
            waiters,
        }
    }
}
