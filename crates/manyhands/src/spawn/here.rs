//! What the calling process knows of its own children and helpers.
//!
//! A fork's child must not take its parent's children, zygote or reaper for its own, nor find a lock held by a thread
//! that it has not got. So the record is keyed by pid: a process that finds another's makes a fresh one and leaves the
//! old.

use super::handover::Program;
use super::inherit::Standing;
use super::request::Predecessor;
use super::started::Started;
use super::supervisor::Supervisor;
use crate::arena::ProcessId;
use crate::platform::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::platform::pidfd::{self, PidFd};
use crate::platform::process::{self, getpid};
use crate::platform::{orphan, stat};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The record of one process.
pub(super) struct Here {
    pid: u32,
    /// How many processes were named by number.
    pub(super) named: AtomicU32,
    zygotes: Mutex<Vec<Zygote>>,
    children: Mutex<Vec<Arc<Started>>>,
    /// Helpers that were given up and whose status has not been taken.
    helpers: Mutex<Vec<(u32, PidFd)>>,
    reaper: Mutex<Option<(ProcessId, Arc<PidFd>)>>,
    /// Reapers that are children of this process and were not reaped.
    hidden: Mutex<Vec<u32>>,
    adopting: Mutex<Adopting>,
}

/// A zygote of this process: what it executes, and with which standing it was made.
pub(super) struct Zygote {
    pub(super) program: Program,
    pub(super) standing: Standing,
    pub(super) supervisor: Arc<Supervisor>,
}

#[derive(Default)]
struct Adopting {
    requests: u32,
    was_subreaper: bool,
}

static HERE: AtomicPtr<Here> = AtomicPtr::new(std::ptr::null_mut());

/// The calling process's record, if it has one.
pub(super) fn present() -> Option<&'static Here> {
    // SAFETY: null, or a record that was leaked by `here` and is never freed.
    let record = unsafe { HERE.load(Ordering::Acquire).as_ref() };
    record.filter(|record| record.pid == getpid())
}

/// The calling process's record.
pub(super) fn here() -> &'static Here {
    let pid = getpid();
    let mut seen = HERE.load(Ordering::Acquire);
    loop {
        // SAFETY: null, or a record that was leaked below and is never freed.
        if let Some(record) = unsafe { seen.as_ref() }
            && record.pid == pid
        {
            return record;
        }
        let fresh = Box::into_raw(Box::new(Here::new(pid)));
        match HERE.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => seen = fresh,
            Err(now) => {
                // SAFETY: made above and shown to nobody.
                drop(unsafe { Box::from_raw(fresh) });
                seen = now;
            }
        }
    }
}

/// A lock's content, whatever a panic left there: each holder leaves it whole at every step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Here {
    fn new(pid: u32) -> Here {
        Here {
            pid,
            named: AtomicU32::new(0),
            zygotes: Mutex::default(),
            children: Mutex::default(),
            helpers: Mutex::default(),
            reaper: Mutex::default(),
            hidden: Mutex::default(),
            adopting: Mutex::default(),
        }
    }

    /// The zygotes, at most one of each program.
    pub(super) fn zygotes(&self) -> MutexGuard<'_, Vec<Zygote>> {
        locked(&self.zygotes)
    }

    pub(super) fn reaper(&self) -> MutexGuard<'_, Option<(ProcessId, Arc<PidFd>)>> {
        locked(&self.reaper)
    }

    /// Takes charge of a child until it has been reaped.
    pub(super) fn add_child(&self, child: &Arc<Started>) {
        locked(&self.children).push(Arc::clone(child));
    }

    /// The children that have not ended; those that have are reaped.
    pub(super) fn children(&self) -> Vec<Arc<Started>> {
        let mut children = locked(&self.children);
        children.retain(|child| child.status().is_none());
        children.clone()
    }

    /// Reaps what has ended: children that nobody joined, helpers that were given up.
    pub(super) fn reap(&self) {
        self.children();
        self.reap_hidden();
        locked(&self.helpers).retain(|(pid, pidfd)| {
            if pidfd.is_dead() {
                let _ = pidfd::reap(*pid);
                return false;
            }
            true
        });
    }

    /// A helper that was given up: it is reaped when it has ended.
    pub(super) fn add_helper(&self, pid: u32, pidfd: PidFd) {
        locked(&self.helpers).push((pid, pidfd));
        self.reap();
    }

    /// A child that no wait of the program's sees: it is reaped here when it has ended.
    pub(super) fn add_hidden(&self, pid: u32) {
        locked(&self.hidden).push(pid);
    }

    /// Reaps the hidden children that have ended.
    pub(super) fn reap_hidden(&self) {
        // Nobody else knows them, so a number is theirs until they are reaped.
        locked(&self.hidden).retain(|pid| !pidfd::reap_hidden(*pid));
    }

    /// Whether a process is a child of this one that the program sees though it did not make it: an orphan that fell to
    /// it.
    pub(super) fn is_burdened_by(&self, pid: u32) -> bool {
        orphan::would_fall_to_caller()
            && !locked(&self.hidden).contains(&pid)
            && stat::parent_and_end(pid).is_some_and(|(parent, _)| parent == self.pid)
    }

    /// Takes charge of the workers that a supervisor has left, as far as they have become children of this process.
    pub(super) fn adopt(&self, left: &Predecessor) {
        for &(_, pid) in &left.workers {
            if let Ok(pidfd) = PidFd::open(pid)
                && stat::parent_and_end(pid).is_some_and(|(parent, _)| parent == self.pid)
            {
                self.add_helper(pid, pidfd);
            }
        }
    }

    /// Runs `request` while orphans of this process's descendants fall to this process, as the children that a
    /// supervisor makes by two forks must.
    pub(super) fn while_adopting<R>(&self, request: impl FnOnce() -> R) -> io::Result<R> {
        {
            let mut adopting = locked(&self.adopting);
            if adopting.requests == 0 {
                adopting.was_subreaper = process::is_subreaper()?;
                if !adopting.was_subreaper {
                    process::set_subreaper(true)?;
                }
            }
            adopting.requests += 1;
        }
        let result = request();
        let mut adopting = locked(&self.adopting);
        adopting.requests -= 1;
        if adopting.requests == 0 && !adopting.was_subreaper {
            process::set_subreaper(false)?;
        }
        Ok(result)
    }
}
