//! The loop of a supervisor, whichever it is: a zygote in Rust, one in Python, a forked template.
//!
//! It waits for requests of the process that made it, and for the end of that process, of its pools' workers, and of
//! the reaper, which it replaces. It returns in each child that it makes, with what the child is to do, and in the
//! supervisor when nobody needs it any more. It has one thread and blocks all signals: Ctrl-C is for the processes that
//! it starts. A child returns as its requester would have forked it, except for what it does on purpose.

use super::birth::{self, Forking};
use super::inherit::environment;
use super::reaper;
use super::request::{self, Command, Received, Reply, StartRequest};
use super::workers::{Filled, MakeSupervised, WorkerStart, Workers};
use crate::arena::{Arena, ArenaError, ProcessId};
use crate::platform::fork::Side;
use crate::platform::pidfd::{self, PidFd};
use crate::platform::poll::{Polled, poll};
use crate::platform::process::end_at_once;
use crate::platform::{Deadline, signal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// The maker of a supervisor, and the way to speak to it.
#[derive(Debug)]
pub struct Requester {
    /// The supervisor's end of the socket pair.
    pub socket: OwnedFd,
    /// The process that made it.
    pub pidfd: PidFd,
    /// That process's number, which is the supervisor's parent's.
    pub pid: u32,
    /// That process's slot.
    pub slot: ProcessId,
}

/// What became of a supervisor's loop.
#[derive(Debug)]
pub enum Served {
    /// In a child: what it is to do.
    Child(StartRequest),
    /// In the supervisor: nobody needs it any more, it should end.
    End,
}

/// Serves `requester` until it is gone, as a supervisor that is a child of it.
///
/// # Errors
/// When this process has no arena.
///
/// # Safety
/// The calling process has one thread, or only such others as a fork may leave behind. Each child is a copy of it in
/// which nothing but the calling thread goes on.
pub unsafe fn serve(
    requester: Requester,
    forking: &mut dyn Forking,
    make_supervised: MakeSupervised,
) -> Result<Served, ArenaError> {
    signal::block_all();
    let arena = Arena::get()?;
    Ok(Service {
        arena,
        socket: Some(requester.socket),
        requester: requester.pidfd,
        pid: requester.pid,
        slot: requester.slot,
        pools: Vec::new(),
        strangers: Vec::new(),
        make_supervised,
        environment: environment(),
        last_environment: Vec::new(),
    }
    .run(forking))
}

/// How often a supervisor looks whether a worker of its has executed another program.
const EXEC_LOOK: Duration = Duration::from_secs(1);

/// How long a supervisor rests whose descriptors cannot be polled together.
const REST_AFTER_FAILURE: Duration = Duration::from_millis(20);

struct Service {
    arena: &'static Arena,
    /// `None` when the requester has closed its end.
    socket: Option<OwnedFd>,
    requester: PidFd,
    pid: u32,
    slot: ProcessId,
    pools: Vec<Workers>,
    /// Workers once, which execute other programs by now: they are only reaped.
    strangers: Vec<(u32, PidFd)>,
    make_supervised: MakeSupervised,
    /// This process's own, to compare with: the less a child does, the sooner it runs.
    environment: Vec<u8>,
    /// The requester's environment, as it was last sent.
    last_environment: Vec<u8>,
}

/// In a child: where the loop is left.
type Left = Option<StartRequest>;

impl Service {
    fn run(mut self, forking: &mut dyn Forking) -> Served {
        loop {
            let (next, left) = self.fill(forking);
            if let Some(request) = left {
                return Served::Child(request);
            }
            let pools = self.pools.len();
            self.pools.retain(|workers| !workers.is_over());
            if pools > 0 && self.pools.is_empty() {
                // What it kept alive for workers that might have been.
                self.arena.drop_unused_references();
            }
            if self.socket.is_none() && self.pools.is_empty() {
                return Served::End;
            }
            let seen = self.wait(next);
            if seen.reaper_ended {
                // Nobody else may look for long: a program that sleeps does not.
                let _ = reaper::ensure(self.arena);
            }
            if seen.requester_ended {
                for workers in &self.pools {
                    workers.dismiss();
                }
                return Served::End;
            }
            if seen.worker_ended {
                for workers in &mut self.pools {
                    workers.note_ends(self.arena, &mut self.strangers);
                }
                self.strangers.retain(|(pid, pidfd)| {
                    let runs = !pidfd.is_dead();
                    if !runs {
                        let _ = pidfd::reap(*pid);
                    }
                    runs
                });
            }
            if seen.request
                && let Some(request) = self.hear(forking)
            {
                return Served::Child(request);
            }
        }
    }

    /// Brings all pools to their numbers; says when to try again.
    fn fill(&mut self, forking: &mut dyn Forking) -> (Option<Deadline>, Left) {
        let mut next: Option<Deadline> = None;
        for index in 0..self.pools.len() {
            match self.pools[index].fill(self.arena, self.slot, forking) {
                Ok(Filled::Worker(start)) => return (None, Some(self.leave(start))),
                Ok(Filled::Until(Some(time))) => next = Some(time.earlier(next)),
                Ok(Filled::Until(None)) => {}
                Err(error) => {
                    self.pools[index].report_refusal(&error);
                    // It has noted its setback, and says at the next look when to try again.
                    next = Deadline::after(Duration::from_millis(5)).map(|soon| soon.earlier(next));
                }
            }
        }
        (next, None)
    }

    /// In a new child: becomes what its parent would have made of it.
    fn leave(&mut self, start: WorkerStart) -> StartRequest {
        // What the supervisor holds is none of the child's.
        self.pools.clear();
        self.socket = None;
        let mut descriptors = start.descriptors.into_iter();
        let inherited: Vec<OwnedFd> = descriptors.by_ref().take(start.inheritance.descriptors()).collect();
        if start.inheritance.take_over(inherited.into_iter(), start.environment_in_place).is_err() {
            end_at_once(255);
        }
        StartRequest {
            slot: start.slot,
            payload: start.payload,
            descriptors: descriptors.collect(),
            inheritance: start.inheritance,
            is_entry: start.is_entry,
        }
    }

    fn hear(&mut self, forking: &mut dyn Forking) -> Left {
        let socket = self.socket.as_ref()?;
        let received = match request::receive(socket) {
            Ok(Some(received)) => received,
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                self.reply(&Reply::refused(&error));
                return None;
            }
            Ok(None) | Err(_) => {
                self.hear_no_more();
                return None;
            }
        };
        let Received { command, payload, descriptors, refusal } = received;
        if let Some(refusal) = refusal {
            // Without those that have come, so that there is room for what comes next.
            drop(descriptors);
            self.reply(&refusal);
            return None;
        }
        match command {
            Command::Look => None,
            Command::StandDown => {
                let left = self.pools.first_mut().map(Workers::stand_down);
                self.reply(&Reply::StoodDown(left.unwrap_or_default()));
                None
            }
            Command::GoOn => {
                self.pools.iter_mut().for_each(Workers::go_on);
                self.reply(&Reply::Supervised);
                None
            }
            Command::Start { slot, mut inheritance, is_entry, .. } => {
                inheritance.complete(&mut self.last_environment);
                let environment_in_place = inheritance.has_environment(&self.environment);
                match birth::sibling(self.arena, slot, self.pid, forking) {
                    Ok(Side::Child) => {
                        return Some(self.leave(WorkerStart {
                            slot,
                            payload,
                            inheritance,
                            descriptors,
                            environment_in_place,
                            is_entry,
                        }));
                    }
                    Ok(Side::Parent(pid)) => self.reply(&Reply::Started { pid }),
                    Err(error) => self.reply(&Reply::refused(&error)),
                }
                None
            }
            Command::Keep { pool, shared, mut inheritance, is_entry, before } => {
                inheritance.complete(&mut self.last_environment);
                let supervised = match (self.make_supervised)(pool, &payload) {
                    Ok(supervised) => supervised,
                    Err(reason) => {
                        self.reply(&Reply::Refused { errno: None, reason });
                        return None;
                    }
                };
                let in_place = inheritance.has_environment(&self.environment);
                let words = (payload, is_entry);
                let mut workers = Workers::new(supervised, shared, words, inheritance, descriptors, in_place);
                if let Some(before) = before
                    && let Err(error) = workers.take_over(self.arena, &before)
                {
                    self.reply(&Reply::refused(&error));
                    return None;
                }
                match workers.fill(self.arena, self.slot, forking) {
                    Ok(Filled::Worker(start)) => {
                        drop(workers);
                        return Some(self.leave(start));
                    }
                    Err(error) if !workers.has_workers() => self.reply(&Reply::refused(&error)),
                    Ok(Filled::Until(_)) | Err(_) => {
                        self.pools.push(workers);
                        self.reply(&Reply::Supervised);
                    }
                }
                None
            }
        }
    }

    fn reply(&mut self, reply: &Reply) {
        if let Some(socket) = &self.socket
            && request::reply(socket, reply).is_err()
        {
            self.hear_no_more();
        }
    }

    fn hear_no_more(&mut self) {
        self.socket = None;
        self.pools.iter_mut().for_each(Workers::leave_to_others);
    }

    fn wait(&self, until: Option<Deadline>) -> Seen {
        let mut polled = vec![Polled::new(&self.requester)];
        polled.extend(self.socket.as_ref().map(Polled::new));
        let first_worker = polled.len();
        for workers in &self.pools {
            polled.extend(workers.sentinels().map(Polled::new));
        }
        polled.extend(self.strangers.iter().map(|(_, pidfd)| Polled::new(pidfd)));
        let last_worker = polled.len();
        let reaper = reaper::known();
        polled.extend(reaper.as_ref().map(|reaper| Polled::new(&**reaper)));
        // No descriptor reports a worker that executes another program.
        let exec_look = (!self.pools.is_empty()).then_some(EXEC_LOOK);
        let look = exec_look.into_iter().chain(reaper.is_none().then_some(reaper::KNOWN_LOOK)).min();
        let look = look.and_then(Deadline::after);
        let until = look.map_or(until, |look| Some(look.earlier(until)));
        let seen = poll(&mut polled, until);
        if matches!(&seen, Err(error) if error.kind() != io::ErrorKind::Interrupted) {
            // More descriptors than may be open, or no memory: then one by one, at leisure.
            let _ = poll(&mut [], Deadline::after(REST_AFTER_FAILURE));
            for one in polled.chunks_mut(1) {
                let _ = poll(one, Deadline::after(Duration::ZERO));
            }
        }
        let is_quiet = matches!(seen, Ok(0));
        let ready = Polled::is_ready;
        Seen {
            requester_ended: ready(&polled[0]),
            request: first_worker == 2 && ready(&polled[1]),
            worker_ended: is_quiet || polled[first_worker..last_worker].iter().any(ready),
            reaper_ended: reaper.is_none() || polled[last_worker..].iter().any(ready),
        }
    }
}

struct Seen {
    requester_ended: bool,
    request: bool,
    /// Or may have become another program.
    worker_ended: bool,
    /// Or is not known.
    reaper_ended: bool,
}

impl Requester {
    /// The calling process as the requester of a supervisor that it is about to fork; `socket` is the supervisor's end.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub(super) fn myself(socket: OwnedFd, slot: ProcessId) -> io::Result<Requester> {
        let pid = crate::platform::process::getpid();
        Ok(Requester { socket, pidfd: PidFd::open(pid)?, pid, slot })
    }
}

impl AsFd for Requester {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
