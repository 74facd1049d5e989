//! A queue in two halves: senders put, receivers take, and each side learns when nobody is left on the other.
//!
//! The rules are those of `std::sync::mpsc`, for any number of threads and processes on either side. When the last
//! sender is gone a receiver gets what was put and then [`GetError::Disconnected`]; when the last receiver is gone,
//! putting is [`PutError::Disconnected`]. A half is gone when it was dropped, or belonged to a process that has ended,
//! however. A half on its way in a message or an argument is not gone. `ends` knows which halves exist, or, within a
//! process, a count of references.

use super::ends::{End, Side};
use super::error::{GetError, NotPut, PutError};
use super::iter::iterates;
use super::queue::{InArena, InProcess, Place, Queue};
use super::raw_queue::QueueStatistics;
use super::thread_queue::Leaves;
use crate::arena::{ArenaError, Handle, note};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use std::time::Duration;

macro_rules! half {
    ($(#[$doc:meta])* $name:ident, $side:expr, $debug:literal) => {
        $(#[$doc])*
        pub struct $name<T, P: Place = InArena> {
            // Goes first: while it notifies the other side, the queue is there.
            end: P::End<T>,
            queue: Queue<T, P>,
        }

        impl<T, P: Place> $name<T, P> {
            /// How many values wait: exact while no other thread puts or takes.
            pub fn len(&self) -> usize {
                self.queue.len()
            }

            /// Whether no value waits.
            pub fn is_empty(&self) -> bool {
                self.queue.is_empty()
            }

            /// What the queue did so far and holds now; it is closed when one of its sides is gone.
            pub fn statistics(&self) -> QueueStatistics {
                self.queue.statistics()
            }
        }

        impl<T, P: Place> Clone for $name<T, P> {
            fn clone(&self) -> Self {
                $name { end: self.end.clone(), queue: self.queue.clone() }
            }
        }

        impl<T, P: Place> std::fmt::Debug for $name<T, P> {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct($debug).field("queue", &self.queue).finish_non_exhaustive()
            }
        }

        impl<T> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                note(self.end.handle());
                note(self.queue.handle());
                self.end.handle().serialize(serializer)
            }
        }

        impl<'de, T> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let handle = Handle::deserialize(deserializer)?;
                let (end, engine) = End::attach(handle, $side).map_err(D::Error::custom)?;
                Ok($name { end, queue: Queue { engine } })
            }
        }
    };
}

half! {
    /// The half of a queue that puts: see [`Queue::channel`]. A clone is one more sender.
    Sender, Side::Senders, "Sender"
}

half! {
    /// The half of a queue that takes: see [`Queue::channel`]. A clone is one more receiver; each value goes to one of
    /// them.
    Receiver, Side::Receivers, "Receiver"
}

impl<T, P: Place> Receiver<T, P> {
    /// What it takes from.
    pub(super) fn queue(&self) -> &Queue<T, P> {
        &self.queue
    }
}

impl<T: Serialize + DeserializeOwned> Queue<T> {
    /// A queue that grows as needed, in two halves.
    ///
    /// ```
    /// use manyhands::{GetError, Process, Queue, Sender};
    ///
    /// fn greet(sender: Sender<String>) {
    ///     sender.put(&"hello".to_owned()).unwrap();
    /// }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let (sender, receiver) = Queue::channel()?;
    ///     let process = Process::spawn(greet, sender)?;
    ///     assert_eq!(receiver.get()?, "hello");
    ///     // The process had the only sender.
    ///     assert!(matches!(receiver.get(), Err(GetError::Disconnected { .. })));
    ///     process.join()?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// When shared memory has no room for another queue.
    pub fn channel() -> Result<(Sender<T>, Receiver<T>), ArenaError> {
        Queue::growing().and_then(halves)
    }

    /// A queue in which at most `limit` values wait, in two halves.
    ///
    /// # Errors
    /// As [`Queue::channel`].
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded_channel(limit: u64) -> Result<(Sender<T>, Receiver<T>), ArenaError> {
        Queue::bounded(limit).and_then(halves)
    }
}

