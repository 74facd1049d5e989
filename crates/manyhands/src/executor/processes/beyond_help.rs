//! A pool whose record something has written over, so that nobody is left to run its calls, or to end its workers, and
//! nobody knows.
//!
//! The record says who keeps the pool, and the requester remembers it privately. A supervisor that ended without the
//! record saying that it is lost is a contradiction that only a wild write leaves.

use super::requester::Requester;
use super::sweep::break_pool;
use crate::executor::state::PoolState;

impl Requester {
    /// Whether a wait for the pool's end cannot end: the supervisor is gone, though the record does not say that it is
    /// lost. Nobody then starts a worker for the calls that have no answer, or ends the workers that have nothing left
    /// to do. The pool is broken then, so that such workers end by themselves.
    pub(super) fn is_beyond_help(&self) -> bool {
        if !self.is_supervisor_gone() {
            return false;
        }
        let why = match (self.view.workers().next().is_some(), self.view.has_unanswered()) {
            (false, true) => "nobody is left to run its calls",
            (true, false) if self.view.record.state() == PoolState::Closed => {
                "nobody is left to end its workers"
            }
            _ => return false,
        };
        break_pool(&self.view, self.process, &format!("its record in shared memory is damaged: {why}"));
        true
    }
}
