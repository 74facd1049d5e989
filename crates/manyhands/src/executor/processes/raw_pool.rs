//! A pool as its requester sees it, in bytes: what languages build their pools on.
//!
//! A [`RawPool`] is made by one process, which alone submits to it. It has slots for calls and tables in the arena, and
//! privately the list of slots that are free. It starts no process: workers come by
//! [`work`](super::worker::work) with the pool's handle, and are kept alive by the supervisor. Dropping the last
//! reference closes the pool; to wait for what was submitted, [`RawPool::join`] it first.

use super::raw_call::RawCall;
use super::record::{FunctionEntry, PoolBody, PoolRecord, WorkerRecord};
use super::requester::Requester;
use super::supervision::Turn;
use super::sweep::{Note, break_pool, fail, fail_pending};
use super::view::View;
use super::word::State;
use crate::arena::{Arena, ArenaError, Handle, Kind, Object, PROCESSES, ProcessId, this_process};
use crate::executor::errors::SubmitError;
use crate::executor::state::{PoolState, PoolStatistics};
use crate::platform::atomic::{Ordering, fence};
use crate::platform::{Deadline, Scope};
use crate::spawn::Predecessor;
use crate::sync::{WaitError, Waiting};
use std::num::NonZeroU32;
use std::sync::Arc;

/// A call to be submitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewCall<'a> {
    /// What to run: a number that the workers understand.
    pub function: u64,
    /// What kind of bytes the arguments are, for the workers.
    pub tag: u32,
    /// The arguments, in as many parts as is convenient.
    pub arguments: &'a [&'a [u8]],
    /// How often the call may be run again when its worker dies.
    pub retries: u32,
    /// Shared objects that the arguments name; they live at least as long as the call.
    pub objects: &'a [Handle],
}

/// What a pool is to be.
#[derive(Clone, Copy, Debug)]
pub struct PoolPlan<'a> {
    /// How many workers there should be.
    pub workers: usize,
    /// After how many calls a worker makes room for a new one; `None`: never.
    pub calls_per_worker: Option<NonZeroU32>,
    /// What workers are called: this and a number. At most 48 bytes count.
    pub worker_prefix: &'a str,
}

/// A pool, for the process that made it. Clones are the same pool.
#[derive(Clone)]
pub struct RawPool(Arc<Requester>);

impl RawPool {
    /// Makes a pool for workers that are yet to come.
    ///
    /// # Errors
    /// When shared memory or objects have run out.
    ///
    /// # Panics
    /// When no workers are wanted or more than an arena has processes.
    pub fn new(plan: &PoolPlan<'_>) -> Result<RawPool, ArenaError> {
        assert!((1..PROCESSES).contains(&plan.workers), "a pool has between 1 and {} workers", PROCESSES - 1);
        let process = this_process()?;
        let object =
            Object::create::<PoolBody>(Kind::POOL, |arena, body| make_record(arena, body, process, plan))?;
        let body: &PoolBody = object.body();
        let view = View::of(Arena::get()?, body)?.expect("a pool is made with its record");
        // From here on the object frees the blocks, whichever process is left to do it.
        body.record.settle(view.arena, process);
        view.record.storage().for_each(|kept| kept.settle(view.arena, process));
        view.furnish_ring(0)?;
        Ok(RawPool(Arc::new(Requester::new(view, object, process))))
    }

    /// The pool that a private part belongs to.
    pub(super) fn of(requester: &Arc<Requester>) -> RawPool {
        RawPool(Arc::clone(requester))
    }

    /// What names the pool to its workers.
    pub fn handle(&self) -> Handle {
        self.0.object.handle()
    }

    /// What the pool is ready for.
    pub fn state(&self) -> PoolState {
        self.0.view.record.state()
    }

    /// Whether this process may submit: it made the pool, and did not come by fork from the one that did.
    pub fn is_own(&self) -> bool {
        self.0.is_own()
    }

    /// Keeps `payload` for the workers, which find it by the number that this returns. It stays as long as the pool.
    ///
    /// # Errors
    /// When shared memory has run out, or this is not the process that made the pool.
    pub fn register(&self, payload: &[u8]) -> Result<u32, SubmitError> {
        self.0.check_own()?;
        let requester = &self.0;
        // The lock orders registrations; workers look only at entries below the published number.
        let _left = requester.left();
        let record = requester.view.record;
        let number = record.functions_used.load(Ordering::Relaxed);
        let entry: &FunctionEntry = requester.view.furnish_function(number)?;
        // That of a registration which failed.
        entry.block.free(requester.view.arena)?;
        entry.block.name(None);
        let mut block = requester.view.arena.claim_block(payload.len())?;
        block.copy_from_slice(payload);
        entry.block.give(block);
        entry.block.settle(requester.view.arena, requester.process);
        entry.length.store(payload.len() as u64, Ordering::Relaxed);
        record.functions_used.store(number + 1, Ordering::Release);
        Ok(number)
    }

