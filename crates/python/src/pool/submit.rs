//! Submitting calls and maps: which function, with its arguments plain or pickled, to whom.
//!
//! A map's elements go in chunks: integers packed, the steps of a `range` not at all (its bounds do), everything else
//! as one pickle per chunk. If something cannot be pickled, asking for the result raises that error, as in the standard
//! library; a pool that takes no calls says so at once.

use super::call::{Kind, Steps, Target};
use super::core::PoolCore;
use super::function::Called;
use crate::answer::{Calls, of_refusal};
use manyhands::executor::{PoolState, RawCall, SubmitError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// Why nothing was submitted: to be raised at once, or when the result is asked for.
pub enum Refused {
    AtOnce(PyErr),
    Later(PyErr),
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Refused {
        Refused::AtOnce(error)
    }
}

/// What calls go through: a core, and the pool or executor that has it, which results keep and errors name.
#[derive(Clone, Copy)]
pub struct Through<'a, 'py> {
    pub core: &'a Bound<'py, PoolCore>,
    pub pool: &'a Bound<'py, PyAny>,
}

/// What was submitted.
pub struct Submitted {
    pub calls: Calls,
    /// The function that is called.
    pub function: Called,
}

/// Of a function that will be called so many times.
fn target<'a, 'py>(
    through: Through<'a, 'py>,
    func: &Bound<'py, PyAny>,
    calls: usize,
) -> Result<(Target<'a>, Called), Refused> {
    let Through { core, pool } = through;
    let shared = core.get().shared()?;
    if shared.raw.state() != PoolState::Open {
        core.get().check_broken(core.py())?;
        return Err(PoolCore::refusal(pool).into());
    }
    shared.raw.look_after_supervisor();
    if let Some(_turn) = shared.turn_to_renew(calls) {
        shared.renew_template(core.py())?;
    }
    let number = shared.functions.number(core, &shared.raw, func)?;
    let (number, function) = number.map_err(|error| of_refusal(core.py(), error))?;
    Ok((Target { raw: &shared.raw, function: number, retries: shared.retries }, function))
}

fn submitted(py: Python<'_>, call: Result<RawCall, SubmitError>) -> Result<RawCall, Refused> {
    call.map_err(|error| Refused::AtOnce(of_refusal(py, error)))
}

/// The arguments of a call as a tuple.
pub fn arguments_of<'py>(py: Python<'py>, args: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyTuple>> {
    match args {
        None => Ok(PyTuple::empty(py)),
        Some(args) => match args.cast_exact::<PyTuple>() {
            Ok(args) => Ok(args.clone()),
            Err(_) => PyTuple::new(py, args.try_iter()?.collect::<PyResult<Vec<_>>>()?),
        },
    }
}

/// Submits `func(*args, **kwds)`.
pub fn submit_call<'py>(
    through: Through<'_, 'py>,
    func: &Bound<'py, PyAny>,
    args: Option<&Bound<'py, PyAny>>,
    kwds: Option<&Bound<'py, PyAny>>,
) -> Result<Submitted, Refused> {
    let py = func.py();
    let (target, function) = target(through, func, 1)?;
    let one = |call| Ok(Submitted { calls: Calls::One(submitted(py, call)?), function });
    let args = arguments_of(py, args)?;
    let kwds = match kwds.filter(|kwds| !kwds.is_none()) {
        Some(kwds) if kwds.len()? > 0 => Some(kwds),
        _ => None,
    };
    if target.function != 0
        && kwds.is_none()
        && let Some(call) = target.plain(&args)
    {
        return one(call);
    }
    let kwds = kwds.map_or_else(|| PyDict::new(py).into_any(), Bound::clone);
    let pickled = match target.function {
        0 => pickle_for(through.core, "dumps_call", &PyTuple::new(py, [func, args.as_any(), &kwds])?)?,
        _ => pickle_for(through.core, "dumps_arguments", &PyTuple::new(py, [args.as_any(), &kwds])?)?,
    };
    one(target.pickled(Kind::Pickled, &pickled))
}

