//! The result of what was submitted, and who is told of it: callbacks, run by the engine's callback thread.
//!
//! Without callbacks a result only holds its calls. With them the thread takes the answers as they come and runs the
//! callback before anybody who waits goes on. A callback that raises is reported as unraisable and costs nobody else.

use super::calls::{Calls, outcome_of};
use super::result::{AsyncResult, Told, name_of};
use super::shared::locked;
use super::submit::{Refused, Through};
use manyhands::executor::{Callbacks, RawCall};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex};

/// What the callers of `apply_async` and its kin hand over besides the call.
pub struct Wanted<'a, 'py> {
    callback: Option<&'a Bound<'py, PyAny>>,
    error_callback: Option<&'a Bound<'py, PyAny>>,
}

impl<'a, 'py> Wanted<'a, 'py> {
    /// As the result keeps it.
    fn told(&self) -> Told {
        [self.callback, self.error_callback].map(|given| given.map(|given| given.clone().unbind()))
    }

    /// What was given, `None` among it, is what is wanted.
    pub fn new(
        callback: Option<&'a Bound<'py, PyAny>>,
        error_callback: Option<&'a Bound<'py, PyAny>>,
    ) -> Wanted<'a, 'py> {
        let present = |given: Option<&'a Bound<'py, PyAny>>| given.filter(|given| !given.is_none());
        Wanted { callback: present(callback), error_callback: present(error_callback) }
    }
}

/// Makes the result of what was submitted, or of why it was not.
pub fn finish<'py>(
    through: Through<'_, 'py>,
    func: &Bound<'py, PyAny>,
    calls: Result<Calls, Refused>,
    wanted: &Wanted<'_, 'py>,
    chunksize: Option<usize>,
) -> PyResult<Bound<'py, AsyncResult>> {
    let py = func.py();
    let shared = through.core.get().shared()?;
    let calls = match calls {
        Ok(calls) => calls,
        Err(Refused::AtOnce(error)) => return Err(error),
        Err(Refused::Later(error)) => {
            // Made into an object here: whoever asks for it finds it under a mutex, where no Python code may run.
            let raised = error.value(py);
            if let Some(callback) = wanted.error_callback {
                run_callback(callback, raised.as_any());
            }
            return AsyncResult::failed(py, shared, error, chunksize).telling(wanted.told()).into_object(py);
        }
    };
    // A map of nothing is done at once; as in the standard library nobody is told.
    if calls.is_nothing() || (wanted.callback.is_none() && wanted.error_callback.is_none()) {
        return AsyncResult::running(shared, calls, through.pool, func, chunksize);
    }
    let result =
        AsyncResult::awaited(shared, calls.count(), chunksize).telling(wanted.told()).into_object(py)?;
    let then = Then {
        result: result.clone().unbind(),
        callback: wanted.callback.map(|callback| callback.clone().unbind()),
        error_callback: wanted.error_callback.map(|callback| callback.clone().unbind()),
        name: name_of(func),
    };
    watch(shared.callbacks(py)?, calls, then);
    Ok(result)
}

/// What is to be done when all calls of a result have their answers.
struct Then {
    result: Py<AsyncResult>,
    callback: Option<Py<PyAny>>,
    error_callback: Option<Py<PyAny>>,
    name: String,
}

impl Then {
    fn run(self, calls: Calls) {
        // All that it refers to goes while the interpreter is attached; else it would stay until the next callback is
        // run.
        Python::attach(move |py| {
            let then = self;
            let outcome = outcome_of(py, calls, &then.name);
            let result = then.result.bind(py);
            AsyncResult::set(result, &outcome);
            match (&outcome, &then.callback, &then.error_callback) {
                (Ok(value), Some(callback), _) => run_callback(callback.bind(py), value.bind(py)),
                (Err(error), _, Some(callback)) => run_callback(callback.bind(py), error.value(py).as_any()),
                _ => {}
            }
            result.get().announce();
        });
    }
}

fn run_callback(callback: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) {
    if let Err(error) = callback.call1((value,)) {
        error.write_unraisable(callback.py(), Some(callback));
    }
}

/// Has the callback thread do what is to be done when the last of the calls has its answer.
fn watch(callbacks: Arc<Callbacks>, calls: Calls, then: Then) {
    type Join = fn(Vec<RawCall>) -> Calls;
    let (calls, join): (_, Join) = match calls {
        Calls::One(call) => {
            callbacks.register(call, Box::new(move |call| then.run(Calls::One(call))));
            return;
        }
        Calls::Each(calls) => (calls, Calls::Each),
        Calls::Chunks(calls) => (calls, Calls::Chunks),
    };
    let places: Vec<Option<RawCall>> = calls.iter().map(|_| None).collect();
    let left = Arc::new(Mutex::new((calls.len(), places, Some(then))));
    for (index, call) in calls.into_iter().enumerate() {
        let left = Arc::clone(&left);
        callbacks.register(
            call,
            Box::new(move |call| {
                let mut all = locked(&left);
                all.1[index] = Some(call);
                all.0 -= 1;
                if let Some(then) = &all.2 {
                    then.result.get().leave(all.0);
                }
                if all.0 == 0 {
                    let calls = std::mem::take(&mut all.1).into_iter().flatten().collect();
                    let then = all.2.take();
                    drop(all);
                    if let Some(then) = then {
                        then.run(join(calls));
                    }
                }
            }),
        );
    }
}
