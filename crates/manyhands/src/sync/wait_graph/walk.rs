//! From a waiter to the holder of what it waits for, to what that one waits for, and so on.
//!
//! The last thread of a cycle to write down its wait finds the cycle, since all others have written down theirs before.
//! A walk is believed when a second one finds each thread in the same wait and each lock held by the same thread. A
//! thread that slept all the while has released nothing and taken nothing except what it waits for, and a holder that
//! waits for what it holds has just been handed it. So all edges stood at the moment between the walks. Two threads
//! that find the same cycle agree by turns on which one fails. It is the first: its wait is then over, so the second
//! finds no cycle.

use super::question::{Look, OpenQuestion};
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::thread::yield_now;

/// The longest cycle that is looked for.
const MOST_STEPS: usize = 256;

/// One thread of a cycle, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Edge {
    pub(in crate::sync) waiter: u32,
    pub(in crate::sync) look: Look,
}

/// A walk through the open questions that `find` knows, by thread number.
pub(in crate::sync) struct Walk<F> {
    pub(in crate::sync) find: F,
}

impl<'n, F: Fn(u32) -> Option<&'n OpenQuestion>> Walk<F> {
    /// The cycle that `me`, which has written down its wait, closes; `None` when there is none, or it has just ended.
    pub(in crate::sync) fn cycle(&self, me: u32) -> Option<Vec<Edge>> {
        let edges = self.once(me)?;
        self.stands(&edges).then_some(edges)
    }

    fn once(&self, me: u32) -> Option<Vec<Edge>> {
        let mut edges: Vec<Edge> = Vec::new();
        let mut waiter = me;
        loop {
            let look = (self.find)(waiter)?.look()?;
            edges.push(Edge { waiter, look });
            if look.answer.owner() == me {
                return Some(edges);
            }
            // No thread, or one that was just handed the lock, or a cycle without me, which is its members' affair.
            if look.answer.owner() == 0
                || edges.len() == MOST_STEPS
                || edges.iter().any(|e| e.waiter == look.answer.owner())
            {
                return None;
            }
            waiter = look.answer.owner();
        }
    }

    /// From `me` to the thread at the end: one that waits for news, or one that was met before.
    pub(in crate::sync) fn chain(&self, me: u32) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        let mut waiter = me;
        while edges.len() < MOST_STEPS
            && !edges.iter().any(|edge| edge.waiter == waiter)
            && let Some(look) = (self.find)(waiter).and_then(OpenQuestion::look)
        {
            edges.push(Edge { waiter, look });
            waiter = look.answer.owner();
        }
        edges
    }

    /// Whether nothing of a cycle has changed since it was walked.
    pub(in crate::sync) fn stands(&self, edges: &[Edge]) -> bool {
        edges.iter().all(|edge| (self.find)(edge.waiter).and_then(OpenQuestion::look) == Some(edge.look))
    }
}

/// The turn to decide that a cycle is a deadlock: one thread of a process has it at a time.
///
/// | value | meaning |
/// |---|---|
/// | 0 | nobody |
/// | other | a thread of the process with that token; of another process: a fork's copy of a thread's turn |
#[derive(Debug, Default)]
pub(in crate::sync) struct Detector(AtomicU32);

impl Detector {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        Detector(AtomicU32::new(0))
    }

    /// Runs `decide` when it is this thread's turn.
    pub(in crate::sync) fn in_turn<R>(&self, token: u32, decide: impl FnOnce() -> R) -> R {
        loop {
            let seen = self.0.load(Ordering::Relaxed);
            let free = seen != token;
            if free && self.0.compare_exchange(seen, token, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                break;
            }
            yield_now();
        }
        let decided = decide();
        self.0.store(0, Ordering::Release);
        decided
    }
}
