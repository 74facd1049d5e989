//! Messages between processes and threads: the ring that survives a kill, and the queues made of it.
//!
//! ```text
//! word, ring, chain    the algorithm: atomics over borrowed memory, model-checked; README.md names its races
//! storage              where a stream stands in the arena          stream   the waiting added; alone: for nobody
//! message, raw_queue   bytes with a tag, large ones as blocks      sweep    what deaths and ends undo
//! monitor              items of one process's threads, moved and not encoded
//! queue                the handle for Rust, over either: queue_in_arena, in_process; iter: one value after the other
//! halves               senders and receivers of one queue, and who is left of them: ends
//! wait                 how those wait whom perhaps nobody will wake             error    why nothing was put or taken
//! ```
//!
//! This layer knows no processes being started, no calls and no Python.

pub(crate) mod chain;
pub(crate) mod ring;
pub(crate) mod word;

#[cfg(not(manyhands_model))]
mod alone;
#[cfg(not(manyhands_model))]
mod ends;
#[cfg(not(manyhands_model))]
mod error;
#[cfg(not(manyhands_model))]
mod halves;
#[cfg(not(manyhands_model))]
mod in_process;
#[cfg(not(manyhands_model))]
mod iter;
#[cfg(not(manyhands_model))]
mod message;
#[cfg(not(manyhands_model))]
mod monitor;
#[cfg(not(manyhands_model))]
mod queue;
#[cfg(not(manyhands_model))]
mod queue_in_arena;
#[cfg(not(manyhands_model))]
mod raw_queue;
#[cfg(not(manyhands_model))]
mod storage;
#[cfg(not(manyhands_model))]
mod stream;
#[cfg(not(manyhands_model))]
mod sweep;
#[cfg(not(manyhands_model))]
mod wait;

#[cfg(not(manyhands_model))]
pub(crate) use sweep::{LAYER, messages_so_far};
#[cfg(not(manyhands_model))]
pub use {
    error::{GetError, NotPut, PutError, QueueName},
    halves::{Receiver, Sender},
    iter::{IntoIter, Iter, Source, TryIter},
    message::{Buffer, Content, INLINE, Message},
    monitor::{DoneTooOften, Inside, Monitor},
    queue::{InArena, InProcess, Place, Queue},
    raw_queue::{QueueStatistics, RawQueue},
};

#[cfg(all(test, manyhands_model))]
mod model;
#[cfg(all(test, manyhands_model))]
mod model_death;
#[cfg(all(test, manyhands_model))]
mod model_wait;
#[cfg(all(test, not(manyhands_model)))]
mod tests;
