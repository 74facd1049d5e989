//! Conditions, for threads and for processes.
//!
//! ```text
//! list     the waiters in the order in which they came      records  where their records stand
//! raw      a condition in either place, with any lock       typed    Condition for the threads of one process
//! shared   the same for processes
//! ```

pub(super) mod list;

#[cfg(not(manyhands_model))]
pub(super) mod raw;
#[cfg(not(manyhands_model))]
pub(super) mod records;
#[cfg(not(manyhands_model))]
pub(super) mod shared;
#[cfg(not(manyhands_model))]
pub(super) mod typed;
