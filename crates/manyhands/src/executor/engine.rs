//! What a pool asks of its engine, whichever it is: processes or threads of this one.
//!
//! The trait is sealed: a program names the two engines, and makes no third one. How calls get to the workers is each
//! engine's own, and so are the methods of the pool that submit.

use super::state::PoolStatistics;

/// What runs the calls of a [`Pool`](super::Pool): [`Processes`](super::Processes) or
/// [`Threads`](super::Threads). Dropping it waits until all calls are done.
pub trait Engine: sealed::Sealed + Sized + Send + Sync + 'static {
    #[doc(hidden)]
    fn close(&self);
    #[doc(hidden)]
    fn terminate(&self);
    #[doc(hidden)]
    fn statistics(&self) -> PoolStatistics;
}

pub(super) mod sealed {
    pub trait Sealed {}
}
