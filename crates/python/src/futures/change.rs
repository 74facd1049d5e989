//! How a future changes, and what is called then.
//!
//! A change is one step of the call's word. The thread that makes it then notifies the others, without holding
//! anything: first the watchers, which wait for several futures, then the callbacks, each once. An opened future, which
//! the standard library's functions may look at, changes while its condition is held. A callback that raises stops
//! nothing.
//!
//! Callbacks stand here until a program looks at `_done_callbacks`: then it has a list of its own, and the standard
//! library's functions keep and call what stands there. A subclass is asked to invoke its callbacks itself.
//!
//! A program may put methods of its own into the class, as tracers do. Then a thread that runs a call goes through
//! these.

use super::future::{FUTURE, Future};
use crate::answer::{Answer, Answered, Fetched, Outcome, Source};
use crate::as_made::FUTURE_CLASS;
use crate::ffi::{may_refer, track};
use crate::thread_queue::ThreadSimpleQueue;
use manyhands::executor::threads::Standing;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::sync::OnceLock;

/// What is to be done once the call is over.
#[derive(Default)]
pub struct After {
    pub callbacks: Vec<Py<PyAny>>,
    /// Each is given the future.
    pub watchers: Vec<Py<ThreadSimpleQueue>>,
    /// The future changes only while its condition is held.
    pub opened: bool,
    /// The callbacks stand in a list of Python's.
    pub listed: bool,
}

impl After {
    /// Whether nothing is to be notified.
    pub fn is_empty(&self) -> bool {
        self.callbacks.is_empty() && self.watchers.is_empty() && !self.opened
    }
}

/// How a future changes.
pub enum Change {
    Answer(Outcome),
    Cancel,
    Begin,
}

impl Future {
    /// Changes the future and notifies its watchers and callbacks; `false` when the call was to begin and had been
    /// withdrawn.
    #[inline]
    pub fn change(slf: &Bound<'_, Self>, change: Change) -> PyResult<Result<bool, Standing>> {
        let (this, call) = (slf.get(), &slf.get().answer.call);
        let mut after = this.after();
        let mut condition = None;
        if after.opened {
            drop(after);
            condition = Some(Self::acquire_condition(slf)?);
            after = this.after();
        }
        let mut late = None;
        // Whether the watchers are to be notified, and whether the callbacks are.
        let changed = match change {
            Change::Answer(outcome) => call.answer(outcome).map(|()| (true, true)).map_err(|refused| {
                late = Some(refused.answer);
                refused.standing
            }),
            // Watchers are notified when the thread that would have run it has seen that.
            Change::Cancel if call.state().cancel() => Ok((false, true)),
            Change::Cancel => Err(call.state().standing()),
            Change::Begin => call.state().begin().map(|goes_on| (!goes_on, false)),
        };
        let (is_watched, is_over) = changed.unwrap_or_default();
        let invokes = is_over && (after.listed || Self::is_subclassed(slf));
        let watchers = if is_watched { std::mem::take(&mut after.watchers) } else { Vec::new() };
        let callbacks = if is_over && !invokes { std::mem::take(&mut after.callbacks) } else { Vec::new() };
        drop(after);
        drop(late);
        if let Some(condition) = condition {
            Self::release_condition(slf, &condition, is_watched || is_over)?;
        }
        Self::notify_watchers(slf, &watchers)?;
        Self::call_back_all(slf, &callbacks)?;
        if invokes {
            slf.call_method0("_invoke_callbacks")?;
        }
        Ok(changed.map(|_| is_over || !is_watched))
    }

