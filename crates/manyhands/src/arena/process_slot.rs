//! What an arena knows of one process: the record in its slot.
//!
//! A slot's word says which process may use it, and passes it on: see [`super::process_table`]. The rest is written by
//! its starter before the number is known to any other, or by the process itself, or (how it ended) by the process that
//! found out. Any process reads it. Whether the process has ended is not here: that is asked of the kernel, in
//! [`super::notice`].
//!
//! ```text
//! bits 0-3    state: Free, Starting, Alive, Dead
//! bits 4-17   generation
//! bits 18-39  Alive, Dead: the kernel's pid; Starting: that of one that takes the slot for itself
//! bits 40-63  Starting: the process that claimed the slot for a child; Dead: the process that sweeps it, if any
//! ```

use super::owner::ProcessId;
use super::shared::Shared;
use super::text::{read_text, write_text};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::platform::pidfd::{ExitStatus, PidFd};
use crate::platform::{clock, stat};
use std::os::fd::RawFd;

/// How many processes an arena holds at a time, plus one.
pub const PROCESSES: usize = 1024;
pub(super) const TABLE_BYTES: u64 = (PROCESSES * size_of::<ProcessSlot>()) as u64;

const EXECUTED: u64 = 3 << 32;
const NAME_WORDS: usize = 8;
const NOTE_WORDS: usize = 40;

/// What a process is for; decides which process it ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Role {
    /// A program's own process.
    User = 0,
    /// Ends with its parent, however that ends.
    Daemon = 1,
    /// A pool's worker: ends with its parent, however that ends.
    Worker = 2,
    /// Starts other processes (zygote, or a pool's template); ends with its parent.
    Supervisor = 3,
    /// Notices deaths.
    Reaper = 4,
    /// A copy that the program made by a fork of its own: what it ends with is the program's business.
    Copy = 5,
}

/// Where a slot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Nobody's.
    Free,
    /// Claimed for a child that does not run yet.
    Starting,
    /// Its process runs, or has ended unnoticed.
    Alive,
    /// Its process has ended and is being swept.
    Dead,
}

/// What is known of one process.
#[repr(C, align(64))]
pub struct ProcessSlot {
    word: AtomicU64,
    role: AtomicU32,
    parent: AtomicU32,
    /// 1 once the process has said that it ends in good order.
    clean: AtomicU32,
    /// Whose (as a raw number) the fork was that the slot was claimed for, once that is over, with a child or without
    /// one.
    forked: AtomicU32,
    /// Where the process has mapped the arena, in its own memory. It matters only to the kernel, which is asked whether
    /// it still has. 0 until the process itself has taken the slot.
    mapped_at: AtomicU64,
    /// The number of its descriptor of the doorbell, plus one: for another copy of the engine in the same process.
    doorbell: AtomicU64,
    /// When its slot was claimed, and then when it took it, in nanoseconds of the boot clock. A process of the same pid
    /// which started later is another, and its process cannot have started before the claim.
    registered: AtomicU64,
    /// How it ended: 0 unknown, else 1 << 32 | code, or 2 << 32 | signal, or 3 << 32: it executed another program.
    ending: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
    note: [AtomicU64; NOTE_WORDS],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ProcessSlot {}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) state: ProcessState,
    pub(super) generation: u32,
    pub(super) pid: u32,
    /// Raw number of the starter or the sweeper.
    pub(super) other: u32,
}

impl Word {
    fn pack(self) -> u64 {
        let state = match self.state {
            ProcessState::Free => 0,
            ProcessState::Starting => 1,
            ProcessState::Alive => 2,
            ProcessState::Dead => 3,
        };
        // The kernel's limit for pids is 2^22.
        state
            | u64::from(self.generation & 0x3fff) << 4
            | u64::from(self.pid & 0x3f_ffff) << 18
            | u64::from(self.other) << 40
    }

    fn unpack(word: u64) -> Word {
        let state = match word & 0xf {
            0 => ProcessState::Free,
            1 => ProcessState::Starting,
            2 => ProcessState::Alive,
            _ => ProcessState::Dead,
        };
        let generation = (word >> 4) as u32 & 0x3fff;
        Word { state, generation, pid: (word >> 18) as u32 & 0x3f_ffff, other: (word >> 40) as u32 }
    }
}

