//! What stands in the arena for a pool: its state, its rings, slabs of call slots, latches, functions and workers.
//!
//! The pool's object holds one block, the record; the record names the other blocks, each taken when it is first
//! needed and kept until the object goes. They belong to nobody once they are named here, so that the requester's
//! death does not take them from under a worker that is still at it. Nothing shrinks: a slot is used again and again.

use crate::arena::{KeptBlock, read_text, shared_record, write_text};
use crate::executor::state::PoolState;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::Gate;

/// Chunk k of a growing table has its first chunk's length times 2^k; so many chunks there can be.
pub(super) const CHUNKS: usize = 16;
/// Calls in the first slab.
pub(super) const FIRST_SLAB: u32 = 256;
/// Functions in the first chunk of their table.
pub(super) const FIRST_FUNCTIONS: u32 = 64;
/// Entries of the first ring; each further one has twice as many.
pub(super) const FIRST_RING: usize = 1024;
/// How many latches a pool can have.
pub(super) const LATCHES: usize = 64;
/// Stands for a supervisor that died, until the requester has got another one.
pub(super) const SUPERVISOR_LOST: u32 = u32::MAX;
/// Stands for the calls of a worker that its supervisor has made, or is about to, and that has not come yet.
pub(super) const EXPECTED: u32 = u32::MAX;
/// How many bytes of text tell why a pool broke.
const REASON_WORDS: usize = 64;
const NAME_WORDS: usize = 6;
const PREFIX_WORDS: usize = 6;

shared_record! {
    /// The body of a pool's object.
    pub(super) struct PoolBody [] {
        /// The record's block.
        pub(super) record: KeptBlock,
    }
}

shared_record! {
    /// Where a ring begins and ends, each on a cache line of its own.
    pub(super) struct RingEnds [align(64)] {
        pub(super) head: AtomicU64,
        head_rest: [AtomicU64; 7],
        pub(super) tail: AtomicU64,
        tail_rest: [AtomicU64; 7],
    }
}

shared_record! {
    /// A gate on a cache line of its own.
    pub(super) struct GateLine [align(64)] {
        pub(super) gate: Gate,
    }
}

shared_record! {
    /// A function's payload, which a worker asks for once.
    pub(super) struct FunctionEntry [] {
        pub(super) block: KeptBlock,
        pub(super) length: AtomicU64,
    }
}

shared_record! {
    /// One worker, at the index of its process.
    pub(super) struct WorkerRecord [align(64)] {
        /// Which process; 0 for none.
        pub(super) process: AtomicU32,
        /// The process that came here last and was ready to take calls: what comes before is its start.
        pub(super) ready: AtomicU32,
        /// How many calls it has taken; [`EXPECTED`] before it has come.
        pub(super) calls: AtomicU32,
        _rest: AtomicU32,
        name: [AtomicU64; NAME_WORDS],
    }
}

shared_record! {
    /// A pool.
    pub(super) struct PoolRecord [align(64)] {
        /// A [`PoolState`].
        pub(super) state: AtomicU32,
        /// The process whose pool it is: only it submits.
        pub(super) requester: AtomicU32,
        /// How many workers there should be.
        pub(super) workers: AtomicU32,
        /// How many calls a worker runs before it makes room for a new one; 0: any number.
        pub(super) calls_per_worker: AtomicU32,
        /// One past the highest call slot that was ever used.
        pub(super) used: AtomicU32,
        /// The ring that producers use.
        pub(super) newest_ring: AtomicU32,
        /// The supervisor of its workers; 0 for none, [`SUPERVISOR_LOST`] when that has died.
        pub(super) supervisor: AtomicU32,
        /// How many functions are in the table.
        pub(super) functions_used: AtomicU32,
        /// The highest number of a worker so far.
        pub(super) hired: AtomicU64,
        /// Workers that died, of whatever.
        pub(super) deaths: AtomicU64,
        /// Calls that workers took which are gone.
        pub(super) calls: AtomicU64,
        /// Idle workers wait here for calls.
        pub(super) work: GateLine,
        /// Threads that wait for workers to come or go do it here.
        pub(super) workers_changed: GateLine,
        pub(super) ends: [RingEnds; CHUNKS],
        pub(super) rings: [KeptBlock; CHUNKS],
        pub(super) slabs: [KeptBlock; CHUNKS],
        pub(super) functions: [KeptBlock; CHUNKS],
        pub(super) latches: [KeptBlock; LATCHES],
        pub(super) worker_records: KeptBlock,
        reason: [AtomicU64; REASON_WORDS],
        worker_prefix: [AtomicU64; PREFIX_WORDS],
    }
}

impl PoolRecord {
    /// What the pool is ready for.
    pub(super) fn state(&self) -> PoolState {
        match self.state.load(Ordering::SeqCst) {
            0 => PoolState::Open,
            1 => PoolState::Closed,
            2 => PoolState::Broken,
            _ => PoolState::Terminated,
        }
    }

    /// Moves on to a later state. The only way back is [`PoolRecord::reopen`].
    pub(super) fn advance_to(&self, state: PoolState) -> bool {
        self.state.fetch_max(state as u32, Ordering::SeqCst) < state as u32
    }

    /// From closed back to open.
    pub(super) fn reopen(&self) {
        let (closed, open) = (PoolState::Closed as u32, PoolState::Open as u32);
        let _ = self.state.compare_exchange(closed, open, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// Why the pool broke.
    pub(super) fn reason(&self) -> String {
        read_text(&self.reason)
    }

    /// Notes why the pool will break, should it.
    pub(super) fn set_reason(&self, text: &str) {
        write_text(&self.reason, text);
    }

    /// What the workers are called, but for their numbers.
    pub(super) fn worker_prefix(&self) -> String {
        read_text(&self.worker_prefix)
    }

    /// Says what the workers are called, but for their numbers.
    pub(super) fn set_worker_prefix(&self, text: &str) {
        write_text(&self.worker_prefix, text);
    }

    /// All blocks of the pool's, but for the record's own.
    pub(super) fn storage(&self) -> impl Iterator<Item = &KeptBlock> {
        let tables = [&self.rings[..], &self.slabs[..], &self.functions[..], &self.latches[..]];
        tables.into_iter().flatten().chain(std::iter::once(&self.worker_records))
    }
}

impl WorkerRecord {
    /// Notes the worker's name for the report of its death.
    pub(super) fn set_name(&self, name: &str) {
        write_text(&self.name, name);
    }

    /// The name's bytes, without taking memory for them: a sweep copies them.
    pub(super) fn copy_name(&self) -> [u8; NAME_WORDS * 8] {
        let mut bytes = [0; NAME_WORDS * 8];
        for (word, eight) in self.name.iter().zip(bytes.chunks_exact_mut(8)) {
            eight.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        bytes
    }
}

/// In which chunk of a growing table an index lies, and where there.
pub(super) fn chunk_of(index: u32, first: u32) -> (usize, usize) {
    let shifted = index.saturating_add(first);
    let chunk = shifted.ilog2() - first.ilog2();
    (chunk as usize, (shifted - (first << chunk)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_one_another_without_a_gap() {
        let mut expected = (0, 0);
        for index in 0..5000 {
            assert_eq!(chunk_of(index, 64), expected);
            expected.1 += 1;
            if expected.1 == 64 << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }
}