    /// Hands a call to the workers.
    ///
    /// # Errors
    /// When the pool takes no more calls, or shared memory has run out; nothing was submitted then.
    #[inline]
    pub fn submit(&self, call: &NewCall<'_>) -> Result<RawCall, SubmitError> {
        self.submit_for(call, 0)
    }

    pub(super) fn submit_for(&self, call: &NewCall<'_>, latch: u32) -> Result<RawCall, SubmitError> {
        self.0.check_own()?;
        self.0.look_after_supervisor();
        self.0.look_after_calls();
        self.0.check_open()?;
        let (index, number) = self.0.claim_slot()?;
        let view = &self.0.view;
        let slot = view.slot(index);
        if let Err(error) = slot.arguments().write(view.arena, call.tag, call.arguments, call.objects) {
            self.0.free.put(index, slot.link());
            return Err(error.into());
        }
        slot.function.store(call.function, Ordering::Relaxed);
        slot.number.store(number, Ordering::Relaxed);
        slot.latch.store(latch, Ordering::Relaxed);
        slot.allow_retries(call.retries);
        slot.result().write_nothing(0);
        let me = self.0.process;
        slot.word().submit(me.raw());
        let submitted = RawCall::new(Arc::clone(&self.0), slot, index, number);
        if let Err(error) = view.put(index) {
            fail(view, (index, slot), (State::Pending, me.raw()), me, (Note::Aborted, &[]));
            return Err(error.into());
        }
        // With a fence, so that this sees a close whose workers did not see our call and went home.
        view.record.work.gate.notify_one(Scope::Shared);
        if let Err(error) = self.0.check_open()
            && fail(view, (index, slot), (State::Pending, me.raw()), me, (Note::Aborted, &[]))
        {
            return Err(error);
        }
        Ok(submitted)
    }

    /// Takes no more calls; those that were submitted are run, then the workers end.
    pub fn close(&self) {
        self.0.close();
    }

    /// Takes calls again, if it was closed and has come to no other end: for one whose workers could not be started,
    /// when that is tried once more.
    pub fn reopen(&self) {
        if self.0.is_own() {
            self.0.view.record.reopen();
        }
    }

    /// Takes no more calls and fails those that no worker has taken; workers end before their next call. Those that are
    /// busy are to be ended by their process, see [`RawPool::signal_workers`].
    pub fn terminate(&self) {
        if self.0.is_own() {
            self.0.view.record.advance_to(PoolState::Terminated);
            fence(Ordering::SeqCst);
            fail_pending(&self.0.view, self.0.process, Note::Terminated);
            self.0.view.record.work.gate.notify_all(Scope::Shared);
        }
    }

    /// Cancels every call that no worker has taken.
    pub fn cancel_pending(&self) {
        if self.0.is_own() {
            fail_pending(&self.0.view, self.0.process, Note::Aborted);
        }
    }

    /// Sends a signal to every worker.
    pub fn signal_workers(&self, signal: i32) {
        for (process, _) in self.0.view.workers() {
            self.0.view.signal(process, signal);
        }
    }

    /// Says who keeps the pool's workers.
    pub fn set_supervisor(&self, supervisor: ProcessId) {
        self.0.set_supervisor(supervisor);
    }

    /// Says what to do when the supervisor has died: `replace` makes another process take its place, and says which, or
    /// why it cannot. Then it is asked again later, and the pool is broken only once it has no worker left. `None`: it
    /// has called [`RawPool::set_supervisor`] or [`RawPool::note_no_supervisor`] itself. It runs in whichever thread
    /// submits or waits next, outside of its sleep, with the turn (see [`RawPool::turn`]).
    pub fn replace_supervisor_by(
        &self,
        replace: impl Fn(Predecessor) -> Result<Option<ProcessId>, String> + Send + Sync + 'static,
    ) {
        self.0.replace_supervisor_by(Box::new(replace));
    }

    /// Replaces the supervisor if it has died, as every submission and every wait does.
    #[inline]
    pub fn look_after_supervisor(&self) {
        self.0.look_after_supervisor();
    }

