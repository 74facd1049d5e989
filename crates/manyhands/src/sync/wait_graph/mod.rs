//! The wait graph of the threads of one process: which one waits for which, and whether that is a deadlock.
//!
//! ```text
//! watch     one wait: when it looks, and which findings are deadlocks      stuck    whether any wait can still end
//! question  what a waiting thread waits for, as others ask                 walk     from waiter to holder, and on
//! threads   the threads of this process, by number                         report   what a walk found, in words
//! thread_number   a thread's name in private locks
//! ```
//!
//! A thread opens its question before it sleeps, and then walks: lock, holder, what the holder waits for. A cycle
//! counts only if a second walk gets the same answers and no wait has ended meanwhile. An edge is *certain* when only
//! the holder can end it (a guard's lock, a re-entrant lock), else *possible*. Nothing is written on the fast path
//! except where the lock was taken. The [README](README.md) names the races. No published algorithm; the double look is
//! that of atomic snapshots.

use cfg_if::cfg_if;

mod question;
mod walk;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        mod report;
        mod stuck;
        mod thread_number;
        mod threads;
        mod watch;

        pub use report::wait_of;
        pub(super) use report::with_itself;
        pub use stuck::interrupts_only_raise_if;
        pub(super) use thread_number::thread_number;
        pub use thread_number::{name_this_thread, this_thread_number};
        pub(crate) use thread_number::{adopt_number, reserve_number, return_number, serve};
        pub(super) use threads::numbered as numbered_threads;
        pub(super) use threads::token as process_token;
        pub use threads::is_waiting;
        pub(super) use watch::{EndOf, Watch};
    }
}

#[cfg_attr(manyhands_model, allow(unused_imports, reason = "only models use it there"))]
pub(super) use question::Ask;
pub(crate) use question::Outside;
pub(super) use question::{Answer, Held, Question, Wanted};
#[cfg(all(test, manyhands_model))]
pub(super) use {
    question::OpenQuestion,
    walk::{Detector, Walk},
};

#[cfg(all(test, not(manyhands_model)))]
mod tests;
