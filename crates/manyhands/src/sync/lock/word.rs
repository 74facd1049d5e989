//! The lock: one 32-bit word that says who holds it, whether that one is dead, and whether to wake.
//!
//! One algorithm for private memory and for the arena, for threads and for processes. Owners are plain numbers here,
//! and a closure says which of them are dead. Taking a free lock and releasing one that has no waiters are one
//! compare-and-swap each. Because the owner stands in the word that says "held", a killed owner is known at every
//! instant: [`LockWord::mark_dead`] turns "held by X" into "held by a dead X". The next thread that asks gets the lock
//! and learns of the death. Waiters that barge in are not kept out: no fairness is promised. After the three-state
//! futex mutex of Drepper's "Futexes Are Tricky", with the owner added.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, Scope};
use crate::sync::wait::mortal::may_die;
use crate::sync::wait::park::{Parker, Wait, WaitError};

/// The word of a lock. Zeroed memory is a free lock.
///
/// | bits | name | meaning |
/// |---|---|---|
/// | 0..=28 | owner | the holder; 0 = nobody |
/// | 29 | GUARDED | the holder took it through a guard, so that nobody else releases it: not even an end in good order keeps it |
/// | 30 | DEAD | the owner is dead; the next thread that asks gets the lock |
/// | 31 | WAITERS | a thread may sleep on this word; a release wakes one |
///
/// | reachable state | goes to |
/// |---|---|
/// | `0` free | `X` taken |
/// | `X` held | `0` released; `X W` a thread will wait; `X D` X was killed |
/// | `X W` held, waited for | `0` released, and one woken; `X W D` X was killed, and one woken |
/// | `X D`, `X W D` held by a dead owner | `Y`, `Y W` taken over; `0` released by any thread |
///
/// A thread that took the lock after a sleep holds it as `X W`, not knowing whether others sleep still. A waiter that
/// gives up leaves W behind, at the cost of one needless wake-up.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct LockWord(AtomicU32);

/// The bits of the owner: 29.
pub const OWNER: u32 = (1 << 29) - 1;
/// Goes with the holder's number: nobody else will release the lock.
pub const GUARDED: u32 = 1 << 29;
const DEAD: u32 = 1 << 30;
const WAITERS: u32 = 1 << 31;

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was free.
    Free,
    /// From this dead owner: what the lock guards may be half changed.
    FromDead(u32),
}

/// What a lock's word said at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The former holder; 0 = nobody.
    pub owner: u32,
    /// Whether that one was known to be dead.
    pub dead: bool,
    /// Whether a thread may have been asleep waiting for it.
    pub waited_for: bool,
    /// Whether it was taken through a guard.
    pub guarded: bool,
}

impl LockWord {
    /// A free lock.
    #[cfg(not(manyhands_model))]
    pub const fn new() -> Self {
        LockWord(AtomicU32::new(0))
    }

    /// A free lock.
    #[cfg(manyhands_model)]
    pub fn new() -> Self {
        LockWord::default()
    }

    /// Takes the lock for `me`, a number with or without [`GUARDED`], if that needs no wait.
    #[inline]
    pub fn try_acquire(&self, me: u32) -> Option<Taken> {
        debug_assert!(me & OWNER != 0 && me & !(OWNER | GUARDED) == 0);
        match self.0.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                may_die();
                Some(Taken::Free)
            }
            Err(seen) => self.take_from(me, seen).ok(),
        }
    }

    /// Takes the lock as `mine` if it is free or its owner dead; else gives the word that says no.
    fn take_from(&self, mine: u32, mut seen: u32) -> Result<Taken, u32> {
        loop {
            let from_dead = seen & DEAD != 0;
            if seen & OWNER != 0 && !from_dead {
                return Err(seen);
            }
            let next = mine | seen & WAITERS;
            // Acquire: sees what the last holder did, or the record of the one who marked it dead.
            match self.0.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    may_die();
                    let taken = if from_dead { Taken::FromDead(seen & OWNER) } else { Taken::Free };
                    return Ok(taken);
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Takes the lock for `me`, asleep until it can; a holder that asks again waits for itself.
    ///
    /// # Errors
    ///
    /// Those of the wait; the lock was not taken then, and no other waiter's wake-up is lost.
    #[cold]
    pub fn acquire_slowly(&self, me: u32, wait: &Wait<'_>) -> Result<Taken, WaitError> {
        let mut parker = Parker::new(wait);
        let mut mine = me;
        loop {
            let held = match self.take_from(mine, self.0.load(Ordering::Relaxed)) {
                Ok(taken) => return Ok(taken),
                Err(held) => held,
            };
            // To leave only after WAITERS was seen in a word that says "held" is what keeps a
            // wake-up that this thread may have used up from being lost.
            let waited_for = held | WAITERS;
            if held != waited_for {
                let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
                if self.0.compare_exchange(held, waited_for, success, failure).is_err() {
                    continue;
                }
            }
            may_die();
            parker.sleep(&self.0, waited_for)?;
            may_die();
            mine = me | WAITERS; // others may sleep still
        }
    }

    /// Gives the lock back if `me` holds it, and says whether it did.
    #[inline]
    pub fn release_mine(&self, me: u32, scope: Scope) -> bool {
        match self.0.compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => true,
            Err(seen) => self.release_from(seen, |owner| owner == me & OWNER, scope).is_some(),
        }
    }

    /// Releases the lock whichever thread holds it, dead or alive, and returns that one; `None`: nobody.
    ///
    /// `me` is only a guess at the holder, the one that costs least.
    #[inline]
    pub fn release_any(&self, me: u32, scope: Scope) -> Option<u32> {
        match self.0.compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Some(me & OWNER),
            Err(seen) => self.release_from(seen, |owner| owner != 0, scope),
        }
    }

    #[cold]
    fn release_from(&self, mut seen: u32, may_release: impl Fn(u32) -> bool, scope: Scope) -> Option<u32> {
        while may_release(seen & OWNER) {
            match self.0.compare_exchange(seen, 0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    may_die();
                    if seen & WAITERS != 0 {
                        futex::wake(&self.0, 1, scope);
                    }
                    return Some(seen & OWNER);
                }
                Err(now) => seen = now,
            }
        }
        None
    }

    /// For sweeps: marks an owner dead if `is_dead` says so of its number and of whether it holds the lock through a
    /// guard. Wakes a sleeper in any case.
    ///
    /// `record` is called with the dead owner before the mark is set; what it stores beside the lock is seen by the
    /// thread that takes the lock over. May be repeated, and finished by another process. The wake-up is not
    /// conditional: a killed process may have released the lock and woken nobody, or have died between its own wake-up
    /// and its next look.
    pub fn mark_dead(
        &self,
        scope: Scope,
        is_dead: impl Fn(u32, bool) -> bool,
        mut record: impl FnMut(u32),
    ) -> bool {
        let mut marked = false;
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen & OWNER != 0 && seen & DEAD == 0 && is_dead(seen & OWNER, seen & GUARDED != 0) {
            record(seen & OWNER);
            may_die();
            let dead = seen | DEAD;
            match self.0.compare_exchange(seen, dead, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    may_die();
                    marked = true;
                    break;
                }
                Err(now) => seen = now,
            }
        }
        futex::wake(&self.0, 1, scope);
        marked
    }

    /// What the word says now.
    pub fn seen(&self) -> Seen {
        let seen = self.0.load(Ordering::Relaxed);
        Seen {
            owner: seen & OWNER,
            dead: seen & DEAD != 0,
            waited_for: seen & WAITERS != 0,
            guarded: seen & GUARDED != 0,
        }
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
