//! Calls that worker processes run: functions of the program, with arguments and results that travel as bytes.
//!
//! ```text
//! word  ring                        the algorithms: one word per call, a ring of hints; model has both checked
//! slot  record  latch  view         what stands in the arena for a pool, and the way to it
//! sweep  obituary  beyond_help      what a dead worker or requester leaves behind; a pool that nobody can help
//! raw_pool  requester  free_list    the requester's side, in bytes: the pool
//! raw_call  watch                   the requester's side, in bytes: a call, and who looks at it besides
//! completions  callbacks            answers as they come; what is done unasked
//! worker  supervised                the worker's side, in bytes; the supervisor's
//! supervision                       who keeps the workers, and how another process takes its place
//! engine  pool                      functions and values, as bytes, on the above
//! future  map  answered             a future's half; how a map's items get there; shared objects in an answer
//! ```
//!
//! An idle worker's death changes nothing, since nobody has pushed a call to it. Each call has a slot, its answer goes
//! there, and whoever waits for it sleeps on the slot's own word. Up to `engine` nothing knows what bytes mean.
//! `README.md`, one folder up, has the races.

#[cfg(not(manyhands_model))]
mod answered;
#[cfg(not(manyhands_model))]
mod beyond_help;
#[cfg(not(manyhands_model))]
mod callbacks;
#[cfg(not(manyhands_model))]
mod completions;
#[cfg(not(manyhands_model))]
mod engine;
#[cfg(not(manyhands_model))]
mod free_list;
#[cfg(not(manyhands_model))]
mod future;
#[cfg(not(manyhands_model))]
mod latch;
#[cfg(not(manyhands_model))]
mod map;
#[cfg(not(manyhands_model))]
mod obituary;
#[cfg(not(manyhands_model))]
mod pool;
#[cfg(not(manyhands_model))]
mod raw_call;
#[cfg(not(manyhands_model))]
mod raw_pool;
#[cfg(not(manyhands_model))]
mod record;
#[cfg(not(manyhands_model))]
mod requester;
mod ring;
#[cfg(not(manyhands_model))]
mod slot;
#[cfg(not(manyhands_model))]
mod supervised;
#[cfg(not(manyhands_model))]
mod supervision;
#[cfg(not(manyhands_model))]
mod sweep;
#[cfg(not(manyhands_model))]
mod view;
#[cfg(not(manyhands_model))]
mod watch;
mod word;
#[cfg(not(manyhands_model))]
mod worker;

#[cfg(all(test, manyhands_model))]
mod model;
#[cfg(all(test, not(manyhands_model)))]
mod tests;

#[cfg(not(manyhands_model))]
pub(crate) use sweep::{LAYER, calls_so_far};
#[cfg(not(manyhands_model))]
pub use {
    callbacks::{Callback, Callbacks},
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
#[cfg(not(manyhands_model))]
pub(super) use {
    engine::ProcessesPlan,
    future::{Remote, wait_for},
};
