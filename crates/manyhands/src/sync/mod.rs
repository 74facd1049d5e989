//! The one place where anybody sleeps, and what is made of it: locks, semaphores, events, bankers.
//!
//! ```text
//! park        Wait, Waiting, Parker: yields, then a futex      tick   who sweeps the dead while all wait
//! gate        sleep until told, for whatever is published      life   how they hear that the reaper has ended
//! lock_word   owner, dead bit, waiters bit
//! ```
//!
//! One algorithm each for threads and for processes: the place of the words is a parameter, private memory or the
//! arena. This layer knows no messages, no processes being started and no Python. What a killed process held here is
//! found by its number in the words and undone by the layer's sweep.

mod barrier_word;
mod bell;
mod countdown;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
mod door;
mod event_word;
mod gate;
#[allow(dead_code, reason = "in the model only what the model tests use is used")]
mod ledger;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
mod life;
mod lock_word;
mod mortal;
mod news;
mod park;
mod permits;
mod wait_graph;
mod waiting_list;

#[cfg(not(manyhands_model))]
mod arena_lock;
#[cfg(not(manyhands_model))]
mod banker;
#[cfg(not(manyhands_model))]
mod banker_error;
#[cfg(not(manyhands_model))]
mod banker_statistics;
#[cfg(not(manyhands_model))]
mod barrier;
#[cfg(not(manyhands_model))]
mod condition;
#[cfg(not(manyhands_model))]
mod depth;
#[cfg(not(manyhands_model))]
mod error;
#[cfg(not(manyhands_model))]
mod holder;
#[cfg(not(manyhands_model))]
mod kept_block;
#[cfg(not(manyhands_model))]
mod lock;
#[cfg(not(manyhands_model))]
mod private_lock;
#[cfg(not(manyhands_model))]
mod raw;
#[cfg(not(manyhands_model))]
mod raw_banker;
#[cfg(not(manyhands_model))]
mod raw_barrier;
#[cfg(not(manyhands_model))]
mod raw_condition;
#[cfg(not(manyhands_model))]
mod raw_event;
#[cfg(not(manyhands_model))]
mod raw_semaphore;
#[cfg(not(manyhands_model))]
mod records;
#[cfg(not(manyhands_model))]
mod recover;
#[cfg(not(manyhands_model))]
mod semaphore;
#[cfg(not(manyhands_model))]
pub mod shared;
#[cfg(not(manyhands_model))]
pub(crate) mod thread_number;
#[cfg(not(manyhands_model))]
mod tick;
#[cfg(not(manyhands_model))]
mod wait_record;

#[cfg(not(manyhands_model))]
pub(crate) use countdown::Countdown;
#[cfg(not(manyhands_model))]
pub use door::Door;
pub use gate::Gate;
pub use lock_word::{LockWord, Seen, Taken};
#[allow(unused_imports, reason = "for the lock-free code of later layers")]
pub(crate) use mortal::may_die;
#[cfg(all(test, manyhands_model))]
#[allow(unused_imports, reason = "for the models of later layers")]
pub(crate) use mortal::model::dies_after;
pub(crate) use news::wait_for_news;
pub use park::{Blocking, History, Parker, Wait, WaitError, Waiting};
#[cfg(not(manyhands_model))]
pub(crate) use park::{Ticking, Turn};

#[cfg(not(manyhands_model))]
pub use banker::{Banker, Claim, Units};
#[cfg(not(manyhands_model))]
pub use banker_error::BankerError;
#[cfg(not(manyhands_model))]
pub use banker_statistics::{BankerStatistics, ClaimantStatistics, ResourceStatistics, Verdict};
#[cfg(not(manyhands_model))]
pub use barrier::Barrier;
#[cfg(not(manyhands_model))]
pub use condition::{Condition, Guard};
#[cfg(not(manyhands_model))]
pub use error::{ReleaseError, TooManyPermits};
#[cfg(not(manyhands_model))]
pub use holder::{Acquired, DeadOwner, Holder};
#[cfg(not(manyhands_model))]
pub use lock::{Lock, LockGuard, RLock, RLockGuard};
#[cfg(not(manyhands_model))]
pub use private_lock::Taking;
#[cfg(not(manyhands_model))]
pub use raw::{LockStatistics, RawLock, RawRLock};
#[cfg(not(manyhands_model))]
pub use raw_banker::{RawBanker, RawClaim};
#[cfg(not(manyhands_model))]
pub use raw_barrier::{BarrierError, BarrierStatistics, RawBarrier};
#[cfg(not(manyhands_model))]
pub use raw_condition::{ConditionStatistics, Enlisted, Hold, RawCondition, Regained, Releasable};
#[cfg(not(manyhands_model))]
pub use raw_event::{EventStatistics, RawEvent};
#[cfg(not(manyhands_model))]
pub use raw_semaphore::{MOST_PERMITS, OwnedPermit, RawSemaphore, SemaphoreStatistics};
#[cfg(not(manyhands_model))]
pub(crate) use recover::SyncSweep;
#[cfg(not(manyhands_model))]
pub use semaphore::{Event, Permit, Semaphore};

#[cfg(not(manyhands_model))]
pub use wait_graph::{
    Deadlock, DeadlockStep, Site, interrupts_only_raise_if, is_waiting, name_this_thread, sites_are_named_by,
    suspicions_go_to, this_thread_number, wait_of, while_joining,
};

#[cfg(all(test, not(manyhands_model)))]
mod tests;
