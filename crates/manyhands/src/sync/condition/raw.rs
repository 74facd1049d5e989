//! Conditions whose place, private memory or the arena, is chosen when they are made, and which guard nothing.
//!
//! For bindings to other languages, and the engine inside `Condition` and `shared::Condition`. A wait has three parts,
//! which a binding with locks of its own can take one by one: enlist, give up the lock and wait, take the lock and
//! leave the list. A killed waiter's notification is passed on to another. In a fork's child a private condition is a
//! copy in which the parent's waiters still stand: notifications to them are lost there.

use std::cell::Cell;
use std::marker::PhantomData;

use super::list::{Head, Record, Records, WaitingList};
use super::records::{ArenaRecords, PrivateRecords};
use crate::arena::KeptBlock;
use crate::arena::{Arena, ArenaError, BODY, Dead, Kind, Object, Shared, ThreadId, this_thread};
use crate::platform::{Deadline, Scope};
use crate::sync::lock::error::ReleaseError;
use crate::sync::lock::holder::Acquired;
use crate::sync::lock::yields::{Hold, Yields};
use crate::sync::reference::raw_reference;
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::site::Site;
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for;
use crate::sync::wait_graph::thread_number;

/// What is known of a condition at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConditionStatistics {
    /// How many threads wait and have not been notified.
    pub waiters: usize,
}

const INLINE_RECORDS: usize = (BODY - 8 - 16) / size_of::<Record>();

/// The whole of a condition's body in the arena.
#[repr(C)]
pub(in crate::sync) struct ConditionBody {
    head: Head,
    records: ArenaRecords<INLINE_RECORDS>,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ConditionBody {}

impl ConditionBody {
    fn list(&self) -> WaitingList<'_, ArenaRecords<INLINE_RECORDS>> {
        WaitingList { head: &self.head, records: &self.records, scope: Scope::Shared }
    }

    /// A sweep's part for one condition.
    pub(in crate::sync) fn sweep(&self, arena: &Arena, dead: &Dead) -> Result<(), ArenaError> {
        self.records.block().settle(arena, dead.process);
        self.list().recover(|owner| ThreadId::from_raw(owner).is_some_and(|thread| dead.owns(thread)));
        Ok(())
    }

    pub(in crate::sync) fn block(&self) -> &KeptBlock {
        self.records.block()
    }
}

/// Where threads wait for a notification that something has changed.
pub struct RawCondition(Place);

enum Place {
    Private { head: Head, records: PrivateRecords },
    Arena { object: Object, body: &'static ConditionBody },
}

/// A waiter's place in the list; the drop gives it up. It stays with its thread.
#[must_use = "the place in the list is given up as soon as this is dropped"]
pub struct Enlisted<'a> {
    condition: &'a RawCondition,
    record: &'a Record,
    /// Whether it has waited and was notified in time.
    heard: Cell<bool>,
    not_send: PhantomData<*const ()>,
}

/// What became of a wait: whether it was ended by a notification, and whether the lock is held again.
#[derive(Debug)]
#[must_use = "the lock may not be held again"]
pub struct Regained {
    /// How the wait ended.
    pub waited: Result<(), WaitError>,
    /// How the lock was taken again; when this is an error it is not held.
    pub lock: Result<Acquired, WaitError>,
}

raw_reference!(RawCondition, "condition", CONDITION, body);

impl RawCondition {
    /// A condition of the threads of this process.
    pub const fn private() -> Self {
        RawCondition(Place::Private { head: Head::new(), records: PrivateRecords::new() })
    }

