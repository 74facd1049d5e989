//! Calls that threads of this process run: closures and objects as they are, nothing encoded.
//!
//! ```text
//! word           the word of a call: begun, answered or withdrawn exactly once, and where waiters sleep
//! call           a call with its answer
//! asked          the same for a pool of Rust: what is notified of the answer
//! row            the jobs that wait for the pool's threads
//! workers        those threads, and how a job gets to them or is taken back
//! engine  pool   how calls get there
//! loan           calls that borrow, and a scope that does not end before they are back
//! future  map    a future's half; how a map's items get there
//! ```
//!
//! Nothing here outlives the process, so no death has to be undone. A binding that brings its own threads uses the
//! first two.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod asked;
        mod call;
        mod engine;
        mod future;
        mod loan;
        mod map;
        mod pool;
        mod workers;

        pub(super) use future::Local;
        pub use {
            call::{Call, Refused},
            engine::{Nest, Threads},
            loan::Scope,
        };
    }
}

#[cfg(any(test, not(manyhands_model)))]
mod row;
mod word;

pub use word::{CallState, Standing};
