//! Barriers whose place, private memory or the arena, is chosen when they are made.
//!
//! For bindings to other languages, and the engine inside `Barrier` and `shared::Barrier`. In the arena each waiter has
//! a record with its number and its round. When a process ends, killed or not, while it waits there, or runs the
//! barrier's action, its round is broken. Those that wait, or come before a reset, get an error that says whose end
//! broke it. In a fork's child a private barrier is a copy in which those of the parent that had arrived still count.

use super::word::{BarrierWord, Failure, MOST_PARTIES};
use crate::arena::KeptBlock;
use crate::arena::{Arena, ArenaError, BODY, Dead, Kind, Object, Shared, ThreadId, this_thread};
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::{Deadline, Scope};
use crate::sync::condition::list::{Record, Records, claim};
use crate::sync::condition::records::ArenaRecords;
use crate::sync::lock::holder::{DeadOwner, DeadRecord};
use crate::sync::reference::raw_reference;
use crate::sync::wait::park::{Wait, WaitError, Waiting};
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for;

/// What is known of a barrier at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BarrierStatistics {
    /// How many must arrive.
    pub parties: u32,
    /// How many have arrived and wait for the others; 0 when the barrier is broken.
    pub waiters: u32,
    /// Whether it is broken.
    pub broken: bool,
}

/// Why a wait at a barrier came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// Another waiter's time was over, its action failed, or the barrier was broken or reset.
    #[error(
        "the barrier is broken: a party did not come in time, failed, or gave up; reset it to use it again"
    )]
    Broken,
    /// A process ended while it waited at the barrier, so that its party will never be complete.
    #[error("the barrier is broken: {0} ended while it waited there; reset it to use it again")]
    PartyDied(Box<DeadOwner>),
    /// This wait's own time was over, which broke the barrier, or it ended otherwise.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

const INLINE_RECORDS: usize = (BODY - 24 - size_of::<DeadRecord>() - 16) / size_of::<Record>();

/// The whole of a barrier's body in the arena.
#[repr(C)]
pub(in crate::sync) struct BarrierBody {
    word: BarrierWord,
    parties: AtomicU32,
    /// The waiter whose end broke this round; 0 = none.
    broken_by: AtomicU32,
    dead: DeadRecord,
    records: ArenaRecords<INLINE_RECORDS>,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for BarrierWord {}
// SAFETY: repr(C), atomics only.
unsafe impl Shared for BarrierBody {}

impl BarrierBody {
    /// A sweep's part for one barrier.
    pub(in crate::sync) fn sweep(&self, arena: &Arena, dead: &Dead) -> Result<(), ArenaError> {
        self.records.block().settle(arena, dead.process);
        for record in self.records.records() {
            let (owner, noted) = record.noted();
            if !ThreadId::from_raw(owner).is_some_and(|thread| dead.owns(thread)) {
                continue;
            }
            // A thread that had noted a round was about to arrive in it, had arrived, or runs its action.
            if let Some(round) = noted
                && round == self.word.round()
            {
                self.dead.write(arena, owner, dead);
                self.broken_by.store(owner, Ordering::Release);
                self.word.abort_round(round, Scope::Shared);
            }
            record.free();
        }
        self.word.recover(Scope::Shared);
        Ok(())
    }

    pub(in crate::sync) fn block(&self) -> &KeptBlock {
        self.records.block()
    }

    fn wait(&self, wait: &Wait<'_>, me: ThreadId, action: impl FnOnce() -> bool) -> Result<u32, Failure> {
        let record = claim(&self.records, me.raw()).ok_or(Failure::Wait(WaitError::TooManyWaiters))?;
        let frees = Frees(record);
        let parties = self.parties.load(Ordering::Relaxed);
        let result = self.word.wait(parties, wait, |round| record.note(round), action);
        drop(frees);
        result
    }
}

/// Gives a waiter's record up, also when the action unwinds.
struct Frees<'a>(&'a Record);

impl Drop for Frees<'_> {
    fn drop(&mut self) {
        self.0.free();
    }
}

/// A place that no thread leaves before all parties have arrived.
pub struct RawBarrier(Place);

enum Place {
    Private { word: BarrierWord, parties: AtomicU32 },
    Arena { object: Object, body: &'static BarrierBody },
}

const fn check(parties: u32) {
    assert!(parties > 0, "a barrier for no parties at all would hold nobody back: give it one or more");
    assert!(parties <= MOST_PARTIES, "a barrier has 65535 parties at most");
}

raw_reference!(RawBarrier, "barrier", BARRIER, body);

impl RawBarrier {
    /// The most parties a barrier can have: 65,535.
    pub const MOST_PARTIES: u32 = MOST_PARTIES;

