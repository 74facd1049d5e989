//! What a dead process leaves in a pool, and its undoing.
//!
//! A worker's call is run again or answered with its death, and a result that it gave outlives it. What it had promised
//! to put into a ring is put there, and threads that it may have owed a wake-up are woken to look. A requester's death
//! ends the pool. Every step is one exchange away from the dead owner's number, so a sweep may stop anywhere and be
//! done again. No heap memory is taken: the reaper runs this.

use super::obituary::Obituary;
use super::record::{EXPECTED, PoolBody, SUPERVISOR_LOST};
use super::slot::CallSlot;
use super::view::View;
use super::word::State;
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Layer, Object, ProcessId, Sweep, this_process};
use crate::executor::state::PoolState;
use crate::platform::Scope;
use crate::platform::atomic::{Ordering, fence};
use crate::platform::futex;

/// Why a call was answered in its worker's place: the tag of the note that stands for its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Note {
    /// The worker died; its number, pid and name follow.
    WorkerDied = 1,
    /// The pool was terminated.
    Terminated = 2,
    /// The pool broke.
    Broken = 3,
    /// The call was withdrawn by its requester while a worker ran it.
    Aborted = 4,
}

impl Note {
    pub(super) fn from_tag(tag: u32) -> Note {
        match tag {
            1 => Note::WorkerDied,
            2 => Note::Terminated,
            3 => Note::Broken,
            _ => Note::Aborted,
        }
    }
}

/// Answers a call in its worker's place, if it still is in `state` with `owner`, and wakes its waiters.
pub(super) fn fail(
    view: &View,
    (index, slot): (u32, &CallSlot),
    (state, owner): (State, u32),
    by: ProcessId,
    (note, parts): (Note, &[&[u8]]),
) -> bool {
    if !slot.word().fail(state, owner, by.raw()) {
        return false;
    }
    let written = slot.result().write(view.arena, note as u32, parts, &[]);
    debug_assert!(written.is_ok(), "a note fits into the slot");
    let latch = slot.latch.load(Ordering::SeqCst);
    let end = if note == Note::Aborted { State::Cancelled } else { State::Died };
    if slot.word().conclude(by.raw(), end).is_some_and(|before| before.has_waiter()) {
        futex::wake(slot.futex(), u32::MAX, Scope::Shared);
    }
    // The process that sweeps next notifies a latch that this process cannot map.
    if latch != 0
        && let Ok(latch) = view.reach_latch(latch as usize - 1)
    {
        latch.announce(index);
    }
    true
}

/// Fails every call that no worker has taken, because the pool ends before its time.
pub(super) fn fail_pending(view: &View, by: ProcessId, note: Note) {
    for (index, slot) in view.slots() {
        let seen = slot.word().read();
        if seen.state() == State::Pending {
            fail(view, (index, slot), (State::Pending, seen.owner()), by, (note, &[]));
        }
    }
}

impl Kind {
    pub(super) const POOL: Kind = Kind::of::<PoolBody>(6, "pool");
    /// Calls, whose answers threads wait for.
    pub(in crate::executor) const CALL: Kind = Kind::of_no_object(22, "call");
    /// Work of a pool of threads: its workers wait for more of it, others for what they lent to be done.
    pub(in crate::executor) const WORK: Kind = Kind::of_no_object(23, "work of a pool");
}

/// The executor's objects.
pub(crate) const LAYER: Layer = Layer { kinds: &[Kind::POOL, Kind::CALL, Kind::WORK], sweep: &PoolSweep };

struct PoolSweep;

