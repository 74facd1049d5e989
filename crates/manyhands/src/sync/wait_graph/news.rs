//! Waiting at a gate for what any thread may bring, with a note in the wait graph.
//!
//! A wait without a limit is written down. So if it is part of a deadlock, a thread that is in it for a lock finds
//! that. Others ask meanwhile whether what is waited for is there, so that a thread that is about to go on does not
//! count as stuck. The wait itself never fails for that. Nothing is written down when there is nothing to wait for.

#[cfg(not(manyhands_model))]
use super::watch::watched;
use crate::platform::Deadline;
use crate::sync::wait::gate::Gate;
use crate::sync::wait::park::{WaitError, Waiting};

/// As [`Gate::wait_until`] on a private gate; `is_there` says of what other threads see whether `ready` would succeed.
///
/// # Errors
/// As there.
#[cfg(not(manyhands_model))]
pub(crate) fn wait_for_news<R, F: Fn() -> bool + Sync>(
    gate: &Gate,
    deadline: Option<Deadline>,
    waiting: &dyn Waiting,
    is_there: F,
    mut ready: impl FnMut() -> Option<R>,
    more: impl FnMut() -> bool,
) -> Result<R, WaitError> {
    if let Some(found) = ready() {
        return Ok(found);
    }
    watched(is_there, deadline, waiting, |wait| gate.wait_until(wait, ready, more))
}

/// In the model there is no wait graph.
#[cfg(manyhands_model)]
pub(crate) fn wait_for_news<R, F: Fn() -> bool + Sync>(
    gate: &Gate,
    deadline: Option<Deadline>,
    waiting: &dyn Waiting,
    _is_there: F,
    ready: impl FnMut() -> Option<R>,
    more: impl FnMut() -> bool,
) -> Result<R, WaitError> {
    gate.wait_until(&crate::sync::wait::park::Wait::private(deadline, waiting), ready, more)
}
