//! What a pool and its results have in common: the engine's pool, and the process that starts its workers.
//!
//! A supervisor starts the workers and replaces those that die: a template forked from this process, or this process's
//! zygote. The engine has a killed one replaced by a thread that submits or waits; the new one counts the workers that
//! there are. The callback thread is made when the first callback is registered.

use super::function::Functions;
use super::renewal::Renewal;
use crate::answer::of_refusal;
use crate::child::Start;
use crate::errors::from_start;
use manyhands::arena::ProcessId;
use manyhands::executor::{Callbacks, RawPool};
use manyhands::platform::Deadline;
use manyhands::spawn::{Inheritance, Predecessor, Refusal, StartError, Supervisor, zygote_of};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a supervisor that has nothing left to do is waited for.
const GOING: Duration = Duration::from_secs(10);

/// Why a pool gets no more workers of which only results are left.
const NOBODYS: &str = "the pool is nobody's any more, only its results are";

/// How many zygotes in a row may end before they answer.
const ATTEMPTS: u32 = 2;

/// The process that starts the pool's workers.
pub enum Supervised {
    NotYet,
    ByTemplate(Arc<Supervisor>),
    ByZygote(Arc<Supervisor>, Arc<Hiring>),
    GivenUp,
}

/// What fresh workers of a pool are started with, however late.
pub struct Hiring {
    start: Start,
    /// What they inherit: that of the moment when the pool was made.
    inheritance: Inheritance,
}

impl Hiring {
    /// Of a pool that is being made.
    pub fn now(start: Start) -> PyResult<Arc<Hiring>> {
        let inheritance = Inheritance::now(start.name()).map_err(from_start)?;
        Ok(Arc::new(Hiring { start, inheritance }))
    }
}

/// What a pool and its results have in common.
pub struct Shared {
    pub raw: RawPool,
    pub functions: Functions,
    pub retries: u32,
    pub workers: usize,
    pub kept: Mutex<Supervised>,
    pub renewal: Renewal,
    pub callbacks: Mutex<Option<Arc<Callbacks>>>,
    kept_alive: Mutex<KeptAlive>,
    /// The pool's core, as long as somebody has it.
    core: Py<PyWeakrefReference>,
}

/// Keeps a pool alive while results of its are to come.
///
/// The reference stands here once and not in each result. There the collector of cycles would have to look at a million
/// results. If it did not look, it would never let the names of the main module go at the program's end.
#[derive(Default)]
enum KeptAlive {
    #[default]
    Nobody,
    By(usize, Py<PyAny>),
    /// It has ended, and needs to be kept no longer.
    Ended,
}

/// A mutex that is never held while Python code runs.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops what such a mutex keeps, outside of it.
pub fn emptied<T: Default>(mutex: &Mutex<T>) {
    let kept = mutex.try_lock().map(|mut kept| std::mem::take(&mut *kept));
    drop(kept);
}

impl Shared {
    /// Of a pool that nobody starts workers for yet.
    pub fn new(raw: RawPool, retries: u32, workers: usize, core: &Bound<'_, PyAny>) -> PyResult<Arc<Shared>> {
        let shared = Arc::new(Shared {
            raw,
            functions: Functions::default(),
            retries,
            workers,
            kept: Mutex::new(Supervised::NotYet),
            renewal: Renewal::default(),
            callbacks: Mutex::new(None),
            kept_alive: Mutex::default(),
            core: PyWeakrefReference::new(core)?.unbind(),
        });
        let again = Arc::downgrade(&shared);
        shared.raw.replace_supervisor_by(move |before| {
            let shared = again.upgrade().ok_or(NOBODYS)?;
            Python::attach(|py| shared.replace_supervisor(py, before).map_err(|error| error.to_string()))
        });
        Ok(shared)
    }

    /// Keeps the pool alive for one result that is to come, until `no_longer_to_come`.
    #[inline]
    pub fn keep_alive(&self, pool: &Bound<'_, PyAny>) {
        match &mut *locked(&self.kept_alive) {
            KeptAlive::By(results, _) => *results += 1,
            nobody @ KeptAlive::Nobody => *nobody = KeptAlive::By(1, pool.clone().unbind()),
            KeptAlive::Ended => {}
        }
    }

    /// One result that the pool was kept alive for is there, or nobody wants it any more.
    #[inline]
    pub fn no_longer_to_come(&self) {
        let mut kept_alive = locked(&self.kept_alive);
        let KeptAlive::By(results, _) = &mut *kept_alive else { return };
        *results -= 1;
        if *results == 0
            && let KeptAlive::By(_, pool) = std::mem::take(&mut *kept_alive)
        {
            drop(kept_alive);
            // May run Python code, such as the pool's end.
            drop(pool);
        }
    }

