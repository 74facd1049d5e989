//! The banker: units of resources, given out so that all can finish.
//!
//! ```text
//! ledger   the rows of all claimants, behind one lock          row         one claimant: declared, held, waited for
//! request  granting now, later or never, in a fair order       safety      whether a state is safe
//! raw      a banker in either place                            statistics  what it has and gave out
//! typed    Banker for the threads of one process               shared      the same for processes
//! error    why it refused
//! ```

use cfg_if::cfg_if;

#[allow(dead_code, reason = "in the model only what the model tests use is used")]
pub(super) mod ledger;
#[allow(dead_code, reason = "in the model only what the model tests use is used")]
mod request;
#[allow(dead_code, reason = "in the model only what the model tests use is used")]
mod row;
#[allow(dead_code, reason = "in the model only what the model tests use is used")]
mod safety;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod error;
        pub(super) mod raw;
        pub(super) mod shared;
        pub(super) mod statistics;
        pub(super) mod typed;
    }
}
