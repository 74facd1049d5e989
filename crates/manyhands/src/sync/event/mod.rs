//! Events, for threads and for processes.
//!
//! ```text
//! word     set or not, and who sleeps until it is       raw      an event in either place
//! typed    Event for the threads of one process         shared   the same for processes
//! ```

pub(super) mod word;

#[cfg(not(manyhands_model))]
pub(super) mod raw;
#[cfg(not(manyhands_model))]
pub(super) mod shared;
#[cfg(not(manyhands_model))]
pub(super) mod typed;
