//! One function over many items: answers in the items' order, or as they come, while the rest is being worked on.
//!
//! Items are taken from their iterator as answers are fetched: at most a window of calls is under way, so an endless
//! iterator is no trouble and a slow reader keeps the memory small. Items may be sent several to a call. Dropping a map
//! cancels what no worker has begun with.

use super::answered::Answered;
use super::completions::Completions;
use super::errors::{CallError, SubmitError};
use super::future::{read, wait_for_ever};
use super::pool::with_call;
use super::raw_call::RawCall;
use super::raw_pool::{NewCall, RawPool};
use crate::spawn::{Entry, Failure, entry};
use crate::sync::{Blocking, Wait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

/// How many calls are under way at most, unless told otherwise.
const WINDOW: usize = 256;

/// What a map sends: how, and how much of it.
struct Plan<'a, I> {
    pool: &'a RawPool,
    entry: Entry,
    function: &'static str,
    retries: u32,
    items: I,
    chunk: usize,
    window: usize,
}

/// The answers of a map, in the order of its items. Each is a value or says why there is none; the others go on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = manyhands::Pool::new(2)?;
/// for (number, square) in pool.map(|number: u64| number * number, 0..1000)?.chunk(50).enumerate() {
///     assert_eq!(square?, (number * number) as u64);
/// }
/// let total: u64 = pool.map(|number: u64| number, 0..100)?.unordered()?.map(Result::unwrap).sum();
/// assert_eq!(total, 4950);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is submitted before the first answer is asked for"]
pub struct Map<'a, I, R> {
    plan: Plan<'a, I>,
    under_way: InOrder,
    answers: Answers<R>,
}

/// The calls under way and how many items each has. Dropping it cancels those that no worker has begun with.
struct InOrder(VecDeque<(RawCall, usize)>);

/// The answers of a map as they come.
#[must_use = "nothing is submitted before the first answer is asked for"]
pub struct Unordered<'a, I, R> {
    plan: Plan<'a, I>,
    under_way: Completions<usize>,
    answers: Answers<R>,
}

/// Answers that were fetched and not given out.
struct Answers<R> {
    ready: VecDeque<Result<R, CallError>>,
    end: End,
}

/// Whether more is to be submitted.
enum End {
    Open,
    Reached,
    /// What was submitted is still given out; then this is told.
    Failed(SubmitError),
}

impl<'a, I, R> Map<'a, I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    pub(super) fn new<F>(pool: &'a RawPool, retries: u32, function: F, items: I) -> Result<Self, SubmitError>
    where
        F: Fn(I::Item) -> R + Copy + Send + 'static,
    {
        // It captures the function alone, so it is as empty as that, of which the pool has made sure.
        let each = move |items: Vec<I::Item>| {
            let answers = items.into_iter().map(|item| entry::caught(|| function(item)));
            Answered(answers.collect::<Vec<Result<R, Failure>>>())
        };
        let plan = Plan {
            pool,
            entry: Entry::of_empty(each)?,
            function: std::any::type_name::<F>(),
            retries,
            items,
            chunk: 1,
            window: WINDOW,
        };
        Ok(Map { plan, under_way: InOrder(VecDeque::new()), answers: Answers::new() })
    }

    /// Sends so many items in one call. A worker's death costs the items of its call.
    ///
    /// # Panics
    /// When it is 0.
    pub fn chunk(mut self, items: usize) -> Self {
        assert!(items > 0, "a call has at least one item");
        self.plan.chunk = items;
        self
    }

    /// Has at most so many calls under way.
    ///
    /// # Panics
    /// When it is 0.
    pub fn window(mut self, calls: usize) -> Self {
        assert!(calls > 0, "at least one call is under way");
        self.plan.window = calls;
        self
    }

    /// Gives the answers as they come.
    ///
    /// # Errors
    /// When shared memory has run out, or too many such maps of one pool are under way.
    pub fn unordered(self) -> Result<Unordered<'a, I, R>, SubmitError> {
        let Map { plan, mut under_way, answers } = self;
        let mut any_order = Completions::new(plan.pool)?;
        for (call, items) in under_way.0.drain(..) {
            any_order.adopt(call, items);
        }
        Ok(Unordered { plan, under_way: any_order, answers })
    }
}

