//! Messages between processes and threads: the ring that survives a kill, and the queues made of it.
//!
//! ```text
//! word, ring, chain    the algorithm: atomics over borrowed memory, model-checked; README.md names its races
//! storage              where a stream stands in the arena          stream   the waiting added; alone: for nobody
//! message, raw_queue   bytes with a tag, large ones as blocks      sweep    what deaths and ends undo
//! monitor              items of one process's threads, moved and not encoded
//! queue                the handle for Rust, over either: queue_in_arena, in_process (its engine: thread_queue)
//! iter                 one value after the other
//! awaited, select      several queues, the first that is ready       readiness, alarm     the same as a descriptor
//! halves               senders and receivers of one queue, and who is left of them: ends
//! pipe                 two such queues, one for each direction      raw_halves, raw_pipe  the same of bytes with a tag
//! bytes_pipe           a pipe of bytes, for Rust
//! polling              how a thread waits that perhaps nobody will wake         error    why nothing was put or taken
//! ```
//!
//! This layer knows no processes being started, no calls and no Python.

use cfg_if::cfg_if;

#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
pub(crate) mod alarm;
pub(crate) mod chain;
pub(crate) mod ring;
pub(crate) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod alone;
        mod awaited;
        mod bytes_pipe;
        mod ends;
        mod error;
        mod halves;
        mod in_process;
        mod iter;
        mod message;
        mod monitor;
        mod pipe;
        mod queue;
        mod queue_in_arena;
        mod raw_halves;
        mod raw_pipe;
        mod raw_queue;
        mod readiness;
        mod select;
        mod storage;
        mod stream;
        mod sweep;
        mod thread_queue;
        mod polling;

        pub(crate) use sweep::{LAYER, messages_so_far};
        pub use {
            awaited::{Awaited, SelectError, wait_for_any},
            bytes_pipe::BytesPipe,
            error::{GetError, NotPut, PutError, QueueName},
            halves::{Receiver, Sender},
            iter::{IntoIter, Iter, Source, TryIter},
            message::{Buffer, Content, INLINE, Message},
            monitor::{DoneTooOften, Inside, Monitor},
            pipe::{Pipe, Sides},
            queue::{InArena, InProcess, Place, Queue},
            raw_halves::{RawReceiver, RawSender, raw_channel},
            raw_pipe::RawPipe,
            raw_queue::{QueueStatistics, RawQueue},
            readiness::Readiness,
            select::{Select, Selectable},
        };
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
#[cfg(all(test, manyhands_model))]
mod model_death;
#[cfg(all(test, manyhands_model))]
mod model_wait;
#[cfg(all(test, not(manyhands_model)))]
mod tests;
