//! Calls that threads of this process run: closures and objects as they are, nothing encoded.
//!
//! ```text
//! state   the word of a call: begun, answered or withdrawn exactly once, and where waiters sleep
//! call    a call with its answer
//! ```
//!
//! Nothing here outlives the process, so nobody's death has to be undone. This module starts no thread: whose threads run
//! the calls is up to who has them.

#[cfg(not(manyhands_model))]
mod call;
mod state;

#[cfg(not(manyhands_model))]
pub use call::{Call, Refused};
pub use state::{CallState, Standing};
