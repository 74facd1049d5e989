//! A pool whose record something has written over, so that nobody is left to run its calls and nobody knows.
//!
//! The record says who keeps the pool, and the requester remembers it privately. A supervisor that ended without the
//! record saying that it is lost is a contradiction that only a wild write leaves.

use super::requester::Requester;
use super::sweep::break_pool;

impl Requester {
    /// Whether calls have no answer, and none can come: there is no worker, and no supervisor who would start one,
    /// though the record does not say that it is lost. Something has written over the record; the pool is broken then.
    pub(super) fn is_beyond_help(&self) -> bool {
        if self.view.workers().next().is_some() || !self.view.has_unanswered() || !self.is_supervisor_gone() {
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
