//! What a thread holds of a re-entrant lock between processes, counted in this process's own memory.
//!
//! That memory is what an `os.fork` copies. The lock itself is shared, so in the child it still names the parent's
//! thread. Only the thread that holds the shared lock writes here, before it gives the lock up. In a fork's child the
//! forking thread has the number that it had. The count may also be that of a thread which the child does not have.
//! Then the next holder begins anew.

use manyhands::platform::atomic::{AtomicU64, Ordering};
use manyhands::sync::this_thread_number;

/// A thread's number in the upper half, and how often it holds the lock in the lower one.
pub struct OwnHold(AtomicU64);

impl OwnHold {
    pub const fn new() -> OwnHold {
        OwnHold(AtomicU64::new(0))
    }

    /// How often the calling thread holds the lock.
    #[inline]
    pub fn depth(&self) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        // A thread that has no number yet holds nothing, and needs none for that.
        if word as u32 != 0 && (word >> 32) as u32 == this_thread_number() { word as u32 } else { 0 }
    }

    /// Sets how often the calling thread holds the lock, which it does.
    #[inline]
    pub fn set(&self, depth: u32) {
        self.0.store(u64::from(this_thread_number()) << 32 | u64::from(depth), Ordering::Relaxed);
    }

    /// Once more.
    #[inline]
    pub fn deepen(&self) {
        self.set(self.depth().saturating_add(1));
    }

    /// Once less, if the calling thread holds the lock.
    #[inline]
    pub fn rise(&self) {
        if let Some(left) = self.depth().checked_sub(1) {
            self.set(left);
        }
    }
}
