//! Barriers, for threads and for processes.
//!
//! ```text
//! word     who has arrived, in which round, broken or not       raw      a barrier in either place
//! typed    Barrier for the threads of one process               shared   the same for processes
//! ```

use cfg_if::cfg_if;

pub(super) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod raw;
        pub(super) mod shared;
        pub(super) mod typed;
    }
}
