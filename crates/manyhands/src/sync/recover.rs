//! What this layer undoes after a death.
//!
//! Locks held by the dead process are marked, its owned permits given back, and everybody who may have lost a wake-up
//! looks again: the dead one may have published something and woken nobody, or have been woken and passed nothing on,
//! and no word tells. That costs a system call per object and death. Each step may be done twice.

use super::arena_lock::LockBody;
use super::event_word::EventWord;
use super::raw_banker::BankerBody;
use super::raw_barrier::BarrierBody;
use super::raw_condition::ConditionBody;
use super::raw_semaphore::SemaphoreBody;
use crate::arena::{Arena, Dead, Handle, Kind, Object, Shared, Sweep};
use crate::platform::Scope;

/// This layer's entry in the table of sweeps.
pub(crate) struct SyncSweep;

impl Sweep for SyncSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) {
        for kind in [Kind::Lock, Kind::RLock] {
            each(arena, kind, |body: &LockBody| body.sweep(arena, dead));
        }
        each(arena, Kind::Semaphore, |body: &'static SemaphoreBody| body.sweep(arena, dead));
        each(arena, Kind::Event, |word: &EventWord| word.recover(Scope::Shared));
        // After the locks: whoever is told of something takes its lock next.
        each(arena, Kind::Condition, |body: &'static ConditionBody| body.sweep(arena, dead));
        each(arena, Kind::Barrier, |body: &'static BarrierBody| body.sweep(arena, dead));
        each(arena, Kind::Banker, |body: &'static BankerBody| body.sweep(arena, dead));
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) {
        match kind {
            Kind::Lock => arena.body::<LockBody>(object.index()).block.free(arena),
            Kind::Semaphore => arena.body::<SemaphoreBody>(object.index()).block().free(arena),
            Kind::Condition => arena.body::<ConditionBody>(object.index()).block().free(arena),
            Kind::Barrier => arena.body::<BarrierBody>(object.index()).block().free(arena),
            Kind::Banker => arena.body::<BankerBody>(object.index()).block().free(arena),
            _ => {}
        }
    }
}

/// Visits the live objects of a kind, each held meanwhile, so that its memory is not another's halfway through.
fn each<T: Shared>(arena: &'static Arena, kind: Kind, mut visit: impl FnMut(&'static T)) {
    for (handle, _) in arena.objects::<T>(kind) {
        // One that is being unmade is waited for by nobody.
        if let Ok(object) = Object::attach(handle, kind) {
            visit(object.body());
        }
    }
}
