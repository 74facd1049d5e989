//! Undoing what a dead process held.
//!
//! Any process that has seen the death may begin a sweep. It is claimed in the dead one's own slot, and taken over and
//! done again from the start when the sweeper dies halfway. Every step compares with the dead owner's number, which
//! names no other until the last step has given its slot back. What only a later layer understands (locks, rings,
//! calls) it undoes itself, through [`Sweep`], before blocks and references go. Sweeping allocates nothing, since the
//! reaper must be able to do it.

use super::error::ArenaError;
use super::kind::Kind;
use super::object::Handle;
use super::owner::{ProcessId, ThreadId, this_process};
use super::process_slot::ProcessState;
use super::region::Arena;
use crate::platform::atomic::Ordering;
use crate::platform::clock::now_ns;

/// What a layer contributes to the undoing of deaths and of objects.
///
/// Implementations allocate nothing and take no private locks: they also run in the reaper. They may find that this
/// process has no address space left to see some of it: then another process has to do it.
pub trait Sweep: Sync {
    /// Undoes what the dead process held of this layer's kinds, each step one compare-and-swap away from its number.
    ///
    /// # Errors
    /// When not all of it could be seen from here.
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError>;

    /// Gives back what an object holds outside its body (blocks, counts), when its last reference is gone. May be run
    /// again after its runner died halfway. Asked for the layer's own kinds only.
    ///
    /// # Errors
    /// When it could not be seen from here; it is done when this process has ended.
    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        let _ = (arena, kind, object);
        Ok(())
    }
}

/// A layer's objects: which kinds there are, and what becomes of them when their owners end.
pub struct Layer {
    /// The kinds that the layer declares.
    pub kinds: &'static [Kind],
    /// Its part in sweeps.
    pub sweep: &'static dyn Sweep,
}

/// What later layers do when a process has ended. Only the crate's root sees them all: it implements this for
/// [`Arena`], once, or nothing compiles. Nothing is registered while the program runs, so every process of it has the
/// same table, also one that has run nothing yet.
pub(crate) trait Registered {
    /// Every layer that has objects, in the order in which a sweep goes through them.
    const LAYERS: &'static [Layer];

    /// Makes another reaper in the place of one that has ended. Where none can be made now, the next tick tries again.
    const REPLACE_REAPER: fn(&'static Arena);
}

/// A process whose end was noticed.
#[derive(Clone, Copy, Debug)]
pub struct Dead {
    /// Which one.
    pub process: ProcessId,
    /// Its pid, which may be another's by now.
    pub pid: u32,
    /// Whether it had said that it ends in good order, so that locks it holds stay held on purpose.
    pub clean: bool,
    arena: &'static Arena,
}

impl Dead {
    /// Whether the thread was one of the dead process.
    pub fn owns(&self, thread: ThreadId) -> bool {
        self.arena.process_of(thread) == Some(self.process)
    }
}

/// Undoes what `process` held, if its end was noticed and no living process is at it. Returns whether that was so.
pub(crate) fn sweep(arena: &'static Arena, process: ProcessId) -> bool {
    let Ok(by) = this_process() else { return false };
    if !arena.claim_sweep(process, by) {
        return false;
    }
    let slot = arena.process(process);
    let dead = Dead { process, pid: slot.pid(), clean: slot.ended_by_itself(), arena };
    let layers = Arena::LAYERS.iter().map(|layer| unless_damaged(layer.sweep.sweep(arena, &dead)));
    let undone = layers
        .fold(Ok(()), Result::and)
        .and_then(|()| unless_damaged(arena.free_blocks_of(process)))
        .and_then(|()| unless_damaged(arena.settle_records_of(process)))
        .and_then(|()| unless_damaged(arena.drop_references_of(process)));
    if undone.is_err() {
        arena.give_back_sweep(process, by);
        return false;
    }
    arena.abandon_children_of(process);
    arena.free_threads_of(process);
    arena.free_slot(process, by);
    true
}

/// What is damaged nobody can undo, now or later: it is left as it is.
fn unless_damaged(undone: Result<(), ArenaError>) -> Result<(), ArenaError> {
    match undone {
        Err(ArenaError::Damaged { .. } | ArenaError::StaleBlock) => Ok(()),
        undone => undone,
    }
}

/// Looks at every process of the arena, and sweeps those that have ended. Returns how many that were.
///
/// One look costs a few system calls per process: meant for the ticks of waiters and for tests. The reaper, which
/// holds the descriptors, knows at once.
pub(crate) fn sweep_the_dead(arena: &'static Arena) -> usize {
    for (process, _) in arena.slots_in(ProcessState::Alive) {
        arena.notice(process);
    }
    arena.abandon_lost_copies();
    sweep_noticed(arena)
}

/// As [`sweep_the_dead`], unless a process of the arena has looked less than half a tick ago. For ticks: there is one
/// per process, and so the looking does not grow with their number squared.
pub(crate) fn sweep_in_turn(arena: &'static Arena) {
    const REST_NS: u64 = 50_000_000;
    arena.check_own_slot();
    arena.settle_references();
    let looked = &arena.header().looked;
    let last = looked.load(Ordering::Relaxed);
    let now = now_ns();
    let mine = now.saturating_sub(last) >= REST_NS
        && looked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if mine {
        sweep_the_dead(arena);
    } else {
        sweep_noticed(arena);
    }
}

/// Sweeps those whose end was noticed already, also after a sweeper that died halfway. Returns how many that were.
pub(crate) fn sweep_noticed(arena: &'static Arena) -> usize {
    let mut swept = 0;
    for (process, _) in arena.slots_in(ProcessState::Dead) {
        swept += usize::from(sweep(arena, process));
    }
    swept
}
