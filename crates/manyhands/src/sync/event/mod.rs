//! Events, for threads and for processes.
//!
//! ```text
//! word     set or not, and who sleeps until it is       raw      an event in either place
//! typed    Event for the threads of one process         shared   the same for processes
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
