//! A second look at a call, for who does not hold it.
//!
//! A [`RawCall`](super::RawCall) is its answer's only way out, so one owner has it. Others may want to know where the
//! call stands, to wait for it or to withdraw it: they look at its slot, by the call's number. Once that slot is
//! another call's, this one is over, and nothing here touches the other.

use super::requester::Requester;
use super::slot::CallSlot;
use super::word::State;
use crate::platform::Deadline;
use crate::platform::atomic::Ordering;
use crate::sync::{WaitError, Waiting};
use std::sync::Arc;

/// Where a call stands, for who does not hold it.
#[derive(Clone)]
pub struct CallWatch {
    requester: Arc<Requester>,
    slot: &'static CallSlot,
    index: u32,
    number: u64,
}

impl CallWatch {
    pub(super) fn new(
        requester: &Arc<Requester>,
        slot: &'static CallSlot,
        index: u32,
        number: u64,
    ) -> CallWatch {
        CallWatch { requester: Arc::clone(requester), slot, index, number }
    }

    /// The state of the call's word; `None` when the slot is another call's.
    fn state(&self) -> Option<State> {
        // A new number is written before the word says that there is a new call.
        let state = self.slot.word().read().state();
        (self.slot.number.load(Ordering::Relaxed) == self.number).then_some(state)
    }

    /// Whether the answer is there, or was.
    pub fn is_over(&self) -> bool {
        !matches!(self.state(), Some(State::Pending | State::Taken | State::Answering))
    }

    /// Whether a worker has begun with it, or is done.
    pub fn is_started(&self) -> bool {
        self.state() != Some(State::Pending)
    }

    /// Cancels the call if no worker has begun with it. Whether this did it. Its owner must not take the answer at the
    /// same time: the slot might become another call's.
    pub fn cancel(&self) -> bool {
        self.requester.is_own() && self.state() == Some(State::Pending) && self.requester.withdraw(self.index)
    }

    /// Waits until the answer is there, or has been.
    ///
    /// # Errors
    /// When the deadline came first or a signal handler asked for an end.
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        if self.is_over() {
            return Ok(());
        }
        self.requester.wait_for_call(self.slot, || self.is_over(), deadline, waiting)
    }
}

impl std::fmt::Debug for CallWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallWatch").field("number", &self.number).finish_non_exhaustive()
    }
}
