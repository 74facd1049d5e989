//! A gate: waiters sleep at it until another thread says that there may be something for them.
//!
//! One *armed* word, which the first notifier swaps away. So notifying costs no system call while nobody sleeps, and
//! one only for many notifications in a row. (A counter of waiters, the usual way, costs one per notification until the
//! sleeper really runs.) The price is that later notifications wake nobody. So a woken sleeper arms the gate *before*
//! it looks again, and passes the baton when it leaves more behind. A gate promises no lost wake-up while its users
//! live; when one was killed, [`Gate::recover`] wakes all to look again. It does not hold what is waited for.

use super::history::History;
use super::mortal::may_die;
use super::park::{Parker, Wait, WaitError};
use crate::platform::atomic::{AtomicU32, Ordering, fence};
use crate::platform::futex::{self, MOST_WORDS, Scope};

/// Nobody sleeps: all sleepers have been woken, or there never was one.
const OPEN: u32 = 0;
/// A thread may sleep, and none has been woken since.
const ARMED: u32 = 1;
/// One sleeper has been woken and will pass the baton; others may sleep.
const NOTIFIED: u32 = 2;

/// A place to wait at. Zeroed memory is a gate; 8 bytes, in private memory or in the arena.
///
/// | armed word | meaning | who leaves it |
/// |---|---|---|
/// | 0 | nobody sleeps | a waiter arms it: 1 |
/// | 1 | a thread may sleep | `notify_one`: 2, and wakes one; `notify_all`: 0, and wakes all |
/// | 2 | one was woken, others may sleep | the woken one arms it: 1; `notify_all`: 0, and wakes all |
#[repr(C)]
#[derive(Debug, Default)]
pub struct Gate {
    armed: AtomicU32,
    history: History,
}

// SAFETY: repr(C), two atomic words, every pattern of which is a gate; no address, no drop glue.
#[cfg(not(manyhands_model))]
unsafe impl crate::arena::Shared for Gate {}

impl Gate {
    /// A gate at which nobody waits.
    #[cfg(not(manyhands_model))]
    pub const fn new() -> Self {
        Gate { armed: AtomicU32::new(OPEN), history: History::new() }
    }

    /// A gate at which nobody waits.
    #[cfg(manyhands_model)]
    pub fn new() -> Self {
        Gate::default()
    }

    /// Waits until `ready` gives something, and gives that.
    ///
    /// `more` says whether `ready` would succeed, or may, for one more waiter after it just did: then
    /// the next sleeper is woken. All waiters of a gate wait for the same condition. Both may be called
    /// often and must be quick; neither may wait.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] and [`WaitError::Interrupted`]; `ready` gave nothing then.
    #[inline]
    pub fn wait_until<R>(
        &self,
        wait: &Wait<'_>,
        mut ready: impl FnMut() -> Option<R>,
        more: impl FnMut() -> bool,
    ) -> Result<R, WaitError> {
        match ready() {
            Some(found) => Ok(found),
            None => self.wait_slowly(wait, None::<fn() -> Option<R>>, ready, more),
        }
    }

    /// As [`Gate::wait_until`], for a condition that failed just now, with another look for the yields before the first
    /// sleep. `early` may be satisfied with less often than `ready`, or leave no trace where `ready` has to.
    ///
    /// # Errors
    ///
    /// As [`Gate::wait_until`].
    #[inline]
    pub fn wait_with<R>(
        &self,
        wait: &Wait<'_>,
        early: impl FnMut() -> Option<R>,
        ready: impl FnMut() -> Option<R>,
        more: impl FnMut() -> bool,
    ) -> Result<R, WaitError> {
        self.wait_slowly(wait, Some(early), ready, more)
    }