/// Pickles with a method of Python's `Workers`; an error is the call's own.
fn pickle_for<'py>(
    core: &Bound<'py, PoolCore>,
    method: &str,
    what: &Bound<'py, PyTuple>,
) -> Result<crate::pickled::Pickled<'py>, Refused> {
    crate::pickled::pickle_by(&core.getattr(method)?, what).map_err(Refused::Later)
}

/// Submits `func(element)`, or `func(*element)`, for each element of a list or range.
pub fn submit_map<'py>(
    through: Through<'_, 'py>,
    func: &Bound<'py, PyAny>,
    elements: &Bound<'py, PyAny>,
    chunksize: usize,
    star: bool,
) -> Result<Submitted, Refused> {
    let py = func.py();
    let chunksize = chunksize.max(1);
    let (target, function) =
        target(through, func, elements.len().map_or(1, |length| length.div_ceil(chunksize)))?;
    let is_sent = target.function != 0 && !star;
    if is_sent
        && chunksize > 1
        && let Some(steps) = Steps::of(elements)
    {
        let chunks = steps.chunks(chunksize).map(|chunk| submitted(py, target.steps(&chunk)));
        return Ok(Submitted { calls: Calls::Chunks(chunks.collect::<Result<_, _>>()?), function });
    }
    let elements = match elements.cast::<PyList>() {
        Ok(elements) => elements.clone(),
        Err(_) => PyList::new(py, elements.try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
    };
    if is_sent && chunksize == 1 {
        return Ok(Submitted { calls: submit_each(through.core, &target, &elements)?, function });
    }
    let mut calls = Vec::with_capacity(elements.len() / chunksize + 1);
    for start in (0..elements.len()).step_by(chunksize) {
        let end = (start + chunksize).min(elements.len());
        calls.push(submit_part(through.core, &target, func, &elements, (start, end), star)?);
    }
    Ok(Submitted { calls: Calls::Chunks(calls), function })
}

/// Submits a part of a list as one call, whose result is the list of the function's results.
fn submit_part<'py>(
    core: &Bound<'py, PoolCore>,
    target: &Target<'_>,
    func: &Bound<'py, PyAny>,
    elements: &Bound<'py, PyList>,
    (start, end): (usize, usize),
    star: bool,
) -> Result<RawCall, Refused> {
    let py = core.py();
    if target.function != 0
        && !star
        && let Some(call) = target.ints(elements, start, end)
    {
        return submitted(py, call);
    }
    let chunk = elements.get_slice(start, end);
    let pickled = match target.function {
        0 => pickle_for(core, "dumps_call", &PyTuple::new(py, [func, chunk.as_any()])?)?,
        _ => pickle_for(core, "dumps_arguments", &PyTuple::new(py, [chunk.as_any()])?)?,
    };
    submitted(py, target.pickled(if star { Kind::Star } else { Kind::Chunk }, &pickled))
}

/// Submits all elements of a list as one call.
pub fn submit_list<'py>(
    through: Through<'_, 'py>,
    func: &Bound<'py, PyAny>,
    elements: &Bound<'py, PyList>,
    star: bool,
) -> Result<Submitted, Refused> {
    let (target, function) = target(through, func, 1)?;
    let call = submit_part(through.core, &target, func, elements, (0, elements.len()), star)?;
    Ok(Submitted { calls: Calls::One(call), function })
}

/// A call for each element.
fn submit_each<'py>(
    core: &Bound<'py, PoolCore>,
    target: &Target<'_>,
    elements: &Bound<'py, PyList>,
) -> Result<Calls, Refused> {
    let py = core.py();
    let mut calls = Vec::with_capacity(elements.len());
    for element in elements {
        let call = match target.one(&element) {
            Some(call) => call,
            None => {
                let arguments = PyTuple::new(py, [&element])?.into_any();
                let what = PyTuple::new(py, [arguments, PyDict::new(py).into_any()])?;
                target.pickled(Kind::Pickled, &pickle_for(core, "dumps_arguments", &what)?)
            }
        };
        calls.push(submitted(py, call)?);
    }
    Ok(Calls::Each(calls))
}
