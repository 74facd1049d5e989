//! A pool as one process sees it: the record, and the places of its tables as far as they were needed.
//!
//! Requester, workers and sweepers all reach slots, rings and latches through a [`View`]. It takes and puts calls; it
//! does not wait, and knows nothing of what a call means. Taking memory is left to the requester, except where a ring
//! must grow to hold the calls of a dead worker. What a table needs is mapped when it is first used here, or before:
//! all there is when the view is made, and a requester's own when it takes the memory.

use super::latch::Latch;
use super::record::{
    CHUNKS, EXPECTED, FIRST_FUNCTIONS, FIRST_RING, FIRST_SLAB, FunctionEntry, LATCHES, PoolBody, PoolRecord,
    WorkerRecord, chunk_of,
};
use super::ring::CallRing;
use super::slot::CallSlot;
use super::word::State;
use crate::arena::{Arena, ArenaError, KeptBlock, PROCESSES, ProcessId, Role, Shared, this_process};
use crate::platform::atomic::{AtomicU64, Ordering, fence};
use std::sync::OnceLock;

/// One process's way to a pool's parts. All of them live as long as the process has a reference to the pool's object.
pub(super) struct View {
    pub(super) arena: &'static Arena,
    pub(super) record: &'static PoolRecord,
    workers: &'static [WorkerRecord],
    slabs: [OnceLock<&'static [CallSlot]>; CHUNKS],
    rings: [OnceLock<&'static [AtomicU64]>; CHUNKS],
    latches: [OnceLock<&'static [Latch]>; LATCHES],
}

impl View {
    /// The view of the pool that a body belongs to; `None` when it has no record (any more).
    ///
    /// # Errors
    /// When this process has no address space left for the tables that there are.
    pub(super) fn of(arena: &'static Arena, body: &PoolBody) -> Result<Option<View>, ArenaError> {
        let Some(record) = body.record.id() else { return Ok(None) };
        let record: &PoolRecord = &arena.block_records(record, 1)?[0];
        let Some(workers) = record.worker_records.id() else { return Ok(None) };
        let view = View {
            arena,
            record,
            workers: arena.block_records(workers, PROCESSES)?,
            slabs: [const { OnceLock::new() }; CHUNKS],
            rings: [const { OnceLock::new() }; CHUNKS],
            latches: [const { OnceLock::new() }; LATCHES],
        };
        view.reach_all()?;
        Ok(Some(view))
    }

    /// Maps all tables that there are now.
    fn reach_all(&self) -> Result<(), ArenaError> {
        for chunk in 0..CHUNKS {
            if self.record.slabs[chunk].id().is_some() {
                self.slab(chunk)?;
            }
            if self.record.rings[chunk].id().is_some() {
                self.ring(chunk)?;
            }
        }
        for (number, cell) in self.record.latches.iter().enumerate() {
            if cell.id().is_some() {
                self.reach_latch(number)?;
            }
        }
        Ok(())
    }

    fn slab(&self, chunk: usize) -> Result<&'static [CallSlot], ArenaError> {
        let known =
            self.slabs.get(chunk).ok_or(ArenaError::Damaged { what: "a pool has no call of a number" })?;
        let length = (FIRST_SLAB << chunk) as usize;
        reach(known, self.arena, &self.record.slabs[chunk], length)
    }

    /// The slot of a call, which this process has mapped: a requester's, since it took the memory.
    #[inline]
    pub(super) fn slot(&self, index: u32) -> &'static CallSlot {
        self.try_slot(index).expect("a slab is mapped before its slots are used")
    }

    /// The slot of a call, if there is address space for its slab.
    #[inline]
    fn try_slot(&self, index: u32) -> Result<&'static CallSlot, ArenaError> {
        let (chunk, place) = chunk_of(index, FIRST_SLAB);
        Ok(&self.slab(chunk)?[place])
    }

    /// How many slots were ever used: of those that have memory.
    fn used(&self) -> u32 {
        let used = self.record.used.load(Ordering::Acquire);
        // Slabs are made one after the other.
        let slabs = self.record.slabs.iter().take_while(|slab| slab.id().is_some()).count();
        used.min((FIRST_SLAB << slabs) - FIRST_SLAB)
    }

    /// How many functions the table has, of those that it can have.
    pub(super) fn functions_used(&self) -> u32 {
        self.record.functions_used.load(Ordering::Acquire).min(FIRST_FUNCTIONS << CHUNKS)
    }

