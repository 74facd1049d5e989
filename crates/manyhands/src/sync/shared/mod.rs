//! Locks, semaphores and events for all processes of the arena.
//!
//! Each value here is a reference: a clone refers to the same object, which lives until the last reference of the last
//! process is gone. References travel: they are serde types, serialised as a handle, so they go to other processes as
//! arguments, results and messages; a handle whose object is gone is an error when it is deserialised, never later.
//! What a killed process held comes free and whoever gets it is told; a process that ends in good order (`exit`, or by
//! returning from its main function) leaves what it held as it was.

mod banker;
mod barrier;
mod condition;
mod event;
mod lock;
mod rlock;
mod semaphore;

pub use banker::Banker;
pub use barrier::Barrier;
pub use condition::{Condition, Guard};
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use rlock::{RLock, RLockGuard};
pub use semaphore::{Permit, Semaphore};

/// Makes a reference a serde type: its handle travels.
macro_rules! travels {
    ($name:ident $(<$value:ident: $bound:path>)?) => {
        impl $(<$value: $bound>)? serde::Serialize for $name $(<$value>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let handle = self.handle();
                // A message that carries the handle keeps the object alive while it is under way.
                crate::arena::note(handle);
                handle.serialize(serializer)
            }
        }

        impl<'de $(, $value: $bound)?> serde::Deserialize<'de> for $name $(<$value>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let handle = crate::arena::Handle::deserialize(deserializer)?;
                Self::attach(handle).map_err(serde::de::Error::custom)
            }
        }
    };
}
use travels;