fn halves<T>(queue: Queue<T>) -> Result<(Sender<T>, Receiver<T>), ArenaError> {
    let sender = Sender { end: End::new(&queue.engine, Side::Senders)?, queue: queue.clone() };
    Ok((sender, Receiver { end: End::new(&queue.engine, Side::Receivers)?, queue }))
}

impl<T> Queue<T, InProcess> {
    /// A queue within this process that grows as needed, in two halves.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = manyhands::Queue::channel_in_process();
    /// let worker = std::thread::spawn(move || receiver.into_iter().map(Result::unwrap).sum::<u32>());
    /// (1..=4).try_for_each(|number| sender.put(number))?;
    /// drop(sender);
    /// assert_eq!(worker.join().unwrap(), 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn channel_in_process() -> (Sender<T, InProcess>, Receiver<T, InProcess>) {
        halves_in_process(Queue::in_process())
    }

    /// A queue within this process in which at most `limit` values wait, in two halves.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded_channel_in_process(limit: usize) -> (Sender<T, InProcess>, Receiver<T, InProcess>) {
        halves_in_process(Queue::bounded_in_process(limit))
    }
}

fn halves_in_process<T>(queue: Queue<T, InProcess>) -> (Sender<T, InProcess>, Receiver<T, InProcess>) {
    let leaves = |side| Arc::new(Leaves { queue: Arc::clone(&queue.engine), side });
    let sender = Sender { end: leaves(Side::Senders), queue: queue.clone() };
    (sender, Receiver { end: leaves(Side::Receivers), queue })
}

impl<T: Serialize + DeserializeOwned> Sender<T> {
    /// Puts a value behind all others. Waits for room as long as it takes, unless nobody is left to make it.
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the last receiver is gone; when the value cannot be serialised, or shared memory
    /// is full.
    pub fn put(&self, value: &T) -> Result<(), PutError> {
        self.queue.put(value)
    }

    /// As `put`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`PutError::Full`] when there was no room in time.
    pub fn put_timeout(&self, value: &T, time: Duration) -> Result<(), PutError> {
        self.queue.put_timeout(value, time)
    }

    /// As `put`, if there is room now.
    ///
    /// # Errors
    /// As for `put_timeout`.
    pub fn try_put(&self, value: &T) -> Result<(), PutError> {
        self.queue.try_put(value)
    }
}

impl<T: Send> Sender<T, InProcess> {
    /// Puts a value behind all others. Waits for room as long as it takes, unless nobody is left to make it.
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the last receiver is gone; the value is given back.
    pub fn put(&self, value: T) -> Result<(), NotPut<T>> {
        self.queue.put(value)
    }

    /// As `put`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and when there was no room in time; the value is given back.
    pub fn put_timeout(&self, value: T, time: Duration) -> Result<(), NotPut<T>> {
        self.queue.put_timeout(value, time)
    }

    /// As `put`, if there is room now.
    ///
    /// # Errors
    /// As for `put_timeout`.
    pub fn try_put(&self, value: T) -> Result<(), NotPut<T>> {
        self.queue.try_put(value)
    }
}

macro_rules! receives {
    ($type:ty, $value:ident: $bound:path $(, $more:path)*) => {
        impl<$value: $bound $(+ $more)*> $type {
            /// Takes the first value. Waits for one as long as it takes, unless nobody is left to put it.
            ///
            /// # Errors
            /// [`GetError::Disconnected`] when nothing waits and the last sender is gone, or what was taken is no value
            /// of the type.
            pub fn get(&self) -> Result<$value, GetError> {
                self.queue.get()
            }

            /// As `get`, but not for longer than `time`.
            ///
            /// # Errors
            /// As there, and [`GetError::Empty`] when none came in time.
            pub fn get_timeout(&self, time: Duration) -> Result<$value, GetError> {
                self.queue.get_timeout(time)
            }

            /// As `get`, if there is a value now.
            ///
            /// # Errors
            /// As for `get_timeout`.
            pub fn try_get(&self) -> Result<$value, GetError> {
                self.queue.try_get()
            }
        }

        iterates!($type, $value: $bound $(, $more)*);
    };
}

receives!(Receiver<T>, T: Serialize, DeserializeOwned);
receives!(Receiver<T, InProcess>, T: Send);
