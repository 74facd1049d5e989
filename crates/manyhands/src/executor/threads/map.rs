//! How a map's items get to the threads of a pool.
//!
//! Each call is a closure with its items and a reference to the function. For answers in any order, the threads put
//! theirs into one row. A thread of the pool that maps over its own pool runs those of its calls that no other thread
//! has begun with.

use super::engine::Threads;
use crate::channel::Monitor;
use crate::executor::errors::SubmitError;
use crate::executor::future::Future;
use crate::executor::map::{AnyOrder, Came, Chunk, Sender};
use crate::platform::atomic::{AtomicBool, Ordering};
use crate::spawn::entry;
use crate::sync::Blocking;
use std::collections::VecDeque;
use std::sync::Arc;

/// A pool of threads, to a map.
pub(super) struct ToThreads<'a, F> {
    engine: &'a Threads,
    function: Arc<F>,
}

impl<'a, F> ToThreads<'a, F> {
    pub(super) fn new(engine: &'a Threads, function: F) -> Self {
        ToThreads { engine, function: Arc::new(function) }
    }
}

struct AsTheyCome<'a, F, R> {
    to: ToThreads<'a, F>,
    came: Arc<Monitor<VecDeque<Came<R>>>>,
    under_way: usize,
    /// The answers are no longer wanted.
    is_left: Arc<AtomicBool>,
    /// The calls' numbers, if this is a thread of the same pool.
    own: VecDeque<u64>,
}

impl<'a, F, T, R> Sender<'a, T, R> for ToThreads<'a, F>
where
    F: Fn(T) -> R + Send + Sync + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn submit(&mut self, items: Vec<T>) -> Result<Future<Chunk<R>>, SubmitError> {
        let function = Arc::clone(&self.function);
        let each = move || items.into_iter().map(|item| entry::caught(|| function(item))).collect();
        self.engine.submit(each, std::any::type_name::<F>())
    }

    fn in_any_order(self: Box<Self>) -> Result<Box<dyn AnyOrder<T, R> + 'a>, SubmitError> {
        let came = Arc::new(Monitor::new(VecDeque::new(), 0));
        let (is_left, own) = (Arc::new(AtomicBool::new(false)), VecDeque::new());
        Ok(Box::new(AsTheyCome { to: *self, came, under_way: 0, is_left, own }))
    }
}

impl<F, T, R> AnyOrder<T, R> for AsTheyCome<'_, F, R>
where
    F: Fn(T) -> R + Send + Sync + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn submit(&mut self, items: Vec<T>) -> Result<(), SubmitError> {
        let (function, is_left) = (Arc::clone(&self.to.function), Arc::clone(&self.is_left));
        let count = items.len();
        let name = std::any::type_name::<F>();
        let each = move || {
            let wanted = items.into_iter().take_while(|_| !is_left.load(Ordering::Relaxed));
            wanted.map(|item| entry::caught(|| function(item))).collect::<Chunk<R>>()
        };
        let call = self.to.engine.submit(each, name)?;
        let (number, came) = (call.number(), Arc::clone(&self.came));
        if self.to.engine.workers.is_mine() {
            self.own.push_back(number);
        }
        self.under_way += 1;
        call.on_done(move |answer| {
            let Ok(mut inside) = came.enter(&Blocking) else { return };
            inside.push_back(Came { number, function: name, items: count, answer });
            let waiting = inside.len();
            inside.leave_with_more(waiting);
        })
    }

    fn len(&self) -> usize {
        self.under_way
    }

    fn next(&mut self) -> Option<Came<R>> {
        if self.under_way == 0 {
            return None;
        }
        loop {
            if let Ok(mut inside) = self.came.enter(&Blocking)
                && let Some(came) = inside.pop_front()
            {
                let waiting = inside.len();
                inside.leave_with_fewer(waiting);
                self.under_way -= 1;
                return Some(came);
            }
            match self.own.pop_front() {
                Some(number) => drop(self.to.engine.workers.run_here(number)),
                None => drop(self.came.wait_not_empty(None, &Blocking, || false)),
            }
        }
    }
}

impl<F, R> Drop for AsTheyCome<'_, F, R> {
    fn drop(&mut self) {
        self.is_left.store(true, Ordering::Relaxed);
    }
}
