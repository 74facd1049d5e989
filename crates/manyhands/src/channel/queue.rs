//! `Queue`: one handle on a queue of values, over one of two engines.
//!
//! The engine is in the queue's type, since it decides what may go through. In the arena that is any serde type,
//! encoded, between processes; within a process, anything that may change threads, moved and never encoded. All else is
//! the same. Each value goes to one taker, in order.

use super::awaited::Awaited;
use super::ends::End;
use super::raw_queue::{QueueStatistics, RawQueue};
use super::thread_queue::{Leaves, ThreadQueue};
use std::sync::Arc;

/// Where the values of a [`Queue`] stand: [`InArena`] or [`InProcess`].
pub trait Place: sealed::Sealed + Sized {
    #[doc(hidden)]
    type Engine<T>: Clone;
    /// What a half keeps alive so that the other side knows of it.
    #[doc(hidden)]
    type End<T>: Clone;
    #[doc(hidden)]
    fn close<T>(engine: &Self::Engine<T>);
    #[doc(hidden)]
    fn statistics<T>(engine: &Self::Engine<T>) -> QueueStatistics;
    #[doc(hidden)]
    fn awaited<T: Send>(engine: &Self::Engine<T>) -> &dyn Awaited;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::InArena {}
    impl Sealed for super::InProcess {}
}

/// In the arena, for threads and processes: values travel by serde.
#[derive(Debug)]
pub enum InArena {}

/// In this process, for its threads: values are moved.
#[derive(Debug)]
pub enum InProcess {}

impl Place for InArena {
    type Engine<T> = RawQueue;
    type End<T> = End;

    fn close<T>(engine: &RawQueue) {
        engine.close();
    }

    fn statistics<T>(engine: &RawQueue) -> QueueStatistics {
        engine.statistics()
    }

    fn awaited<T: Send>(engine: &RawQueue) -> &dyn Awaited {
        engine
    }
}

impl Place for InProcess {
    type Engine<T> = Arc<ThreadQueue<T>>;
    type End<T> = Arc<Leaves<T>>;

    fn close<T>(engine: &Arc<ThreadQueue<T>>) {
        engine.close();
    }

    fn statistics<T>(engine: &Arc<ThreadQueue<T>>) -> QueueStatistics {
        engine.statistics()
    }

    fn awaited<T: Send>(engine: &Arc<ThreadQueue<T>>) -> &dyn Awaited {
        &**engine
    }
}

/// A queue of `T`, bounded or growing, for any number of producers and consumers, in threads and processes, or with
/// [`Queue::in_process`] in the threads of this one.
///
/// A clone is another reference to the same queue; the queue goes with the last reference. Between processes, a process
/// that is killed while it puts or takes costs the others at most that one value.
///
/// ```
/// let queue = manyhands::Queue::bounded(8)?;
/// queue.put(&("answer".to_owned(), 42))?;
/// queue.close();
/// assert_eq!(queue.get()?, ("answer".to_owned(), 42));
/// assert!(matches!(queue.get(), Err(manyhands::GetError::Closed { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Within a process values are moved, so anything that may change threads goes through:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = manyhands::Queue::bounded_in_process(8);
/// queue.put(Box::new(|number: u32| number + 1) as Box<dyn Fn(u32) -> u32 + Send>)?;
/// assert_eq!((queue.get()?)(41), 42);
/// # Ok(())
/// # }
/// ```
pub struct Queue<T, P: Place = InArena> {
    pub(super) engine: P::Engine<T>,
}

impl<T, P: Place> Queue<T, P> {
    /// Refuses all further puts. What is in the queue can still be taken; after that, takers get an error that says the
    /// queue is closed.
    pub fn close(&self) {
        P::close(&self.engine);
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.statistics().closed
    }

    /// How many values wait: exact while no other thread puts or takes.
    pub fn len(&self) -> usize {
        self.statistics().waiting as usize
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many values wait as may.
    pub fn is_full(&self) -> bool {
        let QueueStatistics { waiting, limit, .. } = self.statistics();
        limit.is_some_and(|limit| waiting >= limit)
    }

    /// What the queue did so far and holds now.
    pub fn statistics(&self) -> QueueStatistics {
        P::statistics(&self.engine)
    }
}

impl<T, P: Place> Clone for Queue<T, P> {
    fn clone(&self) -> Self {
        Queue { engine: self.engine.clone() }
    }
}

impl<T, P: Place> std::fmt::Debug for Queue<T, P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queue").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
