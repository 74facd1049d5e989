//! Calls to functions, run by a pool of workers, and their answers.
//!
//! ```text
//! pool        the handle, over one of two engines (engine)  state   what a pool is ready for, what is known of it
//! future      one call's answer      together   several    map      many calls, their answers in order or as they come
//! admission   a banker lets calls in                       errors   why a pool, a call, an answer could not be had
//! processes/  workers are processes: functions of the program, values as bytes, deaths undone
//! threads/    workers are threads of this process: closures, values as they are
//! ```
//!
//! What stands here is the same for both kinds of pool; each folder has the rest of its kind, and the same thing has
//! the same file name in both. Workers pull: nobody pushes a call to a worker. An answer goes to its own call, and its
//! waiters sleep on the call's word: there is no result queue and no thread that carries results. This layer knows no
//! Python; a binding builds its pools on [`RawPool`] and on what [`threads`] has for threads that it does not start.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod admission;
        mod engine;
        mod errors;
        mod future;
        mod map;
        mod pool;
        mod state;
        mod together;

        pub(crate) use processes::{Answered, LAYER, calls_so_far, take_carried};
        pub use {
            admission::AdmissionError,
            errors::{CallError, CallFailure, PoolError, SubmitError, WorkerDied},
            future::Future,
            map::{Map, Unordered},
            engine::Engine,
            pool::{Pool, PoolBuilder},
            processes::{
                Bytes, CallRequest, CallWatch, Callbacks, Completions, INLINE, NewCall, PoolPlan,
                Processes, RawAnswer, RawCall, RawPool, Turn, Worker, WorkerEnd, supervised,
            },
            state::{PoolState, PoolStatistics},
            threads::{Nest, Scope, Threads},
            together::{AsCompleted, Until, Waited, as_completed, wait},
        };
    }
}

mod processes;
pub mod threads;