    #[cold]
    fn acquire_condition<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let condition = slf.getattr("_condition")?;
        condition.call_method0("acquire")?;
        Ok(condition)
    }

    #[cold]
    fn release_condition(
        slf: &Bound<'_, Self>,
        condition: &Bound<'_, PyAny>,
        notifies: bool,
    ) -> PyResult<()> {
        let notified = if notifies { Some(slf.call_method0("_manyhands_notify_waiters")) } else { None };
        condition.call_method0("release")?;
        notified.transpose().map(drop)
    }

    /// Whether a program may have its own way of invoking callbacks: by a subclass, or by what it has put into the
    /// class.
    #[inline]
    fn is_subclassed(slf: &Bound<'_, Self>) -> bool {
        let py = slf.py();
        FUTURE.get(py).is_none_or(|kind| !slf.get_type().is(kind)) || !FUTURE_CLASS.holds(py)
    }

    /// Has the call stand where a program says that it does. The program calls the callbacks itself, but cannot know of
    /// the watchers.
    pub(super) fn declare(slf: &Bound<'_, Self>, to: Standing) -> PyResult<()> {
        let this = slf.get();
        let mut after = this.after();
        this.answer.call.state().declare(to);
        let watchers = match to {
            Standing::Answered | Standing::Skipped => std::mem::take(&mut after.watchers),
            _ => Vec::new(),
        };
        drop(after);
        Self::notify_watchers(slf, &watchers)
    }

    /// Runs callbacks one after the other.
    #[inline]
    pub(super) fn call_back_all(slf: &Bound<'_, Self>, callbacks: &[Py<PyAny>]) -> PyResult<()> {
        callbacks.iter().try_for_each(|callback| Self::call_back(slf, callback.bind(slf.py())))
    }

    #[inline]
    fn notify_watchers(slf: &Bound<'_, Self>, watchers: &[Py<ThreadSimpleQueue>]) -> PyResult<()> {
        watchers.iter().try_for_each(|watcher| watcher.get().push(slf.as_any()))
    }

    /// Runs a callback; what it raises is logged, and stops nothing.
    pub fn call_back(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        match callback.call1((slf,)) {
            Err(error) if error.is_instance_of::<PyException>(slf.py()) => {
                slf.call_method1("_manyhands_report", (error.into_value(slf.py()),)).map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Has a thread begin with the call, by the class's own method where a program has replaced any; `false` when it
    /// was withdrawn.
    #[inline]
    pub fn begin(slf: &Bound<'_, Self>) -> PyResult<Result<bool, Standing>> {
        if FUTURE_CLASS.holds(slf.py()) {
            return Self::change(slf, Change::Begin);
        }
        slf.call_method0("set_running_or_notify_cancel")?.is_truthy().map(Ok)
    }

    /// Answers with what a function returned or raised, by the class's own methods where a program has replaced any.
    #[inline]
    pub fn finish(
        slf: &Bound<'_, Self>,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<Result<bool, Standing>> {
        let outcome = Outcome::of(slf.py(), result);
        if FUTURE_CLASS.holds(slf.py()) {
            if may_refer(outcome.object().bind(slf.py())) {
                track(slf.as_any());
            }
            return Self::change(slf, Change::Answer(outcome));
        }
        let method = if matches!(outcome, Outcome::Value(_)) { "set_result" } else { "set_exception" };
        slf.call_method1(method, (outcome.object(),)).map(|_| Ok(true))
    }
}

impl Answered for Future {
    type Source = OnceLock<Box<Source>>;

    #[inline]
    fn answer(&self) -> &Answer<OnceLock<Box<Source>>> {
        &self.answer
    }

    fn come_to(slf: &Bound<'_, Self>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        let standing = || slf.get().answer.call.state().standing();
        if !FUTURE_CLASS.holds(slf.py()) {
            // Nobody has called the method by which a future learns that a worker has its call.
            let is_begun = standing() != Standing::Pending || matches!(Self::begin(slf)?, Ok(true));
            if !is_begun || standing().is_over() {
                return Ok(());
            }
        }
        Self::finish(slf, result).map(drop)
    }

    fn withdraw(slf: &Bound<'_, Self>) -> PyResult<()> {
        let is_first = Self::change(slf, Change::Cancel)?.is_ok();
        // The thread that withdraws the call and the callback thread both come here; a program's method is called once.
        if is_first || FUTURE_CLASS.holds(slf.py()) {
            let _ = Self::begin(slf)?;
        }
        Ok(())
    }

    fn keep(slf: &Bound<'_, Self>, source: &Source, rest: Fetched) -> bool {
        let after = slf.get().after();
        let is_kept = after.is_empty();
        if is_kept {
            source.keep(rest);
        }
        is_kept
    }
}
