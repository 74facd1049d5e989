//! What the reaper does: it watches all processes of the arena, sweeps those that have ended, and ends those that must
//! end with a parent.
//!
//! It polls their pidfds and the arena's doorbell, and looks once a second for processes that have executed another
//! program. It ends pool workers and daemons however their parent ended, others when a signal ended that. Before it
//! ends a process the kernel must say that the process is one of the arena's ([`Watched::signal`]). It ends itself when
//! no process is left. It is a bare clone, perhaps of a process with threads. So it allocates nothing, takes no lock,
//! holds no descriptor but its own and the memory's, and drops the memory it was cloned with.

use crate::arena::{Arena, ProcessId, ProcessSlot, ProcessState, Role, sweep, sweep_noticed};
use crate::platform::atomic::Ordering;
use crate::platform::pidfd::{ExitStatus, PidFd};
use crate::platform::poll::{Polled, poll};
use crate::platform::process::getppid;
use crate::platform::robust::Will;
use crate::platform::stat::how_it_ended;
use crate::platform::{Deadline, clock, orphan, privilege, process};
use std::ffi::{CStr, c_void};

/// What reapers are called in the kernel's lists.
pub(super) const NAME: &CStr = c"mh-reaper";
/// How long a process that was asked to end may take to do so before it is made to.
const PATIENCE_NS: u64 = 1_000_000_000;
/// How long the doorbell is not listened to after it was rung. When processes are started one after the other, the
/// reaper does not compete with them for a processor, and looks at all of them at once.
const REST_NS: u64 = 2_000_000;
/// How often the reaper looks for ends that no descriptor reports.
const SILENT_LOOK_NS: u64 = 1_000_000_000;
/// How soon the reaper looks again when it lacks a descriptor to watch a process with.
const BLIND_LOOK_NS: u64 = 100_000_000;

pub(super) struct Task {
    pub(super) arena: &'static Arena,
    pub(super) slot: ProcessId,
    /// The process whose child it is without being seen; 0 for nobody.
    pub(super) hidden_from: u32,
}

/// The reaper's life.
///
/// # Safety
/// `task` points to a [`Task`], on a stack that is this process's own copy.
pub(super) unsafe fn watch(task: *const c_void) {
    // SAFETY: a valid pointer to one, as the caller promises, which nobody else has in this process.
    let task = unsafe { &*task.cast::<Task>() };
    let Task { arena, slot, hidden_from } = *task;
    // With the memory, from which a process can have it again whose program has closed its descriptor.
    let mut kept = [arena.doorbell_number(), arena.memfd_number()].map(|number| number.unwrap_or(-1));
    kept.sort_unstable();
    let kept = &kept[kept.iter().filter(|number| **number < 0).count()..];
    // SAFETY: this process uses nothing but the arena, its own stack and its one descriptor. The arena's own record is
    // a static, named here; where it points to is shared memory, or private memory that reads as zeros: no references.
    unsafe {
        orphan::close_all_but(kept);
        orphan::forget(&[std::ptr::from_ref(arena) as usize]);
    }
    process::set_name(NAME);
    arena.unmap_idle();
    // Limits that a program sets for its own work are not meant for the reaper, which sweeps for all.
    process::raise_limits();
    let mut will = Will::new();
    // SAFETY: the will stands on this stack until it is dropped below; a bare clone has no such list. Where the kernel
    // takes none, waiters look for themselves.
    let _ = unsafe { will.leave(arena.life()) };
    if arena.process_state(slot) == Some(ProcessState::Starting) && arena.adopt_slot(slot).is_ok() {
        let resigned = Reaper {
            arena,
            slot,
            hidden_from,
            watched: [const { None }; WATCHED],
            count: 0,
            blind: false,
            sees_all: privilege::sees_every_process(),
            rest_until: 0,
            look_at: 0,
        }
        .run();
        if resigned {
            // Nobody is left who could miss it.
            will.withdraw();
        }
    }
}

const WATCHED: usize = crate::arena::PROCESSES;

