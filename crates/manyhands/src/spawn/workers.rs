//! The workers of one pool, kept at their number.
//!
//! A supervisor starts a worker whenever one is missing, at once when the last one had done something. When workers die
//! before they have, it starts them ever more slowly: after 10 ms, then twice as long each time. After [`FRUITLESS`]
//! such deaths in a row, with no call taken in between, it gives the pool up and says why. If a worker cannot be
//! *started*, that is no such death. It is reported once and tried again, and costs a pool its life only when there is
//! no worker at all for long ([`Setbacks`]). Workers are the supervisor's own children, so their ends are reaped here,
//! and their status stands in their slot before the sweep begins.

use super::birth::{self, Forking};
use super::inherit::Inheritance;
use super::reaper;
use super::request::Predecessor;
use super::setbacks::Setbacks;
use crate::arena::{Arena, Handle, ProcessId, Role, sweep};
use crate::platform::fork::Side;
use crate::platform::pidfd::{self, ExitStatus, PidFd};
use crate::platform::{Deadline, descriptor, stat};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How many workers in a row may die without having done anything, while no other has done anything either.
pub const FRUITLESS: u32 = 8;

/// A pool as its supervisor sees it. The supervisor's children inherit a copy, which they drop: a drop gives references
/// back and does nothing else.
pub trait Supervised {
    /// How many workers this supervisor should have now; 0 when the pool is over.
    fn wanted(&self) -> usize;

    /// What worker `number` (from 1) is called.
    fn worker_name(&self, number: u64) -> String;

    /// The worker that takes this slot is about to be made: it counts from now on.
    fn expect(&self, slot: ProcessId);

    /// It was not made, or has ended before it took its slot.
    fn expect_no_more(&self, slot: ProcessId);

    /// A number that changes whenever a worker takes a call.
    fn progress(&self) -> u64;

    /// A worker has ended, and is not swept yet. Says whether it had done something: taken a call, or ended because it
    /// was asked to.
    fn worker_ended(&self, ended: &Ended) -> bool;

    /// No more workers will be started, for this reason.
    fn give_up(&self, reason: &str);
}

/// Makes a [`Supervised`] of a pool's handle and the payload of its workers, in the supervisor.
///
/// # Errors
/// Why it cannot.
pub type MakeSupervised = fn(Handle, &[u8]) -> Result<Box<dyn Supervised>, String>;

/// How a supervisor that needs no program of its own makes a [`Supervised`]. The executor, which knows what a pool is,
/// implements it for [`Handle`].
pub(crate) trait OfAPool {
    /// A [`MakeSupervised`].
    fn supervised(self, payload: &[u8]) -> Result<Box<dyn Supervised>, String>;
}

/// A worker's end.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The slot that it had.
    pub slot: ProcessId,
    /// Its number.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
}

pub(super) struct Workers {
    pool: Box<dyn Supervised>,
    shared: Vec<Handle>,
    payload: Vec<u8>,
    is_entry: bool,
    inheritance: Inheritance,
    descriptors: Vec<OwnedFd>,
    environment_in_place: bool,
    workers: Vec<Worker>,
    hired: u64,
    /// How many workers in a row have died without having done anything, and the pool's progress then.
    fruitless: u32,
    progress: u64,
    not_before: Option<Deadline>,
    /// Starts that the system has refused, one after the other.
    refused: Setbacks,
    /// Whether it was reported that workers are missing.
    has_reported: bool,
    given_up: bool,
    stood_down: bool,
}

struct Worker {
    slot: ProcessId,
    pid: u32,
    pidfd: PidFd,
    /// Whether this supervisor started it.
    is_own: bool,
}

/// What became of an attempt to bring a workers to its number.
pub(super) enum Filled {
    /// It is complete, or must wait until then.
    Until(Option<Deadline>),
    /// In a new worker: what it is to do.
    Worker(WorkerStart),
}

pub(super) struct WorkerStart {
    pub(super) slot: ProcessId,
    pub(super) payload: Vec<u8>,
    pub(super) inheritance: Inheritance,
    pub(super) descriptors: Vec<OwnedFd>,
    pub(super) environment_in_place: bool,
    pub(super) is_entry: bool,
}

impl Workers {
    pub(super) fn new(
        pool: Box<dyn Supervised>,
        shared: Vec<Handle>,
        (payload, is_entry): (Vec<u8>, bool),
        inheritance: Inheritance,
        descriptors: Vec<OwnedFd>,
        environment_in_place: bool,
    ) -> Workers {
        Workers {
            pool,
            shared,
            payload,
            is_entry,
            inheritance,
            descriptors,
            environment_in_place,
            workers: Vec::new(),
            hired: 0,
            fruitless: 0,
            progress: 0,
            not_before: None,
            refused: Setbacks::default(),
            has_reported: false,
            given_up: false,
            stood_down: false,
        }
    }

