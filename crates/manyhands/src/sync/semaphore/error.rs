//! Why permits were not added to a semaphore.
//!
//! Nothing has changed when this is returned. Waits have an error of their own, in `wait::park`; what the arena refuses
//! is an `ArenaError`. A permit that a guard gives back is added where there is room, and no error.

/// A semaphore was given more permits than its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this semaphore would have more permits than its maximum of {maximum}: it was released too often")]
#[non_exhaustive]
pub struct TooManyPermits {
    /// The most permits it may have.
    pub maximum: u32,
}
