//! Values, locks, semaphores and events for all processes of the arena.
//!
//! Each value here is a reference: a clone refers to the same object, which lives until the last reference of the last
//! process is gone. References travel: they are serde types, serialised as a handle, so they go to other processes as
//! arguments, results and messages. A handle whose object is gone is an error when it is deserialised, never later.
//!
//! What stands behind a lock, in a value or in an array is [`Shared`]: numbers, and arrays of them. A program's own
//! type is, too, if the program promises by an `unsafe impl` that any bytes are a valid one.
//!
//! What a killed process held comes free, and the next holder learns of the death. A process that ends in good order
//! (`exit`, or by returning from its main function) leaves what it held as it was.

pub use super::banker::shared::Banker;
pub use super::barrier::shared::Barrier;
pub use super::condition::shared::{Condition, Guard};
pub use super::event::shared::Event;
pub use super::lock::shared::{Lock, LockGuard};
pub use super::lock::shared_array::{Array, ArrayGuard};
pub use super::lock::shared_rlock::{RLock, RLockGuard};
pub use super::lock::shared_value::{Value, ValueGuard};
pub use super::semaphore::shared::{Permit, Semaphore};
pub use crate::arena::Shared;