    /// Whether nothing is left to do for this pool.
    pub(super) fn is_over(&self) -> bool {
        self.workers.is_empty() && (self.given_up || self.stood_down || self.pool.wanted() == 0)
    }

    /// Starts no more workers, and looks after its own until they end; returns what its successor has to know.
    pub(super) fn stand_down(&mut self) -> Predecessor {
        self.stood_down = true;
        let workers = self.workers.iter().map(|worker| (worker.slot, worker.pid)).collect();
        Predecessor { hired: self.hired, workers }
    }

    /// Nobody will tell it to go on: one that has stood down is over when the workers have ended that are its own.
    pub(super) fn leave_to_others(&mut self) {
        if self.stood_down {
            self.workers.retain(|worker| worker.is_own);
        }
    }

    /// Nobody has taken its place.
    pub(super) fn go_on(&mut self) {
        self.stood_down = false;
    }

    /// Counts the workers in that another supervisor has started and looks after.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub(super) fn take_over(&mut self, arena: &'static Arena, before: &Predecessor) -> io::Result<()> {
        self.hired = before.hired;
        for &(slot, pid) in &before.workers {
            let pidfd = match PidFd::open(pid) {
                Ok(pidfd) => pidfd,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => continue,
                Err(error) => return Err(error),
            };
            // It is reaped only after its slot says that it is dead: until then the number is its own.
            if arena.process_state(slot).is_some() && !arena.is_dead(slot) && arena.process(slot).pid() == pid
            {
                self.workers.push(Worker { slot, pid, pidfd, is_own: false });
            }
        }
        Ok(())
    }

    pub(super) fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    pub(super) fn sentinels(&self) -> impl Iterator<Item = &PidFd> {
        self.workers.iter().map(|worker| &worker.pidfd)
    }

    /// Starts workers until their number is right.
    ///
    /// # Errors
    /// When the system has refused one; that is tried again later.
    pub(super) fn fill(
        &mut self,
        arena: &'static Arena,
        requester: ProcessId,
        forking: &mut dyn Forking,
    ) -> io::Result<Filled> {
        while !self.given_up && !self.stood_down && self.workers.len() < self.pool.wanted() {
            let not_before = self.not_before.filter(|not_before| !not_before.is_past());
            if let Some(not_before) = not_before.or(self.refused.rest()) {
                return Ok(Filled::Until(Some(not_before)));
            }
            match self.hire(arena, requester, forking) {
                Ok(None) => self.refused.clear(),
                Ok(Some(start)) => return Ok(Filled::Worker(start)),
                Err(error) => {
                    self.refused.note();
                    return Err(error);
                }
            }
        }
        self.has_reported = false;
        Ok(Filled::Until(None))
    }

    /// A worker could not be started, in a pool that is there: says so, once until all workers are there again. A pool
    /// that has no worker left, and gets none for long, is given up.
    pub(super) fn report_refusal(&mut self, error: &io::Error) {
        let (present, wanted) = (self.workers.len(), self.pool.wanted());
        if present == 0 && self.refused.are_hopeless() && !self.given_up {
            self.given_up = true;
            self.pool.give_up(&format!(
                "it has no worker left, and none could be started in {} attempts; the last one failed: {error}",
                self.refused.times()
            ));
        } else if !self.has_reported {
            self.has_reported = true;
            let name = self.pool.worker_name(self.hired + 1);
            let text = format!(
                "manyhands: worker {name} cannot be started: {error}; its pool goes on with {present} of {wanted} \
                 workers, and tries again\n"
            );
            if let Some(errors) = self.inheritance.standard_error(&self.descriptors) {
                descriptor::write(errors, text.as_bytes());
            }
        }
    }

    fn hire(
        &mut self,
        arena: &'static Arena,
        requester: ProcessId,
        forking: &mut dyn Forking,
    ) -> io::Result<Option<WorkerStart>> {
        let name = self.pool.worker_name(self.hired + 1);
        let slot = arena.claim_process_for(requester, &name, Role::Worker).map_err(io::Error::other)?;
        arena.share_with(slot, &self.shared);
        // Before it is there, so that a wait for the last worker's end includes this one's.
        self.pool.expect(slot);
        match birth::own_child(arena, slot, forking) {
            Ok(Side::Child) => Ok(Some(WorkerStart {
                slot,
                payload: std::mem::take(&mut self.payload),
                inheritance: self.inheritance.clone(),
                descriptors: std::mem::take(&mut self.descriptors),
                environment_in_place: self.environment_in_place,
                is_entry: self.is_entry,
            })),
            Ok(Side::Parent(pid)) => {
                self.hired += 1;
                arena.adopt_slot_for(slot, pid);
                reaper::note_started(arena);
                // Without a descriptor it could not be watched: it must not run.
                let pidfd = PidFd::open(pid).inspect_err(|_| pidfd::kill_and_reap(pid))?;
                self.workers.push(Worker { slot, pid, pidfd, is_own: true });
                Ok(None)
            }
            Err(error) => {
                arena.abandon_slot(slot);
                self.pool.expect_no_more(slot);
                Err(error)
            }
        }
    }

    /// Takes note of the workers that have ended, and reaps them. Those that executed another program are workers no
    /// more, and go to `strangers`.
    pub(super) fn note_ends(&mut self, arena: &'static Arena, strangers: &mut Vec<(u32, PidFd)>) {
        let mut index = 0;
        while index < self.workers.len() {
            let worker = &self.workers[index];
            let has_left = arena.is_dead(worker.slot);
            // The pidfd last: who was swept because it ended has ended.
            if !worker.is_own {
                // Its starter does everything else.
                if worker.pidfd.is_dead() || has_left {
                    self.workers.swap_remove(index);
                } else {
                    index += 1;
                }
            } else if worker.pidfd.is_dead() {
                let worker = self.workers.swap_remove(index);
                self.note_end(arena, &worker);
            } else if has_left && arena.is_mapped_by(&worker.pidfd) == Some(true) {
                // It has not left: something wrote over its slot. What it holds is no longer its own, so it must not go
                // on.
                let _ = worker.pidfd.signal(libc::SIGKILL);
                index += 1;
            } else if has_left {
                let Worker { slot, pid, pidfd, .. } = self.workers.swap_remove(index);
                let ended = Ended { slot, pid, status: ExitStatus::Exited(0) };
                let did_something = self.pool.worker_ended(&ended);
                self.count(did_something, pid, "executed another program");
                strangers.push((pid, pidfd));
            } else {
                index += 1;
            }
        }
    }

    fn note_end(&mut self, arena: &'static Arena, worker: &Worker) {
        let status = stat::how_it_ended(worker.pid, &worker.pidfd).unwrap_or(ExitStatus::Exited(255));
        if arena.process_state(worker.slot).is_some() {
            arena.process(worker.slot).set_ending(status);
        }
        let how = match status {
            ExitStatus::Exited(code) => format!("ended with exit code {code}"),
            ExitStatus::Signaled(signal) => {
                format!("was ended by {}", crate::platform::process::signal_name(signal))
            }
        };
        let did_something = self.pool.worker_ended(&Ended { slot: worker.slot, pid: worker.pid, status });
        // It may have ended before it took its slot.
        arena.abandon_slot(worker.slot);
        arena.mark_dead(worker.slot);
        sweep(arena, worker.slot);
        if arena.process_state(worker.slot).is_none() {
            // Else another process is at the sweep, and counts it out.
            self.pool.expect_no_more(worker.slot);
        }
        let _ = pidfd::reap(worker.pid);
        self.count(did_something, worker.pid, &how);
    }

    fn count(&mut self, did_something: bool, pid: u32, how: &str) {
        if did_something {
            self.fruitless = 0;
            self.not_before = None;
        } else {
            self.setback(&format!("the last one (pid {pid}) {how}"));
        }
    }

    fn setback(&mut self, last: &str) {
        let progress = self.pool.progress();
        if progress != self.progress {
            self.progress = progress;
            self.fruitless = 0;
        }
        self.fruitless += 1;
        if self.fruitless >= FRUITLESS && !self.given_up && !self.stood_down {
            self.given_up = true;
            self.pool.give_up(&format!(
                "{} workers in a row ended before they had taken a call; {last}",
                self.fruitless
            ));
        }
        self.not_before = Deadline::after(Duration::from_millis(5 << self.fruitless.min(10)));
    }

    /// Ends the workers; for when the process they work for is gone.
    pub(super) fn dismiss(&self) {
        for worker in self.workers.iter().filter(|worker| worker.is_own) {
            let _ = worker.pidfd.signal(libc::SIGKILL);
        }
    }
}
