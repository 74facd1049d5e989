//! A supervisor as its owner sees it: a process that starts others on request and keeps pools' workers alive.
//!
//! A zygote is a supervisor that was exec'd; a template is one that was forked. Both are spoken to over a socket pair,
//! one request at a time. A supervisor belongs to the process that made it. It ends by itself when that process ends,
//! or when this handle is dropped and its pools have no workers left. It may be killed at any time: then a request
//! fails as [`Refusal::Lost`], and the caller makes another one.

use super::error::StartError;
use super::here::here;
use super::inherit::Inheritance;
use super::reaper;
use super::request::{self, Bequest, Command, Instruction, Order, Predecessor, Reply, Share};
use super::started::{Room, Started};
use crate::arena::{Arena, Handle, ProcessId, ProcessState, Role};
use crate::platform::atomic::{AtomicBool, Ordering};
use crate::platform::lasting::Lasting;
use crate::platform::pidfd::PidFd;
use crate::platform::process::getpid;
use crate::platform::{Deadline, message};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// A process of ours that starts others.
#[derive(Debug)]
pub struct Supervisor {
    pid: u32,
    slot: ProcessId,
    owner: u32,
    pidfd: Option<PidFd>,
    line: Mutex<Line>,
    lost: AtomicBool,
}

/// How a supervisor is spoken to.
#[derive(Debug, Default)]
struct Line {
    /// `None` once it has been closed.
    socket: Option<Lasting>,
    /// The environment that it was last sent, which need not travel again.
    environment: Option<Vec<u8>>,
}

/// Why a supervisor did not do what it was asked.
#[derive(Debug)]
pub enum Refusal {
    /// It has ended: another one may do it.
    Lost,
    /// It could not, and another one could not either.
    Failed(StartError),
}

impl Supervisor {
    pub(super) fn new(pid: u32, slot: ProcessId, socket: OwnedFd) -> io::Result<Supervisor> {
        // On its behalf, so that its end is noticed even if it comes before it has done anything.
        if let Some(arena) = Arena::current() {
            arena.adopt_slot_for(slot, pid);
        }
        Ok(Supervisor {
            pid,
            slot,
            owner: getpid(),
            pidfd: Some(PidFd::open(pid)?),
            line: Mutex::new(Line { socket: Some(Lasting::new(socket)?), environment: None }),
            lost: AtomicBool::new(false),
        })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its slot in the arena.
    pub fn slot(&self) -> ProcessId {
        self.slot
    }

    /// Whether it can still be asked.
    pub fn is_alive(&self) -> bool {
        !self.lost.load(Ordering::Relaxed) && self.pidfd.as_ref().is_some_and(|pidfd| !pidfd.is_dead())
    }

    /// Starts a process, a child of the calling one.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn start(&self, order: &Order<'_>) -> Result<Arc<Started>, Refusal> {
        let bequest = Bequest::capture()
            .map_err(StartError::system(order.name, "reading /proc"))
            .map_err(Refusal::Failed)?;
        self.start_with(order, &bequest)
    }

    pub(super) fn start_with(&self, order: &Order<'_>, bequest: &Bequest) -> Result<Arc<Started>, Refusal> {
        let name = order.name;
        self.check_owner(name)?;
        let arena = Arena::get().map_err(StartError::arena(name)).map_err(Refusal::Failed)?;
        // By this process, which knows whether orphans fall to it. Best effort: waiters sweep themselves meanwhile.
        let _ = reaper::ensure(arena);
        let room = Room::reserve()
            .map_err(StartError::system(name, "opening a descriptor of the process"))
            .map_err(Refusal::Failed)?;
        let slot = claim(arena, order).map_err(Refusal::Failed)?;
        let is_entry = order.payload.is_entry;
        let asked = here()
            .while_adopting(|| {
                let command = |inheritance| Command::Start { slot, inheritance, is_entry, answers: true };
                self.ask(command, order, bequest)
            })
            .map_err(StartError::system(name, "becoming the one who adopts orphans"));
        let pid = match asked {
            Ok(Ok(Reply::Started { pid })) => pid,
            Ok(Err(error)) if !is_gone(&error) => {
                arena.abandon_slot(slot);
                return Err(Refusal::Failed(StartError::system(name, SENDING)(error)));
            }
            Ok(Err(_)) => {
                // Unless the child came to run before the supervisor ended.
                arena.abandon_slot(slot);
                if arena.process_state(slot) != Some(ProcessState::Alive) {
                    return Err(Refusal::Lost);
                }
                arena.process(slot).pid()
            }
            Ok(Ok(refused)) => {
                arena.abandon_slot(slot);
                return Err(Refusal::Failed(refused.into_error(name, "the fork of its supervisor")));
            }
            Err(error) => {
                arena.abandon_slot(slot);
                return Err(Refusal::Failed(error));
            }
        };
        reaper::note_started(arena);
        let started = Started::new(name.to_owned(), slot, order.role, pid, room)
            .map_err(StartError::system(name, "opening a descriptor of the process"))
            .map_err(Refusal::Failed)?;
        Ok(Arc::new(started))
    }

