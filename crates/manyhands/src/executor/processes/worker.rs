//! What a worker does all its life: take a call, run it, answer, look for the next; sleep when there is none.
//!
//! Another part starts the process: this runs in one that was started for the pool, with the pool's handle. What a call
//! means is the caller's closure; here it is a number, a tag and bytes. A worker ends when the pool does, when it has
//! run as many calls as it may, or when its call was answered in its place (aborted). It gets no orders: it pulls.

use super::record::{PoolBody, WorkerRecord};
use super::slot::{CallSlot, INLINE};
use super::sweep::break_pool;
use super::view::View;
use crate::arena::{Arena, ArenaError, Block, Handle, Kind, Object, Pinned, ProcessId, this_process};
use crate::executor::state::PoolState;
use crate::platform::Scope;
use crate::platform::atomic::Ordering;
use crate::platform::futex;
use crate::sync::{Outside, Subject, WaitError, Waiting, wait_for};

/// A call that a worker has taken.
pub struct CallRequest<'a> {
    /// The number of the call, counted in its pool from 1.
    pub number: u64,
    /// What to run, as the requester said.
    pub function: u64,
    /// What kind of bytes the arguments are, as the requester said.
    pub tag: u32,
    arguments: Arguments<'a>,
    worker: &'a Worker,
    slot: &'a CallSlot,
    is_answered: bool,
}

/// Where a call's arguments are.
enum Arguments<'a> {
    Inline(&'a [u8]),
    InBlock(Pinned),
    /// This process cannot map them.
    Refused(ArenaError),
    /// They were given away.
    Gone,
}

/// Why a worker's life is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerEnd {
    /// The pool was closed and nothing is left to do, or it was terminated, or this worker is to make room for another.
    PoolEnded,
    /// It has run as many calls as it may.
    CallsSpent,
    /// Its call was answered in its place: the requester did not want it to go on.
    Aborted,
    /// A signal's handler asked for the end.
    Interrupted,
    /// It has no address space left for the pool's tables, and makes room for another worker.
    NoAddressSpace,
}

/// A worker: a process that takes calls of one pool.
pub struct Worker {
    object: Object,
    view: View,
    worker: &'static WorkerRecord,
    process: ProcessId,
}

enum Next {
    Call(u32, &'static CallSlot),
    End(WorkerEnd),
}

impl Worker {
    /// Makes the calling process a worker of a pool.
    ///
    /// # Errors
    /// When the pool is gone, or this process has no address space left for its tables.
    pub fn enlist(pool: Handle) -> Result<Worker, ArenaError> {
        let process = this_process()?;
        let object = Object::attach(pool, Kind::POOL)?;
        let gone = || ArenaError::Stale { handle: pool, kind: Kind::POOL };
        let view = View::of(Arena::get()?, object.body::<PoolBody>())?.ok_or_else(gone)?;
        let worker = view.worker(process);
        worker.set_name(&view.arena.process(process).name());
        worker.calls.store(0, Ordering::Release);
        worker.process.store(process.raw(), Ordering::Release);
        view.record.workers_changed.gate.notify_all(Scope::Shared);
        Ok(Worker { object, view, worker, process })
    }

    /// The payload that the requester registered under a number, if it did.
    ///
    /// # Errors
    /// When this process has no address space left for it.
    pub fn function(&self, number: u32) -> Result<Option<Pinned>, ArenaError> {
        let Some(entry) = self.view.function(number)? else { return Ok(None) };
        let length = entry.length.load(Ordering::Acquire) as usize;
        entry.block.id().map(|block| self.view.arena.block_bytes(block, length)).transpose()
    }

    /// Ends the pool because no worker can work, for this reason: all calls that wait fail with it.
    pub fn break_pool(&self, reason: &str) {
        break_pool(&self.view, self.process, reason);
    }

