//! The hook in the place where one sleeps: writes the wait down, walks, and looks again while a cycle is merely
//! possible.
//!
//! It stands between a lock and the caller's own hooks, as the `Waiting` and `Ticking` of one wait. While a signal
//! handler runs the thread does not wait, so its note is taken back meanwhile, and a handler may wait on its own. A
//! wait with a limit ends by itself: no thread is stuck behind it, and it is not written down.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::time::Duration;

use super::record::{LockFace, WaitNote, Wanted};
use super::report::deadlock_of;
use super::stuck::{Hope, hope};
use super::threads::{ThreadRecord, find, own_record, token};
use super::walk::{Detector, Edge, Walk};
use crate::platform::Deadline;
use crate::platform::Scope;
use crate::sync::wait::deadlock::{Deadlock, suspect};
use crate::sync::wait::park::{Blocking, Ticking, Turn, Wait, WaitError, Waiting};
use crate::sync::wait::site::Site;
use crate::sync::wait_graph::thread_number::thread_number;

/// How often it is looked whether a suspicion still stands.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long it stands before it is reported as a suspicion.
const GRACE: Duration = Duration::from_secs(1);

static DETECTOR: Detector = Detector::new();

/// One wait of one thread, written down.
pub(in crate::sync) struct Watch<'a> {
    me: u32,
    record: &'static ThreadRecord,
    wanted: Wanted,
    wanted_at: usize,
    waiting: &'a dyn Waiting,
    noted: Cell<bool>,
    /// What may be a deadlock, and when it is to be reported.
    possible: RefCell<Option<(Vec<Edge>, Deadline)>>,
    told: Cell<bool>,
    looked: Cell<bool>,
    /// How long it sleeps until it looks again.
    period: Cell<Duration>,
    deadlock: RefCell<Option<Box<Deadlock>>>,
}

impl<'a> Watch<'a> {
    /// A wait of thread `me` for a lock; `None` while the thread is being torn down.
    pub(in crate::sync) fn for_lock(
        me: u32,
        face: &LockFace,
        site: Site,
        waiting: &'a dyn Waiting,
    ) -> Option<Self> {
        Self::new(me, Wanted::Lock(std::ptr::from_ref(face) as usize), site, waiting)
    }

    /// A wait for the end of a thread; `None` while this one is being torn down.
    fn for_thread(joined: u32, site: Site, waiting: &'a dyn Waiting) -> Option<Self> {
        Self::new(thread_number(), Wanted::Thread(joined), site, waiting)
    }

    /// A wait for what any thread may bring; `None` while the thread is being torn down. `is_there` is asked by other
    /// threads as long as the watch stands.
    fn for_news<F: Fn() -> bool + Sync>(is_there: &'a F, waiting: &'a dyn Waiting) -> Option<Self> {
        let wanted = Wanted::News(std::ptr::from_ref(is_there) as usize, ask::<F>);
        Self::new(thread_number(), wanted, waiting.site(), waiting)
    }

    fn new(me: u32, wanted: Wanted, site: Site, waiting: &'a dyn Waiting) -> Option<Self> {
        Some(Watch {
            me,
            record: own_record(me)?,
            wanted,
            wanted_at: site.to_raw(),
            waiting,
            noted: Cell::new(false),
            possible: RefCell::new(None),
            told: Cell::new(false),
            looked: Cell::new(false),
            period: Cell::new(LOOK_AGAIN),
            deadlock: RefCell::new(None),
        })
    }

