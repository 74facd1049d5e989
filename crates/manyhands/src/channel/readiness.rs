//! A descriptor that can be read while something can be taken from one of several queues in the arena.
//!
//! For programs that wait for descriptors: `poll`, event loops. A thread of the engine's waits at the queues. When it
//! finds something it rings a bell and sleeps until a taker has looked again and found nothing. So it costs a taker one
//! look, and a producer what any sleeping taker costs. Another process may have taken what was found: then the
//! descriptor stays readable until somebody looks again here.

use super::awaited::{Awaited, Look, wait_for_any};
use super::raw_queue::RawQueue;
use crate::arena::Kind;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::doorbell::{doorbell, drain, ring};
use crate::platform::process::getpid;
use crate::platform::{Deadline, Scope};
use crate::sync::{Blocking, Gate, Outside, PlacedGate, RawLock, Subject, Waiting, serve, wait_for};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// The thread waits at the queues; the bell is silent.
const WATCHING: u32 = 0;
/// The bell has been rung, and the thread sleeps.
const RUNG: u32 = 1;
/// The thread is to end.
const ENDING: u32 = 2;

/// What the thread and its users have in common.
struct Watch {
    queues: Vec<RawQueue>,
    bell: OwnedFd,
    state: AtomicU32,
    /// Held while the bell and the state change together.
    changing: RawLock,
    /// Where the thread hears that the state has changed.
    changed: Gate,
}

/// Queues in the arena whose readiness a descriptor shows: see the module's opening.
///
/// It belongs to the process that made it. In a fork's child its descriptor says nothing.
pub struct Readiness {
    watch: Arc<Watch>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Readiness {
    /// The readiness of these queues, which a thread watches from now on.
    ///
    /// # Errors
    /// When there is no descriptor or no thread to be had.
    ///
    /// # Panics
    /// When there is no queue.
    pub fn of(queues: Vec<RawQueue>) -> io::Result<Readiness> {
        assert!(!queues.is_empty(), "the readiness of no queue never comes");
        let watch = Arc::new(Watch {
            queues,
            bell: doorbell()?,
            state: AtomicU32::new(WATCHING),
            changing: RawLock::private(),
            changed: Gate::new(),
        });
        let watched = Arc::clone(&watch);
        let thread = Builder::new().name("mh-readiness".to_owned()).spawn(move || watched.watch())?;
        Ok(Readiness { watch, thread: Some(thread), process: getpid() })
    }

    /// Whether the calling process is the one that made it.
    pub fn is_here(&self) -> bool {
        self.process == getpid()
    }

    /// Looks again, for one that has taken what was there: when there is nothing more, the descriptor is not readable
    /// until something comes.
    pub fn refresh(&self) {
        let watch = &*self.watch;
        if self.is_here()
            && watch.state.load(Ordering::Acquire) == RUNG
            && !watch.queues.iter().any(Awaited::has_something)
        {
            watch.change(RUNG, WATCHING, || {
                drain(&watch.bell);
            });
        }
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.bell.as_fd()
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if !self.is_here() {
            // A fork's child has no such thread, and nothing is to be done to it there.
            std::mem::forget(thread);
            return;
        }
        self.watch.state.store(ENDING, Ordering::Release);
        self.watch.changed.notify_all(Scope::Private);
        // It waits for nothing but the queues and this.
        let _ = thread.join();
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Readiness").field("queues", &self.watch.queues).finish_non_exhaustive()
    }
}

impl Watch {
    /// Has the state go from one to another, and then the bell follow; does nothing in any other state. A thread that
    /// hears the bell finds the state changed.
    fn change(&self, from: u32, to: u32, follow: impl FnOnce()) {
        // Held for a moment, by threads that no signal handler interrupts there.
        while self.changing.acquire(None, &Blocking).is_err() {}
        if self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            follow();
        }
        let _ = self.changing.release();
        self.changed.notify_all(Scope::Private);
    }

    /// What the thread does.
    fn watch(&self) {
        serve();
        let queues: Vec<&dyn Awaited> =
            self.queues.iter().map(|queue| queue as &dyn Awaited).chain([self as &dyn Awaited]).collect();
        while self.state.load(Ordering::Acquire) != ENDING {
            // Nothing ends these waits before their time; if it does, they begin again.
            let Ok(found) = wait_for_any(&queues, 0, None, &Blocking) else { continue };
            if found < self.queues.len() {
                self.change(WATCHING, RUNG, || ring(&self.bell));
            }
            let _ = self.wait_for_change(None, &Blocking);
        }
    }

    /// Waits until the bell is silent or the thread is to end.
    fn wait_for_change(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Option<()> {
        let has_changed = || (self.state.load(Ordering::Acquire) != RUNG).then_some(());
        wait_for(self.subject(), &Outside, deadline, waiting, |wait| {
            self.changed.wait_until(wait, has_changed, || false).ok()
        })
    }
}

/// The thread's state as one more queue: there is something in it when the thread is to end.
impl Awaited for Watch {
    fn gate(&self) -> PlacedGate<'_> {
        (&self.changed, Scope::Private)
    }

    fn subject(&self) -> Subject {
        Subject::private(Kind::QUEUE, self)
    }

    fn glance(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDING
    }

    fn look(&self) -> Look {
        if self.glance() { Look::Something } else { Look::Nothing }
    }

    fn look_behind_the_dead(&self) -> bool {
        self.glance()
    }

    fn is_alone(&self) -> bool {
        false
    }
}
