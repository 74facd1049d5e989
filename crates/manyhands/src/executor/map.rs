//! One function over many items: answers in the items' order, or as they come, while the rest is being worked on.
//!
//! Items are taken from their iterator as answers are fetched. At most a window of calls is under way, so an endless
//! iterator is no trouble and a slow reader keeps the memory small. Items may be sent several to a call. Dropping a map
//! cancels what no worker has begun. How a call gets to a worker is the engine's business: see [`Sender`].

use super::errors::{CallError, SubmitError};
use super::future::Future;
use crate::spawn::Failure;
use std::collections::VecDeque;

/// How many calls are under way at most, unless the caller sets another number.
const WINDOW: usize = 256;

/// The answers of the items of one call.
pub(super) type Chunk<R> = Vec<Result<R, Failure>>;

/// An engine, to a map.
pub(super) trait Sender<'a, T, R>: Send {
    /// Submits one call for some items.
    fn submit(&mut self, items: Vec<T>) -> Result<Future<Chunk<R>>, SubmitError>;

    /// From now on answers are to be had as they come.
    fn in_any_order(self: Box<Self>) -> Result<Box<dyn AnyOrder<T, R> + 'a>, SubmitError>;
}

/// An engine, to a map in any order. Dropping it cancels what no worker has begun with.
pub(super) trait AnyOrder<T, R>: Send {
    /// Submits one call for some items.
    fn submit(&mut self, items: Vec<T>) -> Result<(), SubmitError>;

    /// How many calls are under way.
    fn len(&self) -> usize;

    /// Waits for the next answer; `None` when no call is under way.
    fn next(&mut self) -> Option<Came<R>>;
}

/// The answer of one call.
pub(super) struct Came<R> {
    pub(super) number: u64,
    pub(super) function: &'static str,
    pub(super) items: usize,
    pub(super) answer: Result<Chunk<R>, CallError>,
}

/// What is sent next, and how much of it.
struct Plan<I> {
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
/// let threads = manyhands::Pool::threads(2)?;
/// let total: u64 = threads.map(|number: u64| number, 0..100)?.unordered()?.map(Result::unwrap).sum();
/// assert_eq!(total, 4950);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is submitted before the first answer is asked for"]
pub struct Map<'a, I: Iterator, R> {
    plan: Plan<I>,
    sender: Box<dyn Sender<'a, I::Item, R> + 'a>,
    under_way: InOrder<R>,
    answers: Answers<R>,
}

/// The calls under way and how many items each has. Dropping it cancels those that no worker has begun with.
struct InOrder<R>(VecDeque<(Future<Chunk<R>>, usize)>);

/// The answers of a map as they come.
#[must_use = "nothing is submitted before the first answer is asked for"]
pub struct Unordered<'a, I: Iterator, R> {
    plan: Plan<I>,
    /// What was submitted while order mattered.
    before: InOrder<R>,
    under_way: Box<dyn AnyOrder<I::Item, R> + 'a>,
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
    /// What was submitted is still given out; then this error is.
    Failed(SubmitError),
}

impl<'a, I: Iterator, R> Map<'a, I, R> {
    pub(super) fn new(sender: Box<dyn Sender<'a, I::Item, R> + 'a>, items: I) -> Self {
        let plan = Plan { items, chunk: 1, window: WINDOW };
        Map { plan, sender, under_way: InOrder(VecDeque::new()), answers: Answers::new() }
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

    /// Gives the answers as they come; after those that are under way already, in their order.
    ///
    /// # Errors
    /// When shared memory has run out, or too many such maps of one pool are under way.
    pub fn unordered(self) -> Result<Unordered<'a, I, R>, SubmitError> {
        let Map { plan, sender, under_way, answers } = self;
        Ok(Unordered { plan, before: under_way, under_way: sender.in_any_order()?, answers })
    }
}

impl<I: Iterator, R> Iterator for Map<'_, I, R> {
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.answers.ready.pop_front() {
                return Some(answer);
            }
            while self.under_way.0.len() < self.plan.window && !self.answers.is_stopped() {
                let Some(items) = self.answers.next_items(&mut self.plan) else { break };
                let count = items.len();
                let submitted = self.sender.submit(items);
                let Some(call) = self.answers.or_stop(submitted) else { break };
                self.under_way.0.push_back((call, count));
            }
            match self.under_way.next() {
                Some(came) => self.answers.take(came),
                None => return self.answers.stop(),
            }
        }
    }
}

impl<I: Iterator, R> Iterator for Unordered<'_, I, R> {
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.answers.ready.pop_front() {
                return Some(answer);
            }
            while self.under_way.len() < self.plan.window && !self.answers.is_stopped() {
                let Some(items) = self.answers.next_items(&mut self.plan) else { break };
                let submitted = self.under_way.submit(items);
                if self.answers.or_stop(submitted).is_none() {
                    break;
                }
            }
            match self.before.next().or_else(|| self.under_way.next()) {
                Some(came) => self.answers.take(came),
                None => return self.answers.stop(),
            }
        }
    }
}

impl<R> InOrder<R> {
    /// Waits for the answer of the first call.
    fn next(&mut self) -> Option<Came<R>> {
        let (call, items) = self.0.pop_front()?;
        call.wait_for_ever();
        let (number, function) = (call.number(), call.function());
        Some(Came { number, function, items, answer: call.take() })
    }
}

impl<R> Answers<R> {
    fn new() -> Answers<R> {
        Answers { ready: VecDeque::new(), end: End::Open }
    }

    fn is_stopped(&self) -> bool {
        !matches!(self.end, End::Open)
    }

    /// The items of the next call; none when all are sent.
    fn next_items<I: Iterator>(&mut self, plan: &mut Plan<I>) -> Option<Vec<I::Item>> {
        let items: Vec<I::Item> = plan.items.by_ref().take(plan.chunk).collect();
        if items.is_empty() {
            self.end = End::Reached;
            return None;
        }
        Some(items)
    }

    /// Passes on what was submitted; else notes why there are no more.
    fn or_stop<C>(&mut self, submitted: Result<C, SubmitError>) -> Option<C> {
        submitted.map_err(|error| self.end = End::Failed(error)).ok()
    }

    /// Tells, once, why there are no more.
    fn stop(&mut self) -> Option<Result<R, CallError>> {
        match std::mem::replace(&mut self.end, End::Reached) {
            End::Failed(error) => Some(Err(error.into())),
            End::Open | End::Reached => None,
        }
    }

    /// Takes the answers of the items of one call.
    fn take(&mut self, came: Came<R>) {
        let Came { number, function, items, answer } = came;
        match answer {
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

impl<R> Drop for InOrder<R> {
    fn drop(&mut self) {
        for (call, _) in &self.0 {
            call.cancel();
        }
    }
}
