//! `Select`: a thread that waits for the first of several queues from which something can be taken.
//!
//! It says from which, and leaves the taking to its user. The queues may be of any types, in the arena and within the
//! process. The shape is that of crossbeam's `Select`.

use super::awaited::{Awaited, SelectError, wait_for_any};
use super::bytes_pipe::BytesPipe;
use super::halves::Receiver;
use super::pipe::Pipe;
use super::queue::{Place, Queue};
use crate::platform::Deadline;
use crate::sync::Blocking;
use std::time::Duration;

/// What a [`Select`] can wait for: a [`Queue`], a [`Receiver`], a [`Pipe`] or a [`BytesPipe`].
pub trait Selectable: sealed::Sealed {
    #[doc(hidden)]
    fn awaited(&self) -> &dyn Awaited;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! selectable {
    ($type:ty, <$($parameter:ident $(: $bound:path)?),*>, |$this:ident| $awaited:expr) => {
        impl<$($parameter $(: $bound)?),*> sealed::Sealed for $type {}

        impl<$($parameter $(: $bound)?),*> Selectable for $type {
            fn awaited(&self) -> &dyn Awaited {
                let $this = self;
                $awaited
            }
        }
    };
}

selectable!(Queue<T, P>, <T: Send, P: Place>, |this| P::awaited(&this.engine));
selectable!(Receiver<T, P>, <T: Send, P: Place>, |this| this.queue().awaited());
selectable!(Pipe<S, R>, <S, R: Send>, |this| this.receiver().awaited());
selectable!(BytesPipe, <>, |this| this.incoming());

/// Several queues, from the first of which that has something a thread wants to take.
///
/// A queue is ready when a `get` would not wait: when something is in it, or when it is closed or disconnected. Another
/// taker may be quicker, so [`try_get`](Queue::try_get) is what to call then. When several are ready they come in turn.
///
/// ```
/// use manyhands::{Process, Queue, Select};
///
/// fn double((numbers, doubled): (Queue<u32>, Queue<u32>)) {
///     for number in &numbers {
///         doubled.put(&(number.unwrap() * 2)).unwrap();
///     }
///     doubled.close();
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (numbers, doubled, notes) = (Queue::growing()?, Queue::growing()?, Queue::in_process());
///     let process = Process::spawn(double, (numbers.clone(), doubled.clone()))?;
///     let mut select = Select::new();
///     let (is_doubled, is_note) = (select.add(&doubled), select.add(&notes));
///
///     notes.put("a note".to_owned())?;
///     assert_eq!(select.ready()?, is_note);
///     assert_eq!(notes.try_get()?, "a note");
///     numbers.put(&21)?;
///     assert_eq!(select.ready()?, is_doubled);
///     assert_eq!(doubled.try_get()?, 42);
///     numbers.close();
///     process.join()?;
///     Ok(())
/// }
/// ```
#[derive(Default)]
pub struct Select<'a> {
    queues: Vec<Option<&'a dyn Awaited>>,
    /// The number that is looked at first, so that a queue that always has something does not hide the others.
    from: usize,
}

impl<'a> Select<'a> {
    /// No queues yet.
    pub fn new() -> Select<'a> {
        Select::default()
    }

    /// Waits for this one, too. Returns its number: they count from 0.
    pub fn add(&mut self, queue: &'a impl Selectable) -> usize {
        self.queues.push(Some(queue.awaited()));
        self.queues.len() - 1
    }

    /// Waits for this one no more, as when it is closed: then it would be ready for ever. The others keep their
    /// numbers.
    ///
    /// # Panics
    /// When there is none of that number, or it was removed before.
    pub fn remove(&mut self, number: usize) {
        let queue = self.queues.get_mut(number).and_then(Option::take);
        assert!(queue.is_some(), "there is no queue number {number} in this Select");
    }

    /// Waits until one of the queues is ready, and returns its number.
    ///
    /// # Errors
    /// [`SelectError::Disconnected`] when no other thread or process is left that could put anything into one of them.
    ///
    /// # Panics
    /// When there is no queue, since that wait would never end.
    pub fn ready(&mut self) -> Result<usize, SelectError> {
        self.ready_until(None)
    }

    /// As `ready`, but not for longer than `time`.
    ///
    /// # Errors
    /// [`SelectError::TimedOut`].
    ///
    /// # Panics
    /// As there.
    pub fn ready_timeout(&mut self, time: Duration) -> Result<usize, SelectError> {
        self.ready_until(Deadline::after(time))
    }

    /// As `ready`, without waiting.
    ///
    /// # Errors
    /// As for `ready_timeout`.
    ///
    /// # Panics
    /// As there.
    pub fn try_ready(&mut self) -> Result<usize, SelectError> {
        self.ready_timeout(Duration::ZERO)
    }

    fn ready_until(&mut self, deadline: Option<Deadline>) -> Result<usize, SelectError> {
        let (numbers, queues): (Vec<usize>, Vec<&dyn Awaited>) =
            self.queues.iter().enumerate().filter_map(|(number, queue)| Some((number, (*queue)?))).unzip();
        let from = numbers.iter().position(|number| *number >= self.from).unwrap_or(0);
        let number = numbers[wait_for_any(&queues, from, deadline, &Blocking)?];
        self.from = number + 1;
        Ok(number)
    }
}

impl std::fmt::Debug for Select<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queues = self.queues.iter().flatten().count();
        formatter.debug_struct("Select").field("queues", &queues).finish_non_exhaustive()
    }
}
