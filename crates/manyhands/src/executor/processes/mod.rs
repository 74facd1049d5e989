//! Calls that worker processes run: functions of the program, with arguments and results that travel as bytes.
//!
//! ```text
//! word  ring                        the algorithms: one word per call, a ring of hints; model has both checked
//! slot  record  latch  view         what stands in the arena for a pool, and the way to it
//! sweep  obituary  beyond_help      what a dead worker or requester leaves behind; a pool that nobody can help
//! raw_pool  requester  free_list    the requester's side, in bytes: the pool
//! raw_call  watch                   the requester's side, in bytes: a call, and who looks at it besides
//! completions                       answers as they come
//! callbacks  callback_thread        what is done unasked when an answer comes
//! worker  supervised                the worker's side, in bytes; the supervisor's
//! supervision                       who keeps the workers, and how another process takes its place
//! engine  pool                      functions and values, as bytes, on the above
//! future  map  answered             a future's half; how a map's items get there; shared objects in an answer
//! ```
//!
//! An idle worker's death changes nothing, since nobody has pushed a call to it. Each call has a slot; its answer goes
//! there, and its waiters sleep on the slot's own word. Up to `engine` nothing knows what bytes mean. `README.md`, one
//! folder up, has the races.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod answered;
        mod beyond_help;
        mod callback_thread;
        mod callbacks;
        mod completions;
        mod engine;
        mod free_list;
        mod future;
        mod latch;
        mod map;
        mod obituary;
        mod pool;
        mod raw_call;
        mod raw_pool;
        mod record;
        mod requester;
        mod slot;
        mod supervised;
        mod supervision;
        mod sweep;
        mod view;
        mod watch;
        mod worker;

        pub(crate) use answered::{Answered, take_carried};
        pub(crate) use sweep::{LAYER, calls_so_far};
        pub use {
            callbacks::Callbacks,
            completions::Completions,
            engine::Processes,
            raw_call::{RawAnswer, RawCall},
            raw_pool::{NewCall, PoolPlan, RawPool},
            slot::{Bytes, INLINE},
            supervised::supervised,
            supervision::Turn,
            watch::CallWatch,
            worker::{CallRequest, Worker, WorkerEnd},
        };
        pub(super) use {
            engine::ProcessesPlan,
            future::{Remote, wait_for},
        };
    }
}

mod ring;
mod word;

#[cfg(all(test, manyhands_model))]
mod model;
#[cfg(all(test, not(manyhands_model)))]
mod tests;
