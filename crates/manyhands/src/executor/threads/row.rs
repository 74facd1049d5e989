//! The row of a pool's jobs: first come first served, without a lock to put a job in or to take the next.
//!
//! It has two parts. New jobs go into a queue without locks, crossbeam's, from which the pool's threads take. No one
//! can look for one job in that queue. A thread that searches, to withdraw a job or to run it, moves the queued jobs
//! *aside*: into a row behind a lock, in the order of their numbers. The pool's threads take from there first. So only
//! a search costs a lock, and each job is moved at most once. Idle threads sleep at a gate. The row promises that an
//! accepted job is taken or still there, even if the row is closed at that moment, and that no thread sleeps while a
//! job is there.

#[cfg(all(test, manyhands_model))]
mod model;

use crate::arena::Kind;
use crate::platform::Scope;
use crate::platform::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::{Blocking, Gate, Subject, wait_for};
use std::collections::VecDeque;
use std::sync::PoisonError;

#[cfg(manyhands_model)]
use model::{Coming, Mutex, MutexGuard};
#[cfg(not(manyhands_model))]
use {
    crossbeam_queue::SegQueue as Coming,
    std::sync::{Mutex, MutexGuard},
};

/// Jobs with rising numbers from 1.
pub(super) struct Row<T> {
    coming: Coming<Job<T>>,
    /// In the order of their numbers.
    aside: Mutex<VecDeque<Job<T>>>,
    /// How many are aside: written behind the lock.
    kept: AtomicUsize,
    closed: AtomicBool,
    /// The last number given away.
    numbers: Apart<AtomicU64>,
    /// How many numbers were given to jobs that were refused in the end.
    refused: AtomicU64,
    gate: Gate,
}

/// Written for each job by the thread that puts it, away from what the takers read.
#[repr(align(128))]
struct Apart<T>(T);

struct Job<T> {
    number: u64,
    work: T,
}

impl<T: Send> Row<T> {
    pub(super) fn new() -> Row<T> {
        Row {
            coming: Coming::new(),
            aside: Mutex::new(VecDeque::new()),
            kept: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            numbers: Apart(AtomicU64::new(0)),
            refused: AtomicU64::new(0),
            gate: Gate::new(),
        }
    }

    fn aside(&self) -> MutexGuard<'_, VecDeque<Job<T>>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Puts work at the end, and gives its number; the work is given back when the row is closed.
    #[inline]
    pub(super) fn put(&self, work: T) -> Result<u64, T> {
        if self.is_closed() {
            return Err(work);
        }
        let number = self.numbers.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.coming.push(Job { number, work });
        // Begins with a fence: a thread that finds the row closed and empty has either seen this job, or its closing is
        // seen here.
        self.gate.notify_one(Scope::Private);
        if self.is_closed() { self.put_too_late(number) } else { Ok(number) }
    }

    /// The row was closed while the job was put: it is refused, unless a thread has taken it.
    #[cold]
    fn put_too_late(&self, number: u64) -> Result<u64, T> {
        match self.take_out(number) {
            Some(work) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(work)
            }
            None => Ok(number),
        }
    }

    /// Takes the first job, asleep until there is one; `None` when the row is closed and nothing is left.
    #[inline]
    pub(super) fn next(&self) -> Option<T> {
        loop {
            if let Some(work) = self.try_next() {
                return Some(work);
            }
            if self.is_closed() {
                return self.last();
            }
            let is_there =
                || self.kept.load(Ordering::Relaxed) > 0 || !self.coming.is_empty() || self.is_closed();
            // Looked at and not taken: meanwhile others judge by it whether this thread will go on.
            let ready = || is_there().then_some(());
            // A thread that leaves takes a job only afterwards, so it counts that job as still there.
            let more = || self.kept.load(Ordering::Relaxed) + self.coming.len() > 1 || self.is_closed();
            // No signal handler interrupts this wait.
            let _ = wait_for(Subject::private(Kind::WORK, self), &is_there, None, &Blocking, |wait| {
                self.gate.wait_until(wait, ready, more)
            });
        }
    }

    #[inline]
    fn try_next(&self) -> Option<T> {
        if self.kept.load(Ordering::Relaxed) > 0
            && let Some(work) = self.next_aside(&mut self.aside())
        {
            return Some(work);
        }
        self.coming.pop().map(|job| job.work)
    }

    fn next_aside(&self, aside: &mut VecDeque<Job<T>>) -> Option<T> {
        let job = aside.pop_front();
        self.kept.store(aside.len(), Ordering::Relaxed);
        job.map(|job| job.work)
    }

    /// What is left of a closed row.
    #[cold]
    fn last(&self) -> Option<T> {
        // The fence stands between seeing the row closed and looking for jobs: see `put`.
        fence(Ordering::SeqCst);
        // While the lock is held, no thread is moving jobs that are in neither part.
        let mut aside = self.aside();
        self.next_aside(&mut aside).or_else(|| self.coming.pop().map(|job| job.work))
    }

    /// Takes a waiting job out of the middle of the row.
    pub(super) fn take_out(&self, number: u64) -> Option<T> {
        let mut aside = self.aside();
        let search = |aside: &VecDeque<Job<T>>| aside.binary_search_by_key(&number, |job| job.number).ok();
        let place = search(&aside).or_else(|| {
            self.move_aside(&mut aside);
            search(&aside)
        });
        let job = place.and_then(|place| aside.remove(place));
        let left = aside.len();
        self.kept.store(left, Ordering::Relaxed);
        drop(aside);
        if left > 0 {
            // A thread that looked while they were moved may have seen none.
            self.gate.notify_one(Scope::Private);
        }
        job.map(|job| job.work)
    }

    /// Moves what has come until now.
    fn move_aside(&self, aside: &mut VecDeque<Job<T>>) {
        for _ in 0..self.coming.len() {
            let Some(job) = self.coming.pop() else { break };
            // Two threads that put at once may have queued in another order than they got their numbers.
            let place =
                aside.iter().rposition(|other| other.number < job.number).map_or(0, |before| before + 1);
            aside.insert(place, job);
        }
    }

    /// Takes no more jobs; those that wait are still taken.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.gate.notify_all(Scope::Private);
    }

    /// Takes no more jobs, and gives back those that wait.
    pub(super) fn clear(&self) -> VecDeque<T> {
        self.close();
        let mut aside = self.aside();
        let mut left = std::mem::take(&mut *aside);
        self.kept.store(0, Ordering::Relaxed);
        left.extend(std::iter::from_fn(|| self.coming.pop()));
        left.into_iter().map(|job| job.work).collect()
    }

    /// How many jobs wait, and how many were ever accepted.
    pub(super) fn counts(&self) -> (usize, u64) {
        let aside = self.aside();
        let waiting = aside.len() + self.coming.len();
        let refused = self.refused.load(Ordering::Relaxed);
        (waiting, self.numbers.0.load(Ordering::Relaxed).saturating_sub(refused))
    }
}
