//! How often the holder of a re-entrant lock has taken it.
//!
//! The count stands beside the lock's word, and only the holder touches it. So it needs no ordering of its own: the
//! word passes it on with everything else the lock guards. A thread that takes the lock, from a dead holder too, begins
//! with one.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::wait::park::WaitError;

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
pub(in crate::sync) fn rise(depth: &AtomicU32) -> bool {
    let left = depth.load(Ordering::Relaxed).saturating_sub(1);
    depth.store(left, Ordering::Relaxed);
    left == 0
}
