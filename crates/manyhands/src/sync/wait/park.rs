//! The one place where threads sleep: a bounded, adaptive number of yields, then a futex.
//!
//! A primitive is a state word plus this module. It looks at its word, lets [`Parker::yields`] look a few times more,
//! and then calls [`Parker::sleep`] until its word says what it wants to see. No sleep outlives its deadline. An
//! interrupted sleep runs the caller's signal handlers. A sleep on an arena word ends now and then so that the dead are
//! swept even when the reaper is dead too. This module does not know what is waited for, and never decides that a
//! process is dead. A wait keeps its whole record on its own stack, so a signal handler may wait in the midst of one.

use std::ops::ControlFlow;
use std::time::Duration;

use super::history::History;
use super::mortal::may_die;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::clock::Deadline;
use crate::platform::futex::{self, Beside, Scope, Wake};
use crate::platform::thread::yield_now;

/// What a caller wants to know while it waits.
///
/// Python releases the interpreter lock in [`before_block`](Waiting::before_block), takes it again
/// in [`after_block`](Waiting::after_block), and runs its signal handlers in
/// [`on_interrupt`](Waiting::on_interrupt). Rust callers pass [`Blocking`].
pub trait Waiting {
    /// Called once, before the first yield or sleep of a wait that does not succeed at once.
    fn before_block(&self) {}

    /// Called when a signal interrupted a sleep; `Break` ends the wait with
    /// [`WaitError::Interrupted`]. It may itself wait, on anything.
    fn on_interrupt(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called before the first sleep of a wait and at every tick: a signal that came between sleeps has interrupted
    /// none. `Break` ends the wait as in [`on_interrupt`](Waiting::on_interrupt).
    fn before_sleep(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called once, when a wait that called [`before_block`](Waiting::before_block) ends.
    fn after_block(&self) {}

    /// How many times as often as others the wait yields before it sleeps. More than once is for one side of a
    /// conversation, whose answer mostly comes sooner than a sleeper wakes.
    fn eagerness(&self) -> u32 {
        1
    }

    /// Another word of the arena, and what it must say for the wait to go on. When it says something else, a wait at
    /// an object of the arena ends as in [`on_interrupt`](Waiting::on_interrupt).
    fn beside(&self) -> Option<(&'static AtomicU32, u32)> {
        None
    }

    /// Where in the program the wait is, for reports of waits for what any thread may bring; asked before the wait
    /// begins, unless it has a deadline.
    #[cfg(not(manyhands_model))]
    fn site(&self) -> super::site::Site {
        super::site::Site::Unknown
    }
}

/// The plain way to wait: signals do not end it, and no hook is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocking;

impl Waiting for Blocking {}

/// How often a sleep on an arena word ends by itself, so that the dead are swept.
pub(crate) trait Ticking {
    /// Called before each sleep: the longest time to sleep, and whether this sleeper sweeps then. `is_long` when one
    /// sleep of this wait lasted to the end of its period already.
    fn before_sleep(&self, is_long: bool) -> Turn;

    /// Called after each sleep, with what [`before_sleep`](Ticking::before_sleep) gave.
    fn after_sleep(&self, turn: Turn, timed_out: bool);
}

/// One sleep's part in the ticking of its process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// The longest time to sleep at a stretch.
    pub(crate) period: Duration,
    /// Whether this sleeper is the one that sweeps when the period is over.
    pub(crate) elected: bool,
    /// Another word that ends the sleep when it is woken, and what it says now.
    pub(crate) beside: Beside<'static>,
}

/// What writes a wait down where others read it, and looks whether it is part of a deadlock. It is a later module's;
/// the [`Parker`] says when.
pub(in crate::sync) trait Watching {
    /// The thread is about to sleep, and will look once more for what it waits for.
    fn write(&self);

    /// The thread does not wait now: it runs a hook of its caller's, or its wait is over.
    fn erase(&self);

    /// Looks whether the wait, which is written down, can ever end.
    ///
    /// # Errors
    /// [`WaitError::Deadlock`] when it cannot, and this thread is to give way.
    fn look(&self) -> Result<(), WaitError>;

    /// How long the next sleep may last until it looks again.
    fn period(&self) -> Duration;
}

/// How to wait: where the word lies, until when, and which hooks to call. Only `wait_for` makes one.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    scope: Scope,
    deadline: Option<Deadline>,
    waiting: &'a dyn Waiting,
    ticking: Option<&'a dyn Ticking>,
    watching: Option<&'a dyn Watching>,
}

impl<'a> Wait<'a> {
    /// A wait on a word in this process's private memory that is written down nowhere; without a deadline, for as long
    /// as it takes.
    #[inline]
    pub(in crate::sync) fn private(deadline: Option<Deadline>, waiting: &'a dyn Waiting) -> Self {
        Wait { scope: Scope::Private, deadline, waiting, ticking: None, watching: None }
    }

