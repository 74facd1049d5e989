//! The office of the reaper: made, found, watched and replaced by the processes that need one.
//!
//! Any process may make a reaper; the arena's word names the one in office, and one exchange takes the office. Where
//! orphans fall to the calling process the reaper is its hidden child. One that another process has made, and that has
//! visibly fallen to this one, is replaced.

use super::watch::{NAME, Task, watch};
use crate::arena::{Arena, ProcessId, ProcessState, Role};
use crate::platform::atomic::Ordering;
use crate::platform::futex::{ENDED, Wake};
use crate::platform::pidfd::{self, PidFd};
use crate::platform::process::getpid;
use crate::platform::thread::yield_now;
use crate::platform::{Deadline, orphan, stat};
use crate::spawn::here::here;
use crate::sync::{Parker, Wait, WaitError};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How soon a process that does not know the reaper looks whether there is one.
pub(in crate::spawn) const KNOWN_LOOK: Duration = Duration::from_millis(100);

/// How soon a process that waits for another one's end looks whether a signal came just before it slept.
const LOOK: Duration = Duration::from_secs(1);

/// The reaper as far as this process knows one, for a long wait that should notice its end, see [`ensure`]: polls
/// readable then. One that is known to have ended is not returned.
pub fn known() -> Option<Arc<PidFd>> {
    let known = here().reaper();
    let arena = Arena::current()?;
    known.as_ref().map(|(_, pidfd)| pidfd).filter(|pidfd| lives(arena, pidfd)).map(Arc::clone)
}

/// Whether a reaper lives. Where the kernel notes its end in the arena, it need not be asked.
fn lives(arena: &Arena, reaper: &PidFd) -> bool {
    arena.life()[0].word.load(Ordering::Acquire) == reaper.pid() || !reaper.is_dead()
}

/// Waits until a process has ended. A reaper that ends meanwhile is replaced.
///
/// # Errors
/// Those of the wait.
pub(in crate::spawn) fn wait_dead(process: &PidFd, wait: &Wait<'_>) -> Result<(), WaitError> {
    let mut parker = Parker::new(wait);
    while !process.is_dead() {
        parker.sleep_until(|until| sleep_beside_reaper(process, until))?;
    }
    Ok(())
}

/// Sleeps until the process or the reaper has ended, at most until `until` and not for long.
fn sleep_beside_reaper(process: &PidFd, until: Option<Deadline>) -> Wake {
    let look_at = |period| Deadline::after(period).map(|look| look.earlier(until));
    let slept = match Arena::current().map(|arena| (arena, known())) {
        None => process.wait_dead(look_at(LOOK)),
        // One that has ended is not known any more at the next look, and is replaced then.
        Some((_, Some(reaper))) => {
            process.wait_either_dead(&reaper, look_at(LOOK)).map(|(process, reaper)| process || reaper)
        }
        Some((arena, None)) => {
            // One that was just made is known as soon as it has begun; where none can be made it is tried again.
            let _ = ensure(arena);
            process.wait_dead(look_at(KNOWN_LOOK))
        }
    };
    match slept {
        Ok(true) => Wake::Woken,
        Ok(false) => Wake::TimedOut,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Wake::Interrupted,
        // Polling fails otherwise only for want of memory.
        Err(_) => {
            yield_now();
            Wake::Changed
        }
    }
}

/// Makes sure that the arena has a reaper.
///
/// # Errors
/// When none can be made now: out of processes or memory.
pub fn ensure(arena: &'static Arena) -> io::Result<()> {
    let here = here();
    here.reap_hidden();
    let mut known = here.reaper();
    let word = arena.reaper();
    let seen = word.load(Ordering::Acquire);
    let present = ProcessId::from_raw(seen);
    let state = present.and_then(|present| arena.process_state(present));
    // Read after the state: a reaper has written its life before it is alive. The kernel writes the end of it there
    // sooner than the descriptor shows it.
    let has_ended = arena.life()[0].word.load(Ordering::Acquire) & ENDED != 0;
    if let (Some(present), Some((watched, pidfd))) = (present, &*known)
        && present == *watched
        && !has_ended
        && lives(arena, pidfd)
    {
        return Ok(());
    }
    if orphan::would_fall_to_caller() {
        reap_fallen();
    }
    let mut fallen = None;
    if let Some(present) = present {
        match state {
            Some(ProcessState::Alive) if !has_ended && !arena.notice(present) => {
                match arena.process(present).pidfd() {
                    // Made by another process, it has become a child of this one for all to see. Another one takes its
                    // place that is not seen.
                    Ok(Some(pidfd)) if is_fallen(arena.process(present).pid()) => fallen = Some(pidfd),
                    pidfd => {
                        if let Ok(Some(pidfd)) = pidfd {
                            *known = Some((present, Arc::new(pidfd)));
                        }
                        return Ok(());
                    }
                }
            }
            Some(ProcessState::Starting) => {
                let starter = arena.process(present).parent();
                if starter.is_some_and(|starter| !arena.notice(starter)) {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    // It gets what the program may have closed here; without, it sees and gives less.
    let _ = (arena.memfd(), arena.doorbell());
    let slot = arena.claim_process("reaper", Role::Reaper).map_err(io::Error::other)?;
    if word.compare_exchange(seen, slot.raw(), Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another process makes one.
        arena.abandon_slot(slot);
        return Ok(());
    }
    if let Some(fallen) = fallen {
        // Its end is nobody's business: the office is taken already, by one that begins after it.
        let _ = fallen.signal(libc::SIGKILL);
        while fallen.wait_dead(None).is_err() {}
        reap_fallen();
    }
    let hidden_from = if orphan::would_fall_to_caller() { getpid() } else { 0 };
    let task = Task { arena, slot, hidden_from };
    // SAFETY: `watch` keeps to what an orphan may do: see there.
    let started = unsafe {
        if hidden_from != 0 {
            orphan::start_hidden(watch, &task).map(|pid| here.add_hidden(pid))
        } else {
            orphan::start(watch, &task)
        }
    };
    if started.is_err() {
        let _ = word.compare_exchange(slot.raw(), 0, Ordering::AcqRel, Ordering::Acquire);
        arena.abandon_slot(slot);
    }
    started
}

/// Counts a process that was started, and makes sure that a reaper will notice its end.
pub(in crate::spawn) fn note_started(arena: &'static Arena) {
    arena.counters().processes_started.fetch_add(1, Ordering::Relaxed);
    // One that saw nobody left may have gone since it was looked for.
    if arena.reaper().load(Ordering::SeqCst) == 0 {
        let _ = ensure(arena);
    }
}

/// Whether a process is a reaper that has fallen to this one, by the kernel's word.
fn is_fallen(pid: u32) -> bool {
    here().is_burdened_by(pid) && stat::is_called(pid, NAME)
}

/// Reaps reapers that have ended as children of this process without being made by it.
fn reap_fallen() {
    for pid in stat::ended_children(NAME) {
        pidfd::reap_hidden(pid);
    }
}
