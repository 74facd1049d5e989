//! Locks, plain and re-entrant, for threads and for processes.
//!
//! ```text
//! word      owner, dead bit, waiters bit: the one algorithm        holder   who holds a lock, or died with it
//! private   a word in private memory, watched for deadlocks        depth    how often a re-entrant lock is held
//! arena     a word in the arena, whose owner may be killed         raw      either of the two, by hand
//! typed     Lock<T>, RLock for the threads of one process          error    why a release was refused
//! shared, shared_rlock   the same for processes                    yields   given up for a wait, and taken again
//! shared_value           a number and a lock, whole after a kill   shared_array  many of them in one place
//! face      what others read of a private lock                    taking   where, and whether as by a guard
//! ```

use cfg_if::cfg_if;

pub(super) mod face;
pub(super) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod arena;
        pub(super) mod depth;
        pub(super) mod error;
        pub(super) mod holder;
        pub(super) mod private;
        pub(super) mod raw;
        pub(super) mod shared;
        pub(super) mod shared_array;
        pub(super) mod shared_rlock;
        pub(super) mod shared_value;
        pub(super) mod taking;
        pub(super) mod typed;
        pub(super) mod yields;
    }
}
