//! How a map's items get to worker processes.
//!
//! Each call carries its items as bytes, and its answer one result for each of them. For answers in any order the
//! workers note in a latch which calls they have answered; dropping that cancels what no worker has begun.

use super::completions::Completions;
use super::engine::with_call;
use super::future::read;
use super::raw_pool::RawPool;
use crate::executor::errors::SubmitError;
use crate::executor::future::Future;
use crate::executor::map::{AnyOrder, Came, Chunk, Sender};
use crate::spawn::Entry;
use crate::sync::Blocking;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A pool of processes, to a map of `T` to `R`.
pub(super) struct ToProcesses<'a, T, R> {
    pool: &'a RawPool,
    entry: Entry,
    function: &'static str,
    retries: u32,
    types: PhantomData<fn(T) -> R>,
}

impl<'a, T, R> ToProcesses<'a, T, R> {
    /// `entry` is of a function that takes a `Vec<T>` and gives a [`Chunk`].
    pub(super) fn new(pool: &'a RawPool, entry: Entry, function: &'static str, retries: u32) -> Self {
        ToProcesses { pool, entry, function, retries, types: PhantomData }
    }
}

struct AsTheyCome<'a, T, R> {
    to: ToProcesses<'a, T, R>,
    under_way: Completions<usize>,
}

impl<'a, T, R> Sender<'a, T, R> for ToProcesses<'a, T, R>
where
    T: Serialize + 'a,
    R: DeserializeOwned + 'a,
{
    fn submit(&mut self, items: Vec<T>) -> Result<Future<Chunk<R>>, SubmitError> {
        let call = with_call(self.entry, self.retries, &items, |call| self.pool.submit(call))?;
        Ok(Future::of_process(call, self.function))
    }

    fn in_any_order(self: Box<Self>) -> Result<Box<dyn AnyOrder<T, R> + 'a>, SubmitError> {
        let under_way = Completions::new(self.pool)?;
        Ok(Box::new(AsTheyCome { to: *self, under_way }))
    }
}

impl<T: Serialize, R: DeserializeOwned> AnyOrder<T, R> for AsTheyCome<'_, T, R> {
    fn submit(&mut self, items: Vec<T>) -> Result<(), SubmitError> {
        let AsTheyCome { to, under_way } = self;
        with_call(to.entry, to.retries, &items, |call| under_way.submit(call, items.len()))
    }

    fn len(&self) -> usize {
        self.under_way.len()
    }

    fn next(&mut self) -> Option<Came<R>> {
        loop {
            // Without a deadline, and with nobody to interrupt it, a wait ends with an answer only.
            if let Ok(next) = self.under_way.next(None, &Blocking) {
                let (call, items) = next?;
                let (number, function) = (call.number(), self.to.function);
                return Some(Came { number, function, items, answer: read(call, function) });
            }
        }
    }
}
