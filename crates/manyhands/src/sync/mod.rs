//! The one place where threads sleep, and what is made of it: locks, semaphores, events, conditions, barriers, bankers.
//!
//! ```text
//! wait        sleeping, and saying what for            wait_graph   who waits for whom; is that a deadlock?
//! lock        Lock, RLock                              semaphore    Semaphore
//! event       Event                                    condition    Condition
//! barrier     Barrier                                  banker       Banker
//! lease       what is good while one process lives         tally        how much each process has
//! shared      the names of those for processes         sweep        what a killed process held here
//! wait_for    the one way to wait                      door         only so many at a time
//! reference   what references to the arena have in common
//! ```
//!
//! A folder per primitive, each with the same files. *word* is the algorithm, *raw* has it in either place, private
//! memory or the arena; *typed* is for the threads of one process and *shared* for several processes. This layer knows
//! no messages, no processes being started and no Python. What a killed process held here is found by its number in the
//! words.

mod banker;
mod barrier;
mod condition;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
mod door;
mod event;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
mod lease;
mod lock;
mod semaphore;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
mod tally;
mod wait;
mod wait_for;
mod wait_graph;

#[cfg(not(manyhands_model))]
mod reference;
#[cfg(not(manyhands_model))]
pub mod shared;
#[cfg(not(manyhands_model))]
mod sweep;

pub use lock::word::{LockWord, Seen, Taken};
pub use wait::gate::Gate;
#[cfg_attr(
    manyhands_model,
    allow(unused_imports, reason = "queues between processes are not in the model")
)]
pub(crate) use wait::gate::{PlacedGate, one_sleep_hears, wait_at_any};
pub use wait::history::History;
#[allow(unused_imports, reason = "for the lock-free code of later layers")]
pub(crate) use wait::mortal::may_die;
#[cfg(all(test, manyhands_model))]
#[allow(unused_imports, reason = "for the models of later layers")]
pub(crate) use wait::mortal::model::dies_after;
pub use wait::park::{Blocking, Parker, Wait, WaitError, Waiting};
pub(crate) use wait::subject::Subject;
pub(crate) use wait_for::wait_for;
#[cfg_attr(manyhands_model, allow(unused_imports, reason = "objects in the arena are not in the model"))]
pub(crate) use wait_graph::Outside;

#[cfg(not(manyhands_model))]
pub use public::*;

/// The names that the model has no use for.
#[cfg(not(manyhands_model))]
mod public {
    pub use super::banker::error::BankerError;
    pub use super::banker::raw::{RawBanker, RawClaim};
    pub use super::banker::statistics::{BankerStatistics, ClaimantStatistics, ResourceStatistics, Verdict};
    pub use super::banker::typed::{Banker, Claim, Units};
    pub use super::barrier::raw::{BarrierError, BarrierStatistics, RawBarrier};
    pub use super::barrier::typed::Barrier;
    pub use super::condition::raw::{ConditionStatistics, Enlisted, RawCondition, Regained};
    pub use super::condition::typed::{Condition, Guard};
    pub use super::door::Door;
    pub use super::event::raw::{EventStatistics, RawEvent};
    pub use super::event::typed::Event;
    pub use super::lease::raw::RawLease;
    pub use super::lock::error::ReleaseError;
    pub use super::lock::holder::{Acquired, DeadOwner, Holder, LockStatistics};
    pub use super::lock::raw::{RawLock, RawRLock};
    pub use super::lock::taking::Taking;
    pub use super::lock::typed::{Lock, LockGuard, RLock, RLockGuard};
    pub use super::lock::yields::{Hold, Yields};
    pub use super::semaphore::error::TooManyPermits;
    pub use super::semaphore::raw::{MOST_PERMITS, OwnedPermit, RawSemaphore, SemaphoreStatistics};
    pub use super::semaphore::typed::{Permit, Semaphore};
    pub(crate) use super::sweep::LAYER;
    pub use super::tally::raw::{Lost, RawTally};
    pub(crate) use super::wait::countdown::Countdown;
    pub use super::wait::deadlock::{Deadlock, DeadlockStep, suspicions_go_to};
    pub use super::wait::note::{ThreadWait, waits};
    pub(crate) use super::wait::park::{Ticking, Turn};
    pub use super::wait::site::{Site, sites_are_named_by};
    pub(crate) use super::wait_graph::{adopt_number, reserve_number, return_number, serve};
    pub use super::wait_graph::{
        interrupts_only_raise_if, is_waiting, name_this_thread, this_thread_number, wait_of,
    };
}

#[cfg(all(test, not(manyhands_model)))]
mod tests;
