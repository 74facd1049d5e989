//! The threads of a pool, and the jobs that wait for them.
//!
//! One row of jobs, first come first served, behind a monitor; idle threads sleep at its gate. A job is taken out of the row
//! by whoever runs or drops it, so it is run at most once, whatever its future does. Jobs have rising numbers, by which the
//! future of one that waits finds it: to withdraw it, or to run it in its own thread when that is one of this pool, which
//! would wait for itself otherwise. Whoever waits runs only what it waits for, never what happens to come along.

use super::asked::Owned;
use crate::channel::{Inside, Monitor};
use crate::executor::errors::SubmitError;
use crate::executor::record::PoolState;
use crate::platform::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::platform::thread::gettid;
use crate::spawn::Loan;
use crate::sync::Blocking;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a thread runs.
pub(super) enum Work {
    Owned(Owned),
    Lent(Loan<()>),
}

/// Something to be run once.
pub(super) struct Job {
    number: u64,
    work: Work,
}

/// What the pool's threads and those who submit share.
pub(in crate::executor) struct Crew {
    jobs: Monitor<Jobs>,
    terminated: AtomicBool,
    members: Vec<Member>,
}

#[derive(Default)]
struct Jobs {
    /// In the order of their numbers.
    waiting: VecDeque<Job>,
    submitted: u64,
}

/// What is known of one thread.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Member {
    /// The kernel's number of the thread; 0 before it has begun.
    pub(super) tid: AtomicU32,
    pub(super) is_busy: AtomicBool,
    /// Jobs taken so far.
    pub(super) taken: AtomicU64,
}

thread_local! {
    /// The address of the crew that the calling thread belongs to.
    static CREW: Cell<usize> = const { Cell::new(0) };
}

impl Job {
    fn run(self) {
        match self.work {
            Work::Owned(work) => work.run(),
            Work::Lent(work) => work.run(()),
        }
    }
}

impl Crew {
    pub(super) fn new(threads: usize) -> Crew {
        Crew {
            jobs: Monitor::new(Jobs::default(), 0),
            terminated: AtomicBool::new(false),
            members: (0..threads).map(|_| Member::default()).collect(),
        }
    }

    fn enter(&self) -> Inside<'_, Jobs> {
        loop {
            // Nobody interrupts it.
            if let Ok(inside) = self.jobs.enter(&Blocking) {
                return inside;
            }
        }
    }

    pub(super) fn state(&self) -> PoolState {
        match (self.terminated.load(Ordering::Acquire), self.jobs.is_closed()) {
            (true, _) => PoolState::Terminated,
            (false, true) => PoolState::Closed,
            (false, false) => PoolState::Open,
        }
    }

    /// Puts work at the end of the row, and gives its number.
    #[inline]
    pub(super) fn submit(&self, work: Work) -> Result<u64, SubmitError> {
        let mut inside = self.enter();
        if self.jobs.is_closed() {
            drop(inside);
            return Err(self.refusal());
        }
        inside.submitted += 1;
        let number = inside.submitted;
        inside.waiting.push_back(Job { number, work });
        let waiting = inside.waiting.len();
        inside.leave_with_more(waiting);
        Ok(number)
    }

    #[cold]
    fn refusal(&self) -> SubmitError {
        match self.state() {
            PoolState::Terminated => SubmitError::Terminated,
            _ => SubmitError::Closed,
        }
    }

    /// Takes a job that waits out of the row.
    fn take_out(&self, number: u64) -> Option<Job> {
        let mut inside = self.enter();
        let place = inside.waiting.binary_search_by_key(&number, |job| job.number).ok()?;
        let job = inside.waiting.remove(place);
        inside.set_items(inside.waiting.len());
        job
    }

    /// Drops a job that waits, which need not be there.
    pub(in crate::executor) fn withdraw(&self, number: u64) {
        drop(self.take_out(number));
    }

    /// Whether the calling thread is one of this crew.
    pub(in crate::executor) fn is_mine(&self) -> bool {
        CREW.get() == std::ptr::from_ref(self).addr()
    }

    /// Runs a job in the calling thread if it waits still; whether it did.
    pub(in crate::executor) fn run_here(&self, number: u64) -> bool {
        self.take_out(number).map(run).is_some()
    }

    /// The life of one of the threads: runs jobs until the crew is closed and none is left.
    pub(super) fn work(&self, member: usize) {
        let member = &self.members[member];
        member.tid.store(gettid(), Ordering::Relaxed);
        CREW.set(std::ptr::from_ref(self).addr());
        while let Some(job) = self.next() {
            member.taken.fetch_add(1, Ordering::Relaxed);
            member.is_busy.store(true, Ordering::Relaxed);
            run(job);
            member.is_busy.store(false, Ordering::Relaxed);
        }
    }

    #[inline]
    fn next(&self) -> Option<Job> {
        loop {
            let mut inside = self.enter();
            if let Some(job) = inside.waiting.pop_front() {
                let waiting = inside.waiting.len();
                inside.leave_with_fewer(waiting);
                return Some(job);
            }
            if self.jobs.is_closed() {
                return None;
            }
            drop(inside);
            let _ = self.jobs.wait_not_empty(None, &Blocking, || false);
        }
    }

    /// Takes no more jobs; what waits is run.
    pub(super) fn close(&self) {
        // Inside, so that whoever submits has either been before or sees it.
        let inside = self.enter();
        self.jobs.close();
        drop(inside);
    }

    /// Takes no more jobs and drops those that wait.
    pub(super) fn terminate(&self) {
        self.terminated.store(true, Ordering::Release);
        self.close();
        let mut inside = self.enter();
        let waiting = std::mem::take(&mut inside.waiting);
        inside.set_items(0);
        drop(inside);
        // Outside: a drop is the user's code.
        drop(waiting);
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many jobs wait, and how many were ever submitted.
    pub(super) fn counts(&self) -> (usize, u64) {
        let inside = self.enter();
        (inside.waiting.len(), inside.submitted)
    }
}

/// Runs a job. Panics of calls are their answers; of what else is the user's, a callback or a drop, the hook has told.
fn run(job: Job) {
    let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
}