struct Reaper {
    arena: &'static Arena,
    slot: ProcessId,
    hidden_from: u32,
    /// The first `count` are taken.
    watched: [Option<Watched>; WATCHED],
    count: usize,
    /// Whether a process could not be watched for want of a descriptor.
    blind: bool,
    /// Whether the kernel shows it every process's memory.
    sees_all: bool,
    /// Until when the doorbell is not listened to.
    rest_until: u64,
    /// When it looks next for ends that no descriptor reports.
    look_at: u64,
}

/// A process as it was when the reaper first saw it: what is written over its slot later changes nothing here.
struct Watched {
    process: ProcessId,
    pidfd: PidFd,
    role: Role,
    parent: Option<ProcessId>,
    /// Whether the kernel has said that it is one of the arena's.
    is_known: bool,
    /// Whether it was asked to end.
    is_asked: bool,
    /// When it is made to end, or asked again; 0 for never.
    end_at: u64,
}

impl Watched {
    /// Whether it ends with its parent however that ends.
    fn is_bound(&self) -> bool {
        !matches!(self.role, Role::User | Role::Copy | Role::Reaper)
    }

    /// Whether it is a process of the arena. One that the kernel does not let the reaper look at any more, since it has
    /// become another user's, is one if it was when the reaper could.
    fn is_ours(&mut self, arena: &Arena) -> bool {
        self.is_known = arena.is_mapped_by(&self.pidfd).unwrap_or(self.is_known);
        self.is_known
    }

    /// Sends it a signal, if it is a process of the arena.
    fn signal(&mut self, arena: &Arena, signal: i32) {
        self.is_asked = self.is_ours(arena) && self.pidfd.signal(signal).is_ok();
    }
}

impl Reaper {
    /// Works until nobody is left, and says so; or until another reaper does the work.
    fn run(&mut self) -> bool {
        loop {
            if !self.holds_office() {
                return false;
            }
            self.drain_doorbell();
            sweep_noticed(self.arena);
            self.watch_new();
            self.end_orphans();
            if self.is_idle() && self.resign() {
                return true;
            }
            self.wait();
            self.end_the_overdue();
            self.bury();
            self.look_for_silent_ends();
        }
    }

