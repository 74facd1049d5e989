//! The one place where threads sleep, and what is said of a wait.
//!
//! ```text
//! park       Wait, Waiting, Parker: some yields, then a futex
//! history    how many yields are worth while
//! gate       sleep until something is published          bell       the same, for one sleeper at a time
//! countdown  wait until a number of things is done       subject    what a thread waits for
//! note       that, in the thread's slot of the arena
//! tick       who sweeps the dead while all wait          life       how waiters hear that the reaper has ended
//! site       where in the program something happened     deadlock   a deadlock in words
//! mortal     for the model: a participant that stops for ever
//! ```
//!
//! A primitive is a state word plus this folder, which it enters through [`wait_for`](super::wait_for). Nothing here
//! knows the primitives, or what a deadlock is.

use cfg_if::cfg_if;

pub(super) mod bell;
pub(super) mod countdown;
pub(super) mod gate;
pub(super) mod history;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
pub(super) mod life;
pub(super) mod mortal;
pub(super) mod park;
pub(super) mod subject;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod deadlock;
        pub(super) mod note;
        pub(super) mod site;
        pub(super) mod tick;
    }
}
