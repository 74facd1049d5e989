//! A pool whose record something has written over, so that nobody is left to run its calls and nobody knows.
//!
//! The record says who keeps the pool, and the requester remembers it privately. A supervisor that ended without the
//! record saying that it is lost is a contradiction that only a wild write leaves.

use super::record::SUPERVISOR_LOST;
use super::requester::Requester;
use super::sweep::break_pool;
use crate::arena::ProcessId;
use crate::platform::atomic::Ordering;

impl Requester {
    /// Whether calls have no answer, and none can come: there is no worker, and no supervisor who would start one,
    /// though the record does not say that it is lost. Something has written over the record; the pool is broken then.
    pub(super) fn is_beyond_help(&self) -> bool {
        let record = &self.view.record;
        let is_kept = || {
            // The record before what this process remembers, which is written first.
            let is_lost = record.supervisor.load(Ordering::SeqCst) == SUPERVISOR_LOST;
            let kept_by = ProcessId::from_raw(self.kept_by.load(Ordering::SeqCst));
            let is_there = |supervisor| self.view.arena.process_state(supervisor).is_some();
            is_lost || self.is_replacing.load(Ordering::SeqCst) || kept_by.is_none_or(is_there)
        };
        if self.view.workers().next().is_some() || !self.view.has_unanswered() || is_kept() {
            return false;
        }
        break_pool(
            &self.view,
            self.process,
            "its record in shared memory is damaged: nobody is left to run its calls",
        );
        true
    }
}
