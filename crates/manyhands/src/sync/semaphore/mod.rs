//! Semaphores, for threads and for processes.
//!
//! ```text
//! word     the permits: a count, and records of those that come back when their taker is killed
//! raw      permits in either place, taken and released by hand      error    too many permits
//! typed    Semaphore for the threads of one process                 shared   the same for processes
//! ```

use cfg_if::cfg_if;

pub(super) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod error;
        pub(super) mod raw;
        pub(super) mod shared;
        pub(super) mod typed;
    }
}
