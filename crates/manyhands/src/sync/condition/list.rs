//! The waiters of a condition: a record for each, with its owner in it.
//!
//! A waiter enters before it gives up the lock, so the next thread that takes the lock finds its record: no
//! notification falls between. A notifier picks the record that entered first and notifies exactly that waiter, which
//! sleeps on the record's own word. One that comes later cannot take what was meant for it, and one that gave up is
//! passed over. A waiter stays in the list until it has its lock again: when it is killed before that, the sweep passes
//! its notification on. Where the records stand, private memory or the arena, is the caller's business. No published
//! algorithm.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, Scope};
use crate::sync::wait::history::History;
use crate::sync::wait::mortal::may_die;
use crate::sync::wait::park::{Parker, Wait, WaitError};

/// One waiter's place. Zeroed memory is a free one.
///
/// | bits of the word | name | meaning |
/// |---|---|---|
/// | 0..=28 | owner | the waiter's number; 0 = nobody's |
/// | 29..=30 | state | 0 ENTERING or leaving, 1 WAITING, 2 NOTIFIED |
/// | 31 | ASLEEP | it may sleep on this word; with WAITING only |
///
/// | reachable state | goes to |
/// |---|---|
/// | `0` free | `X` entering |
/// | `X` entering | `X WAITING`, once its turn is written |
/// | `X WAITING` | `X WAITING ASLEEP` it will sleep; `X NOTIFIED` by a notifier; `X` it gave up |
/// | `X WAITING ASLEEP` | `X NOTIFIED` by a notifier, which wakes it; `X` it gave up |
/// | `X NOTIFIED`, `X` leaving | `0` it has its lock again; the sweep, when it was killed |
#[repr(C)]
#[derive(Debug, Default)]
pub(in crate::sync) struct Record {
    word: AtomicU32,
    /// When it entered, as a number that goes round; or what else its owner notes before it waits.
    turn: AtomicU32,
}

const OWNER: u32 = (1 << 29) - 1;
const STATE: u32 = 3 << 29;
const ENTERING: u32 = 0;
const WAITING: u32 = 1 << 29;
const NOTIFIED: u32 = 2 << 29;
const ASLEEP: u32 = 1 << 31;

impl Record {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        Record { word: AtomicU32::new(0), turn: AtomicU32::new(0) }
    }

    /// Takes the record for `me` if it is free.
    fn claim(&self, me: u32) -> bool {
        // Acquire: the last user of the record has left it before.
        let free = self.word.load(Ordering::Relaxed) == 0
            && self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if free {
            may_die();
        }
        free
    }

    /// Its owner notes when it entered, or what else, and waits from now on.
    pub(in crate::sync) fn note(&self, turn: u32) {
        self.turn.store(turn, Ordering::Relaxed);
        let owner = self.word.load(Ordering::Relaxed) & OWNER;
        self.word.store(owner | WAITING, Ordering::Release);
        may_die();
    }

    /// Whose record it is, and what that one has noted, if anything yet.
    pub(in crate::sync) fn noted(&self) -> (u32, Option<u32>) {
        let seen = self.word.load(Ordering::Acquire);
        let turn = self.turn.load(Ordering::Relaxed);
        (seen & OWNER, (seen & STATE != ENTERING).then_some(turn))
    }

    /// The record is nobody's any more.
    pub(in crate::sync) fn free(&self) {
        self.word.store(0, Ordering::Release);
        may_die();
    }

    fn is_waiting(&self) -> bool {
        self.word.load(Ordering::Acquire) & STATE == WAITING
    }

    /// Whether its waiter was notified and need wait no more.
    pub(super) fn is_notified(&self) -> bool {
        self.word.load(Ordering::Acquire) & STATE == NOTIFIED
    }

    /// Tells the waiter if it waits still as `seen`, and wakes it if it sleeps.
    fn tell(&self, seen: u32, scope: Scope) -> bool {
        let told = seen & OWNER | NOTIFIED;
        // Release: the waiter sees what was done before.
        if self.word.compare_exchange(seen, told, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return false;
        }
        may_die();
        if seen & ASLEEP != 0 {
            futex::wake(&self.word, 1, scope);
        }
        true
    }
}

/// Where the records stand.
pub(in crate::sync) trait Records {
    /// All there are now, always in the same order.
    fn records(&self) -> impl Iterator<Item = &Record>;

    /// Makes more, when all are in use; false when there cannot be more.
    fn grow(&self) -> bool;
}

/// A record for `me`, on which nothing is noted yet; `None` when there is no room for another one.
pub(in crate::sync) fn claim<R: Records>(records: &R, me: u32) -> Option<&Record> {
    debug_assert!(me != 0 && me & !OWNER == 0);
    loop {
        if let Some(record) = records.records().find(|record| record.claim(me)) {
            return Some(record);
        }
        if !records.grow() {
            return None;
        }
    }
}

/// What a list of waiters has beside its records. Zeroed memory is an empty list's.
#[repr(C)]
#[derive(Debug, Default)]
pub(in crate::sync) struct Head {
    /// The turn of the next who enters.
    turn: AtomicU32,
    history: History,
}

impl Head {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        Head { turn: AtomicU32::new(0), history: History::new() }
    }
}

/// The waiters of one condition, wherever they stand.
#[derive(Clone, Copy)]
pub(super) struct WaitingList<'a, R> {
    pub(in crate::sync) head: &'a Head,
    pub(in crate::sync) records: &'a R,
    pub(in crate::sync) scope: Scope,
}