    /// A condition of all processes of the arena.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn shared() -> Result<Self, ArenaError> {
        Object::create::<ConditionBody>(Kind::CONDITION, |_, _| Ok(())).map(Self::from_object)
    }

    /// Puts the calling thread at the end of the waiters' list, while it still holds the lock.
    ///
    /// # Errors
    /// When the thread can own nothing in the arena, or there is no room for another waiter.
    pub fn enlist(&self) -> Result<Enlisted<'_>, WaitError> {
        let record = match &self.0 {
            Place::Private { head, records } => {
                WaitingList { head, records, scope: Scope::Private }.enter(thread_number())
            }
            Place::Arena { body, .. } => {
                let me = this_thread().map_err(|_| WaitError::NoOwner)?;
                body.list().enter(me.raw())
            }
        };
        let record = record.ok_or(WaitError::TooManyWaiters)?;
        Ok(Enlisted { condition: self, record, heard: Cell::new(false), not_send: PhantomData })
    }

    /// Gives up `lock`, waits to be notified, and takes the lock again.
    ///
    /// # Errors
    /// When the lock is not held. Then, and when the thread could not be enlisted, nothing has changed.
    pub fn wait(
        &self,
        lock: &dyn Yields,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Regained, ReleaseError> {
        self.wait_as(lock, Err, deadline, waiting, Site::Unknown)
    }

    /// As [`RawCondition::wait`], and says where the lock is taken again; `refused` says how, if it could not be given
    /// up.
    pub(super) fn wait_as(
        &self,
        lock: &dyn Yields,
        refused: impl FnOnce(ReleaseError) -> Result<Hold, ReleaseError>,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        site: Site,
    ) -> Result<Regained, ReleaseError> {
        let enlisted = match self.enlist() {
            Ok(enlisted) => enlisted,
            Err(error) => return Ok(Regained { waited: Err(error), lock: Ok(Acquired::default()) }),
        };
        let hold = lock.give_up().or_else(refused)?;
        let waited = enlisted.wait(deadline, waiting);
        let lock = lock.regain(hold, waiting, site);
        // Only now: if a waiter is killed before it has its lock, its notification goes to another.
        drop(enlisted);
        Ok(Regained { waited, lock })
    }

    /// Wakes the `count` threads that have waited longest, or as many as wait now, and says how many that were.
    pub fn notify(&self, count: u32) -> u32 {
        match &self.0 {
            Place::Private { head, records } => {
                WaitingList { head, records, scope: Scope::Private }.notify(count)
            }
            Place::Arena { body, .. } => body.list().notify(count),
        }
    }

    /// Wakes all threads that wait now, and says how many that were.
    pub fn notify_all(&self) -> u32 {
        self.notify(u32::MAX)
    }

    /// How many wait.
    pub fn statistics(&self) -> ConditionStatistics {
        let waiters = match &self.0 {
            Place::Private { head, records } => {
                WaitingList { head, records, scope: Scope::Private }.waiters()
            }
            Place::Arena { body, .. } => body.list().waiters(),
        };
        ConditionStatistics { waiters }
    }
}

impl Enlisted<'_> {
    /// Waits until this thread is notified; it may have been already.
    ///
    /// # Errors
    /// When the deadline passes first, or a signal handler ends the wait; a notification that came at the same moment
    /// has then been passed on.
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        let is_there = || self.record.is_notified();
        let result = match &self.condition.0 {
            Place::Private { head, records } => {
                let list = WaitingList { head, records, scope: Scope::Private };
                let subject = Subject::private(Kind::CONDITION, self.condition);
                wait_for(subject, &is_there, deadline, waiting, |wait| list.wait(self.record, wait))
            }
            Place::Arena { object, body } => {
                let subject = Subject::shared(Kind::CONDITION, object.handle());
                wait_for(subject, &is_there, deadline, waiting, |wait| body.list().wait(self.record, wait))
            }
        };
        self.heard.set(result.is_ok());
        result
    }

    fn end(&self, list: WaitingList<'_, impl Records>) {
        if self.heard.get() { list.leave(self.record) } else { list.withdraw(self.record) }
    }
}

impl Drop for Enlisted<'_> {
    fn drop(&mut self) {
        match &self.condition.0 {
            Place::Private { head, records } => {
                self.end(WaitingList { head, records, scope: Scope::Private });
            }
            Place::Arena { body, .. } => self.end(body.list()),
        }
    }
}
