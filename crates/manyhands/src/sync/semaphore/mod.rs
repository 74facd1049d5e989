//! Semaphores, for threads and for processes.
//!
//! ```text
//! word     the permits: a count, and records of those that come back when their taker is killed
//! raw      permits in either place, taken and released by hand      error    too many permits
//! typed    Semaphore for the threads of one process                 shared   the same for processes
//! ```

pub(super) mod word;

#[cfg(not(manyhands_model))]
pub(super) mod error;
#[cfg(not(manyhands_model))]
pub(super) mod raw;
#[cfg(not(manyhands_model))]
pub(super) mod shared;
#[cfg(not(manyhands_model))]
pub(super) mod typed;
