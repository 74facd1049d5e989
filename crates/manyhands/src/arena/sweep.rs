//! Undoing what a dead process held.
//!
//! Any process that has seen the death may begin a sweep. It is claimed in the dead one's own slot, and taken over and
//! done again from the start when the sweeper dies halfway. Every step compares with the dead owner's number, which
//! names no other until the last step has given its slot back. What only a later layer understands (locks, rings,
//! calls) it undoes itself, through [`Sweep`](super::Sweep), before blocks and references go. Sweeping allocates
//! nothing, since the reaper must be able to do it.

use super::current::this_process;
use super::error::ArenaError;
use super::layer::{Dead, Registered};
use super::owner::ProcessId;
use super::process_slot::ProcessState;
use super::region::Arena;
use crate::platform::atomic::Ordering;
use crate::platform::clock::now_ns;

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
