//! The one place where anybody sleeps, and what is made of it: locks, semaphores and events.
//!
//! ```text
//! park        Wait, Waiting, Parker: yields, then a futex      tick   who sweeps the dead while all wait
//! gate        sleep until told, for whatever is published      lock_word   owner, dead bit, waiters bit
//! ```
//!
//! One algorithm each for threads and for processes: the place of the words is a parameter, private memory or the
//! arena. This layer knows no messages, no processes being started and no Python. What a killed process held here is
//! found by its number in the words and undone by the layer's sweep.

mod gate;
mod lock_word;
mod mortal;
mod park;
#[cfg(not(manyhands_model))]
mod tick;

pub use gate::Gate;
pub use lock_word::{LockWord, Seen, Taken};
#[allow(unused_imports, reason = "for the lock-free code of later layers")]
pub(crate) use mortal::may_die;
#[cfg(all(test, manyhands_model))]
#[allow(unused_imports, reason = "for the models of later layers")]
pub(crate) use mortal::model::dies_after;
pub use park::{Blocking, History, Parker, Wait, WaitError, Waiting};
#[cfg(not(manyhands_model))]
pub(crate) use park::{Ticking, Turn};
