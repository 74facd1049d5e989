//! The threads of a pool, and the jobs that wait for them.
//!
//! There is one row of jobs, first come first served; idle threads sleep at its gate. A thread takes a job out of the
//! row to run it or to drop it, so the job is run at most once, whatever its future does. Jobs have rising numbers, by
//! which a future finds its waiting job. It withdraws the job, or runs it, if the future's own thread belongs to this
//! pool and would wait for itself otherwise. A waiting thread runs only the job that it waits for, never another one.

use super::asked::Owned;
use super::loan::Loan;
use super::row::Row;
use crate::executor::errors::SubmitError;
use crate::executor::state::PoolState;
use crate::platform::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::platform::thread::gettid;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a thread runs.
pub(super) enum Work {
    Owned(Owned),
    Lent(Loan<()>),
}

/// What the pool's threads share with the threads that submit calls.
pub(in crate::executor) struct Workers {
    row: Row<Work>,
    terminated: AtomicBool,
    records: Vec<WorkerRecord>,
}

/// What is known of one thread.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct WorkerRecord {
    /// The kernel's number of the thread; 0 before it has begun.
    pub(super) tid: AtomicU32,
    pub(super) is_busy: AtomicBool,
    /// Jobs taken so far.
    pub(super) taken: AtomicU64,
}

thread_local! {
    /// The address of the pool's part that the calling thread belongs to.
    static WORKERS: Cell<usize> = const { Cell::new(0) };
}

impl Work {
    fn run(self) {
        match self {
            Work::Owned(work) => work.run(),
            Work::Lent(work) => work.run(()),
        }
    }
}

impl Workers {
    pub(super) fn new(threads: usize) -> Workers {
        Workers {
            row: Row::new(),
            terminated: AtomicBool::new(false),
            records: (0..threads).map(|_| WorkerRecord::default()).collect(),
        }
    }

    pub(super) fn state(&self) -> PoolState {
        match (self.terminated.load(Ordering::Acquire), self.row.is_closed()) {
            (true, _) => PoolState::Terminated,
            (false, true) => PoolState::Closed,
            (false, false) => PoolState::Open,
        }
    }

    /// Puts work at the end of the row, and gives its number.
    #[inline]
    pub(super) fn submit(&self, work: Work) -> Result<u64, SubmitError> {
        self.row.put(work).map_err(|_| self.refusal())
    }

    #[cold]
    fn refusal(&self) -> SubmitError {
        match self.state() {
            PoolState::Terminated => SubmitError::Terminated,
            _ => SubmitError::Closed,
        }
    }

    /// Drops a waiting job, if it is still there.
    pub(in crate::executor) fn withdraw(&self, number: u64) {
        drop(self.row.take_out(number));
    }

    /// Whether the calling thread is one of them.
    pub(in crate::executor) fn is_mine(&self) -> bool {
        WORKERS.get() == std::ptr::from_ref(self).addr()
    }

    /// Runs a job in the calling thread if it still waits, and says whether it did.
    pub(in crate::executor) fn run_here(&self, number: u64) -> bool {
        self.row.take_out(number).map(run).is_some()
    }

    /// What each thread does: it runs jobs until the pool is closed and none is left.
    pub(super) fn work(&self, worker: usize) {
        let worker = &self.records[worker];
        worker.tid.store(gettid(), Ordering::Relaxed);
        WORKERS.set(std::ptr::from_ref(self).addr());
        while let Some(job) = self.row.next() {
            // No other thread counts here.
            worker.taken.store(worker.taken.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            worker.is_busy.store(true, Ordering::Relaxed);
            run(job);
            worker.is_busy.store(false, Ordering::Relaxed);
        }
    }

    /// Takes no more jobs; those that wait are run.
    pub(super) fn close(&self) {
        self.row.close();
    }

    /// Takes no more jobs and drops those that wait.
    pub(super) fn terminate(&self) {
        self.terminated.store(true, Ordering::Release);
        // Dropped outside the row: a drop is the user's code.
        drop(self.row.clear());
    }

    pub(super) fn records(&self) -> &[WorkerRecord] {
        &self.records
    }

    /// How many jobs wait, and how many were ever submitted.
    pub(super) fn counts(&self) -> (usize, u64) {
        self.row.counts()
    }
}

/// Runs a job. A call's panic is its answer; of a panic in a callback or in a drop of the user's, the hook has
/// reported.
fn run(job: Work) {
    let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
}
