//! Why a lock was not released.
//!
//! Nothing has changed when this is returned. Waits have an error of their own, in `wait::park`; what the arena refuses
//! is an `ArenaError`.

use super::word::Seen;

/// Why a lock was not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Nobody holds it.
    #[error("this lock is not held: release it once for each time it was taken, and no more")]
    NotHeld,
    /// Another thread holds it, and only that one may release a re-entrant lock.
    #[error("this re-entrant lock is held by another thread: only the thread that took it can release it")]
    NotMine,
}

impl ReleaseError {
    pub(super) fn not_mine(seen: Seen) -> ReleaseError {
        if seen.owner == 0 { ReleaseError::NotHeld } else { ReleaseError::NotMine }
    }
}
