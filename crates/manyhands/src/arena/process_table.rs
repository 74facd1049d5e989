//! The slots of an arena's processes.
//!
//! A slot's word says who may use it:
//!
//! ```text
//! bits 0-3    state: Free, Starting, Alive, Dead
//! bits 4-17   generation
//! bits 18-39  Alive, Dead: the kernel's pid
//! bits 40-63  Starting: the process that claimed the slot for a child; Dead: the process that sweeps it, if any
//!
//! Free --claim--> Starting(starter) --the child adopts--> Alive(pid) --seen dead--> Dead(pid)
//!                 Starting(starter) --abandoned, or the starter died--> Dead(0)
//! Dead(pid) --claimed for sweeping, also from a dead sweeper--> Dead(pid, sweeper) --swept--> Free, next generation
//! ```
//!
//! A starter fills in name, role and parent before it tells anybody the number. A slot is used again only when the sweep
//! of its last owner is complete, so a word that names a dead owner names nobody else.

use super::error::ArenaError;
use super::header::PROCESS_TABLE;
use super::owner::{ProcessId, become_process};
use super::region::Arena;
use super::shared::{Offset, Shared};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::platform::{clock, pidfd::PidFd, process};

/// How many processes an arena holds at a time, plus one.
pub const PROCESSES: usize = 1024;
pub(super) const TABLE_BYTES: u64 = (PROCESSES * size_of::<ProcessSlot>()) as u64;

const NAME_WORDS: usize = 8;
const NOTE_WORDS: usize = 40;

/// What a process is for; decides with whom it ends.
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
    Keeper = 3,
    /// Notices deaths.
    Warden = 4,
    /// A copy that the program made by a fork of its own: with whom it ends is the program's business.
    Copy = 5,
}

/// Where a slot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Nobody's.
    Free,
    /// Claimed for a child that does not run yet.
    Starting,
    /// Its process runs, or nobody has noticed yet that it ended.
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
    unused: AtomicU32,
    /// When it took its slot, in nanoseconds of the boot clock: a process of the same pid which started later is another.
    registered: AtomicU64,
    /// How it ended: 0 unknown, else 1 << 32 | code, or 2 << 32 | signal.
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

fn write_text(words: &[AtomicU64], text: &str) {
    let mut end = text.len().min(words.len() * 8);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = &text.as_bytes()[..end];
    for (index, word) in words.iter().enumerate() {
        let mut eight = [0; 8];
        let part = bytes.get(index * 8..).unwrap_or(&[]);
        let length = part.len().min(8);
        eight[..length].copy_from_slice(&part[..length]);
        word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
    }
}

/// The text in such words as a slot's name has.
pub(crate) fn name_of(words: &[AtomicU64]) -> String {
    read_text(words)
}

