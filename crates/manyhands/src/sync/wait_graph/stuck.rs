//! Whether all threads of the process wait for ever, so that what is merely possible elsewhere is a deadlock.
//!
//! Every thread counts, also one the engine knows nothing of, and so does everything that could still end a wait from
//! outside: a signal whose handler sets an event or releases a lock. Ctrl-C is such a signal only where the main thread
//! waits for news; one that waits for a lock or a thread is not taken to wait for a key.

use super::record::{Look, Wanted};
use super::threads::{ThreadRecord, find, record_of, records};
use super::walk::{Edge, Walk};
use crate::platform::signal::{Mask, bit, handled};

/// Those that a thread brings upon itself: none of them comes while all wait.
const OWN_FAULTS: Mask = bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGABRT)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGSEGV)
    | bit(libc::SIGSYS);

/// Whether every thread of the process, the unknown ones too, waits without a limit, what none of them waits for is
/// there, and no signal can bring it, so that nobody is left to release, notify or end.
pub(super) fn all_are_stuck() -> bool {
    let mut waiting = Vec::new();
    let mut main_waits_for_news = false;
    for (number, record) in records() {
        match record.note.look() {
            Some(look) if is_stuck(number, &look) => {
                main_waits_for_news |= is_news(record, &look);
                waiting.push(Edge { waiter: number, look });
            }
            _ => return false,
        }
    }
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return false };
    tasks.count() == waiting.len()
        && !a_signal_may_help(main_waits_for_news)
        && Walk { find }.stands(&waiting)
}

fn is_stuck(number: u32, look: &Look) -> bool {
    match look.wanted {
        Wanted::News(..) => !look.is_there,
        // Who waits for what it holds may have just been handed it.
        Wanted::Lock(_) => look.owner != 0 && look.owner != number,
        Wanted::Thread(joined) => record_of(joined).is_some(),
    }
}

fn is_news(record: &ThreadRecord, look: &Look) -> bool {
    record.is_main() && matches!(look.wanted, Wanted::News(..))
}

fn a_signal_may_help(main_waits_for_news: bool) -> bool {
    let of_no_help = if main_waits_for_news { OWN_FAULTS } else { OWN_FAULTS | bit(libc::SIGINT) };
    handled() & !of_no_help != 0
}