    #[cold]
    fn wait_slowly<R>(
        &self,
        wait: &Wait<'_>,
        early: Option<impl FnMut() -> Option<R>>,
        mut ready: impl FnMut() -> Option<R>,
        mut more: impl FnMut() -> bool,
    ) -> Result<R, WaitError> {
        if wait.is_late() {
            return Err(WaitError::TimedOut);
        }
        let mut parker = Parker::new(wait);
        let found = match early {
            Some(early) => parker.yields(&self.history, early),
            None => parker.yields(&self.history, &mut ready),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        loop {
            self.armed.store(ARMED, Ordering::Relaxed);
            may_die();
            fence(Ordering::SeqCst); // arms before it looks; pairs with the fence of the notifiers
            if let Some(found) = ready() {
                // Also without having slept: arming hid a notification from a thread that armed before and was about to
                // sleep.
                if more() {
                    self.notify_one(wait.scope());
                }
                return Ok(found);
            }
            parker.sleep(&self.armed, ARMED)?;
            may_die();
        }
    }

    /// Wakes one sleeper, if any; call it after the store that makes `ready` succeed.
    #[inline]
    pub fn notify_one(&self, scope: Scope) {
        fence(Ordering::SeqCst); // what was published before this is seen by whoever arms after it
        if self.armed.load(Ordering::Relaxed) == ARMED
            && self.armed.swap(NOTIFIED, Ordering::Relaxed) == ARMED
        {
            may_die();
            futex::wake(&self.armed, 1, scope);
        }
    }

    /// Wakes all sleepers; call it after the store that makes `ready` succeed for all.
    #[inline]
    pub fn notify_all(&self, scope: Scope) {
        fence(Ordering::SeqCst);
        if self.armed.load(Ordering::Relaxed) != OPEN && self.armed.swap(OPEN, Ordering::Relaxed) != OPEN {
            may_die();
            futex::wake(&self.armed, u32::MAX, scope);
        }
    }

    /// Wakes all sleepers whatever the gate says. For sweeps: a killed notifier may have cleared the word and woken
    /// nobody, and a killed sleeper may have died with the baton.
    pub fn recover(&self, scope: Scope) {
        self.armed.store(OPEN, Ordering::Relaxed);
        may_die();
        fence(Ordering::SeqCst);
        futex::wake(&self.armed, u32::MAX, scope);
    }

    /// Whether a thread may be asleep here that nobody has woken since.
    #[inline(always)]
    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed) == ARMED
    }
}

/// A gate, and where it lies.
pub(crate) type PlacedGate<'a> = (&'a Gate, Scope);

/// Whether one sleep at so many gates ends when any of them is notified: otherwise they have to be looked at meanwhile.
#[cfg_attr(manyhands_model, allow(dead_code, reason = "queues between processes are not in the model"))]
pub(crate) fn one_sleep_hears(gates: usize) -> bool {
    gates <= MOST_WORDS && futex::waits_beside()
}

/// Waits at several gates at once until `ready` gives something, and gives that. Nothing is taken there: what this
/// thread was woken for is still to be had, so another sleeper at each gate is woken for which `more` says so. `early`
/// is as for [`Gate::wait_with`].
///
/// # Errors
///
/// As [`Gate::wait_until`].
///
/// # Panics
///
/// When there is no gate.
pub(crate) fn wait_at_any<R>(
    gates: &[PlacedGate<'_>],
    wait: &Wait<'_>,
    early: impl FnMut() -> Option<R>,
    mut ready: impl FnMut() -> Option<R>,
    more: impl Fn(usize) -> bool,
) -> Result<R, WaitError> {
    if wait.is_late() {
        return Err(WaitError::TimedOut);
    }
    let mut parker = Parker::new(wait);
    if let Some(found) = parker.yields(&gates[0].0.history, early) {
        return Ok(found);
    }
    let words: Vec<_> = gates.iter().map(|(gate, scope)| (&gate.armed, ARMED, *scope)).collect();
    loop {
        for (gate, _) in gates {
            gate.armed.store(ARMED, Ordering::Relaxed);
            may_die();
        }
        fence(Ordering::SeqCst); // arms before it looks, as in `wait_slowly`
        if let Some(found) = ready() {
            // Arming has hidden notifications, and a wake-up may have come here that was meant for a taker.
            for (number, (gate, scope)) in gates.iter().enumerate() {
                if more(number) {
                    gate.notify_one(*scope);
                }
            }
            return Ok(found);
        }
        parker.sleep_at_any(&words)?;
        may_die();
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