fn read_text(words: &[AtomicU64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

impl ProcessSlot {
    pub(super) fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    pub(super) fn exchange(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The kernel's number of the process; 0 while it starts.
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
            3 => Role::Keeper,
            4 => Role::Warden,
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

    /// What the process left for whoever asks how it ended: at most 320 bytes; empty when it left nothing.
    pub fn note(&self) -> String {
        read_text(&self.note)
    }

    /// Leaves a note for whoever asks how the process ended.
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
        self.ended_clean() || matches!(self.ending(), Some(crate::platform::pidfd::ExitStatus::Exited(_)))
    }

    /// How the process ended, if whoever noticed could tell.
    pub fn ending(&self) -> Option<crate::platform::pidfd::ExitStatus> {
        use crate::platform::pidfd::ExitStatus;
        let ending = self.ending.load(Ordering::Acquire);
        match ending >> 32 {
            1 => Some(ExitStatus::Exited(ending as u32 as i32)),
            2 => Some(ExitStatus::Signaled(ending as u32 as i32)),
            _ => None,
        }
    }

    /// Tells how the process ended; for who reaped it.
    pub fn set_ending(&self, status: crate::platform::pidfd::ExitStatus) {
        use crate::platform::pidfd::ExitStatus;
        let ending = match status {
            ExitStatus::Exited(code) => 1 << 32 | u64::from(code as u32),
            ExitStatus::Signaled(signal) => 2 << 32 | u64::from(signal as u32),
        };
        self.ending.store(ending, Ordering::Release);
    }

    /// A descriptor of the process; `None` when it has been reaped, so that its pid is nobody's or another's.
    ///
    /// # Errors
    /// When descriptors have run out: that says nothing about the process.
    pub fn pidfd(&self) -> std::io::Result<Option<PidFd>> {
        let pid = self.pid();
        let pidfd = match PidFd::open(pid) {
            Ok(pidfd) => pidfd,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        // The kernel tells start times in hundredths of a second, rounded down.
        match process::start_time(pid) {
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

impl Arena {
    fn process_slots(&self) -> &'static [ProcessSlot] {
        self.slice(Offset::new(PROCESS_TABLE), PROCESSES)
    }

    /// The slot of a process, which may have passed to another one since.
    pub fn process(&self, process: ProcessId) -> &'static ProcessSlot {
        &self.process_slots()[process.index()]
    }

    /// All processes that live, or whose death nobody has noticed yet.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        self.slots_in(ProcessState::Alive)
    }

    /// All slots that were claimed for children which do not run yet.
    pub fn starting(&self) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        self.slots_in(ProcessState::Starting)
    }

    /// All slots that are in `state`.
    pub(super) fn slots_in(
        &self,
        state: ProcessState,
    ) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        let high = self.header().process_high.load(Ordering::Acquire) as usize;
        self.process_slots()[..high].iter().enumerate().skip(1).filter_map(move |(index, slot)| {
            let word = slot.load();
            (word.state == state).then(|| (ProcessId::new(index, word.generation), slot))
        })
    }

    /// Where the slot is in its life as the process's, `None` when it is another's by now.
    pub fn process_state(&self, process: ProcessId) -> Option<ProcessState> {
        let word = self.process(process).load();
        (word.generation == process.generation() && word.state != ProcessState::Free).then_some(word.state)
    }

    /// Whether somebody has noticed that the process ended. Does not look itself: see [`Arena::notice`].
    pub fn is_dead(&self, process: ProcessId) -> bool {
        matches!(self.process_state(process), None | Some(ProcessState::Dead))
    }

    /// Claims a slot for a child that the calling process is about to start.
    ///
    /// # Errors
    /// When 1023 processes use the arena.
    pub fn claim_process(&self, name: &str, role: Role) -> Result<ProcessId, ArenaError> {
        self.claim_process_for(super::owner::this_process()?, name, role)
    }

    /// Claims a slot for a process that the calling one is about to start and that counts as `parent`'s child.
    ///
    /// # Errors
    /// As [`Arena::claim_process`].
    pub fn claim_process_for(
        &self,
        parent: ProcessId,
        name: &str,
        role: Role,
    ) -> Result<ProcessId, ArenaError> {
        let starter = super::owner::this_process()?;
        let child = self.claim_slot(starter.raw())?;
        let slot = self.process(child);
        slot.parent.store(parent.raw(), Ordering::Relaxed);
        slot.set_name(name);
        slot.set_role(role);
        Ok(child)
    }

    fn claim_slot(&self, starter: u32) -> Result<ProcessId, ArenaError> {
        for (index, slot) in self.process_slots().iter().enumerate().skip(1) {
            let word = slot.load();
            let claimed = Word { state: ProcessState::Starting, pid: 0, other: starter, ..word };
            if word.state != ProcessState::Free || !slot.exchange(word, claimed) {
                continue;
            }
            self.header().process_high.fetch_max(index as u32 + 1, Ordering::AcqRel);
            slot.role.store(Role::User as u32, Ordering::Relaxed);
            slot.parent.store(0, Ordering::Relaxed);
            slot.clean.store(0, Ordering::Relaxed);
            slot.ending.store(0, Ordering::Relaxed);
            slot.registered.store(u64::MAX, Ordering::Relaxed);
            slot.set_note("");
            slot.set_name("");
            return Ok(ProcessId::new(index, word.generation));
        }
        Err(ArenaError::OutOfSlots { what: "process", limit: PROCESSES - 1 })
    }

    /// Takes the slot that a parent claimed, as the calling process's own.
    ///
    /// # Errors
    /// When the parent died meanwhile or gave the slot up: the caller should end.
    pub fn adopt_slot(&self, process: ProcessId) -> Result<(), ArenaError> {
        if !self.adopt_slot_for(process, process::getpid()) {
            return Err(ArenaError::Foreign {
                reason: "the slot of this process was given up; its parent has ended".to_owned(),
            });
        }
        become_process(process);
        Ok(())
    }

    /// Takes the slot that was claimed for the process `pid`, on its behalf: from here on it counts as running, even if
    /// its parent ends before it has done anything. Says whether the slot is that process's now.
    pub fn adopt_slot_for(&self, process: ProcessId, pid: u32) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.generation != process.generation() {
            return false;
        }
        if word.state == ProcessState::Starting {
            // Should the slot be another's by now, a later time there does no harm.
            slot.registered.store(clock::boot_ns(), Ordering::Relaxed);
            if slot.exchange(word, Word { state: ProcessState::Alive, pid, other: 0, ..word }) {
                self.ring_doorbell();
                return true;
            }
        }
        let word = slot.load();
        word.state == ProcessState::Alive && word.generation == process.generation() && word.pid == pid
    }

    /// Gives the calling process a slot of its own, as one that nobody of the engine started.
    pub(super) fn join(&'static self) -> Result<ProcessId, ArenaError> {
        let claimed = self.claim_slot(0)?;
        let slot = self.process(claimed);
        slot.registered.store(clock::boot_ns(), Ordering::Relaxed);
        let word = slot.load();
        slot.exchange(word, Word { state: ProcessState::Alive, pid: process::getpid(), other: 0, ..word });
        let process = become_process(claimed);
        if process != claimed {
            // Another thread was faster.
            let word = slot.load();
            slot.exchange(word, Word { state: ProcessState::Dead, ..word });
            self.claim_sweep(claimed, process);
            self.free_slot(claimed, process);
        } else {
            self.ring_doorbell();
        }
        Ok(process)
    }

    /// Gives back a slot that was claimed for a child which never came to run. Does nothing when the child has it.
    /// The references that it was given are taken away.
    pub fn abandon_slot(&'static self, process: ProcessId) {
        let slot = self.process(process);
        let word = slot.load();
        if word.state != ProcessState::Starting || word.generation != process.generation() {
            return;
        }
        // Dead first, so that nobody gets the slot before its references are gone.
        if slot.exchange(word, Word { state: ProcessState::Dead, other: 0, ..word }) {
            super::sweep(self, crate::SWEEPS, process);
        }
    }

    /// Gives up the slots which a dead process had claimed for children. A child that comes later finds itself refused.
    pub(super) fn abandon_children_of(&'static self, starter: ProcessId) {
        for (child, slot) in self.slots_in(ProcessState::Starting) {
            let word = slot.load();
            if word.state == ProcessState::Starting && word.other == starter.raw() {
                self.abandon_slot(child);
            }
        }
    }

    /// The last step of a sweep: the slot may be used again.
    pub(super) fn free_slot(&self, process: ProcessId, by: ProcessId) {
        let slot = self.process(process);
        let word = slot.load();
        if word.state == ProcessState::Dead
            && word.generation == process.generation()
            && word.other == by.raw()
        {
            let generation = word.generation.wrapping_add(1);
            slot.exchange(word, Word { state: ProcessState::Free, generation, pid: 0, other: 0 });
        }
    }
}