    /// How to wait, watched.
    pub(in crate::sync) fn wait(&self) -> Wait<'_> {
        Wait { scope: Scope::Private, deadline: None, waiting: self, ticking: Some(self) }
    }

    /// The wait's error, which is the deadlock's if one was found.
    pub(in crate::sync) fn error(&self, error: WaitError) -> WaitError {
        self.deadlock.take().map_or(error, WaitError::Deadlock)
    }

    fn note(&self) {
        // A hook may have forked, and this be the child.
        let _ = own_record(self.me);
        self.record.note.begin(self.wanted, self.wanted_at);
        self.noted.set(true);
    }

    fn take_back(&self) {
        if self.noted.replace(false) {
            self.record.note.end();
        }
    }

    /// Runs a hook of the caller's, during which this thread does not wait.
    fn outside(&self, hook: impl FnOnce(&dyn Waiting) -> ControlFlow<()>) -> ControlFlow<()> {
        self.take_back();
        hook(self.waiting)?;
        self.note();
        self.look()
    }

    /// Looks for a cycle; `Break` when it is a deadlock, which this wait then fails with.
    fn look(&self) -> ControlFlow<()> {
        if matches!(self.wanted, Wanted::News(..)) {
            return ControlFlow::Continue(());
        }
        let walk = Walk { find };
        let first = !self.looked.replace(true);
        match walk.cycle(self.me) {
            Some(edges) => self.look_at_cycle(&walk, &edges, first),
            // Not at once: that is for long waits. A thread that joins leaves it to one that wants a lock, which may
            // help it thereby. Where no thread wants a lock, what is joined may be meant to wait until the program is
            // ended.
            None if !first && matches!(self.wanted, Wanted::Lock(_)) => {
                let chain = walk.chain(self.me);
                match hope(&chain) {
                    Hope::Nobody => self.decide(&walk, &chain),
                    Hope::Interruption => self.suspect(&chain),
                    Hope::Somebody => self.forget(),
                }
            }
            None => ControlFlow::Continue(()),
        }
    }

    fn look_at_cycle(
        &self,
        walk: &Walk<impl Fn(u32) -> Option<&'static WaitNote>>,
        edges: &[Edge],
        first: bool,
    ) -> ControlFlow<()> {
        let certain = match edges {
            [edge] => edge.look.is_by_rust,
            _ => edges.iter().all(|edge| edge.look.certain),
        };
        let is_of_one = edges.len() == 1;
        if certain {
            return self.decide(walk, edges);
        }
        // A lock that one thread takes twice may be a signal that another one gives, and may just have been given.
        if is_of_one && first {
            return self.forget();
        }
        match hope(edges) {
            Hope::Somebody => self.forget(),
            Hope::Nobody if !is_of_one => self.decide(walk, edges),
            Hope::Nobody | Hope::Interruption => self.suspect(edges),
        }
    }

    /// What was possible is no longer, or may still be ended by another thread.
    fn forget(&self) -> ControlFlow<()> {
        self.possible.take();
        ControlFlow::Continue(())
    }

    /// Reports waits that nobody in this process can end, once they have stood for long.
    fn suspect(&self, edges: &[Edge]) -> ControlFlow<()> {
        if self.is_suspicious(edges) {
            // The function that the report goes to may wait.
            self.take_back();
            suspect(&deadlock_of(edges));
            self.note();
        }
        ControlFlow::Continue(())
    }

    fn decide(
        &self,
        walk: &Walk<impl Fn(u32) -> Option<&'static WaitNote>>,
        edges: &[Edge],
    ) -> ControlFlow<()> {
        DETECTOR.in_turn(token(), || {
            if !walk.stands(edges) {
                return ControlFlow::Continue(());
            }
            self.deadlock.replace(Some(Box::new(deadlock_of(edges))));
            self.take_back();
            ControlFlow::Break(())
        })
    }

    /// Whether this thread reports these waits: of a cycle, which each of its threads finds, one; else the one that
    /// found them.
    fn tells(&self, edges: &[Edge]) -> bool {
        let is_cycle = edges.last().is_some_and(|last| last.look.owner == self.me);
        !is_cycle || edges.iter().all(|edge| self.me <= edge.waiter)
    }

    /// Whether a possible cycle has stood so long that it is reported, now and not before.
    fn is_suspicious(&self, edges: &[Edge]) -> bool {
        let mut possible = self.possible.borrow_mut();
        let wants = |edge: &Edge| (edge.waiter, edge.look.wanted, edge.look.owner);
        match &*possible {
            Some((known, due)) if known.iter().map(wants).eq(edges.iter().map(wants)) => {
                due.is_past() && !self.told.replace(true) && self.tells(edges)
            }
            _ => {
                *possible = Deadline::after(GRACE).map(|due| (edges.to_vec(), due));
                false
            }
        }
    }
}

