//! A future whose call a worker process runs: how the answer comes to it.
//!
//! Whoever asks about the future fetches the answer if it is there. When somebody is to be told unasked, a thread of
//! the pool's fetches it instead, and tells. Either way the future then changes like any other. Where a program has
//! replaced the methods by which that is done, they are to be called unasked, too.

use super::change::Change;
use super::future::{FUTURE, Future};
use super::remote::{Fetched, Read, Remote};
use crate::as_made::FUTURE_CLASS;
use crate::ffi::{track, untrack};
use manyhands::executor::threads::Standing;
use pyo3::prelude::*;

impl Future {
    /// A future as programs know it, of a call that is yet to be handed in.
    #[inline]
    pub fn new_for_a_call(py: Python<'_>) -> PyResult<Bound<'_, Future>> {
        let kind = FUTURE.import(py, "manyhands.futures._base", "Future")?;
        let future = kind.call0()?.cast_into::<Future>()?;
        // Until there is something that a cycle could go through; see `Future::watch_for_cycles`.
        untrack(future.as_any());
        Ok(future)
    }

    /// The future of a call that a worker process runs.
    pub fn of_call(py: Python<'_>, remote: Remote) -> PyResult<Bound<'_, Future>> {
        let future = Self::new_for_a_call(py)?;
        if remote.function().is_object() {
            track(future.as_any());
        }
        let _ = future.get().remote.set(Box::new(remote));
        if !FUTURE_CLASS.holds(py) {
            Self::have_told(&future)?;
        }
        Ok(future)
    }

    /// The future of a call that could not be handed in.
    pub fn failed(py: Python<'_>, error: PyErr) -> PyResult<Bound<'_, Future>> {
        let future = Self::new_for_a_call(py)?;
        Self::come_to(&future, Err(error))?;
        Ok(future)
    }

    /// Where the call stands.
    pub(super) fn standing(&self) -> Standing {
        let standing = self.call.state().standing();
        match self.remote.get() {
            Some(remote) if standing == Standing::Pending => remote.standing(),
            _ => standing,
        }
    }

    /// Fetches a worker's answer if it is there; where the call stands then.
    pub(super) fn settle(slf: &Bound<'_, Self>) -> PyResult<Standing> {
        let this = slf.get();
        if let Some(fetched) = this.remote.get().and_then(|remote| remote.fetch()) {
            Self::arrive(slf, fetched)?;
        }
        Ok(this.standing())
    }

    /// A worker's answer has been fetched.
    fn arrive(slf: &Bound<'_, Self>, fetched: Fetched) -> PyResult<()> {
        let this = slf.get();
        let Some(remote) = this.remote.get() else { return Ok(()) };
        match remote.read(slf.py(), fetched) {
            Read::Outcome(result) => Self::come_to(slf, result),
            Read::Withdrawn => Self::withdraw(slf),
            Read::Interrupted(error, unread) => {
                let after = this.after();
                if after.is_empty() {
                    remote.keep(unread);
                } else {
                    drop(after);
                    // Those who are to be told unasked would wait for somebody to ask.
                    let _ = Self::finish(slf, Err(error.clone_ref(slf.py())))?;
                }
                Err(error)
            }
        }
    }

    /// What a worker's call came to. A future that somebody answered otherwise stays as it is.
    fn come_to(slf: &Bound<'_, Self>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        if FUTURE_CLASS.holds(slf.py()) {
            return Self::finish(slf, result).map(drop);
        }
        // Nobody has called the method by which a future learns that a worker has its call.
        let standing = || slf.get().call.state().standing();
        let is_begun = standing() != Standing::Pending || matches!(Self::begin_call(slf)?, Ok(true));
        if is_begun && !standing().is_over() {
            let _ = Self::finish_call(slf, result)?;
        }
        Ok(())
    }

    /// The call was withdrawn, and nobody will run it.
    pub(super) fn withdraw(slf: &Bound<'_, Self>) -> PyResult<()> {
        let is_first = Self::change(slf, Change::Cancel)?.is_ok();
        // Whoever withdraws the call and the callback thread both come here; a program's method is called once.
        if is_first || FUTURE_CLASS.holds(slf.py()) {
            let _ = Self::begin_call(slf)?;
        }
        Ok(())
    }

    /// Somebody is to be told when the call is over, unasked: then a thread fetches a worker's answer.
    pub(super) fn have_told(slf: &Bound<'_, Self>) -> PyResult<()> {
        track(slf.as_any());
        let Some(remote) = slf.get().remote.get() else { return Ok(()) };
        let callbacks = remote.callbacks(slf.py())?;
        let Some(call) = remote.hand_over() else {
            // Another thread was at it when this one came, and has been interrupted since.
            return if remote.is_unread() { Self::settle(slf).map(drop) } else { Ok(()) };
        };
        let future = slf.clone().unbind();
        callbacks.register(
            call,
            Box::new(move |call| {
                Python::attach(|py| {
                    let future = future.bind(py);
                    let answer = future.get().remote.get().map(|remote| remote.take(call));
                    let arrived = answer.map(|answer| Self::arrive(future, Fetched::Answer(answer)));
                    if let Some(Err(error)) = arrived {
                        error.write_unraisable(py, Some(future));
                    }
                });
            }),
        );
        Ok(())
    }
}