impl ProcessSlot {
    pub(super) fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    pub(super) fn exchange(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// What a new owner's slot looks like.
    pub(super) fn clear(&self) {
        self.role.store(Role::User as u32, Ordering::Relaxed);
        self.parent.store(0, Ordering::Relaxed);
        self.clean.store(0, Ordering::Relaxed);
        self.ending.store(0, Ordering::Relaxed);
        self.mapped_at.store(0, Ordering::Relaxed);
        self.doorbell.store(0, Ordering::Relaxed);
        self.register();
        self.set_note("");
        self.set_name("");
    }

    /// Whether the fork is over that the slot was claimed for as `copy`.
    pub(super) fn is_forked(&self, copy: ProcessId) -> bool {
        self.forked.load(Ordering::Acquire) == copy.raw()
    }

    pub(super) fn set_forked(&self, copy: ProcessId) {
        self.forked.store(copy.raw(), Ordering::Release);
    }

    /// When the slot was claimed or, if it is taken, taken.
    pub(super) fn registered(&self) -> u64 {
        self.registered.load(Ordering::Relaxed)
    }

    /// Takes down the time: the slot is claimed, or the process runs from here on at the latest.
    pub(super) fn register(&self) {
        self.registered.store(clock::boot_ns(), Ordering::Relaxed);
    }

    /// Where the process had mapped the arena when it took the slot; `None` before that.
    pub(super) fn mapped_at(&self) -> Option<u64> {
        match self.mapped_at.load(Ordering::Acquire) {
            0 => None,
            start => Some(start),
        }
    }

    /// What the process itself notes when it has taken the slot.
    pub(super) fn set_mapped_at(&self, start: u64, doorbell: Option<RawFd>) {
        self.doorbell.store(doorbell.map_or(0, |number| number as u64 + 1), Ordering::Relaxed);
        self.mapped_at.store(start, Ordering::Release);
    }

    pub(super) fn doorbell(&self) -> Option<RawFd> {
        RawFd::try_from(self.doorbell.load(Ordering::Relaxed).checked_sub(1)?).ok()
    }

    pub(super) fn set_parent(&self, parent: ProcessId) {
        self.parent.store(parent.raw(), Ordering::Relaxed);
    }

    /// The kernel's number of the process; 0 while it is being started.
    pub fn pid(&self) -> u32 {
        self.load().pid
    }

    /// The name given at the start, at most 64 bytes of it.
    pub fn name(&self) -> String {
        read_text(&self.name)
    }

    /// The name as it stands in the slot, for who copies it without allocating.
    pub(crate) fn name_words(&self) -> &[AtomicU64; NAME_WORDS] {
        &self.name
    }

    /// Changes the name.
    pub fn set_name(&self, name: &str) {
        write_text(&self.name, name);
    }

    /// Where the slot is in its life.
    pub fn state(&self) -> ProcessState {
        self.load().state
    }

    /// What the process is for.
    pub fn role(&self) -> Role {
        match self.role.load(Ordering::Relaxed) {
            1 => Role::Daemon,
            2 => Role::Worker,
            3 => Role::Supervisor,
            4 => Role::Reaper,
            5 => Role::Copy,
            _ => Role::User,
        }
    }

    /// Changes what the process is for.
    pub fn set_role(&self, role: Role) {
        self.role.store(role as u32, Ordering::Relaxed);
    }

    /// The process that asked for this one; `None` for the first of a tree.
    pub fn parent(&self) -> Option<ProcessId> {
        ProcessId::from_raw(self.parent.load(Ordering::Relaxed))
    }

    /// The process's note on how it ended: at most 320 bytes; empty when it left none.
    pub fn note(&self) -> String {
        read_text(&self.note)
    }

    /// Leaves a note on how the process ended.
    pub fn set_note(&self, text: &str) {
        write_text(&self.note, text);
    }

    /// Whether the process has said that it ends in good order, so that what it holds it holds on purpose.
    pub fn ended_clean(&self) -> bool {
        self.clean.load(Ordering::Acquire) != 0
    }

    /// Says that the process ends in good order.
    pub fn set_clean(&self) {
        self.clean.store(1, Ordering::Release);
    }

    /// Whether no signal ended the process: it said that it ends, or the kernel does.
    pub fn ended_by_itself(&self) -> bool {
        self.ended_clean() || matches!(self.ending(), Some(ExitStatus::Exited(_)))
    }

    /// How the process ended, if the one that noticed could find out.
    pub fn ending(&self) -> Option<ExitStatus> {
        let ending = self.ending.load(Ordering::Acquire);
        match ending >> 32 {
            1 => Some(ExitStatus::Exited(ending as u32 as i32)),
            2 => Some(ExitStatus::Signaled(ending as u32 as i32)),
            _ => None,
        }
    }

    /// Tells how the process ended; for who reaped it.
    pub(crate) fn set_ending(&self, status: ExitStatus) {
        let ending = match status {
            ExitStatus::Exited(code) => 1 << 32 | u64::from(code as u32),
            ExitStatus::Signaled(signal) => 2 << 32 | u64::from(signal as u32),
        };
        self.ending.store(ending, Ordering::Release);
    }

    /// Whether the process ended as one of the arena by executing another program, as which it may still run.
    pub fn has_executed(&self) -> bool {
        self.ending.load(Ordering::Acquire) == EXECUTED
    }

    /// Says that the process whose word was `word` executed another program, unless more is known of how it ended.
    pub(super) fn set_executed(&self, word: Word) {
        let noted = self.ending.compare_exchange(0, EXECUTED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if noted && self.load() != word {
            // It was swept meanwhile, and the slot is another's.
            let _ = self.ending.compare_exchange(EXECUTED, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// A descriptor of the process; `None` when it has been reaped, so that its pid is nobody's or another's.
    ///
    /// # Errors
    /// When descriptors have run out: that says nothing about the process.
    pub fn pidfd(&self) -> std::io::Result<Option<PidFd>> {
        let pid = self.pid();
        let pidfd = match PidFd::open(pid) {
            Ok(pidfd) => pidfd,
            // No process has the number: none at all, or a thread that is not a process's first.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL | libc::ENOENT)) => {
                return Ok(None);
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => return Ok(None),
            Err(error) => return Err(error),
        };
        // The kernel gives start times in hundredths of a second, rounded down.
        match stat::start_time(pid) {
            Some(start) if start > self.registered.load(Ordering::Relaxed) => Ok(None),
            _ => Ok(Some(pidfd)),
        }
    }
}

impl std::fmt::Debug for ProcessSlot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ProcessSlot")
            .field("pid", &self.pid())
            .field("name", &self.name())
            .field("state", &self.state())
            .field("role", &self.role())
            .finish_non_exhaustive()
    }
}
