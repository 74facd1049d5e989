//! Events whose place, private memory or the arena, is chosen when they are made.
//!
//! For bindings to other languages, and the engine inside `Event` and `shared::Event`. An event has no owner and holds
//! nothing, so a death costs it nothing but perhaps a wake-up, which the sweep makes up for.

use super::word::EventWord;
use crate::arena::{Arena, ArenaError, Kind, Object, Shared};
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::{Deadline, Scope};
use crate::sync::reference::raw_reference;
use crate::sync::wait::park::{Wait, WaitError, Waiting};
use crate::sync::wait::site::Site;
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::{wait_for, wait_for_at};
use crate::sync::wait_graph::EndOf;

// SAFETY: repr(C), atomics only.
unsafe impl Shared for EventWord {}

/// What is known of an event at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventStatistics {
    /// Whether it is set.
    pub set: bool,
    /// How many threads wait for it.
    pub waiters: usize,
}

/// Something that happens: waiters go on when it is set, and nobody waits while it is.
pub struct RawEvent(Place);

enum Place {
    Private { word: EventWord, waiters: AtomicU32 },
    Arena { object: Object, word: &'static EventWord },
}

raw_reference!(RawEvent, "event", EVENT, word);

impl RawEvent {
    /// An event of the threads of this process, not set.
    pub const fn private() -> Self {
        RawEvent(Place::Private { word: EventWord::new(), waiters: AtomicU32::new(0) })
    }

    /// An event of all processes of the arena, not set.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn shared() -> Result<Self, ArenaError> {
        Object::create::<EventWord>(Kind::EVENT, |_, _| Ok(())).map(Self::from_object)
    }

    fn word(&self) -> (&EventWord, Scope) {
        match &self.0 {
            Place::Private { word, .. } => (word, Scope::Private),
            Place::Arena { word, .. } => (word, Scope::Shared),
        }
    }

    /// Whether the event is set.
    pub fn is_set(&self) -> bool {
        self.word().0.is_set()
    }

    /// Sets the event: waiters go on, even if it is cleared at once.
    pub fn set(&self) {
        let (word, scope) = self.word();
        word.set(scope);
    }

    /// Clears the event: threads that come now wait for the next time.
    pub fn clear(&self) {
        self.word().0.clear();
    }

    /// Waits until the event is set.
    ///
    /// # Errors
    /// When the deadline passes first, or a signal handler ends the wait.
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        // Before others can see that this thread waits.
        let mark = self.word().0.mark();
        if self.is_set() {
            return Ok(());
        }
        let (word, _) = self.word();
        let wait = |wait: &Wait<'_>| word.wait(mark, wait);
        let is_there = || word.is_set_since(mark);
        match &self.0 {
            Place::Private { word, waiters } => {
                waiters.fetch_add(1, Ordering::Release);
                let subject = Subject::private(Kind::EVENT, word);
                let result = wait_for(subject, &is_there, deadline, waiting, wait);
                waiters.fetch_sub(1, Ordering::Relaxed);
                result
            }
            Place::Arena { object, .. } => {
                wait_for(Subject::shared(Kind::EVENT, object.handle()), &is_there, deadline, waiting, wait)
            }
        }
    }

    /// Waits until the event of this process is set, as the thread with the number `joined` does when it ends, and says
    /// so in the wait graph. Numbers are what [`this_thread_number`](crate::sync::this_thread_number) gives.
    ///
    /// # Errors
    /// When the deadline passes first, a signal handler ends the wait, or that thread waits, perhaps by way of others,
    /// for this one.
    pub fn wait_for_end_of(
        &self,
        joined: u32,
        deadline: Option<Deadline>,
        site: Site,
        waiting: &dyn Waiting,
    ) -> Result<(), WaitError> {
        let (word, _) = self.word();
        let mark = word.mark();
        if word.is_set() {
            return Ok(());
        }
        let subject = Subject::numbered(Kind::THREAD_END, joined);
        wait_for_at(subject, &EndOf(joined), deadline, waiting, || site, |wait| word.wait(mark, wait))
    }

    /// Whether the event is set, and how many wait for it.
    pub fn statistics(&self) -> EventStatistics {
        let waiters = match &self.0 {
            Place::Private { waiters, .. } => waiters.load(Ordering::Acquire) as usize,
            Place::Arena { object, .. } => Arena::current()
                .expect("the event stands in it")
                .threads_waiting_for(Subject::shared(Kind::EVENT, object.handle()).to_word()),
        };
        EventStatistics { set: self.is_set(), waiters }
    }
}
