//! Tallies: how much of something each process has, so that it is known what a killed one had.
//!
//! ```text
//! word     a record for each process: whose, and how much            raw      a tally in the arena
//! ```
//!
//! What is counted lies elsewhere; a tally is for reports. `JoinableQueue` counts what each process has taken and not
//! reported done.

use cfg_if::cfg_if;

pub(super) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod raw;
    }
}
