//! What a process does for its children when it ends by itself.
//!
//! It asks its daemons to end, waits for its other children, and says in its slot that it ends in good order. Runs with
//! the C library's exit handlers, so after `main` has returned or `exit` was called, in `main` or anywhere. It does not
//! run after `_exit`, an abort or a signal: then the reaper does what is left to do.

use super::children;
use crate::arena::{Arena, Role, this_process};
use crate::platform::atomic::{AtomicBool, Ordering};
use crate::platform::process;
use crate::sync::Blocking;

static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Has [`leave`] run when this process ends. A fork's child inherits that, and has no children yet.
pub(super) fn register() {
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        process::at_exit(leave);
    }
}

/// Ends daemons, waits for the other children, and says that this process ends in good order.
extern "C" fn leave() {
    let children = children::living();
    for child in children.iter().filter(|child| child.role() == Role::Daemon) {
        // One that has ended meanwhile needs no signal; another user's cannot be sent one.
        let _ = child.signal(libc::SIGTERM);
    }
    for child in children.iter().filter(|child| child.role() == Role::User) {
        // A signal handler that ran meanwhile is no reason to stop waiting.
        while child.is_alive() {
            let _ = child.wait(None, &Blocking);
        }
        let _ = child.status();
    }
    if let (Some(arena), Ok(process)) = (Arena::current(), this_process()) {
        arena.process(process).set_clean();
    }
}