    /// Has the supervisor start the workers of a pool, now and whenever one is missing: see [`super::Supervised`].
    /// `payload` is what each worker reads; the supervisor makes a [`super::Supervised`] of `pool` and `payload`.
    ///
    /// # Errors
    /// [`Refusal`], also when the first workers could not be started.
    pub fn keep(
        &self,
        name: &str,
        pool: Handle,
        payload: Instruction<'_>,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Refusal> {
        let role = Role::Worker;
        let order = Order { name, role, payload, descriptors, share: Share::These(&[]) };
        self.keep_ordered(None, pool, &order, None)
    }

    /// Has the supervisor start no more workers, so that another one can take its place: see [`Supervisor::succeed`].
    /// It looks after those that it has started until they end.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn stand_down(&self, name: &str) -> Result<Predecessor, Refusal> {
        self.check_owner(name)?;
        match self.instruct(&Command::StandDown) {
            Ok(Reply::StoodDown(left)) => Ok(left),
            Ok(_) | Err(_) => Err(Refusal::Lost),
        }
    }

    /// As if [`Supervisor::stand_down`] had not been called.
    pub fn go_on(&self) {
        if self.owner == getpid() {
            let _ = self.instruct(&Command::GoOn);
        }
    }

    /// As [`Supervisor::keep`], in the place of a supervisor that has stood down.
    ///
    /// # Errors
    /// As there.
    pub fn succeed(&self, before: Predecessor, name: &str, pool: Handle) -> Result<(), Refusal> {
        let (role, payload) = (Role::Worker, Instruction::default());
        let order = Order { name, role, payload, descriptors: &[], share: Share::These(&[]) };
        self.keep_ordered(Some(before), pool, &order, None)
    }

    /// As [`Supervisor::keep`], with workers that keep the order's shared objects alive from the start; so does the
    /// supervisor, until its last pool is over. A pool whose supervisor has ended says what that one has left, and what
    /// its workers inherited when it was made: those of the next supervisor inherit the same.
    ///
    /// # Errors
    /// As [`Supervisor::keep`].
    pub fn keep_ordered(
        &self,
        before: Option<Predecessor>,
        pool: Handle,
        order: &Order<'_>,
        at_first: Option<&Inheritance>,
    ) -> Result<(), Refusal> {
        let name = order.name;
        self.check_owner(name)?;
        if let Some(before) = &before {
            here().adopt(before);
        }
        let arena = Arena::get().map_err(StartError::arena(name)).map_err(Refusal::Failed)?;
        // As above.
        let _ = reaper::ensure(arena);
        let mut bequest =
            Bequest::capture().map_err(StartError::system(name, "reading /proc")).map_err(Refusal::Failed)?;
        if let Some(earlier) = at_first {
            bequest.inheritance = bequest.inheritance.dated_back_to(earlier);
        }
        // The supervisor must find the pool alive when it comes to look, and its workers what they are given.
        arena.share_with(self.slot, &[pool]);
        let shared = match order.share {
            Share::These(handles) => handles.to_vec(),
            Share::All => {
                arena.share_all_with(self.slot);
                Vec::new()
            }
        };
        arena.share_with(self.slot, &shared);
        let is_entry = order.payload.is_entry;
        let command = |inheritance| Command::Keep { pool, shared, inheritance, is_entry, before };
        match self.ask(command, order, &bequest) {
            Ok(Reply::Supervised) => Ok(()),
            Ok(refused) => Err(Refusal::Failed(refused.into_error(name, "starting the pool's workers"))),
            Err(error) if is_gone(&error) => Err(Refusal::Lost),
            Err(error) => Err(Refusal::Failed(StartError::system(name, SENDING)(error))),
        }
    }

    /// Tells the supervisor that something about a pool has changed: it was closed, or wants more workers.
    pub fn look(&self) {
        if self.owner != getpid() {
            return;
        }
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = line.socket.as_ref().and_then(Lasting::get) {
            // A supervisor that has ended has nothing to look at.
            let _ = request::send(socket, &Command::Look, &[], &[]);
        }
    }

    /// Asks nothing more of the supervisor, which ends by itself once its pools are over.
    pub fn dismiss(&self) {
        if self.owner != getpid() {
            return;
        }
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = line.socket.take() {
            // Children that were forked since it was made have copies of it.
            if let Some(socket) = socket.get() {
                message::hang_up(socket);
            }
        }
    }

    /// Ends a supervisor that can be asked no more and may live all the same, when its socket was closed: two must not
    /// keep one pool. Its workers go on.
    pub fn end(&self) {
        if self.owner == getpid()
            && let Some(pidfd) = &self.pidfd
        {
            self.lost.store(true, Ordering::Relaxed);
            let _ = pidfd.signal(libc::SIGKILL);
            while pidfd.wait_dead(None).is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
        }
    }

    /// Waits until a supervisor has ended that was dismissed; `false` when the time was over first.
    pub fn wait_ended(&self, until: Deadline) -> bool {
        let Some(pidfd) = self.pidfd.as_ref().filter(|_| self.owner == getpid()) else { return true };
        loop {
            match pidfd.wait_dead(Some(until)) {
                Ok(ended) => return ended,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn check_owner(&self, name: &str) -> Result<(), Refusal> {
        if self.owner == getpid() {
            return Ok(());
        }
        Err(Refusal::Failed(StartError::ForeignSupervisor { name: name.to_owned(), owner: self.owner }))
    }

    fn instruct(&self, command: &Command) -> io::Result<Reply> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = line.socket.as_ref().and_then(Lasting::get);
        let reply = socket.ok_or(io::ErrorKind::NotConnected.into()).and_then(|socket| {
            request::send(socket, command, &[], &[])?;
            request::await_reply(socket)?.ok_or(io::ErrorKind::UnexpectedEof.into())
        });
        if reply.is_err() {
            self.lost.store(true, Ordering::Relaxed);
        }
        reply
    }

    fn ask(
        &self,
        command: impl FnOnce(Inheritance) -> Command,
        order: &Order<'_>,
        bequest: &Bequest,
    ) -> io::Result<Reply> {
        let descriptors: Vec<BorrowedFd<'_>> =
            bequest.descriptors.all().chain(order.descriptors.iter().copied()).collect();
        let mut guard = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let line = &mut *guard;
        let socket = line.socket.as_ref().and_then(Lasting::get);
        let command = command(bequest.inheritance.for_supervisor(&mut line.environment));
        let reply = socket.ok_or(io::ErrorKind::NotConnected.into()).and_then(|socket| {
            request::send(socket, &command, order.payload.bytes, &descriptors)?;
            request::await_reply(socket)?.ok_or(io::ErrorKind::UnexpectedEof.into())
        });
        if reply.is_err() {
            self.lost.store(true, Ordering::Relaxed);
        }
        if !matches!(reply, Ok(Reply::Started { .. } | Reply::Supervised)) {
            // It may not have come to read it.
            line.environment = None;
        }
        reply
    }
}

impl AsFd for Supervisor {
    /// Its pidfd: polls readable when it has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_ref().expect("it is only taken by the drop").as_fd()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.dismiss();
        if self.owner == getpid()
            && let Some(pidfd) = self.pidfd.take()
        {
            here().add_helper(self.pid, pidfd);
        }
    }
}

/// What was tried when a request could not be sent.
pub(super) const SENDING: &str = "sending it what it is to do";

/// Whether an error of the socket means that the other end is closed. Any other would come again.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected | UnexpectedEof)
}

/// Claims the slot of a process that is about to be started, with its references.
pub(super) fn claim(arena: &'static Arena, order: &Order<'_>) -> Result<ProcessId, StartError> {
    let slot = arena.claim_process(order.name, order.role).map_err(StartError::arena(order.name))?;
    match order.share {
        Share::All => arena.share_all_with(slot),
        Share::These(handles) => arena.share_with(slot, handles),
    }
    Ok(slot)
}
