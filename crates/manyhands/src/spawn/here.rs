//! What the calling process knows of its helpers: zygotes and supervisors that it gave up, the reaper, and whether
//! orphans are to fall to it.
//!
//! A fork's child has none of these ([`Own`]). The children that the program asked for are in
//! [`children`](super::children).

use super::own::{Own, locked};
use super::request::Predecessor;
use crate::arena::ProcessId;
use crate::platform::atomic::AtomicU32;
use crate::platform::pidfd::{self, PidFd};
use crate::platform::process::{self, getpid};
use crate::platform::{orphan, stat};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The record of one process.
#[derive(Default)]
pub(super) struct Here {
    /// How many processes were named by number.
    pub(super) named: AtomicU32,
    /// Helpers that were given up and whose status has not been taken.
    helpers: Mutex<Vec<(u32, PidFd)>>,
    reaper: Mutex<Option<(ProcessId, Arc<PidFd>)>>,
    /// Reapers that are children of this process and were not reaped.
    hidden: Mutex<Vec<u32>>,
    adopting: Mutex<Adopting>,
}

#[derive(Default)]
struct Adopting {
    requests: u32,
    was_subreaper: bool,
}

static HERE: Own<Here> = Own::new();

/// The calling process's record.
pub(super) fn here() -> &'static Here {
    HERE.get()
}

impl Here {
    /// Reaps what has ended of hidden children and of helpers that were given up.
    pub(super) fn reap(&self) {
        self.reap_hidden();
        locked(&self.helpers).retain(|(pid, pidfd)| {
            if pidfd.is_dead() {
                let _ = pidfd::reap(*pid);
                return false;
            }
            true
        });
    }

    pub(super) fn reaper(&self) -> MutexGuard<'_, Option<(ProcessId, Arc<PidFd>)>> {
        locked(&self.reaper)
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
            && stat::parent_and_end(pid).is_some_and(|(parent, _)| parent == getpid())
    }

    /// Takes charge of the workers that a supervisor has left, as far as they have become children of this process.
    pub(super) fn adopt(&self, left: &Predecessor) {
        for &(_, pid) in &left.workers {
            if let Ok(pidfd) = PidFd::open(pid)
                && stat::parent_and_end(pid).is_some_and(|(parent, _)| parent == getpid())
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
