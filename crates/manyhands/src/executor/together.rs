//! Waiting for many futures at once: until the first is done, the first has failed, or all are.
//!
//! Futures of threads and of processes may be mixed. Each one that is not done yet is given a waker that puts its place
//! into one row, at which the caller sleeps. To wait for all needs no row: one is waited for after the other.

use super::future::Future;
use crate::channel::Monitor;
use crate::platform::Deadline;
use crate::sync::{Blocking, WaitError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// What [`wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One of the futures is done.
    FirstDone,
    /// One of the futures is done and has no value, or all are done.
    FirstFailed,
    /// All futures are done.
    AllDone,
}

/// The futures that [`wait`] was given, each kind in the order in which they were given.
#[derive(Debug)]
pub struct Waited<R> {
    /// Those that have their answers.
    pub done: Vec<Future<R>>,
    /// Those that have not.
    pub not_done: Vec<Future<R>>,
}

/// Waits for futures, at most for `timeout` if there is one, and gives all of them back. Nothing is cancelled.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use manyhands::{Pool, Until, wait};
///
/// let pool = Pool::threads(2)?;
/// let futures = vec![pool.submit(|| 1)?, pool.submit(|| 2)?];
/// let waited = wait(futures, Until::AllDone, None);
/// let sum: i32 = waited.done.into_iter().map(|future| future.get().unwrap()).sum();
/// assert_eq!(sum, 3);
/// # Ok(())
/// # }
/// ```
pub fn wait<R>(
    futures: impl IntoIterator<Item = Future<R>>,
    until: Until,
    timeout: Option<Duration>,
) -> Waited<R> {
    let deadline = timeout.and_then(Deadline::after);
    let mut futures: Vec<Future<R>> = futures.into_iter().collect();
    if until == Until::AllDone {
        let _ = futures.iter().all(|future| future.wait_until(deadline));
    } else {
        let arrivals = Arrivals::new();
        let mut left = arrivals.watch(&mut futures);
        let ends = |future: &mut Future<R>| until == Until::FirstDone || future.has_failed();
        let mut ended = futures.iter_mut().any(|future| future.is_done() && ends(future));
        while !ended && left > 0 {
            let Ok(place) = arrivals.next(&futures, deadline) else { break };
            left -= 1;
            ended = ends(&mut futures[place]);
        }
    }
    let (done, not_done) = futures.into_iter().partition(Future::is_done);
    Waited { done, not_done }
}

/// Gives the futures back, each when it is done.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use manyhands::{Pool, as_completed};
///
/// let pool = Pool::threads(2)?;
/// let futures = (0..10).map(|number| pool.submit(move || number * number)).collect::<Result<Vec<_>, _>>()?;
/// let mut sum = 0;
/// for future in as_completed(futures) {
///     sum += future.get()?;
/// }
/// assert_eq!(sum, 285);
/// # Ok(())
/// # }
/// ```
pub fn as_completed<R>(futures: impl IntoIterator<Item = Future<R>>) -> AsCompleted<R> {
    let mut futures: Vec<Future<R>> = futures.into_iter().collect();
    let arrivals = Arrivals::new();
    arrivals.watch(&mut futures);
    let done = (0..futures.len()).filter(|place| futures[*place].is_done()).collect();
    let left = futures.len();
    AsCompleted { arrivals, futures: futures.into_iter().map(Some).collect(), done, left }
}

/// Futures as they are done: see [`as_completed`].
#[must_use = "futures are given back as this is asked for them"]
pub struct AsCompleted<R> {
    arrivals: Arrivals,
    /// By their places; `None` when they were given back.
    futures: Vec<Option<Future<R>>>,
    /// Places of those that were done at the beginning.
    done: VecDeque<usize>,
    left: usize,
}

impl<R> AsCompleted<R> {
    /// The next future that is done, or `None` when all were given back; waits for it at most for `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`]; all that are left can still be asked for.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Future<R>>, WaitError> {
        self.next_until(Deadline::after(timeout))
    }

    fn next_until(&mut self, deadline: Option<Deadline>) -> Result<Option<Future<R>>, WaitError> {
        while self.left > 0 {
            let place = match self.done.pop_front() {
                Some(place) => place,
                None => self.arrivals.next(self.futures.iter().flatten(), deadline)?,
            };
            // One that was done while it was being watched may be in both rows.
            if let Some(future) = self.futures[place].take() {
                self.left -= 1;
                return Ok(Some(future));
            }
        }
        Ok(None)
    }
}

impl<R> Iterator for AsCompleted<R> {
    type Item = Future<R>;

    fn next(&mut self) -> Option<Future<R>> {
        self.next_until(None).ok().flatten()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<R> std::fmt::Debug for AsCompleted<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The places of futures that are done.
struct Arrivals(Arc<Monitor<VecDeque<usize>>>);

/// The waker of one of them: has it arrive.
struct Arrival {
    arrivals: Arc<Monitor<VecDeque<usize>>>,
    place: usize,
}

impl Wake for Arrival {
    fn wake(self: Arc<Self>) {
        if let Ok(mut inside) = self.arrivals.enter(&Blocking) {
            inside.push_back(self.place);
            let waiting = inside.len();
            inside.leave_with_more(waiting);
        }
    }
}

impl Arrivals {
    fn new() -> Arrivals {
        Arrivals(Arc::new(Monitor::new(VecDeque::new(), 0)))
    }

    /// Has those that are not done arrive when they are; how many that will be.
    fn watch<R>(&self, futures: &mut [Future<R>]) -> usize {
        let mut left = 0;
        for (place, future) in futures.iter_mut().enumerate() {
            if !future.is_done() {
                let waker = Waker::from(Arc::new(Arrival { arrivals: Arc::clone(&self.0), place }));
                left += usize::from(!future.is_done_or_wakes(&waker));
            }
        }
        left
    }

    /// The place of the next one that came. Those of `futures` that wait in the pool of this thread are run by it
    /// meanwhile, if there is no deadline.
    fn next<'a, R: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a Future<R>>,
        deadline: Option<Deadline>,
    ) -> Result<usize, WaitError> {
        let mut futures = futures.into_iter();
        loop {
            if let Ok(mut inside) = self.0.enter(&Blocking)
                && let Some(place) = inside.pop_front()
            {
                let waiting = inside.len();
                inside.leave_with_fewer(waiting);
                return Ok(place);
            }
            if deadline.is_none() && futures.by_ref().any(Future::run_here) {
                continue;
            }
            self.0.wait_not_empty(deadline, &Blocking, || false)?;
        }
    }
}
