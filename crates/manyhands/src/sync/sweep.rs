//! What this layer undoes after a death.
//!
//! Locks held by the dead process are marked, its owned permits are given back, its leases end, and tallies show what
//! it had as lost. All that may have lost a wake-up look again. The dead one may have published something and woken
//! nobody, or have been woken and passed nothing on, and no word shows that. It costs a system call per lock, semaphore
//! or event that a thread waits for, as the slots of the threads say, and one for each of the other objects. Each step
//! may be done twice. What this process cannot map is left to another, and the rest done.

use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Layer, Object, Shared, Sweep};
use crate::platform::Scope;
use crate::sync::banker::raw::BankerBody;
use crate::sync::barrier::raw::BarrierBody;
use crate::sync::condition::raw::ConditionBody;
use crate::sync::event::word::EventWord;
use crate::sync::lease::raw::LeaseBody;
use crate::sync::lock::arena::LockBody;
use crate::sync::semaphore::raw::SemaphoreBody;
use crate::sync::tally::raw::TallyBody;

impl Kind {
    /// Locks that no thread takes twice.
    pub const LOCK: Kind = Kind::of::<LockBody>(1, "lock");
    /// Locks that their owner takes again.
    pub const RLOCK: Kind = Kind::of::<LockBody>(2, "re-entrant lock");
    /// Semaphores.
    pub const SEMAPHORE: Kind = Kind::of::<SemaphoreBody>(3, "semaphore");
    /// Events.
    pub const EVENT: Kind = Kind::of::<EventWord>(4, "event");
    /// Conditions.
    pub const CONDITION: Kind = Kind::of::<ConditionBody>(8, "condition");
    /// Barriers.
    pub const BARRIER: Kind = Kind::of::<BarrierBody>(9, "barrier");
    /// Bankers.
    pub const BANKER: Kind = Kind::of::<BankerBody>(10, "banker");
    /// Leases.
    pub const LEASE: Kind = Kind::of::<LeaseBody>(12, "lease");
    /// Tallies.
    pub const TALLY: Kind = Kind::of::<TallyBody>(14, "tally");
}

impl Kind {
    /// The ends of threads, which other threads wait for.
    pub(crate) const THREAD_END: Kind = Kind::of_no_object(20, "end of a thread");
    /// The ends of processes.
    pub(crate) const PROCESS_END: Kind = Kind::of_no_object(24, "end of a process");
    /// Doors.
    pub(crate) const DOOR: Kind = Kind::of_no_object(21, "door");
}

/// This layer's objects.
pub(crate) const LAYER: Layer = Layer {
    kinds: &[
        Kind::LOCK,
        Kind::RLOCK,
        Kind::SEMAPHORE,
        Kind::EVENT,
        Kind::CONDITION,
        Kind::BARRIER,
        Kind::BANKER,
        Kind::LEASE,
        Kind::TALLY,
        Kind::THREAD_END,
        Kind::PROCESS_END,
        Kind::DOOR,
    ],
    sweep: &SyncSweep,
};

struct SyncSweep;

impl Sweep for SyncSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError> {
        // A thread that begins to wait after this sees all that the dead one did.
        let waited = &arena.waited();
        let is_waited = |handle: Handle| waited.may_be_for(handle.index());
        for kind in [Kind::LOCK, Kind::RLOCK] {
            let concerns = |handle, body: &LockBody| is_waited(handle) || body.concerns(dead);
            each(arena, kind, concerns, |body: &LockBody| {
                body.sweep(arena, dead);
                Ok(())
            })?;
        }
        let concerns = |handle, body: &SemaphoreBody| is_waited(handle) || body.concerns(dead);
        let semaphores = each(arena, Kind::SEMAPHORE, concerns, |body| body.sweep(arena, dead));
        each(
            arena,
            Kind::EVENT,
            |handle, _| is_waited(handle),
            |word: &EventWord| {
                word.recover(Scope::Shared);
                Ok(())
            },
        )?;
        // After the locks: a waiter that is notified takes its lock next.
        let conditions =
            each(arena, Kind::CONDITION, any, |body: &'static ConditionBody| body.sweep(arena, dead));
        let barriers = each(arena, Kind::BARRIER, any, |body: &'static BarrierBody| body.sweep(arena, dead));
        let bankers = each(arena, Kind::BANKER, any, |body: &'static BankerBody| body.sweep(arena, dead));
        let concerns = |_, body: &LeaseBody| body.word.is_held_by(dead.process.raw());
        let leases = each(arena, Kind::LEASE, concerns, |body: &LeaseBody| {
            body.word.end();
            Ok(())
        });
        let tallies = each(arena, Kind::TALLY, any, |body: &'static TallyBody| body.sweep(arena, dead));
        semaphores.and(conditions).and(barriers).and(bankers).and(leases).and(tallies)
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        match kind {
            Kind::LOCK => arena.body::<LockBody>(object.index()).block.free(arena),
            Kind::SEMAPHORE => arena.body::<SemaphoreBody>(object.index()).block().free(arena),
            Kind::CONDITION => arena.body::<ConditionBody>(object.index()).block().free(arena),
            Kind::BARRIER => arena.body::<BarrierBody>(object.index()).block().free(arena),
            Kind::BANKER => arena.body::<BankerBody>(object.index()).block().free(arena),
            Kind::TALLY => arena.body::<TallyBody>(object.index()).block.free(arena),
            _ => Ok(()),
        }
    }
}

fn any<T>(_: Handle, _: &T) -> bool {
    true
}

/// Visits the live objects of a kind that the death concerns, each held meanwhile, so that its memory is not another's
/// halfway through. Whether it does is asked before, of bytes that may be another object's by then: a death concerns
/// none that was made after it.
fn each<T: Shared>(
    arena: &'static Arena,
    kind: Kind,
    concerns: impl Fn(Handle, &T) -> bool,
    mut visit: impl FnMut(&'static T) -> Result<(), ArenaError>,
) -> Result<(), ArenaError> {
    let mut all = Ok(());
    for (handle, body) in arena.objects::<T>(kind)? {
        if !concerns(handle, body) {
            continue;
        }
        // An object that is being unmade has no waiters.
        if let Ok(object) = Object::attach(handle, kind) {
            all = visit(object.body()).and(all);
        }
    }
    all
}
