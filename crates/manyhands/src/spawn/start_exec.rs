//! The start method that executes the program once more for each process.
//!
//! Slower than a zygote by an order of magnitude and independent of it. Nothing is shared with another child, and
//! whatever an exec inherits is inherited by nature (user, limits, namespaces). The child is diverted before `main`
//! like a zygote and reads one request instead of serving.

use super::error::StartError;
use super::handover::{Part, Program, launch};
use super::reaper;
use super::request::{self, Bequest, Command, FEW, Order, Reply};
use super::started::{Room, Started};
use super::supervisor::{SENDING, claim, is_gone};
use crate::arena::Arena;
use crate::platform::{process, signal};
use crate::sync::Blocking;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Executes `program` as the process that `order` describes, a child of the calling one.
///
/// # Errors
/// When it cannot be executed, or its request cannot be sent.
pub fn start(program: &Program, order: &Order<'_>) -> Result<Arc<Started>, StartError> {
    let name = order.name;
    let arena = Arena::get().map_err(StartError::arena(name))?;
    let bequest = Bequest::capture().map_err(StartError::system(name, "reading /proc"))?;
    // Best effort: waiters sweep themselves while there is no reaper.
    let _ = reaper::ensure(arena);
    let room = Room::reserve().map_err(StartError::system(name, "opening a descriptor of the process"))?;
    let slot = claim(arena, order)?;
    let give_up = |action: &'static str, error| {
        arena.abandon_slot(slot);
        StartError::system(name, action)(error)
    };
    let (pid, socket) = launch(arena, slot, program, Part::Process, signal::blocked())
        .map_err(|error| give_up("executing the program", error))?;
    let started = Started::new(name.to_owned(), slot, order.role, pid, room)
        .map(Arc::new)
        .map_err(|error| give_up("opening a descriptor of the process", error))?;
    arena.adopt_slot_for(slot, pid);
    reaper::note_started(arena);
    let is_entry = order.payload.is_entry;
    // What it inherits by nature need not travel, but the counts must agree.
    let descriptors: Vec<BorrowedFd<'_>> =
        bequest.descriptors.all().chain(order.descriptors.iter().copied()).collect();
    let answers = may_be_too_many(descriptors.len());
    let command = Command::Start { slot, inheritance: bequest.inheritance, is_entry, answers };
    let sent = request::send(&socket, &command, order.payload.bytes, &descriptors);
    let answer = match sent {
        Ok(()) if answers => request::await_reply(&socket),
        Ok(()) => Ok(None),
        Err(error) => Err(error),
    };
    match answer {
        Ok(None | Some(Reply::Supervised)) => Ok(started),
        // It has ended already: a join shows how.
        Err(error) if is_gone(&error) => Ok(started),
        Ok(Some(refused)) => {
            end(&started);
            Err(refused.into_error(name, SENDING))
        }
        Err(error) => {
            end(&started);
            Err(StartError::system(name, SENDING)(error))
        }
    }
}

/// Whether a child may not get so many descriptors because of the limit that it inherits. Then its answer is waited
/// for, which costs the time that it needs to begin. It has no more descriptors of its own than this process.
fn may_be_too_many(count: usize) -> bool {
    /// What a child has of its own, at most, and what it needs to begin.
    const OWN: usize = 32;
    if count <= FEW {
        return false;
    }
    process::open_descriptors().saturating_add(count + OWN) as u64 > process::most_descriptors()
}

/// Ends and reaps a child that got no request.
fn end(started: &Started) {
    let _ = started.signal(libc::SIGKILL);
    while started.wait(None, &Blocking).is_err() {}
}
