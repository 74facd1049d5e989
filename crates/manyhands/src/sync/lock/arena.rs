//! Locks in the arena, for all its processes: the word, what is left of a dead owner, and the value beside it.
//!
//! These are the engines inside `shared::Lock` and `shared::RLock`. The word carries the number of the thread that
//! holds the lock. So when its process is killed the sweep finds it, writes down the holder and marks the word; the
//! next thread that asks gets the lock and learns of the death. A process that ended in good order leaves a lock held
//! that it took without a guard: others may release it, and its name is known. A lock that it took through a guard can
//! be released by nobody else, so that one goes to the next thread that asks as well. In a fork's child the thread has
//! another number, so the child holds nothing of what its parent held.

use super::holder::{Acquired, DeadRecord, LockStatistics, holder_in};
use super::taking::Taking;
use super::word::{GUARDED, LockWord, Taken};
use crate::arena::KeptBlock;
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Object, Shared, ThreadId, this_thread};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::platform::{Deadline, Scope};
use crate::sync::lock::error::ReleaseError;
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::site::Site;
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for;
use crate::sync::wait_graph::with_itself;

/// The beginning of the body of a lock's object; the value, if it is small, comes after it.
#[repr(C)]
pub(in crate::sync) struct LockBody {
    word: LockWord,
    /// How often the holder of a re-entrant lock has taken it; only the holder touches it.
    depth: AtomicU32,
    /// A fingerprint of the value's type, so that no process attaches to it as to another one; 0 = no value.
    pub(super) value_type: AtomicU64,
    /// The block of a value that has no room in the body; 0 = none.
    pub(in crate::sync) block: KeptBlock,
    dead: DeadRecord,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for LockBody {}

impl LockBody {
    /// A sweep's part for one lock: a dead holder is written down, and waiters that may have lost a wake-up look again.
    /// Returns whether the dead process held it.
    pub(in crate::sync) fn concerns(&self, dead: &Dead) -> bool {
        let seen = self.word.seen();
        !seen.dead && ThreadId::from_raw(seen.owner).is_some_and(|thread| dead.owns(thread))
    }

    pub(in crate::sync) fn sweep(&self, arena: &Arena, dead: &Dead) {
        let is_its = |owner| ThreadId::from_raw(owner).is_some_and(|thread| dead.owns(thread));
        let stays = |guarded: bool| dead.clean && !guarded;
        let seen = self.word.seen();
        if !seen.dead && stays(seen.guarded) && is_its(seen.owner) {
            // It stays held: what is known of its holder is all that will be left of that.
            self.dead.write(arena, seen.owner, dead);
        }
        self.word.mark_dead(
            Scope::Shared,
            |owner, guarded| !stays(guarded) && is_its(owner),
            |owner| self.dead.write(arena, owner, dead),
        );
    }
}

/// A lock of all processes of the arena; a clone refers to the same one.
#[derive(Clone)]
pub(super) struct ArenaLock {
    object: Object,
    body: &'static LockBody,
    kind: Kind,
}

fn me() -> Result<ThreadId, WaitError> {
    this_thread().map_err(|_| WaitError::NoOwner)
}

/// A thread as it stands in the word of a lock that it took through a guard, or without one.
#[inline]
fn in_word(thread: ThreadId, guarded: bool) -> u32 {
    if guarded { thread.raw() | GUARDED } else { thread.raw() }
}

impl ArenaLock {
    pub(in crate::sync) fn new(kind: Kind) -> Result<Self, ArenaError> {
        Ok(Self::from_object(Object::create::<LockBody>(kind, |_, _| Ok(()))?, kind))
    }

    /// The lock that a handle names, unless it was made around a value. Such a value is reached only through guards,
    /// and if the lock were released behind their back there would be two of them at once.
    pub(in crate::sync) fn attach(handle: Handle, kind: Kind) -> Result<Self, ArenaError> {
        let lock = Self::from_object(Object::attach(handle, kind)?, kind);
        match lock.body.value_type.load(Ordering::Acquire) {
            0 => Ok(lock),
            _ => Err(ArenaError::WrongValue { handle, kind }),
        }
    }

    /// `object` is of `kind`, and its body begins with a [`LockBody`].
    pub(in crate::sync) fn from_object(object: Object, kind: Kind) -> Self {
        let body = object.body();
        ArenaLock { object, body, kind }
    }

    pub(in crate::sync) fn object(&self) -> &Object {
        &self.object
    }

    pub(in crate::sync) fn body(&self) -> &'static LockBody {
        self.body
    }

    #[inline]
    pub(in crate::sync) fn try_acquire(&self, taking: Taking) -> Result<Option<Acquired>, WaitError> {
        Ok(self.body.word.try_acquire(in_word(me()?, taking.guarded)).map(|taken| self.acquired(taken)))
    }

