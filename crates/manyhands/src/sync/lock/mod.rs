//! Locks, plain and re-entrant, for threads and for processes.
//!
//! ```text
//! word      owner, dead bit, waiters bit: the one algorithm        holder   who holds a lock, or died with it
//! private   a word in private memory, watched for deadlocks        depth    how often a re-entrant lock is held
//! arena     a word in the arena, whose owner may be killed         raw      either of the two, by hand
//! typed     Lock<T>, RLock for the threads of one process          error    why a release was refused
//! shared, shared_rlock   the same for processes                    yields   given up for a wait, and taken again
//! ```

pub(super) mod word;

#[cfg(not(manyhands_model))]
pub(super) mod arena;
#[cfg(not(manyhands_model))]
pub(super) mod depth;
#[cfg(not(manyhands_model))]
pub(super) mod error;
#[cfg(not(manyhands_model))]
pub(super) mod holder;
#[cfg(not(manyhands_model))]
pub(super) mod private;
#[cfg(not(manyhands_model))]
pub(super) mod raw;
#[cfg(not(manyhands_model))]
pub(super) mod shared;
#[cfg(not(manyhands_model))]
pub(super) mod shared_rlock;
#[cfg(not(manyhands_model))]
pub(super) mod typed;
#[cfg(not(manyhands_model))]
pub(super) mod yields;