    /// Takes and runs calls until the worker's life is over. `run` answers each through
    /// [`CallRequest::answer`]; a call that it does not answer gets the tag `u32::MAX` and no bytes.
    pub fn work(&self, waiting: &dyn Waiting, run: &mut dyn FnMut(&mut CallRequest<'_>)) -> WorkerEnd {
        let most = self.view.record.calls_per_worker.load(Ordering::Relaxed);
        let subject = Subject::shared(Kind::POOL, self.object.handle());
        self.worker.ready.store(self.process.raw(), Ordering::Release);
        let mut calls = 0_u32;
        loop {
            let next = match self.take() {
                Some(next) => Ok(next),
                None => {
                    let gate = &self.view.record.work.gate;
                    wait_for(subject, &Outside, None, waiting, |wait| {
                        gate.wait_until(wait, || self.take(), || self.view.has_entries())
                    })
                }
            };
            let (index, slot) = match next {
                Ok(Next::Call(index, slot)) => (index, slot),
                Ok(Next::End(why)) => {
                    if why == WorkerEnd::NoAddressSpace && calls == 0 {
                        // The next one may fare no better: it is as if this one had never been ready.
                        self.worker.ready.store(0, Ordering::Release);
                        self.view.record.set_reason(
                            "a worker has no address space left to see the calls; it is limited (RLIMIT_AS)",
                        );
                    }
                    return why;
                }
                Err(WaitError::Interrupted) => return WorkerEnd::Interrupted,
                Err(_) => continue,
            };
            calls = calls.wrapping_add(1);
            self.worker.calls.store(calls, Ordering::Relaxed);
            if !self.run_one(index, slot, run) {
                return WorkerEnd::Aborted;
            }
            if most == calls {
                return WorkerEnd::CallsSpent;
            }
        }
    }

    #[inline]
    fn take(&self) -> Option<Next> {
        let state = self.view.record.state();
        if state > PoolState::Closed {
            return Some(Next::End(WorkerEnd::PoolEnded));
        }
        match self.view.take(self.process) {
            Ok(Some((index, slot))) => return Some(Next::Call(index, slot)),
            Ok(None) => {}
            Err(_) => return Some(Next::End(WorkerEnd::NoAddressSpace)),
        }
        // A call that another worker has may still be given up and run here.
        let is_over = state == PoolState::Closed && !self.view.has_unanswered();
        is_over.then_some(Next::End(WorkerEnd::PoolEnded))
    }

    /// Runs a call; `false` when it was answered in this worker's place.
    #[inline]
    fn run_one(&self, index: u32, slot: &CallSlot, run: &mut dyn FnMut(&mut CallRequest<'_>)) -> bool {
        let side = slot.arguments();
        let mut inline = [0; INLINE];
        let arguments = match side.block() {
            None => {
                let length = side.copy_inline(&mut inline);
                Arguments::Inline(&inline[..length])
            }
            Some(block) => match self.view.arena.block_bytes(block, side.len()) {
                Ok(bytes) => Arguments::InBlock(bytes),
                Err(error) => Arguments::Refused(error),
            },
        };
        let mut request = CallRequest {
            number: slot.number.load(Ordering::Relaxed),
            function: slot.function.load(Ordering::Relaxed),
            tag: side.tag(),
            arguments,
            worker: self,
            slot,
            is_answered: false,
        };
        run(&mut request);
        if !request.is_answered {
            slot.result().write_nothing(u32::MAX);
        }
        self.publish(index, slot)
    }

    #[inline]
    fn publish(&self, index: u32, slot: &CallSlot) -> bool {
        // Read before the answer is there, since the slot may be another call's right after it; and again, since the
        // requester may have asked for a word meanwhile.
        let latch_before = slot.latch.load(Ordering::Relaxed);
        let Some(before) = slot.word().answer(self.process.raw()) else {
            // What cannot be freed now is freed when this worker has ended, which it does next.
            let _ = slot.result().discard(self.view.arena);
            return false;
        };
        let latch_after = slot.latch.load(Ordering::SeqCst);
        if before.has_waiter() {
            futex::wake(slot.futex(), u32::MAX, Scope::Shared);
        }
        for latch in [latch_before, if latch_after == latch_before { 0 } else { latch_after }] {
            if latch != 0 {
                match self.view.reach_latch(latch as usize - 1) {
                    Ok(latch) => latch.announce(index),
                    // The sweep of this worker tells.
                    Err(_) => return false,
                }
            }
        }
        if self.view.record.state() != PoolState::Open {
            // Others wait for the last answer to go home, and the requester for them.
            self.view.record.work.gate.notify_all(Scope::Shared);
        }
        true
    }
}

impl CallRequest<'_> {
    /// Writes the answer. The last one that was written counts; it is published when the closure returns.
    ///
    /// # Errors
    /// When shared memory has run out; then another, smaller answer may be written.
    pub fn answer(&mut self, tag: u32, parts: &[&[u8]]) -> Result<(), ArenaError> {
        self.answer_naming(tag, parts, &[])
    }

    /// As [`CallRequest::answer`], of an answer that names shared objects, which this process refers to now: they live
    /// at least until the answer is fetched.
    ///
    /// # Errors
    /// As there.
    pub fn answer_naming(&mut self, tag: u32, parts: &[&[u8]], objects: &[Handle]) -> Result<(), ArenaError> {
        if self.is_answered {
            self.slot.result().discard(self.worker.view.arena)?;
            self.is_answered = false;
        }
        // Nobody wants it: spare the memory.
        let unwanted = self.slot.word().read().is_detached();
        let (parts, objects): (&[&[u8]], &[Handle]) = if unwanted { (&[], &[]) } else { (parts, objects) };
        self.slot.result().write(self.worker.view.arena, tag, parts, objects)?;
        self.is_answered = true;
        Ok(())
    }

    /// The arguments; none once [`CallRequest::take_arguments`] has given them away, or where there is a refusal.
    #[inline]
    pub fn arguments(&self) -> &[u8] {
        match &self.arguments {
            Arguments::Inline(bytes) => bytes,
            Arguments::InBlock(bytes) => bytes,
            Arguments::Refused(_) | Arguments::Gone => &[],
        }
    }

    /// Why this process cannot see the arguments, if it cannot. To be asked first: the call is to be answered with it.
    #[inline]
    pub fn take_refusal(&mut self) -> Option<ArenaError> {
        match &self.arguments {
            Arguments::Refused(_) => match std::mem::replace(&mut self.arguments, Arguments::Gone) {
                Arguments::Refused(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes the block in which large arguments stand, so that they may outlive the call. `None` when they are small,
    /// when the call may be run again, or when the block was taken before.
    pub fn take_arguments(&mut self) -> Option<Block> {
        let side = self.slot.arguments();
        if self.slot.may_be_retried() {
            return None;
        }
        let id = side.block()?;
        let block = self.worker.view.arena.take_block(id, side.len()).ok()?;
        side.forget_block();
        self.arguments = Arguments::Gone;
        Some(block)
    }

    /// The worker that runs the call.
    pub fn worker(&self) -> &Worker {
        self.worker
    }
}
