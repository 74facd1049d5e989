//! Forks of the calling process itself: a child, or a template from which a pool's workers are cloned.
//!
//! For interpreters, whose `fork` start method this is: the hooks around the fork are theirs ([`Forking`]). A template
//! is forked when its pool is made, and may be followed by another one whenever its program submits: nobody but the
//! program's own threads can fork it.

use super::birth::Forking;
use super::children;
use super::error::StartError;
use super::reaper;
use super::request::Order;
use super::serve::Requester;
use super::started::{Room, Started};
use super::supervisor::{Supervisor, claim};
use crate::arena::{Arena, ProcessId, Role, next_child};
use crate::platform::fork::{Side, fork_plain};
use crate::platform::message;
use std::sync::Arc;

/// Which side of [`fork_process`] the caller is on.
#[derive(Debug)]
pub enum Forked {
    /// The process that asked: its child.
    Parent(Arc<Started>),
    /// The child; it has taken this slot.
    Child(ProcessId),
}

/// Which side of [`fork_supervisor`] the caller is on.
#[derive(Debug)]
pub enum ForkedSupervisor {
    /// The process that asked: its supervisor.
    Parent(Supervisor),
    /// The supervisor, which should call [`super::serve`] at once.
    Child(Requester),
}

/// Forks the calling process. The payload of the order is not used: the child has a copy of everything.
///
/// # Errors
/// When the system refuses.
///
/// # Safety
/// As [`super::Builder::fork`].
pub unsafe fn fork_process(order: &Order<'_>, forking: &mut dyn Forking) -> Result<Forked, StartError> {
    let name = order.name;
    let arena = Arena::get().map_err(StartError::arena(name))?;
    children::reap();
    // Best effort: waiters sweep themselves while there is no reaper.
    let _ = reaper::ensure(arena);
    let room = Room::reserve().map_err(StartError::system(name, "opening a descriptor of the process"))?;
    let slot = claim(arena, order)?;
    // SAFETY: the caller's promise.
    match unsafe { fork(slot, forking) } {
        Ok(Side::Child) => Ok(Forked::Child(slot)),
        Ok(Side::Parent(pid)) => {
            arena.adopt_slot_for(slot, pid);
            reaper::note_started(arena);
            Started::new(name.to_owned(), slot, order.role, pid, room)
                .map(|started| Forked::Parent(Arc::new(started)))
                .map_err(StartError::system(name, "opening a descriptor of the process"))
        }
        Err(error) => {
            arena.abandon_slot(slot);
            Err(StartError::system(name, "fork")(error))
        }
    }
}

/// Forks the calling process as a supervisor.
///
/// # Errors
/// When the system refuses.
///
/// # Safety
/// As [`super::Builder::fork`].
pub unsafe fn fork_supervisor(name: &str, forking: &mut dyn Forking) -> Result<ForkedSupervisor, StartError> {
    let arena = Arena::get().map_err(StartError::arena(name))?;
    let myself = crate::arena::this_process().map_err(StartError::arena(name))?;
    let (near, far) = message::pair().map_err(StartError::system(name, "making a socket pair"))?;
    let requester = Requester::myself(far, myself)
        .map_err(StartError::system(name, "opening a descriptor of the process"))?;
    // Best effort, as above.
    let _ = reaper::ensure(arena);
    let slot = arena.claim_process(name, Role::Supervisor).map_err(StartError::arena(name))?;
    // SAFETY: the caller's promise.
    match unsafe { fork(slot, forking) } {
        Ok(Side::Child) => {
            drop(near);
            Ok(ForkedSupervisor::Child(requester))
        }
        Ok(Side::Parent(pid)) => Supervisor::new(pid, slot, near)
            .map(ForkedSupervisor::Parent)
            .map_err(StartError::system(name, "opening a descriptor of the process")),
        Err(error) => {
            arena.abandon_slot(slot);
            Err(StartError::system(name, "fork")(error))
        }
    }
}

/// # Safety
/// As [`super::Builder::fork`].
unsafe fn fork(slot: ProcessId, forking: &mut dyn Forking) -> std::io::Result<Side> {
    forking.before();
    next_child(slot);
    // SAFETY: the caller's promise.
    let side = unsafe { fork_plain() };
    match side {
        Ok(Side::Child) => forking.in_child(),
        Ok(Side::Parent(_)) | Err(_) => forking.in_parent(),
    }
    side
}
