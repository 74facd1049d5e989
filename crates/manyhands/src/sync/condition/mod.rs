//! Conditions, for threads and for processes.
//!
//! ```text
//! list     the waiters in the order in which they came      records  where their records stand
//! raw      a condition in either place, with any lock       typed    Condition for the threads of one process
//! shared   the same for processes
//! ```

use cfg_if::cfg_if;

pub(super) mod list;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod raw;
        pub(super) mod records;
        pub(super) mod shared;
        pub(super) mod typed;
    }
}
