//! Calls that threads of this process run: closures and objects as they are, nothing encoded.
//!
//! ```text
//! state   the word of a call: begun, answered or withdrawn exactly once, and where waiters sleep
//! call    a call with its answer
//! asked   the same for a pool of Rust: who is told of the answer        local   a future's half of it
//! workers    the pool's threads           row   the jobs that wait for them         engine, pool   how calls get there
//! ```
//!
//! Nothing here outlives the process, so nobody's death has to be undone. Who brings threads of their own, as a binding
//! does, use the first two.

#[cfg(not(manyhands_model))]
mod asked;
#[cfg(not(manyhands_model))]
mod call;
#[cfg(not(manyhands_model))]
mod engine;
#[cfg(not(manyhands_model))]
mod local;
#[cfg(not(manyhands_model))]
mod pool;
#[cfg(any(test, not(manyhands_model)))]
mod row;
mod state;
#[cfg(not(manyhands_model))]
mod workers;

#[cfg(not(manyhands_model))]
pub use call::{Call, Refused};
#[cfg(not(manyhands_model))]
pub use engine::{Nest, Threads};
#[cfg(not(manyhands_model))]
pub(super) use local::Local;
pub use state::{CallState, Standing};