    /// Whether this is the arena's reaper. Its maker may have been killed before it began; then another one was made in
    /// its place. Two would watch each other for ever.
    fn holds_office(&self) -> bool {
        let word = self.arena.reaper();
        let seen = word.load(Ordering::Acquire);
        if seen == self.slot.raw() {
            return true;
        }
        let is_reaper = |other: &ProcessId| self.arena.process(*other).role() == Role::Reaper;
        let named = ProcessId::from_raw(seen).filter(is_reaper);
        let is_held = named.is_some_and(|other| !self.arena.notice(other));
        // If another takes it first, the next look shows that.
        !is_held && word.compare_exchange(seen, self.slot.raw(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn drain_doorbell(&mut self) {
        if self.arena.drain_doorbell() {
            self.rest_until = clock::now_ns() + REST_NS;
        }
    }

    fn is_watched(&self, process: ProcessId) -> bool {
        self.watched[..self.count].iter().flatten().any(|watched| watched.process == process)
    }

    fn watch_new(&mut self) {
        self.blind = false;
        for (process, slot) in self.arena.processes() {
            if process == self.slot || self.is_watched(process) {
                continue;
            }
            if slot.pid() == process::getpid() {
                // Something has written this process's number there.
                self.arena.mark_dead(process);
                continue;
            }
            match slot.pidfd() {
                Ok(Some(pidfd)) if self.count < WATCHED => self.watch(process, slot, pidfd),
                Ok(None) => self.died(process, None),
                // Looked at again at the next turn.
                Ok(Some(_)) | Err(_) => self.blind = true,
            }
        }
    }

    fn watch(&mut self, process: ProcessId, slot: &ProcessSlot, pidfd: PidFd) {
        // It may become a process that the reaper cannot look at.
        let is_known = !self.sees_all && self.arena.is_mapped_by(&pidfd) == Some(true);
        let (role, parent) = (slot.role(), slot.parent());
        self.watched[self.count] =
            Some(Watched { process, pidfd, role, parent, is_known, is_asked: false, end_at: 0 });
        self.count += 1;
    }

    /// Ends those whose parent was swept by another process before they were watched.
    fn end_orphans(&mut self) {
        // Where there are only such as end with their parents, the parents are gone, though a slot says otherwise.
        let is_free = |watched: &Watched| matches!(watched.role, Role::User | Role::Copy);
        let has_root = self.blind
            || self.watched[..self.count].iter().flatten().any(is_free)
            || self.arena.starting().next().is_some();
        for index in 0..self.count {
            let Some(watched) = &self.watched[index] else { continue };
            let has_parent = watched.parent.is_some_and(|parent| !self.arena.is_dead(parent));
            if watched.end_at == 0 && watched.is_bound() && !(has_root && has_parent) {
                self.end(index);
            }
        }
    }

    /// Whether nobody is left to watch, or only a process that has become this one's parent without this one's doing.
    /// That one may be waiting for its children, of which this is one. Another reaper needs none.
    fn is_idle(&self) -> bool {
        let mut others = self.watched[..self.count].iter().flatten().filter(|it| it.role != Role::Reaper);
        let only = others.next().is_none() || others.next().is_none() && self.burdens().is_some();
        only && !self.blind
    }

    /// The process of the arena whose child this one is for all to see, if it is one's.
    fn burdens(&self) -> Option<ProcessId> {
        let parent = getppid();
        let mut watched = self.watched[..self.count].iter().flatten();
        let found = watched.find(|watched| watched.pidfd.pid() == parent)?.process;
        (parent != self.hidden_from).then_some(found)
    }

    /// Gives up the office when nobody is left; says whether that is final.
    fn resign(&self) -> bool {
        if self.arena.starting().next().is_some() {
            // Its starter lives, or the next sweep gives the slot up.
            return false;
        }
        let word = self.arena.reaper();
        let mine = self.slot.raw();
        if word.compare_exchange(mine, 0, Ordering::SeqCst, Ordering::Acquire).is_err() {
            return true;
        }
        // A process that came meanwhile and saw a reaper must have one.
        let parent = self.burdens();
        let needs_none = |(process, slot): (ProcessId, &ProcessSlot)| {
            process == self.slot || Some(process) == parent || slot.role() == Role::Reaper
        };
        let alone = self.arena.processes().all(needs_none) && self.arena.starting().next().is_none();
        alone || word.compare_exchange(0, mine, Ordering::AcqRel, Ordering::Acquire).is_err()
    }

    fn wait(&mut self) {
        let mut polled = [const { Polled::NONE }; WATCHED + 1];
        let doorbell = self.arena.doorbell_if_open();
        let mut next = u64::MAX;
        if self.rest_until > clock::now_ns() {
            next = self.rest_until;
        } else if let Some(doorbell) = &doorbell {
            polled[0] = Polled::new(doorbell);
        }
        for (entry, watched) in polled[1..].iter_mut().zip(self.watched[..self.count].iter().flatten()) {
            *entry = Polled::new(&watched.pidfd);
            if watched.end_at != 0 {
                next = next.min(watched.end_at);
            }
        }
        if self.count > 0 || self.arena.starting().next().is_some() {
            next = next.min(self.look_at);
        }
        if self.blind || (self.count == 0 && next == u64::MAX) {
            next = next.min(clock::now_ns() + BLIND_LOOK_NS);
        }
        let until = (next != u64::MAX).then(|| Deadline::at(next));
        // Whatever it says, all of them are looked at.
        let _ = poll(&mut polled[..=self.count], until);
    }

    fn end_the_overdue(&mut self) {
        let now = clock::now_ns();
        for watched in self.watched[..self.count].iter_mut().flatten() {
            if watched.end_at != 0 && watched.end_at <= now {
                watched.end_at = now + PATIENCE_NS;
                let signal = if watched.is_asked { libc::SIGKILL } else { libc::SIGTERM };
                watched.signal(self.arena, signal);
            }
        }
    }

    /// Deals with those who have ended.
    fn bury(&mut self) {
        let mut index = 0;
        while index < self.count {
            let dead = self.watched[index].as_ref().is_some_and(|watched| watched.pidfd.is_dead());
            if !dead {
                index += 1;
                continue;
            }
            self.count -= 1;
            self.watched.swap(index, self.count);
            if let Some(watched) = self.watched[self.count].take() {
                self.arena.mark_dead(watched.process);
                self.died(watched.process, how_it_ended(watched.pidfd.pid(), &watched.pidfd));
            }
        }
    }

    /// Deals with ends that no descriptor reports: copies that never came for their slots, and processes that have
    /// executed another program. These are watched no more: what they have become is no business of the engine's.
    fn look_for_silent_ends(&mut self) {
        let now = clock::now_ns();
        if now < self.look_at {
            return;
        }
        self.look_at = now + SILENT_LOOK_NS;
        self.arena.abandon_lost_copies();
        self.arena.abandon_ownerless_claims();
        let mut index = 0;
        while index < self.count {
            let Some(watched) = &self.watched[index] else { break };
            let process = watched.process;
            // A process that is made to end is watched until it has; and one that has ended is buried.
            let is_over = (watched.end_at == 0 || !watched.is_asked)
                && (self.arena.is_dead(process) || self.arena.notice_exec(process, &watched.pidfd))
                && !watched.pidfd.is_dead();
            if self.arena.is_overwritten(process, &watched.pidfd) {
                // It has not left, and what it holds is not its own any more. A program's own process sees that for
                // itself.
                if watched.is_bound() && watched.end_at == 0 {
                    self.end(index);
                }
            } else if is_over {
                self.count -= 1;
                self.watched.swap(index, self.count);
                self.watched[self.count] = None;
                self.died(process, None);
                continue;
            }
            index += 1;
        }
    }
    fn died(&mut self, process: ProcessId, status: Option<ExitStatus>) {
        // The process that reaped it may have noted its status in the slot.
        let status = status.or_else(|| self.slot_of(process)?.ending());
        let by_signal = match status {
            Some(ExitStatus::Signaled(_)) => true,
            Some(ExitStatus::Exited(_)) => false,
            // Without word from the kernel: whether it did not say that it ends in good order.
            None => self.slot_of(process).is_some_and(|slot| !slot.ended_clean() && !slot.has_executed()),
        };
        if let (Some(slot), Some(status)) = (self.slot_of(process), status) {
            slot.set_ending(status);
        }
        self.arena.notice(process);
        // Those that it started a moment ago may not be watched yet.
        self.watch_children();
        for index in 0..self.count {
            let Some(watched) = &self.watched[index] else { continue };
            if watched.parent == Some(process) && watched.end_at == 0 {
                match watched.role {
                    Role::Reaper | Role::Copy => {}
                    Role::User if !by_signal => {}
                    _ => self.end(index),
                }
            }
        }
        sweep(self.arena, process);
    }

    fn slot_of(&self, process: ProcessId) -> Option<&'static ProcessSlot> {
        self.arena.process_state(process).map(|_| self.arena.process(process))
    }

    fn watch_children(&mut self) {
        for (process, slot) in self.arena.processes() {
            if process != self.slot
                && !self.is_watched(process)
                && self.count < WATCHED
                && let Ok(Some(pidfd)) = slot.pidfd()
            {
                self.watch(process, slot, pidfd);
            }
        }
    }

    /// Has a process end: a worker at once, others after they were asked to.
    fn end(&mut self, index: usize) {
        let Some(watched) = &mut self.watched[index] else { return };
        watched.end_at = clock::now_ns() + PATIENCE_NS;
        let signal = match watched.role {
            Role::Worker => libc::SIGKILL,
            // It sees by itself that it is not needed any more.
            Role::Supervisor => {
                watched.is_asked = watched.is_ours(self.arena);
                return;
            }
            Role::User | Role::Daemon | Role::Copy | Role::Reaper => libc::SIGTERM,
        };
        watched.signal(self.arena, signal);
        if !watched.is_asked {
            // It may be none of the arena's, or not yet.
            self.look_at = 0;
        }
    }
}

#[cfg(test)]
mod tests;
