//! What this layer undoes after a death.
//!
//! Locks held by the dead process are marked, its owned permits given back, and everybody who may have lost a wake-up
//! looks again: the dead one may have published something and woken nobody, or have been woken and passed nothing on,
//! and no word tells. That costs a system call per object and death. Each step may be done twice. What this process cannot
//! map is left to another, and the rest done.

use super::arena_lock::LockBody;
use super::event_word::EventWord;
use super::raw_banker::BankerBody;
use super::raw_barrier::BarrierBody;
use super::raw_condition::ConditionBody;
use super::raw_semaphore::SemaphoreBody;
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Object, Shared, Sweep};
use crate::platform::Scope;

/// This layer's entry in the table of sweeps.
pub(crate) struct SyncSweep;

impl Sweep for SyncSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError> {
        for kind in [Kind::Lock, Kind::RLock] {
            each(arena, kind, |body: &LockBody| {
                body.sweep(arena, dead);
                Ok(())
            })?;
        }
        let semaphores = each(arena, Kind::Semaphore, |body: &'static SemaphoreBody| body.sweep(arena, dead));
        each(arena, Kind::Event, |word: &EventWord| {
            word.recover(Scope::Shared);
            Ok(())
        })?;
        // After the locks: whoever is told of something takes its lock next.
        let conditions = each(arena, Kind::Condition, |body: &'static ConditionBody| body.sweep(arena, dead));
        let barriers = each(arena, Kind::Barrier, |body: &'static BarrierBody| body.sweep(arena, dead));
        let bankers = each(arena, Kind::Banker, |body: &'static BankerBody| body.sweep(arena, dead));
        semaphores.and(conditions).and(barriers).and(bankers)
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        match kind {
            Kind::Lock => arena.body::<LockBody>(object.index()).block.free(arena),
            Kind::Semaphore => arena.body::<SemaphoreBody>(object.index()).block().free(arena),
            Kind::Condition => arena.body::<ConditionBody>(object.index()).block().free(arena),
            Kind::Barrier => arena.body::<BarrierBody>(object.index()).block().free(arena),
            Kind::Banker => arena.body::<BankerBody>(object.index()).block().free(arena),
            _ => Ok(()),
        }
    }
}

/// Visits the live objects of a kind, each held meanwhile, so that its memory is not another's halfway through.
fn each<T: Shared>(
    arena: &'static Arena,
    kind: Kind,
    mut visit: impl FnMut(&'static T) -> Result<(), ArenaError>,
) -> Result<(), ArenaError> {
    let mut all = Ok(());
    for (handle, _) in arena.objects::<T>(kind) {
        // One that is being unmade is waited for by nobody.
        if let Ok(object) = Object::attach(handle, kind) {
            all = visit(object.body()).and(all);
        }
    }
    all
}
