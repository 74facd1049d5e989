//! One wait of one thread, as part of the wait graph.
//!
//! It opens the wait's question, walks, and looks again while a cycle is merely possible.
//!
//! While a hook of the caller's runs, a signal's handler among them, the thread does not wait. Its question is closed
//! meanwhile, so that the hook may wait on its own. Only a wait without a limit is watched: one that ends by itself is
//! part of no deadlock, and nothing is stuck behind it.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::question::{Answer, Ask, OpenQuestion, Question, Wanted};
use super::report::deadlock_of;
use super::stuck::{Hope, hope};
use super::thread_number::thread_number;
use super::threads::{ThreadRecord, find, own_record, token};
use super::walk::{Detector, Edge, Walk};
use crate::platform::Deadline;
use crate::sync::wait::deadlock::suspect;
use crate::sync::wait::park::WaitError;
use crate::sync::wait::site::Site;

/// How often it is looked whether a suspicion still stands.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long it stands before it is reported as a suspicion.
const GRACE: Duration = Duration::from_secs(1);

static DETECTOR: Detector = Detector::new();

/// One wait of one thread.
pub(in crate::sync) struct Watch {
    me: u32,
    record: &'static ThreadRecord,
    ask: Ask,
    wanted_at: usize,
    is_open: Cell<bool>,
    /// What may be a deadlock, and when it is to be reported.
    possible: RefCell<Option<(Vec<Edge>, Deadline)>>,
    is_reported: Cell<bool>,
    has_looked: Cell<bool>,
    /// How long it sleeps until it looks again.
    period: Cell<Duration>,
}

impl Watch {
    /// A wait of the calling thread at a place of the program; `None` while the thread is being torn down. What `ask`
    /// leads to stays as long as this does.
    pub(in crate::sync) fn new(ask: Ask, site: Site) -> Option<Self> {
        let me = thread_number();
        Some(Watch {
            me,
            record: own_record(me)?,
            ask,
            wanted_at: site.to_raw(),
            is_open: Cell::new(false),
            possible: RefCell::new(None),
            is_reported: Cell::new(false),
            has_looked: Cell::new(false),
            period: Cell::new(LOOK_AGAIN),
        })
    }

    /// The thread waits from now on.
    pub(in crate::sync) fn open(&self) {
        // A hook may have forked, and this be the child.
        let _ = own_record(self.me);
        self.record.question.open(self.ask, self.wanted_at);
        self.is_open.set(true);
    }

    /// The thread does not wait now.
    pub(in crate::sync) fn close(&self) {
        if self.is_open.replace(false) {
            self.record.question.close();
        }
    }

    /// How long to sleep until the next look.
    pub(in crate::sync) fn period(&self) -> Duration {
        if self.ask.wanted == Wanted::News {
            return Duration::MAX;
        }
        if self.possible.borrow().is_some() && !self.is_reported.get() {
            return LOOK_AGAIN;
        }
        // A long wait is looked after less and less often.
        let period = self.period.get();
        self.period.set((period * 2).min(GRACE));
        period
    }

    /// Looks for a cycle.
    ///
    /// # Errors
    /// When it is a deadlock, which this wait is to fail with.
    pub(in crate::sync) fn look(&self) -> Result<(), WaitError> {
        if self.ask.wanted == Wanted::News {
            return Ok(());
        }
        let walk = Walk { find };
        let first = !self.has_looked.replace(true);
        match walk.cycle(self.me) {
            Some(edges) => self.look_at_cycle(&walk, &edges, first),
            // Not at once: that is for long waits. A thread that joins leaves it to one that wants a lock, which may
            // help it thereby. Where no thread wants a lock, what is joined may be meant to wait until the program is
            // ended.
            None if !first && self.ask.wanted == Wanted::Lock => {
                let chain = walk.chain(self.me);
                match hope(&chain) {
                    Hope::Nobody => self.decide(&walk, &chain),
                    Hope::Interruption => self.suspect(&chain),
                    Hope::Somebody => self.forget(),
                }
            }
            None => Ok(()),
        }
    }

    fn look_at_cycle(
        &self,
        walk: &Walk<impl Fn(u32) -> Option<&'static OpenQuestion>>,
        edges: &[Edge],
        first: bool,
    ) -> Result<(), WaitError> {
        let certain = match edges {
            [edge] => edge.look.answer.is_by_rust(),
            _ => edges.iter().all(|edge| edge.look.answer.is_certain()),
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
    fn forget(&self) -> Result<(), WaitError> {
        self.possible.take();
        Ok(())
    }

    /// Reports waits that nobody in this process can end, once they have stood for long.
    fn suspect(&self, edges: &[Edge]) -> Result<(), WaitError> {
        if self.is_suspicious(edges) {
            // The function that the report goes to may wait.
            self.close();
            suspect(&deadlock_of(edges));
            self.open();
        }
        Ok(())
    }

    fn decide(
        &self,
        walk: &Walk<impl Fn(u32) -> Option<&'static OpenQuestion>>,
        edges: &[Edge],
    ) -> Result<(), WaitError> {
        DETECTOR.in_turn(token(), || {
            if !walk.stands(edges) {
                return Ok(());
            }
            let deadlock = deadlock_of(edges);
            // Others that find the same cycle have their turn after this, and find that it does not stand any more.
            self.close();
            Err(WaitError::Deadlock(Box::new(deadlock)))
        })
    }

    /// Whether this thread reports these waits: of a cycle, which each of its threads finds, one; else the one that
    /// found them.
    fn reports(&self, edges: &[Edge]) -> bool {
        let is_cycle = edges.last().is_some_and(|last| last.look.answer.owner() == self.me);
        !is_cycle || edges.iter().all(|edge| self.me <= edge.waiter)
    }

    /// Whether a possible cycle has stood so long that it is reported, now and not before.
    fn is_suspicious(&self, edges: &[Edge]) -> bool {
        let mut possible = self.possible.borrow_mut();
        let wants = |edge: &Edge| (edge.waiter, edge.look.question, edge.look.answer.owner());
        match &*possible {
            Some((known, due)) if known.iter().map(wants).eq(edges.iter().map(wants)) => {
                due.is_past() && !self.is_reported.replace(true) && self.reports(edges)
            }
            _ => {
                *possible = Deadline::after(GRACE).map(|due| (edges.to_vec(), due));
                false
            }
        }
    }
}

/// The question of a thread that waits for the end of the thread with this number.
pub(in crate::sync) struct EndOf(pub(in crate::sync) u32);

impl Question for EndOf {
    const WANTED: Wanted = Wanted::End;

    fn answer(&self) -> Answer {
        Answer::End { thread: self.0 }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
