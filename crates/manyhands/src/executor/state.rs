//! What a pool is ready for, and what is known of it at one moment.
//!
//! Both are the same for both kinds of pool. How a pool keeps its state is its engine's business: in a word of shared
//! memory, or in its row of jobs.

/// What a pool is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum PoolState {
    /// Takes calls.
    Open = 0,
    /// Takes no more; those it has are run.
    Closed = 1,
    /// Its workers end before they take a call; all calls fail.
    Broken = 2,
    /// Its workers end as soon as they can; all calls fail.
    Terminated = 3,
}

/// What is known of a pool at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// What the pool is ready for.
    pub state: PoolState,
    /// How many workers there should be.
    pub workers_wanted: usize,
    /// Name, pid and number of calls taken of each worker there is.
    pub workers: Vec<(String, u32, u64)>,
    /// Calls that no worker has taken.
    pub waiting: usize,
    /// Calls that workers run now.
    pub running: usize,
    /// Calls that were submitted so far.
    pub submitted: u64,
    /// Workers that ended so far, for whatever reason.
    pub workers_ended: u64,
}
