//! Barriers, for threads and for processes.
//!
//! ```text
//! word     who has arrived, in which round, broken or not       raw      a barrier in either place
//! typed    Barrier for the threads of one process               shared   the same for processes
//! ```

pub(super) mod word;

#[cfg(not(manyhands_model))]
pub(super) mod raw;
#[cfg(not(manyhands_model))]
pub(super) mod shared;
#[cfg(not(manyhands_model))]
pub(super) mod typed;