impl Sweep for PoolSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError> {
        let by = this_process()?;
        let mut all = Ok(());
        for (handle, body) in arena.objects::<PoolBody>(Kind::POOL)? {
            body.record.settle(arena, dead.process);
            // One that is being unmade is waited for by nobody, and its memory may be another's by now; one that lives
            // is kept from going while it is looked at.
            let Ok(_object) = Object::attach(handle, Kind::POOL) else { continue };
            let view = match View::of(arena, body) {
                Ok(Some(view)) => view,
                Ok(None) => continue,
                Err(error) => {
                    all = Err(error);
                    continue;
                }
            };
            view.record.storage().for_each(|kept| kept.settle(arena, dead.process));
            if view.record.requester.load(Ordering::Relaxed) == dead.process.raw() {
                end_pool_of(&view, dead.process);
            } else {
                settle_calls_of(&view, dead, by);
                report_supervisor(&view, dead.process);
            }
        }
        all
    }

    fn release(&self, arena: &'static Arena, _kind: Kind, object: Handle) -> Result<(), ArenaError> {
        let body = arena.objects::<PoolBody>(Kind::POOL)?.find(|(handle, _)| *handle == object);
        let Some((_, body)) = body else { return Ok(()) };
        if let Some(view) = View::of(arena, body)? {
            free_contents(&view)?;
        }
        // The record goes last and as this process's own: a process that does this again after our death finds it whole
        // or not at all.
        drop(body.record.take(arena)?);
        Ok(())
    }
}

/// How many calls were run in the pools that live.
pub(crate) fn calls_so_far(arena: &'static Arena) -> u64 {
    let pools = arena.objects::<PoolBody>(Kind::POOL).into_iter().flatten();
    pools
        .filter_map(|(handle, body)| {
            let _object = Object::attach(handle, Kind::POOL).ok()?;
            let view = View::of(arena, body).ok()??;
            let present = view.enlisted().map(|(_, worker)| u64::from(worker.calls.load(Ordering::Relaxed)));
            Some(view.record.calls.load(Ordering::Relaxed) + present.sum::<u64>())
        })
        .sum()
}

/// The requester is dead: nobody waits for answers, and the workers are to end.
fn end_pool_of(view: &View, requester: ProcessId) {
    view.record.advance_to(PoolState::Terminated);
    for (_, slot) in view.slots() {
        // A worker may still be reading; they go with the pool.
        slot.arguments().keep_block_of(view.arena, requester);
    }
    view.record.work.gate.recover(Scope::Shared);
    view.record.workers_changed.gate.recover(Scope::Shared);
}

fn settle_calls_of(view: &View, dead: &Dead, by: ProcessId) {
    let worker = view.worker(dead.process);
    let was_worker = worker.process.load(Ordering::Acquire) == dead.process.raw();
    let obituary = Obituary::of(view, dead);
    for (index, slot) in view.slots() {
        let seen = slot.word().read();
        if seen.owner() != dead.process.raw() {
            continue;
        }
        match seen.state() {
            State::Free => {}
            State::Pending => put_or_fail(view, (index, slot), dead.process, by),
            State::Taken => {
                let goes_on = view.record.state() <= PoolState::Closed;
                if goes_on && slot.count_retry(dead.process) {
                    if slot.word().requeue(dead.process.raw(), by.raw()) {
                        put_or_fail(view, (index, slot), by, by);
                    }
                } else {
                    let note = if goes_on { Note::WorkerDied } else { note_of(view.record.state()) };
                    let from = (State::Taken, dead.process.raw());
                    fail(view, (index, slot), from, by, (note, &[&obituary.to_bytes()]));
                }
            }
            State::Answering => {
                // Whose call it was, only the dead one knew.
                let from = (State::Answering, dead.process.raw());
                fail(view, (index, slot), from, by, (Note::WorkerDied, &[&Obituary::UNKNOWN.to_bytes()]));
            }
            State::Done | State::Died | State::Cancelled => {
                let block = slot.result().block();
                fence(Ordering::Acquire);
                // Unless the requester has taken the answer meanwhile, and the slot holds another call's.
                if let Some(block) = block
                    && slot.word().read() == seen
                {
                    view.arena.block_in_flight(block, dead.process);
                }
                if seen.has_waiter() {
                    futex::wake(slot.futex(), u32::MAX, Scope::Shared);
                }
            }
        }
    }
    for latch in view.furnished_latches() {
        latch.announce_all();
    }
    if was_worker {
        leave_workers(view, dead.process);
    }
    view.record.work.gate.recover(Scope::Shared);
    view.record.workers_changed.gate.recover(Scope::Shared);
}