impl<I, R> Iterator for Map<'_, I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.answers.ready.pop_front() {
                return Some(answer);
            }
            while self.under_way.0.len() < self.plan.window && !self.answers.is_stopped() {
                let submitted = self.plan.submit_next(|pool, call, _| pool.submit(call));
                match self.answers.or_stop(submitted) {
                    Some(call) => self.under_way.0.push_back(call),
                    None => break,
                }
            }
            let Some((call, items)) = self.under_way.0.pop_front() else { return self.answers.stop() };
            wait_for_ever(&call);
            self.answers.take(call, items, self.plan.function);
        }
    }
}

impl<I, R> Iterator for Unordered<'_, I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.answers.ready.pop_front() {
                return Some(answer);
            }
            while self.under_way.len() < self.plan.window && !self.answers.is_stopped() {
                let under_way = &mut self.under_way;
                let submitted = self.plan.submit_next(|_, call, items| under_way.submit(call, items));
                if self.answers.or_stop(submitted).is_none() {
                    break;
                }
            }
            match self.under_way.next(&Wait::arena(None, &Blocking)) {
                Ok(Some((call, items))) => self.answers.take(call, items, self.plan.function),
                Ok(None) => return self.answers.stop(),
                // Without a deadline, and with nobody to interrupt it, a wait ends with an answer only.
                Err(_) => {}
            }
        }
    }
}

impl<I> Plan<'_, I>
where
    I: Iterator,
    I::Item: Serialize,
{
    /// Submits the next items; `None` when there are none.
    fn submit_next<C>(
        &mut self,
        submit: impl FnOnce(&RawPool, &NewCall<'_>, usize) -> Result<C, SubmitError>,
    ) -> Option<Result<(C, usize), SubmitError>> {
        let items: Vec<I::Item> = self.items.by_ref().take(self.chunk).collect();
        if items.is_empty() {
            return None;
        }
        let count = items.len();
        let submitted = with_call(self.entry, self.retries, &items, |call| submit(self.pool, call, count));
        Some(submitted.map(|call| (call, count)))
    }
}

impl<R> Answers<R> {
    fn new() -> Answers<R> {
        Answers { ready: VecDeque::new(), end: End::Open }
    }

    fn is_stopped(&self) -> bool {
        !matches!(self.end, End::Open)
    }

    /// Passes on a call that was submitted; else notes that, and why, there are no more.
    fn or_stop<C>(&mut self, submitted: Option<Result<C, SubmitError>>) -> Option<C> {
        match submitted {
            Some(Ok(call)) => return Some(call),
            Some(Err(error)) => self.end = End::Failed(error),
            None => self.end = End::Reached,
        }
        None
    }

    /// Tells, once, why there are no more.
    fn stop(&mut self) -> Option<Result<R, CallError>> {
        match std::mem::replace(&mut self.end, End::Reached) {
            End::Failed(error) => Some(Err(error.into())),
            End::Open | End::Reached => None,
        }
    }
}

impl<R: DeserializeOwned> Answers<R> {
    /// Takes the answers of the items of one call.
    fn take(&mut self, call: RawCall, items: usize, function: &'static str) {
        let number = call.number();
        match read::<Vec<Result<R, Failure>>>(call, function) {
            Ok(answers) => self.ready.extend(answers.into_iter().map(|answer| {
                answer.map_err(|failure| CallError::Failed { number, call: function, failure })
            })),
            Err(CallError::Unanswered(failure)) => {
                self.ready.extend((0..items).map(|_| Err(failure.clone().into())));
            }
            Err(CallError::Failed { failure, .. }) => {
                let each = || CallError::Failed { number, call: function, failure: failure.clone() };
                self.ready.extend((0..items).map(|_| Err(each())));
            }
            Err(error) => self.ready.push_back(Err(error)),
        }
    }
}

impl Drop for InOrder {
    fn drop(&mut self) {
        for (call, _) in &self.0 {
            call.cancel();
        }
    }
}