    /// A barrier for so many threads of this process.
    ///
    /// # Panics
    /// When `parties` is 0 or more than [`RawBarrier::MOST_PARTIES`].
    pub const fn private(parties: u32) -> Self {
        check(parties);
        RawBarrier(Place::Private { word: BarrierWord::new(), parties: AtomicU32::new(parties) })
    }

    /// A barrier for so many threads of all processes of the arena.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    ///
    /// # Panics
    /// As [`RawBarrier::private`].
    pub fn shared(parties: u32) -> Result<Self, ArenaError> {
        check(parties);
        let init = |_: &'static Arena, body: &'static BarrierBody| {
            body.parties.store(parties, Ordering::Relaxed);
            Ok(())
        };
        Object::create::<BarrierBody>(Kind::BARRIER, init).map(Self::from_object)
    }

    fn word(&self) -> (&BarrierWord, Scope) {
        match &self.0 {
            Place::Private { word, .. } => (word, Scope::Private),
            Place::Arena { body, .. } => (&body.word, Scope::Shared),
        }
    }

    /// Waits until all parties have arrived; gives how many had arrived before, which differs for each of them.
    ///
    /// The last to arrive runs `action` before any other goes on. When that returns false, or unwinds, the barrier is
    /// broken.
    ///
    /// # Errors
    /// When the barrier is broken or reset, by a thread or by the end of a waiting process. When the deadline passes
    /// first, which breaks the barrier. When a signal handler ends the wait, after which this thread has not arrived.
    /// When the thread can own nothing in the arena.
    pub fn wait(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        action: impl FnOnce() -> bool,
    ) -> Result<u32, BarrierError> {
        let result = match &self.0 {
            Place::Private { word, parties } => {
                let round = word.round();
                let parties = parties.load(Ordering::Relaxed);
                let subject = Subject::private(Kind::BARRIER, word);
                let wait = |wait: &Wait<'_>| word.wait(parties, wait, |_| (), action);
                wait_for(subject, &|| word.is_over(round), deadline, waiting, wait)
            }
            Place::Arena { object, body } => {
                let me = this_thread().map_err(|_| WaitError::NoOwner)?;
                let round = body.word.round();
                let subject = Subject::shared(Kind::BARRIER, object.handle());
                let wait = |wait: &Wait<'_>| body.wait(wait, me, action);
                wait_for(subject, &|| body.word.is_over(round), deadline, waiting, wait)
            }
        };
        result.map_err(|failure| match failure {
            Failure::Broken => self.why_broken(),
            Failure::Wait(error) => BarrierError::Wait(error),
        })
    }

    fn why_broken(&self) -> BarrierError {
        if let Place::Arena { body, .. } = &self.0 {
            let owner = body.broken_by.load(Ordering::Acquire);
            if owner != 0 {
                return BarrierError::PartyDied(Box::new(body.dead.read(owner)));
            }
        }
        BarrierError::Broken
    }

    /// Changes how many must arrive, for the threads that arrive from now on. Those that wait go on when one of these
    /// completes the new number.
    ///
    /// # Panics
    /// As [`RawBarrier::private`].
    pub fn set_parties(&self, number: u32) {
        check(number);
        let parties = match &self.0 {
            Place::Private { parties, .. } => parties,
            Place::Arena { body, .. } => &body.parties,
        };
        parties.store(number, Ordering::Relaxed);
    }

    /// Breaks the barrier: threads that wait or come fail, until it is reset.
    pub fn abort(&self) {
        let (word, scope) = self.word();
        word.abort(scope);
    }

    /// Makes the barrier as it was when it was new; waiters fail.
    pub fn reset(&self) {
        if let Place::Arena { body, .. } = &self.0 {
            body.broken_by.store(0, Ordering::Relaxed);
        }
        let (word, scope) = self.word();
        word.reset(scope);
    }

    /// How many must arrive.
    pub fn parties(&self) -> u32 {
        match &self.0 {
            Place::Private { parties, .. } => parties.load(Ordering::Relaxed),
            Place::Arena { body, .. } => body.parties.load(Ordering::Relaxed),
        }
    }

    /// How many must arrive, how many have, and whether the barrier is broken.
    pub fn statistics(&self) -> BarrierStatistics {
        let (arrived, broken) = self.word().0.seen();
        BarrierStatistics { parties: self.parties(), waiters: if broken { 0 } else { arrived }, broken }
    }
}