/// Runs `wait`, a wait without a limit for the end of the thread with this number, as part of the wait graph.
///
/// For code that joins threads by other means than this crate's; numbers are what [`this_thread_number`] gives.
///
/// # Errors
/// [`WaitError::Deadlock`] when that thread waits, perhaps by way of others, for this one; `wait` was not run then.
/// Should that come about later, the thread that then begins to wait gets the error.
pub fn while_joining<R>(joined: u32, site: Site, wait: impl FnOnce() -> R) -> Result<R, WaitError> {
    let Some(watch) = Watch::for_thread(joined, site, &Blocking) else { return Ok(wait()) };
    watch.note();
    if watch.look().is_break() {
        return Err(watch.error(WaitError::Interrupted));
    }
    Ok(wait())
}

/// Runs `wait`, one of the engine's own waits for the end of the thread with this number, as part of the wait graph.
/// Unlike [`while_joining`] it has hooks, and a look at every tick.
pub(in crate::sync) fn joining(
    joined: u32,
    site: Site,
    waiting: &dyn Waiting,
    wait: impl FnOnce(&Wait<'_>) -> Result<(), WaitError>,
) -> Result<(), WaitError> {
    match Watch::for_thread(joined, site, waiting) {
        Some(watch) => wait(&watch.wait()).map_err(|error| watch.error(error)),
        None => wait(&Wait::private(None, waiting)),
    }
}

/// The calling thread's number in the wait graph: its own as long as it lives, of no meaning to other processes.
pub fn this_thread_number() -> u32 {
    thread_number()
}

/// Asks the `F` at an address.
///
/// # Safety
/// One stands there, and stays meanwhile.
unsafe fn ask<F: Fn() -> bool + Sync>(address: usize) -> bool {
    // SAFETY: the caller's promise; any thread may call it, since it is `Sync`.
    (unsafe { &*(address as *const F) })()
}

/// Runs a private wait for what any thread may bring, written down if it has no limit. `is_there` says whether it is
/// there, and is asked by other threads while the wait lasts.
pub(in crate::sync) fn watched<F: Fn() -> bool + Sync, R>(
    is_there: F,
    deadline: Option<Deadline>,
    waiting: &dyn Waiting,
    wait: impl FnOnce(&Wait<'_>) -> R,
) -> R {
    let watch = if deadline.is_none() { Watch::for_news(&is_there, waiting) } else { None };
    match watch {
        Some(watch) => wait(&watch.wait()),
        None => wait(&Wait::private(deadline, waiting)),
    }
}

impl Waiting for Watch<'_> {
    fn before_block(&self) {
        self.waiting.before_block();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.outside(|waiting| waiting.on_interrupt())
    }

    fn before_sleep(&self) -> ControlFlow<()> {
        self.outside(|waiting| waiting.before_sleep())
    }

    fn after_block(&self) {
        self.take_back();
        self.waiting.after_block();
    }
}

impl Ticking for Watch<'_> {
    fn before_sleep(&self, _is_long: bool) -> Turn {
        let period = match self.wanted {
            Wanted::News(..) => Duration::MAX,
            _ if self.possible.borrow().is_some() && !self.told.get() => LOOK_AGAIN,
            _ => {
                // A long wait is looked after less and less often.
                let period = self.period.get();
                self.period.set((period * 2).min(GRACE));
                period
            }
        };
        Turn { period, elected: false, beside: None }
    }

    fn after_sleep(&self, _turn: Turn, _timed_out: bool) {}
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.take_back();
    }
}
