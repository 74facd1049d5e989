//! A pool as its supervisor sees it: how many workers it should have, and whether they get anywhere.
//!
//! The supervisor starts workers and notices their ends; this reads what the pool wants from the pool's record. It
//! takes no calls and answers none, except that it fails all when the supervisor gives the pool up.

use super::record::{EXPECTED, PoolBody};
use super::sweep::break_pool;
use super::view::View;
use crate::arena::{Arena, Handle, Kind, Object, ProcessId, this_process};
use crate::executor::state::PoolState;
use crate::platform::Scope;
use crate::platform::atomic::Ordering;
use crate::spawn::{Ended, OfAPool, Supervised};

struct SupervisedPool {
    view: View,
    // Dropped last: the view is good as long as the reference is.
    _object: Object,
}

/// What a supervisor needs to know of a pool. Every pool of this layer is supervised in the same way, whatever its
/// workers do.
///
/// # Errors
/// When the pool is gone.
pub fn supervised(pool: Handle, _told: &[u8]) -> Result<Box<dyn Supervised>, String> {
    let object = Object::attach(pool, Kind::POOL).map_err(|error| error.to_string())?;
    let arena = Arena::get().map_err(|error| error.to_string())?;
    let view = View::of(arena, object.body::<PoolBody>()).map_err(|error| error.to_string())?;
    let view = view.ok_or("the pool is gone")?;
    Ok(Box::new(SupervisedPool { view, _object: object }))
}

impl OfAPool for Handle {
    fn supervised(self, payload: &[u8]) -> Result<Box<dyn Supervised>, String> {
        supervised(self, payload)
    }
}

impl Supervised for SupervisedPool {
    fn wanted(&self) -> usize {
        let workers = self.view.record.workers.load(Ordering::Relaxed) as usize;
        match self.view.record.state() {
            PoolState::Open => workers,
            // A call whose worker died still has to be run.
            PoolState::Closed if self.view.has_unanswered() => workers,
            _ => 0,
        }
    }

    fn worker_name(&self, number: u64) -> String {
        // For this supervisor's successor, if it is killed.
        self.view.record.hired.fetch_max(number, Ordering::Relaxed);
        format!("{}{number}", self.view.record.worker_prefix())
    }

    fn expect(&self, slot: ProcessId) {
        let worker = self.view.worker(slot);
        worker.calls.store(EXPECTED, Ordering::Relaxed);
        worker.process.store(slot.raw(), Ordering::Release);
    }

    fn expect_no_more(&self, slot: ProcessId) {
        let process = &self.view.worker(slot).process;
        let _ = process.compare_exchange(slot.raw(), 0, Ordering::AcqRel, Ordering::Relaxed);
        self.view.record.workers_changed.gate.notify_all(Scope::Shared);
    }

    fn progress(&self) -> u64 {
        let present = self.view.enlisted().map(|(_, worker)| u64::from(worker.calls.load(Ordering::Relaxed)));
        self.view.record.calls.load(Ordering::Relaxed) + present.sum::<u64>()
    }

    fn worker_ended(&self, ended: &Ended) -> bool {
        // One that came as far as waiting for calls did not fail by itself, even if it was killed before there was one.
        let was_ready = self.view.worker(ended.slot).ready.load(Ordering::Acquire) == ended.slot.raw();
        was_ready || self.view.record.state() != PoolState::Open
    }

    fn give_up(&self, reason: &str) {
        if let Ok(process) = this_process() {
            break_pool(&self.view, process, reason);
        }
    }
}
