//! Whether all threads of the process wait for ever, so that what is merely possible elsewhere is a deadlock.
//!
//! Every thread counts, also one the engine knows nothing of. Not counted are the engine's own that end no wait of the
//! program's. Everything counts that could still end a wait from outside: a signal whose handler sets an event or
//! releases a lock. By default in Python, Ctrl-C merely raises an exception in the main thread. There it counts if that
//! thread is one of those that would be reported, or waits for news: then what would be a deadlock is only suspected. A
//! chain that ends with a wait for news is only suspected, too, since a program may be meant to stand until it is
//! ended.

use std::sync::OnceLock;

use super::question::{Answer, Held, Look};
use super::threads::{ThreadRecord, find, record_of, records};
use super::walk::{Edge, Walk};
use crate::platform::signal::{Mask, bit, handled};
use crate::platform::thread;

/// Those that a thread brings upon itself: none of them comes while all wait.
const OWN_FAULTS: Mask = bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGABRT)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGSEGV)
    | bit(libc::SIGSYS);

/// How much hope there is for a thread that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// Some thread may be awake, or woken by a signal.
    Somebody,
    /// No thread is, but Ctrl-C may bring what is waited for, or the program be meant to wait until it is ended.
    Interruption,
    /// Every thread of the process, the unknown ones too, waits without a limit, and what none of them waits for is
    /// there.
    Nobody,
}

static ONLY_RAISES: OnceLock<fn() -> bool> = OnceLock::new();

/// For bindings, once: `ask` says whether the handler of Ctrl-C does nothing but raise an exception in the main thread.
/// It is asked by threads that wait, while every thread of the process does; later calls change nothing. Without a
/// binding such a handler may end any wait, as that of any other signal.
pub fn interrupts_only_raise_if(ask: fn() -> bool) {
    let _ = ONLY_RAISES.set(ask);
}

fn interrupts_only_raise() -> bool {
    ONLY_RAISES.get().is_some_and(|ask| ask())
}

/// How much hope there is for the first of these edges, the last of which is the end of what it waits for.
pub(super) fn hope(edges: &[Edge]) -> Hope {
    if !is_whole(edges) {
        return Hope::Somebody;
    }
    let mut waiting = Vec::new();
    let ends_in_news = edges.last().is_some_and(|edge| edge.look.answer.is_news());
    let mut by_key = edges.iter().any(|edge| record_of(edge.waiter).is_some_and(ThreadRecord::is_main));
    // Alone in a circle of one it waits for what it has, unless it was just handed that.
    let alone = if let [edge] = edges { edge.look.answer.owner() } else { 0 };
    let mut serving = 0;
    for (number, record) in records() {
        if record.serves() {
            serving += 1;
            continue;
        }
        match record.question.look() {
            Some(look) if is_stuck(number, &look) || number == alone => {
                by_key |= record.is_main() && look.answer.is_news();
                waiting.push(Edge { waiter: number, look });
            }
            _ => return Hope::Somebody,
        }
    }
    if thread::count() != Some(waiting.len() + serving) {
        return Hope::Somebody;
    }
    let signals = handled() & !OWN_FAULTS;
    let key = bit(libc::SIGINT);
    let may_handle = signals & !key != 0 || signals & key != 0 && !interrupts_only_raise();
    if may_handle || !(Walk { find }).stands(&waiting) {
        Hope::Somebody
    } else if ends_in_news && !are_by_rust(edges) || signals != 0 && (by_key || ends_in_news) {
        Hope::Interruption
    } else {
        Hope::Nobody
    }
}

/// Whether the edges lead to an end: to a thread that waits for news, to a lock whose holder is gone, or in a circle.
/// They do not when the next thread lives and had taken its note back for a moment, as it does at each tick. Then what
/// is known of it is missing.
fn is_whole(edges: &[Edge]) -> bool {
    edges.last().is_some_and(|last| {
        let next = last.look.answer.owner();
        record_of(next).is_none() || edges.iter().any(|edge| edge.waiter == next)
    })
}

fn is_stuck(number: u32, look: &Look) -> bool {
    match look.answer {
        Answer::News { is_there } => !is_there,
        // A thread that waits for what it holds may have just been handed it.
        Answer::Lock(Held { owner, .. }) => owner != 0 && owner != number,
        Answer::End { thread } => record_of(thread).is_some(),
    }
}

/// Whether there are locks among what is waited for, and only guards of Rust's hold them: no key and no other thread
/// ends that.
fn are_by_rust(edges: &[Edge]) -> bool {
    let mut locks = edges.iter().map(|edge| edge.look.answer).filter(Answer::is_lock).peekable();
    locks.peek().is_some() && locks.all(|lock| lock.is_by_rust())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::this_thread_number;

    fn edge(waiter: u32, owner: u32) -> Edge {
        let (certain, is_by_rust, is_re_entrant) = (false, false, false);
        let held = Held { owner, certain, is_by_rust, is_re_entrant, taken_at: 0, made_at: 0 };
        let look = Look { waits: 1, question: 0, wanted_at: 0, answer: Answer::Lock(held) };
        Edge { waiter, look }
    }

    #[test]
    fn edges_end_where_a_thread_is_gone_and_not_where_one_was_missed() {
        let mine = this_thread_number();
        let gone = std::thread::spawn(this_thread_number).join().unwrap();
        let another = u32::MAX >> 3;
        assert!(!is_whole(&[edge(another, mine)]));
        assert!(is_whole(&[edge(another, gone)]));
        assert!(is_whole(&[edge(another, 0)]));
        assert!(is_whole(&[edge(another, mine), edge(mine, another)]));
        assert!(is_whole(&[edge(another, mine), edge(mine, mine)]));
        assert_eq!(hope(&[edge(another, mine)]), Hope::Somebody);
    }
}
