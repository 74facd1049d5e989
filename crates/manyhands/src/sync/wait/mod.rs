//! The one place where threads sleep, and what is said of a wait.
//!
//! ```text
//! park       Wait, Waiting, Parker: some yields, then a futex; History says how many yields
//! gate       sleep until something is published          bell       the same, for one sleeper at a time
//! countdown  wait until a number of things is done       note       what a thread waits for, in its arena slot
//! tick       who sweeps the dead while all wait          life       how waiters hear that the reaper has ended
//! site       where in the program something happened     deadlock   a deadlock in words
//! mortal     for the model: a participant that stops for ever
//! ```
//!
//! A primitive is a state word plus this folder. Nothing here knows what is waited for.

use cfg_if::cfg_if;

pub(super) mod bell;
pub(super) mod countdown;
pub(super) mod gate;
#[cfg_attr(manyhands_model, allow(dead_code, reason = "the model tests alone use it there"))]
pub(super) mod life;
pub(super) mod mortal;
pub(super) mod park;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod deadlock;
        pub(super) mod note;
        pub(super) mod site;
        pub(super) mod tick;
    }
}