    /// The pool has ended: results that are to come do not need it.
    pub fn let_go(&self) {
        let before = std::mem::replace(&mut *locked(&self.kept_alive), KeptAlive::Ended);
        drop(before);
    }

    /// Has another supervisor take the place of one that has died: a zygote, which one; or a template, which says so
    /// itself.
    fn replace_supervisor(&self, py: Python<'_>, before: Predecessor) -> PyResult<Option<ProcessId>> {
        let Some((lost, hiring)) = self.lost_hiring() else {
            return self.renew_template(py).map(|()| None);
        };
        lost.end();
        let supervisor = keep_by_zygote(py, &self.raw, Some(before), &hiring)?;
        let number = supervisor.slot();
        *locked(&self.kept) = Supervised::ByZygote(supervisor, hiring);
        Ok(Some(number))
    }

    /// The zygote that is lost, and what the pool's workers are started with.
    fn lost_hiring(&self) -> Option<(Arc<Supervisor>, Arc<Hiring>)> {
        match &*locked(&self.kept) {
            Supervised::ByZygote(supervisor, hiring) => Some((Arc::clone(supervisor), Arc::clone(hiring))),
            Supervised::NotYet | Supervised::ByTemplate(_) | Supervised::GivenUp => None,
        }
    }

    /// Forks a template of this process as it is now. The caller has the turn.
    pub fn renew_template(&self, py: Python<'_>) -> PyResult<()> {
        let core = self.core.bind(py).upgrade().ok_or_else(|| PyRuntimeError::new_err(NOBODYS))?;
        core.call_method0("renew_template")?;
        self.functions.check(&core)
    }

    /// The supervisor is to look at what the pool wants now.
    pub fn nudge_supervisor(&self) {
        match &*locked(&self.kept) {
            Supervised::ByTemplate(supervisor) => supervisor.look(),
            Supervised::ByZygote(supervisor, _) => supervisor.look(),
            Supervised::NotYet | Supervised::GivenUp => {}
        }
    }

    /// The pool takes no more calls: its supervisor ends after the last worker.
    pub fn dismiss_supervisor(&self) {
        match &*locked(&self.kept) {
            Supervised::ByTemplate(supervisor) => supervisor.dismiss(),
            Supervised::ByZygote(supervisor, _) => supervisor.look(),
            Supervised::NotYet | Supervised::GivenUp => {}
        }
    }

    /// All workers have ended: the supervisor is waited for, and its status taken.
    pub fn forget_supervisor(&self) {
        let kept = std::mem::replace(&mut *locked(&self.kept), Supervised::GivenUp);
        if let Supervised::ByTemplate(supervisor) = &kept
            && let Some(until) = Deadline::after(GOING)
        {
            supervisor.dismiss();
            // One that is stopped, say, is reaped later.
            supervisor.wait_ended(until);
            self.renewal.wait_for_earlier(until);
        }
    }

    /// The callback thread.
    pub fn callbacks(&self, py: Python<'_>) -> PyResult<Arc<Callbacks>> {
        let mut callbacks = locked(&self.callbacks);
        if let Some(callbacks) = &*callbacks {
            return Ok(Arc::clone(callbacks));
        }
        let made = Arc::new(Callbacks::new(&self.raw).map_err(|error| of_refusal(py, error))?);
        *callbacks = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The callback thread may be about to ask for the interpreter lock, which this thread may hold.
        if let Some(callbacks) = locked(&self.callbacks).take() {
            Python::attach(|py| py.detach(|| drop(callbacks)));
        }
    }
}

/// Has this process's zygote start the workers, in the place of the supervisor that the pool had before.
pub fn keep_by_zygote(
    py: Python<'_>,
    raw: &RawPool,
    before: Option<Predecessor>,
    hiring: &Hiring,
) -> PyResult<Arc<Supervisor>> {
    hiring.start.with(true, |program, order| {
        py.detach(|| {
            for _ in 0..ATTEMPTS {
                let supervisor = zygote_of(program, order.name)?;
                match supervisor.keep_ordered(before.clone(), raw.handle(), order, Some(&hiring.inheritance))
                {
                    Ok(()) => return Ok(supervisor),
                    Err(Refusal::Failed(error)) => return Err(error),
                    // Killed since it was last used: once more with a new one.
                    Err(Refusal::Lost) => {}
                }
            }
            Err(StartError::ZygoteLost { name: order.name.to_owned(), times: ATTEMPTS })
        })
        .map_err(from_start)
    })
}