    /// The newest ring, of those that there can be.
    fn newest_ring(&self) -> usize {
        (self.record.newest_ring.load(Ordering::Acquire) as usize).min(CHUNKS - 1)
    }

    /// Makes sure that the slot of a call has its memory.
    pub(super) fn furnish_slot(&self, index: u32) -> Result<(), ArenaError> {
        let (chunk, _) = chunk_of(index, FIRST_SLAB);
        let cell = self.record.slabs.get(chunk).ok_or(ArenaError::OutOfSlots {
            what: "call in one pool",
            limit: (FIRST_SLAB as usize) << (CHUNKS - 1),
        })?;
        // A slot's word is written before the slot counts as used, and nothing else of it is read before that.
        cell.furnish(self.arena, size_of::<CallSlot>() * (FIRST_SLAB << chunk) as usize, 0)?;
        cell.settle(self.arena, this_process()?);
        self.slab(chunk).map(drop)
    }

    /// The entry of a function, with its memory.
    pub(super) fn furnish_function(&self, index: u32) -> Result<&'static FunctionEntry, ArenaError> {
        let (chunk, place) = chunk_of(index, FIRST_FUNCTIONS);
        let cell = self.record.functions.get(chunk).ok_or(ArenaError::OutOfSlots {
            what: "function in one pool",
            limit: (FIRST_FUNCTIONS as usize) << (CHUNKS - 1),
        })?;
        let length = (FIRST_FUNCTIONS << chunk) as usize;
        let bytes = size_of::<FunctionEntry>() * length;
        let block = cell.furnish(self.arena, bytes, bytes)?;
        cell.settle(self.arena, this_process()?);
        Ok(&self.arena.block_records(block, length)?[place])
    }

    /// The entry of a function that was put into the table.
    pub(super) fn function(&self, index: u32) -> Result<Option<&'static FunctionEntry>, ArenaError> {
        let known = self.functions_used();
        let (chunk, place) = chunk_of(index, FIRST_FUNCTIONS);
        let cell = self.record.functions.get(chunk).filter(|_| index < known);
        let Some(block) = cell.and_then(KeptBlock::id) else { return Ok(None) };
        Ok(Some(&self.arena.block_records(block, (FIRST_FUNCTIONS << chunk) as usize)?[place]))
    }

    #[inline]
    fn ring(&self, chunk: usize) -> Result<CallRing<'static>, ArenaError> {
        let slots = reach(&self.rings[chunk], self.arena, &self.record.rings[chunk], FIRST_RING << chunk)?;
        let ends = &self.record.ends[chunk];
        Ok(CallRing { head: &ends.head, tail: &ends.tail, slots })
    }

    /// Takes memory for ring number `chunk`, and has the producers use it.
    pub(super) fn furnish_ring(&self, chunk: usize) -> Result<(), ArenaError> {
        let cell = self
            .record
            .rings
            .get(chunk)
            .ok_or(ArenaError::OutOfSlots { what: "ring in one pool", limit: CHUNKS })?;
        let bytes = size_of::<AtomicU64>() * (FIRST_RING << chunk);
        cell.furnish(self.arena, bytes, bytes)?;
        cell.settle(self.arena, this_process()?);
        self.ring(chunk)?;
        self.record.newest_ring.fetch_max(chunk as u32, Ordering::AcqRel);
        Ok(())
    }

    /// Puts a call, which is pending already, where workers find it.
    #[inline]
    pub(super) fn put(&self, index: u32) -> Result<(), ArenaError> {
        loop {
            let newest = self.newest_ring();
            let ring = self.ring(newest)?;
            if ring.push(index) {
                return Ok(());
            }
            // Calls that were withdrawn leave entries behind, which nobody clears while all workers are busy.
            match ring.peek() {
                Some(entry) if self.try_slot(entry.index())?.word().read().state() != State::Pending => {
                    ring.clear(entry);
                }
                _ => self.furnish_ring(newest + 1)?,
            }
        }
    }

    /// Takes the oldest call that waits. Fails, and takes none, when there is no address space to see it.
    #[inline]
    pub(super) fn take(&self, worker: ProcessId) -> Result<Option<(u32, &'static CallSlot)>, ArenaError> {
        let newest = self.newest_ring();
        for chunk in 0..=newest {
            let ring = self.ring(chunk)?;
            while let Some(entry) = ring.peek() {
                let slot = self.try_slot(entry.index())?;
                let claimed = slot.word().claim(worker.raw());
                ring.clear(entry);
                if claimed {
                    return Ok(Some((entry.index(), slot)));
                }
            }
        }
        Ok(None)
    }

    /// Whether there may be a call to take.
    pub(super) fn has_entries(&self) -> bool {
        let newest = self.newest_ring();
        (0..=newest).any(|chunk| self.ring(chunk).map_or(true, |ring| ring.peek().is_some()))
    }

    /// All slots that were ever used, as far as this process has mapped them: those that were when the view was made,
    /// and a requester's own.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, &'static CallSlot)> {
        (0..self.used()).filter_map(|index| Some((index, self.try_slot(index).ok()?)))
    }

    /// Whether any call has no answer yet. To be asked after the pool was seen closed.
    pub(super) fn has_unanswered(&self) -> bool {
        fence(Ordering::SeqCst);
        let is_unanswered = |slot: &CallSlot| {
            matches!(slot.word().read().state(), State::Pending | State::Taken | State::Answering)
        };
        (0..self.used()).any(|index| self.try_slot(index).map_or(true, is_unanswered))
    }

    /// A latch that this process has furnished.
    #[inline]
    pub(super) fn latch(&self, number: usize) -> &'static Latch {
        self.reach_latch(number).expect("a latch is mapped by whoever furnished it")
    }

    /// A latch that was furnished.
    #[inline]
    pub(super) fn reach_latch(&self, number: usize) -> Result<&'static Latch, ArenaError> {
        Ok(&reach(&self.latches[number], self.arena, &self.record.latches[number], 1)?[0])
    }

    /// Makes sure that a latch has its memory.
    pub(super) fn furnish_latch(&self, number: usize) -> Result<(), ArenaError> {
        let cell = &self.record.latches[number];
        cell.furnish(self.arena, size_of::<Latch>(), size_of::<Latch>())?;
        cell.settle(self.arena, this_process()?);
        self.reach_latch(number).map(drop)
    }

    /// All latches that were furnished, as far as this process has mapped them.
    pub(super) fn furnished_latches(&self) -> impl Iterator<Item = &'static Latch> {
        let numbers = 0..LATCHES;
        numbers
            .filter(|number| self.record.latches[*number].id().is_some())
            .filter_map(|number| self.reach_latch(number).ok())
    }

    /// Sends a signal to a worker, which may just have ended: then to nobody. Nor to a process that is none of the
    /// arena's.
    pub(super) fn signal(&self, worker: ProcessId, signal: i32) {
        let pidfd = self.arena.process(worker).pidfd();
        // Asked after the descriptor is there: until here the slot, and so the descriptor, was the worker's.
        if let Ok(Some(pidfd)) = pidfd
            && self.arena.process_state(worker).is_some()
            && self.arena.is_member(&pidfd)
        {
            let _ = pidfd.signal(signal);
        }
    }

    /// The place of a process among the pool's workers.
    pub(super) fn worker(&self, process: ProcessId) -> &'static WorkerRecord {
        &self.workers[process.index()]
    }

    /// The processes that work for the pool, or did and are not swept yet; those that are expected among them.
    pub(super) fn workers(&self) -> impl Iterator<Item = (ProcessId, &'static WorkerRecord)> + use<> {
        let (arena, records) = (self.arena, self.workers.iter());
        records.filter_map(move |worker| {
            let process = ProcessId::from_raw(worker.process.load(Ordering::Acquire))?;
            // One that was expected and never came to be is not swept; its slot is another's by now.
            arena.process_state(process)?;
            (arena.process(process).role() == Role::Worker).then_some((process, worker))
        })
    }

    /// Those of them that have come.
    pub(super) fn enlisted(&self) -> impl Iterator<Item = (ProcessId, &'static WorkerRecord)> + use<> {
        self.workers().filter(|(_, worker)| worker.calls.load(Ordering::Acquire) != EXPECTED)
    }
}

/// A table whose block a cell names, mapped now unless this process has.
#[inline]
fn reach<T: Shared>(
    known: &OnceLock<&'static [T]>,
    arena: &'static Arena,
    cell: &KeptBlock,
    length: usize,
) -> Result<&'static [T], ArenaError> {
    match known.get() {
        Some(table) => Ok(table),
        None => reach_slowly(known, arena, cell, length),
    }
}

#[cold]
fn reach_slowly<T: Shared>(
    known: &OnceLock<&'static [T]>,
    arena: &'static Arena,
    cell: &KeptBlock,
    length: usize,
) -> Result<&'static [T], ArenaError> {
    let block = cell.id().ok_or(ArenaError::StaleBlock)?;
    let table = arena.block_records(block, length)?;
    Ok(known.get_or_init(|| table))
}
