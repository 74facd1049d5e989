//! Calls that threads of this process run: closures and objects as they are, nothing encoded.
//!
//! ```text
//! word           the word of a call: begun, answered or withdrawn exactly once, and where waiters sleep
//! call           a call with its answer
//! asked          the same for a pool of Rust: who hears of the answer
//! row            the jobs that wait for the pool's threads
//! workers        those threads, and how a job gets to them or is taken back
//! engine  pool   how calls get there
//! loan           calls that borrow, and a scope that does not end before they are back
//! future  map    a future's half; how a map's items get there
//! ```
//!
//! Nothing here outlives the process, so nobody's death has to be undone. A binding that brings its own threads uses
//! the first two.

#[cfg(not(manyhands_model))]
mod asked;
#[cfg(not(manyhands_model))]
mod call;
#[cfg(not(manyhands_model))]
mod engine;
#[cfg(not(manyhands_model))]
mod future;
#[cfg(not(manyhands_model))]
mod loan;
#[cfg(not(manyhands_model))]
mod map;
#[cfg(not(manyhands_model))]
mod pool;
#[cfg(any(test, not(manyhands_model)))]
mod row;
mod word;
#[cfg(not(manyhands_model))]
mod workers;

#[cfg(not(manyhands_model))]
pub(super) use future::Local;
pub use word::{CallState, Standing};
#[cfg(not(manyhands_model))]
pub use {
    call::{Call, Refused},
    engine::{Nest, Threads},
    loan::Scope,
};