    /// The turn to make another supervisor while this one lives, for instance one that knows more of the program;
    /// `None` when it is another thread's. As long as somebody has it, nobody replaces a supervisor that dies.
    pub fn turn(&self) -> Option<Turn<'_>> {
        self.0.turn()
    }

    /// Whether the supervisor has died and nobody has taken its place yet.
    #[inline]
    pub fn is_supervisor_lost(&self) -> bool {
        self.0.is_supervisor_lost()
    }

    /// What a supervisor that is lost has left to the one that takes its place.
    pub fn left_by_supervisor(&self) -> Predecessor {
        self.0.left_by_supervisor()
    }

    /// The supervisor is lost, and another one could not be made now, for this reason. Reports it the first time, and
    /// breaks the pool when it has no worker left and this goes on for long. Only the thread that has the turn says so.
    pub fn note_no_supervisor(&self, reason: &str) {
        self.0.note_no_supervisor(reason);
    }

    /// Whether any call has no answer yet. A closed pool that has none needs no supervisor any more.
    pub fn has_unanswered(&self) -> bool {
        self.0.view.has_unanswered()
    }

    /// How many workers have ended so far, for whatever reason.
    #[inline]
    pub fn workers_ended(&self) -> u64 {
        self.0.view.record.deaths.load(Ordering::Relaxed)
    }

    /// Whether a worker that is not behind with its work may make room for another one within that many calls.
    #[inline]
    pub fn may_retire_within(&self, calls: usize) -> bool {
        let view = &self.0.view;
        let limit = view.record.calls_per_worker.load(Ordering::Relaxed) as usize;
        let taken = || view.enlisted().map(|(_, worker)| worker.calls.load(Ordering::Relaxed) as usize);
        limit != 0 && taken().max().unwrap_or(0).saturating_add(calls) >= limit && !view.has_entries()
    }

    /// Ends the pool because no worker will come any more: all calls fail with this reason.
    pub fn give_up(&self, reason: &str) {
        if self.0.is_own() {
            break_pool(&self.0.view, self.0.process, reason);
        }
    }

    /// What is known of why the pool broke; empty when nothing is.
    pub fn reason(&self) -> String {
        self.0.reason()
    }

    /// Waits until no worker is left. Close or terminate first.
    ///
    /// # Errors
    /// When the deadline came first or a signal handler asked for an end.
    pub fn join(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        let view = &self.0.view;
        let is_empty =
            || view.workers().next().is_none() && !view.has_unanswered() || self.0.is_beyond_help();
        let gate = (Kind::POOL, &view.record.workers_changed.gate);
        self.0.at_gate(gate, deadline, waiting, || is_empty().then_some(()))
    }

    /// Waits until `workers` workers are there, or the pool is no longer open.
    ///
    /// # Errors
    /// As [`RawPool::join`].
    pub fn wait_for_workers(
        &self,
        workers: usize,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), WaitError> {
        let view = &self.0.view;
        let there = || view.enlisted().count() >= workers || view.record.state() != PoolState::Open;
        let gate = (Kind::POOL, &view.record.workers_changed.gate);
        self.0.at_gate(gate, deadline, waiting, || there().then_some(()))
    }

    /// Waits until all callbacks have run, and ends their thread. Callbacks that are registered later run at once.
    pub fn finish_callbacks(&self) {
        self.0.finish_callbacks();
    }

    /// What is known of the pool now.
    pub fn statistics(&self) -> PoolStatistics {
        let view = &self.0.view;
        let mut states = [0; 8];
        for (_, slot) in view.slots() {
            states[slot.word().read().state() as usize] += 1;
        }
        let describe = |(process, worker): (ProcessId, &WorkerRecord)| {
            let slot = view.arena.process(process);
            (slot.name(), slot.pid(), u64::from(worker.calls.load(Ordering::Relaxed)))
        };
        PoolStatistics {
            state: view.record.state(),
            workers_wanted: view.record.workers.load(Ordering::Relaxed) as usize,
            workers: view.enlisted().map(describe).collect(),
            waiting: states[State::Pending as usize],
            running: states[State::Taken as usize],
            submitted: self.0.free.taken(),
            workers_ended: view.record.deaths.load(Ordering::Relaxed),
        }
    }

    pub(super) fn requester(&self) -> &Arc<Requester> {
        &self.0
    }
}

impl std::fmt::Debug for RawPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RawPool").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

fn make_record(
    arena: &'static Arena,
    body: &PoolBody,
    process: ProcessId,
    plan: &PoolPlan<'_>,
) -> Result<(), ArenaError> {
    let block = body.record.furnish(arena, size_of::<PoolRecord>(), size_of::<PoolRecord>())?;
    // What cannot be freed now is this process's, and freed when that has ended.
    let undo = |_: &ArenaError| drop(arena.free_block(block));
    let record: &[PoolRecord] = arena.block_records(block, 1).inspect_err(undo)?;
    let record = &record[0];
    record.requester.store(process.raw(), Ordering::Relaxed);
    record.workers.store(plan.workers as u32, Ordering::Relaxed);
    record.calls_per_worker.store(plan.calls_per_worker.map_or(0, NonZeroU32::get), Ordering::Relaxed);
    record.set_worker_prefix(plan.worker_prefix);
    let workers = size_of::<WorkerRecord>() * PROCESSES;
    record.worker_records.furnish(arena, workers, workers).map(drop).inspect_err(undo)
}
