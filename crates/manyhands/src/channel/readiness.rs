//! A descriptor that can be read while something can be taken from one of several queues in the arena.
//!
//! For programs that wait for descriptors: `poll`, event loops. A thread of the engine's waits at the queues. When it
//! finds something it rings a bell and sleeps until a taker has looked again and found nothing. So it costs a taker one
//! look, and a producer what any sleeping taker costs. Another process may have taken what was found. Then somebody has
//! to look again here, or the thread does, ever less often.

use super::alarm::Alarm;
use super::awaited::{Awaited, Look, wait_for_any};
use super::raw_queue::RawQueue;
use crate::arena::Kind;
use crate::platform::doorbell::{doorbell, drain, ring};
use crate::platform::lasting::Lasting;
use crate::platform::process::getpid;
use crate::platform::{Deadline, Scope, signal};
use crate::sync::{Blocking, Gate, Lock, Outside, PlacedGate, Subject, serve, wait_for};
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// When the thread first looks whether what it has rung for is still there, and when it does at the latest.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What the thread and its users have in common.
struct Watch {
    queues: Vec<RawQueue>,
    alarm: Alarm,
    /// The program may close it, and have its number for something else.
    bell: Lock<Option<Lasting>>,
    /// Where the thread hears that the alarm has changed.
    changed: Gate,
}

/// Queues in the arena whose readiness a descriptor shows: see the module's opening.
///
/// It belongs to the process that made it. In a fork's child its descriptor says nothing.
pub struct Readiness {
    watch: Arc<Watch>,
    thread: Option<JoinHandle<()>>,
    number: RawFd,
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
        let bell = Lasting::new(doorbell()?)?;
        let number = bell.number();
        let (bell, changed) = (Lock::new(Some(bell)), Gate::new());
        let watch = Arc::new(Watch { queues, alarm: Alarm::default(), bell, changed });
        let watched = Arc::clone(&watch);
        // The thread is none of the program's: a signal that the others block is not to come to it.
        let blocked = signal::block_all();
        let thread = Builder::new().name("mh-readiness".to_owned()).spawn(move || watched.watch());
        signal::set_blocked(blocked);
        Ok(Readiness { watch, thread: Some(thread?), number, process: getpid() })
    }

    /// The number of the descriptor.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Whether the calling process is the one that made it, and has not closed its descriptor.
    pub fn is_here(&self) -> bool {
        self.is_this_process() && self.watch.with_bell(|bell| bell.get().is_some())
    }

    fn is_this_process(&self) -> bool {
        self.process == getpid()
    }

    /// Looks again, for one that has taken what was there, or has found nothing: then the descriptor is not readable
    /// until something comes.
    pub fn refresh(&self) {
        if self.is_this_process() && self.watch.alarm.may_be_raised() {
            self.watch.silence_if_empty();
        }
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if !self.is_this_process() {
            // A fork's child has no such thread, whose share of this is never dropped there. The descriptor goes; what
            // the child refers to by it, the queues, stays until the child ends.
            std::mem::forget(thread);
            drop(self.watch.bell.try_lock().and_then(|mut bell| bell.take()));
            return;
        }
        self.watch.alarm.end();
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
    fn has_something(&self) -> bool {
        self.queues.iter().any(Awaited::has_something)
    }

    /// Does something with the bell, which nobody else changes meanwhile.
    fn with_bell<R: Default>(&self, act: impl FnOnce(&Lasting) -> R) -> R {
        loop {
            // Held for a moment, by threads that no signal handler interrupts there.
            let Ok(bell) = self.bell.lock() else { continue };
            return bell.as_ref().map_or_else(R::default, act);
        }
    }

    fn silence_if_empty(&self) {
        if self.has_something() {
            return;
        }
        self.with_bell(|bell| {
            self.alarm.silence(|| {
                bell.get().map(drain);
            });
        });
        self.changed.notify_all(Scope::Private);
    }

    /// What the thread does.
    fn watch(&self) {
        serve();
        let queues: Vec<&dyn Awaited> =
            self.queues.iter().map(|queue| queue as &dyn Awaited).chain([self as &dyn Awaited]).collect();
        while !self.alarm.has_ended() {
            // Nothing ends these waits before their time; if it does, they begin again.
            if wait_for_any(&queues, 0, None, &Blocking).is_ok() {
                self.with_bell(|bell| {
                    self.alarm.raise(|| self.has_something(), || bell.get().into_iter().for_each(ring));
                });
                self.rest();
            }
        }
    }

    /// Waits until the bell is silent or the thread is to end.
    fn rest(&self) {
        let mut pause = FIRST_LOOK;
        while self.alarm.is_raised() {
            let has_changed = || (!self.alarm.is_raised()).then_some(());
            let until = Deadline::after(pause);
            let changed = wait_for(self.subject(), &Outside, until, &Blocking, |wait| {
                self.changed.wait_until(wait, has_changed, || false)
            });
            if changed.is_err() {
                self.silence_if_empty();
                pause = (pause * 2).min(LAST_LOOK);
            }
        }
    }
}

/// The thread's own queue, as it were: there is something in it when the thread is to end.
impl Awaited for Watch {
    fn gate(&self) -> PlacedGate<'_> {
        (&self.changed, Scope::Private)
    }

    fn subject(&self) -> Subject {
        Subject::private(Kind::QUEUE, self)
    }

    fn glance(&self) -> bool {
        self.alarm.has_ended()
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