/// The pool's supervisor may have died: then the threads that wait in the requester are woken to get another one.
fn report_supervisor(view: &View, dead: ProcessId) {
    let word = &view.record.supervisor;
    let _ = word.compare_exchange(dead.raw(), SUPERVISOR_LOST, Ordering::SeqCst, Ordering::Relaxed);
    // Also when another sweeper has written it: that one may have been killed before it woke anybody.
    if word.load(Ordering::SeqCst) == SUPERVISOR_LOST {
        wake_requester(view);
    }
}

/// Wakes all threads that wait in the requester, to look whether a supervisor is to be replaced. A thread that is about
/// to sleep, and has looked before this, does not fall asleep.
pub(super) fn wake_requester(view: &View) {
    fence(Ordering::SeqCst);
    for (_, slot) in view.slots() {
        if slot.word().rouse() {
            futex::wake(slot.futex(), u32::MAX, Scope::Shared);
        }
    }
    for latch in view.furnished_latches() {
        latch.gate.recover(Scope::Shared);
    }
    view.record.workers_changed.gate.recover(Scope::Shared);
}

/// Puts a pending call that `promised` was to put. Fails it when there is no memory for that, or when the pool was
/// ended meanwhile: the process that ended it may have looked for pending calls before this was one.
pub(super) fn put_or_fail(view: &View, call: (u32, &CallSlot), promised: ProcessId, by: ProcessId) {
    let pending = (State::Pending, promised.raw());
    if view.put(call.0).is_err() {
        fail(view, call, pending, by, (Note::Broken, &[]));
        return;
    }
    fence(Ordering::SeqCst);
    let state = view.record.state();
    if state > PoolState::Closed {
        fail(view, call, pending, by, (note_of(state), &[]));
    }
}

/// What a pool that goes on no longer says to those who wait for answers.
pub(super) fn note_of(state: PoolState) -> Note {
    if state == PoolState::Broken { Note::Broken } else { Note::Terminated }
}

/// Takes a dead worker off the list.
fn leave_workers(view: &View, dead: ProcessId) {
    let worker = view.worker(dead);
    let calls = worker.calls.swap(0, Ordering::AcqRel);
    if calls != EXPECTED {
        view.record.calls.fetch_add(u64::from(calls), Ordering::Relaxed);
    }
    if worker.process.compare_exchange(dead.raw(), 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        view.record.deaths.fetch_add(1, Ordering::Relaxed);
    }
}

/// No worker will come any more, for this reason: all calls that wait fail with it.
pub(super) fn break_pool(view: &View, by: ProcessId, reason: &str) {
    if view.record.reason().is_empty() {
        view.record.set_reason(reason);
    }
    if view.record.advance_to(PoolState::Broken) {
        fence(Ordering::SeqCst);
        fail_pending(view, by, Note::Broken);
        view.record.work.gate.recover(Scope::Shared);
        view.record.workers_changed.gate.recover(Scope::Shared);
    }
}

/// Frees all blocks of a pool that nobody refers to any more, but for the record.
fn free_contents(view: &View) -> Result<(), ArenaError> {
    let arena = view.arena;
    // Looked at first, so that nothing is begun that cannot be finished.
    let functions = 0..view.functions_used();
    functions.clone().try_for_each(|index| view.function(index).map(drop))?;
    arena.counters().calls.fetch_add(view.record.calls.swap(0, Ordering::AcqRel), Ordering::Relaxed);
    for (_, slot) in view.slots() {
        if slot.word().read().state() != State::Free {
            slot.arguments().discard(arena)?;
            slot.result().discard(arena)?;
        }
    }
    for index in functions {
        if let Some(entry) = view.function(index)? {
            entry.block.free(arena)?;
        }
    }
    // A process that does this again after our death must not look into tables that are free by then.
    view.record.used.store(0, Ordering::Release);
    view.record.functions_used.store(0, Ordering::Release);
    // Freeing a block by a number of the past does nothing.
    view.record.storage().try_for_each(|kept| kept.free(arena))
}
