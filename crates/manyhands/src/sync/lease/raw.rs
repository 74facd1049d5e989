//! A lease in the arena, for bindings to other languages.
//!
//! The process that makes it holds it. The sweep of that process ends it, after a kill and after an orderly end alike.
//! A lease has a key, by which a process that got its handle from elsewhere knows that both use the same arena.

use super::word::LeaseWord;
use crate::arena::{Arena, ArenaError, Handle, Kind, Object, ProcessId, Shared, this_process};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};

/// The body of a lease.
#[repr(C)]
pub(in crate::sync) struct LeaseBody {
    pub(in crate::sync) word: LeaseWord,
    unused: AtomicU32,
    key: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for LeaseBody {}

/// A reference to a lease: it says whether the process that made it is still there for others.
#[derive(Clone)]
pub struct RawLease {
    object: Object,
    holder: ProcessId,
}

impl RawLease {
    /// A lease that the calling process holds. The key is a random number.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn hold(key: u64) -> Result<RawLease, ArenaError> {
        let holder = this_process()?;
        let object = Object::create::<LeaseBody>(Kind::LEASE, |_, body| {
            body.key.store(key, Ordering::Relaxed);
            body.word.hold(holder.raw());
            Ok(())
        })?;
        Ok(RawLease { object, holder })
    }

    /// The lease that a handle names.
    ///
    /// # Errors
    /// When it is gone, or the handle names something else, or a lease with another key.
    pub fn attach(handle: Handle, key: u64) -> Result<RawLease, ArenaError> {
        let object = Object::attach(handle, Kind::LEASE)?;
        let body: &LeaseBody = object.body();
        let holder =
            ProcessId::from_raw(body.word.holder()).filter(|_| body.key.load(Ordering::Acquire) == key);
        let holder = holder.ok_or(ArenaError::Stale { handle, kind: Kind::LEASE })?;
        Ok(RawLease { object, holder })
    }

    fn word(&self) -> &'static LeaseWord {
        &self.object.body::<LeaseBody>().word
    }

    /// What names the lease to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.object.handle()
    }

    /// Whether the lease is over.
    pub fn is_over(&self) -> bool {
        self.word().is_over()
    }

    /// Ends the lease, which any process may do. All waits that are tied to it end.
    pub fn end(&self) {
        self.word().end();
    }

    /// Asks the kernel whether the holder has ended, for a caller that knows of its end before the sweep does. Whether
    /// the lease is over.
    pub fn look(&self) -> bool {
        let has_ended = || Arena::current().is_some_and(|arena| arena.notice(self.holder));
        if !self.is_over() && has_ended() {
            self.end();
        }
        self.is_over()
    }

    /// What a wait that is tied to the lease gives as [`Waiting::beside`](crate::sync::Waiting::beside).
    pub fn beside(&self) -> (&'static AtomicU32, u32) {
        self.word().beside()
    }
}

impl std::fmt::Debug for RawLease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RawLease").field("over", &self.is_over()).finish_non_exhaustive()
    }
}