    /// The same on a word in the arena.
    #[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
    pub(in crate::sync) fn shared(
        deadline: Option<Deadline>,
        waiting: &'a dyn Waiting,
        ticking: &'a dyn Ticking,
    ) -> Self {
        Wait { scope: Scope::Shared, ticking: Some(ticking), ..Wait::private(deadline, waiting) }
    }

    /// The same wait, written down.
    #[cfg_attr(manyhands_model, allow(dead_code, reason = "in the model no wait is written down"))]
    pub(in crate::sync) fn watched_by(self, watching: &'a dyn Watching) -> Self {
        Wait { watching: Some(watching), ..self }
    }

    /// Where the word lies.
    #[inline]
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Until when to wait at most.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Whether the time for the wait is over.
    #[inline]
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(Deadline::is_past)
    }

    /// A piece of the same wait, which ends at `deadline`.
    #[cfg_attr(
        manyhands_model,
        allow(dead_code, reason = "the engines between processes are not in the model")
    )]
    pub(crate) fn until(&self, deadline: Option<Deadline>) -> Self {
        Wait { deadline, ..*self }
    }

    /// What divides the wait into sleeps, if anything does.
    #[cfg_attr(manyhands_model, allow(dead_code, reason = "queues between processes are not in the model"))]
    pub(crate) fn ticking(&self) -> Option<&'a dyn Ticking> {
        self.ticking
    }

    /// The same wait, divided into sleeps by `ticking`.
    #[cfg_attr(manyhands_model, allow(dead_code, reason = "queues between processes are not in the model"))]
    pub(crate) fn ticked_by<'b>(&self, ticking: &'b dyn Ticking) -> Wait<'b>
    where
        'a: 'b,
    {
        Wait { ticking: Some(ticking), ..*self }
    }
}

/// Why a wait ended without what was waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline passed first.
    #[error("the time allowed for the wait was over before it got what it waited for")]
    TimedOut,
    /// A signal's handler asked for the wait to end.
    #[error("a signal handler ended the wait")]
    Interrupted,
    /// This thread could not be given a record in the arena, so it cannot own anything there.
    #[error(
        "this thread has no record in the arena and cannot own anything there: too many threads or \
         processes use it at once; let some of them end first"
    )]
    NoOwner,
    /// A re-entrant lock cannot be taken yet another time by its holder.
    #[error(
        "this re-entrant lock is held 4294967295 times over by this thread: it is taken in a loop without release"
    )]
    TooDeep,
    /// The object has no room for another waiter.
    #[error("no room is left to note another waiter of this object: too many threads wait for it at once")]
    TooManyWaiters,
    /// The wait would never have ended: what each of these threads waits for the next one has.
    #[cfg(not(manyhands_model))]
    #[error(
        "{0}; nothing was taken: release what this thread holds and try again, or take locks in one order"
    )]
    Deadlock(Box<super::deadlock::Deadlock>),
}

/// One wait in progress: calls the hooks in pairs, counts nothing else.
pub struct Parker<'a> {
    wait: &'a Wait<'a>,
    blocked: bool,
    asked: bool,
    /// Whether a sleep lasted to the end of its period.
    is_long: bool,
}

impl<'a> Parker<'a> {
    /// Begins a wait that did not succeed at once.
    pub fn new(wait: &'a Wait<'a>) -> Self {
        Parker { wait, blocked: false, asked: false, is_long: false }
    }

    fn block(&mut self) {
        if !self.blocked {
            self.blocked = true;
            self.wait.waiting.before_block();
        }
    }

    /// Looks again after each of a few yields, as many as lately were worth while.
    pub fn yields<R>(&mut self, history: &History, mut look: impl FnMut() -> Option<R>) -> Option<R> {
        let budget = history.budget() * self.wait.waiting.eagerness();
        if budget == 0 {
            return None;
        }
        self.block();
        for _ in 0..budget {
            yield_now();
            if let Some(found) = look() {
                history.record(true);
                return Some(found);
            }
        }
        history.record(false);
        None
    }

    /// Sleeps while `word` holds `expected`; `Ok` means "look again", for whatever reason.
    ///
    /// The first call writes the wait down. On a word in the arena it does not sleep then, since a sweep that came
    /// before it knew of no sleeper and woke none: the caller looks again.
    ///
    /// A sleeper that leaves with an error has not used up another's wake-up: the kernel reports a wake-up in
    /// preference to a time-out or a signal.
    pub fn sleep(&mut self, word: &AtomicU32, expected: u32) -> Result<(), WaitError> {
        let scope = self.wait.scope;
        self.sleep_by(|beside, until| match beside {
            [None, None] => futex::wait(word, expected, until, scope),
            // Where the kernel refuses that, this time was meant for a sleep that hears more: look, and sleep as others
            // do.
            beside => futex::wait_beside(word, expected, beside, until).unwrap_or(Wake::Changed),
        })
    }

