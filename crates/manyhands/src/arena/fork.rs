//! What a fork does to the arena: the child gets a slot and its references before it exists.
//!
//! glibc calls the hooks around every `fork` of the process, whichever code asked for it. Around a raw clone, which
//! skips them, the engine calls [`prepare`], [`in_parent`] and [`in_child`] by hand. A starter that wants to know the
//! child's slot claims it first and names it with [`next_child`].

use super::owner::ProcessId;
use super::process_slot::Role;
use super::region::Arena;
use crate::platform::fork::on_fork;
use crate::platform::thread::is_only_one;
use std::cell::Cell;
use std::io;

thread_local! {
    static NEXT: Cell<Option<ProcessId>> = const { Cell::new(None) };
    static PREPARED: Cell<Option<ProcessId>> = const { Cell::new(None) };
    /// Whether no other thread can have been about anything when this one forked.
    static ALONE: Cell<bool> = const { Cell::new(false) };
    static BY_HAND: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn install_hooks() -> io::Result<()> {
    on_fork(prepare_hook, in_parent_hook, in_child_hook)
}

extern "C" fn prepare_hook() {
    if !BY_HAND.get() {
        prepare();
    }
}

extern "C" fn in_parent_hook() {
    if !BY_HAND.get() {
        in_parent();
    }
}

extern "C" fn in_child_hook() {
    if !BY_HAND.get() {
        in_child();
    }
}

/// Names the slot, claimed by the calling process, that the next fork of this thread gives to its child.
pub fn next_child(child: ProcessId) {
    NEXT.set(Some(child));
}

/// Forks of this thread inside `fork` are the caller's own business: no slot is claimed, shared with or adopted. The
/// child has no number until it adopts a slot, and returns from here as well.
pub(crate) fn by_hand<R>(fork: impl FnOnce() -> R) -> R {
    BY_HAND.set(true);
    let result = fork();
    BY_HAND.set(false);
    result
}

/// Before the fork: claims a slot for the child unless one was named, and gives it a record for all that this process
/// holds. A process that has no slot has nothing to share, and its child none to adopt.
pub fn prepare() {
    let Some(arena) = Arena::current() else { return };
    let child = NEXT.take().or_else(|| {
        super::owner::known_process()?;
        // When slots have run out the child joins without one, and gets an error at its first use.
        arena.claim_process("", Role::Copy).ok()
    });
    if let Some(child) = child {
        ALONE.set(is_only_one());
        arena.share_all_with(child);
    }
    PREPARED.set(child);
}

/// After the fork, in the parent, whether there is a child or not.
pub fn in_parent() {
    if let (Some(child), Some(arena)) = (PREPARED.take(), Arena::current()) {
        arena.process(child).set_forked(child);
    }
}

/// After the fork, in the child: takes the slot.
fn in_child() {
    let Some(arena) = Arena::current() else { return };
    arena.unmap_idle_in_child();
    if let Some(child) = PREPARED.take()
        && arena.adopt_slot(child).is_ok()
        && !ALONE.get()
    {
        arena.reconcile_references();
    }
}

/// Gives back a slot whose child never came to be, or ended before it took it.
pub fn abandon_child(child: ProcessId) {
    if let Some(arena) = Arena::current() {
        arena.abandon_slot(child);
    }
}