/// Whether `turn` came before `other`, both going round.
fn is_before(turn: u32, other: u32) -> bool {
    (turn.wrapping_sub(other) as i32) < 0
}

impl<'a, R: Records> WaitingList<'a, R> {
    /// Puts `me` at the end of the list; `None` when there is no room for another waiter.
    pub(in crate::sync) fn enter(&self, me: u32) -> Option<&'a Record> {
        let record = claim(self.records, me)?;
        record.note(self.head.turn.fetch_add(1, Ordering::Relaxed));
        Some(record)
    }

    /// Waits until the record is notified.
    ///
    /// # Errors
    /// Those of the wait. If a notifier has notified this waiter meanwhile, that was then passed on to another; except
    /// that a waiter that was notified at the last moment was not late.
    pub(in crate::sync) fn wait(&self, record: &Record, wait: &Wait<'_>) -> Result<(), WaitError> {
        let mut parker = Parker::new(wait);
        let is_late = wait.is_late();
        let look = || record.is_notified().then_some(());
        if !is_late && parker.yields(&self.head.history, look).is_some() {
            return Ok(());
        }
        let look = |seen| (seen & STATE == NOTIFIED).then_some(());
        match parker.sleep_until_seen(&record.word, ASLEEP, look) {
            Ok(()) => Ok(()),
            Err((error, asleep)) => self.give_up(record, asleep, error),
        }
    }

    fn give_up(&self, record: &Record, asleep: u32, error: WaitError) -> Result<(), WaitError> {
        let entering = asleep & OWNER | ENTERING;
        if record.word.compare_exchange(asleep, entering, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            may_die();
            return Err(error);
        }
        if error == WaitError::TimedOut {
            return Ok(());
        }
        self.notify(1);
        record.word.store(entering, Ordering::Relaxed);
        may_die();
        Err(error)
    }

    /// Takes the caller, who waited and has its lock again, out of the list.
    pub(in crate::sync) fn leave(&self, record: &Record) {
        record.free();
    }

    /// Takes the caller, which will not wait after all, out of the list, and passes on a notification that it got
    /// meanwhile.
    pub(in crate::sync) fn withdraw(&self, record: &Record) {
        let seen = record.word.load(Ordering::Relaxed);
        let gone = seen & STATE == WAITING
            && record.word.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        may_die();
        if !gone {
            if record.is_notified() {
                self.notify(1);
            }
            self.leave(record);
        }
    }

    /// Tells the `count` that have waited longest, or as many as wait now, and says how many that were.
    pub(in crate::sync) fn notify(&self, count: u32) -> u32 {
        if count == u32::MAX {
            return self.notify_all();
        }
        let limit = self.head.turn.load(Ordering::Relaxed);
        let mut told = 0;
        while told < count {
            let mut first: Option<(&Record, u32, u32)> = None;
            for record in self.records.records() {
                let seen = record.word.load(Ordering::Acquire);
                let turn = record.turn.load(Ordering::Relaxed);
                let waits = seen & STATE == WAITING && is_before(turn, limit);
                if waits && first.is_none_or(|(_, _, earliest)| is_before(turn, earliest)) {
                    first = Some((record, seen, turn));
                }
            }
            let Some((record, seen, _)) = first else { break };
            // Otherwise it has just given up, fallen asleep or been notified by another thread: look again.
            told += u32::from(record.tell(seen, self.scope));
        }
        told
    }

    /// Tells all who wait now, and says how many that were.
    pub(in crate::sync) fn notify_all(&self) -> u32 {
        let limit = self.head.turn.load(Ordering::Relaxed);
        let mut told = 0;
        for record in self.records.records() {
            loop {
                let seen = record.word.load(Ordering::Acquire);
                let turn = record.turn.load(Ordering::Relaxed);
                if seen & STATE != WAITING || !is_before(turn, limit) {
                    break;
                }
                if record.tell(seen, self.scope) {
                    told += 1;
                    break;
                }
            }
        }
        told
    }

    /// How many wait and were not notified yet.
    pub(in crate::sync) fn waiters(&self) -> usize {
        self.records.records().filter(|record| record.is_waiting()).count()
    }

    /// For sweeps: takes out the waiters whose owner `is_dead`, passes on their notifications, and has all others look
    /// again. May be repeated, and finished by another process; then a notification may be passed on twice.
    pub(in crate::sync) fn recover(&self, is_dead: impl Fn(u32) -> bool) {
        // First those that wait, so that nothing is passed on to them.
        for record in self.records.records() {
            let seen = record.word.load(Ordering::Acquire);
            if seen & OWNER != 0 && is_dead(seen & OWNER) && seen & STATE != NOTIFIED {
                let _ = record.word.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed);
                may_die();
            }
        }
        // A notification that a dead waiter got, until this moment, goes to another before the record is given up.
        for record in self.records.records() {
            let seen = record.word.load(Ordering::Acquire);
            if seen & OWNER != 0 && is_dead(seen & OWNER) {
                self.notify(1);
                let _ = record.word.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed);
                may_die();
            }
        }
        // A killed notifier may have marked a record and woken nobody.
        for record in self.records.records() {
            if record.word.load(Ordering::Relaxed) != 0 {
                futex::wake(&record.word, 1, self.scope);
            }
        }
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