    #[inline]
    pub(in crate::sync) fn acquire(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<Acquired, WaitError> {
        let me = me()?;
        match self.body.word.try_acquire(in_word(me, taking.guarded)) {
            Some(taken) => Ok(self.acquired(taken)),
            // Not as a whole, which would be put together in memory each time, also when it is not needed.
            None => self.wait(me, deadline, waiting, taking.site.to_raw(), taking.guarded),
        }
    }

    #[cold]
    fn wait(
        &self,
        me: ThreadId,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        site: usize,
        guarded: bool,
    ) -> Result<Acquired, WaitError> {
        if deadline.is_some_and(Deadline::is_past) {
            return Err(WaitError::TimedOut);
        }
        if deadline.is_none() && self.is_around_value() && self.is_mine() {
            return Err(WaitError::Deadlock(Box::new(with_itself(self.name(), Site::from_raw(site)))));
        }
        let arena = Arena::current().expect("the lock stands in it");
        arena.counters().lock_waits.fetch_add(1, Ordering::Relaxed);
        let (word, me) = (&self.body.word, in_word(me, guarded));
        let is_there = || word.seen().owner == 0;
        let taken =
            wait_for(self.subject(), &is_there, deadline, waiting, |wait| word.acquire_slowly(me, wait))?;
        Ok(self.acquired(taken))
    }

    fn subject(&self) -> Subject {
        Subject::shared(self.kind, self.object.handle())
    }

    #[inline]
    fn acquired(&self, taken: Taken) -> Acquired {
        let owner_died = match taken {
            Taken::Free => None,
            Taken::FromDead(owner) => Some(Box::new(self.body.dead.read(owner))),
        };
        Acquired { owner_died }
    }

    /// Whether a value is behind the lock, so that its holder has a guard, which stays in its thread.
    fn is_around_value(&self) -> bool {
        self.body.value_type.load(Ordering::Relaxed) != 0
    }

    fn name(&self) -> String {
        format!("the {} with the number {}", self.kind, self.object.handle().index())
    }

    /// Releases the lock if the calling thread holds it; in a fork's child it does not hold what its parent holds. How
    /// it was taken is only a guess at the word, which costs least if it is right.
    #[inline]
    pub(in crate::sync) fn release_mine(&self, guarded: bool) -> bool {
        this_thread().is_ok_and(|me| self.body.word.release_mine(in_word(me, guarded), Scope::Shared))
    }

    /// Releases the lock, whichever thread holds it; how it was taken is a guess, as above.
    #[inline]
    pub(in crate::sync) fn release(&self, guarded: bool) -> Result<(), ReleaseError> {
        let me = this_thread().map_or(0, |me| in_word(me, guarded));
        match self.body.word.release_any(me, Scope::Shared) {
            Some(_) => Ok(()),
            None => Err(ReleaseError::NotHeld),
        }
    }

    #[inline]
    pub(super) fn is_mine(&self) -> bool {
        this_thread().is_ok_and(|me| self.body.word.seen().owner == me.raw())
    }

    pub(in crate::sync) fn is_held(&self) -> bool {
        self.body.word.seen().owner != 0
    }

    pub(in crate::sync) fn is_guarded(&self) -> bool {
        self.body.word.seen().guarded
    }

    pub(in crate::sync) fn statistics(&self) -> LockStatistics {
        let arena = Arena::current().expect("the lock stands in it");
        let seen = self.body.word.seen();
        LockStatistics {
            holder: holder_in(arena, seen.owner, seen.dead, &self.body.dead),
            waiters: arena.threads_waiting_for(self.subject().to_word()),
        }
    }
}

/// A lock in the arena that its holder may take again; only its holder may release it.
#[derive(Clone)]
pub(super) struct ArenaRLock {
    pub(in crate::sync) lock: ArenaLock,
}

impl ArenaRLock {
    #[inline]
    pub(in crate::sync) fn acquire(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<Acquired, WaitError> {
        let depth = &self.lock.body.depth;
        if self.lock.is_mine() {
            return super::depth::deepen(depth).map(|()| Acquired::default());
        }
        let acquired = self.lock.acquire(deadline, waiting, taking)?;
        depth.store(1, Ordering::Relaxed);
        Ok(acquired)
    }

    #[inline]
    pub(in crate::sync) fn try_acquire(&self, taking: Taking) -> Result<Option<Acquired>, WaitError> {
        let depth = &self.lock.body.depth;
        if self.lock.is_mine() {
            return super::depth::deepen(depth).map(|()| Some(Acquired::default()));
        }
        let acquired = self.lock.try_acquire(taking)?;
        if acquired.is_some() {
            depth.store(1, Ordering::Relaxed);
        }
        Ok(acquired)
    }

    #[inline]
    pub(in crate::sync) fn release(&self) -> Result<(), ReleaseError> {
        let guarded = self.held_guarded()?;
        if super::depth::rise(&self.lock.body.depth) {
            self.lock.release_mine(guarded);
        }
        Ok(())
    }

    /// Gives the lock up altogether, and returns how often it was held.
    pub(super) fn release_all(&self) -> Result<u32, ReleaseError> {
        let guarded = self.held_guarded()?;
        let held = self.lock.body.depth.load(Ordering::Relaxed);
        self.lock.release_mine(guarded);
        Ok(held)
    }

    /// Whether the calling thread took the lock, which it must hold, through a guard.
    #[inline]
    fn held_guarded(&self) -> Result<bool, ReleaseError> {
        let seen = self.lock.body.word.seen();
        let is_mine = this_thread().is_ok_and(|me| seen.owner == me.raw());
        if is_mine { Ok(seen.guarded) } else { Err(ReleaseError::not_mine(seen)) }
    }

    /// Takes the lock as often as it was held before.
    pub(super) fn acquire_again(
        &self,
        held: u32,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<Acquired, WaitError> {
        let acquired = self.lock.acquire(None, waiting, taking)?;
        self.lock.body.depth.store(held, Ordering::Relaxed);
        Ok(acquired)
    }

    pub(in crate::sync) fn depth(&self) -> u32 {
        if self.lock.is_mine() { self.lock.body.depth.load(Ordering::Relaxed) } else { 0 }
    }
}
