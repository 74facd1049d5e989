//! Calls to functions, run by a pool of worker processes, and their answers.
//!
//! ```text
//! call_word  call_ring            the algorithms: one word per call, a ring of hints (see the model tests)
//! slot  record  latch  view       what stands in the arena for a pool, and the way to it
//! sweep  obituary                 what a dead worker or requester leaves behind
//! raw_pool  requester  free_list
//! raw_call  call_watch            the requester's side, in bytes
//! completions  callbacks          answers as they come; what is done unasked
//! worker  kept                    the worker's side, in bytes; the supervisor's
//! pool                            the handle for Rust, over one of two engines:
//! processes  remote                   functions and values, as bytes, on the above
//! threads                             closures, run by threads of this process
//! future  map  together           what a pool gives, whatever its engine
//! ```
//!
//! Workers pull: nobody pushes a call to a worker, so an idle one's death changes nothing. Each call has a slot, its
//! answer goes there, and whoever waits for it sleeps on the slot's own word: there is no result queue and no thread
//! that carries results. This layer knows no Python; what bytes mean is up to who puts and takes them.

#[cfg(not(manyhands_model))]
mod admission;
#[cfg(not(manyhands_model))]
mod answered;
#[cfg(not(manyhands_model))]
mod beyond_help;
mod call_ring;
#[cfg(not(manyhands_model))]
mod call_watch;
mod call_word;
#[cfg(not(manyhands_model))]
mod callbacks;
#[cfg(not(manyhands_model))]
mod completions;
#[cfg(not(manyhands_model))]
mod errors;
#[cfg(not(manyhands_model))]
mod free_list;
#[cfg(not(manyhands_model))]
mod future;
#[cfg(not(manyhands_model))]
mod latch;
#[cfg(not(manyhands_model))]
mod map;
#[cfg(not(manyhands_model))]
mod map_processes;
#[cfg(not(manyhands_model))]
mod map_threads;
#[cfg(not(manyhands_model))]
mod obituary;
#[cfg(not(manyhands_model))]
mod pool;
#[cfg(not(manyhands_model))]
mod processes;
#[cfg(not(manyhands_model))]
mod raw_call;
#[cfg(not(manyhands_model))]
mod raw_pool;
#[cfg(not(manyhands_model))]
mod record;
#[cfg(not(manyhands_model))]
mod remote;
#[cfg(not(manyhands_model))]
mod requester;
#[cfg(not(manyhands_model))]
mod slot;
#[cfg(not(manyhands_model))]
mod supervised;
#[cfg(not(manyhands_model))]
mod sweep;
pub mod threads;
#[cfg(not(manyhands_model))]
mod together;
#[cfg(not(manyhands_model))]
mod view;
#[cfg(not(manyhands_model))]
mod worker;

#[cfg(all(test, manyhands_model))]
mod model;
#[cfg(all(test, not(manyhands_model)))]
mod tests;

#[cfg(not(manyhands_model))]
pub(crate) use sweep::calls_so_far;
#[cfg(not(manyhands_model))]
pub use {
    admission::AdmissionError,
    call_watch::CallWatch,
    callbacks::{Callback, Callbacks},
    completions::Completions,
    errors::{CallError, CallFailure, PoolError, SubmitError, WorkerDied},
    future::Future,
    map::{Map, Unordered},
    pool::{Engine, Pool, PoolBuilder},
    processes::Processes,
    raw_call::{RawAnswer, RawCall},
    raw_pool::{NewCall, PoolPlan, PoolStatistics, RawPool},
    record::PoolState,
    slot::{Bytes, INLINE},
    supervised::supervised,
    sweep::PoolSweep,
    threads::{Nest, Threads},
    together::{AsCompleted, Until, Waited, as_completed, wait},
    worker::{CallRequest, Worker, WorkerEnd},
};
