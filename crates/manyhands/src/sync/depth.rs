//! How often the holder of a re-entrant lock has taken it: a count beside the word that only the holder touches.
//!
//! So plain loads and stores are enough. It says nothing about who the holder is; the word beside it does.

use super::park::WaitError;
use crate::platform::atomic::{AtomicU32, Ordering};

/// Once more.
///
/// # Errors
/// When the lock is held 4,294,967,295 times over.
#[inline]
pub(super) fn deepen(depth: &AtomicU32) -> Result<(), WaitError> {
    let deeper = depth.load(Ordering::Relaxed).checked_add(1).ok_or(WaitError::TooDeep)?;
    depth.store(deeper, Ordering::Relaxed);
    Ok(())
}

/// Once less; true when that was the last time.
#[inline]
pub(super) fn rise(depth: &AtomicU32) -> bool {
    let left = depth.load(Ordering::Relaxed).saturating_sub(1);
    depth.store(left, Ordering::Relaxed);
    left == 0
}