    /// As [`Parker::sleep`], on several words at once. Where the kernel refuses that it sleeps on the first alone, so
    /// the ticks of the wait have to be short then.
    pub(in crate::sync) fn sleep_at_any(
        &mut self,
        words: &[(&AtomicU32, u32, Scope)],
    ) -> Result<(), WaitError> {
        let (word, expected, scope) = words[0];
        self.sleep_by(|beside, until| {
            if futex::waits_beside() {
                futex::wait_any(words, beside, until).unwrap_or(Wake::Changed)
            } else {
                futex::wait(word, expected, until, scope)
            }
        })
    }

    /// Sleeps until `look` gives something of what `word` says, and gives that. Before each sleep `mark` is set in the
    /// word, so that a thread that changes the word knows that it has to wake sleepers.
    ///
    /// # Errors
    /// Those of the wait, and the word with the mark, as it was before the sleep that they ended.
    pub(in crate::sync) fn sleep_until_seen<R>(
        &mut self,
        word: &AtomicU32,
        mark: u32,
        mut look: impl FnMut(u32) -> Option<R>,
    ) -> Result<R, (WaitError, u32)> {
        loop {
            // Before it looks; Acquire: what was done before the change that this sees is seen as well.
            let seen = word.load(Ordering::Acquire);
            if let Some(found) = look(seen) {
                return Ok(found);
            }
            let asleep = seen | mark;
            if seen != asleep {
                let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
                if word.compare_exchange(seen, asleep, success, failure).is_err() {
                    continue;
                }
            }
            may_die();
            self.sleep(word, asleep).map_err(|error| (error, asleep))?;
            may_die();
        }
    }

    /// As [`Parker::sleep`], in another way of the system's to sleep: `nap` sleeps until the deadline at most.
    #[cfg(not(manyhands_model))]
    pub(crate) fn sleep_until(
        &mut self,
        nap: impl FnOnce(Option<Deadline>) -> Wake,
    ) -> Result<(), WaitError> {
        self.sleep_by(|_, until| nap(until))
    }

    fn sleep_by(
        &mut self,
        nap: impl FnOnce([Beside<'static>; 2], Option<Deadline>) -> Wake,
    ) -> Result<(), WaitError> {
        let Wait { scope, deadline, waiting, ticking, watching } = *self.wait;
        if self.wait.is_late() {
            return Err(WaitError::TimedOut);
        }
        self.block();
        if !self.asked {
            self.asked = true;
            self.call(|waiting| waiting.before_sleep())?;
            if watching.is_some() && scope == Scope::Shared {
                return Ok(());
            }
        }
        let tied_to = waiting.beside().filter(|_| scope == Scope::Shared);
        if tied_to.is_some_and(|(word, going_on)| word.load(Ordering::Acquire) != going_on) {
            return Err(WaitError::Interrupted);
        }
        let tied_to = tied_to.filter(|_| futex::waits_beside());
        let turn = ticking.map(|ticking| (ticking, ticking.before_sleep(self.is_long)));
        let period = match (turn, watching) {
            (Some((_, turn)), _) => turn.period,
            (None, Some(watching)) => watching.period(),
            (None, None) => Duration::MAX,
        };
        let until = match Deadline::after(period) {
            Some(tick) => Some(tick.earlier(deadline)),
            None => deadline,
        };
        let wake = nap([turn.and_then(|(_, turn)| turn.beside), tied_to], until);
        self.is_long |= wake == Wake::TimedOut;
        if let Some((ticking, turn)) = turn {
            ticking.after_sleep(turn, wake == Wake::TimedOut);
        }
        match wake {
            Wake::Woken | Wake::Changed => Ok(()),
            Wake::TimedOut if self.wait.is_late() => Err(WaitError::TimedOut),
            Wake::TimedOut => self.call(|waiting| waiting.before_sleep()),
            Wake::Interrupted => self.call(|waiting| waiting.on_interrupt()),
        }
    }

    /// Calls a hook, in which this thread may wait for something else, and then looks whether this wait can still end.
    fn call(&self, hook: fn(&dyn Waiting) -> ControlFlow<()>) -> Result<(), WaitError> {
        let Wait { waiting, watching, .. } = *self.wait;
        if let Some(watching) = watching {
            watching.erase();
        }
        if hook(waiting).is_break() {
            return Err(WaitError::Interrupted);
        }
        match watching {
            Some(watching) => {
                watching.write();
                watching.look()
            }
            None => Ok(()),
        }
    }
}

impl Drop for Parker<'_> {
    fn drop(&mut self) {
        if let Some(watching) = self.wait.watching {
            watching.erase();
        }
        if self.blocked {
            self.wait.waiting.after_block();
        }
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;

    #[test]
    fn a_past_deadline_ends_a_sleep_at_once_and_the_hooks_stay_paired() {
        let word = AtomicU32::new(7);
        let wait = Wait::private(Deadline::after(Duration::ZERO), &Blocking);
        assert_eq!(Parker::new(&wait).sleep(&word, 7), Err(WaitError::TimedOut));
    }
}
