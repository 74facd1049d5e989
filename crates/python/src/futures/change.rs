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
use manyhands::executor::threads::{Refused, Standing};
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

/// What a change came to.
enum Changed {
    /// It did not apply; an answer is dropped.
    Not(Standing),
    /// Nothing is to be notified.
    Quietly,
    /// Without callbacks the future invokes its own.
    Over {
        callbacks: Option<Vec<Py<PyAny>>>,
        watchers: Vec<Py<ThreadSimpleQueue>>,
    },
    Skipped(Vec<Py<ThreadSimpleQueue>>),
}

impl Future {
    fn apply(&self, after: &mut After, change: Change, invokes: bool) -> (Changed, Option<Outcome>) {
        let over = |after: &mut After, watchers| Changed::Over {
            callbacks: (!invokes).then(|| std::mem::take(&mut after.callbacks)),
            watchers,
        };
        let changed = match change {
            Change::Answer(outcome) => match self.answer.call.answer(outcome) {
                Ok(()) => {
                    let watchers = std::mem::take(&mut after.watchers);
                    over(after, watchers)
                }
                Err(Refused { answer, standing }) => return (Changed::Not(standing), Some(answer)),
            },
            // Watchers are notified when the thread that would have run it has seen that.
            Change::Cancel if self.answer.call.state().cancel() => over(after, Vec::new()),
            Change::Cancel => Changed::Not(self.answer.call.state().standing()),
            Change::Begin => match self.answer.call.state().begin() {
                Ok(true) => Changed::Quietly,
                Ok(false) => Changed::Skipped(std::mem::take(&mut after.watchers)),
                Err(standing) => Changed::Not(standing),
            },
        };
        (changed, None)
    }

    /// Changes the future and notifies its watchers and callbacks.
    #[inline]
    pub fn change(slf: &Bound<'_, Self>, change: Change) -> PyResult<Result<(), Standing>> {
        let this = slf.get();
        let mut after = this.after();
        if after.opened {
            drop(after);
            return Self::change_opened(slf, change);
        }
        let invokes = Self::is_subclassed(slf);
        let (changed, dropped) = this.apply(&mut after, change, invokes);
        drop(after);
        drop(dropped);
        Self::notify(slf, changed)
    }

    #[cold]
    fn change_opened(slf: &Bound<'_, Self>, change: Change) -> PyResult<Result<(), Standing>> {
        let condition = slf.getattr("_condition")?;
        condition.call_method0("acquire")?;
        let mut after = slf.get().after();
        let invokes = after.listed || Self::is_subclassed(slf);
        let (changed, dropped) = slf.get().apply(&mut after, change, invokes);
        drop(after);
        drop(dropped);
        let notified = match changed {
            Changed::Not(_) | Changed::Quietly => Ok(()),
            Changed::Over { .. } | Changed::Skipped(_) => {
                slf.call_method0("_manyhands_notify_waiters").map(drop)
            }
        };
        condition.call_method0("release")?;
        notified?;
        Self::notify(slf, changed)
    }

    #[inline]
    fn notify(slf: &Bound<'_, Self>, changed: Changed) -> PyResult<Result<(), Standing>> {
        match changed {
            Changed::Not(standing) => return Ok(Err(standing)),
            Changed::Quietly => {}
            Changed::Skipped(watchers) => Self::notify_watchers(slf, &watchers)?,
            Changed::Over { callbacks, watchers } => {
                Self::notify_watchers(slf, &watchers)?;
                match callbacks {
                    Some(callbacks) => Self::call_back_all(slf, &callbacks)?,
                    None => slf.call_method0("_invoke_callbacks").map(drop)?,
                }
            }
        }
        Ok(Ok(()))
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
    pub(super) fn call_back_all(slf: &Bound<'_, Self>, callbacks: &[Py<PyAny>]) -> PyResult<()> {
        callbacks.iter().try_for_each(|callback| Self::call_back(slf, callback.bind(slf.py())))
    }

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

    /// Has a thread begin with the call; `false` when it was withdrawn.
    pub fn begin(slf: &Bound<'_, Self>) -> PyResult<Result<bool, Standing>> {
        let begun = Self::change(slf, Change::Begin)?;
        Ok(begun.map(|()| slf.get().answer.call.state().standing() != Standing::Skipped))
    }

    /// As `begin`, by the class's own method where a program has replaced any.
    #[inline]
    pub fn begin_call(slf: &Bound<'_, Self>) -> PyResult<Result<bool, Standing>> {
        if FUTURE_CLASS.holds(slf.py()) {
            return Self::begin(slf);
        }
        slf.call_method0("set_running_or_notify_cancel")?.is_truthy().map(Ok)
    }

    /// As `finish`, by the class's own methods where a program has replaced any.
    #[inline]
    pub fn finish_call(
        slf: &Bound<'_, Self>,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<Result<(), Standing>> {
        if FUTURE_CLASS.holds(slf.py()) {
            return Self::finish(slf, result);
        }
        match result {
            Ok(value) => slf.call_method1("set_result", (value,))?,
            Err(error) => slf.call_method1("set_exception", (error.into_value(slf.py()),))?,
        };
        Ok(Ok(()))
    }

    /// Answers with what a function returned or raised.
    pub fn finish(
        slf: &Bound<'_, Self>,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<Result<(), Standing>> {
        let outcome = Outcome::of(slf.py(), result);
        if may_refer(outcome.object().bind(slf.py())) {
            track(slf.as_any());
        }
        Self::change(slf, Change::Answer(outcome))
    }
}

impl Answered for Future {
    type Source = OnceLock<Box<Source>>;

    #[inline]
    fn answer(&self) -> &Answer<OnceLock<Box<Source>>> {
        &self.answer
    }

    fn come_to(slf: &Bound<'_, Self>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        if FUTURE_CLASS.holds(slf.py()) {
            return Self::finish(slf, result).map(drop);
        }
        // Nobody has called the method by which a future learns that a worker has its call.
        let standing = || slf.get().answer.call.state().standing();
        let is_begun = standing() != Standing::Pending || matches!(Self::begin_call(slf)?, Ok(true));
        if is_begun && !standing().is_over() {
            let _ = Self::finish_call(slf, result)?;
        }
        Ok(())
    }

    fn withdraw(slf: &Bound<'_, Self>) -> PyResult<()> {
        let is_first = Self::change(slf, Change::Cancel)?.is_ok();
        // The thread that withdraws the call and the callback thread both come here; a program's method is called once.
        if is_first || FUTURE_CLASS.holds(slf.py()) {
            let _ = Self::begin_call(slf)?;
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
