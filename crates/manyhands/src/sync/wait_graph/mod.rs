//! The wait graph of the threads of one process: which one waits for which, and whether that is a deadlock.
//!
//! ```text
//! record    what a thread waits for, while it does       threads         the records, by thread number
//! walk      from waiter to holder to what that wants     thread_number   a thread's name in private locks
//! watch     the hook in the place where one sleeps       news            a wait for what anybody may bring
//! stuck     whether nobody is left to end any wait       report          what a walk found, in words
//! ```
//!
//! A thread writes down what it waits for before it sleeps, and then walks: lock, holder, what the holder waits for. A
//! cycle counts only if a second walk finds the same words and no wait has ended meanwhile. An edge is *certain* when
//! only the holder can end it (a guard's lock, a re-entrant lock), else *possible*. Nothing is written on the fast path
//! except where the lock was taken. No published algorithm; the double look is that of atomic snapshots.

use cfg_if::cfg_if;

mod news;
mod record;
mod walk;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod report;
        mod stuck;
        pub(crate) mod thread_number;
        mod threads;
        mod watch;

        pub use report::wait_of;
        pub(super) use report::with_itself;
        pub use stuck::interrupts_only_raise_if;
        pub(super) use threads::numbered as numbered_threads;
        pub(super) use threads::token as process_token;
        pub(super) use threads::{claim_number, give_number_back, settle_number};
        pub use threads::{is_waiting, name_this_thread};
        pub(super) use watch::{Watch, joining, watched};
        pub use watch::{this_thread_number, while_joining};
    }
}

#[cfg_attr(manyhands_model, allow(unused_imports, reason = "private locks are not in the model"))]
pub(super) use record::LockFace;
#[cfg(all(test, manyhands_model))]
use record::WaitNote;
#[cfg(all(test, manyhands_model))]
use walk::{Detector, Walk};

pub(crate) use news::wait_for_news;

#[cfg(all(test, not(manyhands_model)))]
mod tests;

#[cfg(all(test, manyhands_model))]
mod model;
