//! The engine of a pool of worker processes.
//!
//! A worker is this program, started by its zygote, running functions of it: function items and closures that capture
//! nothing travel as places in the program, arguments and results by serde. A worker that dies costs the call that it
//! ran and is replaced. Dropping the pool waits until all is done.

use super::answered::take_carried;
use super::raw_pool::{NewCall, PoolPlan, RawPool};
use super::slot::INLINE;
use super::worker::Worker;
use crate::arena::{self, Handle, Role};
use crate::executor::engine::{Engine, sealed};
use crate::executor::errors::{PoolError, SubmitError};
use crate::executor::state::PoolStatistics;
use crate::spawn::entry::Trampoline;
use crate::spawn::{
    Entry, Inheritance, Instruction, Order, Predecessor, Refusal, Share, StartError, Supervisor, entry,
    zygote,
};
use crate::sync::Blocking;
use serde::Serialize;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

const SIGKILL: i32 = 9;
/// How many zygotes in a row may end before the pool's first worker runs.
const ATTEMPTS: u32 = 3;

/// Worker processes, as the engine of a [`Pool`](crate::Pool): calls are functions of the program, arguments and
/// results travel by serde.
pub struct Processes {
    pub(super) raw: RawPool,
    supervisor: Arc<Mutex<Arc<Supervisor>>>,
    pub(super) retries: u32,
}

/// What a pool of processes is to be.
pub(in crate::executor) struct ProcessesPlan<'a> {
    pub(in crate::executor) workers: usize,
    pub(in crate::executor) calls_per_worker: Option<NonZeroU32>,
    pub(in crate::executor) retries: u32,
    pub(in crate::executor) name: &'a str,
}

impl Processes {
    pub(in crate::executor) fn start(plan: &ProcessesPlan<'_>) -> Result<Processes, PoolError> {
        let prefix = format!("{}-", plan.name);
        let raw_plan = PoolPlan {
            workers: plan.workers,
            calls_per_worker: plan.calls_per_worker,
            worker_prefix: &prefix,
        };
        let raw = RawPool::new(&raw_plan)?;
        let inheritance = Inheritance::now(plan.name)?;
        let first = hire(plan.name, raw.handle(), &inheritance, None)?;
        let number = first.slot();
        let supervisor = Arc::new(Mutex::new(first));
        let (current, handle, name) = (Arc::clone(&supervisor), raw.handle(), plan.name.to_owned());
        raw.replace_supervisor_by(move |before| {
            current.lock().unwrap_or_else(PoisonError::into_inner).end();
            let hired = hire(&name, handle, &inheritance, Some(before)).map_err(|error| error.to_string())?;
            let number = hired.slot();
            *current.lock().unwrap_or_else(PoisonError::into_inner) = hired;
            Ok(Some(number))
        });
        raw.set_supervisor(number);
        Ok(Processes { raw, supervisor, retries: plan.retries })
    }
}

/// Has this process's zygote keep a pool's workers, which inherit what they would have when the pool was made, in the
/// place of the supervisor that it had before.
fn hire(
    name: &str,
    pool: Handle,
    inheritance: &Inheritance,
    before: Option<Predecessor>,
) -> Result<Arc<Supervisor>, StartError> {
    let in_pool = |source| StartError::Entry { name: name.to_owned(), source };
    let entry = Entry::of(work_for).map_err(in_pool)?;
    let payload = entry.written(&entry::arguments(&pool).expect("two numbers can always be written"));
    let (role, share) = (Role::Worker, Share::These(&[]));
    let order = Order { name, role, payload: Instruction::entry(&payload), descriptors: &[], share };
    for _ in 0..ATTEMPTS {
        let supervisor = zygote(name)?;
        match supervisor.keep_ordered(before.clone(), pool, &order, Some(inheritance)) {
            Ok(()) => return Ok(supervisor),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Lost) => {}
        }
    }
    Err(StartError::ZygoteLost { name: name.to_owned(), times: ATTEMPTS })
}

/// A worker's life.
fn work_for(pool: Handle) {
    // A pool that is gone needs no worker.
    let Ok(worker) = Worker::enlist(pool) else { return };
    // The same function is mostly called many times.
    let mut known: Option<(u64, Trampoline)> = None;
    worker.work(&Blocking, &mut |request| {
        if let Some(refusal) = request.take_refusal() {
            let (expected, reason) = ("what the function takes".to_owned(), refusal.to_string());
            let refused = entry::failed(&entry::Failure::Arguments { expected, reason });
            // A small answer needs no memory.
            if request.answer(0, &[&refused]).is_err() {
                let _ = request.answer(0, &[&refused[..refused.len().min(INLINE)]]);
            }
            return;
        }
        let function = match known {
            Some((number, function)) if number == request.function => Ok(function),
            _ => Entry::of_number(request.function).and_then(Entry::trampoline),
        };
        known = function.as_ref().ok().map(|function| (request.function, *function));
        let answer = function.map(|function| function(request.arguments()));
        let answer = answer.unwrap_or_else(|error| entry::failed(&unknown(&error.to_string())));
        let carried = take_carried();
        if let Err(error) = request.answer_naming(0, &[&answer], &carried.objects) {
            // A small answer needs no memory.
            let refused = entry::failed(&unknown(&error.to_string()));
            let _ = request.answer(0, &[&refused[..refused.len().min(INLINE)]]);
        }
    });
}

fn unknown(reason: &str) -> entry::Failure {
    entry::Failure::Result { given: "call".to_owned(), reason: reason.to_owned() }
}

impl Processes {
    fn notify_supervisor(&self) {
        self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).look();
    }
}

impl sealed::Sealed for Processes {}

impl Engine for Processes {
    fn close(&self) {
        self.raw.close();
        self.notify_supervisor();
    }

    fn terminate(&self) {
        self.raw.terminate();
        self.notify_supervisor();
        self.raw.signal_workers(SIGKILL);
    }

    fn statistics(&self) -> PoolStatistics {
        self.raw.statistics()
    }
}

/// Writes a call's arguments, and hands the call to `submit`.
#[inline]
pub(super) fn with_call<A: Serialize, R>(
    entry: Entry,
    retries: u32,
    argument: &A,
    submit: impl FnOnce(&NewCall<'_>) -> Result<R, SubmitError>,
) -> Result<R, SubmitError> {
    let (arguments, objects) = arena::collect(|| entry::arguments(argument));
    let arguments = arguments.map_err(SubmitError::Arguments)?;
    submit(&NewCall {
        function: entry.number(),
        tag: 0,
        arguments: &[&arguments],
        retries,
        objects: &objects,
    })
}

impl Drop for Processes {
    fn drop(&mut self) {
        // In a fork's child this is a copy, and the pool is the parent's.
        if !self.raw.is_own() {
            return;
        }
        self.close();
        while self.raw.join(None, &Blocking).is_err() {}
        self.raw.finish_callbacks();
    }
}
