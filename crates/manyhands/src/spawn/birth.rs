//! How a supervisor makes a child.
//!
//! A process that another process asked for becomes the asker's child, so that `getppid` and `waitpid` are right there.
//! Where no fork handlers are needed, that is a raw clone with CLONE_PARENT. Otherwise it is two glibc forks, whose
//! grandchild falls to the asker as the nearest subreaper. A pool's worker is the supervisor's own child, which the
//! supervisor reaps. In every case the child takes its slot first, then runs the after-fork hooks.

use crate::arena::{Arena, ProcessId, ProcessState, by_hand};
use crate::platform::fork::{Side, clone_sibling, fork_plain};
use crate::platform::process::{end_at_once, getpid, getppid};
use crate::platform::{descriptor, image, pidfd};
use std::io;

/// What an interpreter must do around a fork, and whether the bare system call will do.
pub trait Forking {
    /// Before each fork.
    fn before(&mut self) {}
    /// After it, in the supervisor.
    fn in_parent(&mut self) {}
    /// After it, in the child.
    fn in_child(&mut self) {}
    /// Whether a child may be cloned without running fork handlers: the supervisor has one thread, and nothing is
    /// loaded that registers any.
    fn may_clone_raw(&self) -> bool;
}

/// What was loaded when the supervisor began, to see what has come since.
#[derive(Debug)]
pub struct Loaded {
    count: u64,
    libraries: Vec<String>,
}

impl Loaded {
    /// What is loaded now.
    pub fn now() -> Loaded {
        Loaded { count: image::libraries_loaded(), libraries: image::libraries() }
    }

    /// The files that are loaded now.
    pub fn libraries(&self) -> &[String] {
        &self.libraries
    }

    /// Whether all that was loaded since is `harmless`.
    pub fn only_since(&self, harmless: impl Fn(&str) -> bool) -> bool {
        image::libraries_loaded() == self.count
            || image::libraries().iter().all(|file| self.libraries.contains(file) || harmless(file))
    }
}

/// Whether the calling process has one thread.
pub fn is_single_threaded() -> bool {
    crate::platform::thread::is_only_one()
}

/// Makes a child of `requester`, the supervisor's own parent.
pub(super) fn sibling(
    arena: &'static Arena,
    slot: ProcessId,
    requester: u32,
    forking: &mut dyn Forking,
) -> io::Result<Side> {
    if getppid() != requester {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    let side = if forking.may_clone_raw() && is_single_threaded() {
        by_clone(arena, slot, requester, forking)
    } else {
        by_two_forks(arena, slot, requester, forking)
    }?;
    if let Side::Parent(pid) = side {
        // From here on it has its place in the table, whatever happens to the requester: the reaper knows what to do.
        // (It may have taken it itself, and ended, and be swept.) Had the requester ended before, its end could have
        // been dealt with without this child.
        arena.adopt_slot_for(slot, pid);
        if getppid() != requester {
            // Its new parent may have reaped it by now.
            if let Ok(pidfd) = pidfd::PidFd::open(pid)
                && arena.is_member(&pidfd)
            {
                let _ = pidfd.signal(libc::SIGKILL);
            }
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(side)
}

/// Makes a child of the supervisor.
pub(super) fn own_child(
    arena: &'static Arena,
    slot: ProcessId,
    forking: &mut dyn Forking,
) -> io::Result<Side> {
    let supervisor = getpid();
    forking.before();
    arena.share_all_with(slot);
    // SAFETY: a supervisor has no thread that could hold a lock: it waits in this one.
    let side = by_hand(|| unsafe { fork_plain() });
    finish(arena, slot, supervisor, forking, side)
}

fn by_clone(
    arena: &'static Arena,
    slot: ProcessId,
    requester: u32,
    forking: &mut dyn Forking,
) -> io::Result<Side> {
    forking.before();
    arena.share_all_with(slot);
    // SAFETY: one thread, and no handlers needed, as was just asked.
    let side = unsafe { clone_sibling() };
    finish(arena, slot, requester, forking, side)
}

fn finish(
    arena: &'static Arena,
    slot: ProcessId,
    parent: u32,
    forking: &mut dyn Forking,
    side: io::Result<Side>,
) -> io::Result<Side> {
    match side {
        Ok(Side::Child) => {
            settle(arena, slot, parent);
            forking.in_child();
        }
        Ok(Side::Parent(_)) | Err(_) => forking.in_parent(),
    }
    side
}

/// In the child: takes its slot, or ends when nobody wants it any more.
fn settle(arena: &'static Arena, slot: ProcessId, parent: u32) {
    let wanted = arena.process_state(slot) == Some(ProcessState::Alive) || getppid() == parent;
    if !wanted || arena.adopt_slot(slot).is_err() {
        // Nothing of the supervisor's is flushed twice.
        end_at_once(255);
    }
}

fn by_two_forks(
    arena: &'static Arena,
    slot: ProcessId,
    requester: u32,
    forking: &mut dyn Forking,
) -> io::Result<Side> {
    let (answers, answer_to) = descriptor::pipe()?;
    let (may_go, go) = descriptor::pipe()?;
    forking.before();
    arena.share_all_with(slot);
    // SAFETY: a supervisor has no thread that could hold a lock: it waits in this one.
    match by_hand(|| unsafe { fork_plain() }) {
        Err(error) => {
            forking.in_parent();
            Err(error)
        }
        Ok(Side::Child) => {
            // SAFETY: a forked child with one thread.
            match by_hand(|| unsafe { fork_plain() }) {
                Ok(Side::Child) => {}
                second => {
                    let answer = match second {
                        Ok(Side::Parent(pid)) => i64::from(pid),
                        Err(error) => -i64::from(error.raw_os_error().unwrap_or(libc::EAGAIN)),
                        Ok(Side::Child) => 0,
                    };
                    descriptor::write(&answer_to, &answer.to_ne_bytes());
                    end_at_once(0);
                }
            }
            drop((answers, answer_to, go));
            // Open until the process between is gone, so that the parent is the requester from here on.
            let _ = descriptor::read_fully(&may_go, &mut [0; 1]);
            settle(arena, slot, requester);
            forking.in_child();
            Ok(Side::Child)
        }
        Ok(Side::Parent(between)) => {
            forking.in_parent();
            drop((answer_to, may_go));
            let mut answer = [0; 8];
            let heard = descriptor::read_fully(&answers, &mut answer);
            wait_for(between);
            drop(go);
            heard?;
            match i64::from_ne_bytes(answer) {
                pid if pid > 0 => Ok(Side::Parent(pid as u32)),
                errno => Err(io::Error::from_raw_os_error(-errno as i32)),
            }
        }
    }
}

fn wait_for(child: u32) {
    let Ok(process) = pidfd::PidFd::open(child) else { return };
    while process.wait_dead(None).is_err() {}
    let _ = pidfd::reap(child);
}
